// SPDX-License-Identifier: Apache-2.0
#include "sim/random.h"
#include "sim/scenario.h"

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

/* One draw after the other, from a seed. */
struct draws {
    uint64_t seed;
    uint32_t count;
};

static uint32_t below(struct draws *draws, uint32_t limit)
{
    return sim_below(sim_random(draws->seed, 0, SIM_WORLD, draws->count++), limit);
}

static bool one_in(struct draws *draws, uint32_t of) { return below(draws, of) == 0; }

static void draw_fleet(struct draws *draws, struct scenario *scenario)
{
    scenario->hosts = 500 + below(draws, 2500);
    scenario->kernels = 1 + below(draws, 12);
    scenario->roles = 1 + below(draws, 4);
    scenario->asleep_percent = below(draws, 50);
    scenario->off_percent = below(draws, 30);
    scenario->seldom_percent = below(draws, 5);
    scenario->poll_s = one_in(draws, 4) ? 3600 : 900;
    /* Small fleets: rings in which something can be seen. */
    scenario->ring_ppm_1 = 20000 + below(draws, 40000);
    scenario->ring_ppm_2 = 100000;
    scenario->ring_ppm_3 = 300000;
    scenario->first_max_ppm = 200000;
}

static void draw_fault(struct draws *draws, struct scenario *scenario)
{
    static const enum scenario_word FAULTS[] = {
        SCENARIO_fault_none, SCENARIO_fault_engine, SCENARIO_fault_host, SCENARIO_fault_silence,
        SCENARIO_fault_cpu,  SCENARIO_fault_loss,   SCENARIO_fault_malice};
    static const enum scenario_word WHEN[] = {
        SCENARIO_fault_at_load, SCENARIO_fault_at_shadow, SCENARIO_fault_at_active,
        SCENARIO_fault_at_late, SCENARIO_fault_at_boot,   SCENARIO_fault_at_match};
    static const enum scenario_word WHERE[] = {
        SCENARIO_fault_on_all, SCENARIO_fault_on_share, SCENARIO_fault_on_kernel,
        SCENARIO_fault_on_combination};
    scenario->fault = FAULTS[below(draws, sizeof FAULTS / sizeof FAULTS[0])];
    scenario->fault_at = WHEN[below(draws, sizeof WHEN / sizeof WHEN[0])];
    scenario->fault_on = WHERE[below(draws, sizeof WHERE / sizeof WHERE[0])];
    scenario->fault_ppm = 1000 + below(draws, 200000);
    scenario->fault_kernel = below(draws, scenario->kernels);
    scenario->fault_after_s = below(draws, 3 * DAY_S);
    scenario->urgent = one_in(draws, 8);
    if (one_in(draws, 6))
        scenario->versions = 2 + below(draws, 10);
}

static void draw_harm(struct draws *draws, struct scenario *scenario)
{
    static const enum scenario_word HUBS[] = {
        SCENARIO_hub_honest, SCENARIO_hub_lying, SCENARIO_hub_invents, SCENARIO_hub_empty};
    if (one_in(draws, 4))
        scenario->hub = HUBS[below(draws, sizeof HUBS / sizeof HUBS[0])];
    if (one_in(draws, 4)) {
        scenario->hub_from_s = below(draws, 6 * DAY_S);
        scenario->hub_gone_s = below(draws, 2 * DAY_S);
    }
    if (one_in(draws, 4)) {
        scenario->cut_percent = below(draws, 60);
        scenario->cut_from_s = DAY_S + below(draws, 4 * DAY_S);
        scenario->cut_s = below(draws, 6 * DAY_S);
    }
    if (one_in(draws, 6))
        scenario->halts_withheld_s = below(draws, 5 * DAY_S);
    if (one_in(draws, 5))
        scenario->release_keys_stolen = below(draws, 4);
    if (one_in(draws, 5))
        scenario->partner_keys_stolen = below(draws, 2);
    if (one_in(draws, 5)) {
        scenario->hostile_canaries_percent = below(draws, 40);
        scenario->hostile_canaries = one_in(draws, 2) ? SCENARIO_hostile_canaries_failing
                                                      : SCENARIO_hostile_canaries_healthy;
    }
    if (one_in(draws, 2))
        scenario->found_after_s = HOUR_S + below(draws, 2 * DAY_S);
}

struct scenario scenario_random(uint64_t seed)
{
    struct draws draws = {.seed = seed ^ UINT64_C(0x5ce7a210)};
    struct scenario scenario = scenario_default();
    draw_fleet(&draws, &scenario);
    draw_fault(&draws, &scenario);
    draw_harm(&draws, &scenario);
    return scenario;
}
