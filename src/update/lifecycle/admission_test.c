// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/admission.h"

#include "base/bytes.h"
#include "tests/unit.h"

enum { HOUR_S = 3600 };

static const struct release_name RELEASE = {{1}};

/* A day after the host first saw it, and the log proves a day too; nothing else is in the way. */
static struct admission_facts old_enough(void)
{
    return (struct admission_facts){
        .release = RELEASE, .first_seen = {1000}, .log_age_s = DAY_S};
}

/* 1970-01-01 was a Thursday: day 4 of that week. */
static struct lifecycle_time after_s(uint32_t seconds)
{
    return (struct lifecycle_time){{1000 + seconds}, {seconds}};
}

static uint32_t reasons(const struct admission_policy *policy, const struct admission_facts *facts,
                        uint32_t seconds)
{
    return admission_decide(policy, facts, after_s(seconds)).reasons;
}

static void both_ages_are_needed(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    assert_int_equal(reasons(&policy, &facts, DAY_S), 0);
    assert_int_equal(reasons(&policy, &facts, DAY_S - 1), 1u << WAIT_FIRST_SEEN);
    facts.log_age_s = DAY_S - 1;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_LOGGED);
    facts.log_age_s = 0;
    struct waits waits = admission_decide(&policy, &facts, after_s(HOUR_S));
    assert_int_equal(waits.reasons, 1u << WAIT_FIRST_SEEN | 1u << WAIT_LOGGED);
    assert_true(waits.is_time_known);
    assert_int_equal(waits.earliest.s, 1000 + HOUR_S + DAY_S); /* the later of both */
}

static void the_wall_clock_moves_no_age(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    for (uint64_t wall = 0; wall < 100 * (uint64_t)WEEK_S; wall += DAY_S) {
        struct lifecycle_time now = {{1000 + DAY_S - 1}, {wall}};
        assert_int_equal(admission_decide(&policy, &facts, now).reasons, 1u << WAIT_FIRST_SEEN);
    }
}

static void urgent_goes_down_to_its_floor_and_no_further(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    facts.is_urgent = true;
    facts.log_age_s = policy.age_urgent_s;
    assert_int_equal(reasons(&policy, &facts, policy.age_urgent_s), 0);
    assert_int_equal(reasons(&policy, &facts, policy.age_urgent_s - 1), 1u << WAIT_FIRST_SEEN);
}

static void evidence_never_shortens_the_age(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    policy.ring = 2;
    policy.needs_evidence = true;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_PROMOTION);
    facts.healthy_rings = 1u << 0; /* the first ring, not the one before */
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_PROMOTION);
    facts.healthy_rings = UINT32_MAX;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 0);
    for (uint32_t age_s = 0; age_s < DAY_S; age_s += HOUR_S)
        assert_true(reasons(&policy, &facts, age_s) & 1u << WAIT_FIRST_SEEN);
    policy.ring = 0; /* there is no ring before the first */
    facts.healthy_rings = 0;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 0);
}

static void a_small_fleet_may_say_how_old_is_old_without_evidence(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    policy.ring = 1;
    policy.needs_evidence = true;
    policy.age_alone_s = WEEK_S;
    facts.log_age_s = WEEK_S;
    assert_int_equal(reasons(&policy, &facts, WEEK_S - 1), 1u << WAIT_PROMOTION);
    assert_int_equal(reasons(&policy, &facts, WEEK_S), 0);
}

static void silence_makes_the_full_age_decide_and_ends(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    facts.is_urgent = true;
    facts.log_age_s = policy.age_full_s;
    facts.halts.silent = 1;
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s - 1), 1u << WAIT_FIRST_SEEN);
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s), 0); /* not for ever */
    facts.halts.stale = 1; /* silent, and therefore stale: nothing more */
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s), 0);
    facts.halts.silent = 0; /* stale only: a halt may be on its way */
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s), 1u << WAIT_NEWS);
    facts.halts.stale = 0;
    facts.is_log_silent = true;
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s - 1), 1u << WAIT_FIRST_SEEN);
}

static void the_administrator_holds_pins_and_lifts(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    policy.is_held = true;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_HELD);
    assert_false(admission_decide(&policy, &facts, after_s(DAY_S)).is_time_known);
    policy = admission_policy_default();
    policy.is_pinned = true;
    policy.pin = (struct release_name){{2}};
    policy.versions_behind = 1;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_PINNED | 1u << WAIT_BEHIND);
    policy.pin = RELEASE; /* who pins a release has chosen its version */
    assert_int_equal(reasons(&policy, &facts, DAY_S), 0);
    assert_int_equal(reasons(&policy, &facts, 0), 1u << WAIT_FIRST_SEEN); /* but not its age */
    policy = admission_policy_default();
    facts.halts.halting = 1;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_HALTED);
    policy.lifted_count = 1;
    policy.lifted[0] = RELEASE;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 0);
}

static void what_takes_detections_away_is_gated_by_itself(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    facts.takes_away = true;
    facts.is_urgent = true; /* it never is */
    facts.log_age_s = policy.age_full_s;
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s - 1), 1u << WAIT_FIRST_SEEN);
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s), 0);
    policy.removals_need_word = true;
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s), 1u << WAIT_REMOVALS);
    policy.allowed_count = 1;
    policy.allowed[0] = RELEASE;
    assert_int_equal(reasons(&policy, &facts, policy.age_full_s), 0);
}

static void a_host_may_stay_behind(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    policy.versions_behind = 2;
    facts.newer = 1;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 1u << WAIT_BEHIND);
    facts.newer = 2;
    assert_int_equal(reasons(&policy, &facts, DAY_S), 0);
}

static void windows_open_and_close(void **state)
{
    (void)state;
    struct admission_policy policy = admission_policy_default();
    struct admission_facts facts = old_enough();
    policy.window_count = 1;
    policy.windows[0] = (struct maintenance_window){
        .days = 1u << 6, .start_minute = 23 * 60, .minutes = 120}; /* Saturday 23:00, two hours */
    uint32_t opens_s = 2 * DAY_S + 23 * HOUR_S;
    struct waits waits = admission_decide(&policy, &facts, after_s(DAY_S));
    assert_int_equal(waits.reasons, 1u << WAIT_WINDOW);
    assert_int_equal(waits.earliest.s, 1000 + opens_s);
    assert_int_equal(reasons(&policy, &facts, opens_s - 1), 1u << WAIT_WINDOW);
    assert_int_equal(reasons(&policy, &facts, opens_s), 0);
    assert_int_equal(reasons(&policy, &facts, opens_s + 2 * HOUR_S - 1), 0); /* Sunday 00:59 */
    waits = admission_decide(&policy, &facts, after_s(opens_s + 2 * HOUR_S));
    assert_int_equal(waits.reasons, 1u << WAIT_WINDOW);
    assert_int_equal(waits.earliest.s, 1000 + opens_s + WEEK_S);
    facts.is_urgent = true;
    assert_int_equal(reasons(&policy, &facts, 2 * DAY_S), 1u << WAIT_WINDOW);
    policy.is_urgent_anytime = true;
    assert_int_equal(reasons(&policy, &facts, 2 * DAY_S), 0);
}

static void senseless_policies_are_refused_with_words(void **state)
{
    (void)state;
    struct explanation why;
    struct admission_policy policy = admission_policy_default();
    assert_ok(admission_policy_check(&policy, &why));
    policy.age_urgent_s = policy.age_min_s + 1;
    assert_error(admission_policy_check(&policy, &why), ERROR_LIMIT);
    assert_true(string_starts_with(why.text, "update policy: the ages must be in order"));
    policy = admission_policy_default();
    policy.age_alone_s = HOUR_S;
    assert_error(admission_policy_check(&policy, NULL), ERROR_LIMIT);
    policy = admission_policy_default();
    policy.versions_behind = 3;
    assert_error(admission_policy_check(&policy, NULL), ERROR_LIMIT);
    policy = admission_policy_default();
    policy.window_count = 1;
    assert_error(admission_policy_check(&policy, NULL), ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ages_are_needed),
        cmocka_unit_test(the_wall_clock_moves_no_age),
        cmocka_unit_test(urgent_goes_down_to_its_floor_and_no_further),
        cmocka_unit_test(evidence_never_shortens_the_age),
        cmocka_unit_test(a_small_fleet_may_say_how_old_is_old_without_evidence),
        cmocka_unit_test(silence_makes_the_full_age_decide_and_ends),
        cmocka_unit_test(the_administrator_holds_pins_and_lifts),
        cmocka_unit_test(what_takes_detections_away_is_gated_by_itself),
        cmocka_unit_test(a_host_may_stay_behind),
        cmocka_unit_test(windows_open_and_close),
        cmocka_unit_test(senseless_policies_are_refused_with_words),
    };
    return unit_run("update/admission", tests);
}
