// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/pressure.h"

#include "base/limits.h"
#include "tests/unit.h"
#include "update/lifecycle/lifecycle.h"

static const uint64_t TOTAL = (uint64_t)4096 * MIB;

/* So many seconds like this one; the bits at the end. */
static unsigned live(struct pressure *pressure, uint32_t seconds, uint64_t available,
                     uint32_t matches_per_s)
{
    unsigned bits = pressure->bits;
    for (uint32_t i = 0; i < seconds; i++) {
        const struct pressure_sample sample = {.memory_total = TOTAL,
                                               .memory_available = available,
                                               .matches = pressure->matches + matches_per_s};
        bits = pressure_second(pressure, &sample);
    }
    return bits;
}

static void memory_is_short_and_eases(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    uint64_t least = TOTAL / PRESSURE_SHORT_PART;
    assert_true(live(&pressure, 100, TOTAL / 2, 0) == 0);
    assert_true(live(&pressure, 1, least - 1, 0) == PRESSURE_MEMORY);
    /* no longer short, and not eased */
    assert_true(live(&pressure, 100, least + 1, 0) == PRESSURE_MEMORY);
    assert_true(live(&pressure, PRESSURE_EASED_AFTER_S - 1, TOTAL / 2, 0) == PRESSURE_MEMORY);
    assert_true(live(&pressure, 1, least - 1, 0) == PRESSURE_MEMORY);
    assert_true(live(&pressure, PRESSURE_EASED_AFTER_S - 1, TOTAL / 2, 0) == PRESSURE_MEMORY);
    assert_true(live(&pressure, 1, TOTAL / 2, 0) == 0);
}

static void little_of_much_is_enough(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    struct pressure_sample sample = {.memory_total = (uint64_t)1024 * 1024 * MIB,
                                     .memory_available = (uint64_t)2048 * MIB};
    assert_true(pressure_second(&pressure, &sample) == 0); /* 2 GiB of 1 TiB are enough */
    sample.memory_available = (uint64_t)512 * MIB;
    assert_true(pressure_second(&pressure, &sample) == PRESSURE_MEMORY);
}

/* What cannot be read is no shortage, and does not keep one up for ever. */
static void what_cannot_be_read_is_no_shortage(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    const struct pressure_sample sample = {0};
    assert_true(pressure_second(&pressure, &sample) == 0);
    assert_true(live(&pressure, 1, 0, 0) == PRESSURE_MEMORY);
    for (unsigned i = 0; i < PRESSURE_EASED_AFTER_S; i++)
        (void)pressure_second(&pressure, &sample);
    assert_true(pressure.bits == 0);
}

/* What a release eats itself is no excuse for it; what others eat is, whatever it takes. */
static void its_own_shortage_is_told_apart(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    uint64_t least = TOTAL / PRESSURE_SHORT_PART;
    struct pressure_sample sample = {
        .memory_total = TOTAL, .memory_available = least / 2, .excess = 2 * least};
    (void)pressure_second(&pressure, &sample);
    assert_true(pressure.bits == PRESSURE_MEMORY && pressure.is_own);
    sample.excess = least; /* without it, it would be short or nearly so */
    (void)pressure_second(&pressure, &sample);
    assert_true(pressure.bits == PRESSURE_MEMORY && !pressure.is_own);
    sample.excess = least / 4; /* a little more than the one before: not what it is about */
    sample.memory_available = 3 * least / 2;
    (void)pressure_second(&pressure, &sample);
    assert_true(pressure.bits == PRESSURE_MEMORY && !pressure.is_own);
    struct pressure calm = {0};
    sample.memory_available = TOTAL / 2;
    sample.excess = 2 * least;
    (void)pressure_second(&calm, &sample);
    assert_true(calm.bits == 0 && !calm.is_own);
}

static void a_storm_begins_and_ends(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    assert_true(live(&pressure, 3600, TOTAL, 2) == 0);
    /* many, but no storm */
    assert_true(live(&pressure, 3600, TOTAL, PRESSURE_STORM_PER_S / 2) == 0);
    assert_true(live(&pressure, 3600, TOTAL, 1) == 0);
    assert_true(live(&pressure, PRESSURE_STORM_WINDOW_S, TOTAL, 1000) == PRESSURE_STORM);
    assert_true(live(&pressure, PRESSURE_STORM_OVER_AFTER_S, TOTAL, 1) == PRESSURE_STORM);
    assert_true(live(&pressure, PRESSURE_STORM_WINDOW_S, TOTAL, 1) == 0);
}

/* A host on which it never ends has another usual, after some time. */
static void a_storm_that_stays_is_the_usual(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    assert_true(live(&pressure, 60, TOTAL, 1000) == PRESSURE_STORM);
    assert_true(live(&pressure, 3600, TOTAL, 1000) == 0);
    assert_true(live(&pressure, 60, TOTAL, 1500) == 0);
}

/* Another engine, and an engine that was started anew, count from elsewhere. */
static void another_engine_counts_from_elsewhere(void **state)
{
    (void)state;
    struct pressure pressure = {0};
    assert_true(live(&pressure, 60, TOTAL, 1) == 0);
    const struct pressure_sample other = {.memory_total = TOTAL, .memory_available = TOTAL,
                                          .matches = 1000000, .is_other_engine = true};
    assert_true(pressure_second(&pressure, &other) == 0);
    const struct pressure_sample anew = {.memory_total = TOTAL, .memory_available = TOTAL,
                                         .matches = 5};
    assert_true(pressure_second(&pressure, &anew) == 0);
    assert_true(live(&pressure, 60, TOTAL, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_short_and_eases),
        cmocka_unit_test(little_of_much_is_enough),
        cmocka_unit_test(what_cannot_be_read_is_no_shortage),
        cmocka_unit_test(its_own_shortage_is_told_apart),
        cmocka_unit_test(a_storm_begins_and_ends),
        cmocka_unit_test(a_storm_that_stays_is_the_usual),
        cmocka_unit_test(another_engine_counts_from_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
