// SPDX-License-Identifier: Apache-2.0
#include "rollout/metrics.h"

#include "base/fault.h"

#include <assert.h>

static const struct metric_facts FACTS[METRIC_COUNT] = {
#define METRIC(id, word, limit, weight, tolerated, text) \
    [METRIC_##id] = {word, text, limit, weight, tolerated},
#include "rollout/metrics.def"
};

static_assert(0
#define METRIC(id, word, limit, weight, tolerated, text) +(weight)
#include "rollout/metrics.def"
                  == METRIC_WEIGHTS_SUM,
              "the weights of metrics.def share one false-halt rate");
static_assert(METRIC_COUNT <= 32, "sets of metrics are bits of a word");

const struct metric_facts *metric_facts(enum metric metric) { return &FACTS[metric]; }

uint32_t metrics_bad(const struct metric_report *report, const uint32_t limits[METRIC_COUNT])
{
    uint32_t bad = 0;
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        uint32_t bit = 1u << metric;
        if ((METRICS_REPORTED & bit) == 0)
            continue;
        if ((report->present & bit) == 0)
            bad |= fault_is_planted(FAULT_GATE_MISSING_IS_WELL) ? 0 : 1u << METRIC_MISSING;
        else if (report->values[metric] > limits[metric])
            bad |= bit;
    }
    return bad;
}
