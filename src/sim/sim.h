// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The fleet simulator: virtual time, one seed, no sockets. It runs the agent's own boot guard,
 * halts, admission and lifecycle for each host, and over them the rings, waves, gates and
 * controller of src/rollout (hub.h). The same scenario, seed and safeguards give the same result,
 * bit for bit.
 *
 *     struct sim_options options = {.scenario = scenario_default(), .seed = 1};
 *     struct sim_result result;
 *     GUARD(sim_run(&options, &result, why));
 *     ... result.harmed ...
 *     sim_result_free(&result);
 */
#include "rollout/fleet.h"
#include "sim/scenario.h"

#define SIM_NEVER UINT32_MAX /* of times: it did not happen */

/* Safeguards that can be switched off, to see what they are for: bits of sim_options.off. */
enum sim_off {
#define SIM_OFF(id, word, text) SIM_OFF_PLACE_##id,
#include "sim/off.def"
    SIM_OFF_COUNT,
#define SIM_OFF(id, word, text) SIM_OFF_##id = 1 << SIM_OFF_PLACE_##id,
#include "sim/off.def"
};

enum { SIM_RINGS = 4 };

struct sim_options {
    struct scenario scenario;
    uint64_t seed;
    uint32_t off; /* enum sim_off */
    uint32_t real_hosts; /* so many verify signatures themselves (SEAL_REAL_HOSTS) */
    /* A real fleet: scenario.hosts rows that outlive the run. NULL: one is made up, as the scenario
     * says (kernels, distributions, architectures, roles). */
    const struct fleet_host *fleet;
};

/* All times are seconds since the release was published, or SIM_NEVER. */
struct sim_result {
    uint64_t seed;
    uint32_t hosts, first_ring, combinations, combinations_missing;
    uint32_t took;     /* hosts that ran the newest release at some time */
    uint32_t reached;  /* hosts on which a release with the fault was tried or active */
    uint32_t harmed;   /* hosts on which the fault took effect outside of a trial's sandbox */
    uint32_t harmed_beyond_first_ring;
    uint32_t hands;    /* hosts that did not become well by themselves */
    uint32_t unwell;   /* hosts that were not well at the end */
    uint32_t first_harm_s, halted_s, all_well_s, good_95_s;
    uint32_t seconds_to_halt;     /* from the first harm */
    uint32_t seconds_to_all_well; /* from the first harm to the last host's recovery; 0: no harm */
    uint32_t peak;     /* hosts that began to run a release within five minutes, at most */
    bool is_frozen;    /* the flap alarm froze it */
    char reason[400];  /* of the halt, or of the last pause */
    uint32_t paused;   /* how often a gate asked for a review */
    const char *broken; /* an invariant that did not hold; NULL: all did */
    uint64_t steps;    /* of the lifecycle */
    uint64_t verified; /* signatures that were checked for real */
    uint64_t digest;   /* of the state of all hosts and of what was decided */
    uint32_t minutes;
    uint32_t *harmed_by_minute; /* up to then; `minutes` of them */
    uint32_t *good_by_minute;   /* hosts that ran the newest release up to then */
};

/* ERROR_MEMORY, ERROR_LIMIT or ERROR_STATE with a sentence. About 270 bytes for each host, and 40
 * more for a moment. */
RESULT sim_run(const struct sim_options *options, struct sim_result *ret_result,
               struct explanation *why);
void sim_result_free(struct sim_result *result);

/* By its word; false: there is none of this name. */
bool sim_off_parse(const char *word, uint32_t *ret_bit);
const char *sim_off_word(unsigned place);
const char *sim_off_text(unsigned place);
