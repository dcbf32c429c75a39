// SPDX-License-Identifier: Apache-2.0
#include "update/log/proof_files.h"

#include "base/bytes.h"
#include "update/log/checkpoint_proof.h"
#include "update/log/proof.h"

#include <stdlib.h>

static RESULT fill_proof(struct tile_tree *tree, uint64_t index, struct tile_bundle *bundle,
                         struct tlog_proof *proof, struct explanation *why)
{
    GUARD(tile_tree_bundle(tree, index, bundle, why));
    struct bytes entry = bundle->entries[index - bundle->first];
    bytes_copy(proof->extra, sizeof proof->extra, entry.data, entry.size);
    proof->extra_size = entry.size;
    return tile_tree_prove_inclusion(tree, index, &proof->proof, why);
}

RESULT proof_file_write(struct tile_tree *tree, struct bytes whole, uint64_t index,
                        struct writer *writer, struct explanation *why)
{
    struct tlog_proof proof = {.index = index, .whole = whole};
    struct tile_bundle *bundle = malloc(sizeof *bundle);
    if (bundle == NULL)
        return explain(why, ERROR_MEMORY, "no memory for a bundle of entries");
    struct result result = fill_proof(tree, index, bundle, &proof, why);
    free(bundle);
    GUARD(result);
    if (!result_is_ok(tlog_proof_write(writer, &proof)))
        return explain(why, ERROR_LIMIT, "the proof is too long");
    return RESULT_OK;
}

RESULT age_file_write(struct tile_tree *tree, struct bytes whole, uint64_t old_size,
                      struct writer *writer, struct explanation *why)
{
    struct checkpoint_proof proof = {.old_size = old_size, .whole = whole};
    GUARD(tile_tree_prove_consistency(tree, old_size, &proof.proof, why));
    if (!result_is_ok(checkpoint_proof_write(writer, &proof)))
        return explain(why, ERROR_LIMIT, "the proof is too long");
    return RESULT_OK;
}
