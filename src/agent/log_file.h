// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A file of whole lines that survives full disks, rotation by others and its writer's death.
 *
 * - A line is one write. What a cut write left is taken back; where even that fails, the next line
 *   begins on a line of its own, so that no line ever hangs on half of another.
 * - A torn last line that a predecessor left is taken back when the file is opened.
 * - Over `rotate_bytes` NAME becomes NAME.1, that NAME.2 and so on; `files` are kept in all. Where
 *   rotating fails the file grows on: a line is worth more than a limit.
 * - A file that somebody else moved or deleted is noticed within a second and opened anew.
 */
#include "base/clock.h"
#include "base/disk.h"

struct log_file_options {
    const struct disk *disk;
    const struct clock *clock;
    int folder; /* stays the caller's, open for as long as the log file lives */
    const char *name; /* not copied */
    uint64_t rotate_bytes; /* 0: never */
    unsigned files;        /* with the one being written; at least 1 */
};

enum { LOG_FILE_NAME_BYTES = 64, LOG_FILE_READ_BYTES = 64 * 1024 };

struct log_file;

/* Opens nothing yet. NULL: out of memory. */
struct log_file *log_file_new(const struct log_file_options *options);
void log_file_free(struct log_file *log); /* NULL is allowed */
void log_file_set_limits(struct log_file *log, uint64_t rotate_bytes, unsigned files);

/* Appends `line`, which ends with its only newline. On failure nothing of it counts as written and
 * the same line may be tried again. */
RESULT log_file_append(struct log_file *log, const char *line, size_t size);
/* Makes sure that what was appended is on the disk; nothing to do: RESULT_OK. */
RESULT log_file_sync(struct log_file *log);

/* Calls `visit` for whole lines (without newline) of the last `bytes` bytes of the file and, where
 * it is shorter, of NAME.1 before it; oldest first. */
typedef void log_file_visitor(void *context, const char *line, size_t size);
RESULT log_file_visit_tail(struct log_file *log, uint64_t bytes, log_file_visitor *visit,
                           void *context);

/* How it stands: of the last append or sync. */
struct result log_file_state(const struct log_file *log);
uint64_t log_file_size(const struct log_file *log);
/* Grows by one with each file that is begun: for those who read along. */
uint64_t log_file_number(const struct log_file *log);
/* The name of the file that was begun as number `number`, now; false when it is gone. */
bool log_file_name_of(const struct log_file *log, uint64_t number, char out[LOG_FILE_NAME_BYTES]);
