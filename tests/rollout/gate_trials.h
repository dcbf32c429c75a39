// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The gate against brute force: fleets by the thousand, whose hosts turn bad by lot, watched each
 * five minutes. What the gate states (false halts, power, wrong openings) is held against what
 * happened. One seed is one fleet, whatever else is run.
 */
#include <stdbool.h>
#include <stdint.h>

/* Each prints a line ("# ...") for each kind of fleet, fault or rate, and returns whether all that
 * is stated holds: what was seen is not worse than stated by more than chance makes 1 in 10^6. */

/* Good releases: how many are halted, how many paused. */
bool trials_of_good_releases(uint64_t first_seed, uint32_t count);
/* Bad ones: how many are halted, and how many hosts were bad by then. */
bool trials_of_bad_releases(uint64_t first_seed, uint32_t count);
/* Gates that open: for releases that are too bad, and how soon for good ones. */
bool trials_of_openings(uint64_t first_seed, uint32_t count);
