// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/supervision.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"

#include <signal.h>
#include <sys/wait.h>

enum {
    TICK_MS = 250,
    RULE_TICK_MS = 50,     /* while a rule is in flight */
    QUICK_DEATH_MS = 500,  /* a child that ends this soon after ready has not recovered */
    FIRST_DELAY_MS = 50,
    LOADER_RETRY_MS = 60000, /* loading walks the verifier: seldom, and not for ever in a hurry */
    START_MAX_MS = 30000, /* loading on a slow machine whose verifier refuses one program */
    RULES_LOAD_MAX_MS = 60000, /* thousands of rules on a slow machine take seconds */
    DEATHS_MAX = 2,
};

static const enum role KEPT_RUNNING[] = {ROLE_sensor, ROLE_engine, ROLE_control, ROLE_engine_b,
                                         ROLE_link,   ROLE_updater};

void supervision_init(struct supervision *supervision)
{
    *supervision = (struct supervision){0};
    static const enum role LATER[] = {ROLE_engine_b, ROLE_link, ROLE_updater, ROLE_ticket};
    for (size_t i = 0; i < sizeof LATER / sizeof LATER[0]; i++)
        supervision_disable(supervision, LATER[i]);
}

void supervision_disable(struct supervision *supervision, enum role role)
{
    struct supervised *child = &supervision->children[role];
    supervision->is_disabled[role] = true;
    if (child->state == CHILD_WAITING)
        child->state = CHILD_DOWN;
}

void supervision_enable(struct supervision *supervision, enum role role)
{
    struct supervised *child = &supervision->children[role];
    supervision->is_disabled[role] = false;
    child->quick_deaths = 0;
    if (child->state == CHILD_WAITING || child->state == CHILD_DONE)
        child->state = CHILD_DOWN;
}

static bool is_engine(enum role role)
{
    unsigned slot;
    return role_engine_slot(role, &slot);
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
    child->has_rule = false;
    child->is_killed_in_rule = false;
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

/* Signals that a process gets for what it did itself. SIGKILL is none: anybody may have sent it. */
static bool is_crash(int wait_status)
{
    static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof CRASHES / sizeof CRASHES[0]; i++)
        if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == CRASHES[i])
            return true;
    return false;
}

/* A crash, or a kill of ours, in the middle of a rule is the rule's fault. Whatever else ends an
 * engine there must do it twice, in the same rule and on the same event. */
static bool blame_rule(struct supervision *supervision, const struct supervision_event *event,
                       uint64_t now_ns, struct supervision_actions *actions)
{
    const struct supervised *engine = &supervision->children[event->role];
    bool has_rule = event->has_rule || engine->is_killed_in_rule;
    struct rule_digest rule = engine->is_killed_in_rule ? engine->rule : event->rule;
    bool is_again = has_rule && supervision->has_death_rule
                    && supervision->death_event == event->in_flight
                    && rule_digest_equal(&supervision->death_rule, &rule);
    supervision->has_death_rule = has_rule;
    supervision->death_rule = rule;
    if (!has_rule)
        return false;
    bool is_guilty = is_crash((int)event->value) || is_again || engine->is_killed_in_rule;
    if (!is_guilty || !breaker_trip(&supervision->breaker, &rule, now_ns))
        return false;
    actions->is_rule_off = true;
    actions->rule = rule;
    supervision->deaths_on_event = 0; /* without that rule the event is harmless */
    supervision->death_event = 0;
    return true;
}

/* Two engines that die on the same event, or while loading the same rules, died of it. */
static void blame(struct supervision *supervision, const struct supervision_event *event,
                  uint64_t now_ns, struct supervision_actions *actions)
{
    if (blame_rule(supervision, event, now_ns, actions))
        return;
    /* A rule in flight belongs to the set before: the new one is only waiting to be loaded. */
    struct supervised *engine = &supervision->children[event->role];
    if (engine->loading != 0 && !event->has_rule) {
        engine->loading_deaths++;
        if (engine->loading_deaths >= DEATHS_MAX) {
            actions->drop_rules = true;
            engine->loading = 0;
            engine->loading_deaths = 0;
        }
        return;
    }
    if (event->in_flight == 0)
        return;
    bool is_again = supervision->death_event == event->in_flight;
    supervision->deaths_on_event = is_again ? supervision->deaths_on_event + 1 : 1;
    supervision->death_event = event->in_flight;
    if (supervision->deaths_on_event >= DEATHS_MAX) {
        actions->skip_event = event->in_flight;
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
    if (supervision->is_disabled[event->role] || event->is_ordered) {
        enter(child, CHILD_DOWN, now_ns);
        child->loading = 0;
        return;
    }
    if (is_engine(event->role) && !event->is_candidate)
        blame(supervision, event, now_ns, actions);
    child->delay_ms = next_delay_ms(child, event->role, now_ns);
    child->start_at_ns = now_ns + child->delay_ms * NS_PER_MS;
    child->restarts++;
    enter(child, CHILD_WAITING, now_ns);
    actions->restart_delay_ms[event->role] = child->delay_ms;
}

static void say_kill(struct supervised *child, enum role role, enum supervision_kill why,
                     struct supervision_actions *actions)
{
    if (child->is_killed)
        return;
    child->is_killed = true;
    child->hangs += why == KILL_HUNG ? 1 : 0;
    actions->kill[role] = why;
}

/* On one event for too long. One that got no processor meanwhile is given more time: on a host that
 * is overloaded it is slow through no fault of its own, or of what it runs. */
static bool sits(const struct supervised *engine, uint64_t now_ns)
{
    uint64_t used_ns = engine->cpu_ns - engine->in_flight_since_cpu_ns;
    bool is_busy = used_ns >= (uint64_t)LIMIT_EVENT_HANG_MS / 2 * NS_PER_MS;
    return passed(engine->in_flight_since_ns,
                  is_busy ? LIMIT_EVENT_HANG_MS : LIMIT_HEARTBEAT_SILENCE_MS, now_ns);
}

/* Whether a running child has been silent, or has sat on one event, for too long. */
static bool hangs(const struct supervision *supervision, enum role role, uint64_t now_ns)
{
    const struct supervised *child = &supervision->children[role];
    if (child->state != CHILD_RUNNING)
        return false;
    if (child->loading != 0) {
        bool is_hasty = fault_is_planted(FAULT_START_HASTY) && role == ROLE_engine_b;
        return passed(child->loading_since_ns, is_hasty ? LIMIT_EVENT_HANG_MS : RULES_LOAD_MAX_MS,
                      now_ns);
    }
    if (is_engine(role) && child->in_flight != 0 && sits(child, now_ns))
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
        say_kill(child, role, KILL_HUNG, actions);
    if (hangs(supervision, role, now_ns))
        say_kill(child, role, KILL_HUNG, actions);
}

static void tick(struct supervision *supervision, uint64_t now_ns,
                 struct supervision_actions *actions)
{
    if (supervision->is_stopping)
        return;
    struct rule_digest rule = {{0}};
    while (breaker_try_again(&supervision->breaker, now_ns, &rule))
        actions->is_rule_on = true;
    tick_child(supervision, ROLE_loader, now_ns, actions);
    for (size_t i = 0; i < sizeof KEPT_RUNNING / sizeof KEPT_RUNNING[0]; i++)
        tick_child(supervision, KEPT_RUNNING[i], now_ns, actions);
}

/* Computing time, not time on the wall: an engine that is kept from running does not hang. It
 * bounds what a rule can eat of the memory as well, beside the limit of the address space. */
static void look_at_rule(struct supervised *engine, const struct supervision_event *event,
                         bool is_same_event, struct supervision_actions *actions)
{
    bool is_same_rule = is_same_event && engine->has_rule && event->has_rule
                        && rule_digest_equal(&engine->rule, &event->rule);
    if (!is_same_rule) {
        engine->has_rule = event->has_rule;
        engine->rule = event->rule;
        engine->rule_since_cpu_ns = event->cpu_ns;
    }
    if (!engine->has_rule || engine->state != CHILD_RUNNING)
        return;
    if (event->cpu_ns <= engine->rule_since_cpu_ns + (uint64_t)LIMIT_RULE_CPU_MS * NS_PER_MS)
        return;
    engine->is_killed_in_rule = true;
    say_kill(engine, event->role, KILL_HUNG, actions);
}

static void look(struct supervised *engine, const struct supervision_event *event,
                 uint64_t now_ns, struct supervision_actions *actions)
{
    bool is_same_event = event->value != 0 && engine->in_flight == event->value;
    engine->cpu_ns = event->cpu_ns;
    if (engine->in_flight != event->value) {
        engine->in_flight = event->value;
        engine->in_flight_since_ns = now_ns;
        engine->in_flight_since_cpu_ns = event->cpu_ns;
    }
    look_at_rule(engine, event, is_same_event, actions);
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
        say_kill(child, event->role, KILL_LIED, ret_actions);
        break;
    case SUPERVISION_LOOK:
        look(child, event, now_ns, ret_actions);
        break;
    case SUPERVISION_LOADING:
        if (child->loading != event->value)
            child->loading_deaths = 0;
        child->loading = event->value;
        child->loading_since_ns = now_ns;
        break;
    case SUPERVISION_LOADED:
        /* It could neither beat nor judge while it loaded: both times begin now. */
        child->beat_ns = now_ns;
        child->in_flight_since_ns = now_ns;
        child->in_flight_since_cpu_ns = child->cpu_ns;
        child->loading = 0;
        child->loading_deaths = 0;
        break;
    case SUPERVISION_STOP:
        supervision->is_stopping = true;
        break;
    }
    tick(supervision, now_ns, ret_actions);
}

uint64_t supervision_wait_ms(const struct supervision *supervision, uint64_t now_ns)
{
    bool has_rule = supervision->children[ROLE_engine].has_rule
                    || supervision->children[ROLE_engine_b].has_rule;
    uint64_t wait_ms = has_rule ? RULE_TICK_MS : TICK_MS;
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
