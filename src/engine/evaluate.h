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
    uint64_t steps_left;
    bool is_exhausted; /* the budget ended an evaluation: its result does not count */
};

/* Whether rule `rule` matches; false too where the budget ended it. */
bool evaluate_rule(struct evaluation *evaluation, const struct program_rule *rule);
