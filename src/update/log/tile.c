// SPDX-License-Identifier: Apache-2.0
#include "update/log/tile.h"

#include "base/bytes.h"

#include <string.h>

/* <N> in groups of three digits, an x before all but the last, and the width of a partial one. */
static void append_index(uint64_t index, unsigned width, char out[TILE_PATH_BYTES])
{
    char number[TILE_PATH_BYTES];
    (void)string_format(number, sizeof number, "%03u", (unsigned)(index % 1000));
    for (index /= 1000; index > 0; index /= 1000) {
        char longer[TILE_PATH_BYTES];
        (void)string_format(longer, sizeof longer, "x%03u/%s", (unsigned)(index % 1000), number);
        (void)string_copy(number, sizeof number, longer);
    }
    size_t at = strlen(out);
    if (width == TILE_WIDTH)
        (void)string_format(out + at, TILE_PATH_BYTES - at, "%s", number);
    else
        (void)string_format(out + at, TILE_PATH_BYTES - at, "%s.p/%u", number, width);
}

void tile_path(unsigned level, uint64_t index, unsigned width, char out[TILE_PATH_BYTES])
{
    (void)string_format(out, TILE_PATH_BYTES, "tile/%u/", level);
    append_index(index, width, out);
}

void tile_entries_path(uint64_t index, unsigned width, char out[TILE_PATH_BYTES])
{
    (void)string_copy(out, TILE_PATH_BYTES, "tile/entries/");
    append_index(index, width, out);
}

unsigned tile_width(unsigned level, uint64_t index, uint64_t size)
{
    uint64_t hashes = size >> (TILE_LEVEL_BITS * level);
    uint64_t start = index << TILE_LEVEL_BITS;
    if (start >= hashes)
        return 0;
    return hashes - start < TILE_WIDTH ? (unsigned)(hashes - start) : TILE_WIDTH;
}
