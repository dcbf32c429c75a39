// SPDX-License-Identifier: Apache-2.0
#include "agent/control/agent_log.h"

#include "base/bytes.h"
#include "base/counters.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct waiting_line {
    char *line;
    size_t size;
};

struct agent_log {
    struct log_file *file;
    const struct clock *clock;
    struct waiting_line waiting[AGENT_LOG_WAITING];
    size_t waiting_count;
    uint64_t dropped; /* lines that did not fit among the waiting ones, not yet said */
};

struct agent_log *agent_log_new(struct log_file *file, const struct clock *clock)
{
    struct agent_log *log = calloc(1, sizeof *log);
    if (log != NULL)
        *log = (struct agent_log){.file = file, .clock = clock};
    return log;
}

void agent_log_free(struct agent_log *log)
{
    if (log == NULL)
        return;
    for (size_t i = 0; i < log->waiting_count; i++)
        free(log->waiting[i].line);
    free(log);
}

static char *format_line(const struct agent_log *log, enum agent_log_level level,
                         const char *action, const char *text, size_t *ret_size)
{
    static const char *const LEVELS[] = {"info", "warning", "error"};
    char time[CLOCK_TEXT_BYTES];
    clock_format(clock_wall_ns(log->clock), time);
    json_t *object = json_pack("{s:s, s:{s:s, s:s, s:s, s:s}, s:{s:s}, s:o, s:{s:s, s:s}}",
                               "@timestamp", time, "event", "kind", "event", "module", "creance",
                               "dataset", "creance.agent", "action", action,
                               "log", "level", LEVELS[level], "message", json_foreign_text(text),
                               "agent", "type", "creance", "version", CREANCE_VERSION);
    char *line = object == NULL ? NULL : json_line(object, ret_size);
    json_decref(object);
    return line;
}

static bool write_first(struct agent_log *log)
{
    struct waiting_line *first = &log->waiting[0];
    if (!result_is_ok(log_file_append(log->file, first->line, first->size))) {
        counter_add(COUNTER_control_log_failed, 1);
        return false;
    }
    free(first->line);
    log->waiting_count--;
    for (size_t i = 0; i < log->waiting_count; i++)
        log->waiting[i] = log->waiting[i + 1];
    return true;
}

static void add_line(struct agent_log *log, char *line, size_t size)
{
    if (line != NULL && log->waiting_count < AGENT_LOG_WAITING) {
        log->waiting[log->waiting_count++] = (struct waiting_line){line, size};
        return;
    }
    free(line);
    log->dropped++;
    counter_add(COUNTER_control_log_failed, 1);
}

void agent_log_say(struct agent_log *log, enum agent_log_level level, const char *action,
                   const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    size_t size = 0;
    char *line = length < 0 ? NULL : format_line(log, level, action, text, &size);
    if (length >= 0)
        free(text);
    bool was_empty = log->waiting_count == 0;
    add_line(log, line, size);
    if (was_empty)
        agent_log_work(log); /* else the disk fails and is tried each second only */
}

void agent_log_work(struct agent_log *log)
{
    while (log->waiting_count > 0) {
        if (!write_first(log))
            return;
    }
    if (log->dropped > 0) {
        char text[96];
        size_t size = 0;
        string_format(text, sizeof text, "%llu lines were lost while this log could not be written",
                      (unsigned long long)log->dropped);
        log->dropped = 0;
        add_line(log, format_line(log, AGENT_LOG_ERROR, "log_lost", text, &size), size);
        if (log->waiting_count > 0)
            (void)write_first(log); /* it waits where that fails */
    }
}
