// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/lifecycle.h"

#include "tests/unit.h"

enum { MINUTE_S = 60, HOUR_S = 3600 };

/* A host, its time, and what the last step said. */
struct story {
    struct lifecycle_policy policy;
    struct lifecycle state;
    struct lifecycle_actions actions;
    struct steady_time now;
};

static struct story new_host(void)
{
    struct story story = {.policy = lifecycle_policy_default(), .now = {1000}};
    lifecycle_init(&story.state, 7, 0);
    return story;
}

static struct release_name named(uint64_t version)
{
    struct release_name name = {{0}};
    for (size_t i = 0; i < 8; i++)
        name.bytes[i] = (uint8_t)(version >> (8 * i));
    name.bytes[15] = 1;
    return name;
}

static void tell_all(struct story *story, const struct lifecycle_event *event)
{
    lifecycle_step(&story->policy, &story->state, event, story->now, &story->actions);
    assert_true(lifecycle_is_sound(&story->state));
}

static void tell(struct story *story, enum lifecycle_event_type type, uint64_t version)
{
    const struct lifecycle_event event = {
        .type = type, .release = named(version), .version = version};
    tell_all(story, &event);
}

static void break_down(struct story *story, uint64_t version, enum lifecycle_failure failure)
{
    const struct lifecycle_event event = {
        .type = LIFECYCLE_EVENT_FAILED, .release = named(version), .failure = failure};
    tell_all(story, &event);
}

static void pass(struct story *story, uint32_t seconds)
{
    story->now = steady_after(story->now, seconds);
    tell(story, LIFECYCLE_EVENT_TICK, 0);
}

static bool says(const struct story *story, enum lifecycle_action action)
{
    return (story->actions.todo >> action & 1u) != 0;
}

static enum lifecycle_state state_of(const struct story *story, uint64_t version)
{
    const struct lifecycle_release *release = lifecycle_find(&story->state, named(version));
    return release != NULL ? (enum lifecycle_state)release->state : LIFECYCLE_FREE;
}

/* 0: the factory set. */
static uint64_t runs(const struct story *story)
{
    const struct lifecycle_release *running = lifecycle_running(&story->state);
    return running != NULL ? running->version : 0;
}

static void into_trial(struct story *story, uint64_t version)
{
    tell(story, LIFECYCLE_EVENT_OFFERED, version);
    tell(story, LIFECYCLE_EVENT_ADMIT, version);
    pass(story, 1);
    assert_int_equal(state_of(story, version), LIFECYCLE_TRIAL);
}

static void into_probation(struct story *story, uint64_t version)
{
    into_trial(story, version);
    tell(story, LIFECYCLE_EVENT_TRIAL_PASSED, version);
    tell(story, LIFECYCLE_EVENT_SHADOW_PASSED, version);
    assert_int_equal(state_of(story, version), LIFECYCLE_PROBATION);
}

static void make_good(struct story *story, uint64_t version)
{
    into_probation(story, version);
    pass(story, story->policy.bake_s);
    tell(story, LIFECYCLE_EVENT_DISK_STARTED, version);
    assert_int_equal(state_of(story, version), LIFECYCLE_GOOD);
    pass(story, DAY_S);
}

static void again_into_trial(struct story *story, uint64_t version)
{
    pass(story, WEEK_S);
    assert_int_equal(state_of(story, version), LIFECYCLE_VERIFIED);
    tell(story, LIFECYCLE_EVENT_ADMIT, version);
    pass(story, 1);
    assert_int_equal(state_of(story, version), LIFECYCLE_TRIAL);
}

static void a_release_walks_the_whole_road(void **state)
{
    (void)state;
    struct story story = new_host();
    assert_int_equal(runs(&story), 0);
    tell(&story, LIFECYCLE_EVENT_OFFERED, 5);
    assert_true(says(&story, LIFECYCLE_ACTION_SAVE));
    pass(&story, 10);
    assert_int_equal(state_of(&story, 5), LIFECYCLE_VERIFIED); /* nobody admitted it */
    tell(&story, LIFECYCLE_EVENT_ADMIT, 5);
    pass(&story, 1);
    assert_true(says(&story, LIFECYCLE_ACTION_SAVE) && says(&story, LIFECYCLE_ACTION_STAGE)
                && says(&story, LIFECYCLE_ACTION_START_TRIAL));
    assert_true(release_name_equal(story.actions.subject, named(5)));
    tell(&story, LIFECYCLE_EVENT_TRIAL_PASSED, 5);
    assert_true(says(&story, LIFECYCLE_ACTION_START_SHADOW));
    assert_int_equal(runs(&story), 0);
    tell(&story, LIFECYCLE_EVENT_SHADOW_PASSED, 5);
    assert_true(says(&story, LIFECYCLE_ACTION_ACTIVATE));
    assert_true(release_name_equal(story.actions.running, named(5)));
    assert_true(release_name_is_factory(story.actions.fallback));
    assert_int_equal(lifecycle_enforcement(&story.state), LIFECYCLE_ENFORCE_CUT);
    tell(&story, LIFECYCLE_EVENT_DISK_STARTED, 5); /* too early: nobody asked */
    assert_int_equal(state_of(&story, 5), LIFECYCLE_PROBATION);
    pass(&story, story.policy.bake_s);
    assert_true(says(&story, LIFECYCLE_ACTION_START_FROM_DISK));
    pass(&story, 1);
    assert_false(says(&story, LIFECYCLE_ACTION_START_FROM_DISK)); /* once */
    assert_int_equal(state_of(&story, 5), LIFECYCLE_PROBATION);
    tell(&story, LIFECYCLE_EVENT_DISK_STARTED, 5);
    assert_true(says(&story, LIFECYCLE_ACTION_SETTLE));
    assert_int_equal(state_of(&story, 5), LIFECYCLE_GOOD);
    assert_int_equal(lifecycle_enforcement(&story.state), LIFECYCLE_ENFORCE_FULL);
}

static void a_failure_in_probation_goes_back_to_the_last_good(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 5);
    into_probation(&story, 6);
    assert_true(release_name_equal(story.actions.fallback, named(5)));
    break_down(&story, 6, LIFECYCLE_FAILURE_CRASH);
    assert_int_equal(state_of(&story, 6), LIFECYCLE_ROLLED_BACK);
    assert_int_equal(runs(&story), 5);
    assert_true(says(&story, LIFECYCLE_ACTION_ACTIVATE));
    /* It does not come back before its time, however often it is offered. */
    for (unsigned i = 0; i < 59; i++) {
        tell(&story, LIFECYCLE_EVENT_OFFERED, 6);
        tell(&story, LIFECYCLE_EVENT_ADMIT, 6);
        pass(&story, MINUTE_S);
        assert_int_equal(state_of(&story, 6), LIFECYCLE_ROLLED_BACK);
    }
}

static void only_a_failure_seen_again_in_a_trial_bars(void **state)
{
    (void)state;
    struct story story = new_host();
    into_probation(&story, 6);
    break_down(&story, 6, LIFECYCLE_FAILURE_CRASH);
    again_into_trial(&story, 6);
    break_down(&story, 6, LIFECYCLE_FAILURE_CRASH);
    assert_int_equal(state_of(&story, 6), LIFECYCLE_BARRED);
    pass(&story, WEEK_S);
    pass(&story, WEEK_S);
    assert_int_equal(state_of(&story, 6), LIFECYCLE_BARRED);
    /* Another engine may have it again; the same version does not lift it. */
    struct lifecycle_event event = {.type = LIFECYCLE_EVENT_ENGINE_CHANGED, .engine = 7};
    tell_all(&story, &event);
    assert_int_equal(state_of(&story, 6), LIFECYCLE_BARRED);
    event.engine = 8;
    tell_all(&story, &event);
    assert_int_equal(state_of(&story, 6), LIFECYCLE_VERIFIED);
    /* Different failures bar nothing. */
    story = new_host();
    into_trial(&story, 3);
    break_down(&story, 3, LIFECYCLE_FAILURE_CRASH);
    again_into_trial(&story, 3);
    break_down(&story, 3, LIFECYCLE_FAILURE_HANG);
    assert_int_equal(state_of(&story, 3), LIFECYCLE_REJECTED);
}

static void the_back_off_doubles(void **state)
{
    (void)state;
    struct story story = new_host();
    const enum lifecycle_failure failures[] = {LIFECYCLE_FAILURE_EXCESS, LIFECYCLE_FAILURE_DISK};
    uint32_t previous_s = 0;
    into_trial(&story, 3);
    for (unsigned i = 0; i < 12; i++) {
        break_down(&story, 3, failures[i % 2]);
        uint32_t waited_s = 0;
        while (state_of(&story, 3) == LIFECYCLE_REJECTED) {
            const struct lifecycle_release *release = lifecycle_find(&story.state, named(3));
            struct waits waits = lifecycle_waits(&story.policy, &story.state, release, story.now);
            assert_int_equal(waits.reasons, 1u << WAIT_BACK_OFF);
            uint32_t step_s = waits.earliest.s - story.now.s;
            waited_s += step_s;
            pass(&story, step_s);
        }
        assert_true(waited_s == 2 * previous_s || previous_s == 0 || waited_s == WEEK_S);
        previous_s = waited_s;
        tell(&story, LIFECYCLE_EVENT_ADMIT, 3);
        pass(&story, 1);
    }
    assert_int_equal(previous_s, WEEK_S);
}

static void one_slow_trial_is_no_failure(void **state)
{
    (void)state;
    struct story story = new_host();
    into_trial(&story, 3);
    pass(&story, story.policy.trial_max_s);
    assert_true(says(&story, LIFECYCLE_ACTION_STOP_TRIAL));
    const struct lifecycle_release *release = lifecycle_find(&story.state, named(3));
    assert_int_equal(release->state, LIFECYCLE_ADMITTED);
    assert_int_equal(release->failure, LIFECYCLE_FAILURE_NONE);
    pass(&story, HOUR_S - 1);
    assert_int_equal(state_of(&story, 3), LIFECYCLE_ADMITTED);
    pass(&story, 1);
    assert_int_equal(state_of(&story, 3), LIFECYCLE_TRIAL);
}

static void pressure_never_throws_content_out(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 5);
    into_probation(&story, 6);
    tell(&story, LIFECYCLE_EVENT_STORM_BEGAN, 0);
    tell(&story, LIFECYCLE_EVENT_MEMORY_SHORT, 0);
    break_down(&story, 6, LIFECYCLE_FAILURE_MEMORY);
    break_down(&story, 6, LIFECYCLE_FAILURE_CPU);
    break_down(&story, 6, LIFECYCLE_FAILURE_LAG);
    break_down(&story, 6, LIFECYCLE_FAILURE_EXCESS);
    assert_int_equal(runs(&story), 6);
    assert_int_equal(lifecycle_enforcement(&story.state), LIFECYCLE_ENFORCE_CUT);
    break_down(&story, 6, LIFECYCLE_FAILURE_CRASH); /* pressure explains no crash */
    assert_int_equal(runs(&story), 5);
    /* No trial while memory is short; the one that runs gives it back. */
    tell(&story, LIFECYCLE_EVENT_OFFERED, 7);
    tell(&story, LIFECYCLE_EVENT_ADMIT, 7);
    pass(&story, HOUR_S);
    assert_int_equal(state_of(&story, 7), LIFECYCLE_ADMITTED);
    tell(&story, LIFECYCLE_EVENT_MEMORY_EASED, 0);
    pass(&story, 1);
    assert_int_equal(state_of(&story, 7), LIFECYCLE_TRIAL);
    tell(&story, LIFECYCLE_EVENT_MEMORY_SHORT, 0);
    assert_true(says(&story, LIFECYCLE_ACTION_STOP_TRIAL));
}

static void three_goods_and_the_factory_are_kept(void **state)
{
    (void)state;
    struct story story = new_host();
    for (uint64_t version = 1; version <= 5; version++)
        make_good(&story, version);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_FREE);
    for (uint64_t version = 5; version >= 3; version--) {
        assert_int_equal(runs(&story), version);
        break_down(&story, version, LIFECYCLE_FAILURE_CRASH);
    }
    assert_int_equal(runs(&story), 0);
    assert_true(release_name_is_factory(story.actions.running));
}

static void old_versions_never_become_active(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 5);
    tell(&story, LIFECYCLE_EVENT_OFFERED, 4);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_NOT_NEWER);
    const struct lifecycle_event twin = {
        .type = LIFECYCLE_EVENT_OFFERED, .release = named(99), .version = 5};
    tell_all(&story, &twin);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_OTHER_DIGEST);
    const struct lifecycle_event factory = {.type = LIFECYCLE_EVENT_OFFERED, .version = 9};
    tell_all(&story, &factory);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_UNKNOWN);
}

static void a_stolen_version_number_does_not_lock_the_host(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 5);
    into_probation(&story, UINT64_MAX);
    break_down(&story, UINT64_MAX, LIFECYCLE_FAILURE_CRASH);
    tell(&story, LIFECYCLE_EVENT_OFFERED, 6);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_NOT_NEWER);
    tell(&story, LIFECYCLE_EVENT_ANCHORS_CHANGED, 0);
    tell(&story, LIFECYCLE_EVENT_OFFERED, 6);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_NONE);
    tell(&story, LIFECYCLE_EVENT_OFFERED, 5);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_NO_EFFECT); /* it is good */
}

static void switches_per_day_are_bounded_and_ways_back_are_free(void **state)
{
    (void)state;
    struct story story = new_host();
    uint64_t version = 1;
    for (; version <= story.policy.switches_per_day; version++) {
        into_probation(&story, version);
        break_down(&story, version, LIFECYCLE_FAILURE_CRASH);
    }
    struct steady_time first = story.state.switches[0];
    tell(&story, LIFECYCLE_EVENT_OFFERED, version);
    tell(&story, LIFECYCLE_EVENT_ADMIT, version);
    pass(&story, 1);
    const struct lifecycle_release *release = lifecycle_find(&story.state, named(version));
    struct waits waits = lifecycle_waits(&story.policy, &story.state, release, story.now);
    assert_int_equal(waits.reasons, 1u << WAIT_SWITCHES);
    assert_true(waits.is_time_known);
    assert_int_equal(waits.earliest.s, first.s + DAY_S);
    pass(&story, waits.earliest.s - story.now.s - 1);
    assert_int_equal(state_of(&story, version), LIFECYCLE_ADMITTED);
    pass(&story, 1);
    assert_int_equal(state_of(&story, version), LIFECYCLE_TRIAL);
}

static void fast_publishing_starves_nobody(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 1);
    make_good(&story, 2);
    make_good(&story, 3);
    struct steady_time first_seen = story.now;
    for (uint64_t version = 10; version < 40; version++) {
        tell(&story, LIFECYCLE_EVENT_OFFERED, version);
        assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_NONE);
        pass(&story, HOUR_S);
    }
    const struct lifecycle_release *oldest = lifecycle_find(&story.state, named(10));
    assert_non_null(oldest);
    assert_int_equal(oldest->first_seen.s, first_seen.s);
    assert_int_equal(state_of(&story, 39), LIFECYCLE_VERIFIED); /* and the newest is known */
    /* Older than the newest that waits: it would only push it out. */
    tell(&story, LIFECYCLE_EVENT_OFFERED, 20);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_FULL);
}

static void an_urgent_release_overtakes(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 1);
    into_probation(&story, 2);
    const struct lifecycle_event urgent = {.type = LIFECYCLE_EVENT_OFFERED,
                                           .release = named(4), .version = 4, .is_urgent = true};
    tell(&story, LIFECYCLE_EVENT_OFFERED, 3);
    tell(&story, LIFECYCLE_EVENT_ADMIT, 3);
    assert_int_equal(story.actions.refusal, LIFECYCLE_REFUSAL_NO_EFFECT);
    tell_all(&story, &urgent);
    tell(&story, LIFECYCLE_EVENT_ADMIT, 4);
    pass(&story, 1);
    tell(&story, LIFECYCLE_EVENT_TRIAL_PASSED, 4);
    tell(&story, LIFECYCLE_EVENT_SHADOW_PASSED, 4);
    assert_int_equal(runs(&story), 4);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_FREE); /* never good: never gone back to */
    assert_int_equal(state_of(&story, 3), LIFECYCLE_FREE);
    assert_true(release_name_equal(story.actions.fallback, named(1)));
    assert_true(says(&story, LIFECYCLE_ACTION_SWEEP));
}

static void what_cannot_be_tried_here_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct story story = new_host();
    into_trial(&story, 2);
    tell(&story, LIFECYCLE_EVENT_ENVIRONMENT, 2);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_ADMITTED);
    into_trial(&story, 3); /* goes first */
    assert_int_equal(state_of(&story, 2), LIFECYCLE_VERIFIED);
    tell(&story, LIFECYCLE_EVENT_REFUSE, 3);
    tell(&story, LIFECYCLE_EVENT_ADMIT, 2);
    pass(&story, 60);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_ADMITTED); /* its back-off is not forgotten */
    pass(&story, HOUR_S);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_TRIAL);
}

static void a_refused_release_waits_again_with_its_age(void **state)
{
    (void)state;
    struct story story = new_host();
    into_trial(&story, 2);
    struct steady_time first_seen = lifecycle_find(&story.state, named(2))->first_seen;
    tell(&story, LIFECYCLE_EVENT_REFUSE, 2); /* halted meanwhile */
    assert_true(says(&story, LIFECYCLE_ACTION_STOP_TRIAL));
    assert_int_equal(state_of(&story, 2), LIFECYCLE_VERIFIED);
    assert_int_equal(lifecycle_find(&story.state, named(2))->first_seen.s, first_seen.s);
    /* What is active is not stopped by one partner's halt, but by a recall. */
    story = new_host();
    into_probation(&story, 2);
    tell(&story, LIFECYCLE_EVENT_REFUSE, 2);
    assert_int_equal(runs(&story), 2);
    tell(&story, LIFECYCLE_EVENT_RECALL, 2);
    assert_int_equal(runs(&story), 0);
}

static void what_the_administrator_took_back_stays_back(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 2);
    tell(&story, LIFECYCLE_EVENT_WITHDRAW, 2);
    for (unsigned week = 0; week < 10; week++)
        pass(&story, WEEK_S);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_ROLLED_BACK);
    tell(&story, LIFECYCLE_EVENT_ALLOW, 2);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_VERIFIED);
}

static void starts_bring_everything_back_to_where_the_state_is(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 1);
    into_trial(&story, 2);
    tell(&story, LIFECYCLE_EVENT_STARTED, 0);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_ADMITTED);
    assert_true(says(&story, LIFECYCLE_ACTION_ACTIVATE));
    assert_true(release_name_equal(story.actions.running, named(1)));
    story = new_host();
    make_good(&story, 1);
    into_probation(&story, 2);
    pass(&story, story.policy.bake_s);
    tell(&story, LIFECYCLE_EVENT_STARTED, 0);
    assert_int_equal(runs(&story), 2);
    pass(&story, 1);
    assert_true(says(&story, LIFECYCLE_ACTION_START_FROM_DISK)); /* asked again */
    tell(&story, LIFECYCLE_EVENT_STARTED_BADLY, 0);
    assert_int_equal(runs(&story), 1);
    assert_int_equal(lifecycle_find(&story.state, named(2))->failure, LIFECYCLE_FAILURE_BOOT);
}

static void two_power_cuts_bar_nothing_but_three_panics_do(void **state)
{
    (void)state;
    struct story story = new_host();
    into_trial(&story, 2);
    for (unsigned i = 0; i < 2; i++) {
        tell(&story, LIFECYCLE_EVENT_STARTED_BADLY, 0);
        assert_int_equal(state_of(&story, 2), LIFECYCLE_REJECTED);
        again_into_trial(&story, 2);
    }
    tell(&story, LIFECYCLE_EVENT_STARTED_BADLY, 0);
    assert_int_equal(state_of(&story, 2), LIFECYCLE_BARRED);
}

static void the_state_survives_its_encoding(void **state)
{
    (void)state;
    struct story story = new_host();
    make_good(&story, 1);
    into_probation(&story, 2);
    uint8_t data[LIFECYCLE_ENCODED_MAX];
    struct writer writer = writer_of(data, sizeof data);
    assert_ok(lifecycle_encode(&story.state, &writer));
    struct reader reader = reader_of(data, writer.at);
    struct lifecycle decoded;
    assert_ok(lifecycle_decode(&reader, &decoded));
    assert_ok(reader_end(&reader));
    assert_memory_equal(&decoded, &story.state, sizeof decoded);
    for (size_t size = 0; size < writer.at; size++) {
        reader = reader_of(data, size);
        assert_error(lifecycle_decode(&reader, &decoded), ERROR_FORMAT);
    }
    data[4]++; /* a later version's */
    reader = reader_of(data, writer.at);
    assert_error(lifecycle_decode(&reader, &decoded), ERROR_UNSUPPORTED);
}

static void the_state_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct lifecycle_release) == 40);
    assert_true(sizeof(struct lifecycle) <= 376);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_walks_the_whole_road),
        cmocka_unit_test(a_failure_in_probation_goes_back_to_the_last_good),
        cmocka_unit_test(only_a_failure_seen_again_in_a_trial_bars),
        cmocka_unit_test(the_back_off_doubles),
        cmocka_unit_test(one_slow_trial_is_no_failure),
        cmocka_unit_test(pressure_never_throws_content_out),
        cmocka_unit_test(three_goods_and_the_factory_are_kept),
        cmocka_unit_test(old_versions_never_become_active),
        cmocka_unit_test(a_stolen_version_number_does_not_lock_the_host),
        cmocka_unit_test(switches_per_day_are_bounded_and_ways_back_are_free),
        cmocka_unit_test(fast_publishing_starves_nobody),
        cmocka_unit_test(an_urgent_release_overtakes),
        cmocka_unit_test(what_cannot_be_tried_here_keeps_nobody_waiting),
        cmocka_unit_test(a_refused_release_waits_again_with_its_age),
        cmocka_unit_test(what_the_administrator_took_back_stays_back),
        cmocka_unit_test(starts_bring_everything_back_to_where_the_state_is),
        cmocka_unit_test(two_power_cuts_bar_nothing_but_three_panics_do),
        cmocka_unit_test(the_state_survives_its_encoding),
        cmocka_unit_test(the_state_is_small),
    };
    return unit_run("update/lifecycle", tests);
}
