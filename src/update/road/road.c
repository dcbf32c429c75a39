// SPDX-License-Identifier: Apache-2.0
#include "update/road/road.h"

#include "base/bytes.h"
#include "base/fault.h"

#include <stdlib.h>
#include <unistd.h>

enum { SAVE_EVERY_S = 10 * 60, NAME_TEXT_BYTES = 2 * RELEASE_NAME_BYTES + 1 };

/* What the updater said last about a release; not saved: it says it again. */
struct knowledge {
    struct release_name name;
    bool takes_away;
    uint32_t log_age_s;
    uint32_t healthy_rings;
};

struct road {
    struct road_options options;
    struct slots slots;
    struct update_state state;
    struct knowledge knowledge[LIMIT_STREAMS][LIMIT_RELEASES];
    bool are_slots_good;
    bool is_unsaved;   /* a way back that the disk did not take yet */
    bool is_log_silent;
    uint32_t saved_at_s;
};

static uint32_t boottime_s(const struct road *road)
{
    if (fault_is_planted(FAULT_AGE_BY_WALL))
        return (uint32_t)(clock_wall_ns(road->options.clock) / NS_PER_S);
    return (uint32_t)(clock_boottime_ns(road->options.clock) / NS_PER_S);
}

static struct lifecycle_time now_of(const struct road *road)
{
    return (struct lifecycle_time){
        .steady = steady_now(&road->state.clock, boottime_s(road), road->options.boot_id),
        .wall = {clock_wall_ns(road->options.clock) / NS_PER_S},
    };
}

static void say(const struct road *road, const char *text)
{
    road->options.hands.say(road->options.hands.context, text);
}

static void name_text(struct release_name name, char *out)
{
    if (release_name_is_factory(name))
        (void)string_copy(out, NAME_TEXT_BYTES, "the factory set");
    else
        hex_encode(name.bytes, sizeof name.bytes, out);
}

static void say_state(const struct road *road, unsigned stream, struct release_name name)
{
    const struct lifecycle_release *release =
        lifecycle_find(&road->state.streams[stream], name);
    char text[EXPLANATION_BYTES], subject[NAME_TEXT_BYTES], running[NAME_TEXT_BYTES];
    name_text(name, subject);
    const struct lifecycle_release *runs = lifecycle_running(&road->state.streams[stream]);
    name_text(runs != NULL ? runs->name : (struct release_name){{0}}, running);
    enum lifecycle_state state = LIFECYCLE_FREE;
    enum lifecycle_failure failure = LIFECYCLE_FAILURE_NONE;
    if (release != NULL) {
        state = (enum lifecycle_state)release->state;
        failure = (enum lifecycle_failure)release->failure;
    }
    (void)string_format(text, sizeof text, "release %s is %s%s%s; %s runs", subject,
                        lifecycle_state_word(state),
                        failure != LIFECYCLE_FAILURE_NONE ? ": " : "",
                        failure != LIFECYCLE_FAILURE_NONE ? lifecycle_failure_text(failure) : "",
                        running);
    say(road, text);
}

/* --- saving ------------------------------------------------------------------------------ */

static bool save(struct road *road)
{
    struct explanation why;
    steady_rebase(&road->state.clock, boottime_s(road), road->options.boot_id);
    road->saved_at_s = road->state.clock.at.s;
    if (!road->are_slots_good)
        return false;
    struct result result = slots_save_state(&road->slots, &road->state, &why);
    if (!result_is_ok(result) && !road->is_unsaved)
        say(road, why.text);
    return result_is_ok(result);
}

static uint64_t fingerprint(const struct road *road)
{
    uint64_t mixed = road->options.fingerprint;
    for (size_t stream = 0; stream < road->state.stream_count; stream++) {
        const struct lifecycle_release *running = lifecycle_running(&road->state.streams[stream]);
        for (size_t i = 0; running != NULL && i < RELEASE_NAME_BYTES; i++)
            mixed = mixed * UINT64_C(0x100000001b3) ^ running->name.bytes[i];
        mixed = mixed * UINT64_C(0x100000001b3) ^ stream;
    }
    return mixed;
}

static struct boot_guard_actions tell_guard(struct road *road, enum boot_guard_event_type type,
                                            bool is_new_boot)
{
    const struct boot_guard_event event = {type, is_new_boot, fingerprint(road)};
    struct boot_guard_actions actions;
    boot_guard_step(&road->state.guard, &event, now_of(road).steady, &actions);
    return actions;
}

/* --- moving the hands --------------------------------------------------------------------- */

static struct lifecycle *stream_of(struct road *road, unsigned stream)
{
    return &road->state.streams[stream];
}

static void take(struct road *road, unsigned stream, const struct lifecycle_event *event);

/* Reads a release from its slot; where that fails the caller tells the lifecycle. */
static bool load(const struct road *road, struct release_name name, int *ret_sealed)
{
    struct slot_release found;
    struct explanation why;
    struct result result = result_fail(ERROR_STATE);
    if (road->are_slots_good)
        result = slots_read(&road->slots, name, &found, ret_sealed, &why);
    if (result_is_ok(result))
        return true;
    if (road->are_slots_good)
        say(road, why.text);
    return false;
}

/* Whether a bad boot of late was put down to a release of this stream: then it no longer runs. */
static bool is_culprit_known(const struct road *road, unsigned stream)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &road->state.streams[stream].releases[i];
        bool has_failed = release->state == LIFECYCLE_REJECTED
                          || release->state == LIFECYCLE_ROLLED_BACK
                          || release->state == LIFECYCLE_BARRED;
        if (has_failed && release->failure == LIFECYCLE_FAILURE_BOOT
            && steady_since(release->since, now_of(road).steady) < DAY_S)
            return true;
    }
    return false;
}

/* The release that shall run at this boot level; NULL: the factory set. */
static const struct lifecycle_release *wanted(const struct road *road, unsigned stream)
{
    const struct lifecycle *state = &road->state.streams[stream];
    switch (road_level(road)) {
    case BOOT_LEVEL_NORMAL:
        return lifecycle_running(state);
    case BOOT_LEVEL_LAST_GOOD:
        return is_culprit_known(road, stream) ? lifecycle_running(state)
                                              : lifecycle_fallback(state);
    default:
        return NULL;
    }
}

static void activate(struct road *road, unsigned stream)
{
    const struct road_hands *hands = &road->options.hands;
    const struct lifecycle_release *release = wanted(road, stream);
    struct road_load what = {stream, release, -1};
    if (release != NULL && !load(road, release->name, &what.sealed)) {
        const struct lifecycle_event damaged = {.type = LIFECYCLE_EVENT_FAILED,
                                                .release = release->name,
                                                .failure = LIFECYCLE_FAILURE_DISK};
        /* Where it was what should run, this step activates what is left. */
        bool is_running = lifecycle_running(stream_of(road, stream)) == release;
        struct release_name name = release->name;
        take(road, stream, &damaged);
        if (is_running)
            return;
        const struct lifecycle_release *next = wanted(road, stream);
        if (next != NULL && !release_name_equal(next->name, name)) {
            activate(road, stream);
            return;
        }
        what.release = NULL;
    }
    hands->activate(hands->context, &what);
    if (what.sealed >= 0)
        close(what.sealed);
}

/* A trial, a shadow or a start from disk, with the release from its slot. */
static void start(struct road *road, unsigned stream, struct release_name name,
                  void (*hand)(void *context, const struct road_load *load),
                  enum lifecycle_event_type otherwise)
{
    struct road_load what = {.stream = stream,
                             .release = lifecycle_find(stream_of(road, stream), name)};
    if (what.release != NULL && load(road, name, &what.sealed)) {
        hand(road->options.hands.context, &what);
        close(what.sealed);
        return;
    }
    const struct lifecycle_event failed = {
        .type = otherwise, .release = name, .failure = LIFECYCLE_FAILURE_DISK};
    take(road, stream, &failed);
}

static void carry_out(struct road *road, unsigned stream,
                      const struct lifecycle_actions *actions)
{
    const struct road_hands *hands = &road->options.hands;
    uint32_t todo = actions->todo;
#define IS_TODO(action) ((todo >> LIFECYCLE_ACTION_##action & 1u) != 0)
    if (IS_TODO(SAY))
        say_state(road, stream, actions->subject);
    if (IS_TODO(STOP_TRIAL))
        hands->stop_trial(hands->context, stream);
    if (IS_TODO(START_TRIAL))
        start(road, stream, actions->subject, hands->start_trial, LIFECYCLE_EVENT_ENVIRONMENT);
    if (IS_TODO(START_SHADOW))
        start(road, stream, actions->subject, hands->start_shadow, LIFECYCLE_EVENT_ENVIRONMENT);
    if (IS_TODO(ACTIVATE))
        activate(road, stream);
    if (IS_TODO(START_FROM_DISK))
        start(road, stream, actions->running, hands->start_from_disk, LIFECYCLE_EVENT_FAILED);
    if (IS_TODO(SETTLE))
        hands->settle(hands->context, stream);
    if (IS_TODO(SWEEP) && road->are_slots_good)
        result_ignore(slots_sweep(&road->slots, &road->state, NULL)); /* it only takes place */
}

/* One step of one stream: decide, save, act. */
static void take(struct road *road, unsigned stream, const struct lifecycle_event *event)
{
    struct update_state before = road->state;
    struct lifecycle_actions actions;
    lifecycle_step(&road->options.lifecycle, stream_of(road, stream), event, now_of(road).steady,
                   &actions);
    const struct lifecycle_release *running = lifecycle_running(stream_of(road, stream));
    uint32_t todo = actions.todo;
    bool is_start = event->type == LIFECYCLE_EVENT_STARTED
                    || event->type == LIFECYCLE_EVENT_STARTED_BADLY;
    bool is_new = running != NULL && running->state == LIFECYCLE_PROBATION;
    bool is_forward = !is_start && (IS_TODO(START_TRIAL) || (IS_TODO(ACTIVATE) && is_new));
    if (is_forward)
        (void)tell_guard(road, BOOT_GUARD_CHANGE, false);
    if (IS_TODO(SAVE)) {
        bool is_saved = save(road);
        bool is_pressure = event->type >= LIFECYCLE_EVENT_STORM_BEGAN
                           && event->type <= LIFECYCLE_EVENT_MEMORY_EASED;
        bool goes_on = is_pressure
                       || (IS_TODO(ACTIVATE) && !is_forward /* back, or a start */
                           && !fault_is_planted(FAULT_WAY_BACK_WAITS));
        if (!is_saved && !goes_on) {
            road->state = before; /* it has not happened; the next tick tries again */
            return;
        }
        road->is_unsaved = !is_saved;
    }
    carry_out(road, stream, &actions);
}

/* --- the road's own life -------------------------------------------------------------------- */

static void begin_anew(struct road *road, uint64_t version_floor)
{
    road->state = (struct update_state){.stream_count = road->options.stream_count};
    for (size_t stream = 0; stream < road->options.stream_count; stream++)
        lifecycle_init(&road->state.streams[stream], road->options.engine, version_floor);
}

static void recall_state(struct road *road)
{
    struct explanation why;
    struct result result =
        slots_open(&road->slots, road->options.disk, road->options.folder, &why);
    road->are_slots_good = result_is_ok(result);
    if (!road->are_slots_good) {
        say(road, why.text);
        begin_anew(road, 0);
        return;
    }
    bool is_damaged = false;
    result = slots_load_state(&road->slots, &road->state, &is_damaged, &why);
    if (result_is_ok(result) && is_damaged)
        say(road, "one of the two copies of the state of updates is damaged; the other one is in "
                  "force");
    if (result_is_ok(result)) {
        for (size_t stream = road->state.stream_count; stream < road->options.stream_count;
             stream++)
            lifecycle_init(&road->state.streams[stream], road->options.engine, 0);
        road->state.stream_count = road->options.stream_count;
        return;
    }
    uint64_t floor = 0;
    if (!result_is_ok(slots_highest_version(&road->slots, &floor)))
        floor = 0;
    if (result.error != ERROR_NOT_FOUND)
        say(road, why.text);
    else if (floor > 0)
        say(road, "the state of updates is gone, but not its releases: the factory set runs, and "
                  "nothing up to the highest of their versions is taken again");
    begin_anew(road, floor);
}

RESULT road_open(const struct road_options *options, struct road **ret_road)
{
    if (options->stream_count == 0 || options->stream_count > LIMIT_STREAMS)
        return result_fail(ERROR_LIMIT);
    struct road *road = calloc(1, sizeof *road);
    if (road == NULL)
        return result_fail(ERROR_MEMORY);
    road->options = *options;
    recall_state(road);
    bool is_new_boot = !steady_is_boot(&road->state.clock, options->boot_id);
    /* Counted and on the disk before anything of what is counted is touched. */
    struct boot_guard_actions actions = tell_guard(road, BOOT_GUARD_START, is_new_boot);
    bool is_saved = save(road);
    if (!is_saved && road->state.guard.is_changed
        && road->state.guard.level < BOOT_LEVEL_FACTORY) {
        road->state.guard.level = BOOT_LEVEL_FACTORY;
        say(road, "this boot cannot be counted: the factory sets run, without what changed last");
    }
    options->hands.set_level(options->hands.context, road_level(road));
    for (unsigned stream = 0; stream < options->stream_count; stream++) {
        if (stream_of(road, stream)->engine != options->engine) {
            const struct lifecycle_event engine = {.type = LIFECYCLE_EVENT_ENGINE_CHANGED,
                                                   .engine = options->engine};
            take(road, stream, &engine);
        }
        const struct lifecycle_event started = {
            .type = actions.is_counted ? LIFECYCLE_EVENT_STARTED_BADLY : LIFECYCLE_EVENT_STARTED};
        take(road, stream, &started);
    }
    *ret_road = road;
    return RESULT_OK;
}

void road_close(struct road *road)
{
    if (road == NULL)
        return;
    (void)tell_guard(road, BOOT_GUARD_STOP, false);
    (void)save(road);
    free(road);
}

/* Where the knowledge about a release stands; the place of one that is no longer known is taken. */
static struct knowledge *knowledge_of(struct road *road, unsigned stream,
                                      struct release_name name)
{
    struct knowledge *spare = NULL;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct knowledge *knowledge = &road->knowledge[stream][i];
        if (release_name_equal(knowledge->name, name))
            return knowledge;
        if (lifecycle_find(&road->state.streams[stream], knowledge->name) == NULL)
            spare = knowledge;
    }
    if (spare != NULL)
        *spare = (struct knowledge){.name = name};
    return spare;
}

RESULT road_know(struct road *road, const struct road_offer *offer)
{
    struct release_name name = release_name_of(&offer->digest);
    if (offer->stream >= road->state.stream_count
        || lifecycle_find(stream_of(road, offer->stream), name) == NULL)
        return result_fail(ERROR_NOT_FOUND);
    struct knowledge *knowledge = knowledge_of(road, offer->stream, name);
    if (knowledge == NULL)
        return result_fail(ERROR_NOT_FOUND);
    knowledge->takes_away = offer->takes_away;
    knowledge->log_age_s = offer->log_age_s;
    knowledge->healthy_rings = offer->healthy_rings;
    return RESULT_OK;
}

RESULT road_offer(struct road *road, const struct road_offer *offer, int sealed,
                  struct explanation *why)
{
    if (offer->stream >= road->state.stream_count || !road->are_slots_good)
        return explain(why, ERROR_STATE, "no release can be taken: %s",
                       road->are_slots_good ? "this agent has no such stream"
                                            : "the folder of the releases cannot be used");
    struct release_name name = release_name_of(&offer->digest);
    const struct lifecycle_event event = {.type = LIFECYCLE_EVENT_OFFERED,
                                          .release = name,
                                          .version = offer->version,
                                          .is_urgent = offer->is_urgent};
    if (lifecycle_find(stream_of(road, offer->stream), name) == NULL) {
        struct lifecycle tried = *stream_of(road, offer->stream);
        struct lifecycle_actions actions;
        lifecycle_step(&road->options.lifecycle, &tried, &event, now_of(road).steady, &actions);
        if (actions.refusal != LIFECYCLE_REFUSAL_NONE)
            return explain(why, ERROR_STATE, "version %llu is refused: %s",
                           (unsigned long long)offer->version,
                           lifecycle_refusal_text(actions.refusal));
    }
    /* On disk before the state names it; and again, should its slot have been damaged since. */
    GUARD(slots_stage(&road->slots, &offer->digest, offer->version, sealed, why));
    take(road, offer->stream, &event);
    if (lifecycle_find(stream_of(road, offer->stream), name) == NULL)
        return explain(why, ERROR_STATE, "version %llu cannot be remembered now",
                       (unsigned long long)offer->version);
    return road_know(road, offer);
}

enum halt_verdict road_halts(struct road *road, const struct halt_news *news)
{
    struct halts before = road->state.halts;
    enum halt_verdict verdict = halts_take(&road->state.halts, news, now_of(road).steady);
    /* A halt that is not on the disk holds for now all the same, and is asked for again. */
    if (verdict == HALT_TAKEN && !save(road))
        road->is_unsaved = true;
    else if (verdict != HALT_TAKEN)
        road->state.halts = before;
    return verdict;
}

void road_set_partners(struct road *road, unsigned partner_bits, uint8_t lift_quorum)
{
    road->state.halts.lift_quorum = lift_quorum;
    for (unsigned partner = 0; partner < LIMIT_PARTNERS; partner++) {
        struct halt_list *list = &road->state.halts.lists[partner];
        bool is_partner = (partner_bits >> partner & 1u) != 0;
        if (list->is_partner != is_partner)
            *list = (struct halt_list){.is_partner = is_partner};
    }
}

void road_set_log_silent(struct road *road, bool is_silent) { road->is_log_silent = is_silent; }

void road_set_policy(struct road *road, const struct admission_policy *policy)
{
    road->options.admission = *policy;
}

void road_tell(struct road *road, unsigned stream, const struct lifecycle_event *event)
{
    if (event->type != LIFECYCLE_EVENT_ANCHORS_CHANGED) {
        if (stream < road->state.stream_count)
            take(road, stream, event);
        return;
    }
    halts_renumber(&road->state.halts);
    for (unsigned each = 0; each < road->state.stream_count; each++)
        take(road, each, event);
}

void road_set_pressure(struct road *road, unsigned bits)
{
    static const struct {
        unsigned bit;
        enum lifecycle_event_type begins, ends;
    } ROWS[] = {
        {PRESSURE_STORM, LIFECYCLE_EVENT_STORM_BEGAN, LIFECYCLE_EVENT_STORM_ENDED},
        {PRESSURE_MEMORY, LIFECYCLE_EVENT_MEMORY_SHORT, LIFECYCLE_EVENT_MEMORY_EASED},
    };
    for (unsigned stream = 0; stream < road->state.stream_count; stream++) {
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            bool is_on = (bits & ROWS[i].bit) != 0;
            const struct lifecycle_event event = {.type = is_on ? ROWS[i].begins : ROWS[i].ends};
            if (is_on != ((stream_of(road, stream)->pressure & ROWS[i].bit) != 0))
                take(road, stream, &event);
        }
    }
}

static struct waits ask_admission(const struct road *road, unsigned stream,
                                  const struct lifecycle_release *release,
                                  struct lifecycle_time now)
{
    struct admission_facts facts = {
        .release = release->name,
        .is_urgent = release->is_urgent,
        .first_seen = release->first_seen,
        .is_log_silent = road->is_log_silent,
        .newer = lifecycle_newer(&road->state.streams[stream], release->version),
        .halts = halts_of(&road->state.halts, release->name, now.steady),
    };
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct knowledge *knowledge = &road->knowledge[stream][i];
        if (release_name_equal(knowledge->name, release->name)) {
            facts.takes_away = knowledge->takes_away;
            facts.log_age_s = knowledge->log_age_s;
            facts.healthy_rings = knowledge->healthy_rings;
        }
    }
    return admission_decide(&road->options.admission, &facts, now);
}

static bool is_on_its_way(const struct lifecycle_release *release)
{
    return release->state == LIFECYCLE_ADMITTED || release->state == LIFECYCLE_TRIAL
           || release->state == LIFECYCLE_SHADOW;
}

/* What waits for a back-off holds nobody up. */
static bool is_in_motion(const struct lifecycle *state)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &state->releases[i];
        bool is_idle = release->state == LIFECYCLE_ADMITTED && release->is_delayed;
        if ((is_on_its_way(release) && !is_idle) || release->state == LIFECYCLE_PROBATION)
            return true;
    }
    return false;
}

static bool is_other_in_motion(const struct road *road, unsigned stream)
{
    for (unsigned other = 0; other < road->state.stream_count; other++)
        if (other != stream && is_in_motion(&road->state.streams[other]))
            return true;
    return false;
}

/* Whether the policy has nothing against a release of this stream that came before `first_seen`. */
static bool has_older_ready(const struct road *road, unsigned stream, struct steady_time first_seen,
                            struct lifecycle_time now)
{
    const struct lifecycle *state = &road->state.streams[stream];
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &state->releases[i];
        if (release->state == LIFECYCLE_VERIFIED && release->first_seen.s < first_seen.s
            && ask_admission(road, stream, release, now).reasons == 0
            && lifecycle_waits(&road->options.lifecycle, state, release, now.steady).reasons == 0)
            return true;
    }
    return false;
}

/* One change at a time: a host that suffers then knows of what. Who came first goes first. */
static bool is_turn(const struct road *road, unsigned stream,
                    const struct lifecycle_release *release, struct lifecycle_time now)
{
    for (unsigned other = 0; other < road->state.stream_count; other++)
        if (other != stream && has_older_ready(road, other, release->first_seen, now))
            return false;
    return !is_other_in_motion(road, stream);
}

/* What policy and partners say of one release now. */
static void judge(struct road *road, unsigned stream, const struct lifecycle_release *release)
{
    struct lifecycle_time now = now_of(road);
    struct lifecycle_event event = {.release = release->name};
    bool is_active = release->state == LIFECYCLE_PROBATION || release->state == LIFECYCLE_GOOD;
    if (is_active) {
        struct halt_view view = halts_of(&road->state.halts, release->name, now.steady);
        event.type = LIFECYCLE_EVENT_RECALL;
        if (view.halting >= HALTS_RECALL_PARTNERS
            && halts_recall_at(&view, road->options.host, release->name).s <= now.steady.s)
            take(road, stream, &event);
        return;
    }
    bool may_go = ask_admission(road, stream, release, now).reasons == 0
                  && road_level(road) == BOOT_LEVEL_NORMAL;
    if (release->state == LIFECYCLE_ADMITTED && release->is_delayed)
        may_go = may_go && !is_other_in_motion(road, stream); /* it lost its turn meanwhile */
    event.type = may_go ? LIFECYCLE_EVENT_ADMIT : LIFECYCLE_EVENT_REFUSE;
    bool begins = release->state == LIFECYCLE_VERIFIED && may_go
                  && is_turn(road, stream, release, now);
    if (begins || (is_on_its_way(release) && !may_go))
        take(road, stream, &event);
}

void road_tick(struct road *road)
{
    struct boot_guard_actions actions = tell_guard(road, BOOT_GUARD_TICK, false);
    if (actions.is_level_new)
        road->options.hands.set_level(road->options.hands.context, road_level(road));
    uint32_t unsaved_s = now_of(road).steady.s - road->saved_at_s;
    if ((actions.save || road->is_unsaved || unsaved_s >= SAVE_EVERY_S) && save(road))
        road->is_unsaved = false;
    for (unsigned stream = 0; stream < road->state.stream_count; stream++) {
        if (actions.is_level_new)
            activate(road, stream);
        for (size_t i = 0; i < LIMIT_RELEASES; i++) {
            const struct lifecycle_release release = stream_of(road, stream)->releases[i];
            if (release.state != LIFECYCLE_FREE)
                judge(road, stream, &release);
        }
        const struct lifecycle_event tick = {.type = LIFECYCLE_EVENT_TICK};
        take(road, stream, &tick);
    }
}

void road_reset_level(struct road *road)
{
    struct boot_guard_actions actions = tell_guard(road, BOOT_GUARD_RESET, false);
    if (!save(road))
        road->is_unsaved = true;
    if (!actions.is_level_new)
        return;
    road->options.hands.set_level(road->options.hands.context, road_level(road));
    for (unsigned stream = 0; stream < road->state.stream_count; stream++)
        activate(road, stream);
}

enum boot_level road_level(const struct road *road)
{
    return (enum boot_level)road->state.guard.level;
}

enum lifecycle_enforcement road_enforcement(const struct road *road, unsigned stream)
{
    if (stream >= road->state.stream_count || road_level(road) != BOOT_LEVEL_NORMAL)
        return LIFECYCLE_ENFORCE_CUT;
    return lifecycle_enforcement(&road->state.streams[stream]);
}

size_t road_status(const struct road *road, struct road_status *entries, size_t count)
{
    struct lifecycle_time now = now_of(road);
    size_t found = 0;
    for (unsigned stream = 0; stream < road->state.stream_count; stream++) {
        const struct lifecycle *state = &road->state.streams[stream];
        for (size_t i = 0; i < LIMIT_RELEASES; i++) {
            const struct lifecycle_release *release = &state->releases[i];
            if (release->state == LIFECYCLE_FREE || found >= count)
                continue;
            struct waits waits =
                lifecycle_waits(&road->options.lifecycle, state, release, now.steady);
            if (release->state == LIFECYCLE_VERIFIED || is_on_its_way(release)) {
                struct waits more = ask_admission(road, stream, release, now);
                waits.reasons |= more.reasons;
                waits.is_time_known = waits.is_time_known && more.is_time_known;
                waits.earliest = more.earliest.s > waits.earliest.s ? more.earliest
                                                                    : waits.earliest;
                if (release->state == LIFECYCLE_VERIFIED && waits.reasons == 0
                    && !is_turn(road, stream, release, now))
                    waits_on_others(&waits, WAIT_TURN);
            }
            entries[found++] = (struct road_status){
                .stream = stream,
                .release = *release,
                .waits = waits,
                .earliest = {now.wall.s + steady_since(now.steady, waits.earliest)},
            };
        }
    }
    return found;
}
