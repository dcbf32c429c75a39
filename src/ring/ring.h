// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A ring of records in shared memory: one writer that never blocks, many readers that cannot
 * disturb it. Events flow from the sensor to everybody through one, alerts from an engine to
 * control through another.
 *
 * - The writer says where it will write (`reserved`), writes, and then says that it has written
 *   (`committed`). A reader copies a record and then looks at `reserved` again: where the writer
 *   came round meanwhile, the copy is thrown away and the reader counts what it missed.
 * - Each reader has a page of its own (the cursor page). It outlives the reader, so that a
 *   successor goes on exactly where a dead reader was. A reader only has the ring mapped
 *   read-only; who lies about its own cursor harms itself.
 * - Each record has a number (`sequence`, from 1, without gaps) and the position of its source
 *   (`source`, the writer's own meaning; the sensor keeps its place in the kernel's ring there).
 *   A writer that dies leaves both in the last record: ring_writer_open() hands them to the next
 *   one, which can so go on without a double and without a gap.
 *
 * The memory comes from ring_create() (base/shared_memory.h); the supervisor holds it and hands out
 * a writable descriptor to one writer and read-only ones to readers.
 */
#include "base/result.h"

#include <stdint.h>
#include <sys/types.h>

struct ring_writer;
struct ring_reader;

/* Memory for a ring of `capacity` bytes (a power of two, at least 4 KiB); `epoch` names this ring
 * for ever: (epoch, sequence) is the id of a record. */
RESULT ring_create(size_t capacity, uint64_t epoch, int *ret_fd);

/* Memory for one reader's cursor. */
RESULT ring_cursor_create(int *ret_fd);

/* --- the writer ---------------------------------------------------------------------------- */

struct ring_position {
    uint64_t sequence; /* of the last record in the ring; 0 when there is none */
    uint64_t source;   /* its source position; 0 when there is none */
};

RESULT ring_writer_open(int fd, struct ring_writer **ret_writer, struct ring_position *ret_last);
void ring_writer_close(struct ring_writer *writer); /* NULL is allowed */

/* Appends one record; `size` is at most LIMIT_RING_RECORD_BYTES, else ERROR_LIMIT. Never waits. */
RESULT ring_writer_append(struct ring_writer *writer, const void *data, size_t size,
                          uint64_t source);
/* Number of the record that was appended last. */
uint64_t ring_writer_sequence(const struct ring_writer *writer);

/* --- readers ------------------------------------------------------------------------------- */

struct ring_record {
    uint64_t sequence;
    uint64_t source;
    size_t size; /* bytes in the buffer that was handed in */
};

/* `cursor_fd` may be -1 for a reader that nobody will follow: it starts at the newest record. One
 * with a cursor page starts where its predecessor stopped, or at the oldest record. */
RESULT ring_reader_open(int ring_fd, int cursor_fd, struct ring_reader **ret_reader);
void ring_reader_close(struct ring_reader *reader); /* NULL is allowed */

uint64_t ring_reader_epoch(const struct ring_reader *reader);

/* Copies the record at the cursor into `buffer` (at least LIMIT_RING_RECORD_BYTES) and marks it in
 * the cursor page as in flight. ERROR_AGAIN: nothing new. ERROR_FORMAT: the ring's memory makes no
 * sense (a lying writer); the reader then stands at the newest record and the rest was counted.
 * The cursor moves only with ring_reader_done(). */
RESULT ring_reader_next(struct ring_reader *reader, void *buffer, struct ring_record *ret_record);

/* The record that ring_reader_next() gave is dealt with. */
void ring_reader_done(struct ring_reader *reader);

/* Number of the last record that this reader, or the one before it, has dealt with. */
uint64_t ring_reader_sequence(const struct ring_reader *reader);
/* Records that this reader and its predecessors missed because the writer came round. */
uint64_t ring_reader_lost(const struct ring_reader *reader);
/* Bytes that wait for this reader. */
uint64_t ring_reader_waiting(const struct ring_reader *reader);

/* --- what the supervisor sees of a reader ---------------------------------------------------- */

struct ring_cursor_view {
    uint64_t sequence;  /* last record dealt with */
    uint64_t in_flight; /* number of the record being dealt with; 0 when there is none */
    uint64_t lost;
};

/* Maps a cursor page for looking (and for skipping); unmap with ring_cursor_unmap(). */
struct ring_cursor;
RESULT ring_cursor_map(int cursor_fd, struct ring_cursor **ret_cursor);
void ring_cursor_unmap(struct ring_cursor *cursor);
/* The words as they stand: their owner may have written anything there. */
struct ring_cursor_view ring_cursor_look(const struct ring_cursor *cursor);
/* Tells the next reader to pass over record `sequence` (counted by the caller, not as lost).
 * Only while no reader runs. */
void ring_cursor_skip(struct ring_cursor *cursor, uint64_t sequence);
/* Puts the reader of `to` where the reader of `from` is; what was in flight there comes next here.
 * Only while no reader of `to` reads; the one of `from` may: then a record or two that it has dealt
 * with come again, and none is left out. */
void ring_cursor_follow(struct ring_cursor *to, const struct ring_cursor *from);
