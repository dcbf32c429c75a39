// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_copy(void *target, size_t capacity, const void *source, size_t size)
{
    if (size == 0)
        return;
    if (size > capacity)
        abort();
    memcpy(target, source, size);
}

bool string_copy(char *target, size_t capacity, const char *source)
{
    size_t length = strlen(source);
    bool fits = length < capacity;
    size_t kept = fits ? length : capacity - 1;
    bytes_copy(target, capacity, source, kept);
    target[kept] = '\0';
    return fits;
}

bool string_format(char *target, size_t capacity, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    /* The analyzer misses va_start() where a program is built without sanitizers. */
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    int written = vsnprintf(target, capacity, format, arguments);
    va_end(arguments);
    return written >= 0 && (size_t)written < capacity;
}

RESULT number_parse(const char *text, uint64_t limit, uint64_t *out)
{
    if (*text == '\0')
        return result_fail(ERROR_FORMAT);
    uint64_t value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return result_fail(ERROR_FORMAT);
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (limit - digit) / 10 || digit > limit)
            return result_fail(ERROR_LIMIT);
        value = value * 10 + digit;
    }
    *out = value;
    return RESULT_OK;
}

void hex_encode(const uint8_t *data, size_t size, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = DIGITS[data[i] >> 4];
        out[2 * i + 1] = DIGITS[data[i] & 15];
    }
    out[2 * size] = '\0';
}

bool string_equal(const char *a, const char *b) { return strcmp(a, b) == 0; }

bool string_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool string_ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}
