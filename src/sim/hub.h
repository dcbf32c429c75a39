// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The hub of a simulation: who is in which ring (rollout/fleet.h), whose turn it is
 * (rollout/waves.h), what the gates say of what hosts report (reports.h, rollout/gate.h), and the
 * controller of each release (rollout/controller.h) with the people around it. It changes the
 * world: turns, evidence, halts.
 */
#include "sim/world.h"

struct hub;

enum { HUB_TICK_S = 300 };

/* Gives each host its ring (world->hosts[i].ring). Once all releases are in the world. */
RESULT hub_open(struct world *world, struct hub **ret_hub, struct explanation *why);
void hub_close(struct hub *hub);

/* When it is a host's turn to take a release that it has known since it was published; SIM_NEVER:
 * not yet known. */
uint32_t hub_turn_s(const struct hub *hub, const struct world *world, uint32_t index,
                    uint8_t release);

/* A host reports of a release: what became of it there. */
void hub_hears(struct hub *hub, const struct world *world, uint32_t index, uint8_t release,
               enum sim_sign sign);

/* Every HUB_TICK_S of the world's time; sets the world's news where hosts may want to know of what
 * was started, promoted or halted. */
RESULT hub_tick(struct hub *hub, struct world *world, struct explanation *why);

/* When the hub halted it; SIM_NEVER: it did not. */
uint32_t hub_halted_s(const struct hub *hub, uint8_t release);

/* Whether nothing will come of it any more: the last release is done or halted. */
bool hub_is_finished(const struct hub *hub);

struct hub_outcome {
    uint32_t ring_hosts[SIM_RINGS];
    uint32_t combinations, combinations_missing;
    uint32_t halted_s; /* the first release with the fault (or of all, the first); SIM_NEVER */
    uint32_t paused;   /* how often a gate asked for a review */
    bool is_frozen;    /* by the flap alarm */
    const char *reason;
    uint64_t digest;   /* of all decisions */
};
struct hub_outcome hub_outcome(const struct hub *hub);
