// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What makes a log grow: C2SP tlog-tiles. One process at a time (log_folder.h locks).
 *
 *   add...  ->  sign  ->  (witnesses cosign)  ->  publish
 *
 * A log that ever signs two trees of which none begins the other is a liar for all time, so the
 * order of what reaches the disk is fixed:
 *
 *   1. entries and tiles, under names that no published checkpoint leads to yet;
 *   2. `checkpoint.signed`: the tree, signed by the log. From here on it exists: whoever opens the
 *      log again goes on from it and from nothing else;
 *   3. `checkpoint`: the same with its cosignatures, for the public.
 *
 * A crash before 2 leaves files that the next call overwrites; no signature over them ever left
 * the process. A crash between 2 and 3 leaves a tree that still has to be cosigned:
 * tlog_writer_is_published() says so. What is restored from an old copy of the folder forks the
 * log, and the witnesses refuse it.
 */
#include "update/log/note_sign.h"
#include "update/log/tile_tree.h"

#define TLOG_WRITER_SIGNED "checkpoint.signed"

struct tlog_writer;

/* Opens the log of this key, or begins one whose origin is the key's name. Both seams must stay.
 * Fails, with `why`, where the key is of the wrong type (ERROR_UNSUPPORTED), or where the files
 * that are there are another log's, damaged, or older than what is published (ERROR_STATE,
 * ERROR_FORMAT). */
RESULT tlog_writer_open(const struct tlog_source *source, const struct tlog_sink *sink,
                        const struct note_key *key, struct tlog_writer **ret_writer,
                        struct explanation *why);
void tlog_writer_free(struct tlog_writer *writer); /* NULL is allowed; forgets what is not signed */

/* Adds 1 to LIMIT_PUBLIC_ENTRY_BYTES bytes. Full tiles are written at once, so this may fail for
 * want of space; the writer is of no use then. */
RESULT tlog_writer_add(struct tlog_writer *writer, struct bytes entry, uint64_t *ret_index,
                       struct explanation *why);

/* Steps 1 and 2 for what was added; `signer` is the private half of the log's key (ERROR_STATE:
 * another one). */
RESULT tlog_writer_sign(struct tlog_writer *writer, const struct note_signer *signer,
                        struct explanation *why);

/* The newest signed checkpoint, as a note; size 0: nothing was ever signed. */
struct bytes tlog_writer_signed(const struct tlog_writer *writer);
/* Its number of entries. */
uint64_t tlog_writer_size(const struct tlog_writer *writer);
/* The newest published checkpoint, as a note; size 0: there is none. */
struct bytes tlog_writer_published(const struct tlog_writer *writer);
/* It is of the same tree as the signed one. */
bool tlog_writer_is_published(const struct tlog_writer *writer);

/* Step 3: the signed checkpoint and these signature lines (may be empty) become the published one.
 * The caller has looked that its policy holds. */
RESULT tlog_writer_publish(struct tlog_writer *writer, struct bytes cosignatures,
                           struct explanation *why);
