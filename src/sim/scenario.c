// SPDX-License-Identifier: Apache-2.0
#include "sim/scenario.h"

#include "base/bytes.h"
#include "base/nearest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 256 };

struct word_row {
    const char *choice;
    const char *word;
    const char *text;
};

static const struct word_row WORDS[] = {
#define SCENARIO_WORD(choice, id, word, text) {#choice, word, text},
#include "sim/scenario.def"
};
enum { WORD_COUNT = sizeof WORDS / sizeof WORDS[0] };

struct key_row {
    const char *key;
    size_t at; /* in struct scenario */
    bool is_choice;
    uint32_t standard, min, max;
    const char *text;
};

static const struct key_row KEYS[] = {
#define SCENARIO_NUMBER(key, standard, min, max, text) \
    {#key, offsetof(struct scenario, key), false, standard, min, max, text},
#define SCENARIO_CHOICE(key, standard, text) \
    {#key, offsetof(struct scenario, key), true, SCENARIO_##key##_##standard, 0, 0, text},
#include "sim/scenario.def"
};
enum { KEY_COUNT = sizeof KEYS / sizeof KEYS[0] };

static void put(struct scenario *scenario, const struct key_row *row, uint32_t value)
{
    bytes_copy((char *)scenario + row->at, sizeof *scenario - row->at, &value, sizeof value);
}

static_assert(sizeof(enum scenario_word) == sizeof(uint32_t), "put() writes both");

struct scenario scenario_default(void)
{
    struct scenario scenario;
    for (size_t i = 0; i < KEY_COUNT; i++)
        put(&scenario, &KEYS[i], KEYS[i].standard);
    return scenario;
}

static struct result set_choice(struct scenario *scenario, const struct key_row *row,
                                const char *value, struct explanation *why)
{
    char known[LINE_BYTES] = "";
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (!string_equal(WORDS[i].choice, row->key))
            continue;
        if (string_equal(WORDS[i].word, value)) {
            put(scenario, row, (uint32_t)i);
            return RESULT_OK;
        }
        size_t used = strlen(known);
        (void)string_format(known + used, sizeof known - used, "%s%s", used != 0 ? ", " : "",
                            WORDS[i].word);
    }
    return explain(why, ERROR_FORMAT, "%s = %s: expected one of %s", row->key, value, known);
}

RESULT scenario_set(struct scenario *scenario, const char *key, const char *value,
                    struct explanation *why)
{
    struct nearest nearest = nearest_to(key);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key_row *row = &KEYS[i];
        nearest_offer(&nearest, row->key);
        if (!string_equal(row->key, key))
            continue;
        if (row->is_choice)
            return set_choice(scenario, row, value, why);
        uint64_t number;
        if (!result_is_ok(number_parse(value, row->max, &number)) || number < row->min)
            return explain(why, ERROR_FORMAT, "%s = %s: expected a number from %u to %u", key,
                           value, row->min, row->max);
        put(scenario, row, (uint32_t)number);
        return RESULT_OK;
    }
    return explain(why, ERROR_FORMAT,
                   "there is no key \"%s\"%s%s%s (creance-sim --keys lists them)", key,
                   nearest.best != NULL ? "; did you mean \"" : "",
                   nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "\"?" : "");
}

/* The text between blanks, in place. */
static char *trim(char *text)
{
    while (*text == ' ')
        text++;
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    return text;
}

static bool is_printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~')
            return false;
    return true;
}

static struct result read_line(struct scenario *scenario, char *line, struct explanation *why)
{
    char *comment = strchr(line, '#');
    if (comment != NULL)
        *comment = '\0';
    char *key = trim(line);
    if (*key == '\0')
        return RESULT_OK;
    char *value = strchr(key, '=');
    if (value == NULL)
        return explain(why, ERROR_FORMAT, "\"%s\": expected key = value", key);
    *value++ = '\0';
    return scenario_set(scenario, trim(key), trim(value), why);
}

RESULT scenario_read(struct bytes text, struct scenario *scenario, struct explanation *why)
{
    if (text.size > LIMIT_SCENARIO_BYTES)
        return explain(why, ERROR_LIMIT, "the scenario has %zu bytes; at most %d are read",
                       text.size, LIMIT_SCENARIO_BYTES);
    struct reader reader = reader_of(text.data, text.size);
    unsigned number = 0;
    while (reader_left(&reader) > 0) {
        char line[LINE_BYTES];
        size_t length = 0;
        uint8_t byte = 0;
        number++;
        while (reader_left(&reader) > 0) {
            GUARD(reader_u8(&reader, &byte));
            if (byte == '\n')
                break;
            if (length == sizeof line - 1)
                return explain(why, ERROR_LIMIT, "line %u is longer than %zu bytes", number,
                               sizeof line - 1);
            line[length++] = (char)byte;
        }
        line[length] = '\0';
        struct explanation inner;
        if (!is_printable(line, length))
            return explain(why, ERROR_FORMAT, "line %u: bytes that are no plain text", number);
        struct result result = read_line(scenario, line, &inner);
        if (!result_is_ok(result))
            return explain(why, result.error, "line %u: %.600s", number, inner.text);
    }
    return RESULT_OK;
}

const char *scenario_word_text(enum scenario_word word)
{
    return (size_t)word < WORD_COUNT ? WORDS[word].word : "?";
}

void scenario_print_keys(FILE *file)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key_row *row = &KEYS[i];
        if (!row->is_choice) {
            fprintf(file, "%s = %u\n    %s (%u to %u)\n", row->key, row->standard, row->text,
                    row->min, row->max);
            continue;
        }
        fprintf(file, "%s = %s\n    %s:\n", row->key, WORDS[row->standard].word, row->text);
        for (size_t word = 0; word < WORD_COUNT; word++)
            if (string_equal(WORDS[word].choice, row->key))
                fprintf(file, "      %-12s %s\n", WORDS[word].word, WORDS[word].text);
    }
}
