// SPDX-License-Identifier: Apache-2.0
/*
 * Random rules and events. Both are made of few letters and words, so that they meet often: a rule
 * that nothing matches tests little.
 */
#include "tests/reference/sigma.h"

#include <string.h>

const char *const FIELD_NAMES[TEST_FIELD_COUNT] = {"Alpha",   "beta", "Gamma.one", "number",
                                                   "address", "time", "rare"};
const char *const PLACEHOLDER_VALUES[WORDS] = {"ab", "b/0"};

static uint64_t state;

void random_begin(uint64_t seed)
{
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (unsigned i = 0; i < 4; i++)
        (void)pick(2);
}

unsigned pick(unsigned limit) /* xorshift64* */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned)((state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

/* --- texts ----------------------------------------------------------------------------------- */

static void put_ascii(struct text *text, const char *ascii)
{
    for (; *ascii != '\0' && text->count < TEXT_UNITS; ascii++)
        text->units[text->count++] = (unsigned char)*ascii;
}

static void put_piece(struct text *text)
{
    static const char *const PIECES[] = {"a", "b", "A", "ab", "B", "/", "\\",  " -a", " /a", "-",
                                         ".", "*", "?", "0",  "k", " ", "b/0", "'",   "\\\\"};
    static const uint32_t RARE[] = {0x00e4, 0x00c4, 0x212a, 0x2013, 0x2015};
    if (pick(10) == 0)
        text->units[text->count++] = RARE[pick(5)];
    else
        put_ascii(text, PIECES[pick(sizeof PIECES / sizeof PIECES[0])]);
}

/* A word that some item encodes, as it lies in an event: behind up to two other bytes. */
static const char *const SECRETS[] = {"ab", "a/b", "-a b"};

static void put_secret(struct text *text)
{
    struct text secret = {.count = 0};
    uint8_t bytes[64] = {'x', 'y'};
    char characters[128];
    size_t size = pick(3);
    put_ascii(&secret, SECRETS[pick(3)]);
    size += encode(&secret, (enum encoding)pick(4), bytes + size);
    size_t extra = pick(3);
    for (size_t i = 0; i < extra; i++)
        bytes[size++] = 'z';
    if (pick(4) == 0) {
        for (size_t i = 0; i < size && text->count < TEXT_UNITS; i++)
            if (bytes[i] < 0x80) /* else it were no UTF-8 */
                text->units[text->count++] = bytes[i];
        return;
    }
    size = to_base64(bytes, size, characters);
    for (size_t i = 0; i < size && text->count < TEXT_UNITS - 8; i++)
        text->units[text->count++] = (unsigned char)characters[i];
}

static void make_text(struct text *ret_text, bool is_pattern)
{
    ret_text->count = 0;
    if (!is_pattern && pick(8) == 0) {
        put_secret(ret_text);
        return;
    }
    unsigned wildcards = 0;
    for (unsigned left = pick(is_pattern ? 4 : 6) + (pick(8) != 0); left > 0; left--) {
        if (is_pattern && pick(5) == 0 && wildcards < 3) {
            ret_text->units[ret_text->count++] = pick(2) == 0 ? ANY : ONE;
            wildcards++;
        } else {
            put_piece(ret_text);
        }
    }
}

static void print_text(struct text *ret_text, const char *format, unsigned first, unsigned second)
{
    char ascii[64];
    FILE *out = fmemopen(ascii, sizeof ascii, "w");
    if (out != NULL) {
        fprintf(out, format, first, second);
        fclose(out);
    }
    ret_text->count = 0;
    put_ascii(ret_text, ascii);
}

/* --- events ---------------------------------------------------------------------------------- */

static void make_number(struct value *ret_value)
{
    ret_value->kind = pick(3) == 0 ? VALUE_TEXT : VALUE_NUMBER;
    ret_value->number = (long)pick(7) - 2;
    if (ret_value->kind == VALUE_TEXT) {
        if (ret_value->number < 0)
            print_text(&ret_value->text, "-%u", (unsigned)-ret_value->number, 0);
        else
            print_text(&ret_value->text, "%u", (unsigned)ret_value->number, 0);
    }
}

static void make_time(struct value *ret_value)
{
    static const unsigned DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned month = pick(3) == 0 ? 1 : pick(2) == 0 ? 12 : 1 + pick(12);
    char ascii[64] = "";
    FILE *out = fmemopen(ascii, sizeof ascii, "w");
    if (out != NULL) {
        unsigned day = month == 12 ? 25 + pick(7) : 1 + pick(pick(2) == 0 ? 7 : DAYS[month - 1]);
        fprintf(out, "%04u-%02u-%02uT%02u:%02u:%02uZ", 2019 + pick(12), month, day, pick(4),
                pick(4), pick(60));
        fclose(out);
    }
    ret_value->kind = VALUE_TEXT;
    ret_value->text.count = 0;
    put_ascii(&ret_value->text, ascii);
}

static void make_address(struct value *ret_value)
{
    ret_value->kind = VALUE_TEXT;
    switch (pick(5)) {
    case 0:
        make_text(&ret_value->text, false);
        break;
    case 1:
        print_text(&ret_value->text, "fd00::%x:%x", pick(4) << pick(13), pick(4));
        break;
    default:
        print_text(&ret_value->text, "10.0.%u.%u", pick(4) << pick(6), pick(256));
        break;
    }
}

static void make_value(int field, struct value *ret_value)
{
    *ret_value = (struct value){.kind = VALUE_TEXT};
    switch (field) {
    case FIELD_NUMBER:
        make_number(ret_value);
        return;
    case FIELD_ADDRESS:
        make_address(ret_value);
        return;
    case FIELD_TIME:
        make_time(ret_value);
        return;
    default:
        break;
    }
    if (pick(16) == 0)
        ret_value->kind = VALUE_BOOLEAN;
    else if (pick(24) == 0)
        ret_value->kind = VALUE_NULL;
    else if (pick(16) == 0)
        ret_value->kind = VALUE_NUMBER;
    ret_value->number = pick(2);
    make_text(&ret_value->text, false);
}

void make_event(struct test_event *ret_event)
{
    *ret_event = (struct test_event){0};
    for (int field = 0; field < TEST_FIELD_COUNT; field++) {
        struct field *made = &ret_event->fields[field];
        if (pick(field == FIELD_RARE ? 2 : 6) == 0)
            continue;
        made->count = 1 + (pick(6) == 0);
        for (size_t i = 0; i < made->count; i++) {
            make_value(field, &made->values[i]);
            /* null inside of a list is nobody's business here */
            if (made->count > 1 && made->values[i].kind == VALUE_NULL)
                made->values[i].kind = VALUE_TEXT;
        }
    }
}

/* --- rules ----------------------------------------------------------------------------------- */

static void make_wanted(struct value *ret_value)
{
    *ret_value = (struct value){.kind = VALUE_TEXT};
    if (pick(16) == 0)
        ret_value->kind = VALUE_NUMBER;
    else if (pick(20) == 0)
        ret_value->kind = VALUE_BOOLEAN;
    ret_value->number = pick(2);
    make_text(&ret_value->text, true);
}

static void make_encoded(struct item *item)
{
    item->encoding = (enum encoding)pick(4);
    item->base64 = (enum base64)pick(3);
    if (item->base64 == NO_BASE64 && item->encoding == PLAIN)
        item->base64 = BASE64_OFFSET;
    if (item->base64 == BASE64_OFFSET || pick(2) == 0)
        item->place = CONTAINS;
    for (size_t i = 0; i < item->value_count; i++) {
        item->values[i].kind = VALUE_TEXT;
        item->values[i].text.count = 0;
        put_ascii(&item->values[i].text, SECRETS[pick(3)]);
    }
}

static void make_text_item(struct item *item)
{
    item->place = (enum place)pick(4);
    item->is_cased = pick(5) == 0;
    item->is_windash = pick(6) == 0;
    item->value_count = 1 + (pick(3) == 0 ? pick(VALUES) : 0);
    for (size_t i = 0; i < item->value_count; i++) {
        make_wanted(&item->values[i]);
        bool is_plain = item->place == WHOLE && !item->is_cased && !item->is_windash;
        if (!is_plain)
            item->values[i].kind = VALUE_TEXT;
    }
    item->is_all = item->value_count > 1 && pick(3) == 0;
    if (pick(10) == 0) {
        item->is_windash = false;
        make_encoded(item);
    } else if (pick(14) == 0) {
        *item = (struct item){.field = item->field,
                              .is_expanded = true,
                              .value_count = 1,
                              .place = (enum place)pick(4),
                              .is_cased = item->is_cased};
    } else if (item->place == WHOLE && !item->is_cased && !item->is_windash && !item->is_all
               && pick(12) == 0) {
        item->values[0] = (struct value){.kind = VALUE_NULL};
    }
}

static void make_network(struct item *item)
{
    item->is_v6 = pick(4) == 0;
    item->address[0] = item->is_v6 ? 0xfd : 10;
    item->prefix = item->is_v6 ? 96 + pick(33) : 8 + pick(25);
    if (item->is_v6)
        item->address[13] = (uint8_t)pick(4);
    else
        item->address[2] = (uint8_t)(pick(4) << pick(6));
    for (unsigned bit = item->prefix; bit < 128; bit++) /* host bits are zero */
        item->address[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static void make_time_item(struct item *item)
{
    item->part = (enum time_part)pick(6);
    switch (item->part) {
    case MINUTE:
    case HOUR:
        item->values[0].number = pick(4);
        break;
    case DAY:
        item->values[0].number = 1 + pick(31);
        break;
    case WEEK:
        item->values[0].number = pick(2) == 0 ? 1 + pick(2) : 51 + pick(3);
        break;
    case MONTH:
        item->values[0].number = pick(2) == 0 ? 1 : 12;
        break;
    case YEAR:
        item->values[0].number = 2019 + pick(12);
        break;
    }
}

static void make_special(struct item *item)
{
    item->operation = (enum operation)(IS_REGEX + pick(OPERATION_COUNT - IS_REGEX));
    item->value_count = 1;
    item->values[0].kind = VALUE_NUMBER;
    switch (item->operation) {
    case IS_REGEX:
        make_regex(&item->regex);
        break;
    case IS_NETWORK:
        item->field = FIELD_ADDRESS;
        make_network(item);
        break;
    case IS_COMPARED:
        item->field = FIELD_NUMBER;
        item->comparison = (enum comparison)pick(4);
        item->values[0].number = (long)pick(7) - 2;
        break;
    case IS_THERE:
        item->field = FIELD_RARE;
        item->values[0].number = pick(2);
        break;
    case IS_FIELD:
        item->other_field = (int)pick(FIELD_TEXTS);
        item->place = (enum place)pick(4);
        item->is_cased = pick(4) == 0;
        break;
    case IS_TIME:
        item->field = FIELD_TIME;
        make_time_item(item);
        break;
    case IS_TEXT:
    case OPERATION_COUNT:
        break;
    }
}

static void make_item(struct item *ret_item)
{
    *ret_item = (struct item){.field = (int)pick(FIELD_TEXTS)};
    if (pick(8) == 0)
        ret_item->field = FIELD_NUMBER;
    if (pick(3) == 0)
        make_special(ret_item);
    else
        make_text_item(ret_item);
    bool is_null = ret_item->operation == IS_TEXT && !ret_item->is_expanded
                   && ret_item->values[0].kind == VALUE_NULL;
    ret_item->is_not = !is_null && ret_item->operation != IS_THERE && pick(8) == 0;
}

/* Words that are looked for anywhere in any value. */
static void make_keywords(struct item *ret_item)
{
    *ret_item = (struct item){.field = FIELD_KEYWORD, .place = CONTAINS};
    ret_item->value_count = 1 + pick(VALUES);
    for (size_t i = 0; i < ret_item->value_count; i++) {
        make_text(&ret_item->values[i].text, true);
        if (ret_item->values[i].text.count == 0)
            put_ascii(&ret_item->values[i].text, "ab");
    }
    ret_item->is_all = pick(4) == 0;
}

static void make_selection(struct selection *selection)
{
    selection->is_keywords = pick(8) == 0;
    if (selection->is_keywords) {
        selection->map_count = 1;
        selection->map_sizes[0] = 1;
        make_keywords(&selection->maps[0][0]);
        return;
    }
    selection->map_count = 1 + (pick(3) == 0);
    for (size_t map = 0; map < selection->map_count; map++) {
        bool is_used[TEST_FIELD_COUNT] = {false}; /* the same key twice is no YAML */
        for (size_t left = 1 + pick(ITEMS); left > 0; left--) {
            struct item *item = &selection->maps[map][selection->map_sizes[map]];
            make_item(item);
            selection->map_sizes[map] += !is_used[item->field];
            is_used[item->field] = true;
        }
    }
}

static size_t make_condition(struct rule *rule, unsigned depth)
{
    size_t index = rule->condition_count++;
    struct condition made = {.kind = CONDITION_NAME};
    bool has_room = rule->condition_count + 2 < CONDITIONS && depth < 3;
    unsigned kind = pick(has_room ? 10 : 4);
    made.selection = pick((unsigned)rule->selection_count);
    if (kind == 3) {
        static const char *const PATTERNS[] = {"them", "sel*", "filter*", "_*", "*"};
        made.kind = CONDITION_OF;
        made.pattern = PATTERNS[pick(5)];
        made.is_all = pick(2) == 0;
    } else if (kind == 4 || kind == 5) {
        made.kind = CONDITION_NOT;
        made.left = make_condition(rule, depth + 1);
    } else if (kind > 5) {
        made.kind = pick(2) == 0 ? CONDITION_AND : CONDITION_OR;
        made.left = make_condition(rule, depth + 1);
        made.right = made.left;
        if (rule->condition_count < CONDITIONS)
            made.right = make_condition(rule, depth + 1);
    }
    rule->conditions[index] = made;
    return index;
}

void make_rule(struct rule *ret_rule)
{
    static const char *const NAMES[SELECTIONS] = {"sel_one", "filter", "sel_two", "_hidden"};
    memset(ret_rule, 0, sizeof *ret_rule);
    ret_rule->selection_count = SELECTIONS; /* so that every pattern names one */
    for (size_t i = 0; i < ret_rule->selection_count; i++) {
        ret_rule->selections[i].name = NAMES[i];
        make_selection(&ret_rule->selections[i]);
    }
    ret_rule->root = make_condition(ret_rule, 0);
}
