// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Judges one rule of a program against one event. Bounded: instructions jump forward only, and
 * each comparison takes steps from the event's budget.
 */
#include "engine/view.h"

struct evaluation {
    const struct program *program;
    const struct engine_event *event;
    hs_scratch_t *scratch;
    uint64_t steps_left;      /* for the event: LIMIT_EVALUATION_STEPS */
    uint64_t rule_steps_left; /* for the present rule: set by evaluate_rule() */
    bool is_stopped;          /* the present rule used up its steps, or the event's */
    bool is_incomplete;       /* that happened to some rule of this event */
};

/* Whether rule `rule` matches; false too where a budget ended it. */
bool evaluate_rule(struct evaluation *evaluation, const struct program_rule *rule);
