// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * creance.yaml: settings in groups, made from configuration.def.
 *
 *     alerts:
 *       single_per_minute: 50
 *
 * A file with a fault is refused whole: what was in force stays in force, and the fault is said
 * with its line. A key that nobody knows is a warning, so that a file for a newer version can be
 * used.
 */
#include "base/limits.h"
#include "base/reader.h"

struct configuration {
#define NUMBER(id, ...) uint64_t id;
#define FLAG(id, ...) bool id;
#include "agent/control/configuration.def"
};

enum { CONFIGURATION_FILE_BYTES = 64 * KIB, CONFIGURATION_WARNINGS = 8 };

/* What is odd about a file that was taken all the same. */
struct configuration_warnings {
    size_t count; /* of all; the first CONFIGURATION_WARNINGS are kept */
    struct explanation texts[CONFIGURATION_WARNINGS];
};

struct configuration configuration_default(void);

/* Reads the text of a file called `name` (for sentences). Settings that are absent get their
 * defaults. On failure *ret_configuration is untouched and `why` says "name:line: ...". */
RESULT configuration_parse(const char *name, struct bytes text,
                           struct configuration *ret_configuration,
                           struct configuration_warnings *ret_warnings, struct explanation *why);

/* The same for the file `name` in an open folder; ERROR_NOT_FOUND, with the defaults in
 * *ret_configuration, when there is none. */
RESULT configuration_read(int folder, const char *name, struct configuration *ret_configuration,
                          struct configuration_warnings *ret_warnings, struct explanation *why);
