// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/engine_slots.h"

void engine_slots_init(struct engine_slots *state)
{
    *state = (struct engine_slots){.slots = {{.use = ENGINE_ACTIVE}}, .is_fresh = true};
}

const char *engine_use_word(enum engine_use use)
{
    static const char *const WORDS[] = {
        [ENGINE_UNUSED] = "unused", [ENGINE_ACTIVE] = "active", [ENGINE_NEXT] = "next",
        [ENGINE_SHADOW] = "shadow", [ENGINE_WARM] = "warm",
    };
    return (unsigned)use < sizeof WORDS / sizeof WORDS[0] ? WORDS[use] : "unknown";
}

static unsigned other(const struct engine_slots *state) { return 1 - state->active; }

static bool stands(const struct engine_slot *slot)
{
    return slot->is_loaded && !slot->is_judging && !slot->is_asked;
}

static void order_stand(struct engine_slots *state, unsigned slot, struct engine_orders *orders)
{
    if (!state->slots[slot].is_judging || state->slots[slot].is_asked)
        return;
    state->slots[slot].is_asked = true;
    orders->stand[slot] = true;
}

static void order_judge(struct engine_slots *state, unsigned slot, uint64_t until,
                        struct engine_orders *orders)
{
    state->slots[slot].is_judging = true;
    state->slots[slot].is_asked = false;
    orders->judge[slot] = true;
    orders->until[slot] = until;
}

static void empty(struct engine_slots *state, unsigned slot, struct engine_orders *orders)
{
    if (state->slots[slot].use != ENGINE_UNUSED)
        orders->stop[slot] = true;
    state->slots[slot] = (struct engine_slot){.use = ENGINE_UNUSED};
}

static void fill(struct engine_slots *state, unsigned slot, enum engine_use use, engine_load load,
                 struct engine_orders *orders)
{
    empty(state, slot, orders);
    state->slots[slot] = (struct engine_slot){.use = use, .load = load};
    orders->start[slot] = true;
}

/* Both stand, or the active one is dead: the other one takes over. */
static void finish_switch(struct engine_slots *state, struct engine_orders *orders)
{
    struct engine_slot *old = &state->slots[state->active];
    unsigned target = other(state);
    struct engine_slot *new = &state->slots[target];
    uint64_t last = old->position;
    bool is_ahead = new->use == ENGINE_SHADOW && new->position > last;
    if (is_ahead && !state->is_active_dead) {
        last = new->position; /* the old one judges up to there */
    } else if (new->use != ENGINE_SHADOW || is_ahead) {
        orders->follow[target] = true;
        new->position = last;
    }
    orders->has_period = true;
    orders->period_slot = target;
    orders->period_from = last + 1;
    new->use = ENGINE_ACTIVE;
    order_judge(state, target, 0, orders);
    if (state->is_active_dead)
        empty(state, state->active, orders);
    else
        old->use = ENGINE_WARM;
    if (!state->is_active_dead && old->position < last)
        order_judge(state, state->active, last, orders);
    state->active = target;
    state->is_switching = false;
    state->is_active_dead = false;
    orders->is_switched = true;
}

static void go_on_switching(struct engine_slots *state, struct engine_orders *orders)
{
    if (!state->is_switching)
        return;
    unsigned target = other(state);
    if (!state->slots[target].is_loaded)
        return;
    order_stand(state, target, orders);
    if (!state->is_active_dead)
        order_stand(state, state->active, orders);
    bool is_old_ready = state->is_active_dead || stands(&state->slots[state->active]);
    if (is_old_ready && stands(&state->slots[target]))
        finish_switch(state, orders);
}

/* The active one goes on, should it stand because of a switch that does not happen. */
static void give_up_switch(struct engine_slots *state, struct engine_orders *orders)
{
    state->is_switching = false;
    struct engine_slot *active = &state->slots[state->active];
    if (active->is_loaded && (active->is_asked || !active->is_judging))
        order_judge(state, state->active, 0, orders);
}

void engine_slots_begin(struct engine_slots *state) { state->is_fresh = false; }

void engine_slots_shadow(struct engine_slots *state, engine_load load,
                         struct engine_orders *ret_orders)
{
    *ret_orders = (struct engine_orders){0};
    if (state->is_switching)
        give_up_switch(state, ret_orders);
    fill(state, other(state), ENGINE_SHADOW, load, ret_orders);
    ret_orders->follow[other(state)] = true;
}

void engine_slots_activate(struct engine_slots *state, engine_load load, bool is_anew,
                           struct engine_orders *ret_orders)
{
    *ret_orders = (struct engine_orders){0};
    struct engine_slot *active = &state->slots[state->active];
    unsigned target = other(state);
    if (state->is_fresh) {
        active->load = load;
        return;
    }
    if (!is_anew && active->load == load) {
        if (state->is_switching)
            give_up_switch(state, ret_orders);
        return;
    }
    struct engine_slot *new = &state->slots[target];
    bool is_there = !is_anew && new->use != ENGINE_UNUSED && new->load == load;
    if (!is_there)
        fill(state, target, ENGINE_NEXT, load, ret_orders);
    state->is_switching = true;
    go_on_switching(state, ret_orders);
}

void engine_slots_drop(struct engine_slots *state, enum engine_use use,
                       struct engine_orders *ret_orders)
{
    *ret_orders = (struct engine_orders){0};
    if (state->slots[other(state)].use != use)
        return;
    if (state->is_switching)
        give_up_switch(state, ret_orders);
    empty(state, other(state), ret_orders);
}

void engine_slots_loaded(struct engine_slots *state, unsigned slot,
                         struct engine_orders *ret_orders)
{
    *ret_orders = (struct engine_orders){0};
    struct engine_slot *loaded = &state->slots[slot];
    if (loaded->is_loaded)
        return; /* other rules, while it runs */
    loaded->is_loaded = true;
    bool is_active = slot == state->active;
    if (is_active)
        state->is_active_dead = false;
    if (is_active || loaded->use == ENGINE_SHADOW)
        order_judge(state, slot, 0, ret_orders);
    go_on_switching(state, ret_orders);
}

void engine_slots_stands(struct engine_slots *state, unsigned slot, uint64_t position,
                         struct engine_orders *ret_orders)
{
    *ret_orders = (struct engine_orders){0};
    struct engine_slot *standing = &state->slots[slot];
    standing->position = position;
    standing->is_judging = false;
    standing->is_asked = false;
    go_on_switching(state, ret_orders);
}

void engine_slots_ended(struct engine_slots *state, unsigned slot, uint64_t position,
                        struct engine_orders *ret_orders)
{
    *ret_orders = (struct engine_orders){0};
    struct engine_slot *ended = &state->slots[slot];
    ended->is_loaded = false;
    ended->is_judging = false;
    ended->is_asked = false;
    ended->position = position;
    if (slot != state->active) {
        if (state->is_switching)
            give_up_switch(state, ret_orders);
        empty(state, slot, ret_orders);
        return;
    }
    state->is_active_dead = true;
    go_on_switching(state, ret_orders);
}
