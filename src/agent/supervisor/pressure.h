// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Whether the host is under pressure, from what is seen once a second: short of memory, or in a
 * storm of alerts. Under pressure nothing that runs is thrown out for what the pressure explains
 * (update/lifecycle). Pure.
 *
 * Memory is short where less than a twentieth of it is available (proc(5), MemAvailable), or 1 GiB
 * on hosts with more than 20. A storm is far more matches than this host has at other times.
 * Both begin at once and end only when it has been quiet for a while, so that nothing flaps.
 *
 * A shortage that a release in probation makes itself is no excuse for it, or it would stay for
 * ever on a host that it eats empty (`is_own`).
 */
#include <stdbool.h>
#include <stdint.h>

enum {
    PRESSURE_SHORT_PART = 20,     /* of all memory */
    PRESSURE_EASED_PERCENT = 160, /* of what is short: above it the shortage is over */
    PRESSURE_EASED_AFTER_S = 30,
    PRESSURE_OWN_PART = 2,        /* of what is short: less is not what a release is blamed for */
    PRESSURE_STORM_WINDOW_S = 8,
    PRESSURE_STORM_PER_S = 100,   /* matches: fewer are never a storm */
    PRESSURE_STORM_TIMES = 20,    /* the usual */
    PRESSURE_STORM_OVER_AFTER_S = 60,
    PRESSURE_USUAL_S = 600,       /* over which the usual is the average */
};

struct pressure_sample {
    uint64_t memory_total, memory_available; /* bytes; total 0: not known */
    uint64_t excess;       /* bytes: what an unproven active engine takes beyond the one before */
    uint64_t matches;      /* of all events so far, by the active engine */
    bool is_other_engine;  /* `matches` counts from elsewhere than a second ago */
};

struct pressure {
    unsigned bits;         /* PRESSURE_ bits of update/lifecycle/lifecycle.h */
    bool is_own;           /* memory is short, and were not without `excess` */
    uint32_t eased_s;      /* seconds in a row in which memory was not short */
    uint32_t quiet_s;      /* and without a storm */
    bool has_matches;
    uint64_t matches;      /* a second ago */
    uint32_t window[PRESSURE_STORM_WINDOW_S]; /* matches of the last seconds */
    uint32_t place;
    double usual_per_s;
};

/* One second later. The bits that hold now. */
unsigned pressure_second(struct pressure *pressure, const struct pressure_sample *sample);
