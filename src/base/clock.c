// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include "base/bytes.h"
#include "base/fault.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t system_boottime(void *context)
{
    (void)context;
    return read_clock(CLOCK_BOOTTIME);
}

static uint64_t system_wall(void *context)
{
    enum { TEN_YEARS_S = 10 * 365 * 24 * 60 * 60 };
    uint64_t now_ns = read_clock(CLOCK_REALTIME);
    (void)context;
    if (fault_is_planted(FAULT_CLOCK_AHEAD))
        return now_ns + TEN_YEARS_S * NS_PER_S;
    if (fault_is_planted(FAULT_CLOCK_BEHIND))
        return now_ns - TEN_YEARS_S * NS_PER_S;
    return now_ns;
}

uint64_t clock_thread_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

const struct clock *clock_system(void)
{
    static const struct clock SYSTEM = {system_boottime, system_wall, NULL};
    return &SYSTEM;
}

void clock_format(uint64_t wall_ns, char *out)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    unsigned microseconds = (unsigned)(wall_ns % NS_PER_S / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL) {
        (void)string_copy(out, CLOCK_TEXT_BYTES, "1970-01-01T00:00:00.000000Z");
        return;
    }
    char date[CLOCK_TEXT_BYTES];
    if (strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        date[0] = '\0';
    (void)string_format(out, CLOCK_TEXT_BYTES, "%s.%06uZ", date, microseconds);
}
