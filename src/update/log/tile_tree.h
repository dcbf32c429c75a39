// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The tree behind a checkpoint, read from tiles (C2SP tlog-tiles). Nothing is believed that the
 * checkpoint's root hash does not bind: the tiles at the right edge must hash to it, and each full
 * tile must hash to what its parent says. So the files may come from anywhere.
 */
#include "update/log/checkpoint.h"
#include "update/log/tile.h"

struct tile_tree;

/* Reads the tiles at the right edge of the tree. The source must stay. ERROR_FORMAT, with `why`,
 * where they do not hash to the checkpoint's root; ERROR_NOT_FOUND where one is missing. */
RESULT tile_tree_open(const struct tlog_source *source, const struct checkpoint *checkpoint,
                      struct tile_tree **ret_tree, struct explanation *why);
void tile_tree_free(struct tile_tree *tree); /* NULL is allowed */

uint64_t tile_tree_size(const struct tile_tree *tree);

/* The root of the first `size` entries. Errors as above. */
RESULT tile_tree_root(struct tile_tree *tree, uint64_t size, struct merkle_hash *ret_root,
                      struct explanation *why);

/* ERROR_FORMAT also where there is no such entry or older size. */
RESULT tile_tree_prove_inclusion(struct tile_tree *tree, uint64_t index,
                                 struct merkle_proof *ret_proof, struct explanation *why);
RESULT tile_tree_prove_consistency(struct tile_tree *tree, uint64_t old_size,
                                   struct merkle_proof *ret_proof, struct explanation *why);

/* A bundle of entries whose hashes were all found in the tree. */
struct tile_bundle {
    uint64_t first; /* index of the first one */
    unsigned count;
    struct bytes entries[TILE_WIDTH]; /* views into `data` */
    size_t size;
    uint8_t data[TILE_ENTRIES_BYTES_MAX];
};

/* The bundle that entry `index` is in, as far as this tree reaches. */
RESULT tile_tree_bundle(struct tile_tree *tree, uint64_t index, struct tile_bundle *ret_bundle,
                        struct explanation *why);

/* Takes the bytes of a bundle apart: "Log entries". Nothing is compared with a tree. ERROR_FORMAT
 * where there are not exactly `count` entries, ERROR_LIMIT where one is over
 * LIMIT_PUBLIC_ENTRY_BYTES. */
RESULT tile_bundle_parse(struct tile_bundle *bundle, unsigned count, struct explanation *why);

/* The hashes at the right edge, from which a tree grows: level by level those of the last tile that
 * is not full. */
struct tile_edge {
    struct merkle_hash hashes[TILE_LEVELS][TILE_WIDTH];
    unsigned counts[TILE_LEVELS]; /* 0 to 255 */
    uint64_t size;
};
void tile_tree_edge(const struct tile_tree *tree, struct tile_edge *ret_edge);

/* The hash of a full tile, from its 256; and of the whole tree that an edge stands for. */
struct merkle_hash tile_root(const struct merkle_hash hashes[TILE_WIDTH]);
struct merkle_hash tile_edge_root(const struct tile_edge *edge);
