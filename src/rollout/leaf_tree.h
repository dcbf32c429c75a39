// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A Merkle tree (RFC 6962, Section 2.1) over leaves that are all at hand: for who makes rosters and
 * promotions. 64 bytes for each leaf; root and proofs cost one look-up for each hash. Pure, but for
 * memory.
 */
#include "update/log/merkle.h"

enum { LEAF_TREE_LEVELS = 26 };

struct leaf_tree {
    uint64_t count;
    uint64_t sizes[LEAF_TREE_LEVELS];            /* whole subtrees of 2^level leaves */
    struct merkle_hash *levels[LEAF_TREE_LEVELS];
};

/* Of at most LIMIT_ROSTER_HOSTS leaves; they are copied. ERROR_LIMIT, ERROR_MEMORY. */
RESULT leaf_tree_new(const struct merkle_hash *leaves, uint64_t count, struct leaf_tree *ret_tree);
void leaf_tree_free(struct leaf_tree *tree);

struct merkle_hash leaf_tree_root(const struct leaf_tree *tree);
/* The way from a leaf to the root. ERROR_FORMAT where there is no such leaf. */
RESULT leaf_tree_prove(const struct leaf_tree *tree, uint64_t index,
                       struct merkle_proof *ret_proof);
