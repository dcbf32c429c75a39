// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What rules cost, dearest first: printed by `creance rules top` and `creance replay --top`.
 */
#include "cli/output.h"
#include "engine/engine.h"

struct rule_cost {
    const char *title; /* or the file, where there is none */
    const char *id;
    const char *file;
    struct engine_account account;
};

struct rule_costs {
    struct rule_cost *rows;
    size_t count;
    struct engine_measured measured;
};

/* The `limit` dearest (0: all that cost or matched), and sums; sorts the rows. ERROR_MEMORY. */
RESULT rule_costs_print(struct rule_costs *costs, size_t limit, struct output *output);
