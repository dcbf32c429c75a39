// SPDX-License-Identifier: Apache-2.0
#define RESULT_IMPLEMENTATION
#include "base/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const ERROR_NAMES[ERROR_COUNT] = {
    [ERROR_NONE] = "no error",
    [ERROR_SYSTEM] = "system call failed",
    [ERROR_MEMORY] = "out of memory",
    [ERROR_LIMIT] = "over a limit",
    [ERROR_FORMAT] = "malformed",
    [ERROR_UNSUPPORTED] = "not supported",
    [ERROR_NOT_FOUND] = "not found",
    [ERROR_STATE] = "not allowed now",
    [ERROR_CLOSED] = "closed by the other side",
    [ERROR_AGAIN] = "nothing there yet",
};

const char *result_text(struct result result)
{
    if (result.error == ERROR_SYSTEM)
        return strerror(result.system_errno);
    if ((unsigned)result.error >= ERROR_COUNT)
        return "unknown error";
    return ERROR_NAMES[result.error];
}

static void fill(struct explanation *why, const char *format, va_list arguments, int system_errno)
{
    if (why == NULL)
        return;
    /* The analyzer misses va_start() where a program is built without sanitizers. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    int written = vsnprintf(why->text, sizeof why->text, format, arguments);
    if (system_errno == 0 || written < 0 || (size_t)written >= sizeof why->text)
        return;
    (void)snprintf(why->text + written, sizeof why->text - (size_t)written, ": %s",
                   strerror(system_errno));
}

RESULT explain(struct explanation *why, enum error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(why, format, arguments, 0);
    va_end(arguments);
    return result_fail(error);
}

RESULT explain_errno(struct explanation *why, const char *format, ...)
{
    struct result result = result_from_errno();
    va_list arguments;
    va_start(arguments, format);
    fill(why, format, arguments, result.system_errno);
    va_end(arguments);
    return result;
}
