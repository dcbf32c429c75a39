// SPDX-License-Identifier: Apache-2.0
#include "rollout/evidence.h"

#include "base/fault.h"
#include "update/lifecycle/steady_time.h"

#include <math.h>
#include <stdbool.h>

/* How many times as apt to turn bad: from what only many hosts show to "every host, at once". */
static const double RATIOS[EVIDENCE_RATIOS] = {2, 4, 8, 32, 128, 1024};
static const double LOG_RATIOS[EVIDENCE_RATIOS] = {
    1 * M_LN2, 2 * M_LN2, 3 * M_LN2, 5 * M_LN2, 7 * M_LN2, 10 * M_LN2,
};

static const double VALUE_MAX = 1e300; /* more says nothing more, and infinity is no number */

struct evidence evidence_none(uint8_t strata)
{
    struct evidence evidence = {.strata = strata};
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        evidence.value[metric] = 1;
    return evidence;
}

static double seconds(const struct evidence_group *group)
{
    return (double)(group->host_s > group->bad ? group->host_s : group->bad);
}

static void compare(double logs[EVIDENCE_RATIOS], const struct evidence_counts *counts)
{
    double with_s = seconds(&counts->with), without_s = seconds(&counts->without);
    if (with_s <= 0 || without_s <= 0) /* nothing to compare */
        return;
    if (fault_is_planted(FAULT_GATE_FORGETS_SIZES))
        with_s = without_s;
    for (unsigned i = 0; i < EVIDENCE_RATIOS; i++) {
        /* p1 / p0 and (1 - p1) / (1 - p0), with p0 = w / (w + c) and p1 = r w / (r w + c) */
        double log_without = log((with_s + without_s) / (RATIOS[i] * with_s + without_s));
        logs[i] += counts->with.bad * (LOG_RATIOS[i] + log_without)
                   + counts->without.bad * log_without;
    }
}

static void hold_against(double logs[EVIDENCE_RATIOS], const struct evidence_group *with,
                         uint32_t tolerated_ppm_day)
{
    double expected = seconds(with) * tolerated_ppm_day / 1e6 / DAY_S;
    for (unsigned i = 0; i < EVIDENCE_RATIOS; i++)
        logs[i] += with->bad * LOG_RATIOS[i] - (RATIOS[i] - 1) * expected;
}

static double average(const double logs[EVIDENCE_RATIOS])
{
    double sum = 0;
    for (unsigned i = 0; i < EVIDENCE_RATIOS; i++)
        sum += exp(logs[i]);
    return sum / EVIDENCE_RATIOS;
}

static double value_of(const struct evidence *evidence, enum metric metric)
{
    double together[EVIDENCE_RATIOS] = {0}, apart = 0;
    for (unsigned stratum = 0; stratum < evidence->strata; stratum++) {
        const double *logs = evidence->compared[metric][stratum];
        for (unsigned i = 0; i < EVIDENCE_RATIOS; i++)
            together[i] += logs[i];
        apart += average(logs) / evidence->strata;
    }
    double compared = (average(together) + apart) / 2;
    return metric_facts(metric)->tolerated_ppm_day == 0
               ? compared
               : (compared + average(evidence->absolute[metric])) / 2;
}

static void add(struct evidence_group *sum, const struct evidence_group *group)
{
    sum->bad = sum->bad > UINT32_MAX - group->bad ? UINT32_MAX : sum->bad + group->bad;
    sum->host_s += group->host_s;
}

void evidence_take(struct evidence *evidence, const struct evidence_look *look)
{
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        struct evidence_group with = {0};
        bool is_news = false;
        for (unsigned stratum = 0; stratum < evidence->strata; stratum++) {
            const struct evidence_counts *counts = &look->counts[stratum][metric];
            if (counts->with.bad != 0 || counts->without.bad != 0) {
                compare(evidence->compared[metric][stratum], counts);
                is_news = true;
            }
            add(&with, &counts->with);
            add(&evidence->sums[metric].without, &counts->without);
        }
        add(&evidence->sums[metric].with, &with);
        uint32_t tolerated = metric_facts((enum metric)metric)->tolerated_ppm_day;
        if (tolerated != 0)
            hold_against(evidence->absolute[metric], &with, tolerated);
        if (is_news || tolerated != 0)
            evidence->value[metric] = fmin(value_of(evidence, (enum metric)metric), VALUE_MAX);
    }
}

static double weighed(const struct evidence *evidence, enum metric metric, uint32_t hosts_min)
{
    if (evidence->sums[metric].with.bad < hosts_min)
        return 0;
    return evidence->value[metric] * metric_facts(metric)->weight / METRIC_WEIGHTS_SUM;
}

double evidence_sum(const struct evidence *evidence, uint32_t hosts_min)
{
    double sum = 0;
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        sum += weighed(evidence, (enum metric)metric, hosts_min);
    return sum;
}

enum metric evidence_strongest(const struct evidence *evidence, uint32_t hosts_min)
{
    unsigned strongest = METRIC_COUNT;
    double most = 0;
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        double adds = weighed(evidence, (enum metric)metric, hosts_min);
        if (adds > most) {
            most = adds;
            strongest = metric;
        }
    }
    return (enum metric)strongest;
}
