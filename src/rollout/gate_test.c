// SPDX-License-Identifier: Apache-2.0
#include "rollout/gate.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/binomial.h"
#include "tests/unit.h"

#include <math.h>
#include <string.h>

enum { LOOK_S = 300, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

static const struct gate_policy *const POLICY = &GATE_POLICY_DEFAULT;

static const struct gate_sample GOOD = {
    .ring_hosts = 1000, .hosts = 500, .without = 20000, .without_silent = 100};

static enum gate_verdict verdict(const struct gate *gate, const struct gate_sample *sample)
{
    struct gate_decision decision = gate_decide(gate, POLICY, sample);
    assert_true(decision.reason[0] != '\0' && strlen(decision.reason) + 1 < sizeof decision.reason);
    return decision.verdict;
}

/* A first ring of 1,000 beside 99,000, so many of which turned bad. */
static void look(struct gate *gate, enum metric metric, uint32_t with_bad, uint32_t without_bad)
{
    struct evidence_look seen = {0};
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        seen.counts[0][i] = (struct evidence_counts){
            .with = {.host_s = 1000 * LOOK_S}, .without = {.host_s = UINT64_C(99000) * LOOK_S}};
    seen.counts[0][metric].with.bad = with_bad;
    seen.counts[0][metric].without.bad = without_bad;
    gate_take(gate, POLICY, &seen);
}

/* The first hosts of a ring beside a million: what any of them says weighs the most that it can. */
static enum gate_verdict says_of_everything(uint32_t hosts)
{
    struct gate gate = gate_open(1);
    struct evidence_look seen = {0};
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        seen.counts[0][i] = (struct evidence_counts){
            .with = {.bad = hosts, .host_s = 10 * LOOK_S},
            .without = {.host_s = UINT64_C(1000000) * LOOK_S},
        };
    gate_take(&gate, POLICY, &seen);
    return verdict(&gate, &GOOD);
}

/* --- binomial -------------------------------------------------------------------------------- */

/* Term by term, as it is written in books. */
static double by_the_book(uint32_t hosts, uint32_t bad, double rate)
{
    long double term = powl(1 - (long double)rate, hosts), sum = term;
    for (uint32_t i = 0; i < bad; i++) {
        term *= (long double)(hosts - i) / (i + 1) * rate / (1 - (long double)rate);
        sum += term;
    }
    return (double)sum;
}

static void binomial_tails_are_exact(void **state)
{
    (void)state;
    static const double RATES[] = {0.0001, 0.003, 0.01, 0.05, 0.3, 0.5, 0.9};
    for (uint32_t hosts = 1; hosts < 1500; hosts = hosts * 3 / 2 + 1)
        for (uint32_t bad = 0; bad <= hosts; bad = bad * 2 + 1)
            for (size_t i = 0; i < sizeof RATES / sizeof RATES[0]; i++)
                assert_true(fabs(binomial_at_most(hosts, bad, RATES[i])
                                 - by_the_book(hosts, bad, RATES[i])) < 1e-10);
    for (uint32_t bad = 0; bad < 40; bad++) {
        double upper = binomial_upper(400, bad, 0.05);
        assert_true(fabs(by_the_book(400, bad, upper) - 0.05) < 1e-9);
    }
    /* No bad one of 300: 1 - 0.05^(1/300). */
    assert_true(fabs(binomial_upper(300, 0, 0.05) - 0.009936081944) < 1e-11);
    assert_true(binomial_upper(0, 0, 0.05) >= 1 && binomial_upper(7, 7, 0.05) >= 1);
    uint32_t plausible = binomial_plausible(1000, 0.3, 0.05);
    assert_true(1 - by_the_book(1000, plausible, 0.3) <= 0.05);
    assert_true(1 - by_the_book(1000, plausible - 1, 0.3) > 0.05);
}

/* --- metrics --------------------------------------------------------------------------------- */

static void what_is_missing_in_a_report_is_bad(void **state)
{
    (void)state;
    uint32_t limits[METRIC_COUNT];
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        limits[i] = metric_facts((enum metric)i)->limit;
    struct metric_report report = {.present = METRICS_REPORTED};
    assert_int_equal(metrics_bad(&report, limits), 0);
    report.values[METRIC_CPU] = limits[METRIC_CPU];
    assert_int_equal(metrics_bad(&report, limits), 0);
    report.values[METRIC_CPU]++;
    report.values[METRIC_CRASH] = 1;
    assert_int_equal(metrics_bad(&report, limits), 1 << METRIC_CPU | 1 << METRIC_CRASH);
    report = (struct metric_report){.present = METRICS_REPORTED & ~(1 << METRIC_LOSS)};
    assert_int_equal(metrics_bad(&report, limits), 1 << METRIC_MISSING);
    report.present = 0;
    assert_int_equal(metrics_bad(&report, limits), 1 << METRIC_MISSING);
}

/* --- what speaks against a release ----------------------------------------------------------- */

static void one_host_only_pauses_whatever_it_says(void **state)
{
    (void)state;
    assert_int_equal(says_of_everything(1), GATE_PAUSE);
    assert_int_equal(says_of_everything(2), GATE_PAUSE);
    assert_int_equal(says_of_everything(3), GATE_HALT);
}

static void three_hosts_halt_and_halts_stay(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    look(&gate, METRIC_REBOOT, 1, 0);
    look(&gate, METRIC_REBOOT, 2, 0);
    struct gate_decision decision = gate_decide(&gate, POLICY, &GOOD);
    print_message("# %s\n", decision.reason);
    assert_int_equal(decision.verdict, GATE_HALT);
    assert_int_equal(decision.metric, METRIC_REBOOT);
    assert_true(decision.evidence >= 100);
    gate_reviewed(&gate);
    for (unsigned i = 0; i < 1000; i++)
        look(&gate, METRIC_REBOOT, 0, 100);
    assert_int_equal(verdict(&gate, &GOOD), GATE_HALT);
}

static void what_others_suffer_too_speaks_against_nobody(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    for (unsigned i = 0; i < 30; i++)
        look(&gate, METRIC_SILENCE, 10, 990); /* the evening: laptops sleep */
    assert_int_equal(verdict(&gate, &GOOD), GATE_HEALTHY);
    for (unsigned i = 0; i < 30; i++)
        look(&gate, METRIC_SILENCE, 20, 990);
    assert_int_equal(verdict(&gate, &GOOD), GATE_HALT);
}

static void a_fault_of_one_role_is_seen(void **state)
{
    (void)state;
    struct gate gate = gate_open(FLEET_STRATA_MAX);
    struct evidence_look seen = {0};
    for (unsigned i = 0; i < FLEET_STRATA_MAX; i++)
        seen.counts[i][METRIC_CPU] = (struct evidence_counts){
            .with = {.bad = i == 5 ? 60 : 10, .host_s = UINT64_C(1000) * DAY_S},
            .without = {.bad = 10, .host_s = UINT64_C(1000) * DAY_S},
        };
    gate_take(&gate, POLICY, &seen);
    assert_int_equal(verdict(&gate, &GOOD), GATE_HALT);
}

static void crashes_halt_where_nobody_is_left_to_compare_with(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    struct evidence_look seen = {0};
    seen.counts[0][METRIC_REBOOT].with = (struct evidence_group){.bad = 50, .host_s = DAY_S};
    gate_take(&gate, POLICY, &seen);
    assert_int_equal(verdict(&gate, &GOOD), GATE_HEALTHY); /* fleets differ: nothing is tolerated */
    seen.counts[0][METRIC_CRASH].with = (struct evidence_group){.bad = 3, .host_s = DAY_S};
    gate_take(&gate, POLICY, &seen);
    assert_int_equal(verdict(&gate, &GOOD), GATE_HALT);
}

static void a_review_lets_it_go_on_until_there_is_more(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    look(&gate, METRIC_ROLLBACK, 2, 0);
    struct gate_decision decision = gate_decide(&gate, POLICY, &GOOD);
    print_message("# %s\n", decision.reason);
    assert_int_equal(decision.verdict, GATE_PAUSE);
    look(&gate, METRIC_ROLLBACK, 0, 0);
    assert_int_equal(verdict(&gate, &GOOD), GATE_PAUSE); /* until somebody has looked */
    gate_reviewed(&gate);
    look(&gate, METRIC_ROLLBACK, 0, 0);
    assert_int_equal(verdict(&gate, &GOOD), GATE_HEALTHY);
    look(&gate, METRIC_ROLLBACK, 1, 0); /* and that is three */
    assert_int_equal(verdict(&gate, &GOOD), GATE_HALT);
}

/* --- what speaks for it ---------------------------------------------------------------------- */

static void it_opens_only_when_enough_hosts_have_shown_it(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    uint32_t needed = gate_hosts_needed(POLICY);
    assert_in_range(needed, 300, 350);
    struct gate_sample sample = GOOD;
    for (uint32_t ppm = 1; ppm <= 500000; ppm = ppm * 3 / 2 + 1) { /* no fewer, whatever is asked */
        struct gate_policy policy = *POLICY;
        policy.bad_ppm = ppm;
        policy.hosts_min = 1;
        sample.ring_hosts = UINT32_MAX;
        sample.hosts = gate_hosts_needed(&policy);
        assert_int_equal(gate_decide(&gate, &policy, &sample).verdict, GATE_HEALTHY);
        sample.hosts--;
        assert_int_equal(gate_decide(&gate, &policy, &sample).verdict, GATE_WAIT);
    }
    sample = GOOD;
    sample.hosts = needed - 1;
    assert_int_equal(verdict(&gate, &sample), GATE_WAIT);
    print_message("# %s\n", gate_decide(&gate, POLICY, &sample).reason);
    sample.hosts = needed;
    assert_int_equal(verdict(&gate, &sample), GATE_HEALTHY);
    print_message("# %s\n", gate_decide(&gate, POLICY, &sample).reason);
    sample.bad = 1;
    assert_int_equal(verdict(&gate, &sample), GATE_WAIT);
    sample.hosts = sample.ring_hosts;
    assert_int_equal(verdict(&gate, &sample), GATE_HEALTHY);
    sample.bad = 10;
    assert_int_equal(verdict(&gate, &sample), GATE_WAIT);
}

static void silence_beyond_that_of_others_is_bad(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    struct gate_sample sample = GOOD;
    sample.hosts = 800;
    sample.without_silent = 6000; /* of 20,000: laptops at night */
    sample.silent = 240;
    assert_int_equal(verdict(&gate, &sample), GATE_HEALTHY);
    sample.silent = 300;
    assert_int_equal(verdict(&gate, &sample), GATE_WAIT);
    sample.silent = 240;
    sample.without = sample.without_silent = 0; /* nobody to compare with */
    assert_int_equal(verdict(&gate, &sample), GATE_WAIT);
    sample.without = sample.without_silent = 20000; /* all are: nobody has shown anything */
    sample.silent = sample.hosts;
    assert_int_equal(verdict(&gate, &sample), GATE_WAIT);
}

static void a_small_ring_says_so_and_opens_by_others_and_age(void **state)
{
    (void)state;
    struct gate gate = gate_open(1);
    struct gate_sample sample = {.ring_hosts = 40, .hosts = 40, .age_s = POLICY->small_age_s};
    struct gate_decision decision = gate_decide(&gate, POLICY, &sample);
    print_message("# %s\n", decision.reason);
    assert_int_equal(decision.verdict, GATE_TOO_SMALL);
    assert_int_equal(decision.needed, gate_hosts_needed(POLICY));
    sample.pooled = 5000;
    sample.pooled_bad = 5;
    assert_int_equal(verdict(&gate, &sample), GATE_HEALTHY);
    sample.age_s--;
    assert_int_equal(verdict(&gate, &sample), GATE_TOO_SMALL);
    sample.age_s++;
    sample.bad = 1;
    assert_int_equal(verdict(&gate, &sample), GATE_TOO_SMALL);
    sample.bad = 0;
    sample.hosts = 39; /* one has not been there for long enough */
    assert_int_equal(verdict(&gate, &sample), GATE_TOO_SMALL);
    sample.hosts = 40;
    sample.pooled_bad = 100;
    assert_int_equal(verdict(&gate, &sample), GATE_TOO_SMALL);
    sample.pooled_bad = 5;
    struct evidence_look seen = {0};
    seen.counts[0][METRIC_CRASH].with = (struct evidence_group){.bad = 3, .host_s = 40 * HOUR_S};
    gate_take(&gate, POLICY, &seen);
    assert_int_equal(verdict(&gate, &sample), GATE_HALT); /* small ones are guarded too */
}

static void wild_numbers_make_no_nonsense(void **state)
{
    (void)state;
    static const uint32_t BAD[] = {0, 1, UINT32_MAX};
    static const uint64_t SECONDS[] = {0, 1, UINT64_MAX};
    for (unsigned i = 0; i < 81; i++) {
        struct gate gate = gate_open(FLEET_STRATA_MAX);
        struct evidence_look seen = {0};
        struct evidence_counts counts = {
            .with = {BAD[i % 3], SECONDS[i / 3 % 3]},
            .without = {BAD[i / 9 % 3], SECONDS[i / 27 % 3]},
        };
        for (unsigned stratum = 0; stratum < FLEET_STRATA_MAX; stratum++)
            for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
                seen.counts[stratum][metric] = counts;
        gate_take(&gate, POLICY, &seen);
        gate_take(&gate, POLICY, &seen);
        struct gate_sample sample = {BAD[i % 3], BAD[i / 3 % 3], BAD[i / 9 % 3], BAD[i / 27 % 3],
                                     BAD[i % 3], BAD[i / 3 % 3], BAD[i / 9 % 3], BAD[i / 27 % 3],
                                     BAD[i % 3]};
        struct gate_decision decision = gate_decide(&gate, POLICY, &sample);
        assert_false(isnan(decision.evidence));
        assert_true(decision.upper_ppm <= 1000000);
    }
}

static void senseless_policies_are_refused(void **state)
{
    (void)state;
    assert_ok(gate_policy_check(POLICY, NULL));
    struct gate_policy policy = *POLICY;
    policy.halt_hosts_min = 1;
    assert_error(gate_policy_check(&policy, NULL), ERROR_FORMAT);
    policy = *POLICY;
    policy.false_halt_ppm = 0;
    assert_error(gate_policy_check(&policy, NULL), ERROR_FORMAT);
    policy.false_halt_ppm = POLICY->false_pause_ppm + 1;
    assert_error(gate_policy_check(&policy, NULL), ERROR_FORMAT);
    policy = *POLICY;
    policy.bad_ppm = 600000;
    assert_error(gate_policy_check(&policy, NULL), ERROR_FORMAT);
    policy = *POLICY;
    policy.hosts_min = 0;
    assert_error(gate_policy_check(&policy, NULL), ERROR_FORMAT);
}

/* --- each safeguard taken away is missed ----------------------------------------------------- */

static void planted_faults_are_found(void **state)
{
    (void)state;
#ifndef CREANCE_FAULTS
    print_message("# skip: built without planted faults\n");
    skip();
#else
    const uint32_t limits[METRIC_COUNT] = {0};
    struct metric_report nothing = {0};
    fault_planted = FAULT_GATE_MISSING_IS_WELL;
    uint32_t missing = metrics_bad(&nothing, limits);
    struct gate_sample silent = {.ring_hosts = 1000, .hosts = 1000, .silent = 600};
    struct gate gate = gate_open(1);
    fault_planted = FAULT_GATE_SILENCE_IS_WELL;
    enum gate_verdict silence = verdict(&gate, &silent);
    fault_planted = FAULT_GATE_SHRUGS;
    look(&gate, METRIC_CRASH, 500, 0);
    enum gate_verdict shrugged = verdict(&gate, &GOOD);
    fault_planted = FAULT_GATE_ONE_HALTS;
    enum gate_verdict alone = says_of_everything(1);
    fault_planted = FAULT_NONE;
    assert_int_equal(missing, 0);              /* "what_is_missing..." would fail */
    assert_int_equal(silence, GATE_HEALTHY);   /* "silence_beyond..." */
    assert_int_equal(shrugged, GATE_HEALTHY);  /* "three_hosts_halt..." */
    assert_int_equal(alone, GATE_HALT);        /* "one_host_only_pauses..." */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binomial_tails_are_exact),
        cmocka_unit_test(what_is_missing_in_a_report_is_bad),
        cmocka_unit_test(one_host_only_pauses_whatever_it_says),
        cmocka_unit_test(three_hosts_halt_and_halts_stay),
        cmocka_unit_test(what_others_suffer_too_speaks_against_nobody),
        cmocka_unit_test(a_fault_of_one_role_is_seen),
        cmocka_unit_test(crashes_halt_where_nobody_is_left_to_compare_with),
        cmocka_unit_test(a_review_lets_it_go_on_until_there_is_more),
        cmocka_unit_test(it_opens_only_when_enough_hosts_have_shown_it),
        cmocka_unit_test(silence_beyond_that_of_others_is_bad),
        cmocka_unit_test(a_small_ring_says_so_and_opens_by_others_and_age),
        cmocka_unit_test(wild_numbers_make_no_nonsense),
        cmocka_unit_test(senseless_policies_are_refused),
        cmocka_unit_test(planted_faults_are_found),
    };
    return unit_run("rollout/gate", tests);
}
