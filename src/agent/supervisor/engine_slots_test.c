// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/engine_slots.h"

#include "tests/unit.h"

enum { FACTORY = 0, NEW = 7, OTHER = 9 };

struct story {
    struct engine_slots slots;
    struct engine_orders orders;
};

/* Slot 0 judges with the factory set. */
static struct story begin(void)
{
    struct story story;
    engine_slots_init(&story.slots);
    engine_slots_begin(&story.slots);
    engine_slots_loaded(&story.slots, 0, &story.orders);
    assert_true(story.orders.judge[0]);
    return story;
}

/* Slot 1 watches with the release NEW. */
static struct story with_shadow(void)
{
    struct story story = begin();
    engine_slots_shadow(&story.slots, NEW, &story.orders);
    assert_true(story.orders.start[1] && story.orders.follow[1]);
    engine_slots_loaded(&story.slots, 1, &story.orders);
    assert_true(story.orders.judge[1] && story.orders.until[1] == 0);
    return story;
}

/* NEW took over at event 100; slot 0 is warm. */
static struct story with_new_active(void)
{
    struct story story = with_shadow();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    engine_slots_stands(&story.slots, 0, 100, &story.orders);
    engine_slots_stands(&story.slots, 1, 100, &story.orders);
    assert_true(story.orders.is_switched);
    return story;
}

static void a_switch_gives_each_event_to_exactly_one(void **state)
{
    (void)state;
    struct story story = with_shadow();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    assert_true(story.orders.stand[0] && story.orders.stand[1]);
    engine_slots_stands(&story.slots, 1, 120, &story.orders);
    assert_false(story.orders.is_switched);
    engine_slots_stands(&story.slots, 0, 100, &story.orders);
    assert_true(story.orders.is_switched && story.orders.has_period);
    assert_int_equal(story.orders.period_slot, 1);
    assert_int_equal(story.orders.period_from, 121);
    /* who is behind judges up to there */
    assert_true(story.orders.judge[0]);
    assert_int_equal(story.orders.until[0], 120);
    assert_true(story.orders.judge[1]);
    assert_int_equal(story.orders.until[1], 0);
    assert_int_equal(story.slots.slots[0].use, ENGINE_WARM);
}

static void a_shadow_that_is_behind_catches_up(void **state)
{
    (void)state;
    struct story story = with_shadow();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    engine_slots_stands(&story.slots, 0, 100, &story.orders);
    engine_slots_stands(&story.slots, 1, 80, &story.orders);
    assert_int_equal(story.orders.period_from, 101);
    assert_false(story.orders.judge[0]);
    assert_true(story.orders.judge[1]);
    assert_false(story.orders.follow[1]);
}

static void the_warm_one_takes_over_where_the_dead_one_was(void **state)
{
    (void)state;
    struct story story = with_new_active();
    engine_slots_ended(&story.slots, 1, 500, &story.orders);
    assert_false(story.orders.is_switched);
    engine_slots_activate(&story.slots, FACTORY, false, &story.orders);
    assert_true(story.orders.is_switched);
    assert_true(story.orders.follow[0] && story.orders.judge[0]);
    assert_int_equal(story.orders.period_slot, 0);
    assert_int_equal(story.orders.period_from, 501);
    assert_true(story.orders.stop[1]); /* supervision does not start it again */
    assert_int_equal(story.slots.slots[1].use, ENGINE_UNUSED);
}

static void back_from_a_living_one(void **state)
{
    (void)state;
    struct story story = with_new_active();
    engine_slots_activate(&story.slots, FACTORY, false, &story.orders);
    assert_true(story.orders.stand[1]);
    assert_false(story.orders.is_switched);
    engine_slots_stands(&story.slots, 1, 300, &story.orders);
    assert_true(story.orders.is_switched && story.orders.follow[0]);
    assert_int_equal(story.orders.period_from, 301);
    assert_int_equal(story.slots.slots[1].use, ENGINE_WARM);
}

static void the_active_one_goes_on_until_the_next_has_loaded(void **state)
{
    (void)state;
    struct story story = begin();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    assert_true(story.orders.start[1]);
    assert_false(story.orders.stand[0]);
    engine_slots_loaded(&story.slots, 1, &story.orders);
    assert_true(story.orders.stand[0]);
    engine_slots_stands(&story.slots, 0, 50, &story.orders);
    assert_true(story.orders.is_switched && story.orders.follow[1]);
    assert_int_equal(story.orders.period_from, 51);
}

static void an_active_one_that_dies_before_the_next_has_loaded_judges_on(void **state)
{
    (void)state;
    struct story story = begin();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    engine_slots_ended(&story.slots, 0, 40, &story.orders);
    engine_slots_loaded(&story.slots, 0, &story.orders);
    assert_true(story.orders.judge[0]);
    engine_slots_loaded(&story.slots, 1, &story.orders);
    assert_true(story.orders.stand[0]);
}

static void a_shadow_that_dies_changes_nothing(void **state)
{
    (void)state;
    struct story story = with_shadow();
    engine_slots_ended(&story.slots, 1, 10, &story.orders);
    assert_true(story.orders.stop[1]);
    assert_int_equal(story.slots.slots[0].use, ENGINE_ACTIVE);
    assert_true(story.slots.slots[0].is_judging);
}

static void a_shadow_that_dies_in_the_switch_lets_the_active_one_go_on(void **state)
{
    (void)state;
    struct story story = with_shadow();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    engine_slots_stands(&story.slots, 0, 100, &story.orders);
    engine_slots_ended(&story.slots, 1, 90, &story.orders);
    assert_true(story.orders.judge[0]);
    assert_int_equal(story.orders.until[0], 0);
    assert_false(story.slots.is_switching);
}

static void an_active_one_that_dies_in_the_switch_is_followed(void **state)
{
    (void)state;
    struct story story = with_shadow();
    engine_slots_activate(&story.slots, NEW, false, &story.orders);
    engine_slots_ended(&story.slots, 0, 100, &story.orders);
    engine_slots_stands(&story.slots, 1, 130, &story.orders);
    assert_true(story.orders.is_switched && story.orders.follow[1]); /* judges 101..130 again */
    assert_int_equal(story.orders.period_from, 101);
}

static void a_start_from_disk_replaces_the_warm_one(void **state)
{
    (void)state;
    struct story story = with_new_active();
    engine_slots_activate(&story.slots, NEW, true, &story.orders);
    assert_true(story.orders.stop[0] && story.orders.start[0]);
    engine_slots_loaded(&story.slots, 0, &story.orders);
    engine_slots_stands(&story.slots, 1, 700, &story.orders);
    assert_true(story.orders.is_switched);
    assert_int_equal(story.slots.active, 0);
    engine_slots_drop(&story.slots, ENGINE_WARM, &story.orders);
    assert_true(story.orders.stop[1]);
}

static void what_is_active_at_the_start_needs_no_switch(void **state)
{
    (void)state;
    struct story story;
    engine_slots_init(&story.slots);
    engine_slots_activate(&story.slots, OTHER, false, &story.orders);
    assert_false(story.orders.start[1]);
    assert_int_equal(story.slots.slots[0].load, OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_gives_each_event_to_exactly_one),
        cmocka_unit_test(a_shadow_that_is_behind_catches_up),
        cmocka_unit_test(the_warm_one_takes_over_where_the_dead_one_was),
        cmocka_unit_test(back_from_a_living_one),
        cmocka_unit_test(the_active_one_goes_on_until_the_next_has_loaded),
        cmocka_unit_test(an_active_one_that_dies_before_the_next_has_loaded_judges_on),
        cmocka_unit_test(a_shadow_that_dies_changes_nothing),
        cmocka_unit_test(a_shadow_that_dies_in_the_switch_lets_the_active_one_go_on),
        cmocka_unit_test(an_active_one_that_dies_in_the_switch_is_followed),
        cmocka_unit_test(a_start_from_disk_replaces_the_warm_one),
        cmocka_unit_test(what_is_active_at_the_start_needs_no_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
