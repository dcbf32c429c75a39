// SPDX-License-Identifier: Apache-2.0
#include "sim/hub.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/fleet.h"
#include "rollout/waves.h"
#include "sim/host.h"
#include "sim/random.h"
#include "sim/reports.h"
#include "update/lifecycle/admission.h"

#include <stdlib.h>

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    VENDOR_AFTER_S = HOUR_S / 2, /* then a second partner has looked, and joins a halt */
    FLAPS = 3,                   /* releases within FLAP_S: the publisher flaps */
    FLAP_S = 6 * HOUR_S,
    SMALL_PART = 10,             /* no ring is made larger than this part of the fleet */
};

/* Each wave is offered over its time and pauses for those that come after it. The first rings are
 * small, so that only the last one needs hours. */
static const struct waves WAVES[SIM_RINGS] = {
    {2, {{100000, HOUR_S, HOUR_S}, {900000, 2 * HOUR_S, 0}}},
    {2, {{250000, HOUR_S, HOUR_S}, {750000, 2 * HOUR_S, 0}}},
    {2, {{250000, HOUR_S, HOUR_S}, {750000, 2 * HOUR_S, 0}}},
    {3, {{100000, HOUR_S, HOUR_S}, {300000, 2 * HOUR_S, HOUR_S}, {600000, 6 * HOUR_S, 0}}},
};

struct rollout {
    uint8_t ring; /* the furthest that was started */
    bool is_started, is_done, is_halted;
    uint32_t halted_s;
    uint32_t paused_s; /* for review, since then; SIM_NEVER: it is not */
    struct waves_started waves[SIM_RINGS];
};

struct hub {
    struct rollout rollouts[SIM_RELEASES_MAX];
    struct reports *reports;
    uint32_t ring_hosts[SIM_RINGS];
    uint32_t combinations, missing, paused;
    bool is_frozen;
    uint64_t digest;
    char reason[400];
};

/* --- rings ---------------------------------------------------------------------------------- */

/* A share of the fleet, but as many hosts as its gate needs to say anything, where there are so
 * many. */
static uint32_t ring_size(const struct scenario *scenario, uint32_t share_ppm, uint32_t hosts_min)
{
    uint32_t share = (uint32_t)((uint64_t)scenario->hosts * share_ppm / RING_PPM);
    uint32_t part = scenario->hosts / SMALL_PART;
    uint32_t least = hosts_min < part ? hosts_min : part;
    return share > least ? share : least > 0 ? least : 1;
}

static struct fleet_rings rings_of(const struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    if (world->off & SIM_OFF_RINGS)
        return (struct fleet_rings){.count = 1};
    return (struct fleet_rings){
        .count = SIM_RINGS,
        .sizes = {ring_size(scenario, scenario->ring_ppm_1, scenario->first_hosts_min),
                  ring_size(scenario, scenario->ring_ppm_2, scenario->ring_hosts_min),
                  ring_size(scenario, scenario->ring_ppm_3, scenario->ring_hosts_min)},
        .first_max = (uint32_t)((uint64_t)scenario->hosts * scenario->first_max_ppm / RING_PPM),
    };
}

/* Without diversity all hosts are alike to the choice: it is made by lot. */
static struct result assign(struct hub *hub, struct world *world, struct fleet_host *rows,
                            uint8_t *rings, struct explanation *why)
{
    uint32_t hosts = world->scenario.hosts;
    bool is_diverse = (world->off & SIM_OFF_DIVERSITY) == 0;
    struct fleet_rings wanted = rings_of(world);
    struct fleet_cover cover;
    for (uint32_t i = 0; i < hosts; i++) {
        rows[i].id = i;
        if (!is_diverse)
            continue;
        rows[i].kernel = (uint16_t)world_kernel(world, i);
        rows[i].distribution = (uint16_t)world_distribution(world, i);
        rows[i].role = (uint16_t)world_role(world, i);
        rows[i].architecture = (uint8_t)world_architecture(world, i);
        rows[i].flags = world->fleet != NULL ? world->fleet[i].flags : 0;
    }
    GUARD(fleet_assign(rows, hosts, &wanted, world->seed, rings, &cover, why));
    for (uint32_t i = 0; i < hosts; i++)
        world->hosts[i].ring = rings[i];
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        hub->ring_hosts[ring] = cover.sizes[ring];
    hub->combinations = is_diverse ? cover.combination_count : 0;
    hub->missing = cover.missing_count;
    fleet_cover_free(&cover);
    return RESULT_OK;
}

static struct result assign_rings(struct hub *hub, struct world *world, struct explanation *why)
{
    uint32_t hosts = world->scenario.hosts;
    struct fleet_host *rows = calloc(hosts, sizeof *rows);
    uint8_t *rings = calloc(hosts, sizeof *rings);
    struct result result = rows == NULL || rings == NULL
                               ? explain(why, ERROR_MEMORY, "memory is out")
                               : assign(hub, world, rows, rings, why);
    free(rows);
    free(rings);
    return result;
}

RESULT hub_open(struct world *world, struct hub **ret_hub, struct explanation *why)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    *ret_hub = hub;
    for (unsigned i = 0; i < SIM_RELEASES_MAX; i++)
        hub->rollouts[i].halted_s = hub->rollouts[i].paused_s = SIM_NEVER;
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        GUARD(waves_check(&WAVES[ring], why));
    GUARD(assign_rings(hub, world, why));
    return reports_open(world, &hub->reports, why);
}

void hub_close(struct hub *hub)
{
    if (hub == NULL)
        return;
    reports_close(hub->reports);
    free(hub);
}

/* --- waves ---------------------------------------------------------------------------------- */

uint32_t hub_turn_s(const struct hub *hub, const struct world *world, uint32_t index,
                    uint8_t release)
{
    const struct sim_release *of = &world->releases[release];
    const struct rollout *rollout = &hub->rollouts[release];
    uint8_t ring = world->hosts[index].ring;
    if (world->off & SIM_OFF_RINGS || release < 2)
        return of->published_s;
    if (of->at_once_s != SIM_NEVER)
        return of->at_once_s;
    const struct waves_started *started = &rollout->waves[ring];
    if (started->started == 0)
        return SIM_NEVER;
    struct wave_turn turn = wave_turn(&WAVES[ring], wave_draw(index, of->name));
    if (turn.wave >= started->started)
        return SIM_NEVER;
    uint32_t after_s = world->off & SIM_OFF_JITTER ? 0 : turn.after_s;
    uint32_t turn_s = started->at[turn.wave].s + after_s;
    return rollout->paused_s != SIM_NEVER && turn_s > rollout->paused_s ? SIM_NEVER : turn_s;
}

/* --- what hosts report ---------------------------------------------------------------------- */

void hub_hears(struct hub *hub, const struct world *world, uint32_t index, uint8_t release,
               enum sim_sign sign)
{
    reports_hear(hub->reports, world, index, release, sign);
}

/* --- the controller: thin, until the hub's takes its place ------------------------------------ */

static void note(struct hub *hub, const struct world *world, unsigned what, uint8_t release,
                 unsigned ring)
{
    hub->digest = sim_mix(hub->digest ^ ((uint64_t)world->now_s << 24 | what << 16
                                         | (unsigned)release << 8 | ring));
}

enum decision { DECISION_WAVE = 1, DECISION_PROMOTE, DECISION_HALT, DECISION_PAUSE, DECISION_GO };

static struct steady_time now_of(const struct world *world)
{
    return (struct steady_time){world->now_s};
}

static void start_wave(struct hub *hub, struct world *world, uint8_t release, unsigned ring)
{
    struct waves_started *waves = &hub->rollouts[release].waves[ring];
    waves->at[waves->started++] = now_of(world);
    world->has_turns = true;
    note(hub, world, DECISION_WAVE, release, ring);
}

static void promote(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    world_promoted(world, release, rollout->ring);
    world->releases[release].evidence_s[rollout->ring] = world->now_s;
    note(hub, world, DECISION_PROMOTE, release, rollout->ring);
    rollout->ring++;
    rollout->is_done = rollout->ring == SIM_RINGS;
    if (!rollout->is_done)
        start_wave(hub, world, release, rollout->ring);
}

/* Hosts that have not had their turn get none any more; the customer's list names the release. */
static void halt(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    rollout->is_halted = true;
    rollout->halted_s = world->now_s;
    note(hub, world, DECISION_HALT, release, rollout->ring);
    if (!fault_is_planted(FAULT_HUB_TELLS_NOBODY))
        world_halt(world, 0, release);
}

/* Nobody new has a turn until people have looked. These here let it go on, whatever it is. */
static void pause_for_review(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    if (rollout->paused_s == SIM_NEVER) {
        rollout->paused_s = world->now_s;
        hub->paused++;
        world->has_turns = true;
        note(hub, world, DECISION_PAUSE, release, rollout->ring);
    }
    if (world->now_s - rollout->paused_s < world->scenario.review_s)
        return;
    reports_reviewed(hub->reports, release);
    for (unsigned ring = 0; ring < SIM_RINGS; ring++) {
        struct waves_started *waves = &rollout->waves[ring];
        if (waves->started != 0 && ring == rollout->ring)
            waves->at[waves->started - 1].s += world->now_s - rollout->paused_s;
    }
    rollout->paused_s = SIM_NEVER;
    world->has_turns = true;
    note(hub, world, DECISION_GO, release, rollout->ring);
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

static bool has_gate(const struct world *world, unsigned ring)
{
    return (world->off & SIM_OFF_GATES) == 0 && (ring == 0 || world->scenario.gates_everywhere);
}

/* The gates of all rings that have it: what any of them says holds for all. */
static enum gate_verdict ask_gates(struct hub *hub, const struct world *world, uint8_t release)
{
    const struct rollout *rollout = &hub->rollouts[release];
    enum gate_verdict verdict = GATE_WAIT;
    for (unsigned ring = 0; ring <= rollout->ring && ring < SIM_RINGS; ring++) {
        const struct gate *gate = reports_gate(hub->reports, release, ring);
        if (!has_gate(world, ring) || (!gate->is_halted && !gate->is_paused))
            continue;
        struct gate_decision decision = reports_decide(hub->reports, world, release, ring);
        if (decision.verdict == GATE_HALT || verdict != GATE_HALT) {
            verdict = decision.verdict;
            (void)string_format(hub->reason, sizeof hub->reason, "release %u, ring %u: %s", release,
                                ring, decision.reason);
        }
    }
    return verdict;
}

static bool is_shown(const struct hub *hub, const struct world *world, uint8_t release)
{
    unsigned ring = hub->rollouts[release].ring;
    if (!has_gate(world, ring) || fault_is_planted(FAULT_HUB_HASTY))
        return true;
    enum gate_verdict verdict = reports_decide(hub->reports, world, release, ring).verdict;
    bool is_breached = verdict == GATE_HALT || verdict == GATE_PAUSE;
    return verdict == GATE_HEALTHY || (is_breached && fault_is_planted(FAULT_HUB_SHRUGS));
}

static void go_on(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    const struct waves *waves = &WAVES[rollout->ring];
    const struct waves_started *started = &rollout->waves[rollout->ring];
    if (wave_may_start(waves, started, now_of(world)))
        start_wave(hub, world, release, rollout->ring);
    else if (wave_limit(waves, started, now_of(world)) == UINT64_MAX
             && is_shown(hub, world, release))
        promote(hub, world, release);
}

/* Hosts take nothing younger: until then there is no sense in giving turns. */
static uint32_t age_s(const struct world *world, uint8_t release)
{
    struct admission_policy policy = admission_policy_default();
    if (world->off & SIM_OFF_AGE)
        return 0;
    return world->releases[release].is_urgent ? policy.age_urgent_s : policy.age_min_s;
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
        rollout->is_started = world->now_s - world->releases[release].published_s
                              >= age_s(world, release);
        if (rollout->is_started)
            start_wave(hub, world, release, 0);
        return;
    }
    enum gate_verdict verdict = fault_is_planted(FAULT_HUB_SHRUGS)
                                    ? GATE_WAIT
                                    : ask_gates(hub, world, release);
    if (verdict == GATE_HALT)
        halt(hub, world, release);
    else if (verdict == GATE_PAUSE)
        pause_for_review(hub, world, release);
    else if (!rollout->is_done)
        go_on(hub, world, release);
}

/* A hub in a thief's hands: all hosts at once, and evidence that it made itself. */
static void lie(struct hub *hub, struct world *world)
{
    struct sim_release *release = &world->releases[2];
    bool is_thiefs_evidence = world->scenario.evidence_keys_stolen != 0
                              && world->scenario.hub == SCENARIO_hub_lying;
    if (release->at_once_s != SIM_NEVER)
        return;
    release->at_once_s = world->now_s;
    world->has_turns = true;
    note(hub, world, DECISION_WAVE, 2, SIM_RINGS);
    /* Hosts believe evidence that the promoter's key signed, over reports of hosts that the
     * customer's logged roster names. */
    for (unsigned ring = 0; ring < SIM_RINGS; ring++)
        if (is_thiefs_evidence || (world->off & SIM_OFF_EVIDENCE))
            release->evidence_s[ring] = world->now_s;
}

static uint64_t stopped(const struct hub *hub)
{
    uint64_t releases = 0;
    for (unsigned release = 0; release < SIM_RELEASES_MAX; release++)
        releases |= (uint64_t)hub->rollouts[release].is_halted << release;
    return releases;
}

RESULT hub_tick(struct hub *hub, struct world *world, struct explanation *why)
{
    const struct scenario *scenario = &world->scenario;
    (void)why;
    reports_tick(hub->reports, world, stopped(hub));
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

uint32_t hub_halted_s(const struct hub *hub, uint8_t release)
{
    return hub->rollouts[release].halted_s;
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
        .paused = hub->paused,
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
