// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Text formats of C2SP are lines that each end with a newline; these take them out of a reader.
 * A failed call leaves the reader where it was. Views point into the reader's bytes.
 */
#include "base/reader.h"
#include "update/log/merkle.h"

/* The next line, without its newline. ERROR_FORMAT where no newline follows. */
RESULT line_take(struct reader *reader, struct bytes *ret_line);

/* The same for a line that begins with `word` and a space; the rest of it. */
RESULT line_take_named(struct reader *reader, const char *word, struct bytes *ret_rest);

bool line_is(struct bytes line, const char *text);

/* ASCII decimal without leading zeroes, at most `limit`: "0", "42". */
RESULT line_number(struct bytes text, uint64_t limit, uint64_t *ret_number);

/* A Base 64 hash: ERROR_FORMAT where it has not 32 bytes. */
RESULT line_hash(struct bytes text, struct merkle_hash *ret_hash);

/* Zero or more lines, each one hash, up to the empty line, which is taken too. ERROR_LIMIT where
 * there are more than MERKLE_PROOF_MAX. */
RESULT lines_proof(struct reader *reader, struct merkle_proof *ret_proof);

/* The mirror of lines_proof(): the hashes and the empty line. */
RESULT lines_write_proof(struct writer *writer, const struct merkle_proof *proof);

RESULT lines_write_text(struct writer *writer, const char *text);
