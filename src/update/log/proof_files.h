// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Making the files that a publisher lays beside a release (proof.h, checkpoint_proof.h), from the
 * tiles of the log. `whole` is the checkpoint of `tree` with its signatures, as it is published.
 */
#include "update/log/tile_tree.h"

/* A .tlog-proof of entry `index`, which it carries as its extra data. */
RESULT proof_file_write(struct tile_tree *tree, struct bytes whole, uint64_t index,
                        struct writer *writer, struct explanation *why);

/* A .tlog-age: from a checkpoint of `old_size` entries to this one. */
RESULT age_file_write(struct tile_tree *tree, struct bytes whole, uint64_t old_size,
                      struct writer *writer, struct explanation *why);
