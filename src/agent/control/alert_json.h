// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Alerts as ECS lines. A line begins {"@timestamp":"...","event":{"id":"<alert id>" so that ids
 * can be read back from a log without parsing JSON: inside of a string those quotes are escaped.
 */
#include "agent/alert.h"
#include "agent/control/event_json.h"
#include "agent/control/flood.h"

struct process_table;

/* What a line says about this host. */
struct alert_host {
    char name[LIMIT_NAME_BYTES];
    char kernel[LIMIT_NAME_BYTES];
    char architecture[LIMIT_NAME_BYTES];
};

/* Asks the kernel; what it does not say stays empty. */
void alert_host_fill(struct alert_host *ret_host);

/* `event` is NULL where the alert came without it or it could not be read; `table` may be NULL.
 * NULL: out of memory. */
json_t *alert_json(const struct alert_host *host, const struct alert *alert, const char *id,
                   const struct event *event, const struct process_table *table,
                   uint64_t now_wall_ns);
json_t *alert_group_json(const struct alert_host *host, const struct flood_group *group,
                         uint64_t now_wall_ns);

/* The alert id of a line; false where it is not the line of a single alert. */
bool alert_line_id(const char *line, size_t size, char out[ALERT_ID_BYTES]);

/* The ancestors of an event's process, nearest first, as ECS process objects; an empty array where
 * none is known. NULL: out of memory. */
json_t *ancestors_json(const struct process_table *table, const struct event *event);
