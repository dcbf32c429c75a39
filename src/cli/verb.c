// SPDX-License-Identifier: Apache-2.0
#include "cli/verb.h"

#include <stdarg.h>
#include <stdlib.h>

/* The sentence may quote foreign names: it goes through the escapes of output.h. */
static void complain(const char *format, va_list arguments)
{
    char *text = NULL;
    struct output *output = output_new(stderr, false, OUTPUT_TEXT);
    if (output == NULL || vasprintf(&text, format, arguments) < 0) {
        fputs("creance: memory is out\n", stderr);
    } else {
        output_line(output, "creance: %s", text);
        result_ignore(output_flush(output)); /* there is no other place to say it */
        free(text);
    }
    output_free(output);
}

void verb_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
}

enum cli_exit verb_usage_error(const struct call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try: creance %s --help\n", call->verb->name);
    return CLI_USAGE;
}

enum cli_exit verb_finish_output(const struct call *call, enum cli_exit code)
{
    struct result result = output_flush(call->output);
    if (result_is_ok(result) || result.error == ERROR_CLOSED)
        return code;
    verb_error("cannot write the output: %s; what was printed is incomplete",
               result_text(result));
    return CLI_UNAVAILABLE;
}
