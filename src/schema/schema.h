// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The schema table (events.def) as C: enums and rows that can be looked up by name.
 */
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCHEMA_VERSION = 1 };

enum event_kind {
#define EVENT_KIND(id, ...) EVENT_##id,
#include "schema/events.def"
    EVENT_KIND_COUNT
};

enum event_field {
#define EVENT_FIELD(id, ...) FIELD_##id,
#include "schema/events.def"
    FIELD_COUNT
};

_Static_assert((int)FIELD_COUNT <= (int)LIMIT_EVENT_FIELDS, "field sets are 64-bit masks");

enum field_type { FIELD_TYPE_TEXT, FIELD_TYPE_NUMBER, FIELD_TYPE_FLAG };

struct schema_kind {
    const char *name;          /* "process_start" */
    const char *categories[2]; /* Sigma logsource categories; "" where there is none */
    const char *ecs_category;
    const char *ecs_action;
    unsigned since;
    const char *doc;
    uint64_t fields; /* bit FIELD_x is set where the kind supplies the field */
};

struct schema_field {
    const char *name; /* "process_executable" */
    enum field_type type;
    size_t limit;         /* bytes of text kept; longer values are cut and flagged */
    const char *sigma[2]; /* names in Sigma rules; "" where there is none */
    const char *ecs;      /* dotted ECS name */
    unsigned since;
    const char *doc;
};

/* Rows by number. The caller's number is below the COUNT; anything else aborts. */
const struct schema_kind *schema_kind(enum event_kind kind);
const struct schema_field *schema_field(enum event_field field);

/* "text", "number" or "flag". */
const char *schema_type_name(enum field_type type);

/* Exact look-ups; false when nobody has that name. Fields are found by schema, Sigma or ECS name.
 */
bool schema_find_kind(const char *name, enum event_kind *out);
bool schema_find_field(const char *name, enum event_field *out);
