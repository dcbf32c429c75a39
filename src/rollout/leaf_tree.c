// SPDX-License-Identifier: Apache-2.0
#include "rollout/leaf_tree.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <stdlib.h>

static_assert(LIMIT_ROSTER_HOSTS <= 1 << (LEAF_TREE_LEVELS - 1), "a level for each doubling");

RESULT leaf_tree_new(const struct merkle_hash *leaves, uint64_t count, struct leaf_tree *ret_tree)
{
    struct leaf_tree tree = {.count = count};
    if (count > LIMIT_ROSTER_HOSTS)
        return result_fail(ERROR_LIMIT);
    for (unsigned level = 0; level < LEAF_TREE_LEVELS && count >> level != 0; level++) {
        uint64_t size = count >> level;
        struct merkle_hash *own = calloc(size, sizeof *own);
        if (own == NULL) {
            leaf_tree_free(&tree);
            return result_fail(ERROR_MEMORY);
        }
        const struct merkle_hash *below = level != 0 ? tree.levels[level - 1] : leaves;
        for (uint64_t i = 0; i < size; i++)
            own[i] = level == 0 ? below[i] : merkle_node(&below[2 * i], &below[2 * i + 1]);
        tree.levels[level] = own;
        tree.sizes[level] = size;
    }
    *ret_tree = tree;
    return RESULT_OK;
}

void leaf_tree_free(struct leaf_tree *tree)
{
    for (unsigned level = 0; level < LEAF_TREE_LEVELS; level++)
        free(tree->levels[level]);
    *tree = (struct leaf_tree){0};
}

/* Ranges of a tree begin at a multiple of the power of two that holds them: each is a row of whole
 * subtrees, the largest first, joined from the right. */
static struct merkle_hash range_root(const struct leaf_tree *tree, struct merkle_range range)
{
    struct merkle_hash parts[LEAF_TREE_LEVELS];
    size_t count = 0;
    while (range.start < range.end && count < LEAF_TREE_LEVELS) {
        unsigned level = 63u - (unsigned)__builtin_clzll(range.end - range.start);
        parts[count++] = tree->levels[level][range.start >> level];
        range.start += UINT64_C(1) << level;
    }
    if (count == 0)
        return merkle_empty();
    struct merkle_hash root = parts[count - 1];
    for (size_t i = count - 1; i > 0; i--)
        root = merkle_node(&parts[i - 1], &root);
    return root;
}

struct merkle_hash leaf_tree_root(const struct leaf_tree *tree)
{
    return range_root(tree, (struct merkle_range){0, tree->count});
}

RESULT leaf_tree_prove(const struct leaf_tree *tree, uint64_t index,
                       struct merkle_proof *ret_proof)
{
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    GUARD(merkle_inclusion_ranges(index, tree->count, ranges, &ret_proof->count));
    for (size_t i = 0; i < ret_proof->count; i++)
        ret_proof->hashes[i] = range_root(tree, ranges[i]);
    return RESULT_OK;
}
