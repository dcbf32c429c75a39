// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Random histories of three rollouts of one stream: people, partners, gates and calendars say
 * anything at any time; after each step what must always hold is checked against a bookkeeping of
 * its own, which knows events and actions only. One seed is one history, always the same.
 */
#include <stdbool.h>
#include <stdint.h>

struct rollouts_verdict {
    const char *broken; /* what did not hold; NULL: all did */
    unsigned step, steps;
    const char *event; /* the last one */
    unsigned rings, done, halts; /* that the history saw: what it was good for */
};

struct rollouts_verdict rollouts_run(uint64_t seed);

/* Runs seeds first .. first + count - 1 and prints what they saw; at the first that is broken it
 * prints one line that runs it again, and returns false. */
bool rollouts_run_all(uint64_t first, uint64_t count);
