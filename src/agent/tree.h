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

enum { TREE_PROBES_MAX = 128 };

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
    char reason[LIMIT_PROBE_REASON_BYTES]; /* what the kernel said, or which step failed */
};

/* A rule that the breaker switched off. */
struct tree_rule_off {
    struct rule_digest rule;
    uint64_t until_boottime_ns; /* when it is tried again */
    uint32_t trips;             /* how often it was switched off */
};

/* From which event on the alerts of which engine count (supervisor/engine_slots.h). */
struct tree_period {
    uint64_t from;
    uint64_t slot;
};

/* A release and where it is on its way: the words of update/lifecycle and waits.def. */
struct tree_release {
    uint8_t name[16];
    uint64_t version;
    uint64_t earliest_wall_s; /* 0: other things than time decide */
    uint32_t stream;
    uint32_t state;   /* enum lifecycle_state */
    uint32_t failure; /* enum lifecycle_failure, the last one */
    uint32_t waits;   /* bits of waits.def */
    uint32_t attempts;
    uint32_t is_urgent;
};

/* How it stands with what arrives over the network. Words: agent/control/arrivals_json.c. */
struct tree_arrivals {
    uint32_t is_on;          /* there are trust anchors: updates are looked for */
    uint32_t rounds;         /* how often, since the start */
    uint64_t round_wall_s;   /* when the last one ended; 0: none did */
    uint32_t outcome;        /* of metadata: enum tuf_outcome */
    uint32_t refusal;        /* enum tuf_refusal */
    uint32_t log;            /* enum refresh_log */
    uint32_t status, retry_s; /* the server's last answer, and how long it wants to be let alone */
    uint32_t not_had, refused; /* files in the last round */
    uint32_t unnamed;          /* streams of which the repository names no release */
    uint64_t log_size, log_at_s; /* of the newest believed checkpoint */
    uint32_t offers_refused; /* by the supervisor */
    char refused_why[256];   /* why the last one was; "": the last one was taken */
};

enum { TREE_PERIODS_MAX = 16, TREE_RELEASES_MAX = LIMIT_STREAMS * LIMIT_RELEASES };

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
    /* The engines. The newest period is the last; before the first, slot 0 counts. */
    uint32_t engine_active;
    uint32_t engine_uses[ENGINE_SLOTS]; /* enum engine_use */
    uint64_t engine_sequence;           /* last event that the active one has dealt with */
    uint32_t period_count;
    uint32_t switches;                  /* from one engine to the other since the start */
    struct tree_period periods[TREE_PERIODS_MAX];
    /* Updates. */
    uint32_t boot_level;  /* enum boot_level */
    uint32_t enforcement; /* enum lifecycle_enforcement: cut where any stream's is */
    uint32_t pressure;    /* on the host: PRESSURE_ bits */
    uint32_t is_held;     /* by the administrator: all updates */
    uint32_t is_pinned;   /* to one release */
    uint32_t release_count;
    struct tree_release releases[TREE_RELEASES_MAX];
    struct tree_arrivals arrivals;
    struct tree_child children[ROLE_COUNT];
    struct tree_probe probes[TREE_PROBES_MAX];
};

RESULT tree_create(int *ret_fd);

struct tree_page;
RESULT tree_map(int fd, bool writable, struct tree_page **ret_page);
void tree_publish(struct tree_page *page, const struct tree *tree);
/* ERROR_AGAIN when the writer died in the middle. */
RESULT tree_read(const struct tree_page *page, struct tree *ret_tree);

/* How a probe (below TREE_PROBES_MAX) fared. */
void tree_set_probe(struct tree *tree, uint32_t probe, uint32_t state, uint32_t error,
                    const char *reason);

/* Adds a period; the oldest is forgotten where there is no room. */
void tree_add_period(struct tree *tree, unsigned slot, uint64_t from);
/* Whose alerts count for this event. Before all periods that are remembered: everybody's,
 * ENGINE_SLOTS, since a doubled alert is better than a lost one. */
unsigned tree_period_slot(const struct tree *tree, uint64_t sequence);

const char *child_state_name(enum child_state state);
