// SPDX-License-Identifier: Apache-2.0
/*
 * Events from JSON (RFC 8259) without a tree: one pass that hands each value to the view under its
 * dotted name. Numbers keep the text that they were written with.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/fold.h"
#include "engine/view.h"

#include <string.h>

struct json {
    struct engine_event *event;
    const uint8_t *line;
    size_t size;
    size_t at;
    size_t name_size; /* of the dotted name in event->names */
    unsigned depth;
    struct view_source source;
    const char *ecs_category; /* event.category and event.action, "" where absent */
    const char *ecs_action;
    struct explanation *why;
};

static RESULT parse_value(struct json *json);

static RESULT fault(const struct json *json, const char *expected)
{
    if (json->at >= json->size)
        return explain(json->why, ERROR_FORMAT, "not a JSON object: it ends at byte %zu where %s "
                       "is expected", json->at, expected);
    uint8_t found = json->line[json->at];
    bool is_shown = found > 0x20 && found < 0x7F;
    return explain(json->why, ERROR_FORMAT,
                   "not a JSON object: byte %zu is %s%c%s where %s is expected", json->at,
                   is_shown ? "'" : "no text or a blank", is_shown ? found : ' ',
                   is_shown ? "'" : "", expected);
}

static void skip_blanks(struct json *json)
{
    while (json->at < json->size) {
        uint8_t c = json->line[json->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
        json->at++;
    }
}

static bool take(struct json *json, char c)
{
    if (json->at >= json->size || json->line[json->at] != (uint8_t)c)
        return false;
    json->at++;
    return true;
}

static RESULT parse_hex(struct json *json, uint32_t *ret_unit)
{
    uint32_t unit = 0;
    for (unsigned i = 0; i < 4; i++, json->at++) {
        if (json->at >= json->size)
            return fault(json, "a hexadecimal digit");
        uint8_t c = json->line[json->at];
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return fault(json, "a hexadecimal digit");
    }
    *ret_unit = unit;
    return RESULT_OK;
}

/* Behind "\u". Halves of a pair that stand alone become U+FFFD. */
static RESULT parse_code(struct json *json, uint32_t *ret_code)
{
    enum { REPLACEMENT = 0xFFFD };
    uint32_t unit = 0;
    GUARD(parse_hex(json, &unit));
    *ret_code = unit;
    if (unit < 0xD800 || unit > 0xDFFF)
        return RESULT_OK;
    *ret_code = REPLACEMENT;
    size_t behind = json->at;
    if (unit > 0xDBFF || !take(json, '\\') || !take(json, 'u')) {
        json->at = behind;
        return RESULT_OK;
    }
    uint32_t low = 0;
    GUARD(parse_hex(json, &low));
    if (low >= 0xDC00 && low <= 0xDFFF)
        *ret_code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    else
        json->at = behind;
    return RESULT_OK;
}

static RESULT parse_escape(struct json *json, uint8_t **out)
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char VALUES[] = "\"\\/\b\f\n\r\t";
    if (take(json, 'u')) {
        uint32_t code;
        GUARD(parse_code(json, &code));
        *out += fold_encode(code, *out);
        return RESULT_OK;
    }
    const char *name = json->at < json->size ? strchr(NAMES, json->line[json->at]) : NULL;
    if (name == NULL || *name == '\0')
        return fault(json, "an escape such as \\n");
    json->at++;
    *(*out)++ = (uint8_t)VALUES[name - NAMES];
    return RESULT_OK;
}

/* The rest of a string with escapes, into the event's texts: never longer than it was. */
static RESULT parse_escaped(struct json *json, size_t start, struct bytes *ret_text)
{
    uint8_t *begin = json->event->texts + json->event->text_size;
    uint8_t *out = begin;
    for (size_t i = start; i < json->at; i++)
        *out++ = json->line[i];
    while (json->at < json->size && json->line[json->at] != '"') {
        if (json->line[json->at] < 0x20)
            return fault(json, "a character of a string");
        if (take(json, '\\'))
            GUARD(parse_escape(json, &out));
        else
            *out++ = json->line[json->at++];
    }
    if (!take(json, '"'))
        return fault(json, "the end of the string");
    *ret_text = (struct bytes){begin, (size_t)(out - begin)};
    json->event->text_size += ret_text->size;
    return RESULT_OK;
}

/* How many bytes in front hold no quote, backslash or control character, in steps of eight: each
 * test leaves the top bit of a byte (or of one behind the first that it finds). */
static size_t plain_bytes(const uint8_t *text, size_t size)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word = word_at(text + at);
        uint64_t quote = word ^ (ones * '"');
        uint64_t backslash = word ^ (ones * '\\');
        uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote)
                         | ((backslash - ones) & ~backslash);
        if ((found & (ones * 0x80)) != 0)
            break;
    }
    return at;
}

static RESULT parse_string(struct json *json, struct bytes *ret_text)
{
    if (!take(json, '"'))
        return fault(json, "a string");
    size_t start = json->at;
    json->at += plain_bytes(json->line + start, json->size - start);
    for (; json->at < json->size; json->at++) {
        uint8_t c = json->line[json->at];
        if (c == '\\')
            return parse_escaped(json, start, ret_text);
        if (c < 0x20)
            return fault(json, "a character of a string");
        if (c == '"') {
            *ret_text = (struct bytes){json->line + start, json->at - start};
            json->at++;
            return RESULT_OK;
        }
    }
    return fault(json, "the end of the string");
}

static size_t skip_digits(struct json *json)
{
    size_t start = json->at;
    while (json->at < json->size && json->line[json->at] >= '0' && json->line[json->at] <= '9')
        json->at++;
    return json->at - start;
}

static RESULT parse_number(struct json *json, struct bytes *ret_text)
{
    size_t start = json->at;
    take(json, '-');
    if (!take(json, '0') && skip_digits(json) == 0)
        return fault(json, "a value");
    if (take(json, '.') && skip_digits(json) == 0)
        return fault(json, "a digit");
    if (take(json, 'e') || take(json, 'E')) {
        if (!take(json, '-'))
            take(json, '+');
        if (skip_digits(json) == 0)
            return fault(json, "a digit");
    }
    *ret_text = (struct bytes){json->line + start, json->at - start};
    return RESULT_OK;
}

static bool take_word(struct json *json, const char *word)
{
    size_t size = strlen(word);
    if (json->size - json->at < size || memcmp(json->line + json->at, word, size) != 0)
        return false;
    json->at += size;
    return true;
}

/* A copy with a 0 behind it, in the event's texts. */
static const char *keep_word(struct json *json, struct bytes text)
{
    struct engine_event *event = json->event;
    char *copy = (char *)event->texts + event->text_size;
    bytes_copy(copy, event->text_capacity - event->text_size, text.data, text.size);
    copy[text.size] = '\0';
    event->text_size += text.size + 1;
    return copy;
}

/* The words that say which log source an event belongs to; false for any other name. */
static bool note_source(struct json *json, struct bytes text)
{
    const struct {
        const char *name;
        const char **word;
    } WORDS[] = {
        {"product", &json->source.product}, {"category", &json->source.category},
        {"service", &json->source.service}, {"event.category", &json->ecs_category},
        {"event.action", &json->ecs_action},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (json->name_size == strlen(WORDS[i].name)
            && memcmp(json->event->names, WORDS[i].name, json->name_size) == 0) {
            if (**WORDS[i].word == '\0' && text.size <= LIMIT_NAME_BYTES)
                *WORDS[i].word = keep_word(json, text);
            return true;
        }
    }
    return false;
}

static RESULT add_value(struct json *json, struct bytes text, bool is_string)
{
    struct engine_event *event = json->event;
    bool is_source = is_string && note_source(json, text);
    uint32_t slot = program_find_slot(event->program, event->names, json->name_size);
    if (slot == NO_INDEX && (is_source || !event->program->has_keywords))
        return RESULT_OK;
    if (event->value_count >= LIMIT_EVENT_VALUES)
        return explain(json->why, ERROR_LIMIT,
                       "the event has more than %d values (LIMIT_EVENT_VALUES)",
                       (int)LIMIT_EVENT_VALUES);
    view_add(event, slot, text.data, text.size);
    return RESULT_OK;
}

/* Adds ".key" to the name; the caller puts name_size back. */
static RESULT append_name(struct json *json, struct bytes key)
{
    struct engine_event *event = json->event;
    size_t needed = json->name_size + 1 + key.size;
    if (needed > event->name_capacity)
        return explain(json->why, ERROR_LIMIT, "a name in the event has more than %zu bytes",
                       event->name_capacity);
    if (json->name_size > 0)
        event->names[json->name_size++] = '.';
    bytes_copy(event->names + json->name_size, event->name_capacity - json->name_size, key.data,
               key.size);
    json->name_size += key.size;
    return RESULT_OK;
}

static RESULT parse_member(struct json *json)
{
    struct bytes key = {0};
    size_t name_size = json->name_size;
    GUARD(parse_string(json, &key));
    GUARD(append_name(json, key));
    skip_blanks(json);
    if (!take(json, ':'))
        return fault(json, "':'");
    GUARD(parse_value(json));
    json->name_size = name_size;
    return RESULT_OK;
}

/* An object or the values of an array, which all have the array's name. */
static RESULT parse_container(struct json *json, char end)
{
    if (json->depth >= LIMIT_JSON_DEPTH)
        return explain(json->why, ERROR_LIMIT,
                       "the event is nested more than %d deep (LIMIT_JSON_DEPTH)",
                       (int)LIMIT_JSON_DEPTH);
    json->depth++;
    skip_blanks(json);
    if (!take(json, end)) {
        for (;;) {
            skip_blanks(json);
            if (end == '}')
                GUARD(parse_member(json));
            else
                GUARD(parse_value(json));
            skip_blanks(json);
            if (take(json, end))
                break;
            if (!take(json, ','))
                return fault(json, end == '}' ? "',' or '}'" : "',' or ']'");
        }
    }
    json->depth--;
    return RESULT_OK;
}

static RESULT parse_value(struct json *json)
{
    struct bytes text = {0};
    skip_blanks(json);
    if (take(json, '{'))
        return parse_container(json, '}');
    if (take(json, '['))
        return parse_container(json, ']');
    if (json->at < json->size && json->line[json->at] == '"') {
        GUARD(parse_string(json, &text));
        return add_value(json, text, true);
    }
    if (take_word(json, "null"))
        return RESULT_OK; /* as if it were not there */
    if (take_word(json, "true"))
        return add_value(json, (struct bytes){(const uint8_t *)"true", 4}, false);
    if (take_word(json, "false"))
        return add_value(json, (struct bytes){(const uint8_t *)"false", 5}, false);
    GUARD(parse_number(json, &text));
    return add_value(json, text, false);
}

/* Our own recordings name the kind of event in ECS's words. */
static void derive_sources(struct json *json)
{
    struct engine_event *event = json->event;
    if (json->source.category[0] == '\0' && json->ecs_action[0] != '\0') {
        for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
            const struct schema_kind *kind = schema_kind((enum event_kind)i);
            if (!string_equal(kind->ecs_action, json->ecs_action)
                || !string_equal(kind->ecs_category, json->ecs_category))
                continue;
            for (size_t n = 0; n < VIEW_SOURCES && kind->categories[n][0] != '\0'; n++)
                event->sources[event->source_count++] =
                    (struct view_source){"linux", kind->categories[n], json->source.service};
        }
    }
    if (event->source_count == 0)
        event->sources[event->source_count++] = json->source;
}

/* Each value but the first in a line stands behind a comma. */
static uint32_t count_values(const char *line, size_t size)
{
    size_t commas = 0;
    for (size_t i = 0; i < size; i++)
        commas += line[i] == ',';
    return commas < LIMIT_EVENT_VALUES ? (uint32_t)commas + 1 : (uint32_t)LIMIT_EVENT_VALUES;
}

RESULT view_read_json(struct engine_event *event, const char *line, size_t size,
                      struct explanation *why)
{
    if (size > LIMIT_RECORD_LINE_BYTES)
        return explain(why, ERROR_LIMIT, "the event has %zu bytes; at most %d are taken "
                       "(LIMIT_RECORD_LINE_BYTES)", size, (int)LIMIT_RECORD_LINE_BYTES);
    /* The words of the log source may be copied once more. */
    size_t text_size = size + 5 * ((size_t)LIMIT_NAME_BYTES + 1);
    struct result room = view_reserve(event, text_size, count_values(line, size));
    if (!result_is_ok(room))
        return explain(why, room.error, "memory is out while reading an event");
    struct json json = {.event = event, .line = (const uint8_t *)line, .size = size,
                        .source = {"", "", ""}, .ecs_category = "", .ecs_action = "", .why = why};
    skip_blanks(&json);
    if (!take(&json, '{'))
        return fault(&json, "'{'");
    GUARD(parse_container(&json, '}'));
    skip_blanks(&json);
    if (json.at != json.size)
        return fault(&json, "the end of the line");
    derive_sources(&json);
    return RESULT_OK;
}
