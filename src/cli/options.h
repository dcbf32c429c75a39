// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Long options by a table: `--name`, `--name VALUE`, `--name=VALUE`; `--` ends them; everything
 * else is a word. Options and words may be mixed.
 */
#include "base/result.h"

#include <stdint.h>

struct option_row {
    const char *name;       /* without dashes */
    const char *value_name; /* "DIR"; NULL: the option is a flag */
    bool is_repeatable;
    const char *doc; /* one line of help */
};

/* What every verb understands: --help, --json, --state DIR. Ends with a row without name. */
extern const struct option_row OPTIONS_COMMON[];

#define OPTIONS_ANY_WORDS SIZE_MAX

struct options;

/* Reads `count` arguments (without program and verb). They must outlive the result. ERROR_FORMAT,
 * with `why`, for an unknown option, a missing or superfluous value, or a repeated option. */
RESULT options_parse(const struct option_row *rows, int count, char *const *arguments,
                     struct options **ret_options, struct explanation *why);
void options_free(struct options *options); /* NULL is allowed */

/* By the name of a row of the verb's or the common table; a name in neither aborts (it is a
 * mistake in our own code). */
bool options_has(const struct options *options, const char *name);
/* The value, or `fallback` when the option was not given. */
const char *options_value(const struct options *options, const char *name, const char *fallback);
/* Values of a repeatable option, in the order given. */
size_t options_count(const struct options *options, const char *name);
const char *options_value_at(const struct options *options, const char *name, size_t index);

size_t options_word_count(const struct options *options);
const char *options_word(const struct options *options, size_t index);
