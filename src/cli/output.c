// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include "base/bytes.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct output {
    FILE *file;
    bool is_json;
    bool is_terminal;
    bool has_colour;
    bool is_closed;
    size_t columns; /* at the start: a sandbox does not let us ask again */
    int system_errno; /* why writing failed; 0 when it did not or the reader left */
};

static const char *const COLOUR_CODES[COLOUR_COUNT] = {
    [COLOUR_NONE] = "",      [COLOUR_BOLD] = "\033[1m",   [COLOUR_DIM] = "\033[2m",
    [COLOUR_RED] = "\033[31m", [COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m",
};

struct output *output_new(FILE *file, bool json, enum output_default fallback)
{
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL)
        return NULL;
    const char *no_colour = getenv("NO_COLOR");
    output->file = file;
    output->is_terminal = isatty(fileno(file)) == 1;
    output->columns = output_columns(output);
    output->is_json = json || (fallback == OUTPUT_JSON_WHEN_PIPED && !output->is_terminal);
    output->has_colour = output->is_terminal && (no_colour == NULL || *no_colour == '\0');
    return output;
}

void output_free(struct output *output) { free(output); }

bool output_is_json(const struct output *output) { return output->is_json; }

bool output_is_terminal(const struct output *output) { return output->is_terminal; }

bool output_is_closed(const struct output *output) { return output->is_closed; }

size_t output_columns(const struct output *output)
{
    struct winsize size;
    if (!output->is_terminal)
        return 0;
    return ioctl(fileno(output->file), TIOCGWINSZ, &size) == 0 ? size.ws_col : output->columns;
}

/* Call it right after a write that failed. */
static void note_failure(struct output *output)
{
    if (output->is_closed)
        return;
    output->is_closed = true;
    output->system_errno = errno == EPIPE ? 0 : errno;
}

RESULT output_flush(struct output *output)
{
    if (!output->is_closed && fflush(output->file) != 0)
        note_failure(output);
    if (output->system_errno != 0)
        return (struct result){ERROR_SYSTEM, output->system_errno};
    return output->is_closed ? result_fail(ERROR_CLOSED) : RESULT_OK;
}

static void put(struct output *output, const char *data, size_t size)
{
    if (!output->is_closed && size > 0 && fwrite(data, 1, size, output->file) != size)
        note_failure(output);
}

/* Bytes of the UTF-8 character at the start of `data`, 0 where there is none. Surrogates,
 * overlong forms and C1 control characters count as none. */
static size_t utf8_size(const uint8_t *data, size_t left)
{
    static const uint32_t SMALLEST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = data[0];
    size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3
                : first >> 3 == 30 ? 4 : 0;
    if (size < 2 || size > left)
        return size == 1 ? 1 : 0;
    uint32_t value = first & (0x7fU >> size);
    for (size_t i = 1; i < size; i++) {
        if (data[i] >> 6 != 2)
            return 0;
        value = value << 6 | (data[i] & 0x3f);
    }
    bool is_bad = value < SMALLEST[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000);
    return is_bad ? 0 : size;
}

static bool is_control(const uint8_t *data, size_t size)
{
    if (size == 1)
        return data[0] < 0x20 || data[0] == 0x7f;
    /* U+0080..U+009F: some terminals take them as escape sequences. The marks that turn the
     * direction of writing (U+200E.., U+202A.., U+2066..) can make a line look like another. */
    if (size == 2)
        return data[0] == 0xc2 && data[1] < 0xa0;
    return size == 3 && data[0] == 0xe2
           && ((data[1] == 0x80 && (data[2] == 0x8e || data[2] == 0x8f
                                    || (data[2] >= 0xaa && data[2] <= 0xae)))
               || (data[1] == 0x81 && data[2] >= 0xa6 && data[2] <= 0xa9));
}

/* Walks over `text` and hands each run of printable bytes and each escape to put(); returns the
 * columns used. Stops before `columns_max` would be exceeded. */
static size_t put_escaped(struct output *output, const char *text, size_t size, size_t columns_max)
{
    const uint8_t *data = (const uint8_t *)text;
    size_t columns = 0;
    for (size_t at = 0; at < size;) {
        size_t character = utf8_size(data + at, size - at);
        bool is_escaped = character == 0 || is_control(data + at, character);
        size_t step = character == 0 ? 1 : character;
        size_t width = is_escaped ? 4 * step : 1;
        if (columns + width > columns_max)
            break;
        if (!is_escaped)
            put(output, text + at, step);
        for (size_t i = 0; is_escaped && i < step; i++) {
            char escape[8];
            string_format(escape, sizeof escape, "\\x%02x", data[at + i]);
            put(output, escape, 4);
        }
        columns += width;
        at += step;
    }
    return columns;
}

static void put_formatted(struct output *output, const char *format, va_list arguments)
{
    char *text = NULL;
    int size = vasprintf(&text, format, arguments);
    if (size < 0) {
        errno = ENOMEM;
        note_failure(output);
        return;
    }
    put_escaped(output, text, (size_t)size, SIZE_MAX);
    free(text);
}

void output_line(struct output *output, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_formatted(output, format, arguments);
    va_end(arguments);
    put(output, "\n", 1);
}

static void put_colour(struct output *output, enum output_colour colour, bool is_start)
{
    if (!output->has_colour || colour == COLOUR_NONE)
        return;
    const char *code = is_start ? COLOUR_CODES[colour] : "\033[0m";
    put(output, code, strlen(code));
}

void output_part(struct output *output, enum output_colour colour, const char *format, ...)
{
    put_colour(output, colour, true);
    va_list arguments;
    va_start(arguments, format);
    put_formatted(output, format, arguments);
    va_end(arguments);
    put_colour(output, colour, false);
}

void output_raw(struct output *output, const char *text) { put(output, text, strlen(text)); }

/* --- JSON ---------------------------------------------------------------------------------- */

void output_json(struct output *output, json_t *object)
{
    char *line = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (line == NULL) {
        errno = ENOMEM;
        note_failure(output);
        return;
    }
    put(output, line, strlen(line));
    put(output, "\n", 1);
    free(line);
}

json_t *output_json_bytes(const void *data, size_t size)
{
    static const char REPLACEMENT[] = "\xef\xbf\xbd";
    json_t *whole = json_stringn(data, size);
    if (whole != NULL || size > SIZE_MAX / 4)
        return whole;
    const uint8_t *bytes = data;
    size_t capacity = 3 * size + 1;
    char *text = malloc(capacity);
    if (text == NULL)
        return NULL;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        size_t step = utf8_size(bytes + at, size - at);
        if (step == 0)
            bytes_copy(text + used, capacity - used, REPLACEMENT, 3);
        else
            bytes_copy(text + used, capacity - used, bytes + at, step);
        used += step == 0 ? 3 : step;
        at += step == 0 ? 1 : step;
    }
    json_t *value = json_stringn(text, used);
    free(text);
    return value;
}

json_t *output_json_text(const char *text) { return output_json_bytes(text, strlen(text)); }

/* --- tables --------------------------------------------------------------------------------- */

struct table_row {
    enum output_colour colour;
    char **cells;
};

struct table {
    size_t columns;
    struct table_row *rows; /* the first one is the titles */
    size_t count;
    size_t capacity;
};

struct table *table_new(size_t columns, const char *const *titles)
{
    struct table *table = calloc(1, sizeof *table);
    if (table == NULL)
        return NULL;
    table->columns = columns;
    if (!result_is_ok(table_add(table, COLOUR_BOLD, titles))) {
        table_free(table);
        return NULL;
    }
    return table;
}

static void free_cells(char **cells, size_t columns)
{
    for (size_t i = 0; cells != NULL && i < columns; i++)
        free(cells[i]);
    free(cells);
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        free_cells(table->rows[i].cells, table->columns);
    free(table->rows);
    free(table);
}

RESULT table_add(struct table *table, enum output_colour colour, const char *const *cells)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 16 : 2 * table->capacity;
        struct table_row *rows = reallocarray(table->rows, capacity, sizeof *rows);
        if (rows == NULL)
            return result_fail(ERROR_MEMORY);
        table->rows = rows;
        table->capacity = capacity;
    }
    char **copies = calloc(table->columns, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < table->columns; i++) {
        copies[i] = strdup(cells[i]);
        if (copies[i] == NULL) {
            free_cells(copies, table->columns);
            copies = NULL;
        }
    }
    if (copies == NULL)
        return result_fail(ERROR_MEMORY);
    table->rows[table->count++] = (struct table_row){colour, copies};
    return RESULT_OK;
}

/* Columns that put_escaped() will use. */
static size_t text_columns(const char *text)
{
    struct output nowhere = {.is_closed = true};
    return put_escaped(&nowhere, text, strlen(text), SIZE_MAX);
}

static size_t column_width(const struct table *table, size_t column)
{
    size_t widest = 0;
    for (size_t i = 0; i < table->count; i++) {
        size_t width = text_columns(table->rows[i].cells[column]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

/* The last column keeps this much: a cut that leaves nothing to read is worse than a long line. */
enum { LAST_COLUMN_MIN = 20 };

static void print_row(const struct table *table, const struct table_row *row,
                      const size_t *widths, struct output *output)
{
    size_t left = output_columns(output);
    left = left == 0 ? SIZE_MAX : left;
    put_colour(output, row->colour, true);
    for (size_t i = 0; i < table->columns; i++) {
        bool is_last = i + 1 == table->columns;
        const char *cell = row->cells[i];
        size_t room = is_last && left >= LAST_COLUMN_MIN ? left : SIZE_MAX;
        size_t used = put_escaped(output, cell, strlen(cell), room);
        for (size_t pad = used; !is_last && pad < widths[i] + 2; pad++)
            put(output, " ", 1);
        left = left > widths[i] + 2 ? left - widths[i] - 2 : 0;
    }
    put_colour(output, row->colour, false);
    put(output, "\n", 1);
}

void table_print(const struct table *table, struct output *output)
{
    size_t *widths = calloc(table->columns, sizeof *widths);
    if (widths == NULL) {
        errno = ENOMEM;
        note_failure(output);
        return;
    }
    for (size_t i = 0; i < table->columns; i++)
        widths[i] = column_width(table, i);
    for (size_t i = 0; i < table->count; i++)
        print_row(table, &table->rows[i], widths, output);
    free(widths);
}
