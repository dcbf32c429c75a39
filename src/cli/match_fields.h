// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a person wants to see of an event of a log that matched: its fields, under Sigma's names
 * where the schema knows the log's own (ECS).
 */
#include "content/log_fields.h"

#include <jansson.h>

/* An object of the event's fields; several values under one name are an array, long ones are cut.
 * NULL: out of memory. */
json_t *match_fields(const struct log_fields *event);

/* The one field that says best what happened: file, peer, key, command line, ...; "" for none.
 * Lives as long as `fields`. */
const char *match_fields_gist(const json_t *fields);
