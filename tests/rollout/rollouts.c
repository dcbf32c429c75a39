// SPDX-License-Identifier: Apache-2.0
#include "tests/rollout/rollouts.h"

#include "base/bytes.h"
#include "rollout/controller.h"

#include <stdio.h>
#include <string.h>

enum {
    ROLLOUTS = 3,
    PEOPLE = 4,
    PARTNERS = 3,
    WINDOWS = 2,
    STEPS_MIN = 20,
    STEPS_MORE = 120,
    TIMES_KEPT = 64,
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    START_S = 1000000,
};

static const char *const NAMES[PEOPLE] = {"ada", "grace", "barbara", "frances"};

/* What this test itself remembers of a ring. */
struct ring_memory {
    bool is_started;
    struct steady_time started_at, verdict_at;
    uint8_t verdict;        /* event; 0: none since the ring was started */
    uint32_t approved;      /* people, a bit each */
    struct waves_started waves; /* in seconds of `clock_s` */
};

enum phase { PLANNED, LIVE, PAUSED, HALTED };

struct memory {
    bool is_open, is_done, is_gate_paused;
    enum phase phase;
    unsigned starter;
    uint32_t windows, partners;
    uint32_t clock_s; /* for which nothing held it, gates that are silent not counted */
    uint32_t rows;
    unsigned rings;
    struct ring_memory ring[FLEET_RINGS_MAX];
};

struct times {
    unsigned count;
    uint32_t at[TIMES_KEPT];
};

struct history {
    uint64_t random;
    bool is_rough; /* more breaches, halts and freezes than others */
    struct controller_policy policy;
    struct controller_stream stream;
    struct controller rollouts[ROLLOUTS];
    struct memory memories[ROLLOUTS];
    struct times starts, stops;
    bool is_alarmed;
    uint64_t version;
    struct lifecycle_time now;
    unsigned at; /* the rollout that the event is for */
    struct controller_event event;
    struct controller before;
    struct controller_actions actions;
    const char *broken;
    struct rollouts_verdict seen;
};

static uint64_t roll(struct history *history)
{
    uint64_t mixed = history->random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static unsigned below(struct history *history, unsigned limit)
{
    return (unsigned)((roll(history) >> 32) * limit >> 32);
}

static void must(struct history *history, bool holds, const char *what)
{
    if (!holds && history->broken == NULL)
        history->broken = what;
}

static bool does(const struct history *history, enum controller_action action)
{
    return (history->actions.todo >> action & 1) != 0;
}

static uint32_t since(const struct history *history, struct steady_time then)
{
    return steady_since(then, history->now.steady);
}

/* --- what holds a rollout, by this bookkeeping ---------------------------------------------- */

static bool is_watched(const struct history *history, const struct memory *memory)
{
    for (unsigned i = 0; i < memory->rings; i++) {
        const struct ring_memory *ring = &memory->ring[i];
        struct steady_time last = ring->verdict != 0 ? ring->verdict_at : ring->started_at;
        if (since(history, last) > history->policy.verdict_fresh_s)
            return false;
    }
    return true;
}

static bool is_held(const struct history *history, const struct memory *memory)
{
    return memory->phase != LIVE || memory->windows != 0 || history->is_alarmed;
}

static void pass_time(struct history *history, uint32_t seconds)
{
    for (unsigned i = 0; i < ROLLOUTS; i++)
        if (!is_held(history, &history->memories[i]))
            history->memories[i].clock_s += seconds;
    history->now.steady = steady_after(history->now.steady, seconds);
    history->now.wall.s += seconds;
}

/* --- what must hold when something starts --------------------------------------------------- */

static bool is_through(const struct history *history, const struct memory *memory, unsigned ring)
{
    struct steady_time clock = {memory->clock_s};
    return memory->ring[ring].waves.started == history->policy.rings[ring].waves.count
           && wave_limit(&history->policy.rings[ring].waves, &memory->ring[ring].waves, clock)
                  == UINT64_MAX;
}

static void check_entry(struct history *history, const struct memory *memory, unsigned ring)
{
    const struct controller_plan *plan = &history->rollouts[history->at].plan;
    const struct controller_ring *wanted = &history->policy.rings[ring];
    uint32_t age_s = wanted->age_s;
    if (plan->is_urgent && history->policy.urgent_age_s < age_s)
        age_s = history->policy.urgent_age_s;
    unsigned approvals = wanted->approvals;
    if (plan->is_urgent && ring != 0 && approvals == 0)
        approvals = 1;
    uint32_t others = memory->ring[ring].approved & ~(1u << memory->starter);
    must(history, since(history, plan->published_at) >= age_s, "nothing shortens an age floor");
    must(history, (unsigned)__builtin_popcount(others) >= approvals,
         "a ring begins with the approvals of others than who started it");
    if (ring == 0)
        return;
    must(history, memory->ring[ring - 1].verdict == CONTROLLER_EVENT_VERDICT_HEALTHY,
         "a ring begins only when the gate of the one before says healthy");
    must(history, is_through(history, memory, ring - 1),
         "a ring begins when all waves before it are through");
    must(history, does(history, CONTROLLER_ACTION_PROMOTE), "a new ring has its promotion");
    must(history, history->actions.row.verdict.event == CONTROLLER_EVENT_VERDICT_HEALTHY,
         "the row of a promotion names the verdict that it rests on");
}

static void check_start(struct history *history, struct memory *memory)
{
    bool is_ring = does(history, CONTROLLER_ACTION_START_RING);
    unsigned ring = history->actions.row.ring;
    must(history, history->event.type == CONTROLLER_EVENT_TICK, "only time starts something");
    must(history, memory->phase != HALTED, "nothing starts after a halt");
    must(history, memory->phase == LIVE, "nothing starts that is planned or paused");
    must(history, memory->windows == 0, "nothing starts in a change freeze");
    must(history, !history->is_alarmed, "nothing starts while the flap alarm is raised");
    must(history, is_watched(history, memory), "nothing starts while a gate says nothing");
    must(history, ring + (is_ring ? 0u : 1u) == memory->rings, "rings and waves come in order");
    if (history->broken != NULL)
        return;
    struct ring_memory *started = &memory->ring[ring];
    if (is_ring) {
        check_entry(history, memory, ring);
        memory->rings++;
        started->is_started = true;
        started->started_at = history->now.steady;
        history->seen.rings++;
    } else {
        struct steady_time clock = {memory->clock_s};
        must(history, wave_may_start(&history->policy.rings[ring].waves, &started->waves, clock),
             "a wave begins when the one before is through and its pause is over");
    }
    if (started->waves.started < WAVES_MAX)
        started->waves.at[started->waves.started++].s = memory->clock_s;
}

/* --- what must follow from what was said ---------------------------------------------------- */

static bool is_taken(const struct history *history)
{
    return history->actions.refusal == CONTROLLER_REFUSAL_NONE;
}

static bool is_verdict(const struct history *history)
{
    return history->event.type >= CONTROLLER_EVENT_VERDICT_OPEN
           && history->event.type <= CONTROLLER_EVENT_VERDICT_HALT;
}

static void take_verdict(struct history *history, struct memory *memory)
{
    struct ring_memory *ring = &memory->ring[history->event.ring];
    const struct controller *state = &history->rollouts[history->at];
    bool is_breach = history->event.type == CONTROLLER_EVENT_VERDICT_HALT;
    bool is_doubt = history->event.type == CONTROLLER_EVENT_VERDICT_PAUSE;
    must(history, is_taken(history) == ring->is_started,
         "a gate is heard, but for a ring that nobody was offered to");
    if (!ring->is_started)
        return;
    ring->verdict = history->event.type;
    ring->verdict_at = history->now.steady;
    if (memory->phase == HALTED)
        return;
    bool halts = is_breach && history->event.verdict.bad_hosts >= history->policy.halt_hosts_min;
    must(history, does(history, CONTROLLER_ACTION_HALT) == halts,
         "enough hosts halt, and fewer do not");
    if (halts) {
        must(history, state->state == CONTROLLER_HALTED, "a breach that is found halts");
        memory->phase = HALTED;
    } else if (is_breach || is_doubt) {
        must(history, state->state == CONTROLLER_PAUSED, "what a gate doubts is held for review");
        memory->phase = PAUSED;
        memory->is_gate_paused = true;
    }
}

static void take_recall(struct history *history, struct memory *memory)
{
    const struct controller *state = &history->rollouts[history->at];
    if (memory->phase == PLANNED || history->before.state == CONTROLLER_RECALLED) {
        must(history, !does(history, CONTROLLER_ACTION_RECALL), "nothing is recalled twice");
        return;
    }
    memory->partners |= 1u << history->event.who.partner;
    bool is_enough = (unsigned)__builtin_popcount(memory->partners)
                     >= history->policy.recall_partners;
    must(history, does(history, CONTROLLER_ACTION_RECALL) == is_enough,
         "a recall takes as many partners as the policy says, and no more");
    must(history, state->state == (is_enough ? CONTROLLER_RECALLED : CONTROLLER_HALTED),
         "a partner who asks for a recall halts at least");
    memory->phase = HALTED;
}

static void take_rollback(struct history *history, const struct memory *memory)
{
    bool is_asked = does(history, CONTROLLER_ACTION_ROLLBACK);
    bool has_before = !release_name_is_factory(history->before.plan.before);
    must(history, is_asked == (memory->phase == HALTED && has_before),
         "a rollback follows a halt, where there is something to go back to");
    if (!is_asked)
        return;
    must(history, history->actions.row.version > history->version,
         "a rollback has a higher version than all that the stream has seen");
    must(history, release_name_equal(history->actions.row.restores, history->before.plan.before),
         "a rollback brings back what was before");
    history->version = history->actions.row.version;
}

static void take_resume(struct history *history, struct memory *memory)
{
    bool is_starter = strcmp(history->event.who.name, NAMES[memory->starter]) == 0;
    must(history, !is_taken(history) || memory->phase == PAUSED, "only what is paused is resumed");
    must(history, !is_taken(history) || !memory->is_gate_paused || !is_starter
                      || !history->policy.is_review_by_another,
         "who started it does not review it");
    if (!is_taken(history))
        return;
    memory->phase = LIVE;
    memory->is_gate_paused = false;
}

static unsigned person_of(const struct history *history)
{
    unsigned person = 0;
    while (person + 1 < PEOPLE && strcmp(history->event.who.name, NAMES[person]) != 0)
        person++;
    return person;
}

static bool may_start(const struct history *history)
{
    return !history->before.plan.is_urgent || history->event.reason[0] != 0;
}

static void take_word(struct history *history, struct memory *memory)
{
    switch ((enum controller_event_type)history->event.type) {
    case CONTROLLER_EVENT_START:
        must(history, is_taken(history) == (memory->phase == PLANNED && may_start(history)),
             "it is started once, and an urgent one with a reason");
        if (is_taken(history)) {
            memory->phase = LIVE;
            memory->starter = person_of(history);
        }
        break;
    case CONTROLLER_EVENT_APPROVE:
        if (is_taken(history))
            memory->ring[history->event.ring].approved |= 1u << person_of(history);
        break;
    case CONTROLLER_EVENT_PAUSE:
        must(history, is_taken(history) == (memory->phase == LIVE), "what runs can be paused");
        if (is_taken(history))
            memory->phase = PAUSED;
        break;
    case CONTROLLER_EVENT_RESUME:
        take_resume(history, memory);
        break;
    case CONTROLLER_EVENT_HALT:
        must(history, does(history, CONTROLLER_ACTION_HALT) == (memory->phase != HALTED),
             "whoever asks for a halt gets it");
        memory->phase = HALTED;
        break;
    case CONTROLLER_EVENT_RECALL:
        take_recall(history, memory);
        break;
    case CONTROLLER_EVENT_ROLLBACK:
        take_rollback(history, memory);
        break;
    case CONTROLLER_EVENT_FREEZE:
        memory->windows |= 1u << history->event.window;
        break;
    case CONTROLLER_EVENT_THAW:
        memory->windows &= ~(1u << history->event.window);
        break;
    default:
        break;
    }
}

/* --- the flap alarm ------------------------------------------------------------------------- */

static bool note(struct history *history, struct times *times, unsigned max, uint32_t within_s)
{
    unsigned recent = 1;
    for (unsigned i = 0; i < times->count; i++)
        recent += steady_since((struct steady_time){times->at[i]}, history->now.steady) < within_s;
    if (times->count < TIMES_KEPT)
        times->at[times->count++] = history->now.steady.s;
    return recent > max;
}

static void check_alarm(struct history *history)
{
    const struct flap_policy *flaps = &history->policy.flaps;
    bool is_over = false, is_lift = history->event.type == CONTROLLER_EVENT_LIFT;
    if (history->event.type == CONTROLLER_EVENT_START && is_taken(history))
        is_over = note(history, &history->starts, flaps->starts_max, flaps->starts_s);
    if (does(history, CONTROLLER_ACTION_HALT) || does(history, CONTROLLER_ACTION_ROLLBACK))
        is_over = note(history, &history->stops, flaps->stops_max, flaps->stops_s);
    must(history, does(history, CONTROLLER_ACTION_RAISE_ALARM) == (is_over && !history->is_alarmed),
         "too many starts or stops raise the flap alarm, and nothing else does");
    history->is_alarmed = history->is_alarmed || is_over;
    if (is_lift && is_taken(history)) {
        history->is_alarmed = false;
        history->starts.count = history->stops.count = 0;
    }
    must(history, history->stream.alarm.is_raised == history->is_alarmed,
         "the flap alarm stays raised until a person lifts it");
}

/* --- what must hold after each step --------------------------------------------------------- */

static void check_row(struct history *history, struct memory *memory)
{
    const struct controller_actions *actions = &history->actions;
    must(history, actions->has_row || actions->todo == 0, "every action has a row of the record");
    must(history, actions->has_row || is_taken(history), "every refusal has a row of the record");
    must(history, actions->has_row || history->before.state
                                          == history->rollouts[history->at].state,
         "every change has a row of the record");
    must(history, is_taken(history) || actions->todo == 0, "what is refused does nothing");
    if (!actions->has_row)
        return;
    memory->rows++;
    must(history, actions->row.number == memory->rows, "rows are numbered without a gap");
    must(history, actions->row.todo == actions->todo && actions->row.event == history->event.type
                      && actions->row.from == history->before.state
                      && actions->row.to == history->rollouts[history->at].state
                      && actions->row.at.steady.s == history->now.steady.s
                      && strcmp(actions->row.who.name, history->event.who.name) == 0,
         "a row says who, what and when");
}

static void check_state(struct history *history, struct memory *memory)
{
    const struct controller *state = &history->rollouts[history->at];
    bool is_halted = state->state == CONTROLLER_HALTED || state->state == CONTROLLER_RECALLED;
    must(history, is_halted == (memory->phase == HALTED), "halts stay, and nothing else is one");
    must(history, (state->state == CONTROLLER_PAUSED) == (memory->phase == PAUSED),
         "paused is what was paused");
    if (state->state == CONTROLLER_DONE && history->before.state == CONTROLLER_RUNNING) {
        unsigned last = history->policy.ring_count - 1u;
        must(history, memory->rings == history->policy.ring_count
                          && is_through(history, memory, last)
                          && memory->ring[last].verdict == CONTROLLER_EVENT_VERDICT_HEALTHY,
             "done is what every ring has and the last gate calls healthy");
        history->seen.done++;
    }
    memory->is_done = state->state == CONTROLLER_DONE;
    history->seen.halts += is_halted && history->before.state != state->state;
}

/* What every rollout offers now, not only the one that was stepped. */
static void check_offers(struct history *history)
{
    struct steady_time now = history->now.steady;
    for (unsigned i = 0; i < ROLLOUTS && history->broken == NULL; i++) {
        const struct memory *memory = &history->memories[i];
        bool is_silent = !memory->is_done && !is_watched(history, memory);
        for (uint8_t ring = 0; ring < history->policy.ring_count; ring++) {
            uint64_t offered = controller_offers(&history->policy, &history->stream,
                                                 &history->rollouts[i], ring, now);
            uint64_t allowed = wave_limit(&history->policy.rings[ring].waves,
                                          &memory->ring[ring].waves,
                                          (struct steady_time){memory->clock_s});
            must(history, offered == 0 || memory->phase != HALTED, "a halt offers to nobody");
            must(history, offered == 0 || !is_held(history, memory),
                 "what is held offers to nobody");
            must(history, offered == 0 || !is_silent, "no gate, no offer");
            must(history, offered <= allowed, "waves offer to no more than their plan says");
        }
    }
}

static void take(struct history *history)
{
    struct controller *state = &history->rollouts[history->at];
    struct memory *memory = &history->memories[history->at];
    history->before = *state;
    controller_step(&history->policy, &history->stream, state, &history->event, history->now,
                    &history->actions);
    check_row(history, memory);
    if (does(history, CONTROLLER_ACTION_START_RING) || does(history, CONTROLLER_ACTION_START_WAVE))
        check_start(history, memory);
    must(history, !does(history, CONTROLLER_ACTION_PROMOTE)
                      || does(history, CONTROLLER_ACTION_START_RING),
         "a promotion begins a ring");
    if (is_verdict(history))
        take_verdict(history, memory);
    else
        take_word(history, memory);
    check_alarm(history);
    check_state(history, memory);
    check_offers(history);
}

/* --- what happens --------------------------------------------------------------------------- */

static struct controller_event person_says(struct history *history, enum controller_event_type type)
{
    struct controller_event event = {.type = (uint8_t)type,
                                     .who = controller_person(NAMES[below(history, PEOPLE)])};
    if (below(history, 4) != 0)
        (void)string_copy(event.reason, sizeof event.reason, "reason");
    return event;
}

static void gate_looks(struct history *history, uint8_t ring, enum controller_event_type type)
{
    history->event = (struct controller_event){
        .type = (uint8_t)type,
        .ring = ring,
        .who = {.by = CONTROLLER_BY_GATE},
        .verdict = {.metric = METRIC_COUNT, .hosts = 400,
                    .bad_hosts = 1 + below(history, history->policy.halt_hosts_min + 1)},
    };
    take(history);
}

/* The gates of all started rings look, mostly with the same result. */
static void gates_look(struct history *history)
{
    const struct memory *memory = &history->memories[history->at];
    for (uint8_t ring = 0; ring < memory->rings && history->broken == NULL; ring++) {
        unsigned lot = below(history, history->is_rough ? 12 : 60);
        enum controller_event_type type = CONTROLLER_EVENT_VERDICT_HEALTHY;
        if (lot < 3)
            type = (enum controller_event_type)(CONTROLLER_EVENT_VERDICT_OPEN
                                                + (lot == 0 ? 0 : lot + 1));
        if (below(history, 16) != 0) /* else this one says nothing */
            gate_looks(history, ring, type);
    }
}

/* Somebody says something, sense or not. */
static struct controller_event anything(struct history *history)
{
    struct controller_event event =
        person_says(history, (enum controller_event_type)below(history, CONTROLLER_EVENT_COUNT));
    switch (event.type) {
    case CONTROLLER_EVENT_RECALL:
        event.who = controller_partner((uint8_t)below(history, PARTNERS), "partner");
        break;
    case CONTROLLER_EVENT_HALT:
        if (below(history, 2) == 0)
            event.who = controller_partner((uint8_t)below(history, PARTNERS), "partner");
        break;
    case CONTROLLER_EVENT_VERDICT_OPEN:
    case CONTROLLER_EVENT_VERDICT_HEALTHY:
    case CONTROLLER_EVENT_VERDICT_PAUSE:
    case CONTROLLER_EVENT_VERDICT_HALT:
        event.who = (struct controller_who){.by = CONTROLLER_BY_GATE};
        event.verdict.bad_hosts = below(history, history->policy.halt_hosts_min + 2);
        break;
    case CONTROLLER_EVENT_TICK:
        event.who = (struct controller_who){0};
        break;
    default:
        break;
    }
    event.ring = (uint8_t)below(history, history->policy.ring_count);
    event.window = (uint8_t)below(history, WINDOWS);
    return event;
}

static void tick(struct history *history)
{
    history->event = (struct controller_event){.type = CONTROLLER_EVENT_TICK};
    take(history);
}

static void approve_next(struct history *history)
{
    history->event = person_says(history, CONTROLLER_EVENT_APPROVE);
    uint8_t next = (uint8_t)history->memories[history->at].rings;
    history->event.ring = next < history->policy.ring_count ? next : 0;
    take(history);
}

static void open_rollout(struct history *history, unsigned at)
{
    struct controller_plan plan = {
        .release = {{(uint8_t)(at + 1)}},
        .version = ++history->version,
        .before = {{(uint8_t)(below(history, 4) != 0)}},
        .published_at = history->now.steady,
        .is_urgent = below(history, 4) == 0,
    };
    history->memories[at] = (struct memory){.is_open = true};
    struct result result = controller_open(&history->stream, &plan, history->now.steady,
                                           &history->rollouts[at], NULL);
    must(history, result_is_ok(result), "a higher version can be rolled out");
}

static void pick(struct history *history)
{
    static const uint32_t STEPS_S[] = {0, MINUTE_S, 5 * MINUTE_S, 5 * MINUTE_S, 5 * MINUTE_S,
                                       20 * MINUTE_S, HOUR_S, 10 * HOUR_S};
    pass_time(history, STEPS_S[below(history, sizeof STEPS_S / sizeof STEPS_S[0])]);
    if (below(history, 64) == 0) /* the hub crashed and has lost what it had not saved */
        history->now.steady.s -= below(history, HOUR_S);
    check_offers(history);
    if (below(history, 4) == 0)
        history->at = below(history, ROLLOUTS);
    struct memory *memory = &history->memories[history->at];
    unsigned lot = below(history, 64);
    if (lot < 40) {
        gates_look(history);
        if (history->broken == NULL)
            tick(history);
    } else if (memory->phase == PLANNED && lot < 52) {
        history->event = person_says(history, CONTROLLER_EVENT_START);
        take(history);
    } else if (lot < 54) {
        approve_next(history);
    } else if (lot < (history->is_rough ? 60u : 63u)) {
        history->event = person_says(history, lot == 54 ? CONTROLLER_EVENT_LIFT
                                     : lot == 55        ? CONTROLLER_EVENT_RESUME
                                     : lot == 56        ? CONTROLLER_EVENT_THAW
                                                        : CONTROLLER_EVENT_TICK);
        history->event.window = (uint8_t)below(history, WINDOWS);
        if (history->event.type == CONTROLLER_EVENT_TICK)
            history->event.who = (struct controller_who){0};
        take(history);
    } else {
        history->event = anything(history);
        take(history);
    }
    if (memory->phase == HALTED && below(history, 8) == 0)
        open_rollout(history, history->at);
}

/* Whatever happened before: with everybody well and willing, what is not halted is done. */
static void calm_down(struct history *history)
{
    const struct memory *memory = &history->memories[history->at];
    static const enum controller_event_type WORDS[] = {
        CONTROLLER_EVENT_START, CONTROLLER_EVENT_LIFT, CONTROLLER_EVENT_THAW, CONTROLLER_EVENT_THAW,
    };
    for (unsigned round = 0; round < 1000 && history->broken == NULL; round++) {
        if (memory->phase == HALTED || memory->is_done)
            return;
        pass_time(history, history->policy.verdict_fresh_s / 2);
        for (unsigned i = 0; round < 8 && i < 4 && history->broken == NULL; i++) {
            history->event = person_says(history, WORDS[i]);
            history->event.window = (uint8_t)(i & 1);
            take(history);
        }
        if (memory->phase == PAUSED && history->broken == NULL) {
            history->event = person_says(history, CONTROLLER_EVENT_RESUME);
            take(history);
        }
        for (uint8_t ring = 0; ring < memory->rings && history->broken == NULL; ring++)
            gate_looks(history, ring, CONTROLLER_EVENT_VERDICT_HEALTHY);
        if (history->broken == NULL && memory->rings < history->policy.ring_count)
            approve_next(history);
        if (history->broken == NULL)
            tick(history);
    }
    must(history, false, "when all are well and nobody objects, a release reaches everybody");
}

static struct controller_policy any_policy(struct history *history)
{
    struct controller_policy policy = {
        .ring_count = (uint8_t)(1 + below(history, 4)),
        .urgent_age_s = below(history, 4) * HOUR_S,
        .verdict_fresh_s = (1 + below(history, 8)) * 15 * MINUTE_S,
        .halt_hosts_min = 2 + below(history, 3),
        .recall_partners = (uint8_t)(2 + below(history, 2)),
        .is_review_by_another = below(history, 2) == 0,
        .recall_spread_s = HOUR_S,
        .flaps = {.starts_max = (uint8_t)(1 + below(history, 4)),
                  .stops_max = (uint8_t)(1 + below(history, 4)),
                  .starts_s = (1 + below(history, 12)) * HOUR_S,
                  .stops_s = (1 + below(history, 12)) * HOUR_S},
    };
    uint32_t age_s = 0;
    for (unsigned i = 0; i < policy.ring_count; i++) {
        struct controller_ring *ring = &policy.rings[i];
        age_s += below(history, 3) * 2 * HOUR_S;
        ring->age_s = i == 0 ? 0 : age_s;
        ring->approvals = (uint8_t)below(history, CONTROLLER_APPROVALS_MAX + 1);
        ring->waves.count = (uint8_t)(1 + below(history, 3));
        for (unsigned wave = 0; wave < ring->waves.count; wave++)
            ring->waves.waves[wave] = (struct wave_policy){
                .share_ppm = 300000,
                .spread_s = below(history, 4) * 15 * MINUTE_S,
                .pause_s = below(history, 3) * 20 * MINUTE_S,
            };
    }
    return policy;
}

struct rollouts_verdict rollouts_run(uint64_t seed)
{
    struct history history = {
        .random = seed * UINT64_C(0xd1342543de82ef95) + 1,
        .now = {{START_S}, {UINT64_C(1700000000)}},
    };
    history.is_rough = below(&history, 3) == 0;
    history.policy = any_policy(&history);
    must(&history, result_is_ok(controller_policy_check(&history.policy, NULL)),
         "policies of this test make sense");
    for (unsigned i = 0; i < ROLLOUTS; i++)
        open_rollout(&history, i);
    unsigned steps = STEPS_MIN + below(&history, STEPS_MORE), step = 0;
    for (; step < steps && history.broken == NULL; step++)
        pick(&history);
    if (history.broken == NULL && below(&history, 16) == 0)
        calm_down(&history);
    history.seen.broken = history.broken;
    history.seen.step = step;
    history.seen.event = controller_event_word((enum controller_event_type)history.event.type);
    return history.seen;
}

bool rollouts_run_all(uint64_t first, uint64_t count)
{
    uint64_t rings = 0, done = 0, halts = 0, steps = 0;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct rollouts_verdict verdict = rollouts_run(seed);
        rings += verdict.rings;
        done += verdict.done;
        halts += verdict.halts;
        steps += verdict.step;
        if (verdict.broken == NULL)
            continue;
        printf("# broken: \"%s\", after event %s, step %u; again: rollout-histories %llu 1\n",
               verdict.broken, verdict.event, verdict.step, (unsigned long long)seed);
        return false;
    }
    printf("# %llu histories: %llu steps, %llu rings begun, %llu rollouts done, %llu halts; all "
           "invariants hold\n",
           (unsigned long long)count, (unsigned long long)steps, (unsigned long long)rings,
           (unsigned long long)done, (unsigned long long)halts);
    return true;
}
