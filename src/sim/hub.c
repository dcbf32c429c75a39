// SPDX-License-Identifier: Apache-2.0
#include "sim/hub.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/controller.h"
#include "sim/host.h"
#include "sim/random.h"
#include "sim/reports.h"
#include "update/lifecycle/admission.h"

#include <stdlib.h>

enum {
    HOUR_S = 60 * 60,
    VENDOR_AFTER_S = HOUR_S / 2, /* after a halt: a second partner has looked, and recalls it */
    SMALL_PART = 10,             /* no ring is made larger than this part of the fleet */
    GATE_TICKS = 4,              /* gates speak each twenty minutes, where they have no news */
    STEPS_MAX = 8,               /* of a controller in one moment: it needs three at most */
};

struct rollout {
    struct controller controller;
    struct gate_decision decisions[SIM_RINGS]; /* the last of each gate */
    bool is_open;
    uint32_t halted_s; /* SIM_NEVER: it is not; as for those that follow */
    uint32_t review_s; /* people are asked since then to look at what paused it */
    uint32_t approve_s; /* and to approve that it goes into the next ring */
};

struct hub {
    struct rollout rollouts[SIM_RELEASES_MAX];
    struct controller_policy policy;
    struct controller_stream stream;
    struct reports *reports;
    uint32_t ring_hosts[SIM_RINGS];
    uint32_t combinations, missing, paused, ticks;
    bool was_gone, is_frozen;
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

/* The defaults, with turns of the first ring when its hosts may take them: they take nothing
 * younger than their own policy says. */
static struct controller_policy policy_of(const struct world *world)
{
    struct controller_policy policy = CONTROLLER_POLICY_DEFAULT;
    const struct admission_policy host = admission_policy_default();
    policy.rings[0].age_s = host.age_min_s;
    policy.urgent_age_s = host.age_urgent_s;
    if (world->off & SIM_OFF_AGE) {
        policy.urgent_age_s = 0;
        for (unsigned ring = 0; ring < SIM_RINGS; ring++)
            policy.rings[ring].age_s = 0;
    }
    if (world->off & SIM_OFF_FLAP) /* nobody starts or stops so often */
        policy.flaps.starts_s = policy.flaps.stops_s = 1;
    return policy;
}

RESULT hub_open(struct world *world, struct hub **ret_hub, struct explanation *why)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    *ret_hub = hub;
    for (unsigned i = 0; i < SIM_RELEASES_MAX; i++)
        hub->rollouts[i].halted_s = hub->rollouts[i].review_s = hub->rollouts[i].approve_s =
            SIM_NEVER;
    hub->policy = policy_of(world);
    GUARD(controller_policy_check(&hub->policy, why));
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

/* --- turns ---------------------------------------------------------------------------------- */

static bool is_gone(const struct world *world, uint32_t at_s)
{
    const struct scenario *scenario = &world->scenario;
    return at_s >= scenario->hub_from_s && at_s - scenario->hub_from_s < scenario->hub_gone_s;
}

/* When controller_offers() comes to offer this draw, as things stand: the waves count the rollout's
 * own time, which stands still while it is held. */
static uint32_t offered_s(const struct controller *controller, const struct wave_turn *turn,
                          uint32_t after_s, unsigned ring)
{
    const struct waves_started *started = &controller->rings[ring].waves;
    if (turn->wave >= started->started)
        return SIM_NEVER;
    uint32_t own_s = started->at[turn->wave].s + after_s;
    return own_s >= controller->ran_s
               ? steady_after(controller->ran_at, own_s - controller->ran_s).s
               : steady_since((struct steady_time){controller->ran_s - own_s}, controller->ran_at);
}

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
    const struct controller *controller = &rollout->controller;
    if (!rollout->is_open || controller->was_held || !controller->is_begun
        || ring > controller->ring)
        return SIM_NEVER;
    struct wave_turn turn =
        wave_turn(&hub->policy.rings[ring].waves, wave_draw(index, of->name));
    uint32_t after_s = world->off & SIM_OFF_JITTER ? 0 : turn.after_s;
    uint32_t turn_s = offered_s(controller, &turn, after_s, ring);
    /* While the hub is out of reach nobody says so. */
    return is_gone(world, turn_s) ? world->scenario.hub_from_s + world->scenario.hub_gone_s
                                  : turn_s;
}

/* Whether that is what the controller says, asked for one host after the other. */
static void check_turn(const struct hub *hub, struct world *world, uint8_t release)
{
    const struct rollout *rollout = &hub->rollouts[release];
    uint32_t index = (hub->ticks * 7919u + release) % world->scenario.hosts;
    bool is_other = world->off & (SIM_OFF_RINGS | SIM_OFF_JITTER)
                    || world->releases[release].at_once_s != SIM_NEVER;
    if (is_other || !rollout->is_open)
        return;
    struct steady_time now = {world->now_s};
    uint64_t below = controller_offers(&hub->policy, &hub->stream, &rollout->controller,
                                       world->hosts[index].ring, now);
    bool is_offered = wave_draw(index, world->releases[release].name) < below;
    if (is_offered != (hub_turn_s(hub, world, index, release) <= world->now_s))
        world->broken = "a host's turn is not when the controller offers the release";
}

/* --- what hosts report ---------------------------------------------------------------------- */

void hub_hears(struct hub *hub, const struct world *world, uint32_t index, uint8_t release,
               enum sim_sign sign)
{
    reports_hear(hub->reports, world, index, release, sign);
}

/* --- rollouts: the controller, and the people around it --------------------------------------- */

static void note(struct hub *hub, const struct world *world, uint32_t what, uint8_t release,
                 unsigned ring)
{
    hub->digest = sim_mix(hub->digest ^ ((uint64_t)world->now_s << 32 | (uint64_t)what << 16
                                         | (unsigned)release << 8 | ring));
}

#define IS_TODO(action) ((actions.todo >> CONTROLLER_ACTION_##action & 1u) != 0)

/* Tells the controller and carries out what it answers. */
static uint32_t step(struct hub *hub, struct world *world, uint8_t release,
                     const struct controller_event *event)
{
    struct rollout *rollout = &hub->rollouts[release];
    struct controller *controller = &rollout->controller;
    const struct lifecycle_time now = {.steady = {world->now_s}, .wall = {world->now_s}};
    struct controller_actions actions;
    bool was_held = controller->was_held;
    controller_step(&hub->policy, &hub->stream, controller, event, now, &actions);
    if (actions.has_row)
        note(hub, world, actions.todo, release, controller->ring);
    if (IS_TODO(PROMOTE)) {
        world_promoted(world, release, controller->ring - 1u);
        world->releases[release].evidence_s[controller->ring - 1u] = world->now_s;
    }
    if (IS_TODO(START_RING) || IS_TODO(START_WAVE) || was_held != controller->was_held)
        world->has_turns = true;
    if (IS_TODO(HALT)) {
        rollout->halted_s = world->now_s;
        if (!fault_is_planted(FAULT_HUB_TELLS_NOBODY))
            world_halt(world, 0, release);
    }
    if (IS_TODO(RECALL))
        world_halt(world, 1, release);
    if (IS_TODO(REVIEWED))
        reports_reviewed(hub->reports, release);
    if (IS_TODO(ASK_REVIEW)) {
        rollout->review_s = world->now_s;
        hub->paused++;
    }
    if (IS_TODO(ASK_APPROVAL))
        rollout->approve_s = world->now_s;
    return actions.todo;
}

#undef IS_TODO

static uint32_t step_person(struct hub *hub, struct world *world, uint8_t release,
                            enum controller_event_type type, const char *name)
{
    struct controller_event event = {
        .type = (uint8_t)type,
        .who = controller_person(name),
        .reason = "as people of a simulation do",
    };
    event.ring = type == CONTROLLER_EVENT_APPROVE ? hub->rollouts[release].controller.ring + 1 : 0;
    return step(hub, world, release, &event);
}

static bool is_past(const struct world *world, uint32_t asked_s, uint32_t wait_s)
{
    return asked_s != SIM_NEVER && world->now_s - asked_s >= wait_s;
}

/* Who started it is no second person. Those who review let it go on, whatever it is. */
static void let_people_decide(struct hub *hub, struct world *world, uint8_t release)
{
    struct rollout *rollout = &hub->rollouts[release];
    if (rollout->controller.state == CONTROLLER_PLANNED)
        (void)step_person(hub, world, release, CONTROLLER_EVENT_START, "releaser");
    if (is_past(world, rollout->approve_s, world->scenario.approve_s)) {
        rollout->approve_s = SIM_NEVER;
        (void)step_person(hub, world, release, CONTROLLER_EVENT_APPROVE, "second");
    }
    if (is_past(world, rollout->review_s, world->scenario.review_s)) {
        rollout->review_s = SIM_NEVER;
        (void)step_person(hub, world, release, CONTROLLER_EVENT_RESUME, "second");
    }
    if (is_past(world, rollout->halted_s, VENDOR_AFTER_S)
        && rollout->controller.state == CONTROLLER_HALTED) {
        for (unsigned partner = 0; partner < HALTS_RECALL_PARTNERS; partner++) {
            const struct controller_event event = {
                .type = CONTROLLER_EVENT_RECALL,
                .who = controller_partner((uint8_t)partner, "partner")};
            (void)step(hub, world, release, &event);
        }
    }
}

static bool has_gate(const struct world *world, unsigned ring)
{
    return (world->off & SIM_OFF_GATES) == 0 && (ring == 0 || world->scenario.gates_everywhere);
}

/* What the gate of a ring says now. One that was passed says again what it said, unless it has
 * found something since. */
static void decide(struct hub *hub, const struct world *world, uint8_t release, uint8_t ring)
{
    struct rollout *rollout = &hub->rollouts[release];
    struct gate_decision *decision = &rollout->decisions[ring];
    const struct gate *gate = reports_gate(hub->reports, release, ring);
    bool has_found = gate->is_halted || gate->is_paused;
    if (!has_gate(world, ring)) {
        *decision = (struct gate_decision){.verdict = GATE_HEALTHY, .metric = METRIC_COUNT};
        return;
    }
    if (has_found || ring == rollout->controller.ring || decision->verdict != GATE_HEALTHY)
        *decision = reports_decide(hub->reports, world, release, ring);
    bool is_breached = decision->verdict == GATE_HALT || decision->verdict == GATE_PAUSE;
    if (is_breached)
        (void)string_format(hub->reason, sizeof hub->reason, "release %u, ring %u: %s", release,
                            ring, decision->reason);
    if ((is_breached && fault_is_planted(FAULT_HUB_SHRUGS))
        || (!is_breached && fault_is_planted(FAULT_HUB_HASTY)))
        decision->verdict = GATE_HEALTHY;
}

static void let_gates_speak(struct hub *hub, struct world *world, uint8_t release)
{
    static const uint8_t DIGEST[CONTROLLER_DIGEST_BYTES]; /* of reports: nobody keeps them here */
    struct rollout *rollout = &hub->rollouts[release];
    const struct controller *controller = &rollout->controller;
    bool has_ended = controller->state == CONTROLLER_HALTED
                     || controller->state == CONTROLLER_RECALLED;
    for (uint8_t ring = 0; controller->is_begun && ring <= controller->ring && !has_ended; ring++) {
        const struct gate *gate = reports_gate(hub->reports, release, ring);
        if (!gate->is_halted && !gate->is_paused && hub->ticks % GATE_TICKS != 0)
            continue;
        decide(hub, world, release, ring);
        const struct controller_event event =
            controller_verdict_event(ring, gate, &rollout->decisions[ring], DIGEST);
        (void)step(hub, world, release, &event);
    }
}

static RESULT open_rollout(struct hub *hub, const struct world *world, uint8_t release,
                           struct explanation *why)
{
    const struct sim_release *of = &world->releases[release];
    const struct controller_plan plan = {
        .release = of->name,
        .version = release,
        .before = world->releases[release - 1].name,
        .published_at = {of->published_s},
        .is_urgent = of->is_urgent,
    };
    hub->rollouts[release].is_open = true;
    return controller_open(&hub->stream, &plan, (struct steady_time){world->now_s},
                           &hub->rollouts[release].controller, why);
}

static RESULT control(struct hub *hub, struct world *world, uint8_t release,
                      struct explanation *why)
{
    static const struct controller_event TICK = {.type = CONTROLLER_EVENT_TICK};
    if (!hub->rollouts[release].is_open)
        GUARD(open_rollout(hub, world, release, why));
    let_people_decide(hub, world, release);
    let_gates_speak(hub, world, release);
    for (unsigned i = 0; i < STEPS_MAX && step(hub, world, release, &TICK) != 0; i++)
        ;
    check_turn(hub, world, release);
    return RESULT_OK;
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
    note(hub, world, 0, 2, SIM_RINGS);
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
        releases |= (uint64_t)(hub->rollouts[release].halted_s != SIM_NEVER) << release;
    return releases;
}

RESULT hub_tick(struct hub *hub, struct world *world, struct explanation *why)
{
    const struct scenario *scenario = &world->scenario;
    hub->ticks++;
    reports_tick(hub->reports, world, stopped(hub));
    bool was_gone = hub->was_gone;
    hub->was_gone = is_gone(world, world->now_s);
    if (hub->was_gone)
        return RESULT_OK;
    world->has_turns = world->has_turns || was_gone;
    bool is_honest = scenario->hub == SCENARIO_hub_honest || world->now_s < scenario->hub_from_s;
    for (uint8_t release = 2; release <= world->release_count; release++) {
        if (world->releases[release].published_s > world->now_s)
            continue;
        if (is_honest)
            GUARD(control(hub, world, release, why));
        else if (release == 2 && scenario->hub != SCENARIO_hub_empty)
            lie(hub, world);
    }
    hub->is_frozen = hub->stream.alarm.is_raised;
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
        if (hub->rollouts[i].is_open)
            last = &hub->rollouts[i];
    return last != NULL
           && (last->controller.state == CONTROLLER_DONE || last->halted_s != SIM_NEVER);
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
