// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How the agent is: looks at the process tree and all counters each second, says in the agent's log
 * what changes, and makes the answer to `creance status`.
 */
#include "agent/control/agent_log.h"
#include "agent/control/alerts_log.h"
#include "agent/tree.h"
#include "base/counters.h"

struct health_options {
    const struct clock *clock;
    const struct tree_page *tree;                   /* NULL: none was handed over */
    const struct counters_view *counters[ROLE_COUNT]; /* NULL where there is none */
    int processes; /* /proc; -1: nothing is told about time and memory */
    struct agent_log *log;
    const struct alert_host *host;
    const char *sandbox; /* how this process is shut in, for people */
};

/* What others know; they set it as it changes. */
struct health_facts {
    struct alerts_log_state alerts;
    struct result agent_log; /* of the last write */
    uint64_t rule_files, rule_problems;
    struct explanation rules_failure;         /* "": the folders of rules can be read */
    struct explanation configuration_failure; /* "": it is in force, or there is none */
    size_t configuration_warnings;
    bool events_log; /* every event is written to a log too */
};

struct health;
struct health *health_new(const struct health_options *options); /* NULL: out of memory */
void health_free(struct health *health);                          /* NULL is allowed */
struct health_facts *health_facts(struct health *health);

/* Looks, when a second has passed. */
void health_work(struct health *health);
/* The answer; NULL: out of memory. */
json_t *health_status(struct health *health);

/* The tree as it was seen last. */
const struct tree *health_tree(const struct health *health);
