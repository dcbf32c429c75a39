// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The numbers that hosts report and gates watch: metrics.def. */
#include <stdint.h>

enum metric {
#define METRIC(id, word, limit, weight, tolerated, text) METRIC_##id,
#include "rollout/metrics.def"
    METRIC_COUNT
};

enum { METRIC_WEIGHTS_SUM = 100 };

/* Those that a report carries; SILENCE and MISSING are what is seen of it. */
enum { METRICS_REPORTED = ((1 << METRIC_COUNT) - 1) & ~(1 << METRIC_SILENCE)
                          & ~(1 << METRIC_MISSING) };

struct metric_facts {
    const char *word, *text;
    uint32_t limit; /* the default of policies */
    uint32_t weight;
    uint32_t tolerated_ppm_day;
};

const struct metric_facts *metric_facts(enum metric metric);

/* One host's numbers of one window. */
struct metric_report {
    uint32_t present; /* bits 1 << metric: what the report has */
    uint32_t values[METRIC_COUNT];
};

/* In which metrics the host is bad: bits 1 << metric. A number that should be there and is not is
 * bad as METRIC_MISSING: who cannot say that it is well is not well. */
uint32_t metrics_bad(const struct metric_report *report, const uint32_t limits[METRIC_COUNT]);
