// SPDX-License-Identifier: Apache-2.0
#include "content/content_line.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/json_walk.h"

#include <stdlib.h>
#include <string.h>

/* --- the text is known to be JSON: these find the ends of its parts --------------------------- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static void skip_blanks(struct bytes *text)
{
    while (text->size > 0 && is_blank(text->data[0]))
        *text = (struct bytes){text->data + 1, text->size - 1};
}

/* Bytes of the string that begins here, with its quotes. */
static size_t string_size(struct bytes text)
{
    size_t at = 1;
    while (at < text.size && text.data[at] != '"')
        at += text.data[at] == '\\' ? 2 : 1;
    return at < text.size ? at + 1 : text.size;
}

/* Bytes of the object or array that begins here. */
static size_t nested_size(struct bytes text)
{
    unsigned depth = 0;
    for (size_t at = 0; at < text.size;) {
        uint8_t byte = text.data[at];
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        at += byte == '"' ? string_size((struct bytes){text.data + at, text.size - at}) : 1;
        if (depth == 0)
            return at < text.size ? at : text.size;
    }
    return text.size;
}

/* Bytes of the value that begins here. */
static size_t value_size(struct bytes text)
{
    size_t at = 0;
    if (text.size > 0 && text.data[0] == '"')
        return string_size(text);
    if (text.size > 0 && (text.data[0] == '{' || text.data[0] == '['))
        return nested_size(text);
    while (at < text.size && !is_blank(text.data[at]) && strchr(",]}", text.data[at]) == NULL)
        at++;
    return at;
}

static struct bytes take(struct bytes *text, size_t size)
{
    struct bytes taken = {text->data, size};
    *text = (struct bytes){text->data + size, text->size - size};
    return taken;
}

static bool equals(struct bytes text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* --- a line ----------------------------------------------------------------------------------- */

static RESULT pass_over(struct json_walk *json, struct bytes text, bool is_string)
{
    (void)json;
    (void)text;
    (void)is_string;
    return RESULT_OK;
}

static RESULT walk(struct content_line_room *room, struct json_walk *json, struct bytes text,
                   struct explanation *why)
{
    char name[LIMIT_PATH_BYTES];
    if (text.size > LIMIT_RECORD_LINE_BYTES)
        return explain(why, ERROR_LIMIT, "the line has more than %d bytes",
                       LIMIT_RECORD_LINE_BYTES);
    if (room->capacity < text.size + 1) {
        uint8_t *more = realloc(room->unescaped, text.size + 1);
        if (more == NULL)
            return explain(why, ERROR_MEMORY, "memory is out");
        room->unescaped = more;
        room->capacity = text.size + 1;
    }
    json->text = text.data;
    json->size = text.size;
    json->name = name;
    json->name_capacity = sizeof name;
    json->unescaped = room->unescaped;
    json->why = why;
    return json_walk(json);
}

/* One member of the line's object. */
static void note_member(struct bytes key, struct bytes value, struct content_line *line,
                        unsigned *seen)
{
    if (equals(key, "\"match\"") && (equals(value, "true") || equals(value, "false"))) {
        line->is_match = equals(value, "true");
        *seen |= 1;
    } else if (equals(key, "\"event\"") && value.data[0] == '{') {
        line->events = value;
        *seen |= 2;
    } else if (equals(key, "\"events\"") && value.data[0] == '[' && value.size > 2) {
        line->events = (struct bytes){value.data + 1, value.size - 2};
        line->is_sequence = true;
        *seen |= 4;
    }
}

RESULT content_line_read(struct content_line_room *room, struct bytes text,
                         struct content_line *ret_line, struct explanation *why)
{
    struct json_walk json = {.visit = pass_over};
    struct content_line line = {.is_match = false};
    unsigned seen = 0;
    GUARD(walk(room, &json, text, why));
    skip_blanks(&text);
    take(&text, 1);
    for (;;) {
        skip_blanks(&text);
        if (text.size == 0 || text.data[0] != '"')
            break;
        struct bytes key = take(&text, string_size(text));
        skip_blanks(&text);
        take(&text, text.size > 0 ? 1 : 0); /* the colon */
        skip_blanks(&text);
        struct bytes value = take(&text, value_size(text));
        if (value.size > 0)
            note_member(key, value, &line, &seen);
        skip_blanks(&text);
        take(&text, text.size > 0 ? 1 : 0); /* the comma or the end */
    }
    if (seen != (1 | 2) && seen != (1 | 4))
        return explain(why, ERROR_FORMAT,
                       "expected {\"match\": true or false, \"event\": {...}} or "
                       "\"events\": [{...}, ...]");
    *ret_line = line;
    return RESULT_OK;
}

bool content_line_next(struct content_line *line, struct bytes *ret_event)
{
    skip_blanks(&line->events);
    if (line->events.size > 0 && line->events.data[0] == ',')
        take(&line->events, 1);
    skip_blanks(&line->events);
    if (line->events.size == 0)
        return false;
    size_t size = value_size(line->events);
    *ret_event = take(&line->events, size > 0 ? size : line->events.size);
    return true;
}

void content_line_room_free(struct content_line_room *room)
{
    free(room->unescaped);
    *room = (struct content_line_room){.capacity = 0};
}

/* --- an event's values ------------------------------------------------------------------------ */

struct collector {
    struct json_walk walk; /* first */
    struct content_values *values;
};

static RESULT collect(struct json_walk *json, struct bytes text, bool is_string)
{
    (void)is_string;
    struct content_values *values = ((struct collector *)json)->values;
    size_t room = sizeof values->names - values->names_size;
    if (values->count == CONTENT_VALUES_MAX || json->name_size + 1 > room)
        return RESULT_OK;
    char *name = values->names + values->names_size;
    bytes_copy(name, room, json->name, json->name_size);
    name[json->name_size] = '\0';
    values->names_size += json->name_size + 1;
    values->rows[values->count++] = (struct content_value){name, text};
    return RESULT_OK;
}

RESULT content_line_values(struct content_line_room *room, struct bytes event,
                           struct content_values *ret_values, struct explanation *why)
{
    struct collector collector = {.walk = {.visit = collect}, .values = ret_values};
    ret_values->count = 0;
    ret_values->names_size = 0;
    return walk(room, &collector.walk, event, why);
}

bool content_next_line(struct bytes *rest, struct bytes *ret_line)
{
    if (rest->size == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    *ret_line = (struct bytes){rest->data, size};
    size_t used = size < rest->size ? size + 1 : size;
    *rest = (struct bytes){rest->data + used, rest->size - used};
    return true;
}
