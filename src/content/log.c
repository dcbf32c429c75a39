// SPDX-License-Identifier: Apache-2.0
#include "content/log.h"

#include "base/bytes.h"
#include "content/log_audit.h"
#include "content/log_evtx.h"
#include "content/log_json.h"
#include "content/log_source.h"
#include "content/log_xml.h"

#include <stdlib.h>
#include <string.h>

struct log {
    const char *name;
    const struct engine_source *source;
    enum log_format format;
    struct recording *recording;
    struct log_fields fields;
    struct log_json *json; /* readers: NULL but for the one of the format */
    struct log_evtx *evtx;
    struct log_xml *xml;
    struct log_audit *audit;
};

/* --- formats ---------------------------------------------------------------------------------- */

const char *log_format_name(enum log_format format)
{
    switch (format) {
#define LOG_FORMAT(id, title, doc) \
    case LOG_##id:                 \
        return #id;
        LOG_FORMATS(LOG_FORMAT)
#undef LOG_FORMAT
    case LOG_ANY:
    case LOG_FORMAT_COUNT:
        break;
    }
    return "auto";
}

bool log_format_find(const char *name, enum log_format *ret_format)
{
    for (unsigned i = LOG_ANY; i < LOG_FORMAT_COUNT; i++) {
        if (string_equal(name, log_format_name((enum log_format)i))) {
            *ret_format = (enum log_format)i;
            return true;
        }
    }
    return false;
}

/* Whether one of the first lines is a record of audit: the very first may be cut. */
static bool has_audit_record(struct bytes start)
{
    enum { LINES = 4 };
    for (unsigned i = 0; i < LINES && start.size > 0; i++) {
        if (log_audit_recognise(start))
            return true;
        const uint8_t *end = memchr(start.data, '\n', start.size);
        if (end == NULL)
            break;
        start = (struct bytes){end + 1, start.size - (size_t)(end + 1 - start.data)};
    }
    return false;
}

/* The format of what begins like this. */
static enum log_format recognise(struct bytes start)
{
    static const char MARK[] = "\xef\xbb\xbf";
    if (bytes_start_with(start, MARK))
        start = (struct bytes){start.data + 3, start.size - 3};
    if (log_evtx_recognise(start))
        return LOG_evtx;
    for (size_t i = 0; i < start.size; i++) {
        uint8_t c = start.data[i];
        if (c == '{' || c == '[')
            return LOG_json;
        if (c == '<')
            return LOG_xml;
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
    }
    if (start.size == 0)
        return LOG_json;
    return has_audit_record(start) ? LOG_audit : LOG_text;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static RESULT open_reader(struct log *log, struct explanation *why)
{
    if (log->format == LOG_ANY) {
        struct bytes start;
        GUARD(recording_peek(log->recording, &start, why));
        log->format = recognise(start);
        if (log->format == LOG_text && memchr(start.data, 0, start.size) != NULL)
            return explain(why, ERROR_UNSUPPORTED,
                           "%s: this is binary data of a kind that is not known; if it is text all "
                           "the same, say --format text", log->name);
    }
    if (log->format == LOG_json)
        return log_json_new(log->recording, &log->json, why);
    if (log->format == LOG_evtx)
        return log_evtx_new(log->recording, log->name, &log->evtx, why);
    if (log->format == LOG_xml)
        return log_xml_new(log->recording, &log->xml, why);
    if (log->format == LOG_audit)
        return log_audit_new(log->recording, &log->audit, why);
    return RESULT_OK;
}

RESULT log_open(int fd, const char *name, const struct log_options *options, struct log **ret_log,
                struct explanation *why)
{
    struct log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return explain(why, ERROR_MEMORY, "%s: memory is out", name);
    log->name = name;
    log->source = options->source;
    log->format = options->format;
    struct result result = recording_open(fd, name, &log->recording, why);
    if (result_is_ok(result)) {
        result = log_fields_init(&log->fields);
        if (!result_is_ok(result))
            result = explain(why, ERROR_MEMORY, "%s: memory is out", name);
    }
    if (result_is_ok(result))
        result = open_reader(log, why);
    if (!result_is_ok(result)) {
        log_close(log);
        return result;
    }
    *ret_log = log;
    return RESULT_OK;
}

void log_close(struct log *log)
{
    if (log == NULL)
        return;
    log_json_free(log->json);
    log_evtx_free(log->evtx);
    log_xml_free(log->xml);
    log_audit_free(log->audit);
    log_fields_free(&log->fields);
    recording_close(log->recording);
    free(log);
}

enum log_format log_format(const struct log *log) { return log->format; }

uint64_t log_bytes(const struct log *log) { return recording_bytes(log->recording); }

const struct log_fields *log_fields(const struct log *log) { return &log->fields; }

/* --- reading ---------------------------------------------------------------------------------- */

/* Events of Sysmon for Linux, and lines that nobody can take apart: any log source may have written
 * them. */
static RESULT next_text(struct log *log, struct log_entry *ret_entry, struct explanation *why)
{
    struct recording_line line;
    do {
        struct result result = recording_next(log->recording, &line, why);
        if (result.error == ERROR_LIMIT)
            return log_entry_unreadable(ret_entry, line.number);
        GUARD(result);
    } while (recording_line_is_blank(&line));
    *ret_entry = (struct log_entry){.number = line.number};
    struct bytes event;
    if (log_xml_find(line.text, &event)) {
        if (result_is_ok(log_xml_read(event, &log->fields)))
            return RESULT_OK;
        log_fields_reset(&log->fields); /* whatever it is, it is a line */
    }
    GUARD(log_source_of_text(line.text, &log->fields));
    return log_fields_add_view(&log->fields, "message", line.text);
}

static RESULT read_next(struct log *log, struct log_entry *ret_entry, struct explanation *why)
{
    switch (log->format) {
    case LOG_json:
        return log_json_next(log->json, &log->fields, ret_entry, why);
    case LOG_evtx:
        return log_evtx_next(log->evtx, &log->fields, ret_entry, why);
    case LOG_xml:
        return log_xml_next(log->xml, &log->fields, ret_entry, why);
    case LOG_audit:
        return log_audit_next(log->audit, &log->fields, ret_entry, why);
    case LOG_text:
    case LOG_ANY:
    case LOG_FORMAT_COUNT:
        break;
    }
    return next_text(log, ret_entry, why);
}

RESULT log_next(struct log *log, struct engine_event *event, struct log_entry *ret_entry,
                struct explanation *why)
{
    log_fields_reset(&log->fields);
    GUARD(read_next(log, ret_entry, why));
    if (ret_entry->is_unreadable)
        return RESULT_OK;
    struct result result = log_source_route(&log->fields, log->source, event);
    if (result.error == ERROR_LIMIT) {
        result_ignore(explain(why, ERROR_LIMIT, /* it costs itself only */
                              "the event has more than %d values or %d bytes of text",
                              (int)LIMIT_EVENT_VALUES, LIMIT_RECORD_LINE_BYTES));
        return log_entry_unreadable(ret_entry, ret_entry->number);
    }
    if (!result_is_ok(result))
        return explain(why, result.error, "%s: memory is out", log->name);
    return RESULT_OK;
}
