// SPDX-License-Identifier: Apache-2.0
#include "engine/json_walk.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/fold.h"
#include "engine/view.h"

#include <string.h>

static RESULT parse_value(struct json_walk *json);

static RESULT fault(const struct json_walk *json, const char *expected)
{
    if (json->at >= json->size)
        return explain(json->why, ERROR_FORMAT, "not a JSON object: it ends at byte %zu where %s "
                       "is expected", json->at, expected);
    uint8_t found = json->text[json->at];
    bool is_shown = found > 0x20 && found < 0x7F;
    return explain(json->why, ERROR_FORMAT,
                   "not a JSON object: byte %zu is %s%c%s where %s is expected", json->at,
                   is_shown ? "'" : "no text or a blank", is_shown ? found : ' ',
                   is_shown ? "'" : "", expected);
}

static void skip_blanks(struct json_walk *json)
{
    while (json->at < json->size) {
        uint8_t c = json->text[json->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        json->at++;
    }
}

static bool take(struct json_walk *json, char c)
{
    if (json->at >= json->size || json->text[json->at] != (uint8_t)c)
        return false;
    json->at++;
    return true;
}

static RESULT parse_hex(struct json_walk *json, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (unsigned i = 0; i < 4; i++, json->at++) {
        if (json->at >= json->size)
            return fault(json, "a hexadecimal digit");
        uint8_t c = json->text[json->at];
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return fault(json, "a hexadecimal digit");
    }
    *ret_unit = unit;
    return RESULT_OK;
}

/* Behind "\u". Halves of a pair that stand alone become U+FFFD. */
static RESULT parse_code(struct json_walk *json, uint32_t *ret_code)
{
    enum { REPLACEMENT = 0xFFFD };
    uint32_t unit = 0;
    GUARD(parse_hex(json, &unit));
    *ret_code = unit;
    if (unit < 0xD800 || unit > 0xDFFF)
        return RESULT_OK;
    *ret_code = REPLACEMENT;
    size_t behind = json->at;
    if (unit > 0xDBFF || !take(json, '\\') || !take(json, 'u')) {
        json->at = behind;
        return RESULT_OK;
    }
    uint32_t low = 0;
    GUARD(parse_hex(json, &low));
    if (low >= 0xDC00 && low <= 0xDFFF)
        *ret_code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    else
        json->at = behind;
    return RESULT_OK;
}

static RESULT parse_escape(struct json_walk *json, uint8_t **out)
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char VALUES[] = "\"\\/\b\f\n\r\t";
    if (take(json, 'u')) {
        uint32_t code;
        GUARD(parse_code(json, &code));
        *out += fold_encode(code, *out);
        return RESULT_OK;
    }
    const char *name = json->at < json->size ? strchr(NAMES, json->text[json->at]) : NULL;
    if (name == NULL || *name == '\0')
        return fault(json, "an escape such as \\n");
    json->at++;
    *(*out)++ = (uint8_t)VALUES[name - NAMES];
    return RESULT_OK;
}

/* The rest of a string with escapes, into the event's texts: never longer than it was. */
static RESULT parse_escaped(struct json_walk *json, size_t start, struct bytes *ret_text)
{
    uint8_t *begin = json->unescaped + json->unescaped_size;
    uint8_t *out = begin;
    for (size_t i = start; i < json->at; i++)
        *out++ = json->text[i];
    while (json->at < json->size && json->text[json->at] != '"') {
        if (json->text[json->at] < 0x20)
            return fault(json, "a character of a string");
        if (take(json, '\\'))
            GUARD(parse_escape(json, &out));
        else
            *out++ = json->text[json->at++];
    }
    if (!take(json, '"'))
        return fault(json, "the end of the string");
    *ret_text = (struct bytes){begin, (size_t)(out - begin)};
    json->unescaped_size += ret_text->size;
    return RESULT_OK;
}

/* How many bytes in front hold no quote, backslash or control character: eight at a time. Each test
 * leaves the top bit of the first such byte in a word, and perhaps of others behind it. */
static size_t plain_bytes(const uint8_t *text, size_t size)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word = word_at(text + at);
        uint64_t quote = word ^ (ones * '"');
        uint64_t backslash = word ^ (ones * '\\');
        uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote)
                         | ((backslash - ones) & ~backslash);
        found &= ones * 0x80;
        if (found != 0)
            return at + (size_t)__builtin_ctzll(found) / 8;
    }
    return at;
}

static RESULT parse_string(struct json_walk *json, struct bytes *ret_text)
{
    if (!take(json, '"'))
        return fault(json, "a string");
    size_t start = json->at;
    json->at += plain_bytes(json->text + start, json->size - start);
    for (; json->at < json->size; json->at++) {
        uint8_t c = json->text[json->at];
        if (c == '\\')
            return parse_escaped(json, start, ret_text);
        if (c < 0x20)
            return fault(json, "a character of a string");
        if (c == '"') {
            *ret_text = (struct bytes){json->text + start, json->at - start};
            json->at++;
            return RESULT_OK;
        }
    }
    return fault(json, "the end of the string");
}

static size_t skip_digits(struct json_walk *json)
{
    size_t start = json->at;
    while (json->at < json->size && json->text[json->at] >= '0' && json->text[json->at] <= '9')
        json->at++;
    return json->at - start;
}

static RESULT parse_number(struct json_walk *json, struct bytes *ret_text)
{
    size_t start = json->at;
    take(json, '-');
    if (!take(json, '0') && skip_digits(json) == 0)
        return fault(json, "a value");
    if (take(json, '.') && skip_digits(json) == 0)
        return fault(json, "a digit");
    if (take(json, 'e') || take(json, 'E')) {
        if (!take(json, '-'))
            take(json, '+');
        if (skip_digits(json) == 0)
            return fault(json, "a digit");
    }
    *ret_text = (struct bytes){json->text + start, json->at - start};
    return RESULT_OK;
}

static bool take_word(struct json_walk *json, const char *word)
{
    size_t size = strlen(word);
    if (json->size - json->at < size || memcmp(json->text + json->at, word, size) != 0)
        return false;
    json->at += size;
    return true;
}

/* Adds ".key" to the name; the caller puts name_size back. */
static RESULT append_name(struct json_walk *json, struct bytes key)
{
    size_t needed = json->name_size + 1 + key.size;
    if (needed > json->name_capacity)
        return explain(json->why, ERROR_LIMIT, "a name in the event has more than %zu bytes",
                       json->name_capacity);
    if (json->name_size > 0)
        json->name[json->name_size++] = '.';
    bytes_copy(json->name + json->name_size, json->name_capacity - json->name_size, key.data,
               key.size);
    json->name_size += key.size;
    return RESULT_OK;
}

static RESULT parse_member(struct json_walk *json)
{
    struct bytes key = {0};
    size_t name_size = json->name_size;
    GUARD(parse_string(json, &key));
    GUARD(append_name(json, key));
    skip_blanks(json);
    if (!take(json, ':'))
        return fault(json, "':'");
    GUARD(parse_value(json));
    json->name_size = name_size;
    return RESULT_OK;
}

/* An object or the values of an array, which all have the array's name. */
static RESULT parse_container(struct json_walk *json, char end)
{
    if (json->depth >= LIMIT_JSON_DEPTH)
        return explain(json->why, ERROR_LIMIT,
                       "the event is nested more than %d deep (LIMIT_JSON_DEPTH)",
                       (int)LIMIT_JSON_DEPTH);
    json->depth++;
    skip_blanks(json);
    if (!take(json, end)) {
        for (;;) {
            skip_blanks(json);
            if (end == '}')
                GUARD(parse_member(json));
            else
                GUARD(parse_value(json));
            skip_blanks(json);
            if (take(json, end))
                break;
            if (!take(json, ','))
                return fault(json, end == '}' ? "',' or '}'" : "',' or ']'");
        }
    }
    json->depth--;
    return RESULT_OK;
}

static RESULT parse_value(struct json_walk *json)
{
    struct bytes text = {0};
    skip_blanks(json);
    if (take(json, '{'))
        return parse_container(json, '}');
    if (take(json, '['))
        return parse_container(json, ']');
    if (json->at < json->size && json->text[json->at] == '"') {
        GUARD(parse_string(json, &text));
        return json->visit(json, text, true);
    }
    if (take_word(json, "null"))
        return json->visit_null == NULL ? RESULT_OK : json->visit_null(json);
    if (take_word(json, "true"))
        return json->visit(json, (struct bytes){(const uint8_t *)"true", 4}, false);
    if (take_word(json, "false"))
        return json->visit(json, (struct bytes){(const uint8_t *)"false", 5}, false);
    GUARD(parse_number(json, &text));
    return json->visit(json, text, false);
}

RESULT json_walk(struct json_walk *json)
{
    skip_blanks(json);
    if (!take(json, '{'))
        return fault(json, "'{'");
    GUARD(parse_container(json, '}'));
    skip_blanks(json);
    return json->at == json->size ? RESULT_OK : fault(json, "the end of the line");
}
