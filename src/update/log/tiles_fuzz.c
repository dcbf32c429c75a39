// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the files of a log. The first eight say how large the log claims to be; all files
 * have the rest. Bundles that are taken hold what they say, and no tile is believed that does not
 * hash to the root.
 */
#include "update/log/tile_tree.h"

#include "base/bytes.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct result read_input(void *context, const char *path, void *out, size_t capacity,
                                size_t *ret_size, struct explanation *why)
{
    const struct bytes *input = context;
    if (input->size > capacity)
        return explain(why, ERROR_LIMIT, "%s is too large", path);
    bytes_copy(out, capacity, input->data, input->size);
    *ret_size = input->size;
    return RESULT_OK;
}

static void try_bundle(struct bytes input, unsigned count)
{
    static struct tile_bundle bundle;
    if (input.size > sizeof bundle.data)
        return;
    bytes_copy(bundle.data, sizeof bundle.data, input.data, input.size);
    bundle.size = input.size;
    if (!result_is_ok(tile_bundle_parse(&bundle, count, NULL)))
        return;
    const uint8_t *at = bundle.data;
    for (unsigned i = 0; i < count; i++) {
        require(bundle.entries[i].data == at + 2);
        require(bundle.entries[i].size == (size_t)(at[0] << 8 | at[1]));
        at += 2 + bundle.entries[i].size;
    }
    require(at <= bundle.data + bundle.size);
}

/* A log of one entry gets the root of its own tile, so that some logs are what they claim. The root
 * of the others is known, and an input may hold it: then it may stand for a large tree, but what
 * would hash to it is nowhere. */
static void try_tree(struct bytes input, uint64_t size)
{
    struct tlog_source source = {read_input, &input};
    struct checkpoint checkpoint = {.size = size, .root = merkle_empty()};
    struct tile_tree *tree;
    if (size == 1 && input.size >= MERKLE_HASH_BYTES)
        bytes_copy(checkpoint.root.bytes, sizeof checkpoint.root.bytes, input.data,
                   MERKLE_HASH_BYTES);
    if (!result_is_ok(tile_tree_open(&source, &checkpoint, &tree, NULL)))
        return;
    struct merkle_proof proof;
    static struct tile_bundle bundle;
    require(result_is_ok(tile_tree_prove_inclusion(tree, 0, &proof, NULL)) == (size == 1));
    require(!result_is_ok(tile_tree_bundle(tree, 0, &bundle, NULL)));
    tile_tree_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(data, size);
    uint64_t claimed;
    if (!result_is_ok(reader_u64(&reader, &claimed)))
        return 0;
    struct bytes input = {data + reader.at, reader_left(&reader)};
    try_bundle(input, (unsigned)(claimed % TILE_WIDTH) + 1);
    try_tree(input, claimed % (MERKLE_SIZE_MAX + 1));
    return 0;
}
