// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"
#include "tests/lifecycle/histories.h"
#include "tests/unit.h"

enum { HISTORIES = 4000, HISTORIES_UNTIL_FOUND = 200000 };

static void random_histories_keep_what_must_hold(void **state)
{
    (void)state;
    assert_true(histories_run(1, HISTORIES));
}

static void one_seed_is_one_history(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct history_verdict first = history_run(seed), second = history_run(seed);
        assert_int_equal(first.step, second.step);
        assert_string_equal(first.event, second.event);
    }
}

/* A property test that cannot fail is none: each safeguard that is taken away is missed. */
static void every_planted_fault_is_found(void **state)
{
    (void)state;
    for (enum fault fault = FAULT_NONE + 1; fault <= FAULT_LIFECYCLE_LAST; fault++) {
        fault_planted = fault;
        uint64_t seed = 1;
        while (seed < HISTORIES_UNTIL_FOUND && history_run(seed).broken == NULL)
            seed++;
        struct history_verdict verdict = history_run(seed);
        fault_planted = FAULT_NONE;
        if (verdict.broken == NULL)
            fail_msg("fault %d is not found", fault);
        print_message("# fault %d: seed %u, \"%s\"\n", fault, (unsigned)seed, verdict.broken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_keep_what_must_hold),
        cmocka_unit_test(one_seed_is_one_history),
        cmocka_unit_test(every_planted_fault_is_found),
    };
    return unit_run("update/histories", tests);
}
