// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/admission.h"

enum { MINUTE_S = 60, HOUR_S = 60 * MINUTE_S, MINUTES_PER_DAY = 24 * 60 };

struct admission_policy admission_policy_default(void)
{
    return (struct admission_policy){
        .age_min_s = DAY_S,
        .age_urgent_s = 6 * HOUR_S,
        .age_full_s = 3 * DAY_S,
    };
}

RESULT admission_policy_check(const struct admission_policy *policy, struct explanation *why)
{
    if (policy->age_urgent_s > policy->age_min_s || policy->age_min_s > policy->age_full_s)
        return explain(why, ERROR_LIMIT,
                       "update policy: the ages must be in order (urgent %u s, ordinary %u s, full "
                       "%u s): an urgent release may not wait longer than an ordinary one, nor "
                       "that one longer than a release that nobody can halt",
                       policy->age_urgent_s, policy->age_min_s, policy->age_full_s);
    if (policy->age_alone_s != 0 && policy->age_alone_s < policy->age_full_s)
        return explain(why, ERROR_LIMIT,
                       "update policy: a release without evidence must reach at least the full age "
                       "(%u s), not %u s",
                       policy->age_full_s, policy->age_alone_s);
    if (policy->versions_behind > 2 || policy->window_count > LIMIT_WINDOWS
        || policy->lifted_count > LIMIT_HALTS || policy->allowed_count > LIMIT_HALTS
        || policy->ring > 31)
        return explain(why, ERROR_LIMIT,
                       "update policy: at most 2 versions behind, %u windows, %u lifted halts, %u "
                       "allowed removals, ring 31",
                       LIMIT_WINDOWS, LIMIT_HALTS, LIMIT_HALTS);
    for (size_t i = 0; i < policy->window_count; i++) {
        const struct maintenance_window *window = &policy->windows[i];
        if ((window->days & 0x7f) == 0 || window->minutes == 0
            || window->minutes > MINUTES_PER_DAY || window->start_minute >= MINUTES_PER_DAY)
            return explain(why, ERROR_LIMIT, "update policy: maintenance window %zu never opens",
                           i + 1);
    }
    return RESULT_OK;
}

uint32_t admission_age_s(const struct admission_policy *policy,
                         const struct admission_facts *facts)
{
    if (facts->halts.silent != 0 || facts->is_log_silent || facts->takes_away)
        return policy->age_full_s;
    return facts->is_urgent ? policy->age_urgent_s : policy->age_min_s;
}

/* Seconds until this window opens; 0: it is open. */
static uint32_t window_opens_in_s(const struct maintenance_window *window, struct wall_time now)
{
    uint32_t second_of_day = (uint32_t)(now.s % DAY_S);
    unsigned weekday = (unsigned)((now.s / DAY_S + 4) % 7); /* 1970 began on a Thursday */
    uint32_t start_s = window->start_minute * (uint32_t)MINUTE_S;
    uint32_t length_s = window->minutes * (uint32_t)MINUTE_S;
    bool is_today = (window->days >> weekday & 1u) != 0;
    bool was_yesterday = (window->days >> ((weekday + 6) % 7) & 1u) != 0;
    if (is_today && second_of_day >= start_s && second_of_day < start_s + length_s)
        return 0;
    if (was_yesterday && second_of_day + DAY_S < start_s + length_s)
        return 0;
    for (unsigned day = 0; day <= 7; day++) {
        bool is_day = (window->days >> ((weekday + day) % 7) & 1u) != 0;
        uint32_t opens_s = day * (uint32_t)DAY_S + start_s;
        if (is_day && opens_s > second_of_day)
            return opens_s - second_of_day;
    }
    return UINT32_MAX;
}

static void ask_windows(const struct admission_policy *policy, const struct admission_facts *facts,
                        struct lifecycle_time now, struct waits *waits)
{
    if (policy->window_count == 0 || (facts->is_urgent && policy->is_urgent_anytime))
        return;
    uint32_t opens_s = UINT32_MAX;
    for (size_t i = 0; i < policy->window_count && i < LIMIT_WINDOWS; i++) {
        uint32_t window_s = window_opens_in_s(&policy->windows[i], now.wall);
        if (window_s < opens_s)
            opens_s = window_s;
    }
    if (opens_s != 0)
        waits_until(waits, WAIT_WINDOW, steady_after(now.steady, opens_s));
}

static void ask_age(const struct admission_policy *policy, const struct admission_facts *facts,
                    struct steady_time now, struct waits *waits)
{
    uint32_t age_s = admission_age_s(policy, facts);
    struct steady_time old_enough = steady_after(facts->first_seen, age_s);
    if (old_enough.s > now.s)
        waits_until(waits, WAIT_FIRST_SEEN, old_enough);
    if (facts->log_age_s < age_s)
        waits_until(waits, WAIT_LOGGED, steady_after(now, age_s - facts->log_age_s));
    bool has_evidence = policy->ring == 0
                        || (facts->healthy_rings >> (policy->ring - 1) & 1u) != 0;
    if (!policy->needs_evidence || has_evidence)
        return;
    if (policy->age_alone_s == 0) {
        waits_on_others(waits, WAIT_PROMOTION);
        return;
    }
    struct steady_time alone = steady_after(facts->first_seen, policy->age_alone_s);
    if (alone.s > now.s || facts->log_age_s < policy->age_alone_s)
        waits_until(waits, WAIT_PROMOTION, alone);
}

static bool is_listed(const struct release_name *names, uint8_t count, struct release_name release)
{
    for (size_t i = 0; i < count && i < LIMIT_HALTS; i++)
        if (release_name_equal(names[i], release))
            return true;
    return false;
}

struct waits admission_decide(const struct admission_policy *policy,
                              const struct admission_facts *facts, struct lifecycle_time now)
{
    struct waits waits = waits_none(now.steady);
    if (policy->is_held)
        waits_on_others(&waits, WAIT_HELD);
    bool is_pin = policy->is_pinned && release_name_equal(policy->pin, facts->release);
    if (policy->is_pinned && !is_pin)
        waits_on_others(&waits, WAIT_PINNED);
    if (facts->halts.halting != 0
        && !is_listed(policy->lifted, policy->lifted_count, facts->release))
        waits_on_others(&waits, WAIT_HALTED);
    if (facts->takes_away && policy->removals_need_word
        && !is_listed(policy->allowed, policy->allowed_count, facts->release))
        waits_on_others(&waits, WAIT_REMOVALS);
    if ((facts->halts.stale & ~facts->halts.silent) != 0)
        waits_on_others(&waits, WAIT_NEWS);
    if (!is_pin && facts->newer < policy->versions_behind)
        waits_on_others(&waits, WAIT_BEHIND);
    ask_age(policy, facts, now.steady, &waits);
    ask_windows(policy, facts, now, &waits);
    return waits;
}
