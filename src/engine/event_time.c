// SPDX-License-Identifier: Apache-2.0
/* Time stamps of events, as logs write them. */
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/view.h"

#include <string.h>

/* The names under which events have their time, the best first. */
static const char *const NAMES[] = {
    "@timestamp", "UtcTime",     "TimeCreated", "SystemTime", "EventTime", "TimeGenerated",
    "eventTime",  "event.created", "timestamp", "time",       "_time",     "ts",
};

RESULT event_time_add_names(struct program *program)
{
    uint8_t count = sizeof NAMES / sizeof NAMES[0];
    for (uint8_t i = 0; i < count; i++)
        GUARD(program_add_role(program, NAMES[i], ROLE_TIME, count - i));
    return RESULT_OK;
}

struct cursor {
    const uint8_t *text;
    size_t size;
    size_t at;
};

/* `count` digits; false for anything else. */
static bool take_digits(struct cursor *cursor, unsigned count, int64_t *ret_number)
{
    *ret_number = 0;
    if (cursor->size - cursor->at < count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        uint8_t c = cursor->text[cursor->at++];
        if (c < '0' || c > '9')
            return false;
        *ret_number = *ret_number * 10 + (c - '0');
    }
    return true;
}

static bool take_one_of(struct cursor *cursor, const char *choices)
{
    if (cursor->at == cursor->size || cursor->text[cursor->at] == '\0'
        || strchr(choices, cursor->text[cursor->at]) == NULL)
        return false;
    cursor->at++;
    return true;
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    static const int64_t BEFORE[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t past = year - 1;
    int64_t days = past * 365 + past / 4 - past / 100 + past / 400;
    enum { DAYS_TO_1970 = 719162 };
    return days + BEFORE[month - 1] + day - 1 + (month > 2 && is_leap) - DAYS_TO_1970;
}

/* Behind the seconds: a fraction in nanoseconds. */
static uint64_t take_fraction(struct cursor *cursor)
{
    uint64_t fraction = 0;
    uint64_t unit = NS_PER_S;
    if (!take_one_of(cursor, ".,"))
        return 0;
    for (; cursor->at < cursor->size; cursor->at++) {
        uint8_t c = cursor->text[cursor->at];
        if (c < '0' || c > '9')
            break;
        unit /= 10;
        fraction += unit * (uint64_t)(c - '0');
    }
    return fraction;
}

/* "Z", "+02:00", "-0730" or nothing: what is to be taken off, in seconds. */
static bool take_zone(struct cursor *cursor, int64_t *ret_seconds)
{
    int64_t hours;
    int64_t minutes;
    *ret_seconds = 0;
    if (cursor->at < cursor->size && cursor->text[cursor->at] == ' ')
        cursor->at++;
    if (cursor->at == cursor->size || take_one_of(cursor, "Zz"))
        return cursor->at == cursor->size;
    bool is_west = cursor->text[cursor->at] == '-';
    if (!take_one_of(cursor, "+-") || !take_digits(cursor, 2, &hours))
        return false;
    (void)take_one_of(cursor, ":");
    if (!take_digits(cursor, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_seconds = (hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return cursor->at == cursor->size;
}

static bool parse_date(struct cursor *cursor, uint64_t *ret_time_ns)
{
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t zone;
    if (!take_digits(cursor, 4, &year) || !take_one_of(cursor, "-/")
        || !take_digits(cursor, 2, &month) || !take_one_of(cursor, "-/")
        || !take_digits(cursor, 2, &day) || !take_one_of(cursor, "Tt ")
        || !take_digits(cursor, 2, &hour) || !take_one_of(cursor, ":")
        || !take_digits(cursor, 2, &minute) || !take_one_of(cursor, ":")
        || !take_digits(cursor, 2, &second))
        return false;
    uint64_t fraction = take_fraction(cursor);
    if (year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23
        || minute > 59 || second > 60 || !take_zone(cursor, &zone))
        return false;
    int64_t seconds =
        days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    if (seconds < 0)
        return false;
    *ret_time_ns = (uint64_t)seconds * NS_PER_S + fraction;
    return true;
}

/* Since 1970, in the unit that makes it a time of these centuries. */
static bool parse_number(struct cursor *cursor, uint64_t *ret_time_ns)
{
    static const uint64_t SECONDS_MOST = UINT64_C(20000000000); /* in the year 2603 */
    uint64_t number = 0;
    size_t digits = 0;
    for (; cursor->at < cursor->size && digits < 19; cursor->at++, digits++) {
        uint8_t c = cursor->text[cursor->at];
        if (c < '0' || c > '9')
            break;
        number = number * 10 + (uint64_t)(c - '0');
    }
    if (digits == 0)
        return false;
    uint64_t unit = NS_PER_S;
    for (uint64_t most = SECONDS_MOST; number > most && unit > 1; unit /= 1000)
        most = most > UINT64_MAX / 1000 ? UINT64_MAX : most * 1000;
    if (number > UINT64_MAX / unit)
        return false;
    uint64_t fraction = take_fraction(cursor); /* of smaller units it does not matter */
    if (cursor->at < cursor->size)
        return false;
    *ret_time_ns = number * unit + (unit == NS_PER_S ? fraction : 0);
    return true;
}

bool engine_parse_time(const void *text, size_t size, uint64_t *ret_time_ns)
{
    struct cursor cursor = {.text = text, .size = size};
    if (size > 4 && (cursor.text[4] == '-' || cursor.text[4] == '/'))
        return parse_date(&cursor, ret_time_ns);
    return parse_number(&cursor, ret_time_ns);
}
