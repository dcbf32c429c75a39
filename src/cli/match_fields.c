// SPDX-License-Identifier: Apache-2.0
#include "cli/match_fields.h"

#include "base/bytes.h"
#include "schema/schema.h"

#include <string.h>

/* `dotted` as one name or, failing that, step by step through nested objects. */
static json_t *find(json_t *object, const char *dotted)
{
    json_t *value = json_object_get(object, dotted);
    while (value == NULL && json_is_object(object)) {
        char step[64];
        const char *dot = strchr(dotted, '.');
        if (dot == NULL)
            return json_object_get(object, dotted);
        if (!string_format(step, sizeof step, "%.*s", (int)(dot - dotted), dotted))
            return NULL;
        object = json_object_get(object, step);
        dotted = dot + 1;
        value = json_object_get(object, dotted);
    }
    return value;
}

static json_t *find_field(json_t *object, const struct schema_field *field)
{
    const char *const names[] = {field->sigma[0], field->sigma[1], field->ecs, field->name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *value = *names[i] != '\0' ? find(object, names[i]) : NULL;
        if (json_is_string(value) || json_is_number(value) || json_is_boolean(value))
            return value;
    }
    return NULL;
}

json_t *match_fields(struct bytes line)
{
    json_t *event = json_loadb((const char *)line.data, line.size,
                               JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, NULL);
    json_t *fields = json_object();
    for (size_t i = 0; json_is_object(event) && i < FIELD_COUNT; i++) {
        const struct schema_field *field = schema_field((enum event_field)i);
        json_t *value = find_field(event, field);
        if (value != NULL)
            json_object_set(fields, *field->sigma[0] != '\0' ? field->sigma[0] : field->name,
                            value);
    }
    json_decref(event);
    return fields;
}

const char *match_fields_gist(const json_t *fields)
{
    static const enum event_field GISTS[] = {FIELD_file_path, FIELD_destination_address,
                                             FIELD_process_arguments, FIELD_process_executable};
    for (size_t i = 0; i < sizeof GISTS / sizeof GISTS[0]; i++) {
        const char *text =
            json_string_value(json_object_get(fields, schema_field(GISTS[i])->sigma[0]));
        if (text != NULL && *text != '\0')
            return text;
    }
    return "";
}
