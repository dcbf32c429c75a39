// SPDX-License-Identifier: Apache-2.0
#include "schema/schema.h"

#include "base/bytes.h"

#include <stdlib.h>

static const struct schema_kind KINDS[EVENT_KIND_COUNT] = {
#define EVENT_KIND(id, category, category2, ecs_category, ecs_action, since, doc) \
    [EVENT_##id] = {#id, {category, category2}, ecs_category, ecs_action, since, doc, 0},
#include "schema/events.def"
};

static const struct schema_field FIELDS[FIELD_COUNT] = {
#define EVENT_FIELD(id, type, limit, sigma, sigma2, ecs, since, doc) \
    [FIELD_##id] = {#id, FIELD_TYPE_##type, limit, {sigma, sigma2}, ecs, since, doc},
#include "schema/events.def"
};

/* One row for each EVENT_KIND_FIELD; folded into a mask per kind on first use. */
static const struct {
    enum event_kind kind;
    enum event_field field;
} SUPPLIED[] = {
#define EVENT_KIND_FIELD(kind, field) {EVENT_##kind, FIELD_##field},
#include "schema/events.def"
};

const struct schema_kind *schema_kind(enum event_kind kind)
{
    static struct schema_kind complete[EVENT_KIND_COUNT];
    static bool is_complete = false;
    if ((unsigned)kind >= EVENT_KIND_COUNT)
        abort();
    if (!is_complete) {
        for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
            complete[i] = KINDS[i];
        for (size_t i = 0; i < sizeof SUPPLIED / sizeof SUPPLIED[0]; i++)
            complete[SUPPLIED[i].kind].fields |= UINT64_C(1) << SUPPLIED[i].field;
        is_complete = true;
    }
    return &complete[kind];
}

const struct schema_field *schema_field(enum event_field field)
{
    if ((unsigned)field >= FIELD_COUNT)
        abort();
    return &FIELDS[field];
}

const char *schema_type_name(enum field_type type)
{
    static const char *const NAMES[] = {"text", "number", "flag"};
    return NAMES[type];
}

bool schema_find_kind(const char *name, enum event_kind *out)
{
    for (size_t i = 0; i < EVENT_KIND_COUNT; i++) {
        if (string_equal(KINDS[i].name, name)) {
            *out = (enum event_kind)i;
            return true;
        }
    }
    return false;
}

bool schema_find_field(const char *name, enum event_field *out)
{
    if (*name == '\0')
        return false;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct schema_field *field = &FIELDS[i];
        if (string_equal(field->name, name) || string_equal(field->sigma[0], name)
            || string_equal(field->sigma[1], name) || string_equal(field->ecs, name)) {
            *out = (enum event_field)i;
            return true;
        }
    }
    return false;
}
