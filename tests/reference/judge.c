// SPDX-License-Identifier: Apache-2.0
/*
 * The reference evaluator: what the Sigma specification says, word by word. It looks at every value
 * of every field, keeps nothing and prepares nothing.
 *
 * Where the specification leaves something open:
 *  - a field with several values matches when one of them does; `all` asks for each pattern that
 * some value has it;
 *  - `neq` is "not": true also of a field that is not there;
 *  - JSON's null is a field that is there (`exists`) without a value (null);
 *  - numbers and booleans are compared by their texts.
 */
#include "tests/reference/sigma.h"

#include <string.h>

/* --- texts ----------------------------------------------------------------------------------- */

/* Lower case of the letters that occur here. The Kelvin sign is a k. */
uint32_t fold(uint32_t code_point)
{
    if (code_point >= 'A' && code_point <= 'Z')
        return code_point + ('a' - 'A');
    if (code_point == 0x00c4) /* A with diaeresis */
        return 0x00e4;
    if (code_point == 0x212a) /* Kelvin sign */
        return 'k';
    return code_point;
}

static bool is_same(uint32_t first, uint32_t second, bool is_cased)
{
    return is_cased ? first == second : fold(first) == fold(second);
}

static bool is_word(uint32_t unit)
{
    return (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z')
           || (unit >= '0' && unit <= '9') || unit == '_' || unit == 0x00e4 || unit == 0x00c4
           || unit == 0x212a;
}

/* windash: a dash or slash that stands before a word and not behind one (pySigma's \B[-/]\b). Parts
 * between wildcards are looked at by themselves. */
static bool is_option_mark(const struct text *pattern, size_t at)
{
    uint32_t unit = pattern->units[at];
    bool is_behind_word = at > 0 && is_word(pattern->units[at - 1]);
    bool is_before_word = at + 1 < pattern->count && is_word(pattern->units[at + 1]);
    return (unit == '-' || unit == '/') && !is_behind_word && is_before_word;
}

static bool is_dash(uint32_t unit)
{
    return unit == '-' || unit == '/' || unit == 0x2013 || unit == 0x2014 || unit == 0x2015;
}

static bool rest_matches(const struct text *pattern, size_t p, const struct text *text, size_t t,
                         const struct item *item)
{
    if (p == pattern->count)
        return t == text->count;
    if (pattern->units[p] == ANY) {
        for (size_t end = t; end <= text->count; end++)
            if (rest_matches(pattern, p + 1, text, end, item))
                return true;
        return false;
    }
    if (t == text->count)
        return false;
    bool fits = pattern->units[p] == ONE
                || is_same(pattern->units[p], text->units[t], item->is_cased)
                || (item->is_windash && is_option_mark(pattern, p) && is_dash(text->units[t]));
    return fits && rest_matches(pattern, p + 1, text, t + 1, item);
}

/* contains, startswith and endswith put wildcards around the value. */
static bool pattern_matches(const struct item *item, const struct text *pattern,
                            const struct text *text)
{
    struct text whole = {.count = 0};
    if (item->place == CONTAINS || item->place == ENDSWITH)
        whole.units[whole.count++] = ANY;
    for (size_t i = 0; i < pattern->count && whole.count < TEXT_UNITS; i++)
        whole.units[whole.count++] = pattern->units[i];
    if ((item->place == CONTAINS || item->place == STARTSWITH) && whole.count < TEXT_UNITS)
        whole.units[whole.count++] = ANY;
    return rest_matches(&whole, 0, text, 0, item);
}

/* --- encodings ------------------------------------------------------------------------------- */

static size_t put_utf8(uint32_t code_point, uint8_t *out)
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xc0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 2;
    }
    out[0] = (uint8_t)(0xe0 | code_point >> 12);
    out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code_point & 0x3f));
    return 3;
}

size_t encode(const struct text *text, enum encoding encoding, uint8_t *out)
{
    size_t size = 0;
    if (encoding == UTF16) { /* with a byte order mark */
        out[size++] = 0xff;
        out[size++] = 0xfe;
    }
    for (size_t i = 0; i < text->count; i++) {
        uint32_t unit = text->units[i];
        if (encoding == PLAIN) {
            size += put_utf8(unit, out + size);
            continue;
        }
        uint8_t low = (uint8_t)(unit & 0xff), high = (uint8_t)(unit >> 8 & 0xff);
        out[size++] = encoding == UTF16BE ? high : low;
        out[size++] = encoding == UTF16BE ? low : high;
    }
    return size;
}

size_t to_base64(const uint8_t *bytes, size_t size, char *out)
{
    static const char LETTERS[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t count = 0;
    for (size_t at = 0; at < size; at += 3) {
        uint32_t group = (uint32_t)bytes[at] << 16;
        group |= at + 1 < size ? (uint32_t)bytes[at + 1] << 8 : 0;
        group |= at + 2 < size ? bytes[at + 2] : 0;
        out[count++] = LETTERS[group >> 18];
        out[count++] = LETTERS[group >> 12 & 63];
        out[count++] = at + 1 < size ? LETTERS[group >> 6 & 63] : '=';
        out[count++] = at + 2 < size ? LETTERS[group & 63] : '=';
    }
    return count;
}

static void text_of_characters(const char *characters, size_t count, struct text *ret_text)
{
    ret_text->count = count;
    for (size_t i = 0; i < count; i++)
        ret_text->units[i] = (unsigned char)characters[i];
}

/* base64offset: the value may begin at any of three places of a group of three bytes; what depends
 * on its neighbours is left out at both ends. */
static size_t base64_texts(const struct item *item, const struct text *pattern,
                           struct text ret_texts[3])
{
    static const size_t SKIPPED[] = {0, 2, 3}; /* characters at the front */
    static const size_t CUT[] = {0, 3, 2};     /* and at the end, by how many bytes are left over */
    uint8_t bytes[4 * TEXT_UNITS] = {' ', ' '};
    char characters[8 * TEXT_UNITS];
    if (item->base64 == BASE64) {
        size_t size = encode(pattern, item->encoding, bytes);
        text_of_characters(characters, to_base64(bytes, size, characters), &ret_texts[0]);
        return 1;
    }
    for (size_t offset = 0; offset < 3; offset++) {
        memset(bytes, ' ', offset);
        size_t size = offset + encode(pattern, item->encoding, bytes + offset);
        size_t count = to_base64(bytes, size, characters) - CUT[size % 3];
        text_of_characters(characters + SKIPPED[offset], count - SKIPPED[offset],
                           &ret_texts[offset]);
    }
    return 3;
}

static void widen(const struct item *item, const struct text *pattern, struct text *ret_text)
{
    uint8_t bytes[4 * TEXT_UNITS];
    size_t size = encode(pattern, item->encoding, bytes);
    ret_text->count = size;
    for (size_t i = 0; i < size; i++)
        ret_text->units[i] = bytes[i];
}

static bool text_matches(const struct item *item, const struct text *pattern,
                         const struct text *text)
{
    struct text made[3];
    size_t count = 1;
    if (item->base64 != NO_BASE64)
        count = base64_texts(item, pattern, made);
    else if (item->encoding != PLAIN)
        widen(item, pattern, &made[0]);
    else
        made[0] = *pattern;
    for (size_t i = 0; i < count; i++)
        if (pattern_matches(item, &made[i], text))
            return true;
    return false;
}

/* --- other comparisons ----------------------------------------------------------------------- */

static void text_of(const struct value *value, struct text *ret_text)
{
    char digits[32];
    if (value->kind == VALUE_TEXT) {
        *ret_text = value->text;
        return;
    }
    FILE *out = fmemopen(digits, sizeof digits, "w");
    int size = 0;
    if (out != NULL) {
        size = value->kind == VALUE_NUMBER ? fprintf(out, "%ld", value->number)
                                           : fprintf(out, value->number != 0 ? "true" : "false");
        fclose(out);
    }
    text_of_characters(digits, (size_t)size, ret_text);
}

static void ascii_of(const struct value *value, char *out, size_t capacity)
{
    struct text text;
    text_of(value, &text);
    size_t size = 0;
    for (; size < text.count && size + 1 < capacity; size++)
        out[size] = text.units[size] < 0x80 ? (char)text.units[size] : '?';
    out[size] = '\0';
}

/* Whole numbers only are made here, with or without a sign. */
static bool number_of(const struct value *value, long *ret_number)
{
    char text[64] = "";
    ascii_of(value, text, sizeof text);
    const char *digit = text + (text[0] == '-');
    long number = 0;
    if (*digit == '\0')
        return false;
    for (; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        number = number * 10 + (*digit - '0');
    }
    *ret_number = text[0] == '-' ? -number : number;
    return true;
}

static bool compares(const struct item *item, const struct value *value)
{
    long number;
    if (!number_of(value, &number))
        return false;
    long limit = item->values[0].number;
    switch (item->comparison) {
    case LESS:
        return number < limit;
    case LESS_OR_EQUAL:
        return number <= limit;
    case GREATER:
        return number > limit;
    case GREATER_OR_EQUAL:
        return number >= limit;
    }
    return false;
}

/* Reads digits to the base; false where there is none. */
static bool take_number(const char **text, unsigned base, unsigned *ret_number)
{
    static const char DIGITS[] = "0123456789abcdef";
    const char *begin = *text;
    *ret_number = 0;
    for (const char *digit;
         **text != '\0' && (digit = strchr(DIGITS, **text)) != NULL && digit < DIGITS + base;
         (*text)++)
        *ret_number = *ret_number * base + (unsigned)(digit - DIGITS);
    return *text > begin;
}

static bool take_word(const char **text, const char *word)
{
    if (strncmp(*text, word, strlen(word)) != 0)
        return false;
    *text += strlen(word);
    return true;
}

/* "prefix N between M", both numbers to the base and nothing behind. */
static bool take_pair(const char *text, const char *prefix, const char *between, unsigned base,
                      unsigned *ret_first, unsigned *ret_second)
{
    return take_word(&text, prefix) && take_number(&text, base, ret_first)
           && take_word(&text, between) && take_number(&text, base, ret_second) && *text == '\0';
}

/* Addresses are made as "10.0.N.M" and "fd00::N:M" (hexadecimal) only. */
static bool address_of(const struct value *value, uint8_t address[16], bool *ret_is_v6)
{
    char text[64] = "";
    unsigned first, second;
    ascii_of(value, text, sizeof text);
    memset(address, 0, 16);
    if (take_pair(text, "10.0.", ".", 10, &first, &second)) {
        address[0] = 10;
        address[2] = (uint8_t)first;
        address[3] = (uint8_t)second;
        *ret_is_v6 = false;
        return true;
    }
    if (take_pair(text, "fd00::", ":", 16, &first, &second)) {
        address[0] = 0xfd;
        address[12] = (uint8_t)(first >> 8);
        address[13] = (uint8_t)first;
        address[14] = (uint8_t)(second >> 8);
        address[15] = (uint8_t)second;
        *ret_is_v6 = true;
        return true;
    }
    return false;
}

static bool is_in_network(const struct item *item, const struct value *value)
{
    uint8_t address[16];
    bool is_v6;
    if (!address_of(value, address, &is_v6) || is_v6 != item->is_v6)
        return false;
    for (unsigned bit = 0; bit < item->prefix; bit++) {
        unsigned mask = 0x80u >> bit % 8;
        if ((address[bit / 8] & mask) != (item->address[bit / 8] & mask))
            return false;
    }
    return true;
}

static bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

/* Counted day by day from Monday, 1 January 2001: an ISO week belongs to the year of its Thursday.
 */
static int week_of(int year, int month, int day)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int weekday = 0, thursday_of_year = 0, week = 0;
    for (int y = 2001;; y++) {
        for (int m = 1; m <= 12; m++) {
            for (int d = 1; d <= DAYS[m - 1] + (m == 2 && is_leap(y)); d++) {
                int ordinal = d;
                for (int before = 1; before < m; before++)
                    ordinal += DAYS[before - 1] + (before == 2 && is_leap(y));
                if (weekday == 3)
                    thursday_of_year = (ordinal + 6) / 7;
                week = weekday <= 3 ? -1 : thursday_of_year;
                if (y == year && m == month && d == day) {
                    if (week != -1)
                        return week;
                    /* the Thursday is still to come: in how many days, and of which year */
                    int ahead = ordinal + (3 - weekday);
                    int length = is_leap(y) ? 366 : 365;
                    return ahead > length ? (ahead - length + 6) / 7 : (ahead + 6) / 7;
                }
                weekday = (weekday + 1) % 7;
            }
        }
    }
}

static bool is_time(const struct item *item, const struct value *value)
{
    static const char *const BEFORE[] = {"", "-", "-", "T", ":"};
    unsigned parts[5]; /* year, month, day, hour, minute */
    char ascii[64] = "";
    const char *text = ascii;
    ascii_of(value, ascii, sizeof ascii);
    for (size_t i = 0; i < 5; i++)
        if (!take_word(&text, BEFORE[i]) || !take_number(&text, 10, &parts[i]))
            return false;
    long wanted = item->values[0].number;
    switch (item->part) {
    case MINUTE:
        return parts[4] == wanted;
    case HOUR:
        return parts[3] == wanted;
    case DAY:
        return parts[2] == wanted;
    case WEEK:
        return week_of((int)parts[0], (int)parts[1], (int)parts[2]) == wanted;
    case MONTH:
        return parts[1] == wanted;
    case YEAR:
        return parts[0] == wanted;
    }
    return false;
}

static bool is_like_field(const struct item *item, const struct test_event *event,
                          const struct value *value)
{
    const struct field *other = &event->fields[item->other_field];
    struct text text;
    text_of(value, &text);
    for (size_t i = 0; i < other->count; i++) {
        struct text pattern;
        if (other->values[i].kind == VALUE_NULL)
            continue;
        text_of(&other->values[i], &pattern);
        if (pattern_matches(item, &pattern, &text))
            return true;
    }
    return false;
}

/* --- items ----------------------------------------------------------------------------------- */

static bool has_value(const struct field *field)
{
    for (size_t i = 0; i < field->count; i++)
        if (field->values[i].kind != VALUE_NULL)
            return true;
    return false;
}

/* Whether one value of an event fits the item's wanted value number `wanted`. */
static bool value_fits(const struct item *item, const struct test_event *event, size_t wanted,
                       const struct value *value)
{
    struct text pattern, text;
    if (value->kind == VALUE_NULL)
        return false;
    switch (item->operation) {
    case IS_TEXT:
        text_of(&item->values[wanted], &pattern);
        text_of(value, &text);
        return text_matches(item, &pattern, &text);
    case IS_REGEX:
        text_of(value, &text);
        return regex_is_found(&item->regex, &text);
    case IS_NETWORK:
        return is_in_network(item, value);
    case IS_COMPARED:
        return compares(item, value);
    case IS_TIME:
        return is_time(item, value);
    case IS_FIELD:
        return is_like_field(item, event, value);
    case IS_THERE:
    case OPERATION_COUNT:
        break;
    }
    return false;
}

static bool field_fits(const struct item *item, const struct test_event *event, size_t wanted,
                       const struct field *field)
{
    if (item->operation == IS_TEXT && item->values[wanted].kind == VALUE_NULL)
        return !has_value(field);
    for (size_t i = 0; i < field->count; i++)
        if (value_fits(item, event, wanted, &field->values[i]))
            return true;
    return false;
}

static bool wanted_fits(const struct item *item, const struct test_event *event, size_t wanted)
{
    if (item->field != FIELD_KEYWORD)
        return field_fits(item, event, wanted, &event->fields[item->field]);
    for (size_t i = 0; i < TEST_FIELD_COUNT; i++)
        if (field_fits(item, event, wanted, &event->fields[i]))
            return true;
    return false;
}

/* %word% stands for each of its values. */
static bool expanded_fits(const struct item *item, const struct test_event *event)
{
    struct item plain = *item;
    for (size_t i = 0; i < WORDS; i++) {
        plain.values[0].kind = VALUE_TEXT;
        text_of_characters(PLACEHOLDER_VALUES[i], strlen(PLACEHOLDER_VALUES[i]),
                           &plain.values[0].text);
        if (wanted_fits(&plain, event, 0))
            return true;
    }
    return false;
}

static bool item_holds(const struct item *item, const struct test_event *event)
{
    bool holds = item->is_all;
    if (item->operation == IS_THERE) {
        holds = (event->fields[item->field].count > 0) == (item->values[0].number != 0);
    } else if (item->is_expanded) {
        holds = expanded_fits(item, event);
    } else {
        for (size_t i = 0; i < item->value_count; i++) {
            bool fits = wanted_fits(item, event, i);
            holds = item->is_all ? holds && fits : holds || fits;
        }
    }
    return item->is_not ? !holds : holds;
}

/* --- conditions ------------------------------------------------------------------------------ */

static bool selection_holds(const struct selection *selection, const struct test_event *event)
{
    for (size_t map = 0; map < selection->map_count; map++) {
        bool holds = true;
        for (size_t i = 0; i < selection->map_sizes[map]; i++)
            holds = item_holds(&selection->maps[map][i], event) && holds;
        if (holds)
            return true;
    }
    return false;
}

/* Names that begin with an underscore are only meant by patterns that do; '*' stands for any
 * letters at the end. */
static bool is_named(const char *pattern, const char *name)
{
    if (name[0] == '_' && pattern[0] != '_')
        return false;
    if (strcmp(pattern, "them") == 0)
        return true;
    return strncmp(pattern, name, strlen(pattern) - 1) == 0;
}

static bool some_hold(const struct rule *rule, const struct condition *condition,
                      const struct test_event *event)
{
    bool holds = condition->is_all;
    for (size_t i = 0; i < rule->selection_count; i++) {
        if (!is_named(condition->pattern, rule->selections[i].name))
            continue;
        bool one = selection_holds(&rule->selections[i], event);
        holds = condition->is_all ? holds && one : holds || one;
    }
    return holds;
}

static bool condition_holds(const struct rule *rule, size_t index, const struct test_event *event)
{
    const struct condition *condition = &rule->conditions[index];
    switch (condition->kind) {
    case CONDITION_NAME:
        return selection_holds(&rule->selections[condition->selection], event);
    case CONDITION_OF:
        return some_hold(rule, condition, event);
    case CONDITION_NOT:
        return !condition_holds(rule, condition->left, event);
    case CONDITION_AND:
        return condition_holds(rule, condition->left, event)
               && condition_holds(rule, condition->right, event);
    case CONDITION_OR:
        return condition_holds(rule, condition->left, event)
               || condition_holds(rule, condition->right, event);
    }
    return false;
}

bool judge(const struct rule *rule, const struct test_event *event)
{
    return condition_holds(rule, rule->root, event);
}
