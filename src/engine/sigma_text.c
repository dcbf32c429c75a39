// SPDX-License-Identifier: Apache-2.0
#include "engine/sigma_text.h"

#include "engine/fold.h"

#include <string.h>

static bool allocate(struct arena *arena, size_t count, struct sigma_text *out)
{
    out->units = arena_array(arena, count + 1, sizeof out->units[0]);
    out->count = 0;
    return out->units != NULL;
}

bool sigma_text_plain(struct arena *arena, const char *text, size_t size, struct sigma_text *out)
{
    if (!allocate(arena, size, out))
        return false;
    for (size_t i = 0; i < size; i++)
        out->units[out->count++] = (uint8_t)text[i];
    return true;
}

bool sigma_text_parse(struct arena *arena, const char *text, size_t size, struct sigma_text *out)
{
    if (!allocate(arena, size, out))
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool is_escape = c == '\\' && i + 1 < size
                         && (text[i + 1] == '*' || text[i + 1] == '?' || text[i + 1] == '\\');
        if (is_escape)
            out->units[out->count++] = (uint8_t)text[++i];
        else if (c == '*')
            out->units[out->count++] = UNIT_ANY;
        else if (c == '?')
            out->units[out->count++] = UNIT_ONE;
        else
            out->units[out->count++] = (uint8_t)c;
    }
    return true;
}

bool sigma_text_has_wildcard(const struct sigma_text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        if (text->units[i] >= UNIT_ANY)
            return true;
    }
    return false;
}

bool sigma_text_open(struct arena *arena, struct sigma_text *text, bool at_start, bool at_end)
{
    struct sigma_text out;
    if (!allocate(arena, text->count + 2, &out))
        return false;
    if (at_start && (text->count == 0 || text->units[0] != UNIT_ANY))
        out.units[out.count++] = UNIT_ANY;
    for (size_t i = 0; i < text->count; i++)
        out.units[out.count++] = text->units[i];
    if (at_end && (out.count == 0 || out.units[out.count - 1] != UNIT_ANY))
        out.units[out.count++] = UNIT_ANY;
    *text = out;
    return true;
}

/* Whether the character whose first byte is unit `at` is a letter, a digit or '_'. Beyond ASCII all
 * count as letters but General Punctuation (U+2000 to U+207F), where the long dashes are. */
static bool is_word_at(const struct sigma_text *text, size_t at)
{
    uint16_t unit = text->units[at];
    if (unit == 0xE2 && at + 1 < text->count && (text->units[at + 1] & ~1) == 0x80)
        return false;
    return (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z')
           || (unit >= '0' && unit <= '9') || unit == '_' || (unit >= 0x80 && unit < UNIT_ANY);
}

static bool is_behind_word(const struct sigma_text *text, size_t at)
{
    if (at == 0)
        return false;
    do {
        at--;
    } while (at > 0 && text->units[at] >= 0x80 && text->units[at] < 0xC0);
    return is_word_at(text, at);
}

void sigma_text_windash(struct sigma_text *text)
{
    for (size_t i = 0; i + 1 < text->count; i++) {
        bool is_dash = text->units[i] == '-' || text->units[i] == '/';
        if (is_dash && !is_behind_word(text, i) && is_word_at(text, i + 1))
            text->units[i] = UNIT_DASH;
    }
}

static void put_utf16(struct sigma_text *out, uint32_t unit, bool is_big_endian)
{
    out->units[out->count++] = (uint16_t)(is_big_endian ? unit >> 8 : unit & 0xFF);
    out->units[out->count++] = (uint16_t)(is_big_endian ? unit & 0xFF : unit >> 8);
}

bool sigma_text_encode(struct arena *arena, struct sigma_text *text, enum sigma_encoding encoding)
{
    bool is_big_endian = encoding == ENCODING_UTF16BE;
    struct sigma_text out;
    if (!allocate(arena, 2 * text->count + 2, &out))
        return false;
    if (encoding == ENCODING_UTF16_BOM)
        put_utf16(&out, 0xFEFF, false);
    for (size_t i = 0; i < text->count;) {
        uint8_t bytes[4] = {0};
        size_t size = 0;
        while (size < sizeof bytes && i + size < text->count && text->units[i + size] < UNIT_ANY) {
            bytes[size] = (uint8_t)text->units[i + size];
            size++;
        }
        uint32_t code;
        size_t length = fold_decode(bytes, size, &code);
        if (length == 0) {
            out.units[out.count++] = text->units[i++]; /* a wildcard */
            continue;
        }
        if (code >= 0x10000) {
            put_utf16(&out, 0xD800 + ((code - 0x10000) >> 10), is_big_endian);
            put_utf16(&out, 0xDC00 + ((code - 0x10000) & 0x3FF), is_big_endian);
        } else {
            put_utf16(&out, code, is_big_endian);
        }
        i += length;
    }
    *text = out;
    return true;
}

/* Byte `i` of `offset` blanks followed by the text; 0 behind its end. */
static uint32_t byte_at(const struct sigma_text *text, unsigned offset, size_t i)
{
    if (i < offset)
        return ' ';
    return i - offset < text->count ? text->units[i - offset] : 0;
}

bool sigma_text_base64(struct arena *arena, const struct sigma_text *text, unsigned offset,
                       bool is_partial, struct sigma_text *out)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    /* How many leading characters the blanks touch, and trailing ones the unknown rest touches. */
    static const size_t LEADING[] = {0, 2, 3};
    static const size_t TRAILING[] = {0, 3, 2};
    size_t size = text->count + offset;
    struct sigma_text all;
    if (!allocate(arena, (size + 2) / 3 * 4, &all))
        return false;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = byte_at(text, offset, i) << 16 | byte_at(text, offset, i + 1) << 8
                        | byte_at(text, offset, i + 2);
        for (unsigned n = 0; n < 4; n++) {
            bool is_padding = i + n > size;
            all.units[all.count++] =
                (uint16_t)(is_padding ? '=' : DIGITS[bits >> (18 - 6 * n) & 63]);
        }
    }
    size_t from = is_partial ? LEADING[offset] : 0;
    size_t to = all.count - (is_partial ? TRAILING[size % 3] : 0);
    out->units = all.units + (from < to ? from : to);
    out->count = from < to ? to - from : 0;
    return true;
}
