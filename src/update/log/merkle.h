// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The Merkle tree of a log: RFC 6962, Section 2.1, with SHA-256. Pure: no memory, no I/O.
 *
 * Proofs are made and verified along one path through the tree: verifying takes each hash of the
 * path from the proof, making looks each up (tile_tree.h). Trees have at most 2^62 entries: then no
 * proof is longer than the 63 hashes that tlog-witness (add-checkpoint) lets pass.
 */
#include "base/reader.h"

enum { MERKLE_HASH_BYTES = 32, MERKLE_PROOF_MAX = 63 };
#define MERKLE_SIZE_MAX (UINT64_C(1) << 62)

struct merkle_hash {
    uint8_t bytes[MERKLE_HASH_BYTES];
};

struct merkle_proof {
    struct merkle_hash hashes[MERKLE_PROOF_MAX]; /* from the leaves to the root */
    size_t count;
};

/* Entries start .. end-1. */
struct merkle_range {
    uint64_t start, end;
};

/* The only way from foreign bytes to a hash: ERROR_FORMAT where they are not 32. */
RESULT merkle_hash_take(struct bytes raw, struct merkle_hash *ret_hash);
bool merkle_hash_equal(const struct merkle_hash *a, const struct merkle_hash *b);

/* RFC 6962, Section 2.1: SHA-256(0x00 || entry), SHA-256(0x01 || left || right), SHA-256(""). */
struct merkle_hash merkle_leaf(struct bytes entry);
struct merkle_hash merkle_node(const struct merkle_hash *left, const struct merkle_hash *right);
struct merkle_hash merkle_empty(void);

/* The largest power of two that is smaller than `count`, which is at least 2: where a tree of so
 * many entries is divided. */
uint64_t merkle_split(uint64_t count);

/* Which nodes of a tree of `size` a proof consists of, in its order: RFC 6962, Sections 2.1.1 and
 * 2.1.2. ERROR_FORMAT where there is no such proof (index >= size, old_size > size, over
 * MERKLE_SIZE_MAX). For old_size 0 and old_size == size the proof is empty. */
RESULT merkle_inclusion_ranges(uint64_t index, uint64_t size,
                               struct merkle_range ranges[MERKLE_PROOF_MAX], size_t *ret_count);
RESULT merkle_consistency_ranges(uint64_t old_size, uint64_t size,
                                 struct merkle_range ranges[MERKLE_PROOF_MAX], size_t *ret_count);

/* The entry with the hash `leaf` is the one of `index` in the tree of `size` with the hash `root`.
 * ERROR_FORMAT where that is not proven. */
RESULT merkle_verify_inclusion(uint64_t index, uint64_t size, const struct merkle_hash *leaf,
                               const struct merkle_proof *proof, const struct merkle_hash *root);

/* The tree of `old_size` entries with `old_root` is the beginning of the one of `size` entries with
 * `root`. ERROR_FORMAT where that is not proven; an old size of 0 proves nothing and is refused. */
RESULT merkle_verify_consistency(uint64_t old_size, uint64_t size,
                                 const struct merkle_hash *old_root,
                                 const struct merkle_proof *proof,
                                 const struct merkle_hash *root);

/* start is a multiple of the power of two that holds end - start entries:
 * draft-ietf-plants-merkle-tree-certs, Section 4.1. */
bool merkle_is_subtree(struct merkle_range range);

/* The same for the subtree of the entries of `range`: the same draft, Section 4.4. The two above
 * are its cases of one entry and of a range that begins at 0. */
RESULT merkle_verify_subtree(struct merkle_range range, uint64_t size,
                             const struct merkle_hash *subtree_root,
                             const struct merkle_proof *proof, const struct merkle_hash *root);
