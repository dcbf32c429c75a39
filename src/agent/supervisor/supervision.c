// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/supervision.h"

#include "base/clock.h"
#include "base/limits.h"

enum {
    TICK_MS = 250,
    QUICK_DEATH_MS = 500,  /* a child that ends this soon after ready has not recovered */
    FIRST_DELAY_MS = 50,
    LOADER_RETRY_MS = 60000, /* loading walks the verifier: seldom, and not for ever in a hurry */
    START_MAX_MS = 30000, /* loading on a slow machine whose verifier refuses one program */
    RULES_LOAD_MAX_MS = 60000, /* thousands of rules on a slow machine take seconds */
    DEATHS_MAX = 2,
};

static const enum role KEPT_RUNNING[] = {ROLE_sensor, ROLE_engine, ROLE_control};

void supervision_init(struct supervision *supervision)
{
    *supervision = (struct supervision){0};
}

void supervision_disable(struct supervision *supervision, enum role role)
{
    supervision->is_disabled[role] = true;
}

static bool passed(uint64_t since_ns, uint64_t limit_ms, uint64_t now_ns)
{
    return now_ns > since_ns && now_ns - since_ns > limit_ms * NS_PER_MS;
}

static void enter(struct supervised *child, enum child_state state, uint64_t now_ns)
{
    child->state = state;
    child->since_ns = now_ns;
    child->beat_ns = now_ns;
    child->in_flight = 0;
    child->is_killed = false;
}

static uint64_t next_delay_ms(struct supervised *child, enum role role, uint64_t now_ns)
{
    if (role == ROLE_loader)
        return LOADER_RETRY_MS;
    bool was_well =
        child->state == CHILD_RUNNING && passed(child->since_ns, QUICK_DEATH_MS, now_ns);
    child->quick_deaths = was_well ? 0 : child->quick_deaths + 1;
    if (child->quick_deaths == 0)
        return 0;
    uint64_t delay_ms = FIRST_DELAY_MS;
    for (uint32_t i = 1; i < child->quick_deaths && delay_ms < LIMIT_RESTART_DELAY_MAX_MS; i++)
        delay_ms *= 2;
    return delay_ms < LIMIT_RESTART_DELAY_MAX_MS ? delay_ms : LIMIT_RESTART_DELAY_MAX_MS;
}

/* Two engines that die on the same event, or while loading the same rules, died of it. */
static void blame(struct supervision *supervision, uint64_t in_flight,
                  struct supervision_actions *actions)
{
    if (supervision->loading != 0) {
        supervision->loading_deaths++;
        if (supervision->loading_deaths >= DEATHS_MAX) {
            actions->drop_rules = true;
            supervision->loading = 0;
            supervision->loading_deaths = 0;
        }
        return;
    }
    if (in_flight == 0)
        return;
    bool is_again = supervision->death_event == in_flight;
    supervision->deaths_on_event = is_again ? supervision->deaths_on_event + 1 : 1;
    supervision->death_event = in_flight;
    if (supervision->deaths_on_event >= DEATHS_MAX) {
        actions->skip_event = in_flight;
        supervision->events_skipped++;
        supervision->deaths_on_event = 0;
    }
}

static void ended(struct supervision *supervision, const struct supervision_event *event,
                  uint64_t now_ns, struct supervision_actions *actions)
{
    struct supervised *child = &supervision->children[event->role];
    bool is_well_done = event->role == ROLE_loader && event->value == 0
                        && event->type == SUPERVISION_ENDED;
    if (is_well_done || supervision->is_stopping) {
        enter(child, supervision->is_stopping ? CHILD_DOWN : CHILD_DONE, now_ns);
        return;
    }
    if (event->role == ROLE_engine)
        blame(supervision, event->in_flight, actions);
    child->delay_ms = next_delay_ms(child, event->role, now_ns);
    child->start_at_ns = now_ns + child->delay_ms * NS_PER_MS;
    child->restarts++;
    enter(child, CHILD_WAITING, now_ns);
    actions->restart_delay_ms[event->role] = child->delay_ms;
}

static void say_kill(struct supervised *child, enum role role, bool is_hang,
                     struct supervision_actions *actions)
{
    if (child->is_killed)
        return;
    child->is_killed = true;
    child->hangs += is_hang ? 1 : 0;
    actions->kill[role] = true;
    actions->is_hang[role] = is_hang;
}

/* Whether a running child has been silent, or has sat on one event, for too long. */
static bool hangs(const struct supervision *supervision, enum role role, uint64_t now_ns)
{
    const struct supervised *child = &supervision->children[role];
    if (child->state != CHILD_RUNNING)
        return false;
    if (role == ROLE_engine && supervision->loading != 0)
        return passed(supervision->loading_since_ns, RULES_LOAD_MAX_MS, now_ns);
    if (role == ROLE_engine && child->in_flight != 0
        && passed(child->in_flight_since_ns, LIMIT_EVENT_HANG_MS, now_ns))
        return true;
    return passed(child->beat_ns, LIMIT_HEARTBEAT_SILENCE_MS, now_ns);
}

/* The sensor has nothing to read before the loader is done. */
static bool may_start(const struct supervision *supervision, enum role role)
{
    if (supervision->is_disabled[role])
        return false;
    return role != ROLE_sensor || supervision->children[ROLE_loader].state == CHILD_DONE;
}

static void tick_child(struct supervision *supervision, enum role role, uint64_t now_ns,
                       struct supervision_actions *actions)
{
    struct supervised *child = &supervision->children[role];
    bool is_due = child->state == CHILD_DOWN
                  || (child->state == CHILD_WAITING && now_ns >= child->start_at_ns);
    if (is_due && may_start(supervision, role)) {
        actions->start[role] = true;
        enter(child, CHILD_STARTING, now_ns);
        return;
    }
    if (child->state == CHILD_STARTING && passed(child->since_ns, START_MAX_MS, now_ns))
        say_kill(child, role, true, actions);
    if (hangs(supervision, role, now_ns))
        say_kill(child, role, true, actions);
}

static void tick(struct supervision *supervision, uint64_t now_ns,
                 struct supervision_actions *actions)
{
    if (supervision->is_stopping)
        return;
    tick_child(supervision, ROLE_loader, now_ns, actions);
    for (size_t i = 0; i < sizeof KEPT_RUNNING / sizeof KEPT_RUNNING[0]; i++)
        tick_child(supervision, KEPT_RUNNING[i], now_ns, actions);
}

static void look(struct supervised *engine, uint64_t in_flight, uint64_t now_ns)
{
    if (engine->in_flight != in_flight) {
        engine->in_flight = in_flight;
        engine->in_flight_since_ns = now_ns;
    }
}

void supervision_step(struct supervision *supervision, const struct supervision_event *event,
                      uint64_t now_ns, struct supervision_actions *ret_actions)
{
    *ret_actions = (struct supervision_actions){0};
    struct supervised *child = &supervision->children[event->role];
    switch (event->type) {
    case SUPERVISION_TICK:
    case SUPERVISION_STARTED:
        break;
    case SUPERVISION_READY:
        enter(child, CHILD_RUNNING, now_ns);
        break;
    case SUPERVISION_BEAT:
        child->beat_ns = now_ns;
        break;
    case SUPERVISION_START_FAILED:
    case SUPERVISION_ENDED:
        ended(supervision, event, now_ns, ret_actions);
        break;
    case SUPERVISION_LIED:
        say_kill(child, event->role, false, ret_actions);
        break;
    case SUPERVISION_LOOK:
        look(&supervision->children[ROLE_engine], event->value, now_ns);
        break;
    case SUPERVISION_LOADING:
        if (supervision->loading != event->value)
            supervision->loading_deaths = 0;
        supervision->loading = event->value;
        supervision->loading_since_ns = now_ns;
        break;
    case SUPERVISION_LOADED:
        /* It could neither beat nor judge while it loaded: both times begin now. */
        supervision->children[ROLE_engine].beat_ns = now_ns;
        supervision->children[ROLE_engine].in_flight_since_ns = now_ns;
        supervision->loading = 0;
        supervision->loading_deaths = 0;
        break;
    case SUPERVISION_STOP:
        supervision->is_stopping = true;
        break;
    }
    tick(supervision, now_ns, ret_actions);
}

uint64_t supervision_wait_ms(const struct supervision *supervision, uint64_t now_ns)
{
    uint64_t wait_ms = TICK_MS;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct supervised *child = &supervision->children[i];
        if (child->state != CHILD_WAITING)
            continue;
        uint64_t left_ms =
            child->start_at_ns > now_ns ? (child->start_at_ns - now_ns) / NS_PER_MS + 1 : 0;
        if (left_ms < wait_ms)
            wait_ms = left_ms;
    }
    return wait_ms;
}
