// SPDX-License-Identifier: Apache-2.0
#include "update/log/verify.h"

#include "base/bytes.h"
#include "update/log/lines.h"

/* --- checkpoints ------------------------------------------------------------------------------ */

/* When each witness of the policy signed; 0 where it did not. */
struct times {
    struct note_times of[LIMIT_POLICY_ROWS];
};

static RESULT verify_witnesses(const struct tlog_policy *policy, const struct note *note,
                               struct times *ret_times, uint32_t *ret_witnesses,
                               struct explanation *why)
{
    *ret_witnesses = 0;
    for (size_t i = 0; i < tlog_policy_witness_count(policy); i++) {
        const struct note_key *key = &tlog_policy_witness(policy, i)->key;
        struct result result = note_verify(note, key, &ret_times->of[i], why);
        if (result_is_ok(result))
            *ret_witnesses |= UINT32_C(1) << i;
        else if (result.error != ERROR_NOT_FOUND)
            return result;
    }
    return RESULT_OK;
}

static RESULT refuse_too_few(const struct tlog_policy *policy, uint32_t witnesses,
                             const struct checkpoint *checkpoint, struct explanation *why)
{
    char missing[256] = "";
    for (size_t i = 0; i < tlog_policy_witness_count(policy); i++) {
        char longer[sizeof missing];
        if ((witnesses >> i & 1) != 0)
            continue;
        (void)string_format(longer, sizeof longer, "%s%s%s", missing, *missing == '\0' ? "" : ", ",
                            tlog_policy_witness(policy, i)->name);
        (void)string_copy(missing, sizeof missing, longer); /* what is cut is not needed */
    }
    return explain(why, ERROR_STATE,
                   "the checkpoint of %llu entries is cosigned by %d of %zu witnesses, which is "
                   "no quorum; missing: %s",
                   (unsigned long long)checkpoint->size, __builtin_popcount(witnesses),
                   tlog_policy_witness_count(policy), missing);
}

/* The witnesses that had signed by `time_s`, or still did at it. */
static uint32_t signed_by(const struct times *times, uint32_t witnesses, uint64_t time_s)
{
    uint32_t found = 0;
    for (size_t i = 0; i < LIMIT_POLICY_ROWS; i++) {
        if ((witnesses >> i & 1) != 0 && times->of[i].earliest_s <= time_s)
            found |= UINT32_C(1) << i;
    }
    return found;
}

static uint32_t signed_at_or_after(const struct times *times, uint32_t witnesses, uint64_t time_s)
{
    uint32_t found = 0;
    for (size_t i = 0; i < LIMIT_POLICY_ROWS; i++) {
        if ((witnesses >> i & 1) != 0 && times->of[i].latest_s >= time_s)
            found |= UINT32_C(1) << i;
    }
    return found;
}

/* Both times are among those that the witnesses said: no other moment changes who has signed. */
static void find_times(const struct tlog_policy *policy, const struct times *times,
                       struct tlog_witnessed *witnessed)
{
    witnessed->existed_by_s = 0;
    witnessed->current_at_s = 0;
    if (tlog_policy_needs_nobody(policy))
        return;
    for (size_t i = 0; i < LIMIT_POLICY_ROWS; i++) {
        if ((witnessed->witnesses >> i & 1) == 0)
            continue;
        uint64_t early_s = times->of[i].earliest_s;
        uint64_t late_s = times->of[i].latest_s;
        if ((witnessed->existed_by_s == 0 || early_s < witnessed->existed_by_s)
            && tlog_policy_is_quorum(policy, signed_by(times, witnessed->witnesses, early_s)))
            witnessed->existed_by_s = early_s;
        if (late_s > witnessed->current_at_s
            && tlog_policy_is_quorum(policy,
                                     signed_at_or_after(times, witnessed->witnesses, late_s)))
            witnessed->current_at_s = late_s;
    }
}

static RESULT verify_note(const struct tlog_policy *policy, const struct note *note,
                          const struct checkpoint *checkpoint,
                          struct tlog_witnessed *ret_witnessed, struct explanation *why)
{
    struct tlog_witnessed witnessed = {.checkpoint = *checkpoint};
    struct times times = {0};
    GUARD(tlog_policy_find_signer(policy, note, checkpoint->origin, &witnessed.log, why));
    if (!checkpoint_is_possible(checkpoint))
        return explain(why, ERROR_FORMAT, "a checkpoint of no entries has another root than the "
                                          "empty tree");
    GUARD(verify_witnesses(policy, note, &times, &witnessed.witnesses, why));
    if (!tlog_policy_is_quorum(policy, witnessed.witnesses))
        return refuse_too_few(policy, witnessed.witnesses, checkpoint, why);
    find_times(policy, &times, &witnessed);
    *ret_witnessed = witnessed;
    return RESULT_OK;
}

RESULT tlog_verify_checkpoint(const struct tlog_policy *policy, struct bytes checkpoint,
                              struct tlog_witnessed *ret_witnessed, struct explanation *why)
{
    struct note note;
    struct checkpoint parsed;
    GUARD(checkpoint_parse_note(checkpoint, &note, &parsed, why));
    return verify_note(policy, &note, &parsed, ret_witnessed, why);
}

/* --- entries ---------------------------------------------------------------------------------- */

RESULT tlog_verify_entry(const struct tlog_policy *policy, struct bytes proof, struct bytes entry,
                         struct tlog_proof *ret_proof, struct tlog_proven *ret_proven,
                         struct explanation *why)
{
    GUARD(tlog_proof_parse(proof, ret_proof, why));
    struct tlog_proven proven = {.index = ret_proof->index};
    if (entry.size == 0)
        entry = (struct bytes){ret_proof->extra, ret_proof->extra_size};
    if (entry.size == 0)
        return explain(why, ERROR_FORMAT,
                       "the proof carries no entry (an extra line), and none was given");
    proven.leaf = merkle_leaf(entry);
    GUARD(verify_note(policy, &ret_proof->note, &ret_proof->checkpoint, &proven.in, why));
    if (!result_is_ok(merkle_verify_inclusion(ret_proof->index, ret_proof->checkpoint.size,
                                              &proven.leaf, &ret_proof->proof,
                                              &ret_proof->checkpoint.root)))
        return explain(why, ERROR_FORMAT,
                       "the entry is not number %llu of the %llu entries under this checkpoint: "
                       "the entry, the index or the proof is another one",
                       (unsigned long long)ret_proof->index,
                       (unsigned long long)ret_proof->checkpoint.size);
    *ret_proven = proven;
    return RESULT_OK;
}

/* --- age -------------------------------------------------------------------------------------- */

RESULT tlog_verify_age(const struct tlog_policy *policy, const struct tlog_witnessed *older,
                       struct bytes age, struct tlog_witnessed *ret_newer, uint64_t *ret_age_s,
                       struct explanation *why)
{
    struct checkpoint_proof proof;
    struct tlog_witnessed newer = {0};
    GUARD(checkpoint_proof_parse(age, &proof, why));
    GUARD(verify_note(policy, &proof.note, &proof.checkpoint, &newer, why));
    if (!string_equal(newer.log->key.name, older->log->key.name))
        return explain(why, ERROR_STATE, "the newer checkpoint is of the log %s, not of %s",
                       newer.log->key.name, older->log->key.name);
    if (proof.old_size != older->checkpoint.size)
        return explain(why, ERROR_STATE,
                       "the newer checkpoint is proven from %llu entries on, not from %llu",
                       (unsigned long long)proof.old_size,
                       (unsigned long long)older->checkpoint.size);
    if (!result_is_ok(checkpoint_proof_verify(&proof, &older->checkpoint.root)))
        return explain(why, ERROR_FORMAT,
                       "the log of %llu entries is not shown to begin with the one of %llu: the "
                       "proof is another one, or the log was forked",
                       (unsigned long long)newer.checkpoint.size,
                       (unsigned long long)older->checkpoint.size);
    *ret_age_s = newer.current_at_s > older->existed_by_s
                     ? newer.current_at_s - older->existed_by_s
                     : 0;
    *ret_newer = newer;
    return RESULT_OK;
}

/* --- releases --------------------------------------------------------------------------------- */

static RESULT compare_release(const struct tlog_release *release, struct bytes text,
                              struct explanation *why)
{
    struct tlog_entry entry;
    char digest[2 * MERKLE_HASH_BYTES + 1];
    GUARD(tlog_entry_parse(text, &entry, why));
    hex_encode(release->digest, sizeof release->digest, digest);
    const char *wrong = NULL;
    if (entry.kind != TLOG_KIND_RELEASE)
        wrong = "kind";
    else if (!line_is(entry.values[TLOG_FIELD_NAME], release->name))
        wrong = "name";
    else if (tlog_entry_number(&entry, TLOG_FIELD_VERSION) != release->version)
        wrong = "version";
    else if (!line_is(entry.values[TLOG_FIELD_DIGEST], digest))
        wrong = "digest";
    if (wrong != NULL)
        return explain(why, ERROR_STATE,
                       "the log entry is not about the release %s %llu: its %s is another one",
                       release->name, (unsigned long long)release->version, wrong);
    return RESULT_OK;
}

RESULT tlog_verify_release(const struct tlog_policy *policy, const struct tlog_release *release,
                           struct bytes proof, struct bytes age,
                           struct tlog_release_proof *ret_proof, struct explanation *why)
{
    struct tlog_proof parsed;
    struct tlog_proven proven;
    struct tlog_release_proof result = {0};
    GUARD(tlog_verify_entry(policy, proof, (struct bytes){0}, &parsed, &proven, why));
    GUARD(compare_release(release, (struct bytes){parsed.extra, parsed.extra_size}, why));
    struct tlog_witnessed newer = proven.in;
    if (age.size > 0)
        GUARD(tlog_verify_age(policy, &proven.in, age, &newer, &result.age_s, why));
    result.log = proven.in.log;
    result.index = proven.index;
    result.logged_by_s = proven.in.existed_by_s;
    result.log_size = newer.checkpoint.size;
    result.log_current_at_s = newer.current_at_s;
    *ret_proof = result;
    return RESULT_OK;
}
