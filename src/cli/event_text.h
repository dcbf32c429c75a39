// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Events and alerts from the agent as lines for people. Everything goes through output.h, which
 * escapes what would paint on a terminal.
 */
#include "cli/online.h"

/* "02:55:21" of an RFC 3339 time; "" where it is none. `out` has EVENT_TIME_BYTES. */
enum { EVENT_TIME_BYTES = 16 };
void event_time(const char *time, char *out);

/* One event in the schema form as one line. */
void event_text_print(struct output *output, const json_t *event);
/* One alert (or group of alerts) line of the log as a few lines: what, by whom, ancestors. */
void alert_text_print(struct output *output, const json_t *alert);
