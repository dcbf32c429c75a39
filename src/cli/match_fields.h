// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a person wants to see of a recorded event that matched: the fields that the schema knows,
 * under their Sigma names, however the recording calls them (Sigma or ECS, flat or nested).
 */
#include "base/reader.h"

#include <jansson.h>

/* An object of the fields found in one line of a recording; {} where the line is not an object.
 * NULL: out of memory. */
json_t *match_fields(struct bytes line);

/* The one field that says best what happened: command line, file, peer or executable; "" for none.
 * Lives as long as `fields`. */
const char *match_fields_gist(const json_t *fields);
