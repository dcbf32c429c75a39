// SPDX-License-Identifier: Apache-2.0
#include "rollout/gate.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/binomial.h"
#include "update/lifecycle/steady_time.h"

#include <math.h>

enum { PPM = 1000000, HOUR_S = 60 * 60 };

const struct gate_policy GATE_POLICY_DEFAULT = {
    .false_halt_ppm = 10000,
    .false_pause_ppm = 50000,
    .bad_ppm = 10000,
    .unsure_ppm = 50000,
    .hosts_min = 300,
    .soak_s = 2 * HOUR_S,
    .halt_hosts_min = 3,
    .small_age_s = WEEK_S,
};

RESULT gate_policy_check(const struct gate_policy *policy, struct explanation *why)
{
    const struct {
        const char *what;
        uint32_t ppm;
    } PARTS[] = {
        {"releases that are halted though they are good", policy->false_halt_ppm},
        {"releases that are paused though they are good", policy->false_pause_ppm},
        {"hosts of which fewer must be bad", policy->bad_ppm},
        {"releases that may be let through though more hosts are bad", policy->unsure_ppm},
    };
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
        if (PARTS[i].ppm == 0 || PARTS[i].ppm > PPM / 2)
            return explain(why, ERROR_FORMAT, "the gate has %u in a million %s; expected 1 to %d",
                           PARTS[i].ppm, PARTS[i].what, PPM / 2);
    if (policy->false_pause_ppm < policy->false_halt_ppm)
        return explain(why, ERROR_FORMAT, "the gate would halt more readily than pause: %u and %u "
                                          "good releases in a million",
                       policy->false_halt_ppm, policy->false_pause_ppm);
    if (policy->halt_hosts_min < 2 || policy->hosts_min == 0)
        return explain(why, ERROR_FORMAT, "the gate halts for %u hosts and opens for %u; expected "
                                          "at least 2 and 1: nobody may halt alone",
                       policy->halt_hosts_min, policy->hosts_min);
    return RESULT_OK;
}

/* --- what speaks against a release ----------------------------------------------------------- */

struct gate gate_open(uint8_t strata)
{
    return (struct gate){
        .evidence = evidence_none(strata), .reviewed = 1, .metric = METRIC_COUNT};
}

static uint32_t halting_hosts(const struct gate_policy *policy)
{
    return fault_is_planted(FAULT_GATE_ONE_HALTS) ? 1 : policy->halt_hosts_min;
}

void gate_take(struct gate *gate, const struct gate_policy *policy,
               const struct evidence_look *look)
{
    evidence_take(&gate->evidence, look);
    if (gate->is_halted || fault_is_planted(FAULT_GATE_SHRUGS))
        return;
    double halting = evidence_sum(&gate->evidence, halting_hosts(policy));
    double all = evidence_sum(&gate->evidence, 1);
    if (halting * policy->false_halt_ppm >= PPM) {
        gate->is_halted = true;
        gate->metric = evidence_strongest(&gate->evidence, halting_hosts(policy));
        gate->seen = halting;
    } else if (!gate->is_paused && all * policy->false_pause_ppm >= PPM * gate->reviewed) {
        gate->is_paused = true;
        gate->metric = evidence_strongest(&gate->evidence, 1);
        gate->seen = all;
    }
}

void gate_reviewed(struct gate *gate)
{
    double now = evidence_sum(&gate->evidence, 1);
    if (gate->is_halted)
        return;
    gate->is_paused = false;
    gate->reviewed = now > 1 ? now : 1;
    gate->metric = METRIC_COUNT;
}

/* --- what speaks for it ---------------------------------------------------------------------- */

/* Against "as many as `limit` are bad" (or more), however often one looks: the average likelihood
 * of some lower rates over that of the limit. Half of it believes that nobody is bad, which is what
 * most good releases show. */
static double health_evidence(uint32_t hosts, uint32_t bad, double limit)
{
    static const struct {
        double part, weight;
    } RATES[] = {{1.0 / 8, 1.0 / 6}, {1.0 / 4, 1.0 / 6}, {1.0 / 2, 1.0 / 6}};
    double sum = bad == 0 ? 0.5 * exp(-(hosts * log1p(-limit))) : 0;
    for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++) {
        double rate = limit * RATES[i].part;
        sum += RATES[i].weight * exp(bad * log(RATES[i].part)
                                     + (hosts - (double)bad) * (log1p(-rate) - log1p(-limit)));
    }
    return sum;
}

static bool is_shown(const struct gate_policy *policy, uint32_t hosts, uint32_t bad)
{
    double unsure = (double)policy->unsure_ppm / PPM, limit = (double)policy->bad_ppm / PPM;
    bool may_look_again = health_evidence(hosts, bad, limit) >= 1 / unsure
                          || fault_is_planted(FAULT_GATE_PEEKS);
    /* The same as: binomial_upper() is at most the limit. */
    return hosts != 0 && may_look_again && binomial_at_most(hosts, bad, limit) <= unsure;
}

struct health {
    uint32_t hosts, bad;
    bool is_shown;
};

static struct health health_of(const struct gate_policy *policy, uint32_t hosts, uint32_t bad)
{
    return (struct health){hosts, bad, hosts >= policy->hosts_min && is_shown(policy, hosts, bad)};
}

/* With none bad, the bound asks for (1 - limit)^n to be at most `unsure`, and the test that may be
 * repeated for at most half of that, for half of it believes that nobody is bad. */
uint32_t gate_hosts_needed(const struct gate_policy *policy)
{
    double unsure = (double)policy->unsure_ppm / PPM, limit = (double)policy->bad_ppm / PPM;
    uint32_t low = (uint32_t)(log(unsure) / log1p(-limit));
    uint32_t high = (uint32_t)(log(unsure / 2) / log1p(-limit)) + 2;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_shown(policy, middle, 0))
            high = middle;
        else
            low = middle + 1;
    }
    return low > policy->hosts_min ? low : policy->hosts_min;
}

/* How many silent hosts the silence of those without the release makes plausible. */
static uint32_t plausible_silent(const struct gate_policy *policy, const struct gate_sample *sample)
{
    double unsure = (double)policy->unsure_ppm / PPM;
    if (fault_is_planted(FAULT_GATE_SILENCE_IS_WELL))
        return sample->silent;
    if (sample->without == 0 || sample->silent == 0)
        return 0;
    double usual = binomial_upper(sample->without, sample->without_silent, unsure);
    return binomial_plausible(sample->hosts, usual, unsure);
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static struct health ring_health(const struct gate_policy *policy, const struct gate_sample *sample)
{
    uint32_t bad = least(sample->bad, sample->hosts);
    uint32_t silent = least(sample->silent, sample->hosts - bad);
    uint32_t passed_over = least(silent, plausible_silent(policy, sample));
    return health_of(policy, sample->hosts - passed_over, bad + silent - passed_over);
}

/* --- the verdict ----------------------------------------------------------------------------- */

static const char *const WORDS[] = {
    [GATE_WAIT] = "waits",
    [GATE_HEALTHY] = "healthy",
    [GATE_PAUSE] = "paused",
    [GATE_HALT] = "halted",
    [GATE_TOO_SMALL] = "too small",
};

const char *gate_verdict_word(enum gate_verdict verdict) { return WORDS[verdict]; }

static double percent(double part) { return part * 100; }

static void tell_breach(struct gate_decision *decision, const struct gate *gate,
                        const struct gate_policy *policy)
{
    const struct metric_facts *facts = metric_facts(gate->metric);
    const struct evidence_counts *sums = &gate->evidence.sums[gate->metric];
    bool is_halt = decision->verdict == GATE_HALT;
    (void)string_format(
        decision->reason, sizeof decision->reason,
        "%s (%s): %u hosts with the release turned bad in %.1f host days, %u without it in %.1f; "
        "evidence %.3g, where %.3g %s; at most %.2g %% of good releases ever get there",
        facts->word, facts->text, sums->with.bad, (double)sums->with.host_s / DAY_S,
        sums->without.bad, (double)sums->without.host_s / DAY_S, gate->seen,
        PPM / (double)(is_halt ? policy->false_halt_ppm : policy->false_pause_ppm),
        is_halt ? "halts" : "asks for a review",
        percent((is_halt ? policy->false_halt_ppm : policy->false_pause_ppm) / (double)PPM));
}

static void tell_health(struct gate_decision *decision, const struct gate_policy *policy,
                        const struct health *health)
{
    bool is_open = decision->verdict == GATE_HEALTHY;
    char rest[120] = "";
    if (!is_open)
        (void)string_format(rest, sizeof rest,
                            "; expected: fewer than %.3g %%, and %u hosts, more if any is bad",
                            percent((double)policy->bad_ppm / PPM), decision->needed);
    (void)string_format(decision->reason, sizeof decision->reason,
                        "%sfewer than %.3g %% bad, %.3g %% confidence, %u hosts, %.3g h (%u bad)%s",
                        is_open ? "" : "shown so far: ",
                        percent((double)(is_open ? policy->bad_ppm : decision->upper_ppm) / PPM),
                        percent(1 - (double)policy->unsure_ppm / PPM), health->hosts,
                        (double)policy->soak_s / HOUR_S, health->bad, rest);
}

/* A ring that can show nothing by itself. */
static void decide_small(struct gate_decision *decision, const struct gate_policy *policy,
                         const struct gate_sample *sample, const struct health *own)
{
    struct health pooled =
        health_of(policy, sample->pooled, least(sample->pooled_bad, sample->pooled));
    bool all_well = sample->hosts >= sample->ring_hosts && own->bad == 0 && own->hosts != 0;
    bool is_old = sample->age_s >= policy->small_age_s;
    bool opens = all_well && is_old && pooled.is_shown;
    decision->verdict = opens ? GATE_HEALTHY : GATE_TOO_SMALL;
    (void)string_format(
        decision->reason, sizeof decision->reason,
        "%u hosts are too few to show that fewer than %.3g %% are bad (%u would be needed), so "
        "other fleets and age %s: here %u of %u are well; in other fleets %u of %u are bad, %s; "
        "the release is %.1f days old of %.1f",
        sample->ring_hosts, percent((double)policy->bad_ppm / PPM), decision->needed,
        opens ? "did" : "must", own->hosts - own->bad, sample->ring_hosts, pooled.bad, pooled.hosts,
        pooled.is_shown ? "enough" : "not enough", (double)sample->age_s / DAY_S,
        (double)policy->small_age_s / DAY_S);
}

struct gate_decision gate_decide(const struct gate *gate, const struct gate_policy *policy,
                                 const struct gate_sample *sample)
{
    struct health health = ring_health(policy, sample);
    double upper = binomial_upper(health.hosts, health.bad, (double)policy->unsure_ppm / PPM);
    struct gate_decision decision = {
        .metric = METRIC_COUNT,
        .evidence = evidence_sum(&gate->evidence, 1),
        .hosts = health.hosts,
        .upper_ppm = (uint32_t)ceil(upper * PPM),
        .needed = gate_hosts_needed(policy),
    };
    if (gate->is_halted || gate->is_paused) {
        decision.verdict = gate->is_halted ? GATE_HALT : GATE_PAUSE;
        decision.metric = gate->metric;
        tell_breach(&decision, gate, policy);
    } else if (sample->ring_hosts < decision.needed) {
        decide_small(&decision, policy, sample, &health);
    } else {
        decision.verdict = health.is_shown ? GATE_HEALTHY : GATE_WAIT;
        tell_health(&decision, policy, &health);
    }
    return decision;
}

/* --- what the tests can see ------------------------------------------------------------------ */

/* One part of `strata` equal ones. */
static uint64_t part_of(uint64_t all, unsigned stratum, unsigned strata)
{
    return all / strata + (stratum < all % strata);
}

/* All in one look, spread over the roles: a fault of one role gives more evidence. */
static bool would_halt(const struct gate_policy *policy, uint8_t strata, enum metric metric,
                       uint32_t bad, uint64_t with_s, const struct evidence_group *without)
{
    struct gate gate = gate_open(strata);
    struct evidence_look look = {0};
    for (unsigned i = 0; i < strata; i++) {
        struct evidence_counts *counts = &look.counts[i][metric];
        counts->with.bad = (uint32_t)part_of(bad, i, strata);
        counts->with.host_s = part_of(with_s, i, strata);
        counts->without.bad = (uint32_t)part_of(without->bad, i, strata);
        counts->without.host_s = part_of(without->host_s, i, strata);
    }
    gate_take(&gate, policy, &look);
    return gate.is_halted;
}

uint32_t gate_hosts_to_halt(const struct gate_policy *policy, uint8_t strata, enum metric metric,
                            uint64_t with_s, const struct evidence_group *without)
{
    uint32_t low = policy->halt_hosts_min, high = low;
    while (high < UINT32_MAX / 2 && !would_halt(policy, strata, metric, high, with_s, without)) {
        low = high + 1;
        high *= 2;
    }
    if (high >= UINT32_MAX / 2)
        return UINT32_MAX;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (would_halt(policy, strata, metric, middle, with_s, without))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

uint32_t gate_power_ppm(const struct gate_policy *policy, uint8_t strata, enum metric metric,
                        uint32_t hosts, uint32_t bad_ppm, uint64_t with_s,
                        const struct evidence_group *without)
{
    uint32_t halting = gate_hosts_to_halt(policy, strata, metric, with_s, without);
    double rate = (double)bad_ppm / PPM;
    return halting > hosts
               ? 0
               : (uint32_t)((1 - binomial_at_most(hosts, halting - 1, rate)) * PPM);
}
