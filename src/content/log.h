// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Logs of any kind, event by event: what is in front of every reader of a format. A log is read
 * from a descriptor in one pass, plain or compressed by zstd, so that a pipe will do.
 */
#include "content/log_entry.h"

#define LOG_FORMATS(X)                                                                      \
    X(json, "JSON", "objects: recordings, Winlogbeat, ECS, Security-Datasets, evtx_dump")   \
    X(evtx, "EVTX", "Windows event logs")                                                   \
    X(xml, "XML", "Windows events and those of Sysmon for Linux as text")                   \
    X(audit, "auditd", "logs of the Linux audit system")                                    \
    X(text, "text", "lines of any text log, for rules of keywords; Sysmon for Linux in syslog")

enum log_format {
    LOG_ANY, /* its content says it */
#define LOG_FORMAT(id, title, doc) LOG_##id,
    LOG_FORMATS(LOG_FORMAT)
#undef LOG_FORMAT
    LOG_FORMAT_COUNT
};

/* "json"; never NULL. LOG_ANY is "auto". */
const char *log_format_name(enum log_format format);
/* False where no format has that name. */
bool log_format_find(const char *name, enum log_format *ret_format);

struct log_options {
    enum log_format format;
    const struct engine_source *source; /* what the user says of all events in it; NULL: nothing */
};

struct log;

/* `fd` is open for reading and stays the caller's; `name` and options->source must outlive the log.
 * Fails, with `why`, as recording_open() does, and where the format asked for cannot be or, with
 * LOG_ANY, the content is binary and not known. */
RESULT log_open(int fd, const char *name, const struct log_options *options, struct log **ret_log,
                struct explanation *why);
void log_close(struct log *log); /* NULL is allowed */

enum log_format log_format(const struct log *log);
/* Bytes of content so far. */
uint64_t log_bytes(const struct log *log);

/* The next event, put into `event`. See log_entry.h for what it returns. */
RESULT log_next(struct log *log, struct engine_event *event, struct log_entry *ret_entry,
                struct explanation *why);

/* The names and values of that event; until the next call. */
const struct log_fields *log_fields(const struct log *log);
