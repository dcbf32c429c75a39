// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The circuit breaker of rules: which ones are switched off because an engine died in them, and
 * when each is tried again. Pure: no I/O, no clock. A part of supervision.h.
 *
 * A rule that fails again after it was tried again stays off for twice as long, up to a day. One
 * that was well for a day begins anew.
 */
#include "agent/flight.h"
#include "base/limits.h"

enum {
    BREAKER_FIRST_MS = 10 * 60 * 1000,
    BREAKER_LAST_MS = 24 * 60 * 60 * 1000,
    BREAKER_CALM_MS = 24 * 60 * 60 * 1000,
};

struct breaker_row {
    struct rule_digest rule;
    uint64_t until_ns;  /* off: when it is tried again; on: when that was */
    uint64_t delay_ms;  /* of the last time */
    uint32_t trips;     /* how often it was switched off */
    bool is_off;
};

struct breaker {
    struct breaker_row rows[LIMIT_RULES_OFF];
    uint32_t count;
};

/* Switches `rule` off. False: LIMIT_RULES_OFF others are off already, so it stays on. */
bool breaker_trip(struct breaker *breaker, const struct rule_digest *rule, uint64_t now_ns);

/* Switches one rule on again whose time has come. False: there is none. Call it until then. */
bool breaker_try_again(struct breaker *breaker, uint64_t now_ns, struct rule_digest *ret_rule);

uint32_t breaker_off_count(const struct breaker *breaker);
