// SPDX-License-Identifier: Apache-2.0
#include "content/log_audit.h"

#include "base/bytes.h"
#include "content/audit_event.h"
#include "content/audit_record.h"

#include <stdlib.h>
#include <string.h>

enum { SECONDS_OPEN = 2 };

/* An event whose records are collected: their lines, one behind the other. */
struct open_event {
    bool is_used;
    bool is_ready;
    bool is_too_large;
    uint64_t order; /* the larger, the newer */
    uint64_t line;  /* of its first record */
    uint64_t seconds;
    uint64_t serial;
    char key[LIMIT_NAME_BYTES]; /* node and time */
    uint8_t *text;
    size_t size;
    size_t capacity;
};

struct log_audit {
    struct recording *recording;
    struct open_event events[LIMIT_AUDIT_OPEN_EVENTS];
    uint64_t order;
    struct result end; /* what ended the log, once it did */
    struct explanation end_why;
};

RESULT log_audit_new(struct recording *recording, struct log_audit **ret_audit,
                     struct explanation *why)
{
    struct log_audit *audit = calloc(1, sizeof *audit);
    if (audit == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    audit->recording = recording;
    *ret_audit = audit;
    return RESULT_OK;
}

void log_audit_free(struct log_audit *audit)
{
    if (audit == NULL)
        return;
    for (size_t i = 0; i < LIMIT_AUDIT_OPEN_EVENTS; i++)
        free(audit->events[i].text);
    free(audit);
}

bool log_audit_recognise(struct bytes start)
{
    const uint8_t *end = start.size == 0 ? NULL : memchr(start.data, '\n', start.size);
    if (end != NULL)
        start.size = (size_t)(end - start.data);
    struct audit_record record;
    bool is_separator = bytes_start_with(start, "----") || bytes_start_with(start, "time->");
    return is_separator || audit_record_read(start, &record);
}

/* --- collecting records ----------------------------------------------------------------------- */

static struct open_event *find_event(struct log_audit *audit, const char *key, uint64_t serial)
{
    for (size_t i = 0; i < LIMIT_AUDIT_OPEN_EVENTS; i++) {
        struct open_event *event = &audit->events[i];
        if (event->is_used && event->serial == serial && string_equal(event->key, key))
            return event;
    }
    return NULL;
}

/* A free place; NULL where there is none. */
static struct open_event *find_free(struct log_audit *audit)
{
    for (size_t i = 0; i < LIMIT_AUDIT_OPEN_EVENTS; i++) {
        if (!audit->events[i].is_used)
            return &audit->events[i];
    }
    return NULL;
}

/* The oldest event; with `is_ready` of those that are. NULL where there is none. */
static struct open_event *find_oldest(struct log_audit *audit, bool is_ready)
{
    struct open_event *oldest = NULL;
    for (size_t i = 0; i < LIMIT_AUDIT_OPEN_EVENTS; i++) {
        struct open_event *event = &audit->events[i];
        if (event->is_used && (event->is_ready || !is_ready)
            && (oldest == NULL || event->order < oldest->order))
            oldest = event;
    }
    return oldest;
}

/* An event in whose place a new one is begun must be given out before. */
static void age_events(struct log_audit *audit, uint64_t seconds)
{
    for (size_t i = 0; i < LIMIT_AUDIT_OPEN_EVENTS; i++) {
        struct open_event *event = &audit->events[i];
        if (event->is_used && seconds > event->seconds + SECONDS_OPEN)
            event->is_ready = true;
    }
}

static RESULT append(struct open_event *event, struct bytes line)
{
    size_t needed = event->size + line.size + 1;
    if (needed > LIMIT_RECORD_LINE_BYTES) {
        event->is_too_large = true;
        return RESULT_OK;
    }
    if (needed > event->capacity) {
        uint8_t *larger = realloc(event->text, 2 * needed);
        if (larger == NULL)
            return result_fail(ERROR_MEMORY);
        event->text = larger;
        event->capacity = 2 * needed;
    }
    bytes_copy(event->text + event->size, event->capacity - event->size, line.data, line.size);
    event->text[needed - 1] = '\n';
    event->size = needed;
    return RESULT_OK;
}

static uint64_t seconds_of(struct bytes time)
{
    const uint8_t *point = time.size == 0 ? NULL : memchr(time.data, '.', time.size);
    uint64_t seconds = 0;
    if (point != NULL)
        time.size = (size_t)(point - time.data);
    return bytes_to_number(time, UINT32_MAX, &seconds) ? seconds : 0;
}

/* Puts the record to its event. There is a free place. */
static RESULT take_record(struct log_audit *audit, const struct audit_record *record,
                          const struct recording_line *line)
{
    char key[LIMIT_NAME_BYTES];
    (void)string_format(key, sizeof key, "%.*s %.*s", (int)record->node.size,
                        (const char *)record->node.data, (int)record->time.size,
                        (const char *)record->time.data); /* cut ones differ by serial number */
    struct open_event *event = find_event(audit, key, record->serial);
    bool is_end = bytes_equal_text(record->type, "EOE");
    if (event == NULL && is_end)
        return RESULT_OK; /* of an event that ended with its PROCTITLE */
    if (event == NULL) {
        event = find_free(audit);
        if (event == NULL)
            abort(); /* the caller makes room first */
        event->is_used = true;
        event->is_ready = record->is_single;
        event->is_too_large = false;
        event->order = audit->order++;
        event->line = line->number;
        event->seconds = seconds_of(record->time);
        event->serial = record->serial;
        event->size = 0;
        (void)string_copy(event->key, sizeof event->key, key);
        age_events(audit, event->seconds);
    }
    if (is_end || bytes_equal_text(record->type, "PROCTITLE"))
        event->is_ready = true;
    return append(event, line->text);
}

/* --- giving events out ------------------------------------------------------------------------ */

static RESULT give_out(struct open_event *event, struct log_fields *fields,
                       struct log_entry *ret_entry, struct explanation *why)
{
    struct bytes text = {event->text, event->size};
    struct result result = event->is_too_large ? result_fail(ERROR_LIMIT)
                                               : audit_event_read(text, fields);
    *ret_entry = (struct log_entry){event->line, !result_is_ok(result)};
    event->is_used = false;
    if (!result_is_ok(result))
        result_ignore(explain(why, result.error, /* it costs itself only */
                              "the audit event has more than %d bytes or %d values",
                              LIMIT_RECORD_LINE_BYTES, (int)LIMIT_EVENT_VALUES));
    return RESULT_OK;
}

static bool is_separator(struct bytes line)
{
    return bytes_start_with(line, "----") || bytes_start_with(line, "time->");
}

/* Reads one line; *ret_is_bad: it is no record. */
static RESULT read_line(struct log_audit *audit, struct recording_line *ret_line,
                        bool *ret_is_bad, struct explanation *why)
{
    struct audit_record record;
    *ret_is_bad = false;
    struct result result = recording_next(audit->recording, ret_line, why);
    if (result.error == ERROR_LIMIT) {
        *ret_is_bad = true;
        return RESULT_OK;
    }
    if (!result_is_ok(result)) {
        audit->end = result;
        if (why != NULL && result.error != ERROR_NOT_FOUND)
            audit->end_why = *why;
        return RESULT_OK;
    }
    if (recording_line_is_blank(ret_line) || is_separator(ret_line->text))
        return RESULT_OK;
    if (audit_record_read(ret_line->text, &record))
        return take_record(audit, &record, ret_line);
    *ret_is_bad = true;
    result_ignore(explain(why, ERROR_FORMAT, /* it costs itself only */
                          "expected an audit record: type=... msg=audit(...)"));
    return RESULT_OK;
}

RESULT log_audit_next(struct log_audit *audit, struct log_fields *fields,
                      struct log_entry *ret_entry, struct explanation *why)
{
    for (;;) {
        bool is_ended = !result_is_ok(audit->end);
        bool is_full = find_free(audit) == NULL;
        struct open_event *event = find_oldest(audit, !is_ended && !is_full);
        if (event != NULL)
            return give_out(event, fields, ret_entry, why);
        if (is_ended) {
            if (why != NULL)
                *why = audit->end_why;
            return audit->end;
        }
        struct recording_line line;
        bool is_bad;
        struct result result = read_line(audit, &line, &is_bad, why);
        if (!result_is_ok(result))
            return explain(why, result.error, "memory is out");
        if (is_bad)
            return log_entry_unreadable(ret_entry, line.number);
    }
}
