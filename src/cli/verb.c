// SPDX-License-Identifier: Apache-2.0
#include "cli/verb.h"

#include <stdarg.h>

static void complain(const char *format, va_list arguments)
{
    fputs("creance: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
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
