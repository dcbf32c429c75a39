// SPDX-License-Identifier: Apache-2.0
#include "content/log_fields.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_CAPACITY = 128 };

RESULT log_fields_init(struct log_fields *fields)
{
    *fields = (struct log_fields){.arena = arena_new(LIMIT_LOG_EVENT_BYTES)};
    fields->items = calloc(FIRST_CAPACITY, sizeof fields->items[0]);
    fields->capacity = FIRST_CAPACITY;
    return fields->arena == NULL || fields->items == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
}

void log_fields_free(struct log_fields *fields)
{
    arena_free(fields->arena);
    free(fields->items);
    *fields = (struct log_fields){0};
}

void log_fields_reset(struct log_fields *fields)
{
    fields->count = 0;
    fields->source_count = 0;
    arena_reset(fields->arena);
}

RESULT log_fields_add_view(struct log_fields *fields, const char *name, struct bytes value)
{
    if (fields->count >= LIMIT_EVENT_VALUES)
        return result_fail(ERROR_LIMIT);
    if (fields->count == fields->capacity) {
        uint32_t capacity = 2 * fields->capacity;
        struct log_field *items = reallocarray(fields->items, capacity, sizeof items[0]);
        if (items == NULL)
            return result_fail(ERROR_MEMORY);
        fields->items = items;
        fields->capacity = capacity;
    }
    fields->items[fields->count++] = (struct log_field){name, value};
    return RESULT_OK;
}

RESULT log_fields_add_text(struct log_fields *fields, const char *name, struct bytes value)
{
    if (value.data == NULL)
        return log_fields_add_view(fields, name, value);
    char *copy = arena_copy(fields->arena, value.data, value.size);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    return log_fields_add_view(fields, name, (struct bytes){(const uint8_t *)copy, value.size});
}

RESULT log_fields_add(struct log_fields *fields, struct bytes name, struct bytes value)
{
    const char *copy = arena_copy(fields->arena, name.data, name.size);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    return log_fields_add_text(fields, copy, value);
}

RESULT log_fields_add_source(struct log_fields *fields, const char *product, const char *category,
                             const char *service)
{
    if (fields->source_count >= LIMIT_EVENT_SOURCES)
        return result_fail(ERROR_LIMIT);
    fields->sources[fields->source_count++] = (struct engine_source){product, category, service};
    return RESULT_OK;
}

const struct bytes *log_fields_find(const struct log_fields *fields, const char *name)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        const char *other = fields->items[i].name; /* most differ in their first letter */
        if (other[0] == name[0] && fields->items[i].value.data != NULL && string_equal(other, name))
            return &fields->items[i].value;
    }
    return NULL;
}

bool bytes_equal_text(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

bool bytes_start_with(struct bytes bytes, const char *text)
{
    size_t size = strlen(text);
    return bytes.size >= size && memcmp(bytes.data, text, size) == 0;
}

bool bytes_end_with(struct bytes bytes, const char *text)
{
    size_t size = strlen(text);
    return bytes.size >= size && memcmp(bytes.data + bytes.size - size, text, size) == 0;
}

bool bytes_equal_text_uncased(struct bytes bytes, const char *text)
{
    return bytes.size == strlen(text)
           && strncasecmp((const char *)bytes.data, text, bytes.size) == 0;
}

bool bytes_to_number(struct bytes bytes, uint64_t limit, uint64_t *ret_number)
{
    char digits[24];
    if (bytes.size == 0 || bytes.size >= sizeof digits)
        return false;
    bytes_copy(digits, sizeof digits, bytes.data, bytes.size);
    digits[bytes.size] = '\0';
    return strlen(digits) == bytes.size && result_is_ok(number_parse(digits, limit, ret_number));
}
