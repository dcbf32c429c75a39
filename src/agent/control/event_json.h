// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Events and their texts as JSON. All names come from the schema table.
 */
#include "schema/event.h"

#include <jansson.h>

enum event_form {
    EVENT_FORM_ECS,    /* nested, Elastic Common Schema 8 */
    EVENT_FORM_SIGMA,  /* flat, names of Sigma's taxonomy, product, category: what replay reads */
    EVENT_FORM_SCHEMA, /* flat, our own names: {"time": ..., "kind": ..., "process_name": ...} */
    EVENT_FORM_COUNT
};

/* "ecs", "sigma", "schema"; false for another name. */
bool event_form_find(const char *name, enum event_form *out);

/* The caller's to release. NULL: out of memory. In the Sigma form a kind that no rule sees has no
 * category and becomes JSON null. */
json_t *event_json(const struct event *event, enum event_form form);

/* A JSON string of foreign bytes: each byte that is no UTF-8 becomes U+FFFD. NULL: no memory. */
json_t *json_foreign(const void *data, size_t size);
json_t *json_foreign_text(const char *text);
/* Numbers beyond JSON's safe signed range become strings rather than wrong. */
json_t *json_number(uint64_t number);

/* Sets `value` (taken over, also on failure) under a dotted path, making objects on the way;
 * false: out of memory. */
bool json_set_path(json_t *object, const char *path, json_t *value);
/* The same as json_object_set_new, as a bool. */
bool json_put(json_t *object, const char *name, json_t *value);

/* An object as one line with its newline; free() it. NULL: out of memory. */
char *json_line(const json_t *object, size_t *ret_size);
