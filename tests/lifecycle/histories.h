// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Random histories of a host's lifecycle: events in any order, crashes at any step, clocks taken
 * back; after each step what must always hold is checked against a bookkeeping of its own. One seed
 * is one history, always the same.
 */
#include <stdbool.h>
#include <stdint.h>

struct history_verdict {
    const char *broken; /* what did not hold; NULL: all did */
    unsigned step;
    const char *event; /* the last one */
};

struct history_verdict history_run(uint64_t seed);

/* Runs seeds first .. first + count - 1; prints the failing one, ready to be run again, and returns
 * false at the first. */
bool histories_run(uint64_t first, uint64_t count);
