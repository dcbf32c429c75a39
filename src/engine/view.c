// SPDX-License-Identifier: Apache-2.0
#include "engine/view.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/fold.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 24, FIRST_VALUES = LIMIT_EVENT_FIELDS };

void engine_event_free(struct engine_event *event)
{
    if (event == NULL)
        return;
    free(event->values);
    free(event->slots);
    free(event->used);
    free(event->texts);
    free(event->folded);
    free(event->clean);
    free(event->names);
    free(event);
}

/* What a native event may hold at most. */
static size_t native_bytes(void)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        bytes += schema_field((enum event_field)i)->limit;
    return bytes;
}

struct engine_event *view_new(const struct program *program)
{
    struct engine_event *event = calloc(1, sizeof *event);
    if (event == NULL)
        return NULL;
    event->program = program;
    event->slots = calloc(program->slots.count + 1, sizeof event->slots[0]);
    event->used = calloc(program->slots.count + 1, sizeof event->used[0]);
    if (event->slots == NULL || event->used == NULL
        || !result_is_ok(view_reserve(event, native_bytes(), FIRST_VALUES))) {
        engine_event_free(event);
        return NULL;
    }
    for (uint32_t i = 0; i < program->slots.count; i++)
        event->slots[i] = NO_INDEX;
    return event;
}

void view_reset(struct engine_event *event)
{
    for (uint32_t i = 0; i < event->used_count; i++)
        event->slots[event->used[i]] = NO_INDEX;
    event->used_count = 0;
    event->value_count = 0;
    event->source_count = 0;
    event->text_size = 0;
    event->folded_size = VALUE_PADDING;
}

/* Contents need not survive: room is made before an event is read. */
static RESULT grow(void *pointer, size_t *capacity, size_t needed)
{
    void **memory = pointer;
    if (needed <= *capacity)
        return RESULT_OK;
    free(*memory);
    *capacity = 0;
    *memory = calloc(1, needed);
    if (*memory == NULL)
        return result_fail(ERROR_MEMORY);
    *capacity = needed;
    return RESULT_OK;
}

RESULT view_reserve(struct engine_event *event, size_t text_size, uint32_t value_count)
{
    size_t folded = fold_capacity(text_size) + (size_t)value_count * (VALUE_PADDING + 8)
                    + 2 * VALUE_PADDING;
    GUARD(grow(&event->texts, &event->text_capacity,
               text_size + (size_t)value_count * NUMBER_BYTES));
    GUARD(grow(&event->folded, &event->folded_capacity, folded));
    GUARD(grow(&event->names, &event->name_capacity, LIMIT_PATH_BYTES));
    GUARD(grow(&event->clean, &event->clean_capacity, text_size));
    size_t bytes = event->value_capacity * sizeof event->values[0];
    struct result result =
        grow(&event->values, &bytes, (size_t)value_count * sizeof event->values[0]);
    event->value_capacity = (uint32_t)(bytes / sizeof event->values[0]);
    return result;
}

static void set_words(struct value *value)
{
    size_t size = value->folded_size;
    value->head = word_at(value->folded);
    value->tail = word_at(value->folded + size - 8); /* there is padding in front */
    if (size < 8) {
        unsigned absent = 8 * (8 - (unsigned)size);
        value->head = size == 0 ? 0 : value->head << absent >> absent;
        value->tail = size == 0 ? 0 : value->tail >> absent << absent;
    }
}

void view_make_grams(struct value *value)
{
    for (size_t i = 0; i < GRAM_WORDS; i++)
        value->grams[i] = 0;
    for (size_t i = 1; i < value->folded_size; i++) {
        unsigned gram = gram_of(value->folded[i - 1], value->folded[i]);
        value->grams[gram / 64] |= UINT64_C(1) << (gram % 64);
    }
    value->has_grams = true;
}

void view_add(struct engine_event *event, uint32_t slot, const uint8_t *text, size_t size)
{
    size_t room = event->folded_capacity - event->folded_size;
    if (event->value_count >= event->value_capacity
        || fold_capacity(size) + VALUE_PADDING > room)
        abort(); /* the caller reserved too little: going on would corrupt memory */
    uint32_t index = event->value_count++;
    struct value *value = &event->values[index];
    value->text = text;
    value->size = size;
    value->folded = event->folded + event->folded_size;
    bool is_ascii;
    value->folded_size =
        fold_text_ascii(text, size, event->folded + event->folded_size, &is_ascii);
    value->encoding = is_ascii ? ENCODING_VALID : ENCODING_UNKNOWN;
    value->has_grams = false;
    value->next = NO_INDEX;
    event->folded_size += value->folded_size + VALUE_PADDING;
    set_words(value);
    if (slot == NO_INDEX)
        return;
    value->next = event->slots[slot];
    event->slots[slot] = index;
    if (value->next == NO_INDEX)
        event->used[event->used_count++] = slot;
}

static void add_number(struct engine_event *event, uint32_t slot, uint64_t number)
{
    char *text = (char *)event->texts + event->text_size;
    string_format(text, event->text_capacity - event->text_size, "%" PRIu64, number);
    size_t size = strlen(text);
    event->text_size += size + 1;
    view_add(event, slot, (const uint8_t *)text, size);
}

static void add_native(struct engine_event *out, const struct event *event, enum event_field field)
{
    uint32_t slot = out->program->native_slots[field];
    const struct event_value *value = &event->values[field];
    if (slot == NO_INDEX && !out->program->has_keywords)
        return;
    switch (schema_field(field)->type) {
    case FIELD_TYPE_TEXT:
        view_add(out, slot, value->text.data, value->text.size);
        break;
    case FIELD_TYPE_NUMBER:
        add_number(out, slot, value->number);
        break;
    case FIELD_TYPE_FLAG: {
        const char *text = value->number != 0 ? "true" : "false";
        view_add(out, slot, (const uint8_t *)text, strlen(text));
        break;
    }
    }
}

void engine_event_from_native(struct engine_event *out, const struct event *event)
{
    const struct schema_kind *kind = schema_kind(event->kind);
    view_reset(out);
    for (size_t i = 0; i < VIEW_SOURCES; i++) {
        if (kind->categories[i][0] != '\0')
            out->sources[out->source_count++] =
                (struct view_source){"linux", kind->categories[i], ""};
    }
    if (out->source_count == 0) /* no rule of a category sees it, but one for all of linux does */
        out->sources[out->source_count++] = (struct view_source){"linux", "", ""};
    for (uint64_t left = event->present; left != 0; left &= left - 1)
        add_native(out, event, (enum event_field)__builtin_ctzll(left));
}

RESULT engine_event_from_json(struct engine_event *out, const char *line, size_t size,
                              struct explanation *why)
{
    view_reset(out);
    return view_read_json(out, line, size, why);
}
