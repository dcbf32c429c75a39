// SPDX-License-Identifier: Apache-2.0
#include "schema/event.h"

enum { EVENT_FORMAT = 1, VALUE_IS_CUT = 1 };

const char *event_incomplete_name(unsigned bit)
{
    static const char *const NAMES[INCOMPLETE_BITS] = {"truncated", "unreadable", "parent",
                                                       "racy", "process"};
    return bit < INCOMPLETE_BITS ? NAMES[bit] : "unknown";
}

void event_init(struct event *event, enum event_kind kind, uint64_t boottime_ns, uint64_t wall_ns)
{
    event->kind = kind;
    event->incomplete = 0;
    event->boottime_ns = boottime_ns;
    event->wall_ns = wall_ns;
    event->present = 0;
}

void event_set_text(struct event *event, enum event_field field, const void *data, size_t size)
{
    const struct schema_field *row = schema_field(field);
    bool is_cut = size > row->limit;
    if (is_cut)
        event->incomplete |= INCOMPLETE_TRUNCATED;
    event->values[field] =
        (struct event_value){.text = {data, is_cut ? row->limit : size}, .is_cut = is_cut};
    event->present |= UINT64_C(1) << field;
}

void event_set_number(struct event *event, enum event_field field, uint64_t value)
{
    event->values[field] = (struct event_value){.number = value};
    event->present |= UINT64_C(1) << field;
}

static RESULT encode_value(enum event_field field, const struct event_value *value,
                           struct writer *writer)
{
    GUARD(writer_u8(writer, (uint8_t)field));
    GUARD(writer_u8(writer, value->is_cut ? VALUE_IS_CUT : 0));
    if (schema_field(field)->type == FIELD_TYPE_TEXT)
        return writer_sized(writer, value->text.data, value->text.size);
    GUARD(writer_u32(writer, sizeof value->number));
    return writer_u64(writer, value->number);
}

RESULT event_encode(const struct event *event, struct writer *writer)
{
    GUARD(writer_u8(writer, EVENT_FORMAT));
    GUARD(writer_u8(writer, (uint8_t)event->kind));
    GUARD(writer_u16(writer, event->incomplete));
    GUARD(writer_u64(writer, event->boottime_ns));
    GUARD(writer_u64(writer, event->wall_ns));
    GUARD(writer_u8(writer, (uint8_t)__builtin_popcountll(event->present)));
    for (uint64_t left = event->present; left != 0; left &= left - 1) {
        enum event_field field = (enum event_field)__builtin_ctzll(left);
        GUARD(encode_value(field, &event->values[field], writer));
    }
    return RESULT_OK;
}

static RESULT decode_value(struct reader *reader, struct event *event, int *previous)
{
    uint8_t field;
    uint8_t flags;
    GUARD(reader_u8(reader, &field));
    GUARD(reader_u8(reader, &flags));
    bool is_supplied =
        field < FIELD_COUNT && (schema_kind(event->kind)->fields >> field & 1) != 0;
    if (!is_supplied || (int)field <= *previous || (flags & ~VALUE_IS_CUT) != 0)
        return result_fail(ERROR_FORMAT);
    *previous = field;

    struct event_value *value = &event->values[field];
    *value = (struct event_value){.is_cut = flags == VALUE_IS_CUT};
    if (schema_field(field)->type == FIELD_TYPE_TEXT) {
        GUARD(reader_sized(reader, schema_field(field)->limit, &value->text));
    } else {
        uint32_t size;
        GUARD(reader_u32(reader, &size));
        if (size != sizeof value->number)
            return result_fail(ERROR_FORMAT);
        GUARD(reader_u64(reader, &value->number));
    }
    event->present |= UINT64_C(1) << field;
    return RESULT_OK;
}

RESULT event_decode(const void *data, size_t size, struct event *out)
{
    struct reader reader = reader_of(data, size);
    uint8_t format;
    uint8_t kind;
    uint16_t incomplete;
    uint64_t boottime_ns;
    uint64_t wall_ns;
    uint8_t count;
    GUARD(reader_u8(&reader, &format));
    GUARD(reader_u8(&reader, &kind));
    GUARD(reader_u16(&reader, &incomplete));
    GUARD(reader_u64(&reader, &boottime_ns));
    GUARD(reader_u64(&reader, &wall_ns));
    GUARD(reader_u8(&reader, &count));
    if (format != EVENT_FORMAT || kind >= EVENT_KIND_COUNT || incomplete >> INCOMPLETE_BITS != 0)
        return result_fail(ERROR_FORMAT);

    event_init(out, (enum event_kind)kind, boottime_ns, wall_ns);
    out->incomplete = incomplete;
    int previous = -1;
    for (unsigned i = 0; i < count; i++)
        GUARD(decode_value(&reader, out, &previous));
    return reader_end(&reader);
}
