// SPDX-License-Identifier: Apache-2.0
#include "update/log/tile_tree.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* The full tile of each level that was read last. */
struct cached {
    bool is_there;
    uint64_t index;
    struct merkle_hash hashes[TILE_WIDTH];
};

struct tile_tree {
    struct tlog_source source;
    struct tile_edge edge;
    struct cached cached[TILE_LEVELS];
};

/* --- hashing ---------------------------------------------------------------------------------- */

/* The root over `count` hashes, a power of two: a perfect tree. */
static struct merkle_hash perfect_root(const struct merkle_hash *hashes, unsigned count)
{
    struct merkle_hash row[TILE_WIDTH] = {hashes[0]};
    for (unsigned i = 1; i < count; i++)
        row[i] = hashes[i];
    for (; count > 1; count /= 2) {
        for (unsigned i = 0; i < count / 2; i++)
            row[i] = merkle_node(&row[2 * i], &row[2 * i + 1]);
    }
    return row[0];
}

struct merkle_hash tile_root(const struct merkle_hash hashes[TILE_WIDTH])
{
    return perfect_root(hashes, TILE_WIDTH);
}

/* From the right: each bit of the size is a perfect tree, the smallest ones last. */
struct merkle_hash tile_edge_root(const struct tile_edge *edge)
{
    struct merkle_hash root = merkle_empty();
    bool is_first = true;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        unsigned left = edge->counts[level];
        for (unsigned width = 1; left > 0; width *= 2) {
            if ((left & width) == 0)
                continue;
            left -= width;
            struct merkle_hash part = perfect_root(&edge->hashes[level][left], width);
            root = is_first ? part : merkle_node(&part, &root);
            is_first = false;
        }
    }
    return root;
}

/* --- reading tiles ---------------------------------------------------------------------------- */

static RESULT read_tile(const struct tlog_source *source, unsigned level, uint64_t index,
                        unsigned width, struct merkle_hash *out, struct explanation *why)
{
    char path[TILE_PATH_BYTES];
    uint8_t data[TILE_BYTES];
    size_t size;
    tile_path(level, index, width, path);
    struct result result = source->read(source->context, path, data, sizeof data, &size, why);
    if (result.error == ERROR_NOT_FOUND && width < TILE_WIDTH) {
        /* "Partial Tiles": it may be gone where the full one is there. */
        tile_path(level, index, TILE_WIDTH, path);
        result = source->read(source->context, path, data, sizeof data, &size, why);
    }
    GUARD(result);
    if (size < (size_t)width * MERKLE_HASH_BYTES || size % MERKLE_HASH_BYTES != 0)
        return explain(why, ERROR_FORMAT, "%s has %zu bytes: expected %u hashes of 32", path,
                       size, width);
    struct reader reader = reader_of(data, size);
    for (unsigned i = 0; i < width; i++)
        GUARD(reader_copy(&reader, out[i].bytes, MERKLE_HASH_BYTES));
    return RESULT_OK;
}

static RESULT read_edge(struct tile_tree *tree, uint64_t size, struct explanation *why)
{
    tree->edge.size = size;
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        uint64_t hashes = size >> (TILE_LEVEL_BITS * level);
        unsigned width = (unsigned)(hashes % TILE_WIDTH);
        tree->edge.counts[level] = width;
        if (width > 0)
            GUARD(read_tile(&tree->source, level, hashes / TILE_WIDTH, width,
                            tree->edge.hashes[level], why));
    }
    return RESULT_OK;
}

RESULT tile_tree_open(const struct tlog_source *source, const struct checkpoint *checkpoint,
                      struct tile_tree **ret_tree, struct explanation *why)
{
    struct tile_tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return explain(why, ERROR_MEMORY, "no memory for the tiles of a log");
    tree->source = *source;
    struct result result = read_edge(tree, checkpoint->size, why);
    if (result_is_ok(result)) {
        struct merkle_hash root = tile_edge_root(&tree->edge);
        if (!merkle_hash_equal(&root, &checkpoint->root))
            result = explain(why, ERROR_FORMAT,
                             "the tiles are not those of the checkpoint of %llu entries: they "
                             "hash to another root",
                             (unsigned long long)checkpoint->size);
    }
    if (!result_is_ok(result)) {
        tile_tree_free(tree);
        return result;
    }
    *ret_tree = tree;
    return RESULT_OK;
}

void tile_tree_free(struct tile_tree *tree) { free(tree); }

uint64_t tile_tree_size(const struct tile_tree *tree) { return tree->edge.size; }

void tile_tree_edge(const struct tile_tree *tree, struct tile_edge *ret_edge)
{
    *ret_edge = tree->edge;
}

static bool is_at_edge(const struct tile_tree *tree, unsigned level, uint64_t index)
{
    return tile_width(level, index, tree->edge.size) < TILE_WIDTH;
}

/* The hashes of a tile that is there, whose parents were looked up before. */
static const struct merkle_hash *hashes_of(const struct tile_tree *tree, unsigned level,
                                           uint64_t index)
{
    return is_at_edge(tree, level, index) ? tree->edge.hashes[level] : tree->cached[level].hashes;
}

/* Makes hashes_of() right for this tile: reads it and those above it that are not known. */
static RESULT look_up(struct tile_tree *tree, unsigned level, uint64_t index,
                      struct explanation *why)
{
    unsigned top = level;
    while (!is_at_edge(tree, top, index >> (TILE_LEVEL_BITS * (top - level)))
           && (!tree->cached[top].is_there
               || tree->cached[top].index != index >> (TILE_LEVEL_BITS * (top - level))))
        top++;
    while (top-- > level) {
        struct cached *cached = &tree->cached[top];
        uint64_t at = index >> (TILE_LEVEL_BITS * (top - level));
        cached->is_there = false;
        cached->index = at;
        GUARD(read_tile(&tree->source, top, at, TILE_WIDTH, cached->hashes, why));
        struct merkle_hash root = tile_root(cached->hashes);
        const struct merkle_hash *above = hashes_of(tree, top + 1, at / TILE_WIDTH);
        if (!merkle_hash_equal(&root, &above[at % TILE_WIDTH]))
            return explain(why, ERROR_FORMAT,
                           "tile %llu of level %u does not belong to this tree: it was changed, "
                           "or the log was forked", (unsigned long long)at, top);
        cached->is_there = true;
    }
    return RESULT_OK;
}

/* A perfect subtree: 2^k entries from a multiple of that on. */
static RESULT perfect_hash(struct tile_tree *tree, struct merkle_range range,
                           struct merkle_hash *ret_hash, struct explanation *why)
{
    unsigned height = (unsigned)__builtin_ctzll(range.end - range.start);
    unsigned level = height / TILE_LEVEL_BITS;
    uint64_t at = range.start >> (TILE_LEVEL_BITS * level);
    GUARD(look_up(tree, level, at / TILE_WIDTH, why));
    const struct merkle_hash *hashes = hashes_of(tree, level, at / TILE_WIDTH);
    *ret_hash = perfect_root(&hashes[at % TILE_WIDTH], 1U << height % TILE_LEVEL_BITS);
    return RESULT_OK;
}

/* Any node of a tree of at most our size: perfect subtrees from left to right, joined from the
 * right. */
static RESULT range_hash(struct tile_tree *tree, struct merkle_range range,
                         struct merkle_hash *ret_hash, struct explanation *why)
{
    struct merkle_hash parts[64];
    size_t count = 0;
    while (range.start < range.end) {
        uint64_t left = range.end - range.start;
        uint64_t step = (left & (left - 1)) == 0 ? left : merkle_split(left);
        struct merkle_range part = {range.start, range.start + step};
        GUARD(perfect_hash(tree, part, &parts[count++], why));
        range.start += step;
    }
    if (count == 0) {
        *ret_hash = merkle_empty();
        return RESULT_OK;
    }
    struct merkle_hash hash = parts[--count];
    while (count > 0)
        hash = merkle_node(&parts[--count], &hash);
    *ret_hash = hash;
    return RESULT_OK;
}

/* --- proofs ----------------------------------------------------------------------------------- */

RESULT tile_tree_root(struct tile_tree *tree, uint64_t size, struct merkle_hash *ret_root,
                      struct explanation *why)
{
    if (size > tree->edge.size)
        return explain(why, ERROR_FORMAT, "the log has %llu entries, not yet %llu",
                       (unsigned long long)tree->edge.size, (unsigned long long)size);
    return range_hash(tree, (struct merkle_range){0, size}, ret_root, why);
}

static RESULT collect(struct tile_tree *tree, const struct merkle_range *ranges, size_t count,
                      struct merkle_proof *ret_proof, struct explanation *why)
{
    for (size_t i = 0; i < count; i++)
        GUARD(range_hash(tree, ranges[i], &ret_proof->hashes[i], why));
    ret_proof->count = count;
    return RESULT_OK;
}

RESULT tile_tree_prove_inclusion(struct tile_tree *tree, uint64_t index,
                                 struct merkle_proof *ret_proof, struct explanation *why)
{
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    size_t count = 0;
    if (!result_is_ok(merkle_inclusion_ranges(index, tree->edge.size, ranges, &count)))
        return explain(why, ERROR_FORMAT, "the log has %llu entries, so none of number %llu",
                       (unsigned long long)tree->edge.size, (unsigned long long)index);
    return collect(tree, ranges, count, ret_proof, why);
}

RESULT tile_tree_prove_consistency(struct tile_tree *tree, uint64_t old_size,
                                   struct merkle_proof *ret_proof, struct explanation *why)
{
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    size_t count = 0;
    if (!result_is_ok(merkle_consistency_ranges(old_size, tree->edge.size, ranges, &count)))
        return explain(why, ERROR_FORMAT, "the log has %llu entries, not yet %llu",
                       (unsigned long long)tree->edge.size, (unsigned long long)old_size);
    return collect(tree, ranges, count, ret_proof, why);
}

/* --- entries ---------------------------------------------------------------------------------- */

RESULT tile_bundle_parse(struct tile_bundle *bundle, unsigned count, struct explanation *why)
{
    struct reader reader = reader_of(bundle->data, bundle->size);
    for (unsigned i = 0; i < count; i++) {
        uint8_t high, low;
        if (!result_is_ok(reader_u8(&reader, &high)) || !result_is_ok(reader_u8(&reader, &low)))
            return explain(why, ERROR_FORMAT, "the bundle ends before entry %llu",
                           (unsigned long long)(bundle->first + i));
        size_t size = (size_t)high << 8 | low;
        if (size > LIMIT_PUBLIC_ENTRY_BYTES)
            return explain(why, ERROR_LIMIT, "entry %llu has %zu bytes: expected at most %d",
                           (unsigned long long)(bundle->first + i), size,
                           LIMIT_PUBLIC_ENTRY_BYTES);
        if (!result_is_ok(reader_view(&reader, size, &bundle->entries[i])))
            return explain(why, ERROR_FORMAT, "the bundle ends within entry %llu",
                           (unsigned long long)(bundle->first + i));
    }
    bundle->count = count;
    return RESULT_OK;
}

static RESULT read_bundle(const struct tile_tree *tree, uint64_t index, unsigned width,
                          struct tile_bundle *bundle, struct explanation *why)
{
    const struct tlog_source *source = &tree->source;
    char path[TILE_PATH_BYTES];
    tile_entries_path(index, width, path);
    struct result result = source->read(source->context, path, bundle->data, sizeof bundle->data,
                                        &bundle->size, why);
    if (result.error == ERROR_NOT_FOUND && width < TILE_WIDTH) {
        tile_entries_path(index, TILE_WIDTH, path);
        result = source->read(source->context, path, bundle->data, sizeof bundle->data,
                              &bundle->size, why);
    }
    return result;
}

RESULT tile_tree_bundle(struct tile_tree *tree, uint64_t index, struct tile_bundle *ret_bundle,
                        struct explanation *why)
{
    uint64_t tile = index / TILE_WIDTH;
    unsigned width = tile_width(0, tile, tree->edge.size);
    ret_bundle->first = tile * TILE_WIDTH;
    if (index >= tree->edge.size)
        return explain(why, ERROR_FORMAT, "the log has %llu entries, so none of number %llu",
                       (unsigned long long)tree->edge.size, (unsigned long long)index);
    GUARD(look_up(tree, 0, tile, why));
    GUARD(read_bundle(tree, tile, width, ret_bundle, why));
    GUARD(tile_bundle_parse(ret_bundle, width, why));
    const struct merkle_hash *hashes = hashes_of(tree, 0, tile);
    for (unsigned i = 0; i < width; i++) {
        struct merkle_hash leaf = merkle_leaf(ret_bundle->entries[i]);
        if (!merkle_hash_equal(&leaf, &hashes[i]))
            return explain(why, ERROR_FORMAT,
                           "entry %llu is not the one in the tree: its bundle was changed",
                           (unsigned long long)(ret_bundle->first + i));
    }
    return RESULT_OK;
}
