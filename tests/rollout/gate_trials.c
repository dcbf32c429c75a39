// SPDX-License-Identifier: Apache-2.0
#include "tests/rollout/gate_trials.h"

#include "base/mix.h"
#include "rollout/binomial.h"
#include "rollout/gate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOOK_S = 300, HOUR_S = 60 * 60, DAY_S = 24 * HOUR_S, LOOKS_MAX = DAY_S / LOOK_S * 3 };

static const double BY_CHANCE = 1e-6;

/* --- chance ---------------------------------------------------------------------------------- */

struct chance {
    uint64_t state;
};

static double draw(struct chance *chance)
{
    chance->state += UINT64_C(0x9e3779b97f4a7c15);
    return ((double)(mix64(chance->state) >> 11) + 0.5) / (double)(UINT64_C(1) << 53);
}

/* How many of a Poisson process. */
static uint32_t events(struct chance *chance, double mean)
{
    const double PART = 30; /* exp(-PART) is far from the smallest double */
    uint32_t count = 0;
    while (mean > 0) {
        double part = mean > PART ? PART : mean, product = draw(chance);
        if (product < 1 - part) /* so also below exp(-part): the usual case, made quick */
            return count;
        double end = exp(-part);
        while (product > end) {
            count++;
            product *= draw(chance);
        }
        mean -= part;
    }
    return count;
}

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static uint32_t quantile(uint32_t *numbers, uint32_t count, double part)
{
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    return count == 0 ? 0 : numbers[(uint32_t)(part * (count - 1))];
}

/* --- fleets ---------------------------------------------------------------------------------- */

struct fleet_model {
    const char *name;
    uint32_t with, without; /* hosts in the end; with: they switch during `rise_s` */
    uint32_t rise_s, lasts_s;
    uint8_t strata;
    bool is_quiet;
    bool is_mixed; /* one host of FRAIL_EACH is FRAIL_TIMES as apt to turn bad as the others */
    bool is_racks; /* hosts turn bad RACK at a time, from one cause */
};

enum { FRAIL_EACH = 50, FRAIL_TIMES = 100, RACK = 20 };

/* Hosts in a million that turn bad in a day by themselves. Those that have a tolerated rate are at
 * it: the worst that "good" allows. */
static const struct {
    uint32_t quiet, noisy;
} USUAL[METRIC_COUNT] = {
    [METRIC_CRASH] = {500, 500},      [METRIC_ROLLBACK] = {500, 500},
    [METRIC_RESTART] = {200, 5000},   [METRIC_REBOOT] = {3000, 50000},
    [METRIC_SILENCE] = {2000, 300000}, [METRIC_CPU] = {1000, 20000},
    [METRIC_MEMORY] = {500, 5000},    [METRIC_LOSS] = {500, 10000},
    [METRIC_ALERTS] = {500, 10000},   [METRIC_ACTIONS] = {100, 2000},
    [METRIC_MISSING] = {500, 20000},
};

struct fault_model {
    const char *name;
    struct fleet_model fleet;
    enum metric metric;
    uint32_t bad_ppm;   /* of the hosts with the release, each within `delay_s` of its switch... */
    uint32_t delay_s;
    bool is_one_role;   /* ... in one role */
    uint32_t times;      /* instead: so many times as apt as usual */
    uint32_t stated_ppm; /* halted, at least; 0: what gate_power_ppm() says */
};

/* One fleet: what each look sees. */
struct course {
    const struct fleet_model *model;
    const struct fault_model *fault; /* NULL: a good release */
    struct chance chance;
    double phase; /* of the day, at the beginning */
    uint32_t had[FLEET_STRATA_MAX];  /* hosts that have switched */
    uint32_t ill[FLEET_STRATA_MAX][METRIC_COUNT][2]; /* hosts with the release: sound, frail ones */
    uint32_t due[FLEET_STRATA_MAX][LOOKS_MAX];    /* will turn bad then */
};

/* Usual rates go up and down with the hour, for all hosts alike. */
static double usual_ppm(const struct course *course, unsigned metric, double hour)
{
    double usual = course->model->is_quiet ? USUAL[metric].quiet : USUAL[metric].noisy;
    if (metric_facts((enum metric)metric)->tolerated_ppm_day != 0)
        return course->model->is_mixed ? usual / (1 + (double)FRAIL_TIMES / FRAIL_EACH) : usual;
    return usual * hour;
}

static void switch_hosts(struct course *course, unsigned stratum, unsigned at)
{
    const struct fleet_model *model = course->model;
    const struct fault_model *fault = course->fault;
    double part = (double)(at + 1) * LOOK_S / model->rise_s;
    uint32_t all = model->with / model->strata;
    uint32_t now = (uint32_t)(all * (part < 1 ? part : 1));
    bool is_hit = fault != NULL && fault->bad_ppm != 0 && (!fault->is_one_role || stratum == 0);
    for (; course->had[stratum] < now; course->had[stratum]++) {
        if (!is_hit || draw(&course->chance) * 1e6 >= fault->bad_ppm)
            continue;
        unsigned later = (unsigned)(draw(&course->chance) * fault->delay_s / LOOK_S);
        if (at + later < LOOKS_MAX)
            course->due[stratum][at + later]++;
    }
}

/* Adds what some hosts do in one look. */
static uint32_t see_hosts(struct course *course, struct evidence_group *group, uint32_t hosts,
                          double ppm_day, uint32_t certain)
{
    double host_s = (double)hosts * LOOK_S;
    uint32_t bad = events(&course->chance, host_s * ppm_day / 1e6 / DAY_S) + certain;
    bad = bad > hosts ? hosts : bad;
    group->host_s += (uint64_t)hosts * LOOK_S;
    group->bad += bad;
    return bad;
}

/* Whole racks, whose hosts have the release or not by lot. */
static void see_racks(struct course *course, struct evidence_counts *counts, double ppm_day)
{
    double with_s = (double)counts->with.host_s, without_s = (double)counts->without.host_s;
    double mean = (with_s + without_s) * ppm_day / 1e6 / DAY_S / RACK;
    for (uint32_t host = events(&course->chance, mean) * RACK; host > 0; host--) {
        if (draw(&course->chance) * (with_s + without_s) < with_s)
            counts->with.bad++;
        else
            counts->without.bad++;
    }
}

/* A host with the release counts once; a host without it is well again by the next look. */
static void see_metric(struct course *course, unsigned stratum, unsigned metric, double ppm,
                       uint32_t certain, struct evidence_counts *counts)
{
    const struct fleet_model *model = course->model;
    bool is_hit = course->fault != NULL && course->fault->metric == metric;
    double times = is_hit && course->fault->times != 0 ? course->fault->times : 1;
    uint32_t all = (model->with + model->without) / model->strata;
    uint32_t had = course->had[stratum];
    bool is_racks = model->is_racks
                    && metric_facts((enum metric)metric)->tolerated_ppm_day == 0;
    *counts = (struct evidence_counts){0};
    for (unsigned frail = 0; frail < 2; frail++) {
        uint32_t part_all = model->is_mixed ? all / FRAIL_EACH : 0;
        uint32_t part_had = model->is_mixed ? had / FRAIL_EACH : 0;
        part_all = frail ? part_all : all - part_all;
        part_had = frail ? part_had : had - part_had;
        uint32_t *ill = &course->ill[stratum][metric][frail];
        double part_ppm = is_racks ? 0 : frail ? ppm * FRAIL_TIMES : ppm;
        *ill += see_hosts(course, &counts->with, part_had - *ill, part_ppm * times,
                          is_hit && !frail ? certain : 0);
        (void)see_hosts(course, &counts->without, part_all - part_had, part_ppm, 0);
    }
    if (is_racks)
        see_racks(course, counts, ppm);
}

static void see(struct course *course, unsigned at, struct evidence_look *look)
{
    double hour = 1 + 0.9 * sin(2 * M_PI * ((double)at * LOOK_S / DAY_S + course->phase));
    for (unsigned stratum = 0; stratum < course->model->strata; stratum++) {
        switch_hosts(course, stratum, at);
        for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
            see_metric(course, stratum, metric, usual_ppm(course, metric, hour),
                       course->due[stratum][at], &look->counts[stratum][metric]);
    }
}

struct outcome {
    bool is_halted, is_paused;
    uint32_t bad; /* in the fault's metric, when it was halted */
};

static struct outcome watch(const struct fleet_model *model, const struct fault_model *fault,
                            uint64_t seed)
{
    static struct course course; /* large, and used for one fleet at a time */
    static struct evidence_look look;
    course = (struct course){.model = model, .fault = fault, .chance = {mix64(seed)}};
    course.phase = draw(&course.chance);
    struct gate gate = gate_open(model->strata);
    struct outcome outcome = {false};
    for (unsigned at = 0; at < model->lasts_s / LOOK_S && !gate.is_halted; at++) {
        see(&course, at, &look);
        gate_take(&gate, &GATE_POLICY_DEFAULT, &look);
        outcome.is_paused = outcome.is_paused || gate.is_paused || gate.is_halted;
    }
    outcome.is_halted = gate.is_halted;
    if (fault != NULL)
        outcome.bad = gate.evidence.sums[fault->metric].with.bad;
    return outcome;
}

/* --- good releases --------------------------------------------------------------------------- */

static const struct fleet_model GOOD[] = {
    {"first ring, quiet", 1000, 99000, HOUR_S, 12 * HOUR_S, 4, true, false, false},
    {"first ring, noisy", 1000, 99000, HOUR_S, 12 * HOUR_S, 4, false, false, false},
    {"a tenth, noisy", 10000, 90000, 4 * HOUR_S, DAY_S, 8, false, false, false},
    {"half, noisy", 3000, 3000, HOUR_S, DAY_S, 2, false, false, false},
    {"nine tenths, noisy", 9000, 1000, 6 * HOUR_S, DAY_S, 3, false, false, false},
    {"small fleet, noisy", 50, 150, HOUR_S, 3 * DAY_S, 1, false, false, false},
    {"nobody to compare with", 10000, 0, HOUR_S, DAY_S, 1, true, false, false},
    {"half, some always ill", 5000, 5000, 6 * HOUR_S, DAY_S, 2, true, true, false},
    {"half, racks fall", 5000, 5000, 6 * HOUR_S, DAY_S, 2, true, false, true},
};

/* Not more often than stated, but for chance. */
static bool is_at_most(uint32_t seen, uint32_t count, uint32_t stated_ppm)
{
    return seen == 0 || 1 - binomial_at_most(count, seen - 1, stated_ppm / 1e6) >= BY_CHANCE;
}

static bool is_at_least(uint32_t seen, uint32_t count, uint32_t stated_ppm)
{
    return binomial_at_most(count, seen, stated_ppm / 1e6) >= BY_CHANCE;
}

static const char *mark(bool is_good) { return is_good ? "" : "  <-- NOT AS STATED"; }

bool trials_of_good_releases(uint64_t first_seed, uint32_t count)
{
    bool all_good = true;
    const struct gate_policy *policy = &GATE_POLICY_DEFAULT;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        uint32_t halted = 0, paused = 0;
        for (uint32_t trial = 0; trial < count; trial++) {
            struct outcome outcome = watch(&GOOD[i], NULL, first_seed + trial);
            halted += outcome.is_halted;
            paused += outcome.is_paused;
        }
        bool is_good = is_at_most(halted, count, policy->false_halt_ppm)
                       && is_at_most(paused, count, policy->false_pause_ppm);
        printf("# good release, %-24s %6u trials: halted %.3f %% (at most %.1f), paused or halted "
               "%.3f %% (at most %.1f)%s\n",
               GOOD[i].name, count, 100.0 * halted / count, policy->false_halt_ppm / 1e4,
               100.0 * paused / count, policy->false_pause_ppm / 1e4, mark(is_good));
        all_good = all_good && is_good;
    }
    return all_good;
}

/* --- bad releases ---------------------------------------------------------------------------- */

#define FIRST_RING {"", 1000, 99000, HOUR_S, 4 * HOUR_S, 4, true, false, false}
#define SECOND_RING {"", 10000, 90000, 4 * HOUR_S, DAY_S, 4, true, false, false}
#define LAST_RING {"", 9000, 1000, 6 * HOUR_S, DAY_S, 4, true, false, false}
#define NOISY_RING {"", 10000, 90000, 4 * HOUR_S, DAY_S, 4, false, false, false}

static const struct fault_model BAD[] = {
    {"crash: all of 1,000", FIRST_RING, METRIC_CRASH, 1000000, HOUR_S / 2, false, 0, 0},
    {"crash: 10 % of 1,000", FIRST_RING, METRIC_CRASH, 100000, HOUR_S / 2, false, 0, 0},
    {"crash: 1 % of 1,000", FIRST_RING, METRIC_CRASH, 10000, HOUR_S / 2, false, 0, 0},
    {"crash: 0.5 % of 1,000", FIRST_RING, METRIC_CRASH, 5000, HOUR_S / 2, false, 0, 0},
    {"crash: 0.2 % of 1,000", FIRST_RING, METRIC_CRASH, 2000, HOUR_S / 2, false, 0, 0},
    {"crash: 0.2 % of 10,000", SECOND_RING, METRIC_CRASH, 2000, HOUR_S / 2, false, 0, 0},
    {"crash: 2 % of one role", FIRST_RING, METRIC_CRASH, 20000, HOUR_S / 2, true, 0, 0},
    {"reboot: 2 % of 1,000", FIRST_RING, METRIC_REBOOT, 20000, HOUR_S, false, 0, 0},
    {"silence: 2 % of 1,000", FIRST_RING, METRIC_SILENCE, 20000, HOUR_S, false, 0, 0},
    {"memory: 5 % of 1,000", FIRST_RING, METRIC_MEMORY, 50000, HOUR_S, false, 0, 0},
    {"missing: 5 % of 1,000", FIRST_RING, METRIC_MISSING, 50000, HOUR_S, false, 0, 0},
    {"crash: 1 %, last ring", LAST_RING, METRIC_CRASH, 10000, HOUR_S, false, 0, 0},
    {"silence: 10 %, noisy", NOISY_RING, METRIC_SILENCE, 100000, HOUR_S, false, 0, 990000},
    {"reboots 4 times usual", SECOND_RING, METRIC_REBOOT, 0, 0, false, 4, 990000},
    {"reboots 2 times usual", SECOND_RING, METRIC_REBOOT, 0, 0, false, 2, 400000},
    {"cpu 4 times usual", SECOND_RING, METRIC_CPU, 0, 0, false, 4, 900000},
    {"cpu 8 times usual", SECOND_RING, METRIC_CPU, 0, 0, false, 8, 990000},
};

/* By gate_power_ppm(), with as many bad hosts among the others as chance makes. */
static uint32_t stated_ppm(const struct fault_model *fault)
{
    const struct fleet_model *fleet = &fault->fleet;
    uint64_t with_s = (uint64_t)fleet->with * fleet->lasts_s;
    uint64_t without_s = (uint64_t)fleet->without * fleet->lasts_s;
    double usual = fleet->is_quiet ? USUAL[fault->metric].quiet : USUAL[fault->metric].noisy;
    double mean = usual * (fleet->is_quiet ? 1 : 1.9) / 1e6 / DAY_S * (double)without_s;
    struct evidence_group without = {
        .bad = (uint32_t)(mean + 4 * sqrt(mean) + 4), .host_s = without_s};
    uint32_t hosts = fault->is_one_role ? fleet->with / fleet->strata : fleet->with;
    if (fault->stated_ppm != 0)
        return fault->stated_ppm;
    return gate_power_ppm(&GATE_POLICY_DEFAULT, fleet->strata, fault->metric, hosts, fault->bad_ppm,
                          with_s, &without);
}

bool trials_of_bad_releases(uint64_t first_seed, uint32_t count)
{
    bool all_good = true;
    uint32_t *bad = calloc(count, sizeof *bad);
    if (bad == NULL)
        return false;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        uint32_t halted = 0, paused = 0;
        for (uint32_t trial = 0; trial < count; trial++) {
            struct outcome outcome = watch(&BAD[i].fleet, &BAD[i], first_seed + trial);
            if (outcome.is_halted)
                bad[halted++] = outcome.bad;
            paused += outcome.is_paused;
        }
        uint32_t stated = stated_ppm(&BAD[i]);
        bool is_good = is_at_least(halted, count, stated);
        printf("# bad release, %-22s %6u trials: halted %.2f %% (at least %.2f), paused or halted "
               "%.2f %%; bad hosts when halted: median %u, 99th of 100 %u%s\n",
               BAD[i].name, count, 100.0 * halted / count, stated / 1e4, 100.0 * paused / count,
               quantile(bad, halted, 0.5), quantile(bad, halted, 0.99), mark(is_good));
        all_good = all_good && is_good;
    }
    free(bad);
    return all_good;
}

/* --- gates that open ------------------------------------------------------------------------- */

enum { RING_HOSTS = 4000, BATCH = 20 };

static const struct {
    uint32_t bad_ppm, silent_ppm;
} RATES[] = {
    {20000, 0}, {10000, 0}, {10000, 300000}, {5000, 0}, {2000, 0}, {1000, 0}, {0, 0}, {0, 300000},
};

/* Hosts with which the gate opened; 0: it never did. */
static uint32_t opened_with(uint32_t bad_ppm, uint32_t silent_ppm, uint64_t seed)
{
    struct chance chance = {mix64(seed)};
    struct gate gate = gate_open(1);
    struct gate_sample sample = {.ring_hosts = RING_HOSTS, .without = 2000};
    while (sample.hosts < RING_HOSTS) {
        for (unsigned i = 0; i < BATCH; i++)
            sample.bad += draw(&chance) * 1e6 < bad_ppm;
        sample.hosts += BATCH;
        /* Who is silent now may be heard of at the next look. */
        sample.silent = events(&chance, (sample.hosts - sample.bad) * (silent_ppm / 1e6));
        sample.without_silent = events(&chance, sample.without * (silent_ppm / 1e6));
        if (gate_decide(&gate, &GATE_POLICY_DEFAULT, &sample).verdict == GATE_HEALTHY)
            return sample.hosts;
    }
    return 0;
}

bool trials_of_openings(uint64_t first_seed, uint32_t count)
{
    bool all_good = true;
    uint32_t *hosts = calloc(count, sizeof *hosts);
    if (hosts == NULL)
        return false;
    for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++) {
        uint32_t opened = 0;
        for (uint32_t trial = 0; trial < count; trial++) {
            hosts[opened] = opened_with(RATES[i].bad_ppm, RATES[i].silent_ppm, first_seed + trial);
            opened += hosts[opened] != 0;
        }
        bool is_too_bad = RATES[i].bad_ppm >= GATE_POLICY_DEFAULT.bad_ppm;
        bool is_good = !is_too_bad || is_at_most(opened, count, GATE_POLICY_DEFAULT.unsure_ppm);
        printf("# %.1f %% bad, %2u %% silent, %6u trials: the gate ever opens for %.3f %%%s; with "
               "hosts: median %u, 99th of 100 %u%s\n",
               RATES[i].bad_ppm / 1e4, RATES[i].silent_ppm / 10000, count, 100.0 * opened / count,
               is_too_bad ? " (at most 5)" : "", quantile(hosts, opened, 0.5),
               quantile(hosts, opened, 0.99), mark(is_good));
        all_good = all_good && is_good;
    }
    free(hosts);
    return all_good;
}
