// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "base/bytes.h"
#include "base/nearest.h"

#include <stdlib.h>
#include <string.h>

const struct option_row OPTIONS_COMMON[] = {
    {"json", NULL, false, "print JSON, one object per line"},
    {"state", "DIR", false, "folder that holds everything of the agent (default: the system's)"},
    {"help", NULL, false, "show this"},
    {0},
};

struct given {
    const struct option_row *row;
    const char *value; /* NULL for flags */
};

struct options {
    const struct option_row *rows; /* of the verb; may be NULL */
    struct given *given;
    size_t given_count;
    const char **words;
    size_t word_count;
};

static const struct option_row *find_in(const struct option_row *rows, const char *name,
                                        size_t size)
{
    for (; rows != NULL && rows->name != NULL; rows++) {
        if (strlen(rows->name) == size && strncmp(rows->name, name, size) == 0)
            return rows;
    }
    return NULL;
}

static const struct option_row *find_row(const struct options *options, const char *name,
                                         size_t size)
{
    const struct option_row *row = find_in(options->rows, name, size);
    return row != NULL ? row : find_in(OPTIONS_COMMON, name, size);
}

static RESULT refuse_unknown(const struct options *options, const char *name,
                             struct explanation *why)
{
    struct nearest nearest = nearest_to(name);
    for (const struct option_row *row = options->rows; row != NULL && row->name != NULL; row++)
        nearest_offer(&nearest, row->name);
    for (const struct option_row *row = OPTIONS_COMMON; row->name != NULL; row++)
        nearest_offer(&nearest, row->name);
    if (nearest.best != NULL)
        return explain(why, ERROR_FORMAT, "there is no option --%s; did you mean --%s?", name,
                       nearest.best);
    return explain(why, ERROR_FORMAT, "there is no option --%s", name);
}

/* One `--name...`; `*at` is its index and moves on when the value is the next argument. */
static RESULT parse_option(struct options *options, int count, char *const *arguments, int *at,
                           struct explanation *why)
{
    const char *name = arguments[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct option_row *row = find_row(options, name, size);
    if (row == NULL)
        return refuse_unknown(options, name, why);
    const char *value = NULL;
    if (row->value_name == NULL) {
        if (equals != NULL)
            return explain(why, ERROR_FORMAT, "--%s takes no value", row->name);
    } else if (equals != NULL) {
        value = equals + 1;
    } else if (*at + 1 < count) {
        value = arguments[++*at];
    } else {
        return explain(why, ERROR_FORMAT, "--%s needs a value: --%s %s", row->name, row->name,
                       row->value_name);
    }
    if (row->value_name != NULL && !row->is_repeatable && options_has(options, row->name))
        return explain(why, ERROR_FORMAT, "--%s may be given once only", row->name);
    options->given[options->given_count++] = (struct given){row, value};
    return RESULT_OK;
}

static RESULT parse_all(struct options *options, int count, char *const *arguments,
                        struct explanation *why)
{
    bool is_ended = false;
    for (int at = 0; at < count; at++) {
        const char *argument = arguments[at];
        if (is_ended || argument[0] != '-' || argument[1] == '\0') {
            options->words[options->word_count++] = argument;
        } else if (string_equal(argument, "--")) {
            is_ended = true;
        } else if (string_equal(argument, "-h")) {
            options->given[options->given_count++] =
                (struct given){find_in(OPTIONS_COMMON, "help", 4), NULL};
        } else if (argument[1] != '-') {
            return explain(why, ERROR_FORMAT, "there is no option %s: options have two dashes",
                           argument);
        } else {
            GUARD(parse_option(options, count, arguments, &at, why));
        }
    }
    return RESULT_OK;
}

RESULT options_parse(const struct option_row *rows, int count, char *const *arguments,
                     struct options **ret_options, struct explanation *why)
{
    struct options *options = calloc(1, sizeof *options);
    size_t room = (size_t)count + 1;
    if (options != NULL) {
        options->rows = rows;
        options->given = calloc(room, sizeof *options->given);
        options->words = calloc(room, sizeof *options->words);
    }
    if (options == NULL || options->given == NULL || options->words == NULL) {
        options_free(options);
        return explain(why, ERROR_MEMORY, "memory is out");
    }
    struct result result = parse_all(options, count, arguments, why);
    if (!result_is_ok(result)) {
        options_free(options);
        return result;
    }
    *ret_options = options;
    return RESULT_OK;
}

void options_free(struct options *options)
{
    if (options == NULL)
        return;
    free(options->given);
    free(options->words);
    free(options);
}

size_t options_count(const struct options *options, const char *name)
{
    const struct option_row *row = find_row(options, name, strlen(name));
    if (row == NULL)
        abort();
    size_t count = 0;
    for (size_t i = 0; i < options->given_count; i++)
        count += options->given[i].row == row;
    return count;
}

bool options_has(const struct options *options, const char *name)
{
    return options_count(options, name) > 0;
}

const char *options_value_at(const struct options *options, const char *name, size_t index)
{
    const struct option_row *row = find_row(options, name, strlen(name));
    if (row == NULL)
        abort();
    for (size_t i = 0; i < options->given_count; i++) {
        if (options->given[i].row == row && index-- == 0)
            return options->given[i].value;
    }
    return NULL;
}

const char *options_value(const struct options *options, const char *name, const char *fallback)
{
    return options_has(options, name) ? options_value_at(options, name, 0) : fallback;
}

size_t options_word_count(const struct options *options) { return options->word_count; }

const char *options_word(const struct options *options, size_t index)
{
    return index < options->word_count ? options->words[index] : NULL;
}
