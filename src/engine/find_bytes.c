// SPDX-License-Identifier: Apache-2.0
#include "engine/find_bytes.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>

/* Sixteen places at a time: where the first and the last byte fit, the rest is compared. */
const uint8_t *find_bytes(const uint8_t *text, size_t size, const uint8_t *part, size_t part_size)
{
    enum { PLACES = FIND_PADDING };
    if (part_size == 0)
        return text;
    if (part_size > size)
        return NULL;
    const __m128i first = _mm_set1_epi8((char)part[0]);
    const __m128i last = _mm_set1_epi8((char)part[part_size - 1]);
    size_t places = size - part_size + 1;
    for (size_t at = 0; at < places; at += PLACES) {
        const uint8_t *here = text + at;
        __m128i starts = _mm_loadu_si128((const __m128i *)(const void *)here);
        __m128i ends = _mm_loadu_si128((const __m128i *)(const void *)(here + part_size - 1));
        unsigned hits = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(starts, first), _mm_cmpeq_epi8(ends, last)));
        if (places - at < PLACES)
            hits &= (1u << (places - at)) - 1;
        for (; hits != 0; hits &= hits - 1) {
            const uint8_t *found = here + __builtin_ctz(hits);
            if (memcmp(found, part, part_size) == 0)
                return found;
        }
    }
    return NULL;
}

#else

const uint8_t *find_bytes(const uint8_t *text, size_t size, const uint8_t *part, size_t part_size)
{
    return part_size == 0 ? text : memmem(text, size, part, part_size);
}

#endif
