// SPDX-License-Identifier: Apache-2.0
/*
 * Events from JSON: one walk that hands each value to the view under its dotted name.
 */
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/json_walk.h"
#include "engine/view.h"

#include <string.h>

struct json {
    struct json_walk walk; /* first: the walk's visitor knows us by its address */
    struct engine_event *event;
    unsigned time_rank; /* of the name that the event's time was read from */
    struct view_source source;
    const char *ecs_category; /* event.category and event.action, "" where absent */
    const char *ecs_action;
};

/* A copy with a 0 behind it, in the event's texts. */
static const char *keep_word(struct json *json, struct bytes text)
{
    struct json_walk *walk = &json->walk;
    char *copy = (char *)walk->unescaped + walk->unescaped_size;
    bytes_copy(copy, json->event->text_capacity - walk->unescaped_size, text.data, text.size);
    copy[text.size] = '\0';
    walk->unescaped_size += text.size + 1;
    return copy;
}

RESULT view_add_names(struct program *program)
{
    GUARD(program_add_role(program, "product", ROLE_PRODUCT, 0));
    GUARD(program_add_role(program, "category", ROLE_CATEGORY, 0));
    GUARD(program_add_role(program, "service", ROLE_SERVICE, 0));
    GUARD(program_add_role(program, "event.category", ROLE_ECS_CATEGORY, 0));
    return program_add_role(program, "event.action", ROLE_ECS_ACTION, 0);
}

/* The words that say which log source an event belongs to; false for any other name. */
static bool note_source(struct json *json, enum name_role role, struct bytes text)
{
    const char **const words[] = {
        [ROLE_PRODUCT] = &json->source.product,    [ROLE_CATEGORY] = &json->source.category,
        [ROLE_SERVICE] = &json->source.service,    [ROLE_ECS_CATEGORY] = &json->ecs_category,
        [ROLE_ECS_ACTION] = &json->ecs_action,
    };
    if (role == ROLE_NONE || role == ROLE_TIME)
        return false;
    if (**words[role] == '\0' && text.size <= LIMIT_NAME_BYTES)
        *words[role] = keep_word(json, text);
    return true;
}

static void note_time(struct json *json, const struct name_row *name, struct bytes text)
{
    uint64_t time_ns;
    if (name->role != ROLE_TIME || name->time_rank <= json->time_rank
        || !engine_parse_time(text.data, text.size, &time_ns))
        return;
    json->time_rank = name->time_rank;
    json->event->time_ns = time_ns;
}

static RESULT add_value(struct json_walk *walk, struct bytes text, bool is_string)
{
    struct json *json = (struct json *)walk;
    struct engine_event *event = json->event;
    const struct name_row *name =
        program_find_name(event->program, walk->name, walk->name_size);
    uint32_t slot = name == NULL ? NO_INDEX : name->slot;
    bool is_source = false;
    if (slot == NO_INDEX && event->program->fronts.count > 0)
        slot = program_find_slot(event->program, walk->name, walk->name_size);
    if (name != NULL) {
        note_time(json, name, text);
        is_source = is_string && note_source(json, (enum name_role)name->role, text);
    }
    if (slot == NO_INDEX && (is_source || !event->program->has_keywords))
        return RESULT_OK;
    if (event->value_count >= LIMIT_EVENT_VALUES)
        return explain(walk->why, ERROR_LIMIT,
                       "the event has more than %d values (LIMIT_EVENT_VALUES)",
                       (int)LIMIT_EVENT_VALUES);
    view_add(event, slot, text.data, text.size);
    return RESULT_OK;
}

/* The field is there, without a value. */
static RESULT add_null(struct json_walk *walk)
{
    struct engine_event *event = ((struct json *)walk)->event;
    uint32_t slot = program_find_slot(event->program, walk->name, walk->name_size);
    if (slot != NO_INDEX && event->value_count < LIMIT_EVENT_VALUES)
        view_add_null(event, slot);
    return RESULT_OK;
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
            size_t count = sizeof kind->categories / sizeof kind->categories[0];
            for (size_t n = 0; n < count && kind->categories[n][0] != '\0'; n++)
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
    struct json json = {
        .walk = {.text = (const uint8_t *)line, .size = size, .name = event->names,
                 .name_capacity = event->name_capacity, .unescaped = event->texts,
                 .visit = add_value, .visit_null = add_null, .why = why},
        .event = event, .source = {"", "", ""}, .ecs_category = "", .ecs_action = "",
    };
    GUARD(json_walk(&json.walk));
    event->text_size = json.walk.unescaped_size;
    derive_sources(&json);
    return RESULT_OK;
}
