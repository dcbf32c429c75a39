// SPDX-License-Identifier: Apache-2.0
#include "content/log_json.h"

#include "base/bytes.h"
#include "content/log_windows.h"
#include "engine/json_walk.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * KIB };

struct log_json {
    struct recording *recording;
    char name[LIMIT_PATH_BYTES]; /* the dotted name that is being read */
    uint8_t *unescaped;
    size_t unescaped_capacity;

    /* objects over several lines */
    bool is_document;
    uint8_t block[BLOCK_BYTES];
    size_t block_size;
    size_t block_at;
    uint64_t line;
    bool is_at_line_start;
    uint8_t *object; /* what there is of the one that is being read */
    size_t object_size;
    size_t object_capacity;
    uint64_t object_line;
    bool is_too_large;
    unsigned depth; /* of braces and brackets inside it; 0: none is being read */
    bool is_string;
    bool is_escape;
    bool has_junk; /* on this line, between objects; it was said */
};

/* --- what it is ------------------------------------------------------------------------------- */

/* Whether the first line of `start` is a whole object, or goes on further than we see. */
static bool is_line_mode(struct bytes start)
{
    unsigned depth = 0;
    bool is_string = false;
    for (size_t i = 0; i < start.size; i++) {
        uint8_t c = start.data[i];
        if (c == '\n' && (depth > 0 || is_string))
            return false;
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            if (depth == 0 && c == '[')
                return false;
            depth++;
        } else if ((c == '}' || c == ']') && (depth == 0 || --depth == 0)) {
            return true;
        }
    }
    return true;
}

RESULT log_json_new(struct recording *recording, struct log_json **ret_json,
                    struct explanation *why)
{
    struct bytes start;
    GUARD(recording_peek(recording, &start, why));
    struct log_json *json = calloc(1, sizeof *json);
    if (json == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    json->recording = recording;
    json->is_document = !is_line_mode(start);
    json->is_at_line_start = true;
    *ret_json = json;
    return RESULT_OK;
}

void log_json_free(struct log_json *json)
{
    if (json == NULL)
        return;
    free(json->unescaped);
    free(json->object);
    free(json);
}

/* --- one object ------------------------------------------------------------------------------- */

struct object_walk {
    struct json_walk walk; /* first: the visitor knows us by its address */
    struct log_fields *fields;
    struct log_windows_names names;
};

static struct result add_value(struct json_walk *walk, struct bytes text, bool is_string)
{
    (void)is_string;
    struct object_walk *object = (struct object_walk *)walk;
    struct bytes name = {(const uint8_t *)walk->name, walk->name_size};
    struct result result = log_windows_add_dotted(object->fields, &object->names, name, text);
    if (result.error == ERROR_LIMIT)
        return explain(walk->why, ERROR_LIMIT,
                       "the event has more than %d values (LIMIT_EVENT_VALUES)",
                       (int)LIMIT_EVENT_VALUES);
    return result;
}

static struct result add_null(struct json_walk *walk)
{
    return add_value(walk, (struct bytes){NULL, 0}, false);
}

static RESULT make_room(uint8_t **memory, size_t *capacity, size_t needed)
{
    if (needed <= *capacity)
        return RESULT_OK;
    size_t larger = 2 * needed;
    uint8_t *moved = realloc(*memory, larger);
    if (moved == NULL)
        return result_fail(ERROR_MEMORY);
    *memory = moved;
    *capacity = larger;
    return RESULT_OK;
}

RESULT log_json_read(struct log_json *json, struct bytes text, struct log_fields *fields,
                     struct explanation *why)
{
    struct result room = make_room(&json->unescaped, &json->unescaped_capacity, text.size + 1);
    if (!result_is_ok(room))
        return explain(why, ERROR_MEMORY, "memory is out");
    struct object_walk object = {
        .walk = {.text = text.data, .size = text.size, .name = json->name,
                 .name_capacity = sizeof json->name, .unescaped = json->unescaped,
                 .visit = add_value, .visit_null = add_null, .why = why},
        .fields = fields,
    };
    return json_walk(&object.walk);
}

static RESULT read_entry(struct log_json *json, struct bytes text, uint64_t number,
                         struct log_fields *fields, struct log_entry *ret_entry,
                         struct explanation *why)
{
    struct result result = log_json_read(json, text, fields, why);
    if (result.error == ERROR_MEMORY)
        return result;
    *ret_entry = (struct log_entry){number, !result_is_ok(result)};
    return RESULT_OK;
}

/* --- an object a line ------------------------------------------------------------------------- */

static RESULT next_line(struct log_json *json, struct log_fields *fields,
                        struct log_entry *ret_entry, struct explanation *why)
{
    struct recording_line line;
    for (;;) {
        struct result result = recording_next(json->recording, &line, why);
        if (result.error == ERROR_LIMIT)
            return log_entry_unreadable(ret_entry, line.number);
        GUARD(result);
        static const char MARK[] = "\xef\xbb\xbf"; /* of UTF-8, by some editors */
        if (line.number == 0 && bytes_start_with(line.text, MARK))
            line.text = (struct bytes){line.text.data + 3, line.text.size - 3};
        if (!recording_line_is_blank(&line))
            return read_entry(json, line.text, line.number, fields, ret_entry, why);
    }
}

/* --- objects over several lines --------------------------------------------------------------- */

static RESULT keep(struct log_json *json, uint8_t c, struct explanation *why)
{
    if (json->object_size >= LIMIT_RECORD_LINE_BYTES) {
        json->is_too_large = true;
        return RESULT_OK;
    }
    struct result room = make_room(&json->object, &json->object_capacity, json->object_size + 1);
    if (!result_is_ok(room))
        return explain(why, ERROR_MEMORY, "memory is out");
    json->object[json->object_size++] = c;
    return RESULT_OK;
}

/* What `c` does to the nesting of the object that is being read. */
static void nest(struct log_json *json, uint8_t c)
{
    if (json->is_escape)
        json->is_escape = false;
    else if (json->is_string && c == '\\')
        json->is_escape = true;
    else if (c == '"')
        json->is_string = !json->is_string;
    else if (!json->is_string && (c == '{' || c == '['))
        json->depth++;
    else if (!json->is_string && (c == '}' || c == ']'))
        json->depth--;
}

static void begin_object(struct log_json *json)
{
    json->depth = 0;
    json->is_string = false;
    json->is_escape = false;
    json->object_size = 0;
    json->is_too_large = false;
    json->object_line = json->line;
}

/* Between objects. True: there is something that does not belong there, and it was not said yet. */
static bool is_junk(struct log_json *json, uint8_t c)
{
    bool belongs = c != 0 && strchr(" \t\r\n,[]\xef\xbb\xbf", c) != NULL;
    if (belongs || json->has_junk)
        return false;
    json->has_junk = true;
    return true;
}

static RESULT finish_object(struct log_json *json, struct log_fields *fields,
                            struct log_entry *ret_entry, struct explanation *why)
{
    if (json->is_too_large) {
        result_ignore(explain(why, ERROR_LIMIT, /* it costs itself only */
                              "the object is longer than %d bytes", LIMIT_RECORD_LINE_BYTES));
        return log_entry_unreadable(ret_entry, json->object_line);
    }
    return read_entry(json, (struct bytes){json->object, json->object_size}, json->object_line,
                      fields, ret_entry, why);
}

enum step { STEP_ON, STEP_OBJECT, STEP_CUT, STEP_JUNK };

static RESULT take_byte(struct log_json *json, uint8_t c, enum step *ret_step,
                        struct explanation *why)
{
    *ret_step = STEP_ON;
    bool is_resumed = c == '{' && json->is_at_line_start && json->depth > 0;
    if (is_resumed) {
        json->depth = 0; /* and this byte is looked at again */
        *ret_step = STEP_CUT;
        return RESULT_OK;
    }
    json->block_at++;
    if (json->depth == 0 && c == '{') {
        begin_object(json);
    } else if (json->depth == 0 && is_junk(json, c)) {
        *ret_step = STEP_JUNK;
    }
    bool is_inside = json->depth > 0 || c == '{';
    if (is_inside) {
        nest(json, c);
        GUARD(keep(json, c, why));
        if (json->depth == 0)
            *ret_step = STEP_OBJECT;
    }
    json->is_at_line_start = c == '\n';
    if (c == '\n') {
        json->line++;
        json->has_junk = false;
    }
    return RESULT_OK;
}

static RESULT next_object(struct log_json *json, struct log_fields *fields,
                          struct log_entry *ret_entry, struct explanation *why)
{
    for (;;) {
        if (json->block_at == json->block_size) {
            json->block_at = 0;
            struct result result = recording_read(json->recording, json->block, BLOCK_BYTES,
                                                  &json->block_size, why);
            if (json->block_size == 0) /* else the next call fails, when this much was read */
                GUARD(result);
        }
        enum step step = STEP_CUT;
        if (json->block_size > 0)
            GUARD(take_byte(json, json->block[json->block_at], &step, why));
        else if (json->depth == 0)
            return result_fail(ERROR_NOT_FOUND);
        json->depth = json->block_size > 0 ? json->depth : 0;
        switch (step) {
        case STEP_ON:
            break;
        case STEP_OBJECT:
            return finish_object(json, fields, ret_entry, why);
        case STEP_CUT:
            result_ignore(explain(why, ERROR_FORMAT, "the object does not end"));
            return log_entry_unreadable(ret_entry, json->object_line);
        case STEP_JUNK:
            result_ignore(explain(why, ERROR_FORMAT, "expected a JSON object"));
            return log_entry_unreadable(ret_entry, json->line);
        }
    }
}

RESULT log_json_next(struct log_json *json, struct log_fields *fields, struct log_entry *ret_entry,
                     struct explanation *why)
{
    if (json->is_document)
        return next_object(json, fields, ret_entry, why);
    return next_line(json, fields, ret_entry, why);
}
