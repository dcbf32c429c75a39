// SPDX-License-Identifier: Apache-2.0
#include "update/ticket/release_keys.h"

#include "base/bytes.h"

#include <string.h>

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_key(const char *text, uint8_t out[RELEASE_KEY_BYTES])
{
    if (strlen(text) != 2 * RELEASE_KEY_BYTES)
        return false;
    for (size_t i = 0; i < RELEASE_KEY_BYTES; i++) {
        int high = digit_value(text[2 * i]);
        int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static RESULT read_line(const char *line, unsigned number, struct release_keys *keys,
                        struct explanation *why)
{
    if (*line == '\0' || *line == '#')
        return RESULT_OK;
    if (string_starts_with(line, "key ")) {
        if (keys->count == LIMIT_ANCHOR_KEYS)
            return explain(why, ERROR_LIMIT, "line %u: more than %d keys", number,
                           LIMIT_ANCHOR_KEYS);
        if (!read_key(line + strlen("key "), keys->keys[keys->count]))
            return explain(why, ERROR_FORMAT,
                           "line %u: a key is %d lower-case hexadecimal digits", number,
                           2 * RELEASE_KEY_BYTES);
        keys->count++;
        return RESULT_OK;
    }
    uint64_t threshold;
    if (!string_starts_with(line, "threshold ") || keys->threshold != 0
        || !result_is_ok(number_parse(line + strlen("threshold "), LIMIT_ANCHOR_KEYS, &threshold)))
        return explain(why, ERROR_FORMAT,
                       "line %u: expected \"key HEX\" or, once, \"threshold NUMBER\"", number);
    keys->threshold = (unsigned)threshold;
    return RESULT_OK;
}

RESULT release_keys_check(const struct release_keys *keys, struct explanation *why)
{
    if (keys->count < 1 || keys->count > LIMIT_ANCHOR_KEYS)
        return explain(why, ERROR_FORMAT, "there must be 1 to %d keys, not %u", LIMIT_ANCHOR_KEYS,
                       keys->count);
    if (keys->threshold < 1 || keys->threshold > keys->count)
        return explain(why, ERROR_FORMAT,
                       "a threshold of %u with %u keys: it must be between 1 and their number",
                       keys->threshold, keys->count);
    for (unsigned i = 0; i < keys->count; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (memcmp(keys->keys[i], keys->keys[j], RELEASE_KEY_BYTES) == 0)
                return explain(why, ERROR_FORMAT, "keys %u and %u are the same", j + 1, i + 1);
        }
    }
    return RESULT_OK;
}

RESULT release_keys_parse(const char *text, size_t size, struct release_keys *ret_keys,
                          struct explanation *why)
{
    struct release_keys keys = {0};
    if (size > RELEASE_KEYS_TEXT_BYTES)
        return explain(why, ERROR_LIMIT, "larger than %d bytes", RELEASE_KEYS_TEXT_BYTES);
    size_t at = 0;
    for (unsigned number = 1; at < size; number++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = (end != NULL ? (size_t)(end - text) : size) - at;
        char line[128] = "";
        if (length >= sizeof line && text[at] != '#')
            return explain(why, ERROR_FORMAT, "line %u is too long", number);
        if (length < sizeof line)
            bytes_copy(line, sizeof line - 1, text + at, length);
        GUARD(read_line(line, number, &keys, why));
        at += length + 1;
    }
    GUARD(release_keys_check(&keys, why));
    *ret_keys = keys;
    return RESULT_OK;
}
