// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/pressure.h"

#include "base/limits.h"
#include "update/lifecycle/lifecycle.h"

static const uint64_t SHORT_MAX_BYTES = (uint64_t)1024 * MIB;

/* Turns a bit on at once, and off after so many seconds without. */
static void settle(struct pressure *pressure, unsigned bit, bool is_on, bool is_off,
                   uint32_t *seconds, uint32_t after_s)
{
    *seconds = is_off ? *seconds + 1 : 0;
    if (is_on)
        pressure->bits |= bit;
    else if (*seconds >= after_s)
        pressure->bits &= ~bit;
}

static void look_at_memory(struct pressure *pressure, const struct pressure_sample *sample)
{
    uint64_t least = sample->memory_total / PRESSURE_SHORT_PART;
    if (least > SHORT_MAX_BYTES)
        least = SHORT_MAX_BYTES;
    uint64_t available = sample->memory_available;
    uint64_t enough = least * PRESSURE_EASED_PERCENT / 100;
    bool is_known = sample->memory_total != 0;
    settle(pressure, PRESSURE_MEMORY, is_known && available < least,
           !is_known || available > enough, &pressure->eased_s, PRESSURE_EASED_AFTER_S);
    pressure->is_own = (pressure->bits & PRESSURE_MEMORY) != 0
                       && sample->excess > least / PRESSURE_OWN_PART
                       && available + sample->excess > enough;
}

/* Matches since the last second; 0 where that cannot be said. */
static uint32_t matches_since(struct pressure *pressure, const struct pressure_sample *sample)
{
    bool is_known = pressure->has_matches && !sample->is_other_engine
                    && sample->matches >= pressure->matches;
    uint64_t more = is_known ? sample->matches - pressure->matches : 0;
    pressure->has_matches = true;
    pressure->matches = sample->matches;
    return more < UINT32_MAX ? (uint32_t)more : UINT32_MAX;
}

static void look_at_alerts(struct pressure *pressure, const struct pressure_sample *sample)
{
    pressure->window[pressure->place++ % PRESSURE_STORM_WINDOW_S] =
        matches_since(pressure, sample);
    uint64_t sum = 0;
    for (unsigned i = 0; i < PRESSURE_STORM_WINDOW_S; i++)
        sum += pressure->window[i];
    double per_s = (double)sum / PRESSURE_STORM_WINDOW_S;
    bool is_storm =
        per_s > PRESSURE_STORM_PER_S && per_s > PRESSURE_STORM_TIMES * pressure->usual_per_s;
    settle(pressure, PRESSURE_STORM, is_storm, per_s < PRESSURE_STORM_PER_S / 2.0,
           &pressure->quiet_s, PRESSURE_STORM_OVER_AFTER_S);
    /* A storm is slowly what is usual, where it does not end. */
    pressure->usual_per_s += (per_s - pressure->usual_per_s) / PRESSURE_USUAL_S;
    if (!is_storm && per_s >= PRESSURE_STORM_PER_S / 2.0
        && per_s < 2 * pressure->usual_per_s)
        pressure->bits &= ~(unsigned)PRESSURE_STORM;
}

unsigned pressure_second(struct pressure *pressure, const struct pressure_sample *sample)
{
    look_at_memory(pressure, sample);
    look_at_alerts(pressure, sample);
    return pressure->bits;
}
