// SPDX-License-Identifier: Apache-2.0
#include "update/log/merkle.h"

#include "base/bytes.h"

#include <sha256.h>
#include <string.h>

/* --- hashes ----------------------------------------------------------------------------------- */

RESULT merkle_hash_take(struct bytes raw, struct merkle_hash *ret_hash)
{
    if (raw.size != MERKLE_HASH_BYTES)
        return result_fail(ERROR_FORMAT);
    bytes_copy(ret_hash->bytes, sizeof ret_hash->bytes, raw.data, raw.size);
    return RESULT_OK;
}

bool merkle_hash_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

struct merkle_hash merkle_leaf(struct bytes entry)
{
    static const uint8_t PREFIX = 0;
    struct merkle_hash hash;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, &PREFIX, 1);
    SHA256Update(&context, entry.data, entry.size);
    SHA256Final(hash.bytes, &context);
    return hash;
}

struct merkle_hash merkle_node(const struct merkle_hash *left, const struct merkle_hash *right)
{
    static const uint8_t PREFIX = 1;
    struct merkle_hash hash;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, &PREFIX, 1);
    SHA256Update(&context, left->bytes, sizeof left->bytes);
    SHA256Update(&context, right->bytes, sizeof right->bytes);
    SHA256Final(hash.bytes, &context);
    return hash;
}

struct merkle_hash merkle_empty(void)
{
    struct merkle_hash hash;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Final(hash.bytes, &context);
    return hash;
}

/* --- the path --------------------------------------------------------------------------------- */

/* One node above the subtree: what is joined with it there. */
struct step {
    struct merkle_range sibling;
    bool is_left;    /* the sibling stands left of what we come from */
    bool is_in_both; /* it is part of the subtree, too */
};

struct path {
    struct step steps[MERKLE_PROOF_MAX]; /* from the root down */
    size_t step_count;
    struct merkle_range node; /* where it ends: the subtree, or the rightmost whole part of it */
    bool is_known;            /* it is the subtree: whoever verifies has its hash */
};

uint64_t merkle_split(uint64_t count)
{
    return UINT64_C(1) << (63 - __builtin_clzll(count - 1));
}

bool merkle_is_subtree(struct merkle_range range)
{
    if (range.start > range.end || range.end > MERKLE_SIZE_MAX)
        return false;
    uint64_t count = range.end - range.start;
    uint64_t whole = count <= 1 ? 1 : 2 * merkle_split(count);
    return range.start % whole == 0;
}

/* `range` is a subtree of at least one entry that ends within `size`. A node of 2^n entries
 * or less is reached in n steps, so at most 62 are made. */
static struct path path_to(struct merkle_range range, uint64_t size)
{
    struct path path = {.node = {0, size}, .is_known = true};
    while (path.node.start != range.start || path.node.end != range.end) {
        struct step *step = &path.steps[path.step_count++];
        uint64_t middle = path.node.start + merkle_split(path.node.end - path.node.start);
        if (range.end <= middle) {
            step->sibling = (struct merkle_range){middle, path.node.end};
            path.node.end = middle;
            continue;
        }
        step->sibling = (struct merkle_range){path.node.start, middle};
        step->is_left = true;
        if (range.start < middle) {
            step->is_in_both = true;
            range.start = middle;
            path.is_known = false;
        }
        path.node.start = middle;
    }
    return path;
}

static void list_ranges(const struct path *path, struct merkle_range ranges[MERKLE_PROOF_MAX],
                        size_t *ret_count)
{
    size_t count = 0;
    if (!path->is_known)
        ranges[count++] = path->node;
    for (size_t i = path->step_count; i > 0; i--)
        ranges[count++] = path->steps[i - 1].sibling;
    *ret_count = count;
}

RESULT merkle_inclusion_ranges(uint64_t index, uint64_t size,
                               struct merkle_range ranges[MERKLE_PROOF_MAX], size_t *ret_count)
{
    if (size > MERKLE_SIZE_MAX || index >= size)
        return result_fail(ERROR_FORMAT);
    struct path path = path_to((struct merkle_range){index, index + 1}, size);
    list_ranges(&path, ranges, ret_count);
    return RESULT_OK;
}

RESULT merkle_consistency_ranges(uint64_t old_size, uint64_t size,
                                 struct merkle_range ranges[MERKLE_PROOF_MAX], size_t *ret_count)
{
    if (size > MERKLE_SIZE_MAX || old_size > size)
        return result_fail(ERROR_FORMAT);
    *ret_count = 0;
    if (old_size == 0)
        return RESULT_OK;
    struct path path = path_to((struct merkle_range){0, old_size}, size);
    list_ranges(&path, ranges, ret_count);
    return RESULT_OK;
}

/* --- verifying -------------------------------------------------------------------------------- */

/* Both roots as the proof says them. The proof has exactly the hashes that the path needs. */
static void climb(const struct path *path, const struct merkle_proof *proof,
                  struct merkle_hash *subtree, struct merkle_hash *tree)
{
    const struct merkle_hash *next = proof->hashes;
    if (!path->is_known)
        *subtree = *next++;
    *tree = *subtree;
    for (size_t i = path->step_count; i > 0; i--) {
        const struct step *step = &path->steps[i - 1];
        const struct merkle_hash *sibling = next++;
        *tree = step->is_left ? merkle_node(sibling, tree) : merkle_node(tree, sibling);
        if (step->is_in_both)
            *subtree = merkle_node(sibling, subtree);
    }
}

RESULT merkle_verify_subtree(struct merkle_range range, uint64_t size,
                             const struct merkle_hash *subtree_root,
                             const struct merkle_proof *proof, const struct merkle_hash *root)
{
    if (size > MERKLE_SIZE_MAX || range.end > size || !merkle_is_subtree(range))
        return result_fail(ERROR_FORMAT);
    if (range.start == range.end) {
        /* No entries: consistent with every tree, which the proof cannot and need not show. */
        struct merkle_hash empty = merkle_empty();
        bool holds = proof->count == 0 && merkle_hash_equal(subtree_root, &empty);
        return holds ? RESULT_OK : result_fail(ERROR_FORMAT);
    }
    struct path path = path_to(range, size);
    if (proof->count != path.step_count + (path.is_known ? 0 : 1))
        return result_fail(ERROR_FORMAT);
    struct merkle_hash subtree = *subtree_root;
    struct merkle_hash tree;
    climb(&path, proof, &subtree, &tree);
    bool holds = merkle_hash_equal(&subtree, subtree_root) && merkle_hash_equal(&tree, root);
    return holds ? RESULT_OK : result_fail(ERROR_FORMAT);
}

RESULT merkle_verify_inclusion(uint64_t index, uint64_t size, const struct merkle_hash *leaf,
                               const struct merkle_proof *proof, const struct merkle_hash *root)
{
    if (index >= MERKLE_SIZE_MAX)
        return result_fail(ERROR_FORMAT);
    return merkle_verify_subtree((struct merkle_range){index, index + 1}, size, leaf, proof, root);
}

RESULT merkle_verify_consistency(uint64_t old_size, uint64_t size,
                                 const struct merkle_hash *old_root,
                                 const struct merkle_proof *proof, const struct merkle_hash *root)
{
    if (old_size == 0)
        return result_fail(ERROR_FORMAT);
    return merkle_verify_subtree((struct merkle_range){0, old_size}, size, old_root, proof, root);
}
