// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The supervisor's table of processes and probes, in a page that control reads for `status`.
 * The supervisor writes it whole under a sequence lock; readers copy it and try again where the
 * writer was in between.
 */
#include "agent/flight.h"
#include "agent/role.h"
#include "base/limits.h"
#include "base/result.h"

#include <stdint.h>

enum { TREE_PROBES_MAX = 64 };

enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_RUNNING, CHILD_WAITING, CHILD_DONE };

struct tree_child {
    uint32_t state; /* enum child_state; WAITING: for the delay before its next start */
    uint32_t pid;
    uint32_t restarts;
    uint32_t hangs;
    uint32_t last_wait_status; /* of the one before; 0 when there was none */
    uint32_t reserved;
    uint64_t started_boottime_ns;
};

struct tree_probe {
    uint32_t state; /* enum probe_state of sensor/loader.h */
    uint32_t error; /* errno */
};

/* A rule that the breaker switched off. */
struct tree_rule_off {
    struct rule_digest rule;
    uint64_t until_boottime_ns; /* when it is tried again */
    uint32_t trips;             /* how often it was switched off */
};

struct tree {
    uint64_t epoch;        /* of the event ring */
    uint64_t boot_id_high;
    uint64_t boot_id_low;
    uint64_t started_boottime_ns;
    uint64_t rules_generation;      /* in force in the engine */
    uint64_t rules_loaded, rules_inactive, rules_rejected;
    uint64_t events_skipped;
    uint32_t rules_off_count;
    struct tree_rule_off rules_off[LIMIT_RULES_OFF];
    uint32_t is_blind; /* no eBPF program is attached */
    uint32_t probe_count;
    struct tree_child children[ROLE_COUNT];
    struct tree_probe probes[TREE_PROBES_MAX];
};

RESULT tree_create(int *ret_fd);

struct tree_page;
RESULT tree_map(int fd, bool writable, struct tree_page **ret_page);
void tree_publish(struct tree_page *page, const struct tree *tree);
/* ERROR_AGAIN when the writer died in the middle. */
RESULT tree_read(const struct tree_page *page, struct tree *ret_tree);

const char *child_state_name(enum child_state state);
