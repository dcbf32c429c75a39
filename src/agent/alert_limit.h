// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How much each rule may put into the alert ring, so that one that floods cannot push the alerts of
 * others out of it. Each rule has a small reserve of its own; beyond that those that flood share a
 * part of the ring. What is over is counted and told once a second as one alert with the number.
 * Pure: no clock, no ring.
 */
#include "base/result.h"

#include <stdint.h>

struct alert_limit;

/* For rules 0 .. count - 1. NULL: out of memory. */
struct alert_limit *alert_limit_new(size_t count);
void alert_limit_free(struct alert_limit *limit); /* NULL is allowed */

enum alert_verdict {
    ALERT_TELL,  /* write it */
    ALERT_GROUP, /* write it as one that stands for `count` matches, itself among them */
    ALERT_COUNT, /* do not write it: it is counted */
};

/* A match of `rule` on event `sequence`, whose record has `bytes`. */
enum alert_verdict alert_limit_judge(struct alert_limit *limit, size_t rule, uint64_t sequence,
                                     size_t bytes, uint64_t now_ns, uint64_t *ret_count);

/* The next rule whose count has waited for a second (with `all`: any), which is then forgotten:
 * `count` matches, the last of them on event `sequence`. false: none. */
bool alert_limit_due(struct alert_limit *limit, uint64_t now_ns, bool all, size_t *ret_rule,
                     uint64_t *ret_count, uint64_t *ret_sequence);
