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
    free(event->pool);
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
    event->pool = calloc(1, sizeof *event->pool);
    if (event->slots == NULL || event->used == NULL || event->pool == NULL
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
    event->pool->used = 0;
    event->pool->has_all = false;
    event->used_count = 0;
    event->value_count = 0;
    event->source_count = 0;
    event->time_ns = 0;
    event->is_text = false;
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

static void set_grams(const struct value *value, uint8_t *flags)
{
    flags[GRAM_NONE] = 1;
    const uint8_t *end = value->folded + value->folded_size;
    for (const uint8_t *at = value->folded; at + 1 < end; at++) /* little-endian, as gram_of() */
        flags[gram_of_pair(((const struct unaligned_pair *)(const void *)at)->pair)] = 1;
}

const uint8_t *view_grams(const struct engine_event *event, struct value *value)
{
    static const uint8_t ALL[GRAM_BYTES] = {[0 ... GRAM_BYTES - 1] = 1};
    struct gram_pool *pool = event->pool;
    if (value->grams != NULL)
        return value->grams;
    value->grams = ALL;
    if (pool->used == GRAM_BLOCKS)
        return ALL;
    uint8_t *flags = pool->blocks[pool->used++];
    memset(flags, 0, GRAM_BYTES);
    set_grams(value, flags);
    value->grams = flags;
    return flags;
}

const uint8_t *view_all_grams(const struct engine_event *event)
{
    struct gram_pool *pool = event->pool;
    if (pool->has_all)
        return pool->all;
    memset(pool->all, 0, GRAM_BYTES);
    for (uint32_t i = 0; i < event->value_count; i++)
        set_grams(&event->values[i], pool->all);
    pool->has_all = true;
    return pool->all;
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
    value->grams = NULL;
    event->pool->has_all = false;
    value->is_null = false;
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

void view_add_null(struct engine_event *event, uint32_t slot)
{
    view_add(event, slot, (const uint8_t *)"", 0);
    event->values[event->value_count - 1].is_null = true;
}

bool view_text(const struct engine_event *event, uint32_t slot, struct bytes *ret_text)
{
    bool is_found = false;
    /* The values of a slot are chained from the last to the first. */
    for (uint32_t at = event->slots[slot]; at != NO_INDEX; at = event->values[at].next) {
        if (event->values[at].is_null)
            continue;
        *ret_text = (struct bytes){event->values[at].text, event->values[at].size};
        is_found = true;
    }
    return is_found;
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
    out->time_ns = event->boottime_ns;
    for (size_t i = 0; i < sizeof kind->categories / sizeof kind->categories[0]; i++) {
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

/* --- value by value --------------------------------------------------------------------------- */

void engine_event_begin(struct engine_event *out) { view_reset(out); }

/* Where `pointer`, if it points into the `size` bytes at `old`, will point in their copy. */
static const void *moved(const void *pointer, const uint8_t *old, size_t size, const uint8_t *copy)
{
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)old;
    return offset < size ? copy + offset : pointer;
}

/* Room for `size` bytes more in event->texts; what is there stays. */
static RESULT make_text_room(struct engine_event *event, size_t size)
{
    size_t needed = event->text_size + size;
    if (needed > LIMIT_RECORD_LINE_BYTES)
        return result_fail(ERROR_LIMIT);
    if (needed <= event->text_capacity)
        return RESULT_OK;
    uint8_t *old = event->texts;
    uint8_t *copy = calloc(2, needed);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    bytes_copy(copy, 2 * needed, old, event->text_size);
    for (uint32_t i = 0; i < event->value_count; i++)
        event->values[i].text = moved(event->values[i].text, old, event->text_size, copy);
    for (size_t i = 0; i < event->source_count; i++) {
        struct view_source *source = &event->sources[i];
        source->product = moved(source->product, old, event->text_size, copy);
        source->category = moved(source->category, old, event->text_size, copy);
        source->service = moved(source->service, old, event->text_size, copy);
    }
    free(old);
    event->texts = copy;
    event->text_capacity = 2 * needed;
    return RESULT_OK;
}

/* Room for the folded form of `size` bytes more, and to mend a value of that size. */
static RESULT make_folded_room(struct engine_event *event, size_t size)
{
    size_t needed = event->folded_size + fold_capacity(size) + 2 * VALUE_PADDING;
    GUARD(grow(&event->clean, &event->clean_capacity, size));
    if (needed <= event->folded_capacity)
        return RESULT_OK;
    uint8_t *old = event->folded;
    uint8_t *copy = calloc(2, needed);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    bytes_copy(copy, 2 * needed, old, event->folded_size);
    for (uint32_t i = 0; i < event->value_count; i++)
        event->values[i].folded = copy + (event->values[i].folded - old);
    free(old);
    event->folded = copy;
    event->folded_capacity = 2 * needed;
    return RESULT_OK;
}

static RESULT make_value_room(struct engine_event *event)
{
    if (event->value_count >= LIMIT_EVENT_VALUES)
        return result_fail(ERROR_LIMIT);
    if (event->value_count < event->value_capacity)
        return RESULT_OK;
    uint32_t capacity = 2 * event->value_capacity;
    struct value *values = reallocarray(event->values, capacity, sizeof values[0]);
    if (values == NULL)
        return result_fail(ERROR_MEMORY);
    event->values = values;
    event->value_capacity = capacity;
    return RESULT_OK;
}

/* A copy of `text` with a 0 behind it; room was made. */
static const uint8_t *put_text(struct engine_event *event, const void *text, size_t size)
{
    uint8_t *copy = event->texts + event->text_size;
    bytes_copy(copy, event->text_capacity - event->text_size, text, size);
    copy[size] = '\0';
    event->text_size += size + 1;
    return copy;
}

void engine_event_clear_sources(struct engine_event *out)
{
    out->source_count = 0;
    out->is_text = false;
}

RESULT engine_event_add_source(struct engine_event *out, const char *product, const char *category,
                               const char *service)
{
    size_t sizes[] = {strlen(product), strlen(category), strlen(service)};
    if (out->source_count >= LIMIT_EVENT_SOURCES || sizes[0] > LIMIT_NAME_BYTES
        || sizes[1] > LIMIT_NAME_BYTES || sizes[2] > LIMIT_NAME_BYTES)
        return result_fail(ERROR_LIMIT);
    GUARD(make_text_room(out, sizes[0] + sizes[1] + sizes[2] + 3));
    struct view_source *source = &out->sources[out->source_count++];
    source->product = (const char *)put_text(out, product, sizes[0]);
    source->category = (const char *)put_text(out, category, sizes[1]);
    source->service = (const char *)put_text(out, service, sizes[2]);
    static const char ANY[] = "*";
    out->is_text = out->is_text || string_equal(product, ANY) || string_equal(category, ANY)
                   || string_equal(service, ANY);
    return RESULT_OK;
}

RESULT engine_event_add(struct engine_event *out, const char *name, const void *text, size_t size)
{
    uint32_t slot = program_find_slot(out->program, name, strlen(name));
    if (slot == NO_INDEX && !out->program->has_keywords)
        return RESULT_OK;
    if (size > LIMIT_RECORD_LINE_BYTES)
        return result_fail(ERROR_LIMIT);
    GUARD(make_value_room(out));
    GUARD(make_text_room(out, size + 1));
    GUARD(make_folded_room(out, size));
    view_add(out, slot, put_text(out, text, size), size);
    return RESULT_OK;
}

RESULT engine_event_add_null(struct engine_event *out, const char *name)
{
    uint32_t slot = program_find_slot(out->program, name, strlen(name));
    if (slot == NO_INDEX)
        return RESULT_OK;
    GUARD(make_value_room(out));
    GUARD(make_folded_room(out, 0));
    view_add_null(out, slot);
    return RESULT_OK;
}

void engine_event_set_time(struct engine_event *out, uint64_t time_ns) { out->time_ns = time_ns; }

uint64_t engine_event_time(const struct engine_event *event) { return event->time_ns; }

bool engine_event_text(const struct engine_event *event, const char *name, struct bytes *ret_text)
{
    uint32_t slot = program_find_slot(event->program, name, strlen(name));
    return slot != NO_INDEX && view_text(event, slot, ret_text);
}
