// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The two times of the update road. They are different types, so that no age can be measured on
 * the one that anybody may set.
 *
 * Steady time: seconds for which this host has been on (sleep counts) since Creance came onto it,
 * over all its boots: what was saved last, plus the kernel's boot time since then. Nobody can move
 * it on; a crash may take it back by what passed since it was saved (ages then grow slower, never
 * faster), so differences are taken with steady_since() only. Time for which a host was off is not
 * in it: what a host has not lived through has proven nothing on it.
 *
 * Wall time: seconds since 1970 in UTC. It opens maintenance windows and is shown to people;
 * nothing that protects the host depends on it.
 */
#include <stdint.h>

struct steady_time {
    uint32_t s; /* lasts 136 years */
};

struct wall_time {
    uint64_t s;
};

struct lifecycle_time {
    struct steady_time steady;
    struct wall_time wall;
};

enum { DAY_S = 24 * 60 * 60, WEEK_S = 7 * DAY_S };

/* Seconds from `then` to `now`; 0 where the steady clock was taken back in between. */
static inline uint32_t steady_since(struct steady_time then, struct steady_time now)
{
    return now.s > then.s ? now.s - then.s : 0;
}

/* `seconds` later, never beyond the clock's end. */
static inline struct steady_time steady_after(struct steady_time then, uint32_t seconds)
{
    return (struct steady_time){then.s > UINT32_MAX - seconds ? UINT32_MAX : then.s + seconds};
}
