// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "tests/unit.h"

#include <inttypes.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t expected; /* 0: refused */
    } CASES[] = {
        {"1970-01-01T00:00:01Z", SECOND},
        {"2000-02-29T12:00:00Z", 951825600 * SECOND},
        {"2026-11-25T02:03:04.5Z", 1795572184 * SECOND + SECOND / 2},
        {"2026-11-25 02:03:04.123456789", 1795572184 * SECOND + 123456789},
        {"2026-11-25T02:03:04,250+02:00", 1795564984 * SECOND + SECOND / 4},
        {"2026/11/25 02:03:04 -0030", 1795573984 * SECOND},
        {"2026-11-25T02:03:04.1234567890123Z", 1795572184 * SECOND + 123456789},
        {"1795572184", 1795572184 * SECOND},
        {"1795572184.25", 1795572184 * SECOND + SECOND / 4},
        {"1795572184123", 1795572184 * SECOND + 123000000},
        {"1795572184123456", 1795572184 * SECOND + 123456000},
        {"1795572184123456789", 1795572184 * SECOND + 123456789},
        {"2026-13-25T02:03:04Z", 0},
        {"2026-00-25T02:03:04Z", 0},
        {"2026-11-25T24:03:04Z", 0},
        {"2026-11-25T02:03:04X", 0},
        {"2026-11-25T02:03:04+2", 0},
        {"2026-11-25", 0},
        {"", 0},
        {"x", 0},
        {"-1", 0},
        {"99999999999999999999", 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint64_t time_ns = 0;
        bool is_good = engine_parse_time(CASES[i].text, strlen(CASES[i].text), &time_ns);
        if (is_good != (CASES[i].expected != 0) || time_ns != CASES[i].expected)
            fail_msg("%s: %" PRIu64, CASES[i].text, time_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times_are_read)};
    return unit_run("engine-event_time", tests);
}
