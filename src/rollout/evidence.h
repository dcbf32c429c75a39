// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Evidence against a release: for each metric a number that may be looked at as often as one likes.
 *
 * It begins at 1 and is, for a good release, on average never more than 1 (an e-process, a test
 * martingale). So (Ville's inequality) a good release ever brings it to 100 with a chance of at
 * most 1 in 100, however often and however long one looks: no correction for looking is needed, and
 * one may stop at any time.
 *
 * Comparison. Of the hosts that turned bad since the last look, given how many they are, those with
 * the release are a binomial part w/(w+c) where both groups turn bad at the same rate; w and c are
 * the seconds for which hosts of each group could have turned bad. Evidence multiplies by the
 * likelihood of what was seen were hosts with the release r times as apt to turn bad, over the
 * likelihood at the same rate. How large r would be nobody knows: each of EVIDENCE_RATIOS has its
 * own product, and their average counts. Groups are compared role by role (stratum); what counts is
 * the average of all roles together and of each for itself, so that a fault of one role is seen.
 *
 * Against a tolerated rate, for metrics that have one: the same with Poisson's likelihood; it needs
 * no hosts without the release. Such a metric's evidence is the average of both.
 *
 * What this takes for granted: which of the hosts that turn bad have the release is by lot. It is
 * for hosts that turn bad by themselves, and also for those of one rack whose power is cut, as long
 * as the rack's hosts are with and without in the same mixture as all (waves and rings by hash see
 * to that). A site whose hosts all go first is one cause and many hosts: such a halt is false by
 * the letter and right in spirit (look). Usual rates may change with the hour, as long as they do
 * in both groups; looks must be short against how fast the group with the release grows (minutes).
 * Against tolerated rates only independent hosts are within the bound.
 *
 * How to count: a host with the release counts once in a metric, when it first turns bad, and then
 * no longer adds to w. A host without counts again after it was well again. So what wears off
 * (hosts that are always ill) wears off on the side of the release, and errs against halting.
 * Nobody can count twice against a release.
 *
 * Pure; no allocation; 5 KB.
 */
#include "rollout/fleet.h"
#include "rollout/metrics.h"

enum { EVIDENCE_RATIOS = 6 };

/* Since the last look. */
struct evidence_group {
    uint32_t bad;    /* hosts that turned bad */
    uint64_t host_s; /* seconds of all hosts that could have; at least one for each bad host */
};

struct evidence_counts {
    struct evidence_group with, without;
};

/* Strata from policy's `strata` on are not looked at. */
struct evidence_look {
    struct evidence_counts counts[FLEET_STRATA_MAX][METRIC_COUNT];
};

struct evidence {
    uint8_t strata; /* 1 .. FLEET_STRATA_MAX: fixed before the first look */
    double compared[METRIC_COUNT][FLEET_STRATA_MAX][EVIDENCE_RATIOS]; /* logarithms */
    double absolute[METRIC_COUNT][EVIDENCE_RATIOS];
    double value[METRIC_COUNT]; /* what follows from them */
    struct evidence_counts sums[METRIC_COUNT]; /* since the beginning, all strata */
};

/* Of a release of which nothing is known. */
struct evidence evidence_none(uint8_t strata);

void evidence_take(struct evidence *evidence, const struct evidence_look *look);

/* All metrics by their weights (`value` has each for itself): at most 1 on average, for a good
 * release. Those in which fewer than `hosts_min` hosts turned bad count nothing. */
double evidence_sum(const struct evidence *evidence, uint32_t hosts_min);

/* The metric that adds most to that sum; METRIC_COUNT: none does. */
enum metric evidence_strongest(const struct evidence *evidence, uint32_t hosts_min);
