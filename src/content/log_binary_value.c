// SPDX-License-Identifier: Apache-2.0
#include "content/log_binary_value.h"

#include "base/bytes.h"
#include "engine/fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SHORT_TEXT_BYTES = 64, GUID_BYTES = 16, SYSTEMTIME_BYTES = 16 };

/* --- text ------------------------------------------------------------------------------------- */

static uint32_t unit_at(struct bytes raw, size_t index)
{
    return (uint32_t)raw.data[2 * index] | (uint32_t)raw.data[2 * index + 1] << 8;
}

RESULT binary_value_utf16(struct arena *arena, struct bytes raw, struct bytes *ret_text)
{
    enum { REPLACEMENT = 0xFFFD };
    if (raw.size % 2 != 0)
        return result_fail(ERROR_FORMAT);
    size_t count = raw.size / 2;
    while (count > 0 && unit_at(raw, count - 1) == 0)
        count--;
    uint8_t *text = arena_alloc(arena, 3 * count + 1);
    if (text == NULL)
        return result_fail(ERROR_MEMORY);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t code = unit_at(raw, i);
        if (code >= 0xD800 && code <= 0xDFFF) {
            uint32_t low = code <= 0xDBFF && i + 1 < count ? unit_at(raw, i + 1) : 0;
            bool is_pair = low >= 0xDC00 && low <= 0xDFFF;
            code = is_pair ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : REPLACEMENT;
            i += is_pair;
        }
        size += fold_encode(code, text + size);
    }
    *ret_text = (struct bytes){text, size};
    return RESULT_OK;
}

/* The code page is not known: ISO 8859-1 keeps ASCII and loses nothing. */
static RESULT ansi_text(struct arena *arena, struct bytes raw, struct bytes *ret_text)
{
    while (raw.size > 0 && raw.data[raw.size - 1] == 0)
        raw.size--;
    uint8_t *text = arena_alloc(arena, 2 * raw.size + 1);
    if (text == NULL)
        return result_fail(ERROR_MEMORY);
    size_t size = 0;
    for (size_t i = 0; i < raw.size; i++)
        size += fold_encode(raw.data[i], text + size);
    *ret_text = (struct bytes){text, size};
    return RESULT_OK;
}

static RESULT hex_text(struct arena *arena, struct bytes raw, struct bytes *ret_text)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    uint8_t *text = arena_alloc(arena, 2 * raw.size + 1);
    if (text == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < raw.size; i++) {
        text[2 * i] = (uint8_t)DIGITS[raw.data[i] >> 4];
        text[2 * i + 1] = (uint8_t)DIGITS[raw.data[i] & 15];
    }
    *ret_text = (struct bytes){text, 2 * raw.size};
    return RESULT_OK;
}

/* --- what has a fixed size -------------------------------------------------------------------- */

/* The `size` bytes as an unsigned number. */
static RESULT read_number(struct bytes raw, size_t size, uint64_t *ret_number)
{
    if (raw.size != size)
        return result_fail(ERROR_FORMAT);
    *ret_number = 0;
    for (size_t i = size; i > 0; i--)
        *ret_number = *ret_number << 8 | raw.data[i - 1];
    return RESULT_OK;
}

static void write_time(char *out, time_t seconds, unsigned fraction, int digits)
{
    struct tm date;
    if (gmtime_r(&seconds, &date) == NULL)
        date = (struct tm){.tm_mday = 1};
    (void)string_format(out, SHORT_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%0*uZ",
                        date.tm_year + 1900, date.tm_mon + 1, date.tm_mday, date.tm_hour,
                        date.tm_min, date.tm_sec, digits, fraction);
}

enum { FILETIME_PER_S = 10000000 };
static const int64_t FILETIME_UNIX_S = 11644473600; /* from 1601 to 1970 */

static RESULT systemtime_text(struct bytes raw, char *out)
{
    uint16_t parts[8];
    struct reader reader = reader_of(raw.data, raw.size);
    for (size_t i = 0; i < 8; i++)
        GUARD(reader_u16(&reader, &parts[i]));
    (void)string_format(out, SHORT_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", parts[0],
                        parts[1], parts[3], parts[4], parts[5], parts[6], parts[7]);
    return reader_end(&reader);
}

static RESULT guid_text(struct bytes raw, char *out)
{
    uint32_t first;
    uint16_t second;
    uint16_t third;
    uint8_t rest[8];
    struct reader reader = reader_of(raw.data, raw.size);
    GUARD(reader_u32(&reader, &first));
    GUARD(reader_u16(&reader, &second));
    GUARD(reader_u16(&reader, &third));
    GUARD(reader_copy(&reader, rest, sizeof rest));
    (void)string_format(out, SHORT_TEXT_BYTES,
                        "{%08" PRIX32 "-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", first,
                        second, third, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5],
                        rest[6], rest[7]);
    return reader_end(&reader);
}

/* MS-DTYP, 2.4.2: revision, count, authority (big-endian), that many numbers. */
static RESULT sid_text(struct arena *arena, struct bytes raw, struct bytes *ret_text)
{
    enum { PARTS = 15, TEXT_BYTES = 32 + PARTS * 11 };
    uint8_t revision;
    uint8_t count;
    struct bytes authority;
    struct reader reader = reader_of(raw.data, raw.size);
    GUARD(reader_u8(&reader, &revision));
    GUARD(reader_u8(&reader, &count));
    GUARD(reader_view(&reader, 6, &authority));
    char *text = arena_alloc(arena, TEXT_BYTES);
    if (count > PARTS || text == NULL)
        return result_fail(text == NULL ? ERROR_MEMORY : ERROR_FORMAT);
    uint64_t number = 0;
    for (size_t i = 0; i < authority.size; i++)
        number = number << 8 | authority.data[i];
    (void)string_format(text, TEXT_BYTES, "S-%u-%" PRIu64, revision, number);
    for (unsigned i = 0; i < count; i++) {
        uint32_t part;
        GUARD(reader_u32(&reader, &part));
        size_t size = strlen(text);
        (void)string_format(text + size, TEXT_BYTES - size, "-%" PRIu32, part);
    }
    *ret_text = (struct bytes){(const uint8_t *)text, strlen(text)};
    return reader_end(&reader);
}

/* Bytes of one value; 0: they differ, or the type is not one of these. */
static size_t size_of(unsigned type)
{
    switch ((enum binary_type)type) {
    case BINARY_INT8:
    case BINARY_UINT8:
        return 1;
    case BINARY_INT16:
    case BINARY_UINT16:
        return 2;
    case BINARY_INT32:
    case BINARY_UINT32:
    case BINARY_REAL32:
    case BINARY_BOOL:
    case BINARY_HEX32:
        return 4;
    case BINARY_INT64:
    case BINARY_UINT64:
    case BINARY_REAL64:
    case BINARY_FILETIME:
    case BINARY_HEX64:
        return 8;
    case BINARY_GUID:
    case BINARY_SYSTEMTIME:
        return GUID_BYTES;
    case BINARY_NULL:
    case BINARY_STRING:
    case BINARY_ANSI_STRING:
    case BINARY_BYTES:
    case BINARY_SIZE:
    case BINARY_SID:
    case BINARY_XML:
    case BINARY_ARRAY:
        break;
    }
    return 0;
}
_Static_assert((int)GUID_BYTES == (int)SYSTEMTIME_BYTES, "size_of() takes them together");

static void write_real(char *out, unsigned type, uint64_t bits)
{
    union {
        uint64_t bits;
        uint32_t half;
        double real64;
        float real32;
    } real = {.bits = bits};
    if (type == BINARY_REAL64)
        (void)string_format(out, SHORT_TEXT_BYTES, "%.14g", real.real64);
    else
        (void)string_format(out, SHORT_TEXT_BYTES, "%.6g", (double)real.real32);
}

/* A number of `size` bytes, `bits`, as its type says. */
static void write_number(char *out, unsigned type, uint64_t bits, size_t size)
{
    unsigned shift = 64 - 8 * (unsigned)size;
    int64_t number = (int64_t)(bits << shift) >> shift;
    switch ((enum binary_type)type) {
    case BINARY_INT8:
    case BINARY_INT16:
    case BINARY_INT32:
    case BINARY_INT64:
        (void)string_format(out, SHORT_TEXT_BYTES, "%" PRId64, number);
        return;
    case BINARY_REAL32:
    case BINARY_REAL64:
        write_real(out, type, bits);
        return;
    case BINARY_BOOL:
        (void)string_format(out, SHORT_TEXT_BYTES, "%s", bits != 0 ? "true" : "false");
        return;
    case BINARY_HEX32:
    case BINARY_HEX64:
    case BINARY_SIZE:
        (void)string_format(out, SHORT_TEXT_BYTES, "0x%" PRIx64, bits);
        return;
    case BINARY_FILETIME:
        write_time(out, (time_t)(bits / FILETIME_PER_S) - FILETIME_UNIX_S,
                   (unsigned)(bits % FILETIME_PER_S), 7);
        return;
    default: /* the unsigned ones */
        (void)string_format(out, SHORT_TEXT_BYTES, "%" PRIu64, bits);
    }
}

static RESULT fixed_text(struct arena *arena, unsigned type, struct bytes raw,
                         struct bytes *ret_text)
{
    char text[SHORT_TEXT_BYTES];
    size_t size = type == BINARY_SIZE ? raw.size : size_of(type);
    if (type == BINARY_GUID) {
        GUARD(guid_text(raw, text));
    } else if (type == BINARY_SYSTEMTIME) {
        GUARD(systemtime_text(raw, text));
    } else {
        uint64_t bits;
        if (size == 0 || size > sizeof bits)
            return result_fail(size == 0 ? ERROR_UNSUPPORTED : ERROR_FORMAT);
        GUARD(read_number(raw, size, &bits));
        write_number(text, type, bits, size);
    }
    const char *copy = arena_copy(arena, text, strlen(text));
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    *ret_text = (struct bytes){(const uint8_t *)copy, strlen(copy)};
    return RESULT_OK;
}

/* --- any -------------------------------------------------------------------------------------- */

RESULT binary_value_text(struct arena *arena, unsigned type, struct bytes raw,
                         struct bytes *ret_text)
{
    *ret_text = (struct bytes){NULL, 0};
    if (type == BINARY_NULL || raw.size == 0)
        return RESULT_OK;
    switch (type) {
    case BINARY_STRING:
        return binary_value_utf16(arena, raw, ret_text);
    case BINARY_ANSI_STRING:
        return ansi_text(arena, raw, ret_text);
    case BINARY_BYTES:
        return hex_text(arena, raw, ret_text);
    case BINARY_SID:
        return sid_text(arena, raw, ret_text);
    default:
        return fixed_text(arena, type, raw, ret_text);
    }
}

/* Up to the 0 that ends a string of units of `width` bytes, which is taken off too. */
static struct bytes take_string(struct bytes *left, size_t width)
{
    size_t size = 0;
    while (left->size - size >= width
           && (left->data[size] != 0 || (width == 2 && left->data[size + 1] != 0)))
        size += width;
    struct bytes item = {left->data, size};
    size_t step = left->size - size >= width ? size + width : left->size;
    left->data += step;
    left->size -= step;
    return item;
}

RESULT binary_value_item(unsigned type, struct bytes *left, struct bytes *ret_item)
{
    if (type == BINARY_STRING || type == BINARY_ANSI_STRING) {
        *ret_item = take_string(left, type == BINARY_STRING ? 2 : 1);
        return RESULT_OK;
    }
    size_t size = size_of(type);
    if (type == BINARY_SID && left->size >= 2)
        size = 8 + 4 * (size_t)left->data[1];
    if (size == 0 || size > left->size)
        return result_fail(size == 0 ? ERROR_UNSUPPORTED : ERROR_FORMAT);
    *ret_item = (struct bytes){left->data, size};
    left->data += size;
    left->size -= size;
    return RESULT_OK;
}
