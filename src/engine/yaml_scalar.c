// SPDX-License-Identifier: Apache-2.0
#include "engine/yaml_scalar.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (string_equal(text, words[i]))
            return true;
    }
    return false;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Digits of one base with underscores between them, up to the end of the text. */
static bool parse_digits(const char *text, unsigned base, uint64_t *ret_value, bool *ret_overflows)
{
    bool has_digit = false;
    *ret_value = 0;
    *ret_overflows = false;
    for (; *text != '\0'; text++) {
        if (*text == '_')
            continue;
        int digit = digit_value(*text);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        has_digit = true;
        if (__builtin_mul_overflow(*ret_value, (uint64_t)base, ret_value)
            || __builtin_add_overflow(*ret_value, (uint64_t)digit, ret_value))
            *ret_overflows = true;
    }
    return has_digit;
}

/* 190:20:30, a number of base 60: every part but the first is below 60. */
static bool parse_sexagesimal(const char *text, uint64_t *ret_value, bool *ret_overflows)
{
    if (*text < '1' || *text > '9' || strchr(text, ':') == NULL)
        return false;
    uint64_t value = 0;
    uint64_t part = 0;
    unsigned digits = 0;
    bool is_first = true;
    *ret_overflows = false;
    for (;; text++) {
        if (*text >= '0' && *text <= '9') {
            if (part > UINT32_MAX)
                return false;
            part = part * 10 + (uint64_t)(*text - '0');
            digits++;
        } else if (*text == ':' || *text == '\0') {
            if (digits == 0 || (!is_first && (digits > 2 || part > 59)))
                return false;
            if (__builtin_mul_overflow(value, UINT64_C(60), &value)
                || __builtin_add_overflow(value, part, &value))
                *ret_overflows = true;
            if (*text == '\0')
                break;
            part = 0;
            digits = 0;
            is_first = false;
        } else if (*text != '_' || !is_first) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

static bool parse_integer(const char *text, uint64_t *ret_value, bool *ret_overflows)
{
    if (text[0] == '0' && text[1] == 'b')
        return parse_digits(text + 2, 2, ret_value, ret_overflows);
    if (text[0] == '0' && text[1] == 'x')
        return parse_digits(text + 2, 16, ret_value, ret_overflows);
    if (text[0] == '0' && text[1] != '\0')
        return parse_digits(text + 1, 8, ret_value, ret_overflows);
    if (text[0] == '_')
        return false;
    return parse_digits(text, 10, ret_value, ret_overflows)
           || parse_sexagesimal(text, ret_value, ret_overflows);
}

static size_t skip_digits(const char **text)
{
    const char *start = *text;
    while ((**text >= '0' && **text <= '9') || **text == '_')
        (*text)++;
    return (size_t)(*text - start);
}

/* [0-9][0-9_]* "." [0-9_]* ([eE][-+][0-9]+)?  or  "." [0-9][0-9_]* (exponent)? */
static bool is_float(const char *text)
{
    static const char *const SPECIAL[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    if (is_one_of(text, SPECIAL))
        return true;
    if (*text == '_')
        return false;
    size_t before = skip_digits(&text);
    if (*text != '.')
        return false;
    text++;
    if (before == 0 && (*text < '0' || *text > '9'))
        return false;
    skip_digits(&text);
    if (*text != 'e' && *text != 'E')
        return *text == '\0';
    text++;
    if (*text != '-' && *text != '+')
        return false;
    text++;
    return skip_digits(&text) > 0 && *text == '\0';
}

enum yaml_kind yaml_resolve(const char *text, size_t size, char number[YAML_NUMBER_BYTES])
{
    static const char *const NULLS[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const TRUES[] = {"yes",  "Yes",  "YES", "true", "True",
                                        "TRUE", "on",   "On",  "ON",   NULL};
    static const char *const FALSES[] = {"no",    "No",  "NO",  "false", "False",
                                         "FALSE", "off", "Off", "OFF",   NULL};
    number[0] = '\0';
    if (strlen(text) != size)
        return YAML_STRING;
    if (is_one_of(text, NULLS))
        return YAML_NULL;
    if (is_one_of(text, TRUES) || is_one_of(text, FALSES)) {
        string_copy(number, YAML_NUMBER_BYTES, is_one_of(text, TRUES) ? "true" : "false");
        return YAML_BOOL;
    }
    bool is_negative = *text == '-';
    const char *unsigned_text = text + (*text == '-' || *text == '+');
    uint64_t value;
    bool overflows;
    if (parse_integer(unsigned_text, &value, &overflows)) {
        /* What 64 bits cannot hold is compared as it was written. */
        if (!overflows)
            string_format(number, YAML_NUMBER_BYTES, "%s%" PRIu64,
                          is_negative && value != 0 ? "-" : "", value);
        return YAML_INTEGER;
    }
    return is_float(unsigned_text) ? YAML_FLOAT : YAML_STRING;
}
