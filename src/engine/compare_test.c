// SPDX-License-Identifier: Apache-2.0
#include "engine/compare.h"

#include "tests/unit.h"

#include <string.h>
#include <time.h>

static struct value value_of(const char *text)
{
    return (struct value){.text = (const uint8_t *)text, .size = strlen(text)};
}

/* Every day from 1970 to 2100, against the C library. */
static void weeks_are_those_of_iso_8601(void **state)
{
    (void)state;
    for (time_t day = 0; day < 47500; day++) {
        time_t seconds = day * 86400 + 3600;
        struct tm parts;
        char text[32];
        char week[8];
        gmtime_r(&seconds, &parts);
        assert_true(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0);
        assert_true(strftime(week, sizeof week, "%V", &parts) > 0);
        struct value value = value_of(text);
        double number = (week[0] - '0') * 10 + (week[1] - '0');
        if (!compare_time(TIME_WEEK, number, &value))
            fail_msg("%s is in week %s", text, week);
        assert_true(compare_time(TIME_DAY, parts.tm_mday, &value));
        assert_true(compare_time(TIME_MONTH, parts.tm_mon + 1, &value));
        assert_true(compare_time(TIME_YEAR, parts.tm_year + 1900, &value));
        assert_true(compare_time(TIME_HOUR, 1, &value));
        assert_true(compare_time(TIME_MINUTE, 0, &value));
        assert_false(compare_time(TIME_MINUTE, 1, &value));
    }
}

static void what_is_no_time_or_number_never_matches(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"",           "x",          "2026-11",    "2026/11/24",
                                        "2026-13-01", "2026-00-01", "2026-01-32", "0000-01-01",
                                        "2026-11/24", "2026-11- 4",
                                        "20261124T010203", "9999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct value value = value_of(TEXTS[i]);
        for (unsigned part = TIME_MINUTE; part <= TIME_YEAR; part++) {
            for (int number = -1; number < 100; number++)
                assert_false(compare_time((enum time_part)part, number, &value));
        }
    }
    struct value day = value_of("2026-11-24");
    struct value no_hour = value_of("2026-11-24T  :02");
    struct value too_long = value_of(
        "2026-11-24T01:02:03.0000000000000000000000000000000000000000000000000000000000000000");
    assert_false(compare_time(TIME_HOUR, 0, &day));
    assert_false(compare_time(TIME_HOUR, -1, &no_hour));
    assert_false(compare_time(TIME_HOUR, 1, &too_long));
    static const char *const NUMBERS[] = {"", " 1", "1 ", "0x10", "nan", "inf", "1a", "-"};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        struct value value = value_of(NUMBERS[i]);
        if (compare_number(COMPARE_LT, 1e300, &value) || compare_number(COMPARE_GTE, -1, &value))
            fail_msg("'%s' was taken for a number", NUMBERS[i]);
    }
}

static void networks_end_at_any_bit(void **state)
{
    (void)state;
    struct network network = {.address = {10, 1, 0x80, 0}, .prefix_bits = 17};
    struct value inside = value_of("10.1.200.3");
    struct value outside = value_of("10.1.127.3");
    struct value other = value_of("::ffff:10.1.200.3");
    assert_true(compare_network(&network, &inside));
    assert_false(compare_network(&network, &outside));
    assert_false(compare_network(&network, &other));
    network.prefix_bits = 0;
    assert_true(compare_network(&network, &outside));
    network.prefix_bits = 32;
    assert_false(compare_network(&network, &inside));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weeks_are_those_of_iso_8601),
        cmocka_unit_test(what_is_no_time_or_number_never_matches),
        cmocka_unit_test(networks_end_at_any_bit),
    };
    return unit_run("engine-compare", tests);
}
