// SPDX-License-Identifier: Apache-2.0
#include "sim/sim.h"

#include "base/bytes.h"
#include "sim/host.h"
#include "sim/hub.h"
#include "sim/random.h"
#include "sim/seal.h"
#include "sim/world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CALM_AFTER_S = 8 * DAY_S, FIRST_RELEASE_S = 6 * 60 * 60 };

/* --- what must hold ------------------------------------------------------------------------- */

/* When any partner began to halt a release. */
static uint32_t first_halt_s(const struct world *world, uint8_t release)
{
    uint32_t first_s = SIM_NEVER;
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        if (world->halts_s[partner][release] < first_s)
            first_s = world->halts_s[partner][release];
    return first_s;
}

void world_begins(struct world *world, uint32_t index, uint8_t release)
{
    const struct host *host = &world->hosts[index];
    const struct scenario *scenario = &world->scenario;
    uint32_t now_s = host->wake_s, halt_s = first_halt_s(world, release);
    const struct sim_release *of = &world->releases[release];
    if (release == 1 || (world->off & SIM_OFF_RINGS))
        return;
    if (host->ring != 0 && of->evidence_s[host->ring - 1] > now_s)
        world->broken = "a host beyond the first ring runs a release without evidence";
    if (now_s < of->published_s + DAY_S && !of->is_urgent && !(world->off & SIM_OFF_AGE))
        world->broken = "a host runs a release that is not a day old";
    bool is_reached = scenario->halts_withheld_s == 0 && !(host->flags & HOST_CUT);
    uint32_t in_flight_s = HALTS_FRESH_S + 2 * scenario->poll_s;
    if (is_reached && halt_s != SIM_NEVER && now_s > halt_s + in_flight_s
        && !(world->off & SIM_OFF_HALTS))
        world->broken = "a host began to run a release long after it was halted";
}

/* The simulator knows what gates cannot: which hosts have really run it, and which it harmed. */
void world_promoted(struct world *world, uint8_t release, unsigned ring)
{
    const uint32_t *signs = world->signs[release][ring];
    const struct scenario *scenario = &world->scenario;
    if (world->off & SIM_OFF_GATES)
        return;
    if (signs[SIM_SIGN_GOOD] == 0)
        world->broken = "a ring was promoted that no host has proven";
    bool shows = scenario->fault == SCENARIO_fault_engine || scenario->fault == SCENARIO_fault_host;
    if (shows && scenario->hostile_canaries_percent == 0 && world->harmed_by_ring[ring] >= 20
        && world->harmed_by_ring[ring] > signs[SIM_SIGN_ACTIVE] / 5)
        world->broken = "a ring was promoted although the release harmed every fifth host of it";
}

/* --- what hosts tell ------------------------------------------------------------------------ */

void world_sign(struct world *world, uint32_t index, uint8_t release, enum sim_sign sign)
{
    struct host *host = &world->hosts[index];
    if (release == 0)
        return;
    world->signs[release][host->ring][sign]++;
    bool is_faulty = world->releases[release].is_faulty;
    if (sign == SIM_SIGN_ACTIVE && is_faulty && world->first_active_s == SIM_NEVER)
        world->first_active_s = host->wake_s;
    if (sign == SIM_SIGN_ACTIVE && release == world->release_count)
        world->good_minutes[host->wake_s / WHEEL_MINUTE_S]++;
    if ((sign == SIM_SIGN_ACTIVE || sign == SIM_SIGN_TRIED) && is_faulty)
        world->reached += sign == SIM_SIGN_TRIED;
    hub_hears(world->hub, world, index, release, sign);
}

void world_harm(struct world *world, uint32_t index, uint32_t at_s)
{
    struct host *host = &world->hosts[index];
    if (at_s < world->first_harm_s)
        world->first_harm_s = at_s;
    if ((host->flags & HOST_UNWELL) == 0)
        world->unwell++;
    if (host->flags & HOST_HARMED)
        return;
    world->harmed++;
    world->harmed_by_ring[host->ring]++;
    world->harm_minutes[at_s / WHEEL_MINUTE_S]++;
}

void world_well(struct world *world, uint32_t index, uint32_t at_s)
{
    (void)index;
    world->unwell--;
    if (at_s > world->well_s)
        world->well_s = at_s;
}

bool world_is_signed(struct world *world, uint32_t index, uint8_t release)
{
    return (world->off & SIM_OFF_SIGNATURES) != 0 || seal_holds(world->seal, index, release);
}

/* --- the beginning -------------------------------------------------------------------------- */

static bool is_hit(const struct world *world, uint32_t index)
{
    const struct scenario *scenario = &world->scenario;
    uint64_t draw = sim_random(world->seed, index, SIM_FAULT, 0);
    switch (scenario->fault_on) {
    case SCENARIO_fault_on_share:
        return sim_below(draw, 1000000) < scenario->fault_ppm;
    case SCENARIO_fault_on_kernel:
        return world_kernel(world, index) == scenario->fault_kernel;
    case SCENARIO_fault_on_combination:
        return world_kernel(world, index) == scenario->fault_kernel
               && world_role(world, index) == scenario->roles - 1;
    default:
        return true;
    }
}

/* A long tail: kernel n is about 1 / (n + 1) as frequent as kernel 0. */
static uint32_t long_tail(uint64_t draw, uint32_t count)
{
    double even = (double)(draw >> 11) / 9007199254740992.0;
    double drawn = exp(even * log((double)count + 1)) - 1;
    uint32_t number = (uint32_t)drawn;
    return number < count ? number : count - 1;
}

uint32_t world_kernel(const struct world *world, uint32_t index)
{
    if (world->fleet != NULL)
        return world->fleet[index].kernel;
    return long_tail(sim_random(world->seed, index, SIM_KERNEL, 0), world->scenario.kernels);
}

uint32_t world_role(const struct world *world, uint32_t index)
{
    if (world->fleet != NULL)
        return world->fleet[index].role;
    return long_tail(sim_random(world->seed, index, SIM_ROLE, 0), world->scenario.roles);
}

uint32_t world_distribution(const struct world *world, uint32_t index)
{
    if (world->fleet != NULL)
        return world->fleet[index].distribution;
    uint64_t draw = sim_random(world->seed, index, SIM_DISTRIBUTION, 0);
    uint32_t own = world_kernel(world, index) % world->scenario.distributions;
    /* A kernel of one distribution on another one: seldom, but there. */
    return sim_below(draw, 1000) < 5 ? (uint32_t)(draw % world->scenario.distributions) : own;
}

uint32_t world_architecture(const struct world *world, uint32_t index)
{
    if (world->fleet != NULL)
        return world->fleet[index].architecture;
    uint64_t draw = sim_random(world->seed, index, SIM_ARCHITECTURE, 0);
    return sim_below(draw, 10) != 0 ? 0 : (uint32_t)(draw % world->scenario.architectures);
}

static struct result publish(struct world *world, uint32_t at_s, bool is_faulty,
                             struct explanation *why)
{
    const struct scenario *scenario = &world->scenario;
    uint8_t number = ++world->release_count;
    struct sim_release *release = &world->releases[number];
    bool is_thiefs = is_faulty && scenario->release_keys_stolen != 0;
    *release = (struct sim_release){
        .published_s = at_s,
        .is_faulty = is_faulty,
        .is_urgent = number != 1 && scenario->urgent != 0,
        .at_once_s = SIM_NEVER,
        .is_unlogged = is_thiefs && scenario->witness_keys_stolen >= 2,
    };
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        release->evidence_s[ring] = SIM_NEVER;
    return seal_sign(world->seal, number, is_thiefs ? scenario->release_keys_stolen : SEAL_KEYS,
                     release->name.bytes, why);
}

static struct result publish_all(struct world *world, struct explanation *why)
{
    const struct scenario *scenario = &world->scenario;
    GUARD(publish(world, 0, false, why));
    for (uint32_t i = 0; i < scenario->versions; i++)
        GUARD(publish(world, FIRST_RELEASE_S + i * scenario->version_every_s,
                      scenario->fault != SCENARIO_fault_none && i % 2 == 0, why));
    return RESULT_OK;
}

/* Every partner says that there is nothing, or what it halts, every two hours. */
static void renew_lists(struct world *world)
{
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++) {
        uint16_t count = world->list_count[partner];
        const struct sim_list *last = count != 0 ? &world->lists[partner][count - 1] : NULL;
        bool is_due = last == NULL || world->now_s - last->published_s >= SIM_LIST_EVERY_S;
        if (!is_due || count == SIM_LISTS_MAX)
            continue;
        struct sim_list list = {0};
        if (last != NULL)
            list = *last;
        list.published_s = world->now_s;
        world->lists[partner][world->list_count[partner]++] = list;
    }
}

void world_halt(struct world *world, unsigned partner, uint8_t release)
{
    uint16_t count = world->list_count[partner];
    struct sim_list list = world->lists[partner][count - 1];
    for (size_t i = 0; i < list.count; i++)
        if (list.releases[i] == release)
            return;
    if (count == SIM_LISTS_MAX || list.count == sizeof list.releases)
        return;
    list.releases[list.count++] = release;
    list.published_s = world->now_s;
    world->lists[partner][count] = list;
    world->list_count[partner]++;
    world->halts_s[partner][release] = world->now_s;
    world->is_news = true;
}

static bool draw_percent(const struct world *world, uint32_t index, enum sim_purpose purpose,
                         uint32_t percent)
{
    return sim_below(sim_random(world->seed, index, purpose, 0), 100) < percent;
}

static void begin_hosts(struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    for (uint32_t i = 0; i < scenario->hosts; i++) {
        struct host *host = &world->hosts[i];
        bool is_canary = host->ring == 0;
        host->flags = 0;
        if (is_hit(world, i))
            host->flags |= HOST_FAULTY;
        world->faulty += (host->flags & HOST_FAULTY) != 0;
        if (draw_percent(world, i, SIM_CUT, scenario->cut_percent))
            host->flags |= HOST_CUT;
        if (is_canary && draw_percent(world, i, SIM_CANARY, scenario->hostile_canaries_percent))
            host->flags |= HOST_LIES;
        host_init(world, i, host);
    }
}

/* All hosts that may want to know of what is new hear of it when they next ask. */
static void spread_news(struct world *world)
{
    wheel_clear(&world->wheel);
    for (uint32_t i = 0; i < world->scenario.hosts; i++) {
        struct host *host = &world->hosts[i];
        uint32_t hears_s = host_hears_news_s(world, i);
        if (hears_s < host->wake_s)
            host->wake_s = hears_s;
        wheel_put(&world->wheel, i, host->wake_s);
    }
    world->is_news = world->has_turns = false;
}

static struct result open_world(const struct sim_options *options, struct world *world,
                                struct explanation *why)
{
    uint32_t hosts = options->scenario.hosts;
    world->scenario = options->scenario;
    world->seed = options->seed;
    world->off = options->off;
    world->fleet = options->fleet;
    world->end_s = options->scenario.days * (uint32_t)DAY_S;
    world->lifecycle = lifecycle_policy_default();
    world->first_harm_s = world->first_active_s = SIM_NEVER;
    memset(world->halts_s, 0xff, sizeof world->halts_s); /* SIM_NEVER */
    uint32_t minutes = world->end_s / WHEEL_MINUTE_S + 1;
    world->hosts = calloc(hosts, sizeof *world->hosts);
    world->harm_minutes = calloc(minutes + 1, sizeof *world->harm_minutes);
    world->good_minutes = calloc(minutes + 1, sizeof *world->good_minutes);
    if (world->hosts == NULL || world->harm_minutes == NULL || world->good_minutes == NULL
        || !result_is_ok(wheel_init(&world->wheel, hosts, minutes)))
        return explain(why, ERROR_MEMORY, "memory is out: %u hosts need %zu MB", hosts,
                       (sizeof *world->hosts + 8) * hosts / 1000000);
    GUARD(seal_open(options->seed, options->real_hosts, &world->seal, why));
    GUARD(publish_all(world, why));
    renew_lists(world);
    GUARD(hub_open(world, &world->hub, why));
    begin_hosts(world);
    world->is_news = true;
    spread_news(world);
    return RESULT_OK;
}

static void close_world(struct world *world)
{
    hub_close(world->hub);
    seal_close(world->seal);
    wheel_free(&world->wheel);
    free(world->hosts);
    free(world->harm_minutes);
    free(world->good_minutes);
    free(world);
}

/* --- the run -------------------------------------------------------------------------------- */

/* What people and thieves do, who are in no program of ours. */
static void let_people_act(struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    uint32_t published_s = world->releases[2].published_s;
    bool is_found = scenario->found_after_s != 0 && world->first_active_s != SIM_NEVER
                    && world->now_s >= world->first_active_s
                    && world->now_s - world->first_active_s >= scenario->found_after_s;
    bool is_read = scenario->read_after_s != 0 && !world->releases[2].is_unlogged
                   && world->now_s >= published_s
                   && world->now_s - published_s >= scenario->read_after_s;
    if ((is_found || is_read) && world->halted_s == SIM_NEVER) {
        unsigned honest = SIM_PARTNERS - scenario->partner_keys_stolen;
        for (uint8_t release = 2; release <= world->release_count; release += 2)
            for (unsigned partner = 0; partner < honest && partner < HALTS_RECALL_PARTNERS;
                 partner++)
                world_halt(world, partner, release);
        if (honest != 0)
            world->halted_s = world->now_s;
    }
    if (scenario->fault != SCENARIO_fault_malice && scenario->partner_keys_stolen != 0
        && world->now_s >= published_s) {
        for (unsigned i = 0; i < scenario->partner_keys_stolen; i++) {
            world_halt(world, SIM_PARTNERS - 1 - i, 2);
            world_halt(world, SIM_PARTNERS - 1 - i, 1);
        }
    }
}

static void run_minute(struct world *world, uint32_t minute)
{
    uint32_t end_s = (minute + 1) * WHEEL_MINUTE_S;
    uint32_t index = wheel_take(&world->wheel, minute);
    while (index != WHEEL_NOBODY) {
        uint32_t next = world->wheel.next[index];
        struct host *host = &world->hosts[index];
        while (host->wake_s < end_s)
            host_wake(world, index);
        wheel_put(&world->wheel, index, host->wake_s);
        index = next;
    }
}

static struct result run(struct world *world, struct explanation *why)
{
    uint32_t done_s = SIM_NEVER;
    for (uint32_t minute = 0; minute < world->wheel.minutes - 1; minute++) {
        world->now_s = minute * WHEEL_MINUTE_S;
        if (world->now_s % HUB_TICK_S == 0) {
            renew_lists(world);
            let_people_act(world);
            if (world->now_s - world->scenario.hub_from_s < HUB_TICK_S)
                world->is_news = true;
            GUARD(hub_tick(world->hub, world, why));
            if (world->is_news || world->has_turns)
                spread_news(world);
            if (hub_is_finished(world->hub) && done_s == SIM_NEVER)
                done_s = world->now_s;
            if (done_s != SIM_NEVER && world->now_s - done_s >= CALM_AFTER_S
                && world->unwell == 0)
                break;
        }
        run_minute(world, minute);
    }
    world->now_s += WHEEL_MINUTE_S;
    return RESULT_OK;
}

/* Whether the hub or two partners halt it for so long that every host must have heard of it: who is
 * on one day in nine needs that long. */
static bool is_long_halted(const struct world *world, uint8_t release)
{
    uint32_t long_ago_s = world->now_s - 10 * DAY_S;
    unsigned halting = 0;
    if (world->now_s < 10 * DAY_S)
        return false;
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        halting += world->halts_s[partner][release] <= long_ago_s;
    return halting >= HALTS_RECALL_PARTNERS || hub_halted_s(world->hub, release) <= long_ago_s;
}

/* What must hold at the end of every run. */
static void check_end(struct world *world)
{
    for (uint32_t i = 0; i < world->scenario.hosts; i++) {
        struct lifecycle life;
        host_unpack(world, &world->hosts[i], &life);
        if (!lifecycle_is_sound(&life))
            world->broken = "the state of a host is not sound";
        if (world->hosts[i].flags & HOST_UNWELL && is_long_halted(world, world->hosts[i].runs))
            world->broken = "a host is not well long after the release was halted";
    }
    if (world->hands != 0 && (world->off & SIM_OFF_BOOT_GUARD) == 0)
        world->broken = "a host needed somebody's hands";
}

/* --- the result ----------------------------------------------------------------------------- */

static uint64_t digest_host(uint64_t digest, const struct host *host)
{
    const struct host_releases *releases = &host->releases;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        digest = sim_mix(digest ^ ((uint64_t)releases->first_seen_s[i] << 32
                                   | releases->since_s[i]));
        digest ^= (uint64_t)releases->number[i] | (uint64_t)releases->state[i] << 8
                  | (uint64_t)releases->seen[i] << 16 | (uint64_t)releases->flags[i] << 24
                  | (uint64_t)releases->engine[i] << 32
                  | (uint64_t)releases->switches_s[i] << 40;
    }
    digest = sim_mix(digest ^ (releases->floor | (uint64_t)releases->closed << 8
                               | (uint64_t)releases->switch_count << 16));
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        digest = sim_mix(digest ^ ((uint64_t)host->lists[partner].seen_s << 16
                                   | host->lists[partner].number));
    digest = sim_mix(digest ^ host->guard.fingerprint);
    digest = sim_mix(digest ^ ((uint64_t)host->guard.since.s << 8 | host->guard.level));
    return sim_mix(digest ^ ((uint64_t)host->wake_s << 32 | (uint64_t)host->lost_s << 16
                             | (uint64_t)host->flags << 8 | host->runs));
}

static uint32_t after(uint32_t at_s)
{
    return at_s == SIM_NEVER ? SIM_NEVER
           : at_s > FIRST_RELEASE_S ? at_s - FIRST_RELEASE_S
                                    : 0;
}

/* Sums up what happened by minute; when 95 % of the fleet ran the newest release. */
static void sum_minutes(struct world *world, struct sim_result *result)
{
    enum { WINDOW = 5 };
    uint32_t first = FIRST_RELEASE_S / WHEEL_MINUTE_S, early = 0, good = 0;
    uint32_t enough = (uint32_t)((uint64_t)result->hosts * 95 / 100);
    result->good_95_s = SIM_NEVER;
    result->minutes = world->now_s / WHEEL_MINUTE_S - first;
    for (uint32_t minute = 0; minute < first; minute++)
        early += world->harm_minutes[minute];
    for (uint32_t i = 0; i < result->minutes; i++) {
        good += world->good_minutes[first + i];
        uint32_t begun = 0;
        for (uint32_t back = 0; back < WINDOW && back <= i; back++)
            begun += world->good_minutes[first + i - back];
        if (begun > result->peak)
            result->peak = begun;
        if (good >= enough && result->good_95_s == SIM_NEVER)
            result->good_95_s = i * WHEEL_MINUTE_S;
    }
    for (uint32_t i = 0, before = 0; i < result->minutes; i++) {
        /* From now on sums, and counted from the release. */
        before += world->harm_minutes[first + i] + (i == 0 ? early : 0);
        world->harm_minutes[i] = before;
    }
    for (uint32_t i = 0, before = 0; i < result->minutes; i++) {
        before += world->good_minutes[first + i];
        world->good_minutes[i] = before;
    }
    result->took = good;
    result->harmed_by_minute = world->harm_minutes;
    result->good_by_minute = world->good_minutes;
    world->harm_minutes = world->good_minutes = NULL;
}

static void sum_up(struct world *world, struct sim_result *result)
{
    const struct hub_outcome outcome = hub_outcome(world->hub);
    uint64_t digest = world->seed;
    *result = (struct sim_result){
        .seed = world->seed,
        .hosts = world->scenario.hosts,
        .first_ring = outcome.ring_hosts[0],
        .combinations = outcome.combinations,
        .combinations_missing = outcome.combinations_missing,
        .reached = world->reached,
        .harmed = world->harmed,
        .harmed_beyond_first_ring = world->harmed - world->harmed_by_ring[0],
        .hands = world->hands,
        .is_frozen = outcome.is_frozen,
        .paused = outcome.paused,
        .unwell = world->unwell,
        .first_harm_s = after(world->first_harm_s),
        .steps = world->steps,
        .verified = seal_verified(world->seal),
        .broken = world->broken,
    };
    uint32_t halted_s = outcome.halted_s < world->halted_s ? outcome.halted_s : world->halted_s;
    result->halted_s = after(halted_s);
    result->seconds_to_halt = SIM_NEVER;
    if (halted_s != SIM_NEVER)
        result->seconds_to_halt = world->first_harm_s < halted_s ? halted_s - world->first_harm_s
                                                                 : 0;
    result->all_well_s = world->unwell != 0 ? SIM_NEVER : after(world->well_s);
    if (world->harmed != 0)
        result->seconds_to_all_well =
            world->unwell != 0 ? SIM_NEVER : world->well_s - world->first_harm_s;
    (void)string_copy(result->reason, sizeof result->reason, outcome.reason);
    for (uint32_t i = 0; i < result->hosts; i++)
        digest = digest_host(digest, &world->hosts[i]);
    for (unsigned partner = 0; partner < SIM_PARTNERS; partner++)
        digest = sim_mix(digest ^ world->list_count[partner]);
    result->digest = sim_mix(digest ^ outcome.digest);
    sum_minutes(world, result);
}

RESULT sim_run(const struct sim_options *options, struct sim_result *ret_result,
               struct explanation *why)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    world->halted_s = SIM_NEVER;
    struct result result = open_world(options, world, why);
    if (result_is_ok(result))
        result = run(world, why);
    if (result_is_ok(result)) {
        check_end(world);
        sum_up(world, ret_result);
    }
    close_world(world);
    return result;
}

void sim_result_free(struct sim_result *result)
{
    free(result->harmed_by_minute);
    free(result->good_by_minute);
    *result = (struct sim_result){0};
}

static const struct {
    const char *word, *text;
} OFFS[] = {
#define SIM_OFF(id, word, text) {word, text},
#include "sim/off.def"
};

bool sim_off_parse(const char *word, uint32_t *ret_bit)
{
    for (unsigned place = 0; place < SIM_OFF_COUNT; place++) {
        if (string_equal(OFFS[place].word, word)) {
            *ret_bit = 1u << place;
            return true;
        }
    }
    return false;
}

const char *sim_off_word(unsigned place) { return OFFS[place].word; }

const char *sim_off_text(unsigned place) { return OFFS[place].text; }
