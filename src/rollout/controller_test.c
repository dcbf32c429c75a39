// SPDX-License-Identifier: Apache-2.0
#include "rollout/controller.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "tests/unit.h"

#include <string.h>

enum { MINUTE_S = 60, HOUR_S = 60 * MINUTE_S, LOOK_S = 5 * MINUTE_S, START_S = 1000000 };

/* A rollout, what it answered last, and how often it has answered what. */
struct fixture {
    struct controller_policy policy;
    struct controller_stream stream;
    struct controller state;
    struct controller_actions actions;
    uint32_t now_s;
    unsigned did[CONTROLLER_ACTION_COUNT];
};

static const struct controller_plan PLAN = {
    .release = {{1}},
    .version = 42,
    .before = {{2}},
    .published_at = {START_S},
};

static void open_rollout(struct fixture *fixture)
{
    *fixture = (struct fixture){.policy = CONTROLLER_POLICY_DEFAULT, .now_s = START_S};
    fixture->policy.rings[0].age_s = 0; /* what is tested here begins with the first ring */
    assert_ok(controller_open(&fixture->stream, &PLAN, (struct steady_time){START_S},
                              &fixture->state, NULL));
}

static uint32_t step(struct fixture *fixture, const struct controller_event *event)
{
    struct lifecycle_time now = {{fixture->now_s}, {1700000000 + (uint64_t)fixture->now_s}};
    controller_step(&fixture->policy, &fixture->stream, &fixture->state, event, now,
                    &fixture->actions);
    for (unsigned i = 0; i < CONTROLLER_ACTION_COUNT; i++)
        fixture->did[i] += fixture->actions.todo >> i & 1;
    return fixture->actions.todo;
}

static bool did(const struct fixture *fixture, enum controller_action action)
{
    return (fixture->actions.todo >> action & 1) != 0;
}

static uint32_t says(struct fixture *fixture, const char *name, enum controller_event_type type)
{
    struct controller_event event = {.type = (uint8_t)type, .who = controller_person(name)};
    return step(fixture, &event);
}

static void approves(struct fixture *fixture, const char *name, uint8_t ring)
{
    struct controller_event event = {.type = CONTROLLER_EVENT_APPROVE, .ring = ring,
                                     .who = controller_person(name)};
    (void)step(fixture, &event);
}

static void asks_recall(struct fixture *fixture, uint8_t partner, const char *name)
{
    struct controller_event event = {.type = CONTROLLER_EVENT_RECALL,
                                     .who = controller_partner(partner, name)};
    (void)step(fixture, &event);
}

static void gate_says(struct fixture *fixture, uint8_t ring, enum controller_event_type type,
                      uint32_t bad_hosts)
{
    struct controller_event event = {
        .type = (uint8_t)type,
        .ring = ring,
        .who = {.by = CONTROLLER_BY_GATE},
        .verdict = {.metric = METRIC_COUNT, .hosts = 500, .bad_hosts = bad_hosts},
    };
    (void)step(fixture, &event);
}

static void passes(struct fixture *fixture)
{
    (void)step(fixture, &(struct controller_event){.type = CONTROLLER_EVENT_TICK});
}

/* Time in which every gate looks each five minutes and finds its ring healthy. */
static void all_well_for(struct fixture *fixture, uint32_t seconds)
{
    for (uint32_t end_s = fixture->now_s + seconds; fixture->now_s < end_s;) {
        fixture->now_s += LOOK_S;
        for (uint8_t ring = 0; fixture->state.is_begun && ring <= fixture->state.ring; ring++)
            gate_says(fixture, ring, CONTROLLER_EVENT_VERDICT_HEALTHY, 0);
        passes(fixture);
    }
}

static void started(struct fixture *fixture)
{
    open_rollout(fixture);
    (void)says(fixture, "ada", CONTROLLER_EVENT_START);
    passes(fixture);
    assert_true(did(fixture, CONTROLLER_ACTION_START_RING));
}

static uint64_t offers(const struct fixture *fixture, uint8_t ring)
{
    return controller_offers(&fixture->policy, &fixture->stream, &fixture->state, ring,
                             (struct steady_time){fixture->now_s});
}

static enum controller_wait waits(const struct fixture *fixture)
{
    return controller_waits(&fixture->policy, &fixture->stream, &fixture->state,
                            (struct steady_time){fixture->now_s});
}

static void a_good_release_reaches_everybody(void **state)
{
    (void)state;
    struct fixture fixture;
    open_rollout(&fixture);
    passes(&fixture);
    assert_int_equal(fixture.state.state, CONTROLLER_PLANNED);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_PERSON);
    started(&fixture);
    approves(&fixture, "grace", 1);
    all_well_for(&fixture, 5 * DAY_S);
    assert_int_equal(fixture.state.state, CONTROLLER_DONE);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_COMPLETE);
    assert_int_equal(fixture.did[CONTROLLER_ACTION_START_RING], 4);
    assert_int_equal(fixture.did[CONTROLLER_ACTION_PROMOTE], 3);
    assert_int_equal(fixture.did[CONTROLLER_ACTION_START_WAVE], 4 * 2);
    assert_int_equal(fixture.did[CONTROLLER_ACTION_ASK_APPROVAL], 0);
    assert_true(offers(&fixture, 3) == UINT64_MAX);
    assert_true(sizeof(struct controller) <= 3 * KIB);
    print_message("# a good release is everywhere after %u decisions; a rollout is %zu bytes\n",
                  fixture.state.decisions, sizeof(struct controller));
}

static void a_second_person_approves(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    all_well_for(&fixture, 2 * DAY_S);
    assert_int_equal(fixture.state.ring, 0);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_APPROVAL);
    assert_int_equal(fixture.did[CONTROLLER_ACTION_ASK_APPROVAL], 1);
    approves(&fixture, "ada", 1);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_SAME_PERSON);
    assert_true(fixture.actions.has_row);
    approves(&fixture, "grace", 2); /* another ring */
    passes(&fixture);
    assert_int_equal(fixture.state.ring, 0);
    approves(&fixture, "grace hopper", 1); /* a space: no name */
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_UNSOUND);
    approves(&fixture, "grace", 1);
    passes(&fixture);
    assert_true(did(&fixture, CONTROLLER_ACTION_PROMOTE));
    assert_true(did(&fixture, CONTROLLER_ACTION_START_RING));
    assert_int_equal(fixture.actions.row.ring, 1);
    assert_string_equal(fixture.actions.row.approved_by[0], "grace");
    assert_int_equal(fixture.actions.row.verdict.event, CONTROLLER_EVENT_VERDICT_HEALTHY);
    approves(&fixture, "linus", 1);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_TOO_LATE);
}

/* Found by random histories: an approval that comes before the start. */
static void who_approved_first_and_starts_it_is_one_person(void **state)
{
    (void)state;
    struct fixture fixture;
    open_rollout(&fixture);
    approves(&fixture, "ada", 1);
    approves(&fixture, "grace", 1);
    (void)says(&fixture, "ada", CONTROLLER_EVENT_START);
    assert_int_equal(fixture.state.rings[1].approval_count, 1);
    assert_string_equal(fixture.state.rings[1].approved_by[0], "grace");
}

static void nothing_shortens_the_age(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    approves(&fixture, "grace", 1);
    all_well_for(&fixture, DAY_S - LOOK_S);
    assert_int_equal(fixture.state.ring, 0);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_AGE);
    all_well_for(&fixture, LOOK_S);
    assert_int_equal(fixture.state.ring, 1);
}

static void a_gate_that_says_nothing_is_not_healthy(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    approves(&fixture, "grace", 1);
    all_well_for(&fixture, 30 * MINUTE_S);
    uint64_t before = offers(&fixture, 0);
    assert_true(before > 0);
    fixture.now_s += fixture.policy.verdict_fresh_s + 1;
    assert_true(offers(&fixture, 0) == 0);
    passes(&fixture);
    assert_true(did(&fixture, CONTROLLER_ACTION_SAY));
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_VERDICT);
    fixture.now_s += 10 * DAY_S;
    passes(&fixture);
    assert_int_equal(fixture.actions.todo, 0); /* said once */
    assert_int_equal(fixture.state.ring, 0);
    gate_says(&fixture, 0, CONTROLLER_EVENT_VERDICT_HEALTHY, 0);
    assert_true(offers(&fixture, 0) <= before); /* and goes on where it was */
    assert_true(offers(&fixture, 0) > 0);
}

static void a_breach_has_a_consequence(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    all_well_for(&fixture, HOUR_S);
    gate_says(&fixture, 0, CONTROLLER_EVENT_VERDICT_HALT, 1);
    assert_int_equal(fixture.state.state, CONTROLLER_PAUSED); /* one host halts nothing */
    assert_true(did(&fixture, CONTROLLER_ACTION_ASK_REVIEW));
    assert_true(offers(&fixture, 0) == 0);
    (void)says(&fixture, "ada", CONTROLLER_EVENT_RESUME);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_SAME_PERSON);
    (void)says(&fixture, "grace", CONTROLLER_EVENT_RESUME);
    assert_true(did(&fixture, CONTROLLER_ACTION_REVIEWED));
    gate_says(&fixture, 0, CONTROLLER_EVENT_VERDICT_HALT, 3);
    assert_int_equal(fixture.state.state, CONTROLLER_HALTED);
    assert_true(did(&fixture, CONTROLLER_ACTION_HALT));
    assert_true(offers(&fixture, 0) == 0);
    (void)says(&fixture, "grace", CONTROLLER_EVENT_RESUME);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_NO_EFFECT);
    all_well_for(&fixture, 10 * DAY_S);
    assert_int_equal(fixture.state.state, CONTROLLER_HALTED);
}

static void a_late_breach_halts_what_was_done(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    approves(&fixture, "grace", 1);
    all_well_for(&fixture, 5 * DAY_S);
    gate_says(&fixture, 2, CONTROLLER_EVENT_VERDICT_HALT, 3);
    assert_int_equal(fixture.state.state, CONTROLLER_HALTED);
    assert_true(offers(&fixture, 3) == 0);
}

static void what_is_held_goes_on_where_it_was(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    all_well_for(&fixture, 30 * MINUTE_S);
    uint64_t before = offers(&fixture, 0);
    struct controller_event freeze = {.type = CONTROLLER_EVENT_FREEZE, .window = 5,
                                      .who = {.by = CONTROLLER_BY_CALENDAR}};
    (void)step(&fixture, &freeze);
    assert_true(offers(&fixture, 0) == 0);
    unsigned waves = fixture.did[CONTROLLER_ACTION_START_WAVE];
    all_well_for(&fixture, 10 * DAY_S);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_FREEZE);
    assert_int_equal(fixture.did[CONTROLLER_ACTION_START_WAVE], waves);
    struct controller_event other = freeze, thaw = freeze;
    other.window = 6;
    (void)step(&fixture, &other);
    thaw.type = CONTROLLER_EVENT_THAW;
    (void)step(&fixture, &thaw);
    assert_true(offers(&fixture, 0) == 0); /* the other window holds */
    thaw.window = 6;
    (void)step(&fixture, &thaw);
    assert_true(offers(&fixture, 0) == before);
}

static void two_partners_recall(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    asks_recall(&fixture, 0, "vendor");
    assert_int_equal(fixture.state.state, CONTROLLER_HALTED);
    asks_recall(&fixture, 0, "vendor");
    assert_false(did(&fixture, CONTROLLER_ACTION_RECALL));
    (void)says(&fixture, "ada", CONTROLLER_EVENT_RECALL);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_NOT_ASKED);
    asks_recall(&fixture, 3, "regulator");
    assert_true(did(&fixture, CONTROLLER_ACTION_RECALL));
    assert_int_equal(fixture.state.state, CONTROLLER_RECALLED);
}

static void a_rollback_has_a_higher_version(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    (void)says(&fixture, "ada", CONTROLLER_EVENT_ROLLBACK);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_NOT_HALTED);
    (void)says(&fixture, "ada", CONTROLLER_EVENT_HALT);
    (void)says(&fixture, "ada", CONTROLLER_EVENT_ROLLBACK);
    assert_true(did(&fixture, CONTROLLER_ACTION_ROLLBACK));
    assert_int_equal(fixture.actions.row.version, 43);
    assert_true(release_name_equal(fixture.actions.row.restores, PLAN.before));
    struct explanation why;
    struct controller next;
    struct controller_plan plan = PLAN;
    plan.version = 43; /* promised to the rollback */
    assert_error(controller_open(&fixture.stream, &plan, (struct steady_time){0}, &next, &why),
                 ERROR_STATE);
    print_message("# %s\n", why.text);
    plan.restores = PLAN.before;
    assert_ok(controller_open(&fixture.stream, &plan, (struct steady_time){0}, &next, NULL));
    assert_error(controller_open(&fixture.stream, &plan, (struct steady_time){0}, &next, NULL),
                 ERROR_STATE);
}

static void flapping_freezes_everything(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    uint64_t before = offers(&fixture, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct controller_plan plan = PLAN;
        struct controller other;
        struct controller_event start = {.type = CONTROLLER_EVENT_START,
                                         .who = controller_person("mallory")};
        plan.version += 1 + i;
        assert_ok(controller_open(&fixture.stream, &plan, (struct steady_time){0}, &other, NULL));
        controller_step(&fixture.policy, &fixture.stream, &other, &start,
                        (struct lifecycle_time){{fixture.now_s}, {0}}, &fixture.actions);
        assert_int_equal(did(&fixture, CONTROLLER_ACTION_RAISE_ALARM), i == 2);
    }
    assert_true(offers(&fixture, 0) == 0);
    all_well_for(&fixture, 10 * DAY_S);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_ALARM);
    (void)says(&fixture, "grace", CONTROLLER_EVENT_LIFT);
    assert_false(fixture.stream.alarm.is_raised);
    assert_true(offers(&fixture, 0) == before);
    (void)says(&fixture, "grace", CONTROLLER_EVENT_LIFT);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_NO_ALARM);
}

static void an_urgent_release_is_faster_and_takes_two(void **state)
{
    (void)state;
    struct fixture fixture;
    open_rollout(&fixture);
    fixture.state.plan.is_urgent = true;
    (void)says(&fixture, "ada", CONTROLLER_EVENT_START);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_NO_REASON);
    struct controller_event start = {.type = CONTROLLER_EVENT_START,
                                     .who = controller_person("ada"),
                                     .reason = "the worm spreads by the hour"};
    (void)step(&fixture, &start);
    passes(&fixture);
    fixture.policy.rings[1].approvals = 0;
    for (unsigned i = 0; i < 3; i++)
        fixture.policy.rings[0].waves.waves[i].spread_s /= 10;
    all_well_for(&fixture, 5 * HOUR_S);
    assert_int_equal(waits(&fixture), CONTROLLER_WAIT_APPROVAL);
    approves(&fixture, "grace", 1);
    passes(&fixture);
    assert_int_equal(fixture.state.ring, 1);
}

/* What real gates decide arrives as it is meant. */
static void verdicts_of_gates_are_events(void **state)
{
    (void)state;
    uint8_t digest[CONTROLLER_DIGEST_BYTES] = {7};
    struct gate gate = gate_open(1);
    struct gate_sample sample = {.ring_hosts = 1000, .hosts = 900, .without = 100000};
    struct gate_decision decision = gate_decide(&gate, &GATE_POLICY_DEFAULT, &sample);
    struct controller_event event = controller_verdict_event(2, &gate, &decision, digest);
    assert_int_equal(event.type, CONTROLLER_EVENT_VERDICT_HEALTHY);
    assert_int_equal(event.verdict.digest[0], 7);
    struct evidence_look look = {0};
    look.counts[0][METRIC_CRASH].with = (struct evidence_group){.bad = 40, .host_s = 100000};
    look.counts[0][METRIC_CRASH].without = (struct evidence_group){.bad = 0, .host_s = 10000000};
    gate_take(&gate, &GATE_POLICY_DEFAULT, &look);
    decision = gate_decide(&gate, &GATE_POLICY_DEFAULT, &sample);
    event = controller_verdict_event(0, &gate, &decision, digest);
    assert_int_equal(event.type, CONTROLLER_EVENT_VERDICT_HALT);
    assert_int_equal(event.verdict.bad_hosts, 40);
    struct fixture fixture;
    started(&fixture);
    (void)step(&fixture, &event);
    assert_int_equal(fixture.state.state, CONTROLLER_HALTED);
    print_message("# %s\n", fixture.actions.row.reason);
}

static void senseless_policies_are_refused(void **state)
{
    (void)state;
    struct explanation why;
    assert_ok(controller_policy_check(&CONTROLLER_POLICY_DEFAULT, &why));
    struct controller_policy policy = CONTROLLER_POLICY_DEFAULT;
    policy.halt_hosts_min = 1;
    assert_error(controller_policy_check(&policy, &why), ERROR_FORMAT);
    policy = CONTROLLER_POLICY_DEFAULT;
    policy.rings[2].age_s = 1;
    assert_error(controller_policy_check(&policy, &why), ERROR_FORMAT);
    policy = CONTROLLER_POLICY_DEFAULT;
    policy.recall_spread_s = 0;
    assert_error(controller_policy_check(&policy, &why), ERROR_FORMAT);
    policy = CONTROLLER_POLICY_DEFAULT;
    policy.flaps.stops_max = 0;
    assert_error(controller_policy_check(&policy, &why), ERROR_FORMAT);
    policy = CONTROLLER_POLICY_DEFAULT;
    policy.rings[1].approvals = CONTROLLER_APPROVALS_MAX + 1;
    assert_error(controller_policy_check(&policy, &why), ERROR_FORMAT);
}

static void hostile_events_are_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    started(&fixture);
    struct controller_event event;
    memset(&event, 0xff, sizeof event);
    (void)step(&fixture, &event);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_UNSOUND);
    for (unsigned type = 0; type < CONTROLLER_EVENT_COUNT; type++) {
        memset(&event, 0xff, sizeof event);
        event.type = (uint8_t)type;
        event.who.by = CONTROLLER_BY_PERSON;
        (void)step(&fixture, &event);
        assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_UNSOUND);
        assert_int_equal(fixture.actions.todo, 0);
    }
    gate_says(&fixture, 3, CONTROLLER_EVENT_VERDICT_HEALTHY, 0);
    assert_int_equal(fixture.actions.refusal, CONTROLLER_REFUSAL_NOT_STARTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_release_reaches_everybody),
        cmocka_unit_test(a_second_person_approves),
        cmocka_unit_test(who_approved_first_and_starts_it_is_one_person),
        cmocka_unit_test(nothing_shortens_the_age),
        cmocka_unit_test(a_gate_that_says_nothing_is_not_healthy),
        cmocka_unit_test(a_breach_has_a_consequence),
        cmocka_unit_test(a_late_breach_halts_what_was_done),
        cmocka_unit_test(what_is_held_goes_on_where_it_was),
        cmocka_unit_test(two_partners_recall),
        cmocka_unit_test(a_rollback_has_a_higher_version),
        cmocka_unit_test(flapping_freezes_everything),
        cmocka_unit_test(an_urgent_release_is_faster_and_takes_two),
        cmocka_unit_test(verdicts_of_gates_are_events),
        cmocka_unit_test(senseless_policies_are_refused),
        cmocka_unit_test(hostile_events_are_refused),
    };
    return unit_run("rollout/controller", tests);
}
