// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * An event as rules see it (struct engine_event): values under slots, each folded once.
 */
#include "base/limits.h"
#include "engine/engine.h"
#include "engine/program.h"

/* Eight bytes at any address. */
struct __attribute__((packed, may_alias)) unaligned_word {
    uint64_t word;
};
static inline uint64_t word_at(const uint8_t *bytes)
{
    return ((const struct unaligned_word *)(const void *)bytes)->word;
}

struct __attribute__((packed, may_alias)) unaligned_pair {
    uint16_t pair;
};

enum {
    VALUE_PADDING = 16, /* readable bytes in front of and behind each folded text */
    GRAM_BLOCKS = 24, /* values of one event whose grams are known; more are looked through */
    VIEW_SOURCES = LIMIT_EVENT_SOURCES,
};

/* Whether the text as it came is UTF-8. */
enum value_encoding { ENCODING_UNKNOWN, ENCODING_VALID, ENCODING_INVALID };

struct value {
    const uint8_t *text; /* as it came; UTF-8 was not checked */
    const uint8_t *folded;
    size_t size;
    size_t folded_size;
    uint64_t head; /* the first 8 folded bytes, little-endian, zeros behind the end */
    uint64_t tail; /* the last 8, the very last uppermost, zeros in front of the start */
    uint32_t next; /* value of the same slot, or NO_INDEX */
    bool is_null; /* the field is there, without a value */
    uint8_t encoding; /* enum value_encoding */
    const uint8_t *grams; /* a flag for each class of grams; NULL: not made yet */
};

struct view_source {
    const char *product;
    const char *category;
    const char *service;
};

/* Room for the grams of values, made while an event is judged. */
struct gram_pool {
    uint32_t used;
    bool has_all; /* of all values together */
    uint8_t all[GRAM_BYTES];
    uint8_t blocks[GRAM_BLOCKS][GRAM_BYTES];
};

struct engine_event {
    const struct program *program;
    struct gram_pool *pool;
    struct value *values;
    uint32_t value_count;
    uint32_t value_capacity;
    uint32_t *slots;    /* first value of each slot, or NO_INDEX */
    uint32_t *used;     /* slots that have a value */
    uint32_t used_count;
    struct view_source sources[VIEW_SOURCES];
    size_t source_count;
    bool is_text; /* a word of its log source is not known: only keyword rules see it */
    uint64_t time_ns; /* see engine_event_set_time() */
    uint8_t *texts; /* texts that had to be made: numbers, unescaped JSON */
    size_t text_size;
    size_t text_capacity;
    uint8_t *folded;
    size_t folded_size;
    size_t folded_capacity;
    uint8_t *clean; /* room for one value whose UTF-8 was mended */
    size_t clean_capacity;
    char *names; /* the dotted name that is being read */
    size_t name_capacity;
};

/* An empty view for events of `program`, which must stay; NULL: out of memory. */
struct engine_event *view_new(const struct program *program);
/* Empties it. */
void view_reset(struct engine_event *event);
/* Room for all that an event of `text_size` bytes with `value_count` values needs. */
RESULT view_reserve(struct engine_event *event, size_t text_size, uint32_t value_count);
/* A value under a slot (NO_INDEX: only for keywords). `text` must stay. Room was reserved. */
void view_add(struct engine_event *event, uint32_t slot, const uint8_t *text, size_t size);
/* The same for a field that is null. */
void view_add_null(struct engine_event *event, uint32_t slot);
/* The first text under a slot; false where there is none. */
bool view_text(const struct engine_event *event, uint32_t slot, struct bytes *ret_text);
/* event_time.c and json.c: gives names their roles, when all rules have been added. */
RESULT event_time_add_names(struct program *program);
RESULT view_add_names(struct program *program);
/* The flags of the grams of a value, or of all values of the event together. Where there is no room
 * all flags are set. */
const uint8_t *view_grams(const struct engine_event *event, struct value *value);
const uint8_t *view_all_grams(const struct engine_event *event);

/* json.c: what engine_event_from_json() does, on a view that was reset. */
RESULT view_read_json(struct engine_event *event, const char *line, size_t size,
                      struct explanation *why);
