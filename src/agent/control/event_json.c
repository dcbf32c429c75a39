// SPDX-License-Identifier: Apache-2.0
#include "agent/control/event_json.h"

#include "base/bytes.h"
#include "base/utf8.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

bool event_form_find(const char *name, enum event_form *out)
{
    static const char *const NAMES[EVENT_FORM_COUNT] = {"ecs", "sigma", "schema"};
    for (unsigned i = 0; i < EVENT_FORM_COUNT; i++) {
        if (string_equal(name, NAMES[i])) {
            *out = (enum event_form)i;
            return true;
        }
    }
    return false;
}

/* --- values ----------------------------------------------------------------------------------- */

json_t *json_foreign(const void *data, size_t size)
{
    static const char REPLACEMENT[] = "\xef\xbf\xbd";
    json_t *value = size == 0 ? json_string("") : json_stringn(data, size);
    if (value != NULL)
        return value; /* it was UTF-8 */
    const uint8_t *bytes = data;
    size_t capacity = 3 * size;
    char *text = malloc(capacity + 1);
    if (text == NULL)
        return NULL;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        size_t step = utf8_decode(bytes + at, size - at, &code);
        if (step == 0)
            bytes_copy(text + used, capacity - used, REPLACEMENT, 3);
        else
            bytes_copy(text + used, capacity - used, bytes + at, step);
        used += step == 0 ? 3 : step;
        at += step == 0 ? 1 : step;
    }
    value = json_stringn(text, used);
    free(text);
    return value;
}

json_t *json_foreign_text(const char *text) { return json_foreign(text, strlen(text)); }

json_t *json_number(uint64_t number)
{
    if (number <= INT64_MAX)
        return json_integer((json_int_t)number);
    char text[24];
    string_format(text, sizeof text, "%llu", (unsigned long long)number);
    return json_string(text);
}

static json_t *value_json(const struct event *event, enum event_field field)
{
    const struct event_value *value = &event->values[field];
    switch (schema_field(field)->type) {
    case FIELD_TYPE_TEXT: return json_foreign(value->text.data, value->text.size);
    case FIELD_TYPE_NUMBER: return json_number(value->number);
    case FIELD_TYPE_FLAG: return json_boolean(value->number != 0);
    }
    return NULL;
}

/* --- objects ---------------------------------------------------------------------------------- */

bool json_put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

bool json_set_path(json_t *object, const char *path, json_t *value)
{
    for (;;) {
        const char *dot = strchr(path, '.');
        if (dot == NULL)
            return json_put(object, path, value);
        char name[64];
        string_format(name, sizeof name, "%.*s", (int)(dot - path), path);
        json_t *inner = json_object_get(object, name);
        if (inner == NULL) {
            inner = json_object();
            if (!json_put(object, name, inner)) {
                json_decref(value);
                return false;
            }
        }
        object = inner;
        path = dot + 1;
    }
}

char *json_line(const json_t *object, size_t *ret_size)
{
    size_t size = json_dumpb(object, NULL, 0, JSON_COMPACT);
    char *line = size == 0 ? NULL : malloc(size + 2);
    if (line == NULL)
        return NULL;
    json_dumpb(object, line, size, JSON_COMPACT);
    line[size] = '\n';
    line[size + 1] = '\0';
    *ret_size = size + 1;
    return line;
}

static bool put_time(json_t *object, const char *name, uint64_t wall_ns)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(wall_ns, text);
    return json_put(object, name, json_string(text));
}

static bool put_incomplete(json_t *object, const char *path, uint16_t incomplete)
{
    if (incomplete == 0)
        return true;
    json_t *names = json_array();
    for (unsigned bit = 0; bit < INCOMPLETE_BITS; bit++) {
        if ((incomplete >> bit & 1) != 0)
            json_array_append_new(names, json_string(event_incomplete_name(bit)));
    }
    return json_set_path(object, path, names);
}

/* --- the forms -------------------------------------------------------------------------------- */

static bool fill_fields(json_t *object, const struct event *event, enum event_form form)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum event_field field = (enum event_field)i;
        const struct schema_field *row = schema_field(field);
        if (!event_has(event, field))
            continue;
        json_t *value = value_json(event, field);
        bool is_flat = form == EVENT_FORM_SCHEMA || (form == EVENT_FORM_SIGMA && *row->sigma[0]);
        const char *name = form == EVENT_FORM_SCHEMA ? row->name
                           : is_flat                 ? row->sigma[0]
                                                     : row->ecs;
        /* In the Sigma form a field that Sigma has no name for keeps its dotted name, flat. */
        bool is_put = form == EVENT_FORM_ECS ? json_set_path(object, name, value)
                                             : json_put(object, name, value);
        if (!is_put)
            return false;
    }
    return true;
}

static bool fill_ecs(json_t *object, const struct event *event)
{
    const struct schema_kind *kind = schema_kind(event->kind);
    return put_time(object, "@timestamp", event->wall_ns)
           && json_set_path(object, "event.kind", json_string("event"))
           && json_set_path(object, "event.category", json_pack("[s]", kind->ecs_category))
           && json_set_path(object, "event.action", json_string(kind->ecs_action))
           && fill_fields(object, event, EVENT_FORM_ECS)
           && json_set_path(object, "creance.kind", json_string(kind->name))
           && put_incomplete(object, "creance.incomplete", event->incomplete);
}

static bool fill_sigma(json_t *object, const struct event *event)
{
    const struct schema_kind *kind = schema_kind(event->kind);
    return json_put(object, "product", json_string("linux"))
           && json_put(object, "category", json_string(kind->categories[0]))
           && put_time(object, "timestamp", event->wall_ns)
           && json_put(object, "kind", json_string(kind->name))
           && fill_fields(object, event, EVENT_FORM_SIGMA)
           && put_incomplete(object, "incomplete", event->incomplete);
}

static bool fill_schema(json_t *object, const struct event *event)
{
    return put_time(object, "time", event->wall_ns)
           && json_put(object, "kind", json_string(schema_kind(event->kind)->name))
           && fill_fields(object, event, EVENT_FORM_SCHEMA)
           && put_incomplete(object, "incomplete", event->incomplete);
}

json_t *event_json(const struct event *event, enum event_form form)
{
    if (form == EVENT_FORM_SIGMA && *schema_kind(event->kind)->categories[0] == '\0')
        return json_null();
    json_t *object = json_object();
    if (object == NULL)
        return NULL;
    bool is_filled = form == EVENT_FORM_ECS     ? fill_ecs(object, event)
                     : form == EVENT_FORM_SIGMA ? fill_sigma(object, event)
                                                : fill_schema(object, event);
    if (is_filled)
        return object;
    json_decref(object);
    return NULL;
}
