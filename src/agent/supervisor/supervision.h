// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Which child runs, which one is to be started, killed or given up on: a pure function of (state,
 * event, time), without any I/O, so that tests walk through it by hand. The supervisor feeds it
 * what it sees and carries out what it says.
 *
 *   DOWN -> STARTING -> RUNNING -> (ends by itself) -> WAITING -> STARTING ...
 *                                   the loader, well:  DONE
 */
#include "agent/supervisor/breaker.h"
#include "agent/tree.h"

/* What is known of one child. Read it; only supervision_step() writes it. */
struct supervised {
    enum child_state state;
    uint64_t since_ns;          /* when it came into this state */
    uint64_t beat_ns;           /* last heartbeat */
    uint64_t start_at_ns;       /* WAITING: when to start it */
    uint64_t delay_ms;          /* of the last wait */
    uint32_t quick_deaths;      /* deaths in a row soon after ready: the delay doubles with each */
    uint32_t restarts;
    uint32_t hangs;
    uint64_t in_flight;         /* engine: event it works on, and since when */
    uint64_t in_flight_since_ns;
    uint64_t in_flight_since_cpu_ns; /* and its computing time then */
    uint64_t cpu_ns;            /* engine: its computing time when it was last looked at */
    struct rule_digest rule;    /* engine: rule that it works on, where there is one */
    bool has_rule;
    uint64_t rule_since_cpu_ns; /* its computing time when the rule was first seen there */
    bool is_killed_in_rule;     /* killed because of the rule in flight */
    bool is_killed;             /* a kill was said; do not say it again */
    uint64_t loading;           /* engine: generation of rules that it is loading; 0: none */
    uint64_t loading_since_ns;
    uint32_t loading_deaths;
};

struct supervision {
    struct supervised children[ROLE_COUNT];
    uint64_t death_event;     /* event the engine died on last */
    uint32_t deaths_on_event;
    struct rule_digest death_rule; /* and in which rule, where there was one */
    bool has_death_rule;
    struct breaker breaker;   /* rules that are switched off */
    uint64_t events_skipped;
    bool is_disabled[ROLE_COUNT];
    bool is_stopping;
};

enum supervision_event_type {
    SUPERVISION_TICK,         /* time has passed */
    SUPERVISION_STARTED,      /* the child was started */
    SUPERVISION_START_FAILED, /* it could not be */
    SUPERVISION_READY,
    SUPERVISION_BEAT,
    SUPERVISION_ENDED,        /* value: wait status; in_flight, rule: of the engine */
    SUPERVISION_LIED,         /* malformed or forbidden message */
    SUPERVISION_LOOK,         /* value: event in flight in the engine, 0: none; and the rule */
    SUPERVISION_LOADING,      /* value: generation handed to the engine */
    SUPERVISION_LOADED,       /* value: generation it loaded (or refused in good order) */
    SUPERVISION_STOP,
};

struct supervision_event {
    enum supervision_event_type type;
    enum role role;
    uint64_t value;
    uint64_t in_flight;
    /* LOOK and ENDED of an engine: */
    bool has_rule;
    struct rule_digest rule;
    uint64_t cpu_ns; /* computing time it has used so far */
    /* ENDED of an engine: it runs a release that is not proven yet, whose fault the end is. It
     * switches no rule off, passes over no event and drops no rule set. */
    bool is_candidate;
    bool is_ordered; /* ENDED: the supervisor had ended it on purpose */
};

enum supervision_kill { KILL_NONE, KILL_LIED, KILL_HUNG };

/* What to do now. At most one of each kind per child and step. */
struct supervision_actions {
    bool start[ROLE_COUNT];
    enum supervision_kill kill[ROLE_COUNT];
    uint64_t skip_event;           /* have the next engine pass over this one; 0: none */
    bool is_rule_off, is_rule_on;  /* a rule was switched off, or is tried again: tell the engine */
    struct rule_digest rule;       /* which one was switched off */
    bool drop_rules;               /* two engines died loading the rules on offer */
    uint64_t restart_delay_ms[ROLE_COUNT]; /* after ENDED: how long it waits */
};

void supervision_init(struct supervision *supervision);
/* Does not start this child (any more); without a loader no sensor starts either. What runs is the
 * caller's to end. The second engine begins disabled. */
void supervision_disable(struct supervision *supervision, enum role role);
/* Starts it, as soon as the one before has ended. */
void supervision_enable(struct supervision *supervision, enum role role);
void supervision_step(struct supervision *supervision, const struct supervision_event *event,
                      uint64_t now_ns, struct supervision_actions *ret_actions);

/* Milliseconds until the next step is due even if nothing happens. */
uint64_t supervision_wait_ms(const struct supervision *supervision, uint64_t now_ns);
