// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Reads recordings and logs line by line or, where they are not text, in pieces: plain, or
 * compressed by zstd, which is recognised by its first bytes and not by the file's name. A pipe
 * will do; nothing is held but one line.
 *
 * A line ends with a newline or with the file. Lines are numbered from 0 and every line counts,
 * blank ones and those that were passed over too: the number is the one that an editor shows, less
 * one.
 */
#include "base/reader.h"

struct recording;

struct recording_line {
    uint64_t number;   /* from 0 */
    struct bytes text; /* without the newline; until the next call */
};

/* `fd` is open for reading and stays the caller's; `name` is for explanations and must outlive the
 * recording. ERROR_SYSTEM, with `why`, where the first read fails (a folder); ERROR_UNSUPPORTED
 * for other compressions and encodings that are known by their first bytes. */
RESULT recording_open(int fd, const char *name, struct recording **ret_recording,
                      struct explanation *why);
void recording_close(struct recording *recording); /* NULL is allowed */

/* ERROR_NOT_FOUND: the recording has ended well.
 * ERROR_LIMIT: the line ret_line->number is longer than LIMIT_RECORD_LINE_BYTES and was passed
 *   over; go on.
 * ERROR_FORMAT: the compressed data is corrupt or cut off; ERROR_SYSTEM: reading failed;
 *   ERROR_MEMORY. These end the recording (later calls give them again), and `why` says how far
 *   it could be read. A line that was cut off by them is not given. */
RESULT recording_next(struct recording *recording, struct recording_line *ret_line,
                      struct explanation *why);

/* The bytes that come next, without taking them; at the start at least the first line, or as much
 * of it as is looked at before that is given up (128 KiB). Empty at the end. Failures as above. */
RESULT recording_peek(struct recording *recording, struct bytes *ret_text, struct explanation *why);

/* Takes the next `size` bytes as they are, for logs that are not text; fewer only at the end.
 * Failures as above: *ret_size bytes of `out` are good then too. */
RESULT recording_read(struct recording *recording, void *out, size_t size, size_t *ret_size,
                      struct explanation *why);

/* Nothing but spaces, tabs and carriage returns: no event, but counted as a line. */
bool recording_line_is_blank(const struct recording_line *line);

/* Bytes of text so far. */
uint64_t recording_bytes(const struct recording *recording);
