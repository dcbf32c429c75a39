// SPDX-License-Identifier: Apache-2.0
#include "engine/compare.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "engine/find_bytes.h"
#include "engine/fold.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_PER_STEP = 64, NUMBER_TEXT_BYTES = 64 };

/* --- globs ------------------------------------------------------------------------------------ */

/* The size of what `unit`, not an ANY, takes from `text`; 0 where it does not fit. */
static size_t unit_size(uint16_t unit, const uint8_t *text, size_t size)
{
    if (size == 0)
        return 0;
    if (unit < UNIT_ANY)
        return text[0] == unit;
    if (unit == UNIT_ONE) {
        uint32_t code;
        size_t length = fold_decode(text, size, &code);
        return length == 0 ? 1 : length;
    }
    if (text[0] == '-' || text[0] == '/')
        return 1;
    /* U+2013, U+2014 and U+2015: en dash, em dash, horizontal bar */
    bool is_dash = size >= 3 && text[0] == 0xE2 && text[1] == 0x80 && text[2] >= 0x93
                   && text[2] <= 0x95;
    return is_dash ? 3 : 0;
}

/* Each ANY first takes nothing; on a misfit the last one takes one character more, a whole one: the
 * rest of one would pass for a character (which is what bytes that are not UTF-8 are). */
static bool glob_matches(const uint16_t *units, size_t count, const uint8_t *text, size_t size,
                         uint64_t *steps)
{
    size_t unit = 0;
    size_t at = 0;
    size_t any = SIZE_MAX; /* unit behind the last ANY */
    size_t retry = 0;
    uint64_t rounds = 0;
    for (;;) {
        rounds++;
        if (unit < count && units[unit] == UNIT_ANY) {
            any = ++unit;
            retry = at;
            if (unit == count)
                break;
            continue;
        }
        if (unit == count && at == size)
            break;
        size_t taken = unit < count ? unit_size(units[unit], text + at, size - at) : 0;
        if (taken > 0) {
            unit++;
            at += taken;
            continue;
        }
        if (any == SIZE_MAX || retry >= size) {
            *steps += rounds / BYTES_PER_STEP;
            return false;
        }
        unit = any;
        retry += fault_is_planted(FAULT_ENGINE_CUTS_CHARACTERS)
                     ? 1 : unit_size(UNIT_ONE, text + retry, size - retry);
        at = retry;
    }
    *steps += rounds / BYTES_PER_STEP;
    return true;
}

/* --- texts ------------------------------------------------------------------------------------ */

static bool equal_bytes(const uint8_t *a, const uint8_t *b, size_t size)
{
    return size == 0 || memcmp(a, b, size) == 0;
}

static bool literal_matches(enum pattern_kind kind, const uint8_t *literal, size_t literal_size,
                            const uint8_t *text, size_t size)
{
    if (literal_size > size)
        return false;
    switch (kind) {
    case PATTERN_EXACT:
        return size == literal_size && equal_bytes(text, literal, size);
    case PATTERN_PREFIX:
        return equal_bytes(text, literal, literal_size);
    case PATTERN_SUFFIX:
        return equal_bytes(text + (size - literal_size), literal, literal_size);
    default:
        return literal_size == 0 || memmem(text, size, literal, literal_size) != NULL;
    }
}

/* In folded text, which is padded. */
static bool is_within(const struct value *value, const uint8_t *literal, size_t size)
{
    return find_bytes(value->folded, value->folded_size, literal, size) != NULL;
}

bool compare_pattern(const struct program *program, const struct pattern *pattern,
                     const struct value *value, const uint8_t *grams, uint64_t *steps)
{
    const uint8_t *literal = ROWS_OF(program->bytes, uint8_t) + pattern->text;
    const uint16_t *units = ROWS_OF(program->units, uint16_t) + pattern->text;
    *steps = 1;
    if (pattern->is_cased) {
        *steps += value->size / BYTES_PER_STEP;
        if (pattern->kind == PATTERN_GLOB)
            return glob_matches(units, pattern->size, value->text, value->size, steps);
        return literal_matches((enum pattern_kind)pattern->kind, literal, pattern->size,
                               value->text, value->size);
    }
    /* What decides nearly always is one comparison of eight bytes, or four bits. */
    switch (pattern->kind) {
    case PATTERN_EXACT:
        if (value->folded_size != pattern->size)
            return false;
        __attribute__((fallthrough));
    case PATTERN_PREFIX:
        if (((value->head ^ pattern->word) & pattern->mask) != 0)
            return false;
        break;
    case PATTERN_SUFFIX:
        if (((value->tail ^ pattern->word) & pattern->mask) != 0)
            return false;
        break;
    default:
        if (grams != NULL && !compare_grams(pattern, grams))
            return false;
        *steps += value->folded_size / BYTES_PER_STEP;
        break;
    }
    if (pattern->kind == PATTERN_GLOB)
        return glob_matches(units, pattern->size, value->folded, value->folded_size, steps);
    if (pattern->kind == PATTERN_CONTAINS)
        return is_within(value, literal, pattern->size);
    return literal_matches((enum pattern_kind)pattern->kind, literal, pattern->size, value->folded,
                           value->folded_size);
}

/* --- others ----------------------------------------------------------------------------------- */

/* The text as a short C string; false when it is longer, empty or holds a zero byte. */
static bool short_text(const uint8_t *text, size_t size, char out[NUMBER_TEXT_BYTES])
{
    if (size >= NUMBER_TEXT_BYTES || size == 0 || memchr(text, '\0', size) != NULL)
        return false;
    bytes_copy(out, NUMBER_TEXT_BYTES, text, size);
    out[size] = '\0';
    return true;
}

bool compare_network(const struct network *network, const struct value *value)
{
    char text[NUMBER_TEXT_BYTES];
    uint8_t address[16];
    if (!short_text(value->text, value->size, text)
        || inet_pton(network->is_v6 ? AF_INET6 : AF_INET, text, address) != 1)
        return false;
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    if (rest > 0 && fault_is_planted(FAULT_ENGINE_PREFIX_BIT))
        rest--;
    if (!equal_bytes(address, network->address, whole))
        return false;
    return rest == 0 || ((address[whole] ^ network->address[whole]) >> (8 - rest)) == 0;
}

bool compare_read_number(const uint8_t *data, size_t size, double *ret_number)
{
    char text[NUMBER_TEXT_BYTES];
    char *end;
    if (!short_text(data, size, text) || strspn(text, "+-.0123456789eE") != size)
        return false;
    *ret_number = strtod(text, &end);
    return *end == '\0' && isfinite(*ret_number);
}

bool compare_number(enum compare_kind kind, double number, const struct value *value)
{
    double found;
    if (!compare_read_number(value->text, value->size, &found))
        return false;
    switch (kind) {
    case COMPARE_LT:
        return found < number;
    case COMPARE_LTE:
        return found < number || (found == number && !fault_is_planted(FAULT_ENGINE_LTE_IS_LT));
    case COMPARE_GT:
        return found > number;
    default:
        return found >= number;
    }
}

/* `count` digits of `text` as a number; -1 where there are others. */
static int digits_at(const char *text, size_t count)
{
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Week by ISO 8601: the one with the year's first Thursday is the first. */
static int iso_week(int year, int month, int day)
{
    static const int BEFORE[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int ordinal = BEFORE[month - 1] + day + (month > 2 && is_leap(year));
    int past = year - 1;
    int weekday = (past + past / 4 - past / 100 + past / 400 + ordinal - 1) % 7; /* Monday: 0 */
    int week = (ordinal - weekday + 9) / 7;
    int january = (weekday - (ordinal - 1) % 7 + 7) % 7; /* weekday of 1 January */
    bool is_long = january == 3 || (january == 2 && is_leap(year));
    if (week == 53 && !is_long)
        return 1;
    if (week > 0 || fault_is_planted(FAULT_ENGINE_WEEK))
        return week;
    int earlier = (january + 7 - (is_leap(past) ? 366 : 365) % 7) % 7;
    /* One that began on a Wednesday was a leap year here: else this one began on a Thursday. */
    return earlier == 3 || earlier == 2 ? 53 : 52;
}

bool compare_time(enum time_part part, double number, const struct value *value)
{
    char text[NUMBER_TEXT_BYTES];
    if (!short_text(value->text, value->size, text) || strlen(text) < strlen("2026-11-24"))
        return false;
    int year = digits_at(text, 4);
    int month = digits_at(text + 5, 2);
    int day = digits_at(text + 8, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || text[4] != '-'
        || text[7] != '-')
        return false;
    int found;
    switch (part) {
    case TIME_YEAR:
        found = year;
        break;
    case TIME_MONTH:
        found = month;
        break;
    case TIME_WEEK:
        found = iso_week(year, month, day);
        break;
    case TIME_DAY:
        found = day;
        break;
    default:
        if (strlen(text) < strlen("2026-11-24T01:02"))
            return false;
        found = digits_at(text + (part == TIME_HOUR ? 11 : 14), 2);
        break;
    }
    return found >= 0 && (double)found == number;
}
