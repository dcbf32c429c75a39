// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The files of a log: C2SP tlog-tiles, "APIs". Names, and the seam behind which they lie: a folder
 * (log_folder.h) or a web server.
 */
#include "base/limits.h"
#include "update/log/merkle.h"

enum {
    TILE_WIDTH = 256, /* hashes, or entries, in a full one */
    TILE_LEVEL_BITS = 8,
    TILE_LEVELS = 8,  /* 256^8 is more than MERKLE_SIZE_MAX */
    TILE_BYTES = TILE_WIDTH * MERKLE_HASH_BYTES,
    TILE_PATH_BYTES = 64,
    /* Each entry has a length of two bytes before it: "Log entries". */
    TILE_ENTRIES_BYTES_MAX = TILE_WIDTH * (2 + LIMIT_PUBLIC_ENTRY_BYTES),
};

/* The name of the signed tree head: "Checkpoints". */
#define TILE_CHECKPOINT "checkpoint"

/* `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`; width 1 to 256. */
void tile_path(unsigned level, uint64_t index, unsigned width, char out[TILE_PATH_BYTES]);
void tile_entries_path(uint64_t index, unsigned width, char out[TILE_PATH_BYTES]);

/* How many hashes the tile (of a level below TILE_LEVELS) has in a tree of `size`; 0: it is not
 * there. "Partial Tiles". */
unsigned tile_width(unsigned level, uint64_t index, uint64_t size);

/* Where a log's files are read. */
struct tlog_source {
    /* A whole file by the name that tlog-tiles gives it. ERROR_NOT_FOUND: there is none;
     * ERROR_LIMIT: it is larger than `capacity`. With `why`. */
    struct result (*read)(void *context, const char *path, void *out, size_t capacity,
                          size_t *ret_size, struct explanation *why);
    void *context;
};

/* Where a log's writer puts them: all or nothing, and on the disk when the call returns. */
struct tlog_sink {
    struct result (*write)(void *context, const char *path, const void *data, size_t size,
                           struct explanation *why);
    void *context;
};
