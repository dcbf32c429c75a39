// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Runs the part of a verb that parses foreign bytes (rules, recordings) in a disposable child:
 * no files, no network, bounded memory. Everything that it reads is opened before; it prints by
 * itself. When it dies, the parent says what it was at.
 */
#include "cli/verb.h"

#include <stdint.h>

enum { WORKER_NAME_BYTES = 256 };

/* Where the worker is; in memory that the parent sees too. Written by the worker as it goes, read
 * by the parent only after the worker's death, and believed for a message only. */
struct worker_place {
    char task[WORKER_NAME_BYTES]; /* "reading the rules", "rules/x.yml" */
    char rule[WORKER_NAME_BYTES]; /* title of the rule being evaluated; "" for none */
    uint64_t line;                /* of the task's file, from 1; 0: does not apply */
};

void worker_at(struct worker_place *place, const char *task);

/* In the parent, before it opens what the worker will read: all at once, so as many descriptors as
 * the system allows. */
void worker_allow_many_files(void);

typedef enum cli_exit worker_run_function(void *context, struct worker_place *place);

/* Runs `function` in the worker and gives back what it returned. Where the worker is killed (a
 * crash, the memory limit, a sandbox that cannot be had), it says so and gives CLI_INPUT or
 * CLI_UNAVAILABLE. */
enum cli_exit worker_run(const struct call *call, worker_run_function *function, void *context);
