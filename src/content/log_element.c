// SPDX-License-Identifier: Apache-2.0
#include "content/log_element.h"

#include "base/bytes.h"
#include "content/log_windows.h"

enum section { SECTION_NONE, SECTION_SYSTEM, SECTION_DATA, SECTION_USER, SECTION_RENDERING };
enum { SECTION_DEPTH = 2, FIRST_TEXT_BYTES = 256 };

static const struct bytes NOTHING = {NULL, 0};

struct log_element log_element_start(struct log_fields *fields)
{
    return (struct log_element){.fields = fields};
}

static enum section section_of(struct bytes name)
{
    static const struct {
        const char *name;
        enum section section;
    } SECTIONS[] = {
        {"System", SECTION_SYSTEM},
        {"EventData", SECTION_DATA},
        {"BinaryEventData", SECTION_DATA},
        {"UserData", SECTION_USER},
        {"RenderingInfo", SECTION_RENDERING},
    };
    for (size_t i = 0; i < sizeof SECTIONS / sizeof SECTIONS[0]; i++) {
        if (bytes_equal_text(name, SECTIONS[i].name))
            return SECTIONS[i].section;
    }
    return SECTION_NONE;
}

RESULT log_element_open(struct log_element *builder, struct bytes name)
{
    if (builder->depth >= LIMIT_EVENT_DEPTH)
        return result_fail(ERROR_LIMIT);
    builder->parents |= UINT32_C(1) << builder->depth;
    builder->depth++;
    builder->parents &= ~(UINT32_C(1) << builder->depth);
    if (builder->depth == SECTION_DEPTH)
        builder->section = section_of(name);
    builder->element = name;
    builder->name = NOTHING;
    builder->text_size = 0;
    return RESULT_OK;
}

RESULT log_element_attribute(struct log_element *builder, struct bytes name, struct bytes value)
{
    if (builder->depth <= SECTION_DEPTH)
        return RESULT_OK;
    if (builder->section == SECTION_SYSTEM)
        return log_windows_add_system(builder->fields, builder->element, name, value);
    if (builder->section == SECTION_DATA && bytes_equal_text(name, "Name"))
        builder->name = value;
    return RESULT_OK;
}

RESULT log_element_text(struct log_element *builder, struct bytes text)
{
    size_t needed = builder->text_size + text.size;
    if (text.size == 0)
        return RESULT_OK; /* there may be no room at all yet */
    if (needed > builder->text_capacity) {
        size_t capacity = 2 * needed > FIRST_TEXT_BYTES ? 2 * needed : FIRST_TEXT_BYTES;
        uint8_t *larger = arena_alloc(builder->fields->arena, capacity);
        if (larger == NULL)
            return result_fail(ERROR_MEMORY);
        bytes_copy(larger, capacity, builder->text, builder->text_size);
        builder->text = larger;
        builder->text_capacity = capacity;
    }
    bytes_copy(builder->text + builder->text_size, builder->text_capacity - builder->text_size,
               text.data, text.size);
    builder->text_size = needed;
    return RESULT_OK;
}

/* The innermost element, if it holds no other. */
static RESULT add_field(struct log_element *builder)
{
    struct bytes text = builder->text_size == 0
                            ? bytes_of("")
                            : (struct bytes){builder->text, builder->text_size};
    struct log_fields *fields = builder->fields;
    bool is_parent = (builder->parents >> builder->depth & 1) != 0;
    if (is_parent || builder->depth <= SECTION_DEPTH)
        return RESULT_OK;
    switch ((enum section)builder->section) {
    case SECTION_SYSTEM:
        return text.size == 0 ? RESULT_OK
                              : log_windows_add_system(fields, builder->element, NOTHING, text);
    case SECTION_DATA:
        return log_windows_add_data(fields, builder->element, builder->name, text);
    case SECTION_USER:
        return log_windows_add_data(fields, builder->element, NOTHING, text);
    case SECTION_RENDERING: /* only what System does not say already */
        return bytes_equal_text(builder->element, "Message")
                   ? log_fields_add_text(fields, "Message", text)
                   : RESULT_OK;
    case SECTION_NONE:
        break;
    }
    return RESULT_OK;
}

RESULT log_element_repeat(struct log_element *builder)
{
    GUARD(add_field(builder));
    builder->text_size = 0;
    return RESULT_OK;
}

RESULT log_element_close(struct log_element *builder)
{
    if (builder->depth == 0)
        return result_fail(ERROR_FORMAT);
    GUARD(add_field(builder));
    builder->depth--;
    builder->text_size = 0;
    return RESULT_OK;
}
