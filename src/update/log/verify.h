// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a host asks of the public log, without I/O, clock or network: the files come with the
 * release, the policy is root's own file (policy.h).
 *
 *   is it in the log?      tlog_verify_entry()   RELEASE.tlog-proof (proof.h)
 *   since when, at least?  tlog_verify_age()     RELEASE.tlog-age (checkpoint_proof.h)
 *
 * Age. Each witness says a time with each cosignature. Of the older checkpoint counts
 * `existed_by_s`: the earliest moment by which a whole quorum had cosigned it. Of the newer one
 * counts `current_at_s`: the latest moment at which a whole quorum still cosigned it. The age is
 * the difference. Both ends need a whole quorum, so with one of k of n nobody makes a release look
 * older than it is without the keys of k witnesses. The host's wall clock plays no part. Where the
 * policy needs no witness, no age is ever proven.
 *
 * All results hold views into the texts that were given: these must outlive them.
 */
#include "update/log/checkpoint_proof.h"
#include "update/log/entry.h"
#include "update/log/policy.h"
#include "update/log/proof.h"

/* A checkpoint that the policy believes: signed by its log, cosigned by a quorum. */
struct tlog_witnessed {
    const struct tlog_policy_party *log; /* of the policy: the log, and its key that signed */
    struct checkpoint checkpoint;
    uint32_t witnesses; /* bit i: witness i of the policy cosigned */
    uint64_t existed_by_s, current_at_s; /* since 1970; 0: the policy needs no witness */
};

/* ERROR_FORMAT: malformed, or a signature of a known key is false; ERROR_UNSUPPORTED: an origin
 * that the policy does not name; ERROR_STATE: the log did not sign, or no quorum cosigned. Always
 * with `why`, naming the witnesses that are missing. */
RESULT tlog_verify_checkpoint(const struct tlog_policy *policy, struct bytes checkpoint,
                              struct tlog_witnessed *ret_witnessed, struct explanation *why);

/* An entry that is proven to be in a log. */
struct tlog_proven {
    struct tlog_witnessed in; /* the checkpoint that the proof leads to */
    uint64_t index;
    struct merkle_hash leaf;
};

/* `proof` is a whole .tlog-proof file. Where `entry.size` is 0, the entry is the proof's own extra
 * data. Errors as above. *ret_proof is what the file says (scratch of the caller: 10 KB). */
RESULT tlog_verify_entry(const struct tlog_policy *policy, struct bytes proof, struct bytes entry,
                         struct tlog_proof *ret_proof, struct tlog_proven *ret_proven,
                         struct explanation *why);

/* `age` is a whole .tlog-age file: a newer checkpoint of the same log and the proof that `older`
 * is its beginning. *ret_age_s is how long ago at least the older one existed, seen from the newer
 * one; 0 where its times do not come later. ERROR_STATE also where it is of another log or proves
 * from another size. */
RESULT tlog_verify_age(const struct tlog_policy *policy, const struct tlog_witnessed *older,
                       struct bytes age, struct tlog_witnessed *ret_newer, uint64_t *ret_age_s,
                       struct explanation *why);

/* What a host knows of a release before it asks. */
struct tlog_release {
    const char *name;
    uint64_t version;
    uint8_t digest[MERKLE_HASH_BYTES];
};

struct tlog_release_proof {
    const struct tlog_policy_party *log; /* of the policy */
    uint64_t index;
    uint64_t logged_by_s; /* since 1970: by then it was in the log */
    uint64_t age_s;       /* proven; 0 without an age file */
    /* The newest that the files know of the log, for who asks whether it is silent. */
    uint64_t log_size;
    uint64_t log_current_at_s;
};

/* Both questions at once: `proof` must carry an entry of kind release with exactly these facts;
 * `age.size` may be 0. ERROR_STATE, with `why`, where the entry is about something else. */
RESULT tlog_verify_release(const struct tlog_policy *policy, const struct tlog_release *release,
                           struct bytes proof, struct bytes age,
                           struct tlog_release_proof *ret_proof, struct explanation *why);
