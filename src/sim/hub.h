// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The hub of a simulation, the only file that knows how rings, waves and gates are decided: it is
 * fed with what the simulated hosts report, and changes the world (turns, evidence, halts). A
 * stand-in of the simulator's own until the hub's code takes its place here.
 */
#include "sim/world.h"

struct hub;

enum { HUB_TICK_S = 300 };

/* Gives each host its ring (world->hosts[i].ring). */
RESULT hub_open(struct world *world, struct hub **ret_hub, struct explanation *why);
void hub_close(struct hub *hub);

/* When the hub offers a release to a host; SIM_NEVER: not yet known. */
uint32_t hub_offers_s(const struct hub *hub, const struct world *world, uint32_t index,
                      uint8_t release);

/* A host reports of a release: what became of it there. */
void hub_hears(struct hub *hub, const struct world *world, uint32_t index, uint8_t release,
               enum sim_sign sign);

/* Every HUB_TICK_S of the world's time; sets world->is_news where something was started, promoted
 * or halted. */
RESULT hub_tick(struct hub *hub, struct world *world, struct explanation *why);

/* Whether nothing will come of it any more: the last release is done or halted. */
bool hub_is_finished(const struct hub *hub);

struct hub_outcome {
    uint32_t ring_hosts[SIM_RINGS];
    uint32_t combinations, combinations_missing;
    uint32_t halted_s; /* the first release with the fault (or of all, the first); SIM_NEVER */
    bool is_frozen;    /* by the flap alarm */
    const char *reason;
    uint64_t digest;   /* of all decisions */
};
struct hub_outcome hub_outcome(const struct hub *hub);
