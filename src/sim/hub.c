// SPDX-License-Identifier: Apache-2.0
#include "sim/hub.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "sim/host.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>

enum {
    HOUR_S = 60 * 60,
    WAVES = 3,
    BAD_MIN = 3,             /* a halt takes so many independent hosts */
    HEALTHY_MIN = 300,       /* so many without one bad: fewer than 1 % are bad, 95 % sure */
    SOAK_S = 2 * HOUR_S,     /* they have been good for so long */
    VENDOR_AFTER_S = HOUR_S / 2, /* then a second partner has looked, and joins a halt */
    FLAPS = 3,               /* releases within FLAP_S: the publisher flaps */
    FLAP_S = 6 * HOUR_S,
    PANEL = 2000,            /* hosts of each kind that are looked at for silence */
    SILENCE_TICKS = 6,       /* silence is looked at each half hour */
    SEEN = 4,                /* ticks after which every report has come in */
};

/* Of a ring: its share, spread over so long, after a pause. */
static const struct {
    uint32_t share_ppm, spread_s, pause_s;
} PLAN[WAVES] = {
    {100000, HOUR_S, 0},
    {300000, 2 * HOUR_S, HOUR_S},
    {600000, 6 * HOUR_S, HOUR_S},
};

/* What the hub knows of a ring that has a release: as it stood a report's time ago. */
struct seen {
    uint32_t active, good, bad, host_days;
};

struct rollout {
    uint8_t ring;       /* the furthest that was started */
    bool is_started, is_done, is_halted;
    uint32_t healthy_s; /* since when the ring looks healthy; SIM_NEVER: it does not */
    uint32_t halted_s;
};

struct hub {
    struct rollout rollouts[SIM_RELEASES_MAX];
    uint32_t ring_hosts[SIM_RINGS];
    uint32_t *panel[SIM_RINGS]; /* hosts that began to run the newest release, up to PANEL */
    uint32_t panel_count[SIM_RINGS];
    uint32_t lies[SIM_RELEASES_MAX][SIM_RINGS];     /* of hostile canaries: crashes that are none */
    uint32_t silenced[SIM_RELEASES_MAX][SIM_RINGS];   /* bad signs that they kept to themselves */
    uint32_t over[SIM_RELEASES_MAX][SIM_RINGS];       /* hosts whose numbers are over their limit */
    double exposure_days[SIM_RELEASES_MAX][SIM_RINGS]; /* host days with the release */
    struct seen seen[SEEN][SIM_RELEASES_MAX][SIM_RINGS];
    uint32_t ticks, combinations, missing;
    bool is_frozen;
    uint64_t digest;
    char reason[256];
};

/* --- the first ring is diverse -------------------------------------------------------------- */

/* A number for each combination of kernel, distribution, architecture and role. */
static size_t combination(const struct world *world, uint32_t index)
{
    const struct scenario *scenario = &world->scenario;
    size_t number = world_kernel(world, index);
    number = number * scenario->distributions + world_distribution(world, index);
    number = number * scenario->architectures + world_architecture(world, index);
    return number * scenario->roles + world_role(world, index);
}

static uint8_t ring_by_lot(const struct world *world, uint32_t index)
{
    const struct scenario *scenario = &world->scenario;
    uint32_t lot = sim_below(sim_random(world->seed, index, SIM_CANARY, 1), 1000000);
    uint32_t second = scenario->ring_ppm_1 + scenario->ring_ppm_2;
    return lot < scenario->ring_ppm_1              ? 0
           : lot < second                          ? 1
           : lot < second + scenario->ring_ppm_3   ? 2
                                                   : 3;
}

/* One host of each kernel, then of each combination, as long as the first ring has room. */
static void choose_first(struct hub *hub, struct world *world, const uint32_t *firsts, size_t count,
                         size_t each_kernel)
{
    uint64_t room = (uint64_t)world->scenario.first_max_ppm * world->scenario.hosts / 1000000;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t kernel = 0; kernel < count / each_kernel; kernel++) {
            bool is_covered = false;
            for (size_t i = kernel * each_kernel; i < (kernel + 1) * each_kernel; i++) {
                if (firsts[i] == WHEEL_NOBODY || (pass == 0 && is_covered))
                    continue;
                is_covered = true;
                hub->combinations += pass;
                struct host *host = &world->hosts[firsts[i]];
                bool is_in = host->ring == 0;
                if (!is_in && hub->ring_hosts[0] < room) {
                    hub->ring_hosts[host->ring]--;
                    hub->ring_hosts[0]++;
                    host->ring = 0;
                } else if (!is_in && pass == 1) {
                    hub->missing++;
                }
            }
        }
    }
}

static struct result assign_rings(struct hub *hub, struct world *world, struct explanation *why)
{
    const struct scenario *scenario = &world->scenario;
    for (uint32_t i = 0; i < scenario->hosts; i++) {
        world->hosts[i].ring = world->off & SIM_OFF_RINGS ? 0 : ring_by_lot(world, i);
        hub->ring_hosts[world->hosts[i].ring]++;
    }
    size_t each_kernel =
        (size_t)scenario->distributions * scenario->architectures * scenario->roles;
    size_t count = each_kernel * scenario->kernels;
    if (count > 4 * MIB)
        return explain(why, ERROR_LIMIT, "the fleet could have %zu combinations of kernel, "
                                         "distribution, architecture and role; at most %d", count,
                       4 * MIB);
    if (world->off & (SIM_OFF_DIVERSITY | SIM_OFF_RINGS))
        return RESULT_OK;
    uint32_t *firsts = malloc(count * sizeof *firsts);
    if (firsts == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    for (size_t i = 0; i < count; i++)
        firsts[i] = WHEEL_NOBODY;
    for (uint32_t i = 0; i < scenario->hosts; i++) {
        size_t at = combination(world, i);
        if (firsts[at] == WHEEL_NOBODY || world->hosts[i].ring == 0)
            firsts[at] = i;
    }
    choose_first(hub, world, firsts, count, each_kernel);
    free(firsts);
    return RESULT_OK;
}

RESULT hub_open(struct world *world, struct hub **ret_hub, struct explanation *why)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    *ret_hub = hub;
    for (unsigned ring = 0; ring < SIM_RINGS; ring++) {
        hub->panel[ring] = calloc(PANEL, sizeof *hub->panel[ring]);
        if (hub->panel[ring] == NULL)
            return explain(why, ERROR_MEMORY, "memory is out");
    }
    for (unsigned i = 0; i < SIM_RELEASES_MAX; i++)
        hub->rollouts[i].halted_s = hub->rollouts[i].healthy_s = SIM_NEVER;
    return assign_rings(hub, world, why);
}

void hub_close(struct hub *hub)
{
    if (hub == NULL)
        return;
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        free(hub->panel[ring]);
    free(hub);
}

/* --- waves ---------------------------------------------------------------------------------- */

uint32_t hub_offers_s(const struct hub *hub, const struct world *world, uint32_t index,
                      uint8_t release)
{
    const struct sim_release *of = &world->releases[release];
    uint32_t started_s = of->started_s[world->hosts[index].ring];
    bool is_spread = (world->off & SIM_OFF_JITTER) == 0;
    (void)hub;
    if (world->off & SIM_OFF_RINGS)
        return of->published_s;
    if (started_s == SIM_NEVER || of->is_offered_at_once)
        return started_s;
    /* By host and release together, so that nobody is always first. */
    uint64_t name = 0;
    for (size_t i = 0; i < RELEASE_NAME_BYTES; i++)
        name = name * 31 + of->name.bytes[i];
    uint32_t draw = sim_below(sim_mix(sim_mix(index) ^ name), 1000000);
    uint32_t begin_ppm = 0;
    for (unsigned wave = 0; wave < WAVES; wave++) {
        started_s += PLAN[wave].pause_s;
        if (draw < begin_ppm + PLAN[wave].share_ppm || wave + 1 == WAVES) {
            uint64_t into_s = (uint64_t)(draw - begin_ppm) * PLAN[wave].spread_s
                              / PLAN[wave].share_ppm;
            return started_s + (is_spread ? (uint32_t)into_s : 0);
        }
        begin_ppm += PLAN[wave].share_ppm;
        started_s += PLAN[wave].spread_s;
    }
    return SIM_NEVER;
}

/* --- what hosts report ---------------------------------------------------------------------- */

void hub_hears(struct hub *hub, const struct world *world, uint32_t index, uint8_t release,
               enum sim_sign sign)
{
    const struct host *host = &world->hosts[index];
    bool is_liar = (host->flags & HOST_LIES) != 0;
    bool is_kind_liar = is_liar
                        && world->scenario.hostile_canaries == SCENARIO_hostile_canaries_healthy;
    bool is_bad = sign == SIM_SIGN_CRASH || sign == SIM_SIGN_BACK || sign == SIM_SIGN_REBOOT;
    if (is_bad && is_kind_liar)
        hub->silenced[release][host->ring]++;
    if (sign == SIM_SIGN_ACTIVE && is_liar && !is_kind_liar)
        hub->lies[release][host->ring]++;
    if ((sign == SIM_SIGN_CPU || sign == SIM_SIGN_LOSS) && !is_kind_liar)
        hub->over[release][host->ring]++;
    bool is_newest = release == world->release_count;
    if (sign == SIM_SIGN_ACTIVE && is_newest && hub->panel_count[host->ring] < PANEL)
        hub->panel[host->ring][hub->panel_count[host->ring]++] = index;
}

/* Whether a host's last report is overdue now. Hosts that sleep are silent too: so are others. */
static bool is_silent(const struct world *world, uint32_t index)
{
    const struct host *host = &world->hosts[index];
    struct presence presence = host_presence(world, index);
    bool is_mute = (host->flags & HOST_AFFECTED) != 0 && !(host->flags & HOST_LIES)
                   && world->scenario.fault == SCENARIO_fault_silence;
    return is_mute || (host->flags & HOST_DOWN) != 0 || !presence_is_on(&presence, world->now_s);
}

/* How far more of the hosts with the release are silent than of those without: in standard
 * deviations. */
static double silence(const struct hub *hub, const struct world *world, unsigned ring)
{
    uint32_t with = hub->panel_count[ring], silent = 0, others = 0, silent_others = 0;
    for (uint32_t i = 0; i < with; i++)
        silent += is_silent(world, hub->panel[ring][i]);
    uint32_t step = world->scenario.hosts / PANEL + 1;
    for (uint32_t i = hub->ticks % step; i < world->scenario.hosts; i += step) {
        if (world->hosts[i].runs == world->release_count)
            continue;
        others++;
        silent_others += is_silent(world, i);
    }
    if (with < 10 || others < 10)
        return 0;
    double both = (double)(silent + silent_others) / (double)(with + others);
    double spread = sqrt(both * (1 - both) * (1.0 / with + 1.0 / others));
    double more = (double)silent / with - (double)silent_others / others;
    return spread > 0 ? more / spread : 0;
}

/* --- gates ---------------------------------------------------------------------------------- */

/* How unlikely it is to see `bad` or more by chance where `expected` are usual (Poisson). */
static double chance_of(uint32_t bad, double expected)
{
    double term = exp(-expected), below = 0;
    for (uint32_t i = 0; i < bad; i++) {
        below += term;
        term *= expected / (i + 1);
    }
    return 1 - below;
}

/* Whether the ring speaks against the release. */
static bool is_breached(struct hub *hub, const struct world *world, uint8_t release, unsigned ring)
{
    const struct scenario *scenario = &world->scenario;
    const struct seen *seen = &hub->seen[(hub->ticks + 1) % SEEN][release][ring];
    double usual = (scenario->crash_ppm_day + scenario->reboot_ppm_day) / 1e6;
    /* A host that boots or crashes also goes back: it gives two signs. */
    double expected = 2 * usual * seen->host_days / 100.0 + 0.02;
    if (seen->bad >= BAD_MIN && chance_of(seen->bad, expected) < 1e-6) {
        (void)string_format(hub->reason, sizeof hub->reason,
                            "release %u, ring %u: %u bad signs where %.2f are usual", release, ring,
                            seen->bad, expected);
        return true;
    }
    bool is_looked_at = release == world->release_count && hub->ticks % SILENCE_TICKS == 0
                        && (world->off & SIM_OFF_SILENCE) == 0
                        && ring == (hub->rollouts[release].ring < SIM_RINGS
                                        ? hub->rollouts[release].ring : SIM_RINGS - 1u);
    double deviations = is_looked_at ? silence(hub, world, ring) : 0;
    if (deviations > 6) {
        (void)string_format(hub->reason, sizeof hub->reason,
                            "release %u, ring %u: hosts with it are silent (%.1f deviations)",
                            release, ring, deviations);
        return true;
    }
    return false;
}

static bool is_healthy(const struct hub *hub, uint8_t release, unsigned ring)
{
    const struct seen *seen = &hub->seen[(hub->ticks + 1) % SEEN][release][ring];
    uint32_t wanted = hub->ring_hosts[ring] / 2;
    uint32_t enough = wanted > HEALTHY_MIN * 3 ? wanted : wanted / 2 + 1;
    return seen->good >= enough;
}

/* What the reports that have come in by now say; looked at a report's time later. */
static void look(struct hub *hub, const struct world *world)
{
    for (uint8_t release = 2; release <= world->release_count; release++) {
        for (unsigned ring = 0; ring < SIM_RINGS; ring++) {
            const uint32_t *signs = world->signs[release][ring];
            uint32_t active = signs[SIM_SIGN_ACTIVE] - signs[SIM_SIGN_GONE];
            double *days = &hub->exposure_days[release][ring];
            *days += (double)active * HUB_TICK_S / DAY_S;
            hub->seen[hub->ticks % SEEN][release][ring] = (struct seen){
                .active = active,
                .good = signs[SIM_SIGN_GOOD],
                .bad = signs[SIM_SIGN_CRASH] + signs[SIM_SIGN_BACK] + signs[SIM_SIGN_REBOOT]
                       + hub->over[release][ring] + hub->lies[release][ring]
                       - hub->silenced[release][ring],
                .host_days = (uint32_t)(*days * 100),
            };
        }
    }
}

/* --- the controller ------------------------------------------------------------------------- */

static void note(struct hub *hub, const struct world *world, unsigned what, uint8_t release,
                 unsigned ring)
{
    hub->digest = sim_mix(hub->digest ^ ((uint64_t)world->now_s << 24 | what << 16
                                         | (unsigned)release << 8 | ring));
}

static void start_ring(struct hub *hub, struct world *world, uint8_t release, unsigned ring)
{
    world->releases[release].started_s[ring] = world->now_s;
    world->is_news = true;
    note(hub, world, 1, release, ring);
}

static void promote(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    world_promoted(world, release, rollout->ring);
    world->releases[release].evidence_s[rollout->ring] = world->now_s;
    world->is_news = true;
    note(hub, world, 2, release, rollout->ring);
    rollout->healthy_s = SIM_NEVER;
    rollout->ring++;
    rollout->is_done = rollout->ring == SIM_RINGS;
    if (!rollout->is_done)
        start_ring(hub, world, release, rollout->ring);
}

/* Hosts that have not had their turn get none any more; the customer's list names the release. */
static void halt(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    rollout->is_halted = true;
    rollout->halted_s = world->now_s;
    note(hub, world, 3, release, rollout->ring);
    if (!fault_is_planted(FAULT_HUB_TELLS_NOBODY))
        world_halt(world, 0, release);
}

/* Several releases in a row: somebody's machine runs wild, or somebody is in it. */
static bool is_flapping(struct hub *hub, const struct world *world)
{
    uint32_t recent = 0;
    for (uint8_t release = 2; release <= world->release_count; release++) {
        uint32_t at_s = world->releases[release].published_s;
        recent += at_s <= world->now_s && world->now_s - at_s < FLAP_S;
    }
    if (recent > FLAPS && (world->off & SIM_OFF_FLAP) == 0)
        hub->is_frozen = true;
    return hub->is_frozen;
}

static void control(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    if (rollout->is_halted) {
        if (world->now_s - rollout->halted_s >= VENDOR_AFTER_S)
            world_halt(world, 1, release);
        return;
    }
    if (!rollout->is_started) {
        rollout->is_started = true;
        start_ring(hub, world, release, 0);
        return;
    }
    bool has_gates = (world->off & SIM_OFF_GATES) == 0;
    for (unsigned ring = 0; ring <= rollout->ring && ring < SIM_RINGS && has_gates; ring++) {
        bool is_bad = is_breached(hub, world, release, ring);
        if (is_bad && !fault_is_planted(FAULT_HUB_SHRUGS)) {
            halt(hub, world, release);
            return;
        }
    }
    if (rollout->is_done)
        return;
    bool healthy = is_healthy(hub, release, rollout->ring) || fault_is_planted(FAULT_HUB_HASTY);
    if (!healthy)
        rollout->healthy_s = SIM_NEVER;
    else if (rollout->healthy_s == SIM_NEVER)
        rollout->healthy_s = world->now_s;
    if (healthy && world->now_s - rollout->healthy_s >= SOAK_S)
        promote(hub, world, release);
}

/* A hub in a thief's hands: all hosts at once, and evidence that it made itself. */
static void lie(struct hub *hub, struct world *world)
{
    struct sim_release *release = &world->releases[2];
    bool is_thiefs_evidence = world->scenario.evidence_keys_stolen != 0
                              && world->scenario.hub == SCENARIO_hub_lying;
    if (release->started_s[SIM_RINGS - 1] != SIM_NEVER)
        return;
    release->is_offered_at_once = true;
    for (unsigned ring = 0; ring < SIM_RINGS; ring++) {
        start_ring(hub, world, 2, ring);
        /* Hosts believe evidence that the promoter's key signed, over reports of hosts that the
         * customer's logged roster names. */
        if (is_thiefs_evidence || (world->off & SIM_OFF_EVIDENCE))
            release->evidence_s[ring] = world->now_s;
    }
}

RESULT hub_tick(struct hub *hub, struct world *world, struct explanation *why)
{
    const struct scenario *scenario = &world->scenario;
    (void)why;
    hub->ticks++;
    look(hub, world);
    bool is_past = world->now_s >= scenario->hub_from_s;
    if (is_past && world->now_s - scenario->hub_from_s < scenario->hub_gone_s)
        return RESULT_OK;
    bool is_honest = scenario->hub == SCENARIO_hub_honest || !is_past;
    bool is_frozen = is_flapping(hub, world);
    for (uint8_t release = 2; release <= world->release_count; release++) {
        bool is_out = world->releases[release].published_s <= world->now_s;
        if (is_out && is_honest && !is_frozen)
            control(hub, world, release);
        else if (is_out && release == 2 && !is_honest && scenario->hub != SCENARIO_hub_empty)
            lie(hub, world);
    }
    return RESULT_OK;
}

bool hub_is_finished(const struct hub *hub)
{
    const struct rollout *last = NULL;
    for (unsigned i = 0; i < SIM_RELEASES_MAX; i++)
        if (hub->rollouts[i].is_started)
            last = &hub->rollouts[i];
    return last != NULL && (last->is_done || last->is_halted);
}

struct hub_outcome hub_outcome(const struct hub *hub)
{
    struct hub_outcome outcome = {
        .combinations = hub->combinations,
        .combinations_missing = hub->missing,
        .halted_s = SIM_NEVER,
        .is_frozen = hub->is_frozen,
        .reason = hub->reason,
        .digest = hub->digest,
    };
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        outcome.ring_hosts[ring] = hub->ring_hosts[ring];
    for (unsigned i = 0; i < SIM_RELEASES_MAX; i++)
        if (hub->rollouts[i].halted_s < outcome.halted_s)
            outcome.halted_s = hub->rollouts[i].halted_s;
    return outcome;
}
