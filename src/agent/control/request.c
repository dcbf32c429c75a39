// SPDX-License-Identifier: Apache-2.0
#include "agent/control/request.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/nearest.h"

#include <string.h>

static const char *const VERBS[REQUEST_VERB_COUNT] = {"status", "events", "alerts",
                                                         "ps",     "rules",  "updates"};

/* --- one member each -------------------------------------------------------------------------- */

static RESULT read_kinds(struct request *request, const json_t *value, struct explanation *why)
{
    request->kinds = 0;
    if (!json_is_array(value))
        return explain(why, ERROR_FORMAT, "\"kinds\" must be a list of names of event kinds");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        enum event_kind kind;
        if (name == NULL)
            return explain(why, ERROR_FORMAT, "\"kinds\" must be a list of names of event kinds");
        if (!schema_find_kind(name, &kind)) {
            struct nearest nearest = nearest_to(name);
            for (unsigned k = 0; k < EVENT_KIND_COUNT; k++)
                nearest_offer(&nearest, schema_kind((enum event_kind)k)->name);
            return explain(why, ERROR_FORMAT, "there is no event kind \"%.64s\"%s%s%s", name,
                           nearest.best != NULL ? "; did you mean \"" : "",
                           nearest.best != NULL ? nearest.best : "",
                           nearest.best != NULL ? "\"?" : "");
        }
        request->kinds |= UINT32_C(1) << kind;
    }
    return RESULT_OK;
}

static RESULT refuse_field(const char *name, struct explanation *why)
{
    struct nearest nearest = nearest_to(name);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const struct schema_field *row = schema_field((enum event_field)i);
        nearest_offer(&nearest, row->name);
        nearest_offer(&nearest, row->sigma[0]);
        nearest_offer(&nearest, row->ecs);
    }
    return explain(why, ERROR_FORMAT,
                   "there is no field \"%.64s\"%s%s%s (creance fields shows all)", name,
                   nearest.best != NULL ? "; did you mean \"" : "",
                   nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "\"?" : "");
}

static RESULT read_where(struct request *request, const json_t *value, struct explanation *why)
{
    if (!json_is_array(value))
        return explain(why, ERROR_FORMAT, "\"where\" must be a list of fields and values");
    if (json_array_size(value) > REQUEST_FILTERS_MAX)
        return explain(why, ERROR_LIMIT, "at most %d fields can be asked for", REQUEST_FILTERS_MAX);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *row = json_array_get(value, i);
        const char *name = json_string_value(json_object_get(row, "field"));
        const json_t *text = json_object_get(row, "value");
        struct request_filter *filter = &request->filters[i];
        if (name == NULL || !json_is_string(text) || json_object_size(row) != 2)
            return explain(why, ERROR_FORMAT,
                           "each of \"where\" must be {\"field\": \"...\", \"value\": \"...\"}");
        if (!schema_find_field(name, &filter->field))
            return refuse_field(name, why);
        filter->size = json_string_length(text);
        if (filter->size > sizeof filter->value)
            return explain(why, ERROR_LIMIT, "the value for %s is longer than %d bytes", name,
                           REQUEST_VALUE_BYTES);
        bytes_copy(filter->value, sizeof filter->value, json_string_value(text), filter->size);
        request->filter_count = i + 1;
    }
    return RESULT_OK;
}

static RESULT read_form(struct request *request, const json_t *value, struct explanation *why)
{
    const char *name = json_string_value(value);
    if (name == NULL || !event_form_find(name, &request->form))
        return explain(why, ERROR_FORMAT, "\"form\" must be \"ecs\", \"sigma\" or \"schema\"");
    return RESULT_OK;
}

static RESULT read_number(const json_t *value, const char *name, uint64_t largest, uint64_t *out,
                          struct explanation *why)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > largest)
        return explain(why, ERROR_FORMAT, "\"%s\" must be a whole number from 0 to %llu", name,
                       (unsigned long long)largest);
    *out = (uint64_t)number;
    return RESULT_OK;
}

static RESULT read_last(struct request *request, const json_t *value, struct explanation *why)
{
    return read_number(value, "last", REQUEST_LAST_MAX, &request->last, why);
}

static RESULT read_follow(struct request *request, const json_t *value, struct explanation *why)
{
    if (!json_is_boolean(value))
        return explain(why, ERROR_FORMAT, "\"follow\" must be true or false");
    request->follow = json_is_true(value);
    return RESULT_OK;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Which verb takes which members. */
static const struct {
    const char *name;
    unsigned verbs; /* bits of enum request_verb */
    struct result (*read)(struct request *request, const json_t *value, struct explanation *why);
} MEMBERS[] = {
    {"kinds", 1U << REQUEST_EVENTS, read_kinds},   {"where", 1U << REQUEST_EVENTS, read_where},
    {"form", 1U << REQUEST_EVENTS, read_form},     {"last", 1U << REQUEST_ALERTS, read_last},
    {"follow", 1U << REQUEST_ALERTS, read_follow},
};
enum { MEMBER_COUNT = sizeof MEMBERS / sizeof MEMBERS[0] };

static RESULT read_verb(const json_t *object, struct request *request, struct explanation *why)
{
    const char *name = json_string_value(json_object_get(object, "verb"));
    if (name == NULL)
        return explain(why, ERROR_FORMAT, "a request needs a \"verb\"");
    for (unsigned i = 0; i < REQUEST_VERB_COUNT; i++) {
        if (string_equal(VERBS[i], name)) {
            request->verb = (enum request_verb)i;
            return RESULT_OK;
        }
    }
    return explain(why, ERROR_FORMAT,
                   "this agent does not know the request \"%.64s\"; is the command line newer?",
                   name);
}

static RESULT read_member(struct request *request, const char *name, const json_t *value,
                          struct explanation *why)
{
    if (string_equal(name, "verb"))
        return RESULT_OK;
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (string_equal(MEMBERS[i].name, name) && (MEMBERS[i].verbs >> request->verb & 1) != 0)
            return MEMBERS[i].read(request, value, why);
    }
    return explain(why, ERROR_FORMAT, "\"%s\" takes no \"%.64s\"", VERBS[request->verb], name);
}

static RESULT read_object(json_t *object, struct request *request, struct explanation *why)
{
    if (!json_is_object(object))
        return explain(why, ERROR_FORMAT, "a request must be a JSON object");
    GUARD(read_verb(object, request, why));
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
        GUARD(read_member(request, name, value, why));
    return RESULT_OK;
}

RESULT request_parse(const char *text, size_t size, struct request *ret_request,
                     struct explanation *why)
{
    if (size > LIMIT_REQUEST_BYTES)
        return explain(why, ERROR_LIMIT, "a request has at most %d bytes", LIMIT_REQUEST_BYTES);
    json_error_t error;
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return explain(why, ERROR_FORMAT, "a request must be one JSON object on one line: %s",
                       error.text);
    *ret_request = (struct request){.kinds = UINT32_MAX, .last = 10};
    struct result result = read_object(object, ret_request, why);
    json_decref(object);
    return result;
}

/* --- matching --------------------------------------------------------------------------------- */

bool request_text_matches(const char *pattern, size_t pattern_size, const void *data, size_t size)
{
    const char *text = data;
    size_t at = 0, place = 0;
    size_t star = SIZE_MAX, star_place = 0; /* the last * and how far its text reaches */
    while (place < size) {
        if (at < pattern_size && pattern[at] == '*') {
            star = at++;
            star_place = place;
        } else if (at < pattern_size && pattern[at] == text[place]) {
            at++;
            place++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            place = ++star_place;
        } else {
            return false;
        }
    }
    while (at < pattern_size && pattern[at] == '*')
        at++;
    return at == pattern_size;
}

static bool filter_matches(const struct request_filter *filter, const struct event *event)
{
    if (!event_has(event, filter->field))
        return false;
    const struct event_value *value = &event->values[filter->field];
    char number[24];
    switch (schema_field(filter->field)->type) {
    case FIELD_TYPE_TEXT:
        return request_text_matches(filter->value, filter->size, value->text.data,
                                    value->text.size);
    case FIELD_TYPE_NUMBER:
        string_format(number, sizeof number, "%llu", (unsigned long long)value->number);
        break;
    case FIELD_TYPE_FLAG:
        string_copy(number, sizeof number, value->number != 0 ? "true" : "false");
        break;
    }
    return filter->size == strlen(number) && memcmp(filter->value, number, filter->size) == 0;
}

bool request_matches(const struct request *request, const struct event *event)
{
    if ((request->kinds >> event->kind & 1) == 0)
        return false;
    for (size_t i = 0; i < request->filter_count; i++) {
        if (!filter_matches(&request->filters[i], event))
            return false;
    }
    return true;
}
