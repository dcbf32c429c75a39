// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/lifecycle.h"

#include "base/fault.h"

enum guard {
    ALWAYS,
    IS_ROAD_FREE,    /* no other release is on its way (for an urgent one: it goes first) */
    IS_TURN,         /* its back-off has passed, the host has memory and may switch today */
    MAY_SWITCH,      /* fewer switches than allowed within the last day */
    IS_BAKED,        /* long enough in probation, and the start from disk was not asked for yet */
    IS_BAKED_TOO,    /* long enough in probation, and the start from disk was asked for */
    IS_SEEN_AGAIN,   /* this failure was seen often enough, counting this one */
    IS_EXCUSED,      /* the pressure on the host explains this failure */
    IS_OVERDUE,      /* the trial or shadow has said nothing for too long */
    IS_RETRY,        /* its back-off has passed, and nobody took it back by hand */
    IS_OTHER_ENGINE, /* it was barred with another engine version */
    GUARD_COUNT
};

struct way {
    bool is_there;
    uint8_t to;
    uint32_t actions;
};

/* What follows when a release in a state gets an event: `then` where the guard holds. */
struct row {
    uint8_t guard;
    struct way then;
    struct way otherwise;
};

#define DO(action) (1u << LIFECYCLE_ACTION_##action)

static const struct row TABLE[LIFECYCLE_STATE_COUNT][LIFECYCLE_EVENT_COUNT] = {
#define LIFECYCLE_TRANSITION(from, event, guard_id, to_state, todo)                      \
    [LIFECYCLE_##from][LIFECYCLE_EVENT_##event].guard = (guard_id),                      \
    [LIFECYCLE_##from][LIFECYCLE_EVENT_##event].then = {true, LIFECYCLE_##to_state, (todo)},
#define LIFECYCLE_OTHERWISE(from, event, to_state, todo) \
    [LIFECYCLE_##from][LIFECYCLE_EVENT_##event].otherwise = {true, LIFECYCLE_##to_state, (todo)},
#include "update/lifecycle/lifecycle.def"
};

enum scope { RELEASE, HOST };

static const uint8_t SCOPES[] = {
#define LIFECYCLE_EVENT(id, scope, text) [LIFECYCLE_EVENT_##id] = (scope),
#include "update/lifecycle/lifecycle.def"
};

static const struct {
    uint8_t bar_after;
    uint8_t excuse;
} FAILURES[] = {
#define LIFECYCLE_FAILURE(id, word, bar_after, excuse, text) \
    [LIFECYCLE_FAILURE_##id] = {(bar_after), (excuse)},
#include "update/lifecycle/lifecycle.def"
};

/* What one step works on. */
struct step {
    const struct lifecycle_policy *policy;
    struct lifecycle *state;
    const struct lifecycle_event *event;
    struct steady_time now;
    struct lifecycle_actions *actions;
};

enum { ATTEMPTS_MAX = 31, SEEN_MAX = 255 };

static bool is_on_its_way(const struct lifecycle_release *release)
{
    return release->state == LIFECYCLE_ADMITTED || release->state == LIFECYCLE_TRIAL
           || release->state == LIFECYCLE_SHADOW;
}

static uint32_t back_off_s(const struct lifecycle_policy *policy,
                           const struct lifecycle_release *release)
{
    uint32_t doublings = release->attempts > 1 ? release->attempts - 1u : 0;
    uint64_t delay_s = (uint64_t)policy->retry_first_s << doublings;
    return delay_s < policy->retry_max_s ? (uint32_t)delay_s : policy->retry_max_s;
}

/* When the switches of the last day leave room for one more. */
static struct steady_time next_switch(const struct lifecycle_policy *policy,
                                      const struct lifecycle *state, struct steady_time now)
{
    unsigned allowed = policy->switches_per_day;
    if (allowed > LIMIT_SWITCHES_PER_DAY)
        allowed = LIMIT_SWITCHES_PER_DAY;
    if (allowed == 0)
        return steady_after(now, DAY_S);
    if (state->switch_count < allowed)
        return now;
    unsigned at = (state->switch_next + LIMIT_SWITCHES_PER_DAY - allowed) % LIMIT_SWITCHES_PER_DAY;
    struct steady_time free_at = steady_after(state->switches[at], DAY_S);
    return free_at.s > now.s ? free_at : now;
}

static bool may_switch(const struct lifecycle_policy *policy, const struct lifecycle *state,
                       struct steady_time now)
{
    if (fault_is_planted(FAULT_LIFECYCLE_SWITCHES_FREELY))
        return true;
    return next_switch(policy, state, now).s <= now.s;
}

/* Whether nobody's way would be crossed. Urgent ones cross it: see clear_road(). */
static bool is_road_free(const struct lifecycle *state, const struct lifecycle_release *release)
{
    if (fault_is_planted(FAULT_LIFECYCLE_CROWDED_ROAD))
        return true;
    if (release->version < state->version_floor)
        return false;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *other = &state->releases[i];
        /* What this host could not try keeps nobody waiting. */
        bool is_waiting = other->state == LIFECYCLE_ADMITTED && other->is_delayed;
        bool is_busy = (is_on_its_way(other) && !is_waiting)
                       || other->state == LIFECYCLE_PROBATION;
        bool goes_first = release->is_urgent && !release->is_delayed
                          && !(is_on_its_way(other) && other->is_urgent);
        if (is_busy && !goes_first)
            return false;
    }
    return true;
}

static bool is_turn(const struct step *step, const struct lifecycle_release *release)
{
    bool is_backing_off = release->is_delayed
                          && steady_since(release->since, step->now)
                                 < back_off_s(step->policy, release);
    return !is_backing_off && !(step->state->pressure & PRESSURE_MEMORY)
           && may_switch(step->policy, step->state, step->now);
}

static bool is_excused(const struct step *step, enum lifecycle_failure failure)
{
    if (fault_is_planted(FAULT_LIFECYCLE_PRESSURE_BLAMES))
        return false;
    if (fault_is_planted(FAULT_LIFECYCLE_STAYS))
        return true;
    return (FAILURES[failure].excuse & step->state->pressure) != 0;
}

/* The kind of failure that an event is. */
static enum lifecycle_failure failure_of(const struct lifecycle_event *event)
{
    switch (event->type) {
    case LIFECYCLE_EVENT_FAILED:
        return event->failure < LIFECYCLE_FAILURE_COUNT ? event->failure : LIFECYCLE_FAILURE_CRASH;
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

static bool is_seen_again(const struct step *step, const struct lifecycle_release *release)
{
    enum lifecycle_failure failure = failure_of(step->event);
    unsigned seen = release->failure == failure ? release->seen + 1u : 1;
    if (fault_is_planted(FAULT_LIFECYCLE_BARS_AT_ONCE))
        return true;
    if (fault_is_planted(FAULT_LIFECYCLE_NEVER_BARS))
        return false;
    return FAILURES[failure].bar_after != 0 && seen >= FAILURES[failure].bar_after
           && !is_excused(step, failure);
}

static bool is_overdue(const struct step *step, const struct lifecycle_release *release)
{
    uint32_t allowed_s = release->state == LIFECYCLE_TRIAL ? step->policy->trial_max_s
                                                           : step->policy->shadow_max_s;
    return steady_since(release->since, step->now) >= allowed_s;
}

static bool is_retry(const struct step *step, const struct lifecycle_release *release)
{
    if (fault_is_planted(FAULT_LIFECYCLE_RETRIES_AT_ONCE))
        return true;
    return release->failure != LIFECYCLE_FAILURE_WITHDRAWN
           && steady_since(release->since, step->now) >= back_off_s(step->policy, release);
}

static bool holds(const struct step *step, enum guard guard,
                  const struct lifecycle_release *release)
{
    bool is_baked = steady_since(release->since, step->now) >= step->policy->bake_s
                    || fault_is_planted(FAULT_LIFECYCLE_EARLY_GOOD);
    switch (guard) {
    case ALWAYS:
        return true;
    case IS_ROAD_FREE:
        return is_road_free(step->state, release);
    case IS_TURN:
        return is_turn(step, release);
    case MAY_SWITCH:
        return may_switch(step->policy, step->state, step->now);
    case IS_BAKED:
        return is_baked && !release->is_disk_asked;
    case IS_BAKED_TOO:
        return is_baked
               && (release->is_disk_asked || fault_is_planted(FAULT_LIFECYCLE_NO_DISK_START));
    case IS_SEEN_AGAIN:
        return is_seen_again(step, release);
    case IS_EXCUSED:
        return is_excused(step, failure_of(step->event));
    case IS_OVERDUE:
        return is_overdue(step, release);
    case IS_RETRY:
        return is_retry(step, release);
    case IS_OTHER_ENGINE:
        return release->engine != step->state->engine;
    case GUARD_COUNT:
        break;
    }
    return false;
}

static bool take(struct step *step, struct lifecycle_release *release,
                 enum lifecycle_event_type type);

/* What a newly active release makes moot: older ones that wait or failed, and one in probation. */
static void supersede(struct step *step, const struct lifecycle_release *active)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct lifecycle_release *other = &step->state->releases[i];
        if (other == active || other->state == LIFECYCLE_GOOD)
            continue;
        if (other->version < active->version || other->state == LIFECYCLE_PROBATION)
            (void)take(step, other, LIFECYCLE_EVENT_SUPERSEDED);
    }
}

/* Whether `a` became good before `b` did. */
static bool is_older_good(const struct lifecycle_release *a, const struct lifecycle_release *b)
{
    return a->since.s != b->since.s ? a->since.s < b->since.s : a->version < b->version;
}

/* The newest good release but the one at `except` (LIMIT_RELEASES: of all). */
static const struct lifecycle_release *newest_good(const struct lifecycle *state, size_t except)
{
    const struct lifecycle_release *newest = NULL;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &state->releases[i];
        if (release->state != LIFECYCLE_GOOD || i == except)
            continue;
        if (newest == NULL || is_older_good(newest, release))
            newest = release;
    }
    return newest;
}

static void keep_last_goods(struct step *step)
{
    struct lifecycle_release *oldest = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct lifecycle_release *release = &step->state->releases[i];
        if (release->state != LIFECYCLE_GOOD)
            continue;
        count++;
        if (oldest == NULL || is_older_good(release, oldest))
            oldest = release;
    }
    if (count > LIMIT_RELEASES_GOOD)
        (void)take(step, oldest, LIFECYCLE_EVENT_SUPERSEDED);
}

static void note_switch(struct step *step, const struct lifecycle_release *release)
{
    struct lifecycle *state = step->state;
    state->switches[state->switch_next] = step->now;
    state->switch_next = (uint8_t)((state->switch_next + 1u) % LIMIT_SWITCHES_PER_DAY);
    if (state->switch_count < LIMIT_SWITCHES_PER_DAY)
        state->switch_count++;
    if (release->version > state->version_floor && !fault_is_planted(FAULT_LIFECYCLE_NO_FLOOR))
        state->version_floor = release->version;
    if (state->version_closed < state->version_floor)
        state->version_closed = state->version_floor;
}

static void count_attempt(struct lifecycle_release *release)
{
    if (release->attempts < ATTEMPTS_MAX)
        release->attempts++;
}

static void count_failure(struct lifecycle_release *release, enum lifecycle_failure failure)
{
    count_attempt(release);
    if (release->failure != failure) {
        release->failure = (uint8_t)failure;
        release->seen = 0;
    }
    if (release->seen < SEEN_MAX)
        release->seen++;
}

static void clear_road(struct step *step, const struct lifecycle_release *urgent)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct lifecycle_release *other = &step->state->releases[i];
        if (other != urgent && is_on_its_way(other))
            (void)take(step, other, LIFECYCLE_EVENT_REFUSE);
    }
}

static void enter(struct step *step, struct lifecycle_release *release, enum lifecycle_state to,
                  enum lifecycle_event_type type)
{
    bool was_tried = is_on_its_way(release) && release->state != LIFECYCLE_ADMITTED;
    release->state = (uint8_t)to;
    release->since = step->now;
    release->is_disk_asked = false;
    /* A back-off is not over because another one went first: VERIFIED keeps the mark. */
    bool is_still_delayed = release->is_delayed;
    release->is_delayed = to == LIFECYCLE_VERIFIED && is_still_delayed;
    switch (to) {
    case LIFECYCLE_FREE:
        *release = (struct lifecycle_release){0};
        step->actions->todo |= DO(SWEEP);
        break;
    case LIFECYCLE_ADMITTED:
        clear_road(step, release);
        release->is_delayed = was_tried || is_still_delayed;
        if (was_tried && type != LIFECYCLE_EVENT_STARTED)
            count_attempt(release);
        break;
    case LIFECYCLE_PROBATION:
        note_switch(step, release);
        supersede(step, release);
        break;
    case LIFECYCLE_GOOD:
        release->attempts = 0;
        release->failure = LIFECYCLE_FAILURE_NONE;
        release->seen = 0;
        keep_last_goods(step);
        break;
    case LIFECYCLE_BARRED:
        release->engine = step->state->engine;
        count_failure(release, failure_of(step->event));
        break;
    case LIFECYCLE_REJECTED:
    case LIFECYCLE_ROLLED_BACK:
        count_failure(release, failure_of(step->event));
        break;
    case LIFECYCLE_VERIFIED:
    case LIFECYCLE_TRIAL:
    case LIFECYCLE_SHADOW:
    case LIFECYCLE_STATE_COUNT:
        break;
    }
}

/* A release gets an event: the table decides. False where it means nothing in its state. */
static bool take(struct step *step, struct lifecycle_release *release,
                 enum lifecycle_event_type type)
{
    const struct row *row = &TABLE[release->state][type];
    const struct way *way = &row->then;
    if (way->is_there && !holds(step, row->guard, release))
        way = &row->otherwise;
    if (!way->is_there)
        return false;
    if (way->actions & ~DO(START_FROM_DISK))
        step->actions->subject = release->name;
    step->actions->todo |= way->actions;
    if (way->to != release->state) {
        step->actions->todo |= DO(SAVE);
        enter(step, release, way->to, type);
    } else if (release->state == LIFECYCLE_PROBATION && type != LIFECYCLE_EVENT_FAILED) {
        /* Asked for at the end of the bake; after a start of the agent it is asked for again. */
        release->is_disk_asked = (way->actions & DO(START_FROM_DISK)) != 0;
        step->actions->todo |= DO(SAVE);
    }
    return true;
}

static struct lifecycle_release *find(struct lifecycle *state, struct release_name name)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct lifecycle_release *release = &state->releases[i];
        if (release->state != LIFECYCLE_FREE && release_name_equal(release->name, name))
            return release;
    }
    return NULL;
}

/* The release of this state with the lowest (or highest) version, and how many there are. */
static struct lifecycle_release *outermost(struct lifecycle *state, enum lifecycle_state of,
                                           bool is_highest, unsigned *ret_count)
{
    struct lifecycle_release *found = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct lifecycle_release *release = &state->releases[i];
        if (release->state != of)
            continue;
        ++*ret_count;
        if (found == NULL || (release->version > found->version) == is_highest)
            found = release;
    }
    return found;
}

/*
 * The record that a new release may take. Failed ones go first (and stay refused: version_closed).
 * Of those that wait, the newest gives way: the oldest keeps its age and comes through, however
 * fast releases are published.
 */
static struct lifecycle_release *make_room(struct lifecycle *state, uint64_t version)
{
    unsigned free_count, rejected_count, barred_count, back_count, verified_count;
    struct lifecycle_release *spare = outermost(state, LIFECYCLE_FREE, false, &free_count);
    if (spare != NULL)
        return spare;
    spare = outermost(state, LIFECYCLE_VERIFIED, true, &verified_count);
    if (verified_count >= 2 && version < spare->version)
        return NULL;
    struct lifecycle_release *failed =
        outermost(state, LIFECYCLE_REJECTED, false, &rejected_count);
    struct lifecycle_release *barred = outermost(state, LIFECYCLE_BARRED, false, &barred_count);
    struct lifecycle_release *back = outermost(state, LIFECYCLE_ROLLED_BACK, false, &back_count);
    if (failed == NULL && (barred_count > 1 || verified_count < 2))
        failed = barred;
    if (failed == NULL && verified_count < 2)
        failed = back;
    if (failed == NULL)
        return verified_count >= 2 ? spare : NULL;
    if (failed->version > state->version_closed
        && !fault_is_planted(FAULT_LIFECYCLE_FORGETS_FAILED))
        state->version_closed = failed->version;
    return failed;
}

static void offered(struct step *step)
{
    const struct lifecycle_event *event = step->event;
    struct lifecycle *state = step->state;
    step->actions->refusal = LIFECYCLE_REFUSAL_NONE;
    if (release_name_is_factory(event->release))
        step->actions->refusal = LIFECYCLE_REFUSAL_UNKNOWN;
    if (event->version <= state->version_closed)
        step->actions->refusal = LIFECYCLE_REFUSAL_NOT_NEWER;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        if (state->releases[i].state != LIFECYCLE_FREE
            && state->releases[i].version == event->version)
            step->actions->refusal = LIFECYCLE_REFUSAL_OTHER_DIGEST;
    }
    if (step->actions->refusal != LIFECYCLE_REFUSAL_NONE)
        return;
    struct lifecycle_release *release = make_room(state, event->version);
    if (release == NULL) {
        step->actions->refusal = LIFECYCLE_REFUSAL_FULL;
        return;
    }
    if (release->state != LIFECYCLE_FREE)
        step->actions->todo |= DO(SWEEP);
    *release = (struct lifecycle_release){
        .name = event->release,
        .version = event->version,
        .is_urgent = event->is_urgent,
        .first_seen = step->now,
    };
    (void)take(step, release, LIFECYCLE_EVENT_OFFERED);
}

/* What an event of scope HOST changes beside the releases. */
static void change_host(struct step *step)
{
    struct lifecycle *state = step->state;
    const struct lifecycle_release *good = newest_good(state, LIMIT_RELEASES);
    uint8_t pressure = state->pressure;
    uint32_t engine = state->engine;
    uint64_t closed = state->version_closed;
    switch (step->event->type) {
    case LIFECYCLE_EVENT_STORM_BEGAN:
        state->pressure |= PRESSURE_STORM;
        break;
    case LIFECYCLE_EVENT_STORM_ENDED:
        state->pressure &= (uint8_t)~PRESSURE_STORM;
        break;
    case LIFECYCLE_EVENT_MEMORY_SHORT:
        state->pressure |= PRESSURE_MEMORY;
        break;
    case LIFECYCLE_EVENT_MEMORY_EASED:
        state->pressure &= (uint8_t)~PRESSURE_MEMORY;
        break;
    case LIFECYCLE_EVENT_ENGINE_CHANGED:
        state->engine = step->event->engine;
        break;
    case LIFECYCLE_EVENT_ANCHORS_CHANGED:
        state->version_floor = good != NULL ? good->version : 0;
        state->version_closed = state->version_floor;
        break;
    default:
        break;
    }
    if (pressure != state->pressure || engine != state->engine
        || closed != state->version_closed)
        step->actions->todo |= DO(SAVE);
}

static struct release_name name_of(const struct lifecycle_release *release)
{
    return release != NULL ? release->name : (struct release_name){{0}};
}

void lifecycle_step(const struct lifecycle_policy *policy, struct lifecycle *state,
                    const struct lifecycle_event *event, struct steady_time now,
                    struct lifecycle_actions *ret_actions)
{
    *ret_actions = (struct lifecycle_actions){0};
    struct step step = {policy, state, event, now, ret_actions};
    struct release_name ran = name_of(lifecycle_running(state));
    if (SCOPES[event->type] == HOST) {
        change_host(&step);
        for (size_t i = 0; i < LIMIT_RELEASES; i++)
            (void)take(&step, &state->releases[i], event->type);
    } else {
        struct lifecycle_release *release = find(state, event->release);
        if (release != NULL && !take(&step, release, event->type))
            ret_actions->refusal = LIFECYCLE_REFUSAL_NO_EFFECT;
        else if (release == NULL && event->type == LIFECYCLE_EVENT_OFFERED)
            offered(&step);
        else if (release == NULL)
            ret_actions->refusal = LIFECYCLE_REFUSAL_UNKNOWN;
    }
    ret_actions->running = name_of(lifecycle_running(state));
    ret_actions->fallback = name_of(lifecycle_fallback(state));
    if (fault_is_planted(FAULT_LIFECYCLE_FORGETS_TO_SAVE))
        ret_actions->todo &= ~DO(SAVE);
    bool is_start = event->type == LIFECYCLE_EVENT_STARTED
                    || event->type == LIFECYCLE_EVENT_STARTED_BADLY;
    if (is_start || !release_name_equal(ran, ret_actions->running))
        ret_actions->todo |= DO(ACTIVATE);
}

const struct lifecycle_release *lifecycle_running(const struct lifecycle *state)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        if (state->releases[i].state == LIFECYCLE_PROBATION)
            return &state->releases[i];
    return newest_good(state, LIMIT_RELEASES);
}

const struct lifecycle_release *lifecycle_fallback(const struct lifecycle *state)
{
    const struct lifecycle_release *running = lifecycle_running(state);
    return running != NULL ? newest_good(state, (size_t)(running - state->releases)) : NULL;
}

const struct lifecycle_release *lifecycle_find(const struct lifecycle *state,
                                               struct release_name name)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        if (state->releases[i].state != LIFECYCLE_FREE
            && release_name_equal(state->releases[i].name, name))
            return &state->releases[i];
    return NULL;
}

enum lifecycle_enforcement lifecycle_enforcement(const struct lifecycle *state)
{
    const struct lifecycle_release *running = lifecycle_running(state);
    bool is_new = running != NULL && running->state == LIFECYCLE_PROBATION;
    return is_new || state->pressure != 0 ? LIFECYCLE_ENFORCE_CUT : LIFECYCLE_ENFORCE_FULL;
}

unsigned lifecycle_newer(const struct lifecycle *state, uint64_t version)
{
    unsigned newer = 0;
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        newer += state->releases[i].state != LIFECYCLE_FREE && state->releases[i].version > version;
    return newer;
}

struct waits lifecycle_waits(const struct lifecycle_policy *policy, const struct lifecycle *state,
                             const struct lifecycle_release *release, struct steady_time now)
{
    struct waits waits = waits_none(now);
    struct steady_time again = steady_after(release->since, back_off_s(policy, release));
    switch ((enum lifecycle_state)release->state) {
    case LIFECYCLE_VERIFIED:
        if (!is_road_free(state, release))
            waits_on_others(&waits, WAIT_TURN);
        break;
    case LIFECYCLE_ADMITTED:
        if (release->is_delayed && again.s > now.s)
            waits_until(&waits, WAIT_BACK_OFF, again);
        if (state->pressure & PRESSURE_MEMORY)
            waits_on_others(&waits, WAIT_SHORT);
        if (!may_switch(policy, state, now))
            waits_until(&waits, WAIT_SWITCHES, next_switch(policy, state, now));
        break;
    case LIFECYCLE_REJECTED:
    case LIFECYCLE_ROLLED_BACK:
        if (release->failure == LIFECYCLE_FAILURE_WITHDRAWN)
            waits_on_others(&waits, WAIT_OPERATOR);
        else if (again.s > now.s)
            waits_until(&waits, WAIT_BACK_OFF, again);
        break;
    case LIFECYCLE_BARRED:
        waits_on_others(&waits, WAIT_OPERATOR);
        break;
    default:
        break;
    }
    return waits;
}

struct lifecycle_policy lifecycle_policy_default(void)
{
    return (struct lifecycle_policy){
        .trial_max_s = 15 * 60,
        .shadow_max_s = 2 * 60 * 60,
        .bake_s = 4 * 60 * 60,
        .retry_first_s = 60 * 60,
        .retry_max_s = WEEK_S,
        .switches_per_day = 4,
    };
}

void lifecycle_init(struct lifecycle *state, uint32_t engine, uint64_t version_floor)
{
    *state = (struct lifecycle){
        .engine = engine,
        .version_floor = version_floor,
        .version_closed = version_floor,
    };
}
