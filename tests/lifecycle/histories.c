// SPDX-License-Identifier: Apache-2.0
#include "tests/lifecycle/histories.h"

#include "update/lifecycle/lifecycle.h"

#include <stdio.h>
#include <string.h>

enum { VERSIONS = 24, STEPS_MIN = 20, STEPS_MORE = 60, HOUR_S = 3600, SWITCHES_KEPT = 64 };

/* What this test itself remembers of a release. */
struct memory {
    bool has_passed_trial; /* since it was admitted last */
    bool was_active;
    bool was_asked;        /* to start from disk, since the last start */
    bool is_forgotten;     /* it failed, and the lifecycle no longer names it */
    struct steady_time active_since;
    struct steady_time failed_at;
    uint8_t failure;
    uint8_t seen;
};

/* All of a host, so that a crash can take it back to what was saved. */
struct host {
    struct lifecycle state;
    struct memory memories[VERSIONS + 2];
    uint64_t highest_active;
    struct steady_time switches[SWITCHES_KEPT];
    unsigned switch_count;
    struct steady_time now;
};

struct history {
    uint64_t random;
    bool is_hasty, is_crowded, is_failing; /* what this history has more of than others */
    struct lifecycle_policy policy;
    struct host host, saved;
    struct lifecycle_event event;
    struct lifecycle before;
    struct lifecycle_actions actions;
    const char *broken;
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

static struct release_name name_of(uint64_t version, bool is_twin)
{
    struct release_name name = {{(uint8_t)version, 1, is_twin}};
    return name;
}

static enum lifecycle_state state_in(const struct lifecycle *state, uint64_t version)
{
    const struct lifecycle_release *release = lifecycle_find(state, name_of(version, false));
    return release != NULL ? (enum lifecycle_state)release->state : LIFECYCLE_FREE;
}

/* The states of all versions at once: one walk over the releases. */
static void states_of(const struct lifecycle *state, uint8_t states[VERSIONS + 2])
{
    memset(states, LIFECYCLE_FREE, VERSIONS + 2);
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        if (state->releases[i].version <= VERSIONS + 1)
            states[state->releases[i].version] = state->releases[i].state;
}

static uint64_t runs(const struct lifecycle *state)
{
    const struct lifecycle_release *running = lifecycle_running(state);
    return running != NULL ? running->version : 0;
}

static bool says(const struct history *history, enum lifecycle_action action)
{
    return (history->actions.todo >> action & 1u) != 0;
}

static bool is_tried(enum lifecycle_state state)
{
    return state == LIFECYCLE_TRIAL || state == LIFECYCLE_SHADOW;
}

/* --- what must hold when a release comes into a state ------------------------------------- */

static const struct {
    uint8_t bar_after, excuse;
} FAILURES[] = {
#define LIFECYCLE_FAILURE(id, word, bar_after, excuse, text) {bar_after, excuse},
#include "update/lifecycle/lifecycle.def"
};

static enum lifecycle_failure failure_now(const struct history *history)
{
    switch (history->event.type) {
    case LIFECYCLE_EVENT_FAILED:
        return history->event.failure;
    case LIFECYCLE_EVENT_STARTED_BADLY:
        return LIFECYCLE_FAILURE_BOOT;
    case LIFECYCLE_EVENT_RECALL:
        return LIFECYCLE_FAILURE_RECALLED;
    case LIFECYCLE_EVENT_WITHDRAW:
        return LIFECYCLE_FAILURE_WITHDRAWN;
    default:
        return LIFECYCLE_FAILURE_NONE;
    }
}

static bool is_excused_now(const struct history *history)
{
    return history->event.type == LIFECYCLE_EVENT_FAILED
           && (FAILURES[history->event.failure].excuse & history->before.pressure) != 0;
}

static void became_active(struct history *history, uint64_t version, enum lifecycle_state from)
{
    struct host *host = &history->host;
    struct memory *memory = &host->memories[version];
    must(history, from == LIFECYCLE_SHADOW && history->event.type == LIFECYCLE_EVENT_SHADOW_PASSED
                      && memory->has_passed_trial, "only what passed trial and shadow is active");
    must(history, version > host->highest_active
                      || (version == host->highest_active && memory->was_active),
         "no older version becomes active");
    unsigned today = 0;
    for (unsigned i = 0; i < host->switch_count; i++)
        today += steady_since(host->switches[i], host->now) < DAY_S;
    must(history, today < history->policy.switches_per_day, "no more switches than a day allows");
    if (host->switch_count == SWITCHES_KEPT) {
        memmove(host->switches, host->switches + 1, sizeof host->switches - sizeof host->now);
        host->switch_count--;
    }
    host->switches[host->switch_count++] = host->now;
    host->highest_active = version > host->highest_active ? version : host->highest_active;
    memory->was_active = true;
    memory->active_since = host->now;
    memory->was_asked = false;
}

static void failed(struct history *history, uint64_t version, enum lifecycle_state from,
                   enum lifecycle_state to)
{
    struct memory *memory = &history->host.memories[version];
    enum lifecycle_failure failure = failure_now(history);
    must(history, failure != LIFECYCLE_FAILURE_NONE, "nothing fails without a failure");
    must(history, !is_excused_now(history) || from == LIFECYCLE_TRIAL,
         "pressure throws no content out");
    memory->seen = memory->failure == failure ? (uint8_t)(memory->seen + 1) : 1;
    memory->failure = (uint8_t)failure;
    memory->failed_at = history->host.now;
    bool must_bar = from == LIFECYCLE_TRIAL && FAILURES[failure].bar_after != 0
                    && memory->seen >= FAILURES[failure].bar_after && !is_excused_now(history);
    must(history, must_bar == (to == LIFECYCLE_BARRED),
         "barred is what a trial sees again, and only that");
}

static void came_back(struct history *history, uint64_t version, enum lifecycle_state from)
{
    const struct memory *memory = &history->host.memories[version];
    if (history->event.type == LIFECYCLE_EVENT_ALLOW)
        return;
    if (from == LIFECYCLE_BARRED) {
        must(history, history->event.type == LIFECYCLE_EVENT_ENGINE_CHANGED
                          && history->before.engine != history->host.state.engine,
             "barred stays barred with this engine");
        return;
    }
    must(history, steady_since(memory->failed_at, history->host.now)
                      >= history->policy.retry_first_s, "nothing is tried again before its time");
    must(history, memory->failure != LIFECYCLE_FAILURE_WITHDRAWN,
         "what the administrator took back stays back");
}

static bool is_failed(enum lifecycle_state state)
{
    return state == LIFECYCLE_REJECTED || state == LIFECYCLE_ROLLED_BACK
           || state == LIFECYCLE_BARRED;
}

static void left(struct history *history, uint64_t version, enum lifecycle_state from)
{
    struct memory *memory = &history->host.memories[version];
    enum lifecycle_event_type type = history->event.type;
    must(history, type == LIFECYCLE_EVENT_ANCHORS_CHANGED || !is_tried(from),
         "what is being tried is not forgotten");
    if (is_failed(from) && type != LIFECYCLE_EVENT_ANCHORS_CHANGED)
        memory->is_forgotten = true;
    memory->seen = 0;
    memory->failure = LIFECYCLE_FAILURE_NONE;
}

static void moved(struct history *history, uint64_t version, enum lifecycle_state from,
                  enum lifecycle_state to)
{
    struct memory *memory = &history->host.memories[version];
    if (to == LIFECYCLE_FREE)
        left(history, version, from);
    if (to == LIFECYCLE_VERIFIED && from == LIFECYCLE_FREE)
        must(history, !memory->is_forgotten && version > history->host.highest_active,
             "what is old, or failed and was forgotten, is refused");
    if (to == LIFECYCLE_VERIFIED && is_failed(from))
        came_back(history, version, from);
    if (to == LIFECYCLE_SHADOW)
        memory->has_passed_trial = history->event.type == LIFECYCLE_EVENT_TRIAL_PASSED;
    if (to == LIFECYCLE_PROBATION)
        became_active(history, version, from);
    if (is_failed(to))
        failed(history, version, from, to);
    if (to == LIFECYCLE_GOOD) {
        must(history, from == LIFECYCLE_PROBATION
                          && history->event.type == LIFECYCLE_EVENT_DISK_STARTED
                          && memory->was_asked,
             "good only after the start from disk that was asked");
        must(history, steady_since(memory->active_since, history->host.now)
                          >= history->policy.bake_s, "good only after its bake time");
        memory->seen = 0;
        memory->failure = LIFECYCLE_FAILURE_NONE;
    }
    if (to != LIFECYCLE_SHADOW)
        memory->has_passed_trial = false;
}

/* --- what must hold after each step -------------------------------------------------------- */

static void check_running(struct history *history)
{
    uint64_t ran = runs(&history->before), now = runs(&history->host.state);
    enum lifecycle_event_type type = history->event.type;
    bool is_start = type == LIFECYCLE_EVENT_STARTED || type == LIFECYCLE_EVENT_STARTED_BADLY;
    must(history, says(history, LIFECYCLE_ACTION_ACTIVATE) == (is_start || ran != now),
         "what runs is said whenever it changes, and at each start");
    must(history, release_name_equal(history->actions.running,
                                     now != 0 ? name_of(now, false) : (struct release_name){{0}}),
         "what is said is what the state says");
    bool is_pressure = type == LIFECYCLE_EVENT_STORM_BEGAN || type == LIFECYCLE_EVENT_MEMORY_SHORT
                       || is_excused_now(history);
    must(history, !is_pressure || ran == now, "pressure throws no content out");
    bool is_hit = ran != 0 && type == LIFECYCLE_EVENT_FAILED && !is_excused_now(history)
                  && release_name_equal(history->event.release, name_of(ran, false));
    must(history, !is_hit || (now != ran && (now == 0 || state_in(&history->host.state, now)
                                                             == LIFECYCLE_GOOD)),
         "a failure of what runs goes back to a good one or the factory set");
    must(history, type != LIFECYCLE_EVENT_TICK || ran == now, "time alone changes nothing active");
}

/* What would stand on the disk. */
struct image {
    uint8_t data[LIFECYCLE_ENCODED_MAX];
    size_t size;
};

static struct image image_of(const struct lifecycle *state)
{
    struct image image = {.size = 0};
    struct writer writer = writer_of(image.data, sizeof image.data);
    if (result_is_ok(lifecycle_encode(state, &writer)))
        image.size = writer.at;
    return image;
}

static bool are_equal(const struct image *a, const struct image *b)
{
    return a->size != 0 && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static void check_encoding(struct history *history)
{
    struct image image = image_of(&history->host.state);
    struct reader reader = reader_of(image.data, image.size);
    struct lifecycle decoded = {0};
    bool is_read = result_is_ok(lifecycle_decode(&reader, &decoded)) && reader_left(&reader) == 0;
    struct image again = image_of(&decoded);
    must(history, is_read && are_equal(&image, &again), "the state survives its encoding");
}

static void check_saving(struct history *history)
{
    if (says(history, LIFECYCLE_ACTION_SAVE) || (roll(history) & 3) != 0)
        return;
    struct image before = image_of(&history->before), now = image_of(&history->host.state);
    must(history, are_equal(&before, &now), "what changes is saved");
}

static void check_step(struct history *history)
{
    struct host *host = &history->host;
    must(history, lifecycle_is_sound(&host->state), "the state is sound");
    check_saving(history);
    if (history->event.type == LIFECYCLE_EVENT_ANCHORS_CHANGED) {
        uint64_t floor = host->state.version_floor;
        must(history, floor == 0 || state_in(&host->state, floor) == LIFECYCLE_GOOD,
             "new anchors leave the floor at a good version");
        host->highest_active = floor;
        for (uint64_t version = 1; version <= VERSIONS + 1; version++) {
            host->memories[version].is_forgotten = false;
            host->memories[version].was_active = version == floor;
        }
    }
    uint8_t froms[VERSIONS + 2], tos[VERSIONS + 2];
    states_of(&history->before, froms);
    states_of(&host->state, tos);
    for (uint64_t version = 1; version <= VERSIONS + 1; version++) {
        enum lifecycle_state from = (enum lifecycle_state)froms[version];
        enum lifecycle_state to = (enum lifecycle_state)tos[version];
        if (from != to)
            moved(history, version, from, to);
        if (to == LIFECYCLE_PROBATION && says(history, LIFECYCLE_ACTION_START_FROM_DISK))
            host->memories[version].was_asked = true;
        if (history->event.type == LIFECYCLE_EVENT_STARTED)
            host->memories[version].was_asked = false;
    }
    check_running(history);
    if ((roll(history) & 15) == 0)
        check_encoding(history);
}

static void take(struct history *history)
{
    history->before = history->host.state;
    lifecycle_step(&history->policy, &history->host.state, &history->event, history->host.now,
                   &history->actions);
    check_step(history);
    if (says(history, LIFECYCLE_ACTION_SAVE))
        history->saved = history->host;
}

/* --- what happens -------------------------------------------------------------------------- */

/* The event that carries a release on; TICK where it waits for time. */
static enum lifecycle_event_type onward(enum lifecycle_state state)
{
    switch (state) {
    case LIFECYCLE_FREE:
        return LIFECYCLE_EVENT_OFFERED;
    case LIFECYCLE_VERIFIED:
        return LIFECYCLE_EVENT_ADMIT;
    case LIFECYCLE_TRIAL:
        return LIFECYCLE_EVENT_TRIAL_PASSED;
    case LIFECYCLE_SHADOW:
        return LIFECYCLE_EVENT_SHADOW_PASSED;
    case LIFECYCLE_PROBATION:
        return LIFECYCLE_EVENT_DISK_STARTED;
    default:
        return LIFECYCLE_EVENT_TICK;
    }
}

static void pick(struct history *history)
{
    static const uint32_t PASSES_S[] = {0, 1, 60, HOUR_S, 5 * HOUR_S, DAY_S};
    struct host *host = &history->host;
    host->now = steady_after(host->now, PASSES_S[below(history, history->is_hasty ? 4 : 6)]);
    uint64_t version = 1 + below(history, VERSIONS);
    const struct lifecycle_release *known = &host->state.releases[below(history, LIMIT_RELEASES)];
    if (known->state != LIFECYCLE_FREE && below(history, history->is_crowded ? 2 : 4) != 0)
        version = known->version;
    unsigned kind = below(history, 16);
    enum lifecycle_event_type type = (enum lifecycle_event_type)below(history,
                                                                      LIFECYCLE_EVENT_COUNT);
    if (kind < 7)
        type = onward(state_in(&host->state, version));
    else if (kind < 11)
        type = LIFECYCLE_EVENT_TICK;
    else if (kind < (history->is_failing ? 15 : 12))
        type = LIFECYCLE_EVENT_FAILED;
    if (type == LIFECYCLE_EVENT_SUPERSEDED) /* the lifecycle says this to itself only */
        type = LIFECYCLE_EVENT_TICK;
    if (type == LIFECYCLE_EVENT_ANCHORS_CHANGED && below(history, 4) != 0)
        type = LIFECYCLE_EVENT_STARTED;
    bool is_twin = type == LIFECYCLE_EVENT_OFFERED && below(history, 16) == 0
                   && state_in(&host->state, version) != LIFECYCLE_FREE;
    history->event = (struct lifecycle_event){
        .type = type,
        .release = name_of(version, is_twin),
        .version = version,
        .is_urgent = below(history, 4) == 0,
        .failure = (enum lifecycle_failure)(1 + below(history, LIFECYCLE_FAILURE_COUNT - 1)),
        .engine = below(history, 3),
    };
    if (below(history, 2) == 0) /* the same failure again is what bars */
        history->event.failure = LIFECYCLE_FAILURE_CRASH;
}

/* The power fails: what was saved is what there is, and the steady clock goes back to it. */
static void crash(struct history *history)
{
    history->host = history->saved;
    history->event = (struct lifecycle_event){
        .type = below(history, 3) == 0 ? LIFECYCLE_EVENT_STARTED_BADLY : LIFECYCLE_EVENT_STARTED};
    take(history);
}

static void tell(struct history *history, enum lifecycle_event_type type, uint64_t version)
{
    history->event = (struct lifecycle_event){
        .type = type, .release = name_of(version, false), .version = version};
    take(history);
}

/* Whatever happened before: with nothing failing any more, a new release becomes good. */
static void calm_down(struct history *history)
{
    const uint64_t last = VERSIONS + 1;
    tell(history, LIFECYCLE_EVENT_STORM_ENDED, 0);
    tell(history, LIFECYCLE_EVENT_MEMORY_EASED, 0);
    tell(history, LIFECYCLE_EVENT_OFFERED, last);
    for (unsigned day = 0; day < 200 && history->broken == NULL; day++) {
        if (state_in(&history->host.state, last) == LIFECYCLE_GOOD)
            return;
        history->host.now = steady_after(history->host.now, DAY_S);
        tell(history, LIFECYCLE_EVENT_TICK, 0);
        tell(history, LIFECYCLE_EVENT_OFFERED, last);
        for (unsigned i = 0; i < 3 * LIMIT_RELEASES; i++) { /* trial, shadow, probation */
            const struct lifecycle_release release =
                history->host.state.releases[i % LIMIT_RELEASES];
            enum lifecycle_event_type type = onward((enum lifecycle_state)release.state);
            if (release.state != LIFECYCLE_FREE && type != LIFECYCLE_EVENT_TICK)
                tell(history, type, release.version);
        }
    }
    must(history, false, "after calm a new release becomes good");
}

static const char *event_word(const struct history *history)
{
    return lifecycle_event_word(history->event.type);
}

struct history_verdict history_run(uint64_t seed)
{
    struct history history = {.random = seed * UINT64_C(0xd1342543de82ef95) + 1};
    history.is_hasty = below(&history, 2) == 0;
    history.is_crowded = below(&history, 2) == 0;
    history.is_failing = below(&history, 2) == 0;
    history.policy = (struct lifecycle_policy){
        .trial_max_s = 900,
        .shadow_max_s = 2 * HOUR_S,
        .bake_s = (1 + below(&history, 3)) * HOUR_S,
        .retry_first_s = HOUR_S,
        .retry_max_s = 4 * HOUR_S,
        .switches_per_day = (uint8_t)(1 + below(&history, 4)),
    };
    lifecycle_init(&history.host.state, 1, 0);
    history.host.now.s = 1000;
    history.saved = history.host;
    unsigned steps = STEPS_MIN + below(&history, STEPS_MORE), step = 0;
    for (; step < steps && history.broken == NULL; step++) {
        if (below(&history, 24) == 0) {
            crash(&history);
            continue;
        }
        pick(&history);
        take(&history);
    }
    if (history.broken == NULL && below(&history, 4) == 0)
        calm_down(&history);
    return (struct history_verdict){history.broken, step, event_word(&history)};
}

bool histories_run(uint64_t first, uint64_t count)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct history_verdict verdict = history_run(seed);
        if (verdict.broken == NULL)
            continue;
        printf("# broken: \"%s\", after event %s, step %u; again: lifecycle-histories %llu 1\n",
               verdict.broken, verdict.event, verdict.step, (unsigned long long)seed);
        return false;
    }
    return true;
}
