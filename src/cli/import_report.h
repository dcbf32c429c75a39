// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What becomes of the rules of an import: judged in the worker, told in lines or JSON.
 */
#include "cli/import_folder.h"
#include "cli/verb.h"
#include "cli/worker.h"
#include "engine/engine.h"

struct import_candidate {
    struct import_file file;
    enum import_state state;
    bool is_local; /* it lies in the folder; else it would come there */
};

/* Written by the worker. What the parent makes of it is only whether a file is copied. */
struct import_shared {
    uint64_t rules[ENGINE_RULE_REJECTED + 1]; /* of files that are not local, by their state */
    uint64_t duplicates;
    uint64_t kept;
    uint8_t is_wanted[]; /* of each candidate */
};

struct import_plan {
    const char *target; /* the folder */
    struct bytes existing; /* a pack of all rules that are here, the folder's too */
    struct import_candidate *candidates; /* first those that come, by name */
    size_t count;
    size_t capacity;
    bool is_any_source;
    struct import_shared *shared;
};

/* Says so; gives CLI_UNAVAILABLE. */
enum cli_exit import_no_memory(void);

/* In the worker: fills plan->shared and prints what is not simply taken. */
enum cli_exit import_report_run(const struct call *call, const struct import_plan *plan,
                                struct worker_place *place);

/* The last line, when it is done. */
void import_report_end(struct output *output, const struct import_plan *plan,
                       const struct import_counts *counts, bool is_dry);
