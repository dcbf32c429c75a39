// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0..63, or -1 for what is not of the alphabet. */
static int value_of(uint8_t character)
{
    if (character >= 'A' && character <= 'Z')
        return character - 'A';
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 26;
    if (character >= '0' && character <= '9')
        return character - '0' + 52;
    return character == '+' ? 62 : character == '/' ? 63 : -1;
}

/* Four characters, of which the last `padding` are '=', as 24 bits. */
static RESULT read_group(const uint8_t *text, size_t padding, bool is_strict, uint32_t *ret_bits)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        int value = i < 4 - padding ? value_of(text[i]) : 0;
        if (value < 0)
            return result_fail(ERROR_FORMAT);
        bits = bits << 6 | (uint32_t)value;
    }
    uint32_t unused = (UINT32_C(1) << 8 * padding) - 1;
    if (is_strict && (bits & unused) != 0)
        return result_fail(ERROR_FORMAT);
    *ret_bits = bits;
    return RESULT_OK;
}

static RESULT decode(struct bytes text, bool is_strict, uint8_t *out, size_t capacity,
                     size_t *ret_size)
{
    if (text.size % 4 != 0)
        return result_fail(ERROR_FORMAT);
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    size_t size = text.size / 4 * 3 - padding;
    if (size > capacity)
        return result_fail(ERROR_LIMIT);
    size_t written = 0;
    for (size_t at = 0; at < text.size; at += 4) {
        uint32_t bits;
        size_t here = at + 4 == text.size ? padding : 0;
        GUARD(read_group(text.data + at, here, is_strict, &bits));
        for (int shift = 16; shift >= 0 && written < size; shift -= 8)
            out[written++] = (uint8_t)(bits >> shift);
    }
    *ret_size = size;
    return RESULT_OK;
}

RESULT base64_decode(struct bytes text, uint8_t *out, size_t capacity, size_t *ret_size)
{
    return decode(text, true, out, capacity, ret_size);
}

RESULT base64_decode_loosely(struct bytes text, uint8_t *out, size_t capacity, size_t *ret_size)
{
    return decode(text, false, out, capacity, ret_size);
}

void base64_encode(const uint8_t *data, size_t size, char *out)
{
    for (size_t at = 0; at < size; at += 3) {
        size_t left = size - at < 3 ? size - at : 3;
        uint32_t bits = (uint32_t)data[at] << 16;
        bits |= left > 1 ? (uint32_t)data[at + 1] << 8 : 0;
        bits |= left > 2 ? data[at + 2] : 0;
        for (size_t i = 0; i < 4; i++)
            *out++ = i <= left ? ALPHABET[bits >> (18 - 6 * i) & 63] : '=';
    }
    *out = '\0';
}
