// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Whether this host takes a release now: a pure function of the local policy and of facts that
 * others have verified. The answer is "yes", or the list of what it waits for and the earliest time
 * (waits.h). Nothing remote is in the policy, so nobody remote can loosen it.
 *
 * Age is shown twice: by the host's own first sight on the steady clock, and by the log: two
 * checkpoints, each cosigned by the witness quorum, so far apart, the first of which already held
 * the release. A lying server cannot date a release back past the host's own sight; a host that was
 * off, or whose state was lost, cannot be rushed. Evidence of health never shortens an age.
 *
 * What decides freshness: the log checkpoint, not TUF's timestamp. A checkpoint is stale when none
 * newer came for HALTS_SILENCE_S on the steady clock, which needs no wall clock; witnesses say its
 * time, and a thief of the timestamp key gains nothing. TUF's timestamp and snapshot decide which
 * files belong together and that nothing goes backwards; where its metadata has expired, no new
 * release is offered, what is active stays, and status says so. If only one of the two is fresh,
 * the other one's silence is an alarm, and releases wait for their full age.
 */
#include "update/lifecycle/halts.h"
#include "update/lifecycle/lifecycle.h"

/* A time of the week in UTC in which switches are allowed. */
struct maintenance_window {
    uint8_t days;          /* bits: 1 << 0 is Sunday */
    uint16_t start_minute; /* of the day, 0 .. 1439 */
    uint16_t minutes;      /* how long, 1 .. 1440; may run into the next day */
};

struct admission_policy {
    uint8_t ring;             /* 0 goes first and needs no evidence of a ring before it */
    bool needs_evidence;      /* of the ring before; a host without a fleet has none */
    bool is_held;
    bool is_pinned;
    struct release_name pin;
    uint8_t versions_behind;  /* 0: the newest; 1: N-1; 2: N-2 */
    uint32_t age_min_s;       /* of an ordinary release */
    uint32_t age_urgent_s;    /* of an urgent one; only the host's administrator sets it */
    uint32_t age_full_s;      /* where a partner or the log is silent */
    uint32_t age_alone_s;     /* so old, a release needs no evidence; 0: it always does */
    bool removals_need_word;  /* what takes detections away waits for the administrator */
    bool is_urgent_anytime;   /* urgent releases need no maintenance window */
    uint8_t window_count;     /* 0: always open */
    struct maintenance_window windows[LIMIT_WINDOWS];
    uint8_t lifted_count;     /* halts of these releases were lifted here by the administrator */
    struct release_name lifted[LIMIT_HALTS];
    uint8_t allowed_count;    /* these may take detections away: the administrator has looked */
    struct release_name allowed[LIMIT_HALTS];
};

/* What others have verified about one release. */
struct admission_facts {
    struct release_name release;
    bool is_urgent;
    bool takes_away;         /* it removes, mutes or excepts detections: never urgent, full age */
    struct steady_time first_seen;
    uint32_t log_age_s;      /* between the two witnessed checkpoints; 0: not logged */
    bool is_log_silent;      /* no newer witnessed checkpoint for HALTS_SILENCE_S */
    uint32_t healthy_rings;  /* bits 1 << ring: signed evidence that this ring is well with it */
    unsigned newer;          /* known releases that are newer (lifecycle_newer()) */
    struct halt_view halts;
};

/* For a host without a fleet: no ring, no evidence, a day of age, six hours for urgent ones. */
struct admission_policy admission_policy_default(void);

/* ERROR_LIMIT with a sentence where a policy does not make sense (ages out of order, a window that
 * never opens). The policy in force stays. */
RESULT admission_policy_check(const struct admission_policy *policy, struct explanation *why);

/* Admitted where `reasons` is 0. */
struct waits admission_decide(const struct admission_policy *policy,
                              const struct admission_facts *facts, struct lifecycle_time now);

/* The age that a release must have here, with these facts. */
uint32_t admission_age_s(const struct admission_policy *policy,
                         const struct admission_facts *facts);
