// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Waves: inside a ring a release is offered to one host after the other. A host's place is a draw
 * by a hash of host *and* release together, so that nobody is always first; a wave's hosts are
 * spread over its time, counted from the moment at which that wave itself was started. Pure.
 *
 * A wave offers nothing before those ahead of it are through, whoever says that it was started:
 * what is offered is always a beginning of the ring in the order of the draws. Steady time that was
 * taken back offers to fewer hosts for a while; what a host has, it keeps.
 */
#include "base/result.h"
#include "update/lifecycle/release_name.h"
#include "update/lifecycle/steady_time.h"

enum { WAVES_MAX = 8, RING_PPM = 1000000 };

struct wave_policy {
    uint32_t share_ppm; /* of the ring; the last wave takes what is left */
    uint32_t spread_s;  /* offered over so long; 0: at once */
    uint32_t pause_s;   /* from its last offer to the next wave's start, at least */
};

struct waves {
    uint8_t count; /* 1 .. WAVES_MAX */
    struct wave_policy waves[WAVES_MAX];
};

/* When each wave of a ring was started; waves from `started` on were not. */
struct waves_started {
    uint8_t started;
    struct steady_time at[WAVES_MAX];
};

/* ERROR_FORMAT: no waves or too many, an empty one, shares that add up to more than the ring. All
 * else here takes only what was checked. */
RESULT waves_check(const struct waves *waves, struct explanation *why);

/* Evenly distributed over 0 .. UINT64_MAX - 1; the lowest go first. */
uint64_t wave_draw(uint64_t host, struct release_name release);

/* The wave of a draw, and its host's turn: so long after the wave's start (1 .. spread_s; 0: at
 * once). For who must say beforehand when hosts will be asked to switch. */
struct wave_turn {
    uint8_t wave;
    uint32_t after_s;
};
struct wave_turn wave_turn(const struct waves *waves, uint64_t draw);

/* The draws that are offered at `now` are those below it; UINT64_MAX: all. For who keeps hosts
 * sorted by draw. */
uint64_t wave_limit(const struct waves *waves, const struct waves_started *started,
                    struct steady_time now);

/* Whether the host's turn has come. */
bool wave_is_offered(const struct waves *waves, const struct waves_started *started, uint64_t draw,
                     struct steady_time now);

/* What the plan says: parts in a million of the ring that are offered at `now`. */
uint32_t wave_planned_ppm(const struct waves *waves, const struct waves_started *started,
                          struct steady_time now);

/* Whether the next wave may be started: there is one, those before it are through, and the pause
 * after the last one is over. Whether their hosts are well is the gate's to say. */
bool wave_may_start(const struct waves *waves, const struct waves_started *started,
                    struct steady_time now);
