// SPDX-License-Identifier: Apache-2.0
#include "agent/control/alerts_log.h"

#include "agent/control/recent_ids.h"
#include "base/bytes.h"
#include "base/counters.h"

#include <stdlib.h>
#include <string.h>

enum {
    RETRY_MS = 1000,
    /* Lines are longer than the records that they are made of, so more of the log than the alert
     * ring holds is enough to know every double. */
    TAIL_BYTES = 4 * LIMIT_ALERT_RING_BYTES,
};

struct alerts_log {
    struct alerts_log_options options;
    struct recent_ids *ids;
    struct flood *flood;
    bool is_in_flight; /* `record` is not dealt with yet */
    unsigned slot;     /* whose ring it came from */
    char id[ALERT_ID_BYTES];
    char *line;
    size_t line_size;
    uint64_t retry_ns;
    uint64_t failing_since_wall_ns;
    struct result written;
    uint8_t rule_digest[RULE_HITS_DIGEST_BYTES]; /* of the alert in `line` */
    uint64_t unsaid; /* grouped alerts of a predecessor whose group line was never written */
    size_t record_size;
    uint8_t record[LIMIT_RING_RECORD_BYTES];
};

static void remember_line(void *context, const char *line, size_t size)
{
    struct alerts_log *log = context;
    char id[ALERT_ID_BYTES];
    if (alert_line_id(line, size, id) && !recent_ids_knows(log->ids, id))
        recent_ids_add(log->ids, id);
}

struct alerts_log *alerts_log_new(const struct alerts_log_options *options)
{
    struct alerts_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    log->options = *options;
    log->ids = recent_ids_new();
    log->flood = flood_new();
    if (log->ids == NULL || log->flood == NULL) {
        alerts_log_free(log);
        return NULL;
    }
    log->written = log_file_visit_tail(options->file, TAIL_BYTES, remember_line, log);
    uint64_t grouped = counter_get(COUNTER_control_alerts_grouped);
    uint64_t said = counter_get(COUNTER_control_alerts_group_written);
    log->unsaid = grouped > said ? grouped - said : 0;
    return log;
}

void alerts_log_free(struct alerts_log *log)
{
    if (log == NULL)
        return;
    recent_ids_free(log->ids);
    flood_free(log->flood);
    free(log->line);
    free(log);
}

void alerts_log_set_limits(struct alerts_log *log, struct flood_limits limits)
{
    log->options.limits = limits;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool may_try(const struct alerts_log *log)
{
    return log->failing_since_wall_ns == 0
           || clock_boottime_ns(log->options.clock) >= log->retry_ns;
}

/* Writes one line; on failure counts it and sets the time of the next attempt. */
static bool write_line(struct alerts_log *log, const char *line, size_t size)
{
    log->written = line == NULL ? result_fail(ERROR_MEMORY)
                                : log_file_append(log->options.file, line, size);
    if (result_is_ok(log->written)) {
        log->failing_since_wall_ns = 0;
        return true;
    }
    counter_add(COUNTER_control_log_failed, 1);
    if (log->failing_since_wall_ns == 0)
        log->failing_since_wall_ns = clock_wall_ns(log->options.clock);
    log->retry_ns = clock_boottime_ns(log->options.clock) + (uint64_t)RETRY_MS * NS_PER_MS;
    return false;
}

static bool write_object(struct alerts_log *log, json_t *object)
{
    size_t size = 0;
    char *line = object == NULL ? NULL : json_line(object, &size);
    bool is_written = write_line(log, line, size);
    free(line);
    json_decref(object);
    return is_written;
}

/* Writes the groups that are due. False: writing failed. */
static bool write_groups(struct alerts_log *log, bool all)
{
    const struct flood_group *group;
    while ((group = flood_due(log->flood, clock_boottime_ns(log->options.clock), all)) != NULL) {
        if (!write_object(log, alert_group_json(log->options.host, group,
                                                clock_wall_ns(log->options.clock))))
            return false;
        counter_add(COUNTER_control_alerts_group_written, group->count);
        flood_written(log->flood, group);
    }
    return true;
}

/* Says how many alerts a predecessor took with it. */
static bool write_unsaid(struct alerts_log *log)
{
    if (log->unsaid == 0)
        return true;
    uint64_t now_ns = clock_wall_ns(log->options.clock);
    struct flood_group group = {.count = log->unsaid, .first_wall_ns = now_ns,
                                .last_wall_ns = now_ns};
    static const char TITLE[] =
        "Alerts of a flood whose group was not written because creance-control ended";
    group.rule_title.size = sizeof TITLE - 1;
    bytes_copy(group.rule_title.data, sizeof group.rule_title.data, TITLE, sizeof TITLE - 1);
    if (!write_object(log, alert_group_json(log->options.host, &group, now_ns)))
        return false;
    counter_add(COUNTER_control_alerts_group_written, log->unsaid);
    log->unsaid = 0;
    return true;
}

/* --- one record ------------------------------------------------------------------------------- */

static struct bytes event_text(const struct event *event, enum event_field field)
{
    if (event == NULL || !event_has(event, field))
        return (struct bytes){NULL, 0};
    return event->values[field].text;
}

static struct flood_alert flood_alert_of(const struct alert *alert, const char *id,
                                         const struct event *event)
{
    return (struct flood_alert){
        .alert_id = id,
        .wall_ns = event == NULL ? 0 : event->wall_ns,
        .rule_digest = alert->rule_digest,
        .rule_id = alert->rule_id,
        .rule_title = alert->rule_title,
        .rule_level = alert->rule_level,
        .rule_file = alert->rule_file,
        .rule_tags = alert->rule_tags,
        .executable = event_text(event, FIELD_process_executable),
        .arguments = event_text(event, FIELD_process_arguments),
    };
}

static void finish_record(struct alerts_log *log)
{
    free(log->line);
    log->line = NULL;
    log->is_in_flight = false;
    ring_reader_done(log->options.readers[log->slot]);
}

static bool counts(const struct alerts_log *log, const struct alert *alert)
{
    return log->options.counts == NULL
           || log->options.counts(log->options.context, log->slot, alert->sequence);
}

/* Whether the alert needs no line of its own. */
static bool is_grouped(struct alerts_log *log, const struct flood_alert *alert, uint64_t count)
{
    uint64_t now_ns = clock_boottime_ns(log->options.clock);
    const struct flood_limits *limits = &log->options.limits;
    if (count == 1)
        return flood_judge(log->flood, limits, alert, now_ns) == FLOOD_GROUP;
    return flood_add(log->flood, limits, alert, count, now_ns)
           || (write_groups(log, true)
               && flood_add(log->flood, limits, alert, count, now_ns));
}

/* Makes the line of the record in log->record; what needs no line is finished here. */
static void take_record(struct alerts_log *log)
{
    struct alert alert;
    struct event event;
    if (!result_is_ok(alert_decode(log->record, log->record_size, &alert))) {
        counter_add(COUNTER_control_alerts_malformed, 1);
        finish_record(log);
        return;
    }
    if (!counts(log, &alert)) {
        counter_add(COUNTER_control_alerts_shadowed, 1);
        finish_record(log);
        return;
    }
    alert_id(&alert, log->id);
    if (recent_ids_knows(log->ids, log->id)) {
        counter_add(COUNTER_control_alerts_doubled, 1);
        finish_record(log);
        return;
    }
    bool has_event = alert.event.size > 0
                     && result_is_ok(event_decode(alert.event.data, alert.event.size, &event));
    const struct event *told = has_event ? &event : NULL;
    struct flood_alert flood_alert = flood_alert_of(&alert, log->id, told);
    if (is_grouped(log, &flood_alert, alert.count)) {
        counter_add(COUNTER_control_alerts_grouped, alert.count);
        rule_hits_add(log->options.hits, alert.rule_digest, alert.count);
        recent_ids_add(log->ids, log->id);
        finish_record(log);
        return;
    }
    if (alert.count > 1)
        return; /* no place for it now: tried again */
    json_t *object = alert_json(log->options.host, &alert, log->id, told, log->options.table,
                                clock_wall_ns(log->options.clock));
    bytes_copy(log->rule_digest, sizeof log->rule_digest, alert.rule_digest,
               sizeof alert.rule_digest);
    if (object != NULL)
        log->line = json_line(object, &log->line_size);
    json_decref(object);
    if (log->line == NULL)
        flood_take_back(log->flood, &flood_alert); /* it will be judged again */
}

/* Brings the record in flight into the log. False: not now. */
static bool write_record(struct alerts_log *log)
{
    if (log->is_in_flight && log->line == NULL)
        take_record(log);
    if (!log->is_in_flight)
        return true;
    if (!write_line(log, log->line, log->line_size))
        return false;
    counter_add(COUNTER_control_alerts_written, 1);
    rule_hits_add(log->options.hits, log->rule_digest, 1);
    recent_ids_add(log->ids, log->id);
    finish_record(log);
    return true;
}

/* --- the work --------------------------------------------------------------------------------- */

static bool next_of(struct alerts_log *log, unsigned slot)
{
    struct ring_record record;
    if (log->options.readers[slot] == NULL)
        return false;
    struct result result = ring_reader_next(log->options.readers[slot], log->record, &record);
    if (result_is_ok(result)) {
        log->is_in_flight = true;
        log->slot = slot;
        log->record_size = record.size;
    }
    /* ERROR_FORMAT: what could not be read is in ring_reader_lost(); the next one may be good. */
    return result_is_ok(result) || result.error == ERROR_FORMAT;
}

/* Of both engines in turns, so that no flood keeps the other one's waiting. False: nothing new. */
static bool next_record(struct alerts_log *log)
{
    unsigned other = (log->slot + 1) % ENGINE_SLOTS;
    return next_of(log, other) || next_of(log, log->slot);
}

static uint64_t sum_over(const struct alerts_log *log,
                         uint64_t (*number)(const struct ring_reader *reader))
{
    uint64_t sum = 0;
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        if (log->options.readers[slot] != NULL)
            sum += number(log->options.readers[slot]);
    return sum;
}

bool alerts_log_work(struct alerts_log *log, unsigned budget)
{
    if (!may_try(log) || !write_unsaid(log) || !write_groups(log, false))
        return false;
    /* A record that is still in flight is not read again: the ring may have come round over it,
     * and then only our copy of it is left. */
    bool is_more = write_record(log);
    for (unsigned i = 0; i < budget && is_more; i++)
        is_more = next_record(log) && write_record(log) && write_groups(log, false);
    counter_set(COUNTER_control_alerts_lost, sum_over(log, ring_reader_lost));
    return is_more;
}

void alerts_log_finish(struct alerts_log *log)
{
    if (write_unsaid(log))
        (void)write_groups(log, true); /* the counters tell the next one what is missing */
    result_ignore(log_file_sync(log->options.file)); /* nothing more can be done about it now */
}

struct alerts_log_state alerts_log_state(const struct alerts_log *log)
{
    return (struct alerts_log_state){
        .written = log->written,
        .failing_since_wall_ns = log->failing_since_wall_ns,
        .waiting_bytes = sum_over(log, ring_reader_waiting),
        .grouped = flood_pending(log->flood) + log->unsaid,
    };
}
