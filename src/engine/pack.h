// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A pack: the source files of rules as one block of bytes, the way they travel from the process
 * that reads folders (control, the command line) to the sandbox that parses them.
 *
 * Format (little-endian): "CREPACK1", u32 count, then per file: u32 + name, u32 + bytes; nothing
 * behind the last file. Files are sorted by name, names are unique: same files, same bytes.
 */
#include "base/reader.h"

struct pack_writer;
struct pack_writer *pack_writer_new(void); /* NULL: out of memory */
void pack_writer_free(struct pack_writer *pack);
/* Copies both. ERROR_LIMIT over LIMIT_RULE_FILES, LIMIT_RULE_FILE_BYTES or LIMIT_RULE_PACK_BYTES;
 * ERROR_STATE for a name that is there already. */
RESULT pack_writer_add(struct pack_writer *pack, const char *name, const void *data, size_t size);
/* The whole pack; free() it. */
RESULT pack_writer_finish(struct pack_writer *pack, uint8_t **ret_data, size_t *ret_size);

enum { PACK_HEAD_BYTES = 12 };
/* For who writes the files of a pack himself, in order. ERROR_LIMIT: no room. */
RESULT pack_write_head(struct writer *writer, uint32_t count);

struct pack_reader {
    struct reader reader;
    uint32_t left;         /* files not yet read */
    struct bytes previous; /* name of the file read last */
};
struct pack_file {
    struct bytes name; /* not 0-ended */
    struct bytes content;
};
RESULT pack_reader_open(const void *data, size_t size, struct pack_reader *ret_pack);
/* ERROR_NOT_FOUND after the last file, once the end was checked; ERROR_FORMAT for anything else. */
RESULT pack_reader_next(struct pack_reader *pack, struct pack_file *ret_file);
