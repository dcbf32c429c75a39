// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Time behind a seam: programs take a `const struct clock *`; tests and the simulator hand in one
 * that they move by hand. All times are nanoseconds in a uint64_t.
 */
#include <stdint.h>

struct clock {
    /* Since boot, running on while the machine sleeps (CLOCK_BOOTTIME); what events are stamped
     * with and what delays are measured on: nobody can set it. */
    uint64_t (*boottime_ns)(void *context);
    /* Since 1970 in UTC (CLOCK_REALTIME); for people and log lines only: anybody may set it. */
    uint64_t (*wall_ns)(void *context);
    void *context;
};

const struct clock *clock_system(void);

/* Computing time of this thread since it began (CLOCK_THREAD_CPUTIME_ID); a system call. For
 * measuring what something costs, never for deciding when it is to happen. */
uint64_t clock_thread_ns(void);

static inline uint64_t clock_boottime_ns(const struct clock *clock)
{
    return clock->boottime_ns(clock->context);
}

static inline uint64_t clock_wall_ns(const struct clock *clock)
{
    return clock->wall_ns(clock->context);
}

enum { NS_PER_MS = 1000000, MS_PER_S = 1000 };
#define NS_PER_S UINT64_C(1000000000)

/* RFC 3339 in UTC with microseconds: 2026-11-24T01:02:03.000004Z. `out` has CLOCK_TEXT_BYTES. */
enum { CLOCK_TEXT_BYTES = 32 };
void clock_format(uint64_t wall_ns, char *out);
