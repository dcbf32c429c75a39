// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The gate of a ring: may a release go on to the next one? A pure function of what was counted.
 *
 * Two questions, two answers:
 * - Does anything speak against the release? Evidence (evidence.h), at each look. Of good releases
 *   at most `false_halt_ppm` are ever halted, at most `false_pause_ppm` ever held for review. What
 *   one or two hosts say only pauses: a halt takes `halt_hosts_min` hosts that are bad in one
 *   metric. Halts stay; a pause stays until somebody has looked (gate_reviewed).
 * - Is it shown to be good? "Fewer than 1 % bad, 95 % confidence, 340 hosts, 2 h": the exact bound
 *   (Clopper and Pearson) over hosts that have run the release for `soak_s` and have reported. A
 *   test made again and again until it succeeds is wrong more often than it says; so the gate opens
 *   only when a second test agrees that may be looked at for ever: the likelihood ratio of rates
 *   below against the rate itself, which a release at that rate brings to 20 with a chance of 1 in
 *   20, ever. It asks for some more hosts than the bound alone.
 *
 * Silence. Laptops sleep: so many silent hosts are passed over as the silent ones among the hosts
 * without the release make plausible, as if they were not there; those beyond count as bad. Where
 * there are no hosts to compare with, each silent host is bad. Who has been heard and lacks numbers
 * is bad.
 *
 * Too small: where the ring has fewer hosts than any statement needs, the gate says so and how many
 * it would take. What opens it then is that every host of the ring is well, that other fleets of
 * the vendor's have shown it (pooled evidence), and a longer age.
 *
 * What no gate can see: harm that shows in none of the metrics. What the rates do not cover: a site
 * whose hosts all go first and fall together for another cause (evidence.h).
 *
 * Pure; no clock, no allocation; a gate is of fixed size.
 */
#include "base/result.h"
#include "rollout/evidence.h"

#include <stdbool.h>

struct gate_policy {
    uint32_t false_halt_ppm;
    uint32_t false_pause_ppm;
    uint32_t bad_ppm;        /* fewer hosts than that must be bad */
    uint32_t unsure_ppm;     /* the chance that a release with so many bad ones is let through */
    uint32_t hosts_min;
    uint32_t soak_s;
    uint32_t halt_hosts_min; /* at least 2: nobody halts alone */
    uint32_t small_age_s;    /* of a release, where the ring is too small */
};

/* 1 % halted, 5 % paused; fewer than 1 % bad, 95 % sure, 300 hosts, 2 h; 3 hosts; 7 days. */
extern const struct gate_policy GATE_POLICY_DEFAULT;
/* ERROR_FORMAT and the sentence: what is senseless. All else here takes only what was checked. */
RESULT gate_policy_check(const struct gate_policy *policy, struct explanation *why);

/* How few hosts, none of them bad, can open a gate. */
uint32_t gate_hosts_needed(const struct gate_policy *policy);

struct gate {
    struct evidence evidence;
    double reviewed; /* evidence that somebody has looked at: a pause takes so many times more */
    bool is_halted, is_paused;
    enum metric metric; /* which spoke loudest when it was halted or paused */
    double seen;        /* the evidence then */
};

/* For a release, before the first look: what speaks against it goes on from ring to ring, or each
 * ring would add its own false halts. `strata`: how many roles the fleet has. */
struct gate gate_open(uint8_t strata);

/* What was counted since the last look. */
void gate_take(struct gate *gate, const struct gate_policy *policy,
               const struct evidence_look *look);

/* Somebody has looked at what was found and lets the release go on. Halts stay. */
void gate_reviewed(struct gate *gate);

/* As things stand in the ring that is to be left. */
struct gate_sample {
    uint32_t ring_hosts; /* that the ring will have in all */
    uint32_t hosts;      /* that have had the release for `soak_s`, or had to leave it */
    uint32_t bad;        /* of them: bad in any metric within their first `soak_s` */
    uint32_t silent;     /* of them: neither bad nor heard of when they should have been */
    uint32_t without, without_silent; /* hosts without the release, the same */
    uint32_t age_s;      /* of the release */
    uint32_t pooled, pooled_bad; /* such hosts in other fleets, as the vendor has signed it */
};

enum gate_verdict {
    GATE_WAIT,
    GATE_HEALTHY,   /* the ring may be left */
    GATE_PAUSE,     /* no new host until somebody has looked */
    GATE_HALT,      /* and none ever */
    GATE_TOO_SMALL, /* the numbers can never show it: pooled evidence and age will */
};

struct gate_decision {
    enum gate_verdict verdict;
    enum metric metric; /* of a halt or a pause, else METRIC_COUNT */
    double evidence;    /* against the release, now */
    uint32_t hosts;     /* that the bound is about */
    uint32_t upper_ppm; /* fewer than that are bad, as sure as the policy says */
    uint32_t needed;    /* hosts for any statement at all */
    char reason[320];   /* one sentence */
};

struct gate_decision gate_decide(const struct gate *gate, const struct gate_policy *policy,
                                 const struct gate_sample *sample);

const char *gate_verdict_word(enum gate_verdict verdict);

/* What the tests can see, for plans: how many hosts, of any role, must turn bad in a metric until a
 * release is halted, when hosts with and without it have been watched for so long and so many of
 * those without turned bad. UINT32_MAX: no number does. */
uint32_t gate_hosts_to_halt(const struct gate_policy *policy, uint8_t strata, enum metric metric,
                            uint64_t with_s, const struct evidence_group *without);

/* The chance (in a million) that a release of which each of `hosts` hosts turns bad at `bad_ppm` is
 * halted: at least so much, for evidence may also have been enough at an earlier look. */
uint32_t gate_power_ppm(const struct gate_policy *policy, uint8_t strata, enum metric metric,
                        uint32_t hosts, uint32_t bad_ppm, uint64_t with_s,
                        const struct evidence_group *without);
