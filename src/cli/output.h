// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the verbs print: lines and tables for people, JSON lines for programs.
 *
 * Texts from events, rules and file names are not ours: everything that is printed through here
 * has its control characters escaped, so that nobody paints on the reader's terminal.
 * A reader that goes away (EPIPE) is no failure: output_is_closed() turns true, the verb stops,
 * nothing is said. Any other failure to write is said by main.c and ends with CLI_UNAVAILABLE.
 */
#include "base/reader.h"

#include <jansson.h>
#include <stdio.h>

enum output_default {
    OUTPUT_TEXT,            /* text, JSON with --json only */
    OUTPUT_JSON_WHEN_PIPED, /* text on a terminal, JSON where a program reads */
};

enum output_colour {
    COLOUR_NONE,
    COLOUR_BOLD,
    COLOUR_DIM,
    COLOUR_RED,
    COLOUR_GREEN,
    COLOUR_YELLOW,
    COLOUR_COUNT
};

struct output;

/* Writes to `file` (not closed by us). Colour only on a terminal and without NO_COLOR. */
struct output *output_new(FILE *file, bool json, enum output_default fallback); /* NULL: memory */
void output_free(struct output *output); /* NULL is allowed; does not flush */

bool output_is_json(const struct output *output);
bool output_is_terminal(const struct output *output);
/* Columns of the terminal; 0 where there is none: cut nothing. */
size_t output_columns(const struct output *output);
/* The reader is gone or writing failed: stop. */
bool output_is_closed(const struct output *output);
/* Writes out what is buffered. ERROR_CLOSED: the reader is gone; ERROR_SYSTEM: writing failed. */
RESULT output_flush(struct output *output);

/* One line of our own words and escaped foreign ones; control characters in the whole line are
 * escaped, a newline is added. */
void output_line(struct output *output, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same without the newline, coloured where colours are. */
void output_part(struct output *output, enum output_colour colour, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Prepared text of our own (help, Markdown): as it is, newlines and all. */
void output_raw(struct output *output, const char *text);

/* Prints `object` as one line and takes it over (it is released even on failure; NULL counts as
 * out of memory and closes the output). */
void output_json(struct output *output, json_t *object);

/* A JSON string from foreign bytes: what is not UTF-8 becomes U+FFFD. */
json_t *output_json_bytes(const void *data, size_t size);
json_t *output_json_text(const char *text);

/* Columns sized to their content. Cells are escaped; on a terminal the last column is cut to its
 * width where enough of it remains. */
struct table;
struct table *table_new(size_t columns, const char *const *titles); /* NULL: out of memory */
void table_free(struct table *table);                                /* NULL is allowed */
/* Copies `columns` cells. */
RESULT table_add(struct table *table, enum output_colour colour, const char *const *cells);
void table_print(const struct table *table, struct output *output);
