// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Trust anchors: the keys of witnesses, partners and release roles that a host believes. They are
 * root-owned local files and never content. They change by the administrator's hand, or by a set
 * that a quorum of the old *and* a quorum of the new keys signed, after the longest age: a thief of
 * every new key needs a quorum of the old ones too, and everybody has a week to see it in the log.
 */
#include "base/limits.h"
#include "base/result.h"
#include "update/lifecycle/steady_time.h"

#include <stdint.h>

enum { ANCHOR_KEY_BYTES = 32 };

struct anchor_set {
    uint64_t number; /* each change takes the next one */
    uint8_t quorum;
    uint8_t count;
    uint8_t keys[LIMIT_ANCHOR_KEYS][ANCHOR_KEY_BYTES]; /* SHA-256 of each public key */
};

/* What others have verified about a proposed set. */
struct anchor_change {
    bool is_by_administrator; /* root wrote it on this host */
    uint8_t old_signatures;   /* distinct keys of the old set that signed it */
    uint8_t new_signatures;   /* distinct keys of the new set that signed it */
    struct steady_time first_seen;
    uint32_t log_age_s;       /* see admission.h */
};

enum anchor_verdict {
    ANCHOR_ALLOWED,
    ANCHOR_WAITS,      /* well signed, but not old enough yet */
    ANCHOR_UNSIGNED,   /* no quorum of the old or of the new keys */
    ANCHOR_NOT_NEXT,   /* its number does not follow the old one's */
    ANCHOR_UNSOUND,    /* quorum 0 or above its keys, too many keys, or one key twice */
};

/* `age_s`: the longest age that the host's policy knows (admission_policy.age_full_s), but never
 * less than a week. */
enum anchor_verdict anchor_change_judge(const struct anchor_set *old, const struct anchor_set *new,
                                        const struct anchor_change *change, uint32_t age_s,
                                        struct steady_time now);
