// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Routes events to Sigma's log sources and gives their fields Sigma's names, by the table
 * log_source.def. What an event belongs to, the first of these that applies says:
 *
 * 1. the user, for the whole log;
 * 2. the event itself, by the words `product`, `category` and `service`; it is then taken as it is;
 * 3. its reader (log_fields.sources): audit records, texts;
 * 4. channel or provider, and event id;
 * 5. our own recordings' words `event.category` and `event.action` (schema/events.def).
 *
 * An event that nothing applies to belongs to no log source: only rules that ask for none see it.
 */
#include "content/log_fields.h"

/* The log sources of a line of text that nobody can take apart: by the program that a line of
 * syslog names; cisco's by the code of a message ("%PARSER-5-CFGLOG_LOGGEDCMD:"); else any, which
 * only rules of keywords see. */
RESULT log_source_of_text(struct bytes line, struct log_fields *fields);

/* Fills `event` from `fields`; adds to them what has a second name. `said` is NULL or what the user
 * says. ERROR_LIMIT where the event is too large, ERROR_MEMORY. */
RESULT log_source_route(struct log_fields *fields, const struct engine_source *said,
                        struct engine_event *event);
