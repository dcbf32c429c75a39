// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The text of a log's signed tree head: C2SP tlog-checkpoint (v1.0.0), "Note text". Pure.
 */
#include "update/log/merkle.h"
#include "update/log/note.h"

/* `origin` is a view into the text. Lines behind the third are allowed and mean nothing to us. */
struct checkpoint {
    struct bytes origin;
    uint64_t size; /* entries */
    struct merkle_hash root;
};

/* ERROR_FORMAT, with `why`; ERROR_LIMIT over LIMIT_CHECKPOINT_BYTES. */
RESULT checkpoint_parse(struct bytes text, struct checkpoint *ret_checkpoint,
                        struct explanation *why);

/* The same of a checkpoint with its signatures, which nobody has verified yet. */
RESULT checkpoint_parse_note(struct bytes whole, struct note *ret_note,
                             struct checkpoint *ret_checkpoint, struct explanation *why);

/* A tree of no entries has the root of the empty tree: tlog-witness, add-checkpoint. */
bool checkpoint_is_possible(const struct checkpoint *checkpoint);

/* The three lines. ERROR_FORMAT where the origin is not one line of at least one byte. */
RESULT checkpoint_write(struct writer *writer, const struct checkpoint *checkpoint);
