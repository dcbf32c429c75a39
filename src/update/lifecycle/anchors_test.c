// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/anchors.h"

#include "tests/unit.h"

static struct anchor_set set_of(uint64_t number, uint8_t count, uint8_t quorum)
{
    struct anchor_set set = {.number = number, .quorum = quorum, .count = count};
    for (uint8_t i = 0; i < count; i++)
        set.keys[i][0] = (uint8_t)(i + 1);
    return set;
}

static void both_quorums_and_the_longest_age_are_needed(void **state)
{
    (void)state;
    const struct anchor_set old = set_of(4, 3, 2), new = set_of(5, 5, 3);
    struct anchor_change change = {
        .old_signatures = 2, .new_signatures = 3, .first_seen = {10}, .log_age_s = WEEK_S};
    const struct steady_time now = {10 + WEEK_S};
    assert_int_equal(anchor_change_judge(&old, &new, &change, DAY_S, now), ANCHOR_ALLOWED);
    assert_int_equal(anchor_change_judge(&old, &new, &change, WEEK_S + 1, now), ANCHOR_WAITS);
    change.log_age_s = WEEK_S - 1;
    assert_int_equal(anchor_change_judge(&old, &new, &change, 0, now), ANCHOR_WAITS);
    change.log_age_s = WEEK_S;
    change.first_seen.s++;
    assert_int_equal(anchor_change_judge(&old, &new, &change, 0, now), ANCHOR_WAITS);
    change.old_signatures = 1; /* all of the new keys are not enough */
    change.new_signatures = 5;
    assert_int_equal(anchor_change_judge(&old, &new, &change, 0, now), ANCHOR_UNSIGNED);
    change.old_signatures = 3;
    change.new_signatures = 2;
    assert_int_equal(anchor_change_judge(&old, &new, &change, 0, now), ANCHOR_UNSIGNED);
}

static void no_set_is_skipped_or_taken_twice(void **state)
{
    (void)state;
    const struct anchor_set old = set_of(4, 3, 2);
    const struct anchor_change change = {
        .old_signatures = 3, .new_signatures = 3, .log_age_s = UINT32_MAX};
    const struct steady_time now = {2 * WEEK_S};
    for (uint64_t number = 0; number < 8; number++) {
        const struct anchor_set new = set_of(number, 3, 2);
        assert_int_equal(anchor_change_judge(&old, &new, &change, 0, now),
                         number == 5 ? ANCHOR_ALLOWED : ANCHOR_NOT_NEXT);
    }
}

static void nobody_sets_what_cannot_be_reached(void **state)
{
    (void)state;
    const struct anchor_set old = set_of(4, 3, 2);
    const struct anchor_change by_hand = {.is_by_administrator = true};
    struct anchor_set new = set_of(9, 3, 2);
    assert_int_equal(anchor_change_judge(&old, &new, &by_hand, 0, (struct steady_time){0}),
                     ANCHOR_ALLOWED);
    new.quorum = 4;
    assert_int_equal(anchor_change_judge(&old, &new, &by_hand, 0, (struct steady_time){0}),
                     ANCHOR_UNSOUND);
    new.quorum = 0;
    assert_int_equal(anchor_change_judge(&old, &new, &by_hand, 0, (struct steady_time){0}),
                     ANCHOR_UNSOUND);
    new.quorum = 2;
    new.keys[2][0] = new.keys[0][0]; /* one key would count twice */
    assert_int_equal(anchor_change_judge(&old, &new, &by_hand, 0, (struct steady_time){0}),
                     ANCHOR_UNSOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_quorums_and_the_longest_age_are_needed),
        cmocka_unit_test(no_set_is_skipped_or_taken_twice),
        cmocka_unit_test(nobody_sets_what_cannot_be_reached),
    };
    return unit_run("update/anchors", tests);
}
