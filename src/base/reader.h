// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The one bounded reader for bytes from outside of a process, and the writer that is its mirror.
 *
 * Nothing in Creance takes a field out of foreign bytes by pointer arithmetic: it calls these.
 * Numbers are little-endian. A failed read leaves the reader where it was. A reader never owns
 * the bytes; they must outlive it and every view taken from it.
 */
#include "base/result.h"

#include <stdint.h>

/* A view of bytes that somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

struct reader {
    const uint8_t *data;
    size_t size;
    size_t at; /* always <= size */
};

struct reader reader_of(const void *data, size_t size);
size_t reader_left(const struct reader *reader);

/* Each fails with ERROR_FORMAT when fewer bytes are left than it needs. */
RESULT reader_u8(struct reader *reader, uint8_t *out);
RESULT reader_u16(struct reader *reader, uint16_t *out);
RESULT reader_u32(struct reader *reader, uint32_t *out);
RESULT reader_u64(struct reader *reader, uint64_t *out);
RESULT reader_copy(struct reader *reader, void *out, size_t size);
RESULT reader_view(struct reader *reader, size_t size, struct bytes *out);

/* A u32 length and that many bytes; ERROR_LIMIT when the length is over `limit`. */
RESULT reader_sized(struct reader *reader, size_t limit, struct bytes *out);

/* Everything was read: fails with ERROR_FORMAT when bytes remain. Call it after the last field. */
RESULT reader_end(const struct reader *reader);

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t at; /* bytes written; always <= capacity */
};

struct writer writer_of(void *data, size_t capacity);

/* Each fails with ERROR_LIMIT, writing nothing, when the capacity would be exceeded. */
RESULT writer_u8(struct writer *writer, uint8_t value);
RESULT writer_u16(struct writer *writer, uint16_t value);
RESULT writer_u32(struct writer *writer, uint32_t value);
RESULT writer_u64(struct writer *writer, uint64_t value);
RESULT writer_copy(struct writer *writer, const void *data, size_t size);
RESULT writer_sized(struct writer *writer, const void *data, size_t size);
