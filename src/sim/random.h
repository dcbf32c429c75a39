// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Random numbers without a state: each is a function of (seed, host, purpose, count), so that it
 * does not matter in which order hosts are simulated, and a host's luck can be asked for again.
 */
#include "base/mix.h"

/* What a number is for. Two purposes of one host have nothing to do with each other. */
enum sim_purpose {
    SIM_KERNEL, SIM_DISTRIBUTION, SIM_ARCHITECTURE, SIM_ROLE, SIM_PRESENCE, SIM_PHASE, SIM_POLL,
    SIM_CLOCK, SIM_WINDOW, SIM_BOOT, SIM_FAULT, SIM_TRIAL, SIM_SHADOW, SIM_MATCH, SIM_NOISE,
    SIM_CUT, SIM_CANARY, SIM_OTHERS, SIM_WORLD,
};

static inline uint64_t sim_mix(uint64_t mixed) { return mix64(mixed); }

static inline uint64_t sim_random(uint64_t seed, uint64_t host, enum sim_purpose purpose,
                                  uint32_t count)
{
    uint64_t who = sim_mix(seed ^ host * UINT64_C(0xd6e8feb86659fd93));
    return sim_mix(who ^ ((uint64_t)purpose << 32 | count));
}

/* Evenly 0 .. limit - 1. */
static inline uint32_t sim_below(uint64_t random, uint32_t limit)
{
    return (uint32_t)((random >> 32) * limit >> 32);
}
