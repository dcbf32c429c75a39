// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * When a simulated host is there: servers always, others for some hours of some days, asleep or off
 * in between, a few of them on one day in many. A closed form of time, so that a host costs nothing
 * while nothing happens to it.
 */
#include <stdbool.h>
#include <stdint.h>

enum { PRESENCE_DAY_S = 24 * 60 * 60 };

struct presence {
    uint32_t phase_s;  /* added to the time: where its days begin */
    uint32_t length_s; /* of a day on which it is there */
    uint8_t cycle, days; /* it is there on the first `days` of each `cycle` days */
    bool is_asleep;    /* in between: its steady clock goes on; else it is off */
    uint32_t poll_s, poll_phase_s; /* it asks for news each poll_s */
    uint32_t boot_every_s, boot_phase_s; /* boots that somebody asked for */
};

static inline uint32_t presence_day(const struct presence *host, uint32_t at_s)
{
    return (at_s + host->phase_s) / PRESENCE_DAY_S;
}

static inline bool presence_is_on(const struct presence *host, uint32_t at_s)
{
    uint32_t local_s = at_s + host->phase_s;
    return local_s / PRESENCE_DAY_S % host->cycle < host->days
           && local_s % PRESENCE_DAY_S < host->length_s;
}

/* Seconds for which it was on since an early beginning; what a steady clock shows. */
static inline uint32_t presence_steady_s(const struct presence *host, uint32_t at_s)
{
    uint32_t local_s = at_s + host->phase_s;
    if (host->is_asleep || host->length_s == PRESENCE_DAY_S)
        return local_s;
    uint32_t day = local_s / PRESENCE_DAY_S, second = local_s % PRESENCE_DAY_S;
    uint32_t in_cycle = day % host->cycle;
    uint32_t days = day / host->cycle * host->days
                    + (in_cycle < host->days ? in_cycle : host->days);
    uint32_t part = second < host->length_s ? second : host->length_s;
    return days * host->length_s + (in_cycle < host->days ? part : 0);
}

/* The first moment from `at_s` on at which it is on. */
static inline uint32_t presence_next_on(const struct presence *host, uint32_t at_s)
{
    if (presence_is_on(host, at_s))
        return at_s;
    uint32_t day = presence_day(host, at_s);
    do
        day++;
    while (day % host->cycle >= host->days);
    return day * PRESENCE_DAY_S - host->phase_s;
}

/* The first moment at which its steady clock shows `steady_s` or more and it is on. */
uint32_t presence_when_steady(const struct presence *host, uint32_t steady_s, uint32_t from_s);

/* The next time from `at_s` on at which it asks for news. */
static inline uint32_t presence_next_poll(const struct presence *host, uint32_t at_s)
{
    for (;;) {
        at_s = presence_next_on(host, at_s);
        uint32_t left_s = (at_s + host->poll_phase_s) % host->poll_s;
        at_s += left_s == 0 ? 0 : host->poll_s - left_s;
        if (presence_is_on(host, at_s))
            return at_s;
    }
}

/* The last time up to `at_s` at which it asked; false: never since the beginning. */
bool presence_last_poll(const struct presence *host, uint32_t at_s, uint32_t *ret_at_s);

/* Whether it was booted in good order after `from_s` and up to `to_s`: at its own times, and where
 * it was off in between. And when it will be next. */
bool presence_has_booted(const struct presence *host, uint32_t from_s, uint32_t to_s);
uint32_t presence_next_boot(const struct presence *host, uint32_t at_s);
