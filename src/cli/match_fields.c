// SPDX-License-Identifier: Apache-2.0
#include "cli/match_fields.h"

#include "base/bytes.h"
#include "cli/output.h"
#include "schema/schema.h"

/* What is more of an event is in the log itself. */
enum { FIELDS_SHOWN = 512, VALUE_BYTES_SHOWN = 4096 };

/* Words for the log source, not about what happened. */
static bool is_source_word(const char *name)
{
    return string_equal(name, "product") || string_equal(name, "category")
           || string_equal(name, "service");
}

/* Sigma's name for the schema's field, else the log's own. */
static const char *shown_name(const char *name, bool *ret_is_number)
{
    enum event_field field;
    *ret_is_number = false;
    if (!schema_find_field(name, &field))
        return name;
    const struct schema_field *row = schema_field(field);
    *ret_is_number = row->type == FIELD_TYPE_NUMBER;
    return row->sigma[0][0] != '\0' ? row->sigma[0] : name;
}

static json_t *shown_value(struct bytes value, bool is_number)
{
    uint64_t number;
    if (value.data == NULL)
        return json_null();
    if (is_number && bytes_to_number(value, INT64_MAX, &number))
        return json_integer((json_int_t)number);
    return output_json_bytes(value.data,
                             value.size < VALUE_BYTES_SHOWN ? value.size : VALUE_BYTES_SHOWN);
}

/* Takes `value` over. */
static void add(json_t *fields, const char *name, json_t *value)
{
    json_t *present = json_object_get(fields, name);
    if (present == NULL) {
        json_object_set_new(fields, name, value);
    } else if (json_is_array(present)) {
        json_array_append_new(present, value);
    } else if (json_equal(present, value)) {
        json_decref(value); /* one value under two names of the schema */
    } else {
        json_t *values = json_array();
        json_array_append(values, present);
        json_array_append_new(values, value);
        json_object_set_new(fields, name, values);
    }
}

json_t *match_fields(const struct log_fields *event)
{
    json_t *fields = json_object();
    for (uint32_t i = 0; i < event->count && i < FIELDS_SHOWN; i++) {
        const struct log_field *field = &event->items[i];
        bool is_number;
        const char *name = shown_name(field->name, &is_number);
        json_t *key = output_json_text(name); /* a name from the log may be no UTF-8 */
        if (!is_source_word(name) && key != NULL)
            add(fields, json_string_value(key), shown_value(field->value, is_number));
        json_decref(key);
    }
    return fields;
}

const char *match_fields_gist(const json_t *fields)
{
    static const char *const GISTS[] = {
        "TargetFilename", "DestinationIp", "TargetObject", "ImageLoaded", "PipeName", "QueryName",
        "ScriptBlockText", "CommandLine", "TargetImage", "Image", "ImagePath", "Payload",
        "ObjectName", "TaskName", "ServiceName", "TargetUserName", "message", "Data",
    };
    for (size_t i = 0; i < sizeof GISTS / sizeof GISTS[0]; i++) {
        const json_t *value = json_object_get(fields, GISTS[i]);
        const char *text = json_string_value(json_is_array(value) ? json_array_get(value, 0)
                                                                  : value);
        if (text != NULL && *text != '\0')
            return text;
    }
    return "";
}
