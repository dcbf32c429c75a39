// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An event wheel: which hosts have something to do in which minute. A host stands in at most one
 * minute; it costs four bytes and no time until that minute comes.
 */
#include "base/result.h"

#include <stdint.h>

enum { WHEEL_MINUTE_S = 60 };
#define WHEEL_NOBODY UINT32_MAX

struct wheel {
    uint32_t minutes;
    uint32_t *first; /* of each minute */
    uint32_t *next;  /* of each host */
};

RESULT wheel_init(struct wheel *wheel, uint32_t hosts, uint32_t minutes);
void wheel_free(struct wheel *wheel);
void wheel_clear(struct wheel *wheel);

/* Beyond the wheel's end: never. The host must not stand in it. */
static inline void wheel_put(struct wheel *wheel, uint32_t host, uint32_t at_s)
{
    uint32_t minute = at_s / WHEEL_MINUTE_S;
    if (minute >= wheel->minutes)
        return;
    wheel->next[host] = wheel->first[minute];
    wheel->first[minute] = host;
}

/* Takes all hosts of a minute: the first one, and wheel->next from there on. */
static inline uint32_t wheel_take(struct wheel *wheel, uint32_t minute)
{
    uint32_t first = wheel->first[minute];
    wheel->first[minute] = WHEEL_NOBODY;
    return first;
}
