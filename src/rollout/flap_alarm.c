// SPDX-License-Identifier: Apache-2.0
#include "rollout/flap_alarm.h"

#include "base/fault.h"

/* Notes one more; whether there are now more than `max` within `within_s`. */
static bool note(struct flap_times *times, uint8_t max, uint32_t within_s, struct steady_time now)
{
    unsigned recent = 1;
    for (unsigned i = 0; i < times->count; i++)
        recent += steady_since(times->at[i], now) < within_s;
    times->at[times->next] = now;
    times->next = (uint8_t)((times->next + 1u) % FLAPS_MAX);
    if (times->count < FLAPS_MAX)
        times->count++;
    return recent > max && !fault_is_planted(FAULT_FLAPS_UNCOUNTED);
}

static bool raise_alarm(struct flap_alarm *alarm, bool is_over, struct steady_time now)
{
    if (!is_over || alarm->is_raised)
        return false;
    alarm->is_raised = true;
    alarm->raised_at = now;
    alarm->raises++;
    return true;
}

bool flap_alarm_start(struct flap_alarm *alarm, const struct flap_policy *policy,
                      struct steady_time now)
{
    bool is_over = note(&alarm->starts, policy->starts_max, policy->starts_s, now);
    return raise_alarm(alarm, is_over, now);
}

bool flap_alarm_stop(struct flap_alarm *alarm, const struct flap_policy *policy,
                     struct steady_time now)
{
    bool is_over = note(&alarm->stops, policy->stops_max, policy->stops_s, now);
    return raise_alarm(alarm, is_over, now);
}

void flap_alarm_lift(struct flap_alarm *alarm)
{
    alarm->is_raised = false;
    alarm->starts = (struct flap_times){0};
    alarm->stops = (struct flap_times){0};
}
