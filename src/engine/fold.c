// SPDX-License-Identifier: Apache-2.0
#include "engine/fold.h"

struct range {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t difference;
};

static const struct range RANGES[] = {
#define FOLD(first, last, step, difference) {first, last, step, difference},
#include "engine/fold.def"
};

size_t fold_decode(const uint8_t *text, size_t size, uint32_t *ret_code)
{
    static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
    if (size == 0)
        return 0;
    uint8_t head = text[0];
    if (head < 0x80) {
        *ret_code = head;
        return 1;
    }
    size_t length = head >= 0xF0 ? 4 : head >= 0xE0 ? 3 : 2;
    if (head < 0xC2 || head > 0xF4 || length > size)
        return 0;
    uint32_t code = head & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3F);
    }
    if (code < SMALLEST[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return 0;
    *ret_code = code;
    return length;
}

static uint32_t fold_code(uint32_t code)
{
    size_t low = 0;
    size_t high = sizeof RANGES / sizeof RANGES[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct range *range = &RANGES[middle];
        if (code < range->first)
            high = middle;
        else if (code > range->last)
            low = middle + 1;
        else if ((code - range->first) % range->step == 0)
            return (uint32_t)((int32_t)code + range->difference);
        else
            return code;
    }
    return code;
}

size_t fold_encode(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (uint8_t)((0xF00 >> length) | code);
    return length;
}

enum { STRIDE = 16 };

/* STRIDE bytes, written so that the compiler makes vector code of it; false where one of them is
 * not ASCII. */
static inline bool fold_stride(const uint8_t *text, uint8_t *out)
{
    uint8_t high = 0;
    for (size_t i = 0; i < STRIDE; i++) {
        uint8_t c = text[i];
        high |= c;
        out[i] = (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 32 : 0));
    }
    return high < 0x80;
}

/* Folds while the bytes are ASCII. */
static size_t fold_ascii(const uint8_t *text, size_t size, uint8_t *out)
{
    size_t done = 0;
    for (; size - done >= STRIDE; done += STRIDE) {
        if (!fold_stride(text + done, out + done))
            return done;
    }
    /* The rest together with what is done already: ASCII folds to the same size. */
    if (done > 0 && fold_stride(text + size - STRIDE, out + size - STRIDE))
        return size;
    for (; done < size && text[done] < 0x80; done++) {
        uint8_t c = text[done];
        out[done] = (uint8_t)(c + ((uint8_t)(c - 'A') < 26 ? 32 : 0));
    }
    return done;
}

size_t fold_text(const uint8_t *text, size_t size, uint8_t *out)
{
    bool is_ascii;
    return fold_text_ascii(text, size, out, &is_ascii);
}

size_t fold_text_ascii(const uint8_t *text, size_t size, uint8_t *out, bool *ret_is_ascii)
{
    size_t at = fold_ascii(text, size, out);
    *ret_is_ascii = at == size;
    size_t written = at;
    while (at < size) {
        uint32_t code;
        size_t length = fold_decode(text + at, size - at, &code);
        if (length == 0) {
            out[written++] = text[at++];
        } else if (code < 0x80) {
            out[written++] = (uint8_t)(code + (code - 'A' < 26 ? 32 : 0));
            at++;
        } else {
            written += fold_encode(fold_code(code), out + written);
            at += length;
        }
    }
    return written;
}

bool fold_sanitize(const uint8_t *text, size_t size, uint8_t *out)
{
    bool was_invalid = false;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        size_t length = fold_decode(text + at, size - at, &code);
        if (length == 0) {
            was_invalid = true;
            out[at++] = '?';
        }
        for (; length > 0; length--, at++)
            out[at] = text[at];
    }
    return was_invalid;
}
