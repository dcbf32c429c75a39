// SPDX-License-Identifier: Apache-2.0
/* The short run of tests/long/gate_statistics.py. */
#include "base/fault.h"
#include "tests/rollout/gate_trials.h"
#include "tests/unit.h"

enum { GOOD_TRIALS = 250, BAD_TRIALS = 200, OPENING_TRIALS = 150, PLANTED_TRIALS = 40 };

static void good_releases_are_seldom_halted(void **state)
{
    (void)state;
    assert_true(trials_of_good_releases(1, GOOD_TRIALS));
}

static void bad_releases_are_halted_as_often_as_stated(void **state)
{
    (void)state;
    assert_true(trials_of_bad_releases(1, BAD_TRIALS));
}

static void gates_seldom_open_for_bad_releases(void **state)
{
    (void)state;
    assert_true(trials_of_openings(1, OPENING_TRIALS));
}

static void planted_faults_are_found(void **state)
{
    (void)state;
    print_message("# planted: sizes are forgotten\n");
    fault_planted = FAULT_GATE_FORGETS_SIZES;
    bool is_size_missed = trials_of_good_releases(1, PLANTED_TRIALS);
    print_message("# planted: breaches are shrugged at\n");
    fault_planted = FAULT_GATE_SHRUGS;
    bool is_shrug_missed = trials_of_bad_releases(1, PLANTED_TRIALS);
    print_message("# planted: a test for one look is made at each\n");
    fault_planted = FAULT_GATE_PEEKS;
    bool is_peeking_missed = trials_of_openings(1, OPENING_TRIALS);
    fault_planted = FAULT_NONE;
    assert_false(is_size_missed);
    assert_false(is_shrug_missed);
    assert_false(is_peeking_missed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_releases_are_seldom_halted),
        cmocka_unit_test(bad_releases_are_halted_as_often_as_stated),
        cmocka_unit_test(gates_seldom_open_for_bad_releases),
        cmocka_unit_test(planted_faults_are_found),
    };
    return unit_run("rollout/gate_statistics", tests);
}
