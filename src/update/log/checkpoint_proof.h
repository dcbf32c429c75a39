// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A checkpoint with the proof that an older one is its beginning. One text for both of its uses:
 *
 *     old SIZE
 *     HASH                       zero to 63 lines
 *
 *     CHECKPOINT                 with its signatures, as it is
 *
 * - what is posted to a witness: C2SP tlog-witness, "add-checkpoint";
 * - what a publisher lays beside a release as a static file (`.tlog-age`), from which a host sees
 *   how long ago the release was logged: see verify.h.
 *
 * At most LIMIT_PROOF_FILE_BYTES. Pure; nothing in it is verified yet.
 */
#include "update/log/checkpoint.h"

struct checkpoint_proof {
    uint64_t old_size;
    struct merkle_proof proof;
    struct bytes whole; /* the checkpoint with its signatures; a view */
    struct note note;   /* views, too */
    struct checkpoint checkpoint;
};

/* ERROR_FORMAT, ERROR_LIMIT, with `why`. The sizes may still contradict each other. */
RESULT checkpoint_proof_parse(struct bytes text, struct checkpoint_proof *ret_proof,
                              struct explanation *why);

/* Writes old_size, proof and whole. ERROR_LIMIT. */
RESULT checkpoint_proof_write(struct writer *writer, const struct checkpoint_proof *proof);

/* The older checkpoint (of old_size and `old_root`) is the beginning of this one; one of no entries
 * is the beginning of every one, and its proof is empty. ERROR_FORMAT where that is not shown. */
RESULT checkpoint_proof_verify(const struct checkpoint_proof *proof,
                               const struct merkle_hash *old_root);
