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
    const struct supervision_event event = {type, role, value, in_flight};
    supervision_step(&story->supervision, &event, story->now_ms * NS_PER_MS, &story->actions);
}

static void pass(struct story *story, uint64_t milliseconds)
{
    story->now_ms += milliseconds;
    tell(story, SUPERVISION_TICK, ROLE_supervisor, 0, 0);
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
    tell(&story, SUPERVISION_LOOK, ROLE_engine, 77, 0);
    tell(&story, SUPERVISION_BEAT, ROLE_engine, 0, 0);
    pass(&story, 1900);
    assert_false(story.actions.kill[ROLE_engine]);
    pass(&story, 200);
    assert_true(story.actions.kill[ROLE_engine] && story.actions.is_hang[ROLE_engine]);
    pass(&story, 200);
    assert_false(story.actions.kill[ROLE_engine]);
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
    tell(&story, SUPERVISION_LOOK, ROLE_engine, 62, 0);
    pass(&story, 1900);
    assert_false(story.actions.kill[ROLE_engine]);
    pass(&story, 200);
    assert_true(story.actions.kill[ROLE_engine]);
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
        cmocka_unit_test(nothing_is_started_while_stopping),
    };
    return unit_run("agent/supervision", tests);
}
