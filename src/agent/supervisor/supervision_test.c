// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/supervision.h"

#include "base/clock.h"
#include "tests/unit.h"

/* A supervision and the time, moved by hand. */
struct story {
    struct supervision supervision;
    struct supervision_actions actions;
    uint64_t now_ms;
};

static void tell(struct story *story, enum supervision_event_type type, enum role role,
                 uint64_t value, uint64_t in_flight)
{
    const struct supervision_event event = {
        .type = type, .role = role, .value = value, .in_flight = in_flight};
    supervision_step(&story->supervision, &event, story->now_ms * NS_PER_MS, &story->actions);
}

static void pass(struct story *story, uint64_t milliseconds)
{
    story->now_ms += milliseconds;
    tell(story, SUPERVISION_TICK, ROLE_supervisor, 0, 0);
}

/* What is seen of the engine: the event in flight, and the computing time that it has used. */
static void look_at(struct story *story, uint64_t event, uint64_t cpu_ms)
{
    const struct supervision_event look = {.type = SUPERVISION_LOOK, .role = ROLE_engine,
                                           .value = event, .cpu_ns = cpu_ms * NS_PER_MS};
    supervision_step(&story->supervision, &look, story->now_ms * NS_PER_MS, &story->actions);
}

/* Everything is up and well for a minute. */
static struct story all_well(void)
{
    struct story story = {.now_ms = 1000};
    supervision_init(&story.supervision);
    pass(&story, 0);
    tell(&story, SUPERVISION_ENDED, ROLE_loader, 0, 0);
    const enum role roles[] = {ROLE_sensor, ROLE_engine, ROLE_control};
    for (size_t i = 0; i < 3; i++)
        tell(&story, SUPERVISION_READY, roles[i], 0, 0);
    for (unsigned second = 0; second < 60; second++) {
        for (size_t i = 0; i < 3; i++)
            tell(&story, SUPERVISION_BEAT, roles[i], 0, 0);
        pass(&story, 1000);
    }
    return story;
}

static void the_sensor_waits_for_the_loader(void **state)
{
    (void)state;
    struct story story = {.now_ms = 1000};
    supervision_init(&story.supervision);
    pass(&story, 0);
    assert_true(story.actions.start[ROLE_loader] && story.actions.start[ROLE_engine]);
    assert_false(story.actions.start[ROLE_sensor]);
    pass(&story, 300);
    assert_false(story.actions.start[ROLE_loader]); /* once */
    tell(&story, SUPERVISION_ENDED, ROLE_loader, 0, 0);
    assert_true(story.actions.start[ROLE_sensor]);
}

static void a_failed_loader_is_tried_again_and_nothing_else_stops(void **state)
{
    (void)state;
    struct story story = {.now_ms = 1000};
    supervision_init(&story.supervision);
    pass(&story, 0);
    tell(&story, SUPERVISION_ENDED, ROLE_loader, 256, 0);
    tell(&story, SUPERVISION_READY, ROLE_engine, 0, 0);
    assert_false(story.actions.start[ROLE_sensor]);
    assert_int_equal(story.supervision.children[ROLE_engine].state, CHILD_RUNNING);
    pass(&story, 60001);
    assert_true(story.actions.start[ROLE_loader]);
}

static void a_killed_child_is_back_at_once_however_often(void **state)
{
    (void)state;
    struct story story = all_well();
    for (unsigned i = 0; i < 50; i++) {
        story.now_ms += 600;
        tell(&story, SUPERVISION_ENDED, ROLE_engine, 9, i + 1);
        assert_true(story.actions.start[ROLE_engine]);
        assert_int_equal(story.actions.skip_event, 0);
        tell(&story, SUPERVISION_READY, ROLE_engine, 0, 0);
    }
    assert_int_equal(story.supervision.children[ROLE_engine].restarts, 50);
}

static void a_child_that_dies_at_once_is_started_ever_more_slowly(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_ENDED, ROLE_control, 9, 0);
    uint64_t previous_ms = 0;
    for (unsigned i = 0; i < 12; i++) {
        tell(&story, SUPERVISION_ENDED, ROLE_control, 9, 0);
        uint64_t delay_ms = story.actions.restart_delay_ms[ROLE_control];
        assert_true(delay_ms > previous_ms || delay_ms == 10000);
        previous_ms = delay_ms;
        pass(&story, delay_ms);
        assert_true(story.actions.start[ROLE_control]);
    }
    assert_int_equal(previous_ms, 10000);
    /* Calm brings it back to an immediate start. */
    tell(&story, SUPERVISION_READY, ROLE_control, 0, 0);
    pass(&story, 5000);
    tell(&story, SUPERVISION_ENDED, ROLE_control, 9, 0);
    assert_int_equal(story.actions.restart_delay_ms[ROLE_control], 0);
}

static void an_event_that_kills_two_engines_is_skipped(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_ENDED, ROLE_engine, 11, 1234);
    assert_int_equal(story.actions.skip_event, 0);
    tell(&story, SUPERVISION_READY, ROLE_engine, 0, 0);
    tell(&story, SUPERVISION_ENDED, ROLE_engine, 11, 1234);
    assert_int_equal(story.actions.skip_event, 1234);
    assert_int_equal(story.supervision.events_skipped, 1);
}

static void deaths_on_different_events_skip_nothing(void **state)
{
    (void)state;
    struct story story = all_well();
    for (uint64_t i = 1; i < 20; i++) {
        tell(&story, SUPERVISION_ENDED, ROLE_engine, 11, i);
        assert_int_equal(story.actions.skip_event, 0);
    }
}

static void an_engine_that_sits_on_one_event_is_killed_once(void **state)
{
    (void)state;
    struct story story = all_well();
    look_at(&story, 77, 100);
    tell(&story, SUPERVISION_BEAT, ROLE_engine, 0, 0);
    pass(&story, 1900);
    look_at(&story, 77, 1600);
    assert_false(story.actions.kill[ROLE_engine]);
    pass(&story, 200);
    assert_int_equal(story.actions.kill[ROLE_engine], KILL_HUNG);
    pass(&story, 200);
    assert_false(story.actions.kill[ROLE_engine]);
    /* One that gets no processor is given more time. */
    story = all_well();
    look_at(&story, 77, 100);
    for (uint64_t second = 1; second < 10; second++) {
        pass(&story, 1000);
        tell(&story, SUPERVISION_BEAT, ROLE_engine, 0, 0);
        look_at(&story, 77, 100 + second * 50);
        assert_false(story.actions.kill[ROLE_engine]);
    }
    pass(&story, 1100);
    assert_int_equal(story.actions.kill[ROLE_engine], KILL_HUNG);
    /* Progress is no hang. */
    story = all_well();
    for (uint64_t event = 1; event < 100; event++) {
        tell(&story, SUPERVISION_LOOK, ROLE_engine, event, 0);
        tell(&story, SUPERVISION_BEAT, ROLE_engine, 0, 0);
        pass(&story, 1000);
        assert_false(story.actions.kill[ROLE_engine]);
    }
}

static void a_silent_child_is_killed(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_BEAT, ROLE_engine, 0, 0);
    tell(&story, SUPERVISION_BEAT, ROLE_control, 0, 0);
    pass(&story, 9000);
    tell(&story, SUPERVISION_BEAT, ROLE_engine, 0, 0);
    tell(&story, SUPERVISION_BEAT, ROLE_control, 0, 0);
    pass(&story, 1500);
    assert_true(story.actions.kill[ROLE_sensor]);
    assert_false(story.actions.kill[ROLE_engine] || story.actions.kill[ROLE_control]);
}

static void rules_that_kill_two_engines_while_loading_are_dropped(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_LOADING, ROLE_engine, 5, 0);
    tell(&story, SUPERVISION_ENDED, ROLE_engine, 11, 0);
    assert_false(story.actions.drop_rules);
    tell(&story, SUPERVISION_LOADING, ROLE_engine, 5, 0);
    tell(&story, SUPERVISION_ENDED, ROLE_engine, 11, 0);
    assert_true(story.actions.drop_rules);
    /* A long load is no hang before its own limit. */
    story = all_well();
    tell(&story, SUPERVISION_LOADING, ROLE_engine, 6, 0);
    tell(&story, SUPERVISION_BEAT, ROLE_sensor, 0, 0);
    pass(&story, 20000);
    assert_false(story.actions.kill[ROLE_engine]);
    pass(&story, 45000);
    assert_true(story.actions.kill[ROLE_engine]);
}

static void an_engine_that_has_just_loaded_gets_its_time(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_LOOK, ROLE_engine, 62, 0); /* left by the one before it */
    tell(&story, SUPERVISION_LOADING, ROLE_engine, 7, 0);
    pass(&story, 19000);
    tell(&story, SUPERVISION_LOADED, ROLE_engine, 7, 0);
    assert_false(story.actions.kill[ROLE_engine]);
    look_at(&story, 62, 0);
    pass(&story, 1900);
    look_at(&story, 62, 1500);
    assert_false(story.actions.kill[ROLE_engine]);
    pass(&story, 200);
    assert_true(story.actions.kill[ROLE_engine]);
}

/* What the supervisor sees of an engine that works on rule `rule` (0: none) of event `event`. */
static struct supervision_event seen(enum supervision_event_type type, uint64_t value,
                                     uint64_t event, uint8_t rule, uint64_t cpu_ms)
{
    return (struct supervision_event){
        .type = type, .role = ROLE_engine, .value = value, .in_flight = event,
        .has_rule = rule != 0, .rule = {{rule}}, .cpu_ns = cpu_ms * NS_PER_MS};
}

static void show(struct story *story, struct supervision_event event)
{
    supervision_step(&story->supervision, &event, story->now_ms * NS_PER_MS, &story->actions);
}

static void a_rule_in_which_an_engine_crashes_is_switched_off(void **state)
{
    (void)state;
    struct story story = all_well();
    show(&story, seen(SUPERVISION_ENDED, 11, 500, 7, 0));
    assert_true(story.actions.is_rule_off);
    assert_int_equal(story.actions.rule.bytes[0], 7);
    assert_int_equal(breaker_off_count(&story.supervision.breaker), 1);
    /* The event is judged again, and by the rules that are left. */
    assert_int_equal(story.actions.skip_event, 0);
    tell(&story, SUPERVISION_READY, ROLE_engine, 0, 0);
    show(&story, seen(SUPERVISION_ENDED, 6, 500, 8, 0));
    assert_int_equal(story.actions.rule.bytes[0], 8);
    assert_int_equal(story.actions.skip_event, 0);
}

static void what_kills_from_outside_is_no_rules_fault(void **state)
{
    (void)state;
    struct story story = all_well();
    for (uint8_t i = 1; i < 20; i++) {
        show(&story, seen(SUPERVISION_ENDED, 9, i, 7, 0)); /* SIGKILL, each time elsewhere */
        assert_false(story.actions.is_rule_off);
    }
    /* Twice in the same rule on the same event: that is how the kernel ends who eats memory. */
    show(&story, seen(SUPERVISION_ENDED, 9, 19, 7, 0));
    assert_true(story.actions.is_rule_off);
    assert_int_equal(story.actions.skip_event, 0);
}

static void a_rule_that_takes_computing_time_without_end_is_switched_off(void **state)
{
    (void)state;
    struct story story = all_well();
    show(&story, seen(SUPERVISION_LOOK, 500, 0, 7, 1000));
    assert_int_equal(supervision_wait_ms(&story.supervision, story.now_ms * NS_PER_MS), 50);
    story.now_ms += 900; /* much time, but it was kept from running */
    show(&story, seen(SUPERVISION_LOOK, 500, 0, 7, 1090));
    assert_int_equal(story.actions.kill[ROLE_engine], KILL_NONE);
    show(&story, seen(SUPERVISION_LOOK, 500, 0, 7, 1110));
    assert_int_equal(story.actions.kill[ROLE_engine], KILL_HUNG);
    show(&story, seen(SUPERVISION_ENDED, 9, 500, 7, 1120));
    assert_true(story.actions.is_rule_off);
    /* Another rule, or another event, is progress. */
    story = all_well();
    for (unsigned i = 1; i < 100; i++) {
        show(&story, seen(SUPERVISION_LOOK, 500 + i / 50, 0, (uint8_t)(1 + i % 50), 99 * i));
        assert_int_equal(story.actions.kill[ROLE_engine], KILL_NONE);
    }
}

static void a_rule_of_the_old_set_is_no_fault_of_the_new_one(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_LOADING, ROLE_engine, 5, 0); /* sent, not yet read */
    for (uint8_t i = 1; i < 4; i++) {
        show(&story, seen(SUPERVISION_ENDED, 11, 500, i, 0));
        assert_true(story.actions.is_rule_off);
        assert_false(story.actions.drop_rules);
    }
}

static void a_rule_is_tried_again_and_stays_off_for_longer_each_time(void **state)
{
    (void)state;
    struct story story = all_well();
    uint64_t off_ms = BREAKER_FIRST_MS;
    for (unsigned i = 0; i < 10; i++) {
        show(&story, seen(SUPERVISION_ENDED, 11, 500 + i, 7, 0));
        assert_true(story.actions.is_rule_off);
        pass(&story, off_ms - 1);
        assert_false(story.actions.is_rule_on);
        pass(&story, 1);
        assert_true(story.actions.is_rule_on);
        assert_int_equal(breaker_off_count(&story.supervision.breaker), 0);
        off_ms = 2 * off_ms < BREAKER_LAST_MS ? 2 * off_ms : BREAKER_LAST_MS;
    }
    assert_int_equal(off_ms, BREAKER_LAST_MS);
    pass(&story, BREAKER_CALM_MS + 1); /* well for a day: it begins anew */
    show(&story, seen(SUPERVISION_ENDED, 11, 600, 7, 0));
    pass(&story, BREAKER_FIRST_MS);
    assert_true(story.actions.is_rule_on);
}

static void with_too_many_rules_off_the_event_goes(void **state)
{
    (void)state;
    struct story story = all_well();
    for (unsigned i = 1; i <= LIMIT_RULES_OFF; i++) {
        show(&story, seen(SUPERVISION_ENDED, 11, 500, (uint8_t)i, 0));
        assert_true(story.actions.is_rule_off);
    }
    show(&story, seen(SUPERVISION_ENDED, 11, 500, 200, 0));
    assert_false(story.actions.is_rule_off);
    show(&story, seen(SUPERVISION_ENDED, 11, 500, 200, 0));
    assert_int_equal(story.actions.skip_event, 500);
}

static void nothing_is_started_while_stopping(void **state)
{
    (void)state;
    struct story story = all_well();
    tell(&story, SUPERVISION_STOP, ROLE_supervisor, 0, 0);
    tell(&story, SUPERVISION_ENDED, ROLE_engine, 0, 0);
    pass(&story, 20000);
    for (size_t i = 0; i < ROLE_COUNT; i++)
        assert_false(story.actions.start[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sensor_waits_for_the_loader),
        cmocka_unit_test(a_failed_loader_is_tried_again_and_nothing_else_stops),
        cmocka_unit_test(a_killed_child_is_back_at_once_however_often),
        cmocka_unit_test(a_child_that_dies_at_once_is_started_ever_more_slowly),
        cmocka_unit_test(an_event_that_kills_two_engines_is_skipped),
        cmocka_unit_test(deaths_on_different_events_skip_nothing),
        cmocka_unit_test(an_engine_that_sits_on_one_event_is_killed_once),
        cmocka_unit_test(a_silent_child_is_killed),
        cmocka_unit_test(rules_that_kill_two_engines_while_loading_are_dropped),
        cmocka_unit_test(an_engine_that_has_just_loaded_gets_its_time),
        cmocka_unit_test(a_rule_in_which_an_engine_crashes_is_switched_off),
        cmocka_unit_test(what_kills_from_outside_is_no_rules_fault),
        cmocka_unit_test(a_rule_that_takes_computing_time_without_end_is_switched_off),
        cmocka_unit_test(a_rule_of_the_old_set_is_no_fault_of_the_new_one),
        cmocka_unit_test(a_rule_is_tried_again_and_stays_off_for_longer_each_time),
        cmocka_unit_test(with_too_many_rules_off_the_event_goes),
        cmocka_unit_test(nothing_is_started_while_stopping),
    };
    return unit_run("agent/supervision", tests);
}
