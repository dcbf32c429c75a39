// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One event of a log as its reader took it apart: names and values in the order of the log. Made
 * once and reused; all that is in it lives until it is emptied.
 */
#include "base/arena.h"
#include "base/limits.h"
#include "base/reader.h"
#include "engine/engine.h"

struct log_field {
    const char *name;
    struct bytes value; /* its data is NULL: the name is there without a value (JSON's null) */
};

struct log_fields {
    struct log_field *items;
    uint32_t count;
    uint32_t capacity;
    struct arena *arena;
    /* What the reader knows by itself about where the event comes from; strings are constants. */
    struct engine_source sources[LIMIT_EVENT_SOURCES];
    size_t source_count;
};

RESULT log_fields_init(struct log_fields *fields);
void log_fields_free(struct log_fields *fields); /* also where init failed */
void log_fields_reset(struct log_fields *fields);

/* Adds copies of both; a value without data is no value. ERROR_LIMIT beyond LIMIT_EVENT_VALUES
 * fields, ERROR_MEMORY beyond LIMIT_LOG_EVENT_BYTES for all of it. */
RESULT log_fields_add(struct log_fields *fields, struct bytes name, struct bytes value);
RESULT log_fields_add_text(struct log_fields *fields, const char *name, struct bytes value);
/* The same for a value that will stay where it is, and a name that is a constant. */
RESULT log_fields_add_view(struct log_fields *fields, const char *name, struct bytes value);
/* A log source; ERROR_LIMIT beyond LIMIT_EVENT_SOURCES. */
RESULT log_fields_add_source(struct log_fields *fields, const char *product, const char *category,
                             const char *service);

/* The first value under a name; NULL where there is none. */
const struct bytes *log_fields_find(const struct log_fields *fields, const char *name);

static inline struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, __builtin_strlen(text)};
}
bool bytes_equal_text(struct bytes bytes, const char *text);
bool bytes_start_with(struct bytes bytes, const char *text);
bool bytes_end_with(struct bytes bytes, const char *text);
/* ASCII letters count alike. */
bool bytes_equal_text_uncased(struct bytes bytes, const char *text);
/* A decimal number and nothing else. */
bool bytes_to_number(struct bytes bytes, uint64_t limit, uint64_t *ret_number);
