// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Which of the two engines judges for alerts, which one only watches, and how the one takes over
 * from the other: a pure function of (state, what happened), without I/O, so that tests walk
 * through it by hand. The supervisor carries out what it says.
 *
 *   UNUSED -> SHADOW  beside the active one: judges everything, its alerts are only counted
 *   UNUSED -> NEXT    loads what shall be active, and waits
 *   SHADOW, NEXT, WARM -> ACTIVE -> WARM  loaded, judges nothing, takes over within a message
 *
 * Each engine has an alert ring and a place in the event ring of its own. Whose alerts count is
 * said by event numbers: a period (slot, first event). So no writable descriptor ever moves from
 * one engine to the other, and there is no moment at which both or none of them count.
 *
 * A planned switch: both stop; N is the number of the last event that either has judged; who is
 * behind judges up to N; from N + 1 on the new one counts. When the active one dies, the other
 * stops, is put where the dead one was, and judges the event in flight again.
 */
#include "agent/role.h"

enum engine_use { ENGINE_UNUSED, ENGINE_ACTIVE, ENGINE_NEXT, ENGINE_SHADOW, ENGINE_WARM };

/* What an engine runs: 0 is the factory set, else a number of the caller's for a release. */
typedef uint64_t engine_load;

struct engine_slot {
    enum engine_use use;
    engine_load load;
    bool is_loaded;    /* its process has loaded what it shall run */
    bool is_judging;   /* it was told to judge, and did not say since that it stands */
    bool is_asked;     /* it was told to stand, and has not answered */
    uint64_t position; /* the last event that it has judged; meaningful while it stands */
};

struct engine_slots {
    struct engine_slot slots[ENGINE_SLOTS];
    unsigned active;
    bool is_switching;   /* to the other one */
    bool is_fresh;       /* nothing was started yet */
    bool is_active_dead; /* its process ended, and the next one has not loaded yet */
};

/* What to do now; for each slot at most one of start and stop. In this order: stop, follow, period,
 * stand, judge, start. */
struct engine_orders {
    bool stop[ENGINE_SLOTS];   /* end its process; it is not started again */
    bool follow[ENGINE_SLOTS]; /* put its place in the event ring where the other one's is */
    bool has_period;           /* alerts of this slot count from this event on */
    unsigned period_slot;
    uint64_t period_from;
    bool stand[ENGINE_SLOTS];  /* judge nothing, say where you are */
    bool judge[ENGINE_SLOTS];
    uint64_t until[ENGINE_SLOTS]; /* of `judge`: the last event; 0: go on for ever */
    bool start[ENGINE_SLOTS];  /* start it (anew) with slots[].load */
    bool is_switched;          /* another load is active now */
};

/* Slot 0 is active with the factory set; what is made active before its first start takes its
 * place at once. */
void engine_slots_init(struct engine_slots *state);
/* The first one is started now. */
void engine_slots_begin(struct engine_slots *state);

/* Judge beside the active one. What stood in the other slot is given up. */
void engine_slots_shadow(struct engine_slots *state, engine_load load,
                         struct engine_orders *ret_orders);
/* Make this active: at once where the other engine has it loaded, else when it has. Until then the
 * active one goes on, or events wait in the ring. `is_anew`: not with an engine that runs. */
void engine_slots_activate(struct engine_slots *state, engine_load load, bool is_anew,
                           struct engine_orders *ret_orders);
/* The shadow, or the warm one, is not needed any longer. */
void engine_slots_drop(struct engine_slots *state, enum engine_use use,
                       struct engine_orders *ret_orders);

/* What was seen of an engine. */
void engine_slots_loaded(struct engine_slots *state, unsigned slot,
                         struct engine_orders *ret_orders);
void engine_slots_stands(struct engine_slots *state, unsigned slot, uint64_t position,
                         struct engine_orders *ret_orders);
/* Its process ended; `position`: the last event that it had dealt with. The active one is started
 * again by supervision, unless something else is made active. */
void engine_slots_ended(struct engine_slots *state, unsigned slot, uint64_t position,
                        struct engine_orders *ret_orders);

const char *engine_use_word(enum engine_use use);
