// SPDX-License-Identifier: Apache-2.0
#include "sim/presence.h"

uint32_t presence_when_steady(const struct presence *host, uint32_t steady_s, uint32_t from_s)
{
    uint32_t at_s = presence_next_on(host, from_s);
    /* Each round ends on the day or goes on to the next one on which it is there. */
    for (;;) {
        uint32_t shown_s = presence_steady_s(host, at_s);
        if (shown_s >= steady_s)
            return at_s;
        uint32_t missing_s = steady_s - shown_s;
        if (presence_is_on(host, at_s + missing_s)
            && presence_steady_s(host, at_s + missing_s) >= steady_s)
            return at_s + missing_s;
        uint32_t next_s = (presence_day(host, at_s) + 1) * PRESENCE_DAY_S - host->phase_s;
        at_s = presence_next_on(host, next_s);
    }
}

bool presence_last_poll(const struct presence *host, uint32_t at_s, uint32_t *ret_at_s)
{
    for (;;) {
        if (!presence_is_on(host, at_s)) {
            uint32_t day = presence_day(host, at_s);
            bool is_evening = day % host->cycle < host->days;
            while (!is_evening) {
                if (day == 0)
                    return false;
                day--;
                is_evening = day % host->cycle < host->days;
            }
            uint32_t end_s = day * PRESENCE_DAY_S + host->length_s;
            if (end_s < host->phase_s + 1)
                return false;
            at_s = end_s - 1 - host->phase_s;
        }
        uint32_t back_s = (at_s + host->poll_phase_s) % host->poll_s;
        if (back_s > at_s)
            return false;
        at_s -= back_s;
        if (presence_is_on(host, at_s)) {
            *ret_at_s = at_s;
            return true;
        }
    }
}

bool presence_has_booted(const struct presence *host, uint32_t from_s, uint32_t to_s)
{
    bool is_off_at_night = !host->is_asleep && host->length_s != PRESENCE_DAY_S;
    if (is_off_at_night && presence_day(host, from_s) != presence_day(host, to_s))
        return true;
    return (from_s + host->boot_phase_s) / host->boot_every_s
           != (to_s + host->boot_phase_s) / host->boot_every_s;
}

uint32_t presence_next_boot(const struct presence *host, uint32_t at_s)
{
    uint32_t in_s = host->boot_every_s - (at_s + host->boot_phase_s) % host->boot_every_s;
    uint32_t own_s = presence_next_on(host, at_s + in_s);
    if (host->is_asleep || host->length_s == PRESENCE_DAY_S)
        return own_s;
    uint32_t morning_s = (presence_day(host, at_s) + 1) * PRESENCE_DAY_S - host->phase_s;
    morning_s = presence_next_on(host, morning_s);
    return morning_s < own_s ? morning_s : own_s;
}
