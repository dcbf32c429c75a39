// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Logs in JSON: an object a line, or objects over several lines, in an array or one behind the
 * other. Members of objects get dotted names; Windows events, however they were put into JSON
 * (Winlogbeat, NXLog as in Security-Datasets, evtx_dump and other converters of their XML),
 * Sigma's.
 *
 * Where objects span lines, a line that begins with '{' in its first column begins an object, also
 * where the one before was not ended: it is then unreadable, and only it.
 */
#include "content/log_entry.h"

struct log_json;

/* `recording` was just opened and stays the caller's. ERROR_MEMORY. */
RESULT log_json_new(struct recording *recording, struct log_json **ret_json,
                    struct explanation *why);
void log_json_free(struct log_json *json); /* NULL is allowed */

RESULT log_json_next(struct log_json *json, struct log_fields *fields, struct log_entry *ret_entry,
                     struct explanation *why);

/* One object into fields. ERROR_FORMAT, ERROR_LIMIT with `why`. */
RESULT log_json_read(struct log_json *json, struct bytes text, struct log_fields *fields,
                     struct explanation *why);
