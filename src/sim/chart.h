// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A chart (SVG) of hosts harmed over time: one curve for each run, on logarithmic axes, beside what
 * was published of July 2024 (8.5 million hosts, 78 minutes until the file was taken back).
 */
#include "sim/sim.h"

struct chart_curve {
    const char *name;
    const struct sim_result *result;
};

/* ERROR_SYSTEM where writing fails. */
RESULT chart_write(FILE *file, const char *title, const struct chart_curve *curves, size_t count);
