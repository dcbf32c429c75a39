// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The flap alarm: somebody who publishes release after release, or a fleet in which halt follows
 * halt, is out of control, whatever each single release looks like. Then everything of the stream
 * stands still until a person lifts it: no rollout starts, goes on or offers. One alarm is shared
 * by all rollouts of a stream. Pure.
 */
#include "update/lifecycle/steady_time.h"

#include <stdbool.h>

enum { FLAPS_MAX = 8 }; /* the highest limit that a policy may set */

struct flap_policy {
    uint8_t starts_max; /* releases started within `starts_s`; more raise it. 1 .. FLAPS_MAX */
    uint8_t stops_max;  /* halts and rollbacks within `stops_s`: one bad release is two */
    uint32_t starts_s, stops_s;
};

struct flap_times {
    uint8_t count, next;
    struct steady_time at[FLAPS_MAX];
};

struct flap_alarm {
    struct flap_times starts, stops;
    bool is_raised;
    struct steady_time raised_at;
    uint32_t raises; /* how often it was raised, ever: who looks seldom misses none */
};

/* A release was started; one was halted or rolled back. True: this raised the alarm. */
bool flap_alarm_start(struct flap_alarm *alarm, const struct flap_policy *policy,
                      struct steady_time now);
bool flap_alarm_stop(struct flap_alarm *alarm, const struct flap_policy *policy,
                     struct steady_time now);

/* A person has looked. What was counted is forgotten: the next one starts a new count. */
void flap_alarm_lift(struct flap_alarm *alarm);
