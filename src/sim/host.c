// SPDX-License-Identifier: Apache-2.0
#include "sim/host.h"

#include "sim/hub.h"
#include "sim/random.h"

#include <math.h>
#include <string.h>

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    ROUNDS_MAX = 8,            /* in one moment: VERIFIED to TRIAL takes two */
    BEGUN_S = 40 * DAY_S,      /* how long hosts were there before the simulation begins */
    CRASH_AFTER_S = 10,        /* a release that crashes does so within seconds */
    SHADOW_S = HOUR_S,
    RECHECK_S = 6 * HOUR_S,    /* of hosts whose partners are silent */
    HANDS_AFTER_BOOTS = 10,    /* so many bad boots in a row: somebody has to come and mend it */
    HANDS_MEAN_S = 187600,     /* July 2024: 99 % of the hosts were mended after ten days */
};

enum release_flag { IS_URGENT = 1, IS_DISK_ASKED = 2, IS_DELAYED = 4, ATTEMPTS = 8 };

/* What one wake works on. */
struct step {
    struct world *world;
    uint32_t index;
    struct host *host;
    struct presence presence;
    uint32_t now_s;
    struct lifecycle life;
    struct halts *halts;
    struct admission_policy admission;
    bool has_heard;
    uint32_t heard_s; /* when it last reached hub and repository */
};

/* --- packing -------------------------------------------------------------------------------- */

void host_unpack(const struct world *world, const struct host *host, struct lifecycle *ret_state)
{
    const struct host_releases *packed = &host->releases;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        struct lifecycle_release *release = &ret_state->releases[i];
        uint8_t number = packed->number[i], flags = packed->flags[i];
        if (number == 0) {
            *release = (struct lifecycle_release){0};
            continue;
        }
        *release = (struct lifecycle_release){
            .name = world->releases[number].name,
            .version = number,
            .first_seen = {packed->first_seen_s[i]},
            .since = {packed->since_s[i]},
            .engine = packed->engine[i],
            .state = packed->state[i] & 0xf,
            .failure = packed->state[i] >> 4,
            .seen = packed->seen[i],
            .is_urgent = (flags & IS_URGENT) != 0,
            .is_disk_asked = (flags & IS_DISK_ASKED) != 0,
            .is_delayed = (flags & IS_DELAYED) != 0,
            .attempts = (flags / ATTEMPTS) & 0x1fu,
        };
    }
    for (size_t i = 0; i < LIMIT_SWITCHES_PER_DAY; i++)
        ret_state->switches[i].s = packed->switches_s[i];
    ret_state->version_floor = packed->floor;
    ret_state->version_closed = packed->closed;
    ret_state->engine = packed->engine_now;
    ret_state->switch_count = packed->switch_count;
    ret_state->switch_next = packed->switch_next;
    ret_state->pressure = packed->pressure;
}

static_assert(LIFECYCLE_STATE_COUNT <= 16 && LIFECYCLE_FAILURE_COUNT <= 16,
              "state and failure share a byte");

void host_pack(const struct lifecycle *state, struct host *host)
{
    struct host_releases *packed = &host->releases;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &state->releases[i];
        packed->number[i] = (uint8_t)release->version;
        packed->first_seen_s[i] = release->first_seen.s;
        packed->since_s[i] = release->since.s;
        packed->engine[i] = (uint8_t)release->engine;
        packed->state[i] = (uint8_t)(release->state | release->failure << 4);
        packed->seen[i] = release->seen;
        packed->flags[i] = (uint8_t)((release->is_urgent ? IS_URGENT : 0)
                                     | (release->is_disk_asked ? IS_DISK_ASKED : 0)
                                     | (release->is_delayed ? IS_DELAYED : 0)
                                     | release->attempts * ATTEMPTS);
    }
    for (size_t i = 0; i < LIMIT_SWITCHES_PER_DAY; i++)
        packed->switches_s[i] = state->switches[i].s;
    packed->floor = (uint8_t)state->version_floor;
    packed->closed = (uint8_t)state->version_closed;
    packed->engine_now = (uint8_t)state->engine;
    packed->switch_count = state->switch_count;
    packed->switch_next = state->switch_next;
    packed->pressure = state->pressure;
}

/* --- what a host is like -------------------------------------------------------------------- */

struct presence host_presence(const struct world *world, uint32_t index)
{
    const struct scenario *scenario = &world->scenario;
    bool is_jittered = (world->off & SIM_OFF_JITTER) == 0;
    uint32_t kind = sim_below(sim_random(world->seed, index, SIM_PRESENCE, 0), 100);
    uint64_t draw = sim_random(world->seed, index, SIM_PHASE, 0);
    uint64_t boots = sim_random(world->seed, index, SIM_BOOT, 0);
    uint32_t poll = sim_below(sim_random(world->seed, index, SIM_POLL, 0), scenario->poll_s);
    struct presence presence = {
        .phase_s = BEGUN_S + sim_below(draw, 9 * DAY_S),
        .length_s = DAY_S,
        .cycle = 1,
        .days = 1,
        .poll_s = scenario->poll_s,
        .poll_phase_s = is_jittered ? poll : 0,
        .boot_every_s = scenario->boot_days * (uint32_t)(DAY_S / 2)
                        + sim_below(boots, scenario->boot_days * (uint32_t)DAY_S),
        .boot_phase_s = sim_below(boots << 32, 40 * DAY_S),
    };
    uint32_t hours = 6 + (uint32_t)(draw & 7);
    if (kind < scenario->asleep_percent + scenario->off_percent) {
        presence.is_asleep = kind < scenario->asleep_percent;
        /* Most of a fleet's people work on the same days; some work on others. */
        presence.phase_s = (draw >> 8) % 8 != 0 ? BEGUN_S + 2 * DAY_S + sim_below(draw, 9 * HOUR_S)
                                                : presence.phase_s;
        presence.cycle = 7;
        presence.days = 5;
        presence.length_s = hours * HOUR_S;
    } else if (kind < scenario->asleep_percent + scenario->off_percent + scenario->seldom_percent) {
        presence.cycle = 9;
        presence.days = 1;
        presence.length_s = hours * HOUR_S;
    }
    return presence;
}

static bool is_cut(const struct world *world, const struct host *host, uint32_t at_s)
{
    const struct scenario *scenario = &world->scenario;
    return (host->flags & HOST_CUT) != 0 && at_s >= scenario->cut_from_s
           && at_s - scenario->cut_from_s < scenario->cut_s;
}

static uint32_t next_news_s(const struct world *world, const struct host *host,
                            const struct presence *presence, uint32_t from_s)
{
    uint32_t at_s = presence_next_poll(presence, from_s);
    if (is_cut(world, host, at_s))
        at_s = presence_next_poll(presence,
                                  world->scenario.cut_from_s + world->scenario.cut_s);
    return at_s;
}

uint32_t host_hears_s(const struct world *world, uint32_t index, uint32_t from_s)
{
    struct presence presence = host_presence(world, index);
    return next_news_s(world, &world->hosts[index], &presence, from_s);
}

static uint32_t hears_s(const struct step *step, uint32_t from_s)
{
    return next_news_s(step->world, step->host, &step->presence, from_s);
}

/* The maintenance window: at night by the host's own wall clock. */
static void set_window(struct step *step)
{
    uint64_t draw = sim_random(step->world->seed, step->index, SIM_WINDOW, 0);
    if (sim_below(draw, 100) >= step->world->scenario.window_percent)
        return;
    step->admission.window_count = 1;
    step->admission.windows[0] = (struct maintenance_window){
        .days = 0x7f, .start_minute = (uint16_t)(60 * (draw % 6)), .minutes = 240};
}

static struct lifecycle_time time_of(const struct step *step, uint32_t at_s)
{
    const struct world *world = step->world;
    uint64_t draw = sim_random(world->seed, step->index, SIM_CLOCK, 0);
    uint64_t wall_s = UINT64_C(1721347200) + at_s; /* 19 July 2024 */
    if (sim_below(draw, 100) < world->scenario.wrong_clock_percent)
        wall_s += (uint64_t)(draw % (365 * DAY_S)) - 182u * (uint64_t)DAY_S;
    return (struct lifecycle_time){
        .steady = {presence_steady_s(&step->presence, at_s) - step->host->lost_s},
        .wall = {wall_s},
    };
}

static struct steady_time steady_of(const struct step *step, uint32_t at_s)
{
    return (struct steady_time){presence_steady_s(&step->presence, at_s) - step->host->lost_s};
}

/* When the host's steady clock will show this. */
static uint32_t when_steady(const struct step *step, struct steady_time at)
{
    return presence_when_steady(&step->presence, at.s + step->host->lost_s, step->now_s);
}

/* --- halts ---------------------------------------------------------------------------------- */

/* The list as the host remembers it, made whole from the world's. */
static void unpack_list(const struct step *step, unsigned partner, struct halt_list *list)
{
    const struct host_list *kept = &step->host->lists[partner];
    const struct sim_list *said = &step->world->lists[partner][kept->number - 1];
    list->is_partner = true;
    list->number = kept->number;
    list->seen_at.s = kept->seen_s;
    list->lifetime_s = DAY_S;
    list->count = said->count;
    for (size_t i = 0; i < said->count; i++) {
        uint8_t number = said->releases[i];
        list->halts[i] = (struct halt){
            .release = step->world->releases[number].name,
            .since = {number == kept->since_release ? kept->since_s : kept->seen_s},
        };
    }
}

static void take_list(struct step *step, unsigned partner, uint16_t number)
{
    const struct sim_list *said = &step->world->lists[partner][number - 1];
    struct halt_news news = {
        .partner = (uint8_t)partner, .number = number, .lifetime_s = DAY_S, .count = said->count};
    for (size_t i = 0; i < said->count; i++)
        news.halts[i].release = step->world->releases[said->releases[i]].name;
    if (halts_take(step->halts, &news, steady_of(step, step->heard_s)) != HALT_TAKEN)
        return;
    const struct halt_list *list = &step->halts->lists[partner];
    step->host->lists[partner] = (struct host_list){
        .number = number,
        .seen_s = list->seen_at.s,
        .since_s = list->count != 0 ? list->halts[0].since.s : 0,
        .since_release = list->count != 0 ? said->releases[0] : 0,
    };
}

static uint16_t newest_list(const struct world *world, unsigned partner, uint32_t at_s)
{
    uint16_t number = world->list_count[partner];
    while (number > 1 && world->lists[partner][number - 1].published_s > at_s)
        number--;
    return number;
}

/* Whether lists reach hosts at this time. */
static bool are_lists_withheld(const struct world *world, uint32_t at_s)
{
    uint32_t from_s = world->releases[2].published_s;
    return at_s >= from_s && at_s - from_s < world->scenario.halts_withheld_s;
}

/* What the host has heard by now: when it last asked, and the lists that it got then. */
static void hear(struct step *step)
{
    const struct world *world = step->world;
    step->has_heard = presence_last_poll(&step->presence, step->now_s, &step->heard_s);
    if (step->has_heard && is_cut(world, step->host, step->heard_s))
        step->has_heard = world->scenario.cut_from_s != 0
                          && presence_last_poll(&step->presence, world->scenario.cut_from_s - 1,
                                                &step->heard_s);
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        unpack_list(step, partner, &step->halts->lists[partner]);
    if (!step->has_heard || are_lists_withheld(world, step->heard_s))
        return;
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++) {
        uint16_t number = newest_list(world, partner, step->heard_s);
        if (number > step->host->lists[partner].number)
            take_list(step, partner, number);
    }
}

/* --- the boot guard ------------------------------------------------------------------------- */

static uint64_t fingerprint(const struct step *step)
{
    const struct lifecycle_release *running = lifecycle_running(&step->life);
    return sim_mix(running != NULL ? running->version : 0);
}

static struct boot_guard_actions tell_guard(struct step *step, enum boot_guard_event_type type,
                                            bool is_new_boot)
{
    struct boot_guard_actions actions = {0};
    if (step->world->off & SIM_OFF_BOOT_GUARD)
        return actions;
    const struct boot_guard_event event = {type, is_new_boot, fingerprint(step)};
    boot_guard_step(&step->host->guard, &event, steady_of(step, step->now_s), &actions);
    return actions;
}

static bool is_culprit_known(const struct step *step)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &step->life.releases[i];
        bool has_failed = release->state == LIFECYCLE_REJECTED
                          || release->state == LIFECYCLE_ROLLED_BACK
                          || release->state == LIFECYCLE_BARRED;
        if (has_failed && release->failure == LIFECYCLE_FAILURE_BOOT
            && steady_since(release->since, steady_of(step, step->now_s)) < DAY_S)
            return true;
    }
    return false;
}

/* The release that runs at this boot level; 0: the factory set. */
static uint8_t wanted(const struct step *step)
{
    const struct lifecycle_release *release = NULL;
    enum boot_level level = (enum boot_level)step->host->guard.level;
    if (level == BOOT_LEVEL_NORMAL)
        release = lifecycle_running(&step->life);
    else if (level == BOOT_LEVEL_LAST_GOOD)
        release = is_culprit_known(step) ? lifecycle_running(&step->life)
                                         : lifecycle_fallback(&step->life);
    return release != NULL ? (uint8_t)release->version : 0;
}

/* --- the fault ------------------------------------------------------------------------------ */

static bool has_fault(const struct step *step, uint8_t number)
{
    return number != 0 && step->world->releases[number].is_faulty
           && (step->host->flags & HOST_FAULTY) != 0;
}

/* Exponential with this mean, by the host's own luck. */
static uint32_t exponential_s(const struct step *step, enum sim_purpose purpose, double mean_s)
{
    uint64_t draw = sim_random(step->world->seed, step->index, purpose, step->now_s);
    double even = ((double)(draw >> 11) + 1) / 9007199254740993.0;
    double seconds = -log(even) * mean_s;
    return seconds > 1000 * (double)DAY_S ? SIM_NEVER : (uint32_t)seconds + 1;
}

static uint32_t until_match_s(const struct step *step)
{
    uint32_t rate = step->world->scenario.match_ppm_day;
    return exponential_s(step, SIM_MATCH, DAY_S * 1e6 / (double)(rate != 0 ? rate : 1));
}

static uint32_t later(uint32_t at_s, uint32_t in_s)
{
    return in_s > SIM_NEVER - at_s ? SIM_NEVER : at_s + in_s;
}

/* What runs has changed, or was started anew: when will its fault show? */
static void set_active_due(struct step *step, bool is_boot)
{
    const struct scenario *scenario = &step->world->scenario;
    step->host->active_due_s = SIM_NEVER;
    if (!has_fault(step, step->host->runs))
        return;
    uint32_t in_s = CRASH_AFTER_S;
    switch (scenario->fault_at) {
    case SCENARIO_fault_at_late:
        in_s = scenario->fault_after_s;
        break;
    case SCENARIO_fault_at_match:
        in_s = until_match_s(step);
        break;
    case SCENARIO_fault_at_boot:
        in_s = is_boot ? CRASH_AFTER_S : SIM_NEVER;
        break;
    default:
        break;
    }
    step->host->active_due_s = later(step->now_s, in_s);
}

/* Hosts have bad days of their own: what a gate must tell from a bad release. */
static void set_noise_due(struct step *step)
{
    const struct scenario *scenario = &step->world->scenario;
    uint32_t rate = scenario->crash_ppm_day + scenario->reboot_ppm_day;
    step->host->noise_due_s = SIM_NEVER;
    if (rate != 0 && step->host->runs > 1)
        step->host->noise_due_s =
            later(step->now_s, exponential_s(step, SIM_NOISE, DAY_S * 1e6 / (double)rate));
}

static void become_well(struct step *step)
{
    struct host *host = step->host;
    if ((host->flags & HOST_UNWELL) == 0)
        return;
    host->flags &= (uint8_t)~HOST_UNWELL;
    world_well(step->world, step->index, step->now_s);
}

static void become_harmed(struct step *step)
{
    struct host *host = step->host;
    world_harm(step->world, step->index, step->now_s);
    host->flags |= HOST_UNWELL | HOST_HARMED;
}

/* What should run runs from now on. */
static void activate(struct step *step, bool is_boot)
{
    struct host *host = step->host;
    uint8_t before = host->runs;
    host->runs = wanted(step);
    if (before != host->runs) {
        world_sign(step->world, step->index, before, SIM_SIGN_GONE);
        world_sign(step->world, step->index, host->runs, SIM_SIGN_ACTIVE);
        host->flags &= (uint8_t)~HOST_AFFECTED;
        const struct lifecycle_release *running = lifecycle_running(&step->life);
        if (running != NULL && running->version == host->runs
            && running->state == LIFECYCLE_PROBATION)
            world_begins(step->world, step->index, host->runs);
    }
    if (!has_fault(step, host->runs))
        become_well(step);
    if (before != host->runs || is_boot) {
        set_active_due(step, is_boot);
        set_noise_due(step);
    }
}

/* The host goes down and boots. */
static void crash(struct step *step)
{
    struct host *host = step->host;
    uint32_t down_s = step->world->scenario.boot_s
                      + sim_below(sim_random(step->world->seed, step->index, SIM_BOOT,
                                             step->now_s), MINUTE_S);
    if (host->bad_boots < UINT8_MAX)
        host->bad_boots++;
    if (host->bad_boots >= HANDS_AFTER_BOOTS) {
        host->flags |= HOST_HANDS;
        down_s = exponential_s(step, SIM_BOOT, HANDS_MEAN_S);
        step->world->hands++;
    }
    host->flags |= HOST_DOWN;
    host->down_until_s = later(step->now_s, down_s);
    host->lost_s += down_s;
    host->way_due_s = host->active_due_s = host->noise_due_s = SIM_NEVER;
}

static void take(struct step *step, enum lifecycle_event_type type, uint8_t number,
                 enum lifecycle_failure failure);

/* The fault of what runs shows. */
static void show_fault(struct step *step)
{
    struct host *host = step->host;
    enum sim_sign sign = SIM_SIGN_COUNT;
    host->active_due_s = SIM_NEVER;
    become_harmed(step);
    switch (step->world->scenario.fault) {
    case SCENARIO_fault_engine:
        world_sign(step->world, step->index, host->runs, SIM_SIGN_CRASH);
        take(step, LIFECYCLE_EVENT_FAILED, host->runs, LIFECYCLE_FAILURE_CRASH);
        return;
    case SCENARIO_fault_host:
        crash(step);
        return;
    case SCENARIO_fault_silence:
        sign = SIM_SIGN_SILENT;
        break;
    case SCENARIO_fault_cpu:
        sign = SIM_SIGN_CPU;
        break;
    case SCENARIO_fault_loss:
        sign = SIM_SIGN_LOSS;
        break;
    case SCENARIO_fault_missing:
        sign = SIM_SIGN_MISSING;
        break;
    default:
        break;
    }
    host->flags |= HOST_AFFECTED;
    if (sign != SIM_SIGN_COUNT)
        world_sign(step->world, step->index, host->runs, sign);
}

/* A bad day of the host's own. */
static void show_noise(struct step *step)
{
    const struct scenario *scenario = &step->world->scenario;
    uint64_t draw = sim_random(step->world->seed, step->index, SIM_NOISE, step->now_s + 1);
    uint32_t rate = scenario->crash_ppm_day + scenario->reboot_ppm_day;
    step->host->noise_due_s = SIM_NEVER;
    if (sim_below(draw, rate) >= scenario->crash_ppm_day) {
        crash(step);
        return;
    }
    world_sign(step->world, step->index, step->host->runs, SIM_SIGN_CRASH);
    take(step, LIFECYCLE_EVENT_FAILED, step->host->runs, LIFECYCLE_FAILURE_CRASH);
}

/* --- the lifecycle -------------------------------------------------------------------------- */

static uint8_t number_of(const struct step *step, struct release_name name)
{
    const struct lifecycle_release *release = lifecycle_find(&step->life, name);
    return release != NULL ? (uint8_t)release->version : 0;
}

/* How long a trial or a shadow takes. */
static uint32_t way_s(const struct step *step, enum lifecycle_action begun)
{
    if (step->world->off & SIM_OFF_TRIAL)
        return 1;
    uint64_t draw = sim_random(step->world->seed, step->index, SIM_TRIAL, step->now_s);
    return begun == LIFECYCLE_ACTION_START_SHADOW ? SHADOW_S
                                                  : MINUTE_S + sim_below(draw, 4 * MINUTE_S);
}

static void carry_out(struct step *step, const struct lifecycle_actions *actions, bool is_start)
{
    struct host *host = step->host;
#define IS_TODO(action) ((actions->todo >> LIFECYCLE_ACTION_##action & 1u) != 0)
    if (IS_TODO(STOP_TRIAL))
        host->way_due_s = SIM_NEVER;
    if (IS_TODO(START_TRIAL)) {
        world_sign(step->world, step->index, number_of(step, actions->subject), SIM_SIGN_TRIED);
        host->way_due_s = step->now_s + way_s(step, LIFECYCLE_ACTION_START_TRIAL);
    }
    if (IS_TODO(START_SHADOW))
        host->way_due_s = step->now_s + way_s(step, LIFECYCLE_ACTION_START_SHADOW);
    if (IS_TODO(ACTIVATE))
        activate(step, is_start);
    if (IS_TODO(START_FROM_DISK))
        take(step, LIFECYCLE_EVENT_DISK_STARTED, number_of(step, actions->running),
             LIFECYCLE_FAILURE_NONE);
    if (IS_TODO(SETTLE))
        world_sign(step->world, step->index, number_of(step, actions->subject), SIM_SIGN_GOOD);
#undef IS_TODO
}

/* Bad boots, and crashes of an engine that was active, are numbers of their own in a report: hosts
 * without the release have those too. */
static bool is_told_by_itself(unsigned before, unsigned failure)
{
    bool was_active = before == LIFECYCLE_PROBATION || before == LIFECYCLE_GOOD;
    return failure == LIFECYCLE_FAILURE_BOOT || (was_active && failure == LIFECYCLE_FAILURE_CRASH);
}

/* Releases that this step turned away, or that were turned back: the hub hears of them. */
static void tell_failures(struct step *step, const struct lifecycle *before)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &step->life.releases[i];
        bool is_back = release->state == LIFECYCLE_REJECTED || release->state == LIFECYCLE_BARRED
                       || release->state == LIFECYCLE_ROLLED_BACK;
        if (is_back && release->state != before->releases[i].state
            && release->failure != LIFECYCLE_FAILURE_RECALLED
            && release->failure != LIFECYCLE_FAILURE_WITHDRAWN)
            world_sign(step->world, step->index, (uint8_t)release->version,
                       is_told_by_itself(before->releases[i].state, release->failure)
                           ? SIM_SIGN_FELL
                           : SIM_SIGN_BACK);
    }
}

static void take(struct step *step, enum lifecycle_event_type type, uint8_t number,
                 enum lifecycle_failure failure)
{
    struct lifecycle_event event = {
        .type = type,
        .release = step->world->releases[number].name,
        .version = number,
        .is_urgent = step->world->releases[number].is_urgent,
        .failure = failure,
    };
    struct lifecycle before = step->life;
    struct lifecycle_actions actions;
    lifecycle_step(&step->world->lifecycle, &step->life, &event, steady_of(step, step->now_s),
                   &actions);
    step->world->steps++;
    if (actions.todo & 1u << LIFECYCLE_ACTION_SAVE)
        tell_failures(step, &before);
    const struct lifecycle_release *running = lifecycle_running(&step->life);
    bool is_start = type == LIFECYCLE_EVENT_STARTED || type == LIFECYCLE_EVENT_STARTED_BADLY;
    bool is_trial = (actions.todo >> LIFECYCLE_ACTION_START_TRIAL & 1u) != 0;
    bool is_switch = (actions.todo >> LIFECYCLE_ACTION_ACTIVATE & 1u) != 0 && running != NULL
                     && running->state == LIFECYCLE_PROBATION;
    if (!is_start && (is_trial || is_switch))
        (void)tell_guard(step, BOOT_GUARD_CHANGE, false);
    carry_out(step, &actions, is_start);
}

static const struct lifecycle_release *in_state(const struct step *step, enum lifecycle_state state)
{
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        if (step->life.releases[i].state == state)
            return &step->life.releases[i];
    return NULL;
}

/* A trial or a shadow has come to its end. */
static void end_way(struct step *step)
{
    struct host *host = step->host;
    const struct scenario *scenario = &step->world->scenario;
    host->way_due_s = SIM_NEVER;
    const struct lifecycle_release *trial = in_state(step, LIFECYCLE_TRIAL);
    const struct lifecycle_release *tried = trial != NULL ? trial
                                                          : in_state(step, LIFECYCLE_SHADOW);
    if (tried == NULL)
        return;
    uint8_t number = (uint8_t)tried->version;
    bool shows = has_fault(step, number) && scenario->fault_at == SCENARIO_fault_at_load;
    if (trial == NULL && has_fault(step, number)) {
        shows = shows || scenario->fault_at == SCENARIO_fault_at_shadow;
        shows = shows || (scenario->fault_at == SCENARIO_fault_at_match
                          && until_match_s(step) < SHADOW_S);
    }
    shows = shows && (step->world->off & SIM_OFF_TRIAL) == 0;
    if (shows && scenario->fault == SCENARIO_fault_host) {
        become_harmed(step);
        crash(step);
    } else if (shows && scenario->fault != SCENARIO_fault_malice) {
        take(step, LIFECYCLE_EVENT_FAILED, number,
             scenario->fault == SCENARIO_fault_cpu    ? LIFECYCLE_FAILURE_CPU
             : scenario->fault == SCENARIO_fault_loss ? LIFECYCLE_FAILURE_LAG
                                                      : LIFECYCLE_FAILURE_CRASH);
    } else {
        take(step, trial != NULL ? LIFECYCLE_EVENT_TRIAL_PASSED : LIFECYCLE_EVENT_SHADOW_PASSED,
             number, LIFECYCLE_FAILURE_NONE);
    }
}

/* --- admission ------------------------------------------------------------------------------ */

static struct admission_policy policy_of(const struct step *step)
{
    struct admission_policy policy = admission_policy_default();
    bool has_rings = (step->world->off & SIM_OFF_RINGS) == 0;
    policy.ring = has_rings ? step->host->ring : 0;
    policy.needs_evidence = has_rings;
    if (step->world->off & SIM_OFF_AGE)
        policy.age_min_s = policy.age_urgent_s = policy.age_full_s = 0;
    return policy;
}

/* The rings whose evidence the host has and believes. */
static uint32_t healthy_rings(const struct step *step, const struct sim_release *release)
{
    uint32_t rings = 0;
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        if (release->evidence_s[ring] <= step->heard_s && step->has_heard)
            rings |= 1u << ring;
    return rings;
}

static struct waits ask_admission(const struct step *step, const struct lifecycle_release *of)
{
    const struct sim_release *release = &step->world->releases[of->version];
    uint32_t logged_s = step->has_heard && step->heard_s > release->published_s
                            ? step->heard_s - release->published_s : 0;
    bool is_forged = release->is_unlogged; /* checkpoints of the thief's, as old as asked */
    struct lifecycle_time now = time_of(step, step->now_s);
    struct admission_facts facts = {
        .release = of->name,
        .is_urgent = of->is_urgent,
        .first_seen = of->first_seen,
        .log_age_s = is_forged ? WEEK_S : logged_s,
        .is_log_silent = step->now_s - (step->has_heard ? step->heard_s : 0) >= HALTS_SILENCE_S
                         && (step->host->flags & HOST_CUT) != 0,
        .newer = lifecycle_newer(&step->life, of->version),
        .healthy_rings = healthy_rings(step, release),
        .halts = halts_of(step->halts, of->name, now.steady),
    };
    if (step->world->off & SIM_OFF_HALTS)
        facts.halts = (struct halt_view){0};
    return admission_decide(&step->admission, &facts, now);
}

/* The hub gives turns; what a host has begun, it goes on with. A turn opens nothing else. */
static bool is_turn(const struct step *step, uint8_t number)
{
    return step->has_heard
           && hub_turn_s(step->world->hub, step->world, step->index, number) <= step->heard_s;
}

/* What policy and partners say of one release now; as judge() in road.c. */
static bool judge(struct step *step, const struct lifecycle_release *release)
{
    struct steady_time now = steady_of(step, step->now_s);
    uint8_t number = (uint8_t)release->version;
    if (release->state == LIFECYCLE_PROBATION || release->state == LIFECYCLE_GOOD) {
        struct halt_view view = halts_of(step->halts, release->name, now);
        bool is_due = view.halting >= HALTS_RECALL_PARTNERS
                      && halts_recall_at(&view, step->index, release->name).s <= now.s;
        if (!is_due || (step->world->off & SIM_OFF_HALTS))
            return false;
        take(step, LIFECYCLE_EVENT_RECALL, number, LIFECYCLE_FAILURE_NONE);
        return true;
    }
    bool is_on_its_way = release->state == LIFECYCLE_ADMITTED || release->state == LIFECYCLE_TRIAL
                         || release->state == LIFECYCLE_SHADOW;
    if (!is_on_its_way && release->state != LIFECYCLE_VERIFIED)
        return false;
    bool may_go = (is_on_its_way || is_turn(step, number))
                  && ask_admission(step, release).reasons == 0
                  && step->host->guard.level == BOOT_LEVEL_NORMAL;
    if (may_go == is_on_its_way)
        return false;
    uint8_t before = release->state;
    take(step, may_go ? LIFECYCLE_EVENT_ADMIT : LIFECYCLE_EVENT_REFUSE, number,
         LIFECYCLE_FAILURE_NONE);
    const struct lifecycle_release *after =
        lifecycle_find(&step->life, step->world->releases[number].name);
    return after == NULL || after->state != before;
}

/* --- what is published ---------------------------------------------------------------------- */

static void hear_offers(struct step *step)
{
    for (uint8_t number = 2; number <= step->world->release_count; number++) {
        const struct sim_release *release = &step->world->releases[number];
        if (number <= step->life.version_closed || !step->has_heard
            || release->published_s > step->heard_s
            || lifecycle_find(&step->life, release->name) != NULL
            || !world_is_signed(step->world, step->index, number))
            continue;
        take(step, LIFECYCLE_EVENT_OFFERED, number, LIFECYCLE_FAILURE_NONE);
    }
}

static void hears_sooner(const struct world *world, uint32_t index, uint32_t from_s,
                         uint32_t *hears_s)
{
    uint32_t at_s = host_hears_s(world, index, from_s > world->now_s ? from_s : world->now_s);
    if (at_s < *hears_s)
        *hears_s = at_s;
}

uint32_t host_hears_news_s(const struct world *world, uint32_t index)
{
    const struct host *host = &world->hosts[index];
    const struct scenario *scenario = &world->scenario;
    uint32_t hears_s = SIM_NEVER;
    bool is_wiped = scenario->hub == SCENARIO_hub_empty && world->now_s >= scenario->hub_from_s;
    if (is_wiped && (world->off & SIM_OFF_AUTONOMY))
        return host_hears_s(world, index, world->now_s);
    bool is_known[SIM_RELEASES_MAX] = {false};
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        uint8_t number = host->releases.number[i];
        bool is_waiting = (host->releases.state[i] & 0xf) == LIFECYCLE_VERIFIED;
        is_known[number] = true;
        /* Halts and evidence; what rests on the oldest release alone has nothing to hear. */
        if (number > 1 && hears_s == SIM_NEVER && world->is_news)
            hears_s = host_hears_s(world, index, world->now_s);
        uint32_t turn_s = number > 1 && is_waiting ? hub_turn_s(world->hub, world, index, number)
                                                   : SIM_NEVER;
        if (turn_s != SIM_NEVER)
            hears_sooner(world, index, turn_s, &hears_s);
    }
    for (uint8_t number = 2; number <= world->release_count && world->is_news; number++)
        if (!is_known[number] && number > host->releases.closed)
            hears_sooner(world, index, world->releases[number].published_s, &hears_s);
    return hears_s;
}

/* --- when next ------------------------------------------------------------------------------ */

static void sooner(uint32_t *wake_s, uint32_t at_s)
{
    if (at_s < *wake_s)
        *wake_s = at_s;
}

static void when_release_moves(const struct step *step, const struct lifecycle_release *release,
                               uint32_t *wake_s)
{
    struct steady_time now = steady_of(step, step->now_s);
    const struct lifecycle_policy *policy = &step->world->lifecycle;
    struct waits waits;
    switch ((enum lifecycle_state)release->state) {
    case LIFECYCLE_VERIFIED:
        if (!is_turn(step, (uint8_t)release->version)) {
            uint32_t turn_s = hub_turn_s(step->world->hub, step->world, step->index,
                                         (uint8_t)release->version);
            if (turn_s != SIM_NEVER) /* else news of it will wake the host */
                sooner(wake_s, hears_s(step, turn_s > step->now_s ? turn_s : step->now_s + 1));
            break;
        }
        waits = ask_admission(step, release);
        if (waits.reasons & 1u << WAIT_NEWS)
            sooner(wake_s, hears_s(step, step->now_s + 1));
        /* Where it waits for nothing but its turn, the other release's end wakes the host. */
        if (waits.is_time_known && waits.reasons != 0)
            sooner(wake_s, when_steady(step, waits.earliest));
        if (step->world->scenario.halts_withheld_s != 0 || (step->host->flags & HOST_CUT))
            sooner(wake_s, presence_next_on(&step->presence, step->now_s + RECHECK_S));
        break;
    case LIFECYCLE_ADMITTED:
    case LIFECYCLE_REJECTED:
    case LIFECYCLE_ROLLED_BACK:
        waits = lifecycle_waits(policy, &step->life, release, now);
        if (waits.is_time_known)
            sooner(wake_s, when_steady(step, waits.earliest));
        break;
    case LIFECYCLE_PROBATION:
        sooner(wake_s, when_steady(step, steady_after(release->since, policy->bake_s)));
        break;
    default:
        break;
    }
    if (release->state == LIFECYCLE_PROBATION || release->state == LIFECYCLE_GOOD) {
        struct halt_view view = halts_of(step->halts, release->name, now);
        if (view.halting >= HALTS_RECALL_PARTNERS && !(step->world->off & SIM_OFF_HALTS))
            sooner(wake_s, when_steady(step, halts_recall_at(&view, step->index, release->name)));
    }
}

/* Hosts ask all the time; here only those wake for it to whom an answer may matter: what they run
 * is recalled, and they have not heard of it (or no longer, their list has run out). */
static bool is_recall_unheard(const struct step *step)
{
    const struct world *world = step->world;
    uint8_t runs = step->host->runs;
    unsigned halting = 0;
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        halting += world->halts_s[partner][runs] != SIM_NEVER;
    struct halt_view view =
        halts_of(step->halts, world->releases[runs].name, steady_of(step, step->now_s));
    return halting >= HALTS_RECALL_PARTNERS && view.halting < HALTS_RECALL_PARTNERS;
}

static void set_wake(struct step *step)
{
    struct host *host = step->host;
    uint32_t wake_s = SIM_NEVER;
    if (host->flags & HOST_DOWN) {
        host->wake_s = host->down_until_s;
        return;
    }
    sooner(&wake_s, host->way_due_s);
    sooner(&wake_s, host->active_due_s);
    sooner(&wake_s, host->noise_due_s);
    if (is_recall_unheard(step))
        sooner(&wake_s, hears_s(step, step->now_s + 1));
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        if (step->life.releases[i].state != LIFECYCLE_FREE)
            when_release_moves(step, &step->life.releases[i], &wake_s);
    uint32_t calm_s = boot_guard_calm_s(&host->guard);
    if (host->guard.is_armed)
        calm_s = BOOT_GUARD_CALM_S;
    bool is_guard_busy = host->guard.is_armed || host->guard.level != BOOT_LEVEL_NORMAL;
    if (is_guard_busy && calm_s != 0 && !(step->world->off & SIM_OFF_BOOT_GUARD))
        sooner(&wake_s, when_steady(step, steady_after(host->guard.since, calm_s)));
    if (has_fault(step, host->runs)
        && step->world->scenario.fault_at == SCENARIO_fault_at_boot)
        sooner(&wake_s, presence_next_boot(&step->presence, step->now_s));
    for (uint8_t number = 2; number <= step->world->release_count; number++) {
        if (number <= step->life.version_closed
            || lifecycle_find(&step->life, step->world->releases[number].name) != NULL)
            continue;
        uint32_t at_s = step->world->releases[number].published_s;
        /* What it has heard of and did not take (nobody signed it) it will not take later. */
        bool is_heard = step->has_heard && at_s <= step->heard_s;
        if (!is_heard)
            sooner(&wake_s, hears_s(step, at_s > step->now_s ? at_s : step->now_s + 1));
    }
    host->wake_s = wake_s > step->now_s ? wake_s : step->now_s + 1;
}

/* --- one wake ------------------------------------------------------------------------------- */

static void start_up(struct step *step, bool is_bad)
{
    struct host *host = step->host;
    if (host->flags & HOST_HANDS) {
        /* Who mends the host takes away what it crashes with. */
        host->flags &= (uint8_t)~HOST_HANDS;
        host->bad_boots = 0;
        take(step, LIFECYCLE_EVENT_WITHDRAW, host->runs, LIFECYCLE_FAILURE_NONE);
    }
    const struct lifecycle_release *tried = in_state(step, LIFECYCLE_TRIAL);
    if (tried == NULL)
        tried = in_state(step, LIFECYCLE_SHADOW);
    uint8_t suspect = tried != NULL ? (uint8_t)tried->version : host->runs;
    struct boot_guard_actions actions = tell_guard(step, BOOT_GUARD_START, true);
    step->host->way_due_s = SIM_NEVER;
    take(step, actions.is_counted ? LIFECYCLE_EVENT_STARTED_BADLY : LIFECYCLE_EVENT_STARTED, 0,
         LIFECYCLE_FAILURE_NONE);
    if (is_bad)
        world_sign(step->world, step->index, suspect, SIM_SIGN_REBOOT);
}

/* A hub that lost everything says that nothing is wanted. Only who obeys is harmed by it. */
static void obey_empty_hub(struct step *step)
{
    const struct scenario *scenario = &step->world->scenario;
    bool is_wiped = scenario->hub == SCENARIO_hub_empty && step->has_heard
                    && step->heard_s >= scenario->hub_from_s;
    if (!is_wiped || (step->world->off & SIM_OFF_AUTONOMY) == 0 || step->host->runs == 0)
        return;
    take(step, LIFECYCLE_EVENT_WITHDRAW, step->host->runs, LIFECYCLE_FAILURE_NONE);
    become_harmed(step);
}

/* Field by field: the padding of two structs need not be alike. */
static bool is_moved(const struct host_releases *before, const struct host_releases *now)
{
#define DIFFERS(field) (memcmp(before->field, now->field, sizeof now->field) != 0)
    return DIFFERS(first_seen_s) || DIFFERS(since_s) || DIFFERS(switches_s) || DIFFERS(number)
           || DIFFERS(state) || DIFFERS(seen) || DIFFERS(flags) || DIFFERS(engine)
           || before->floor != now->floor || before->closed != now->closed
           || before->engine_now != now->engine_now || before->switch_count != now->switch_count
           || before->switch_next != now->switch_next || before->pressure != now->pressure;
#undef DIFFERS
}

/* As road_tick(): what policy and partners say now, then that time has passed. */
static bool tick(struct step *step)
{
    struct host_releases before = step->host->releases;
    bool has_moved = false;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release release = step->life.releases[i];
        if (release.state != LIFECYCLE_FREE)
            has_moved = judge(step, &release) || has_moved;
    }
    take(step, LIFECYCLE_EVENT_TICK, 0, LIFECYCLE_FAILURE_NONE);
    host_pack(&step->life, step->host);
    return has_moved || is_moved(&before, &step->host->releases);
}

static void live(struct step *step)
{
    struct host *host = step->host;
    /* A halt or a stale list stops what would switch in this moment: the road ticks each second. */
    (void)tick(step);
    if (host->active_due_s <= step->now_s)
        show_fault(step);
    if (host->noise_due_s <= step->now_s && !(host->flags & HOST_DOWN))
        show_noise(step);
    if (host->way_due_s <= step->now_s && !(host->flags & HOST_DOWN))
        end_way(step);
    if (host->flags & HOST_DOWN)
        return;
    if (tell_guard(step, BOOT_GUARD_TICK, false).is_level_new)
        activate(step, true);
    if (step->now_s - host->down_until_s >= BOOT_GUARD_CALM_S)
        host->bad_boots = 0;
    obey_empty_hub(step);
    hear_offers(step);
    for (unsigned round = 0; tick(step) && round < ROUNDS_MAX; round++)
        ;
}

void host_wake(struct world *world, uint32_t index)
{
    static _Thread_local struct halts halts; /* only what its counts say is read */
    struct host *host = &world->hosts[index];
    struct step step = {
        .world = world,
        .index = index,
        .host = host,
        .presence = host_presence(world, index),
        .now_s = host->wake_s,
        .halts = &halts,
    };
    if (!(host->flags & HOST_DOWN) && !presence_is_on(&step.presence, step.now_s)) {
        host->wake_s = presence_next_on(&step.presence, step.now_s);
        return;
    }
    host_unpack(world, host, &step.life);
    step.admission = policy_of(&step);
    set_window(&step);
    hear(&step);
    if (host->flags & HOST_DOWN) {
        host->flags &= (uint8_t)~HOST_DOWN;
        start_up(&step, true);
    } else if (presence_has_booted(&step.presence, host->lived_s, step.now_s)) {
        (void)tell_guard(&step, BOOT_GUARD_STOP, false);
        start_up(&step, false);
    }
    host->lived_s = step.now_s;
    live(&step);
    host_pack(&step.life, host);
    set_wake(&step);
}

/* --- the beginning -------------------------------------------------------------------------- */

void host_init(const struct world *world, uint32_t index, struct host *host)
{
    struct presence presence = host_presence(world, index);
    struct lifecycle life;
    uint32_t now_s = presence_steady_s(&presence, 0);
    lifecycle_init(&life, 1, 1);
    life.releases[0] = (struct lifecycle_release){
        .name = world->releases[1].name, .version = 1, .state = LIFECYCLE_GOOD};
    *host = (struct host){
        .runs = 1,
        .ring = host->ring,
        .flags = host->flags,
        .wake_s = SIM_NEVER,
        .way_due_s = SIM_NEVER,
        .active_due_s = SIM_NEVER,
        .noise_due_s = SIM_NEVER,
    };
    host->guard.calm_fingerprint = host->guard.fingerprint = sim_mix(1);
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        host->lists[partner] = (struct host_list){.number = 1, .seen_s = now_s};
    host_pack(&life, host);
}
