// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"
#include "tests/rollout/rollouts.h"
#include "tests/unit.h"

#include <stdio.h>

enum { HISTORIES = 200000, HISTORIES_UNTIL_FOUND = 200000, HISTORIES_THAT_REPEAT = 50 };

static void random_histories_keep_what_must_hold(void **state)
{
    (void)state;
    assert_true(rollouts_run_all(1, HISTORIES));
}

static void one_seed_is_one_history(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < HISTORIES_THAT_REPEAT; seed++) {
        struct rollouts_verdict first = rollouts_run(seed), second = rollouts_run(seed);
        assert_int_equal(first.step, second.step);
        assert_int_equal(first.rings, second.rings);
        assert_string_equal(first.event, second.event);
    }
}

static const char *word_of(enum fault fault)
{
    static const char *const WORDS[] = {
        "",
#define FAULT(id, word, text) word,
#include "base/fault.def"
    };
    return WORDS[fault];
}

/* A property test that cannot fail is none: each safeguard that is taken away is missed. */
static void every_planted_fault_is_found(void **state)
{
    (void)state;
    for (enum fault fault = FAULT_CONTROLLER_FIRST; fault <= FAULT_CONTROLLER_LAST; fault++) {
        fault_planted = fault;
        uint64_t seed = 1;
        while (seed < HISTORIES_UNTIL_FOUND && rollouts_run(seed).broken == NULL)
            seed++;
        struct rollouts_verdict verdict = rollouts_run(seed);
        fault_planted = FAULT_NONE;
        if (verdict.broken == NULL)
            fail_msg("%s is not found", word_of(fault));
        print_message("# CREANCE_FAULT=%s rollout-histories %u 1: \"%s\"\n", word_of(fault),
                      (unsigned)seed, verdict.broken);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_keep_what_must_hold),
        cmocka_unit_test(one_seed_is_one_history),
        cmocka_unit_test(every_planted_fault_is_found),
    };
    return unit_run("rollout/controller_histories", tests);
}
