// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the two files that lie beside a release, a .tlog-proof and a .tlog-age; the second
 * is also what a witness is sent. What is read is written back to the same bytes, and nothing is
 * believed: the policy's keys signed none of it.
 */
#include "update/log/verify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct tlog_policy *make_policy(void)
{
    static const char TEXT[] =
        "log example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\nquorum none\n";
    struct tlog_policy *policy;
    require(result_is_ok(tlog_policy_parse((struct bytes){(const uint8_t *)TEXT, sizeof TEXT - 1},
                                           &policy, NULL)));
    return policy;
}

static void try_proof(const struct tlog_policy *policy, struct bytes input)
{
    static struct tlog_proof proof;
    static uint8_t again[LIMIT_PROOF_FILE_BYTES];
    static const struct bytes ENTRY = {(const uint8_t *)"entry", 5};
    struct tlog_proven proven;
    struct writer writer = writer_of(again, sizeof again);
    if (!result_is_ok(tlog_proof_parse(input, &proof, NULL)))
        return;
    require(proof.proof.count <= MERKLE_PROOF_MAX && proof.extra_size <= sizeof proof.extra);
    require(result_is_ok(tlog_proof_write(&writer, &proof)));
    require(writer.at == input.size && memcmp(again, input.data, input.size) == 0);
    require(!result_is_ok(tlog_verify_entry(policy, input, ENTRY, &proof, &proven, NULL)));
    struct merkle_hash leaf = merkle_leaf(ENTRY);
    /* Nobody signs here, so the tree is tried by itself. */
    (void)result_is_ok(merkle_verify_inclusion(proof.index, proof.checkpoint.size, &leaf,
                                               &proof.proof, &proof.checkpoint.root));
}

static void try_age(const struct tlog_policy *policy, struct bytes input)
{
    static struct checkpoint_proof proof;
    static uint8_t again[LIMIT_PROOF_FILE_BYTES];
    struct writer writer = writer_of(again, sizeof again);
    struct tlog_witnessed older = {.log = tlog_policy_log(policy, 0)}, newer;
    uint64_t age_s;
    if (!result_is_ok(checkpoint_proof_parse(input, &proof, NULL)))
        return;
    require(result_is_ok(checkpoint_proof_write(&writer, &proof)));
    require(writer.at == input.size && memcmp(again, input.data, input.size) == 0);
    (void)result_is_ok(checkpoint_proof_verify(&proof, &proof.checkpoint.root));
    older.checkpoint = proof.checkpoint;
    require(!result_is_ok(tlog_verify_age(policy, &older, input, &newer, &age_s, NULL)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tlog_policy *policy;
    if (policy == NULL)
        policy = make_policy();
    try_proof(policy, (struct bytes){data, size});
    try_age(policy, (struct bytes){data, size});
    return 0;
}
