// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One normalised event: what the sensor writes into the event ring and everybody else reads.
 *
 * Encoding (little-endian): u8 format (EVENT_FORMAT), u8 kind, u16 incomplete flags, u64 boottime
 * ns, u64 wall ns, u8 count, then per field: u8 field, u8 flags (bit 0: cut), u32 length, bytes.
 * Numbers and flags are 8 bytes. Field numbers ascend strictly, so that there is one encoding of an
 * event.
 */
#include "base/reader.h"
#include "schema/schema.h"

/* Why an event, and so every verdict on it, may be incomplete. Bits of event.incomplete. */
enum event_incomplete {
    INCOMPLETE_TRUNCATED = 1 << 0, /* a field was cut at its limit */
    INCOMPLETE_UNREADABLE = 1 << 1, /* the kernel could not read a field (page not there) */
    INCOMPLETE_PARENT = 1 << 2,     /* the parent is not known */
    INCOMPLETE_RACY = 1 << 3,       /* a path was read from user memory and may have changed */
    INCOMPLETE_PROCESS = 1 << 4,    /* the process is not known, or only from after the event */
};
enum { INCOMPLETE_BITS = 5 };

/* "truncated", "unreadable", ... for bit number 0 .. INCOMPLETE_BITS - 1. */
const char *event_incomplete_name(unsigned bit);

struct event_value {
    struct bytes text; /* of TEXT fields: not 0-ended, may hold any bytes; owned by the buffer
                          that the event was read from or was filled with */
    uint64_t number;   /* of NUMBER and FLAG fields */
    bool is_cut;
};

struct event {
    enum event_kind kind;
    uint16_t incomplete;
    uint64_t boottime_ns; /* when it happened */
    uint64_t wall_ns;     /* the same moment by the wall clock, for people */
    uint64_t present;     /* bit FIELD_x is set where values[FIELD_x] counts */
    struct event_value values[FIELD_COUNT];
};

static inline bool event_has(const struct event *event, enum event_field field)
{
    return (event->present >> field & 1) != 0;
}

/* An empty event; values that are not present are not initialised. */
void event_init(struct event *event, enum event_kind kind, uint64_t boottime_ns, uint64_t wall_ns);

/* Sets a TEXT field; cuts it at its limit and then flags field and event. Does not copy. */
void event_set_text(struct event *event, enum event_field field, const void *data, size_t size);
void event_set_number(struct event *event, enum event_field field, uint64_t value);

/* Appends the encoding. ERROR_LIMIT when it does not fit. */
RESULT event_encode(const struct event *event, struct writer *writer);

/* Reads one whole encoding; texts point into `data`. ERROR_FORMAT for anything else than what
 * event_encode makes with this table: unknown kind or field, wrong size, a field the kind does not
 * supply, bytes left over. */
RESULT event_decode(const void *data, size_t size, struct event *out);
