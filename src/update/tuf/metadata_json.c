// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/metadata_json.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --------------------------------------------------------------------------------- */

/* Passes a string; `at` is behind its first quote. Whether it is well formed is jansson's to
 * say. */
static size_t skip_string(const char *text, size_t size, size_t at)
{
    for (; at < size && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at;
}

/* Every value but the first stands behind a comma, a colon or an opening bracket: so no document
 * that passes makes the parser build more than LIMIT_TUF_VALUES values or go deeper than
 * allowed. */
static RESULT check_bounds(const char *text, size_t size, struct explanation *why)
{
    size_t depth = 0;
    size_t values = 1;
    for (size_t at = 0; at < size; at++) {
        char c = text[at];
        if (c == '"')
            at = skip_string(text, size, at + 1);
        else if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
        values += c == '[' || c == ',' || c == ':';
        if (depth > LIMIT_JSON_DEPTH)
            return explain(why, ERROR_LIMIT, "it is nested more than %d deep (LIMIT_JSON_DEPTH)",
                           (int)LIMIT_JSON_DEPTH);
        if (values > LIMIT_TUF_VALUES)
            return explain(why, ERROR_LIMIT, "it has more than %d values (LIMIT_TUF_VALUES)",
                           (int)LIMIT_TUF_VALUES);
    }
    return RESULT_OK;
}

RESULT metadata_json_read(const void *data, size_t size, json_t **ret_value,
                          struct explanation *why)
{
    GUARD(check_bounds(data, size, why));
    json_error_t error;
    json_t *value = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
    if (value == NULL && json_error_code(&error) == json_error_out_of_memory)
        return explain(why, ERROR_MEMORY, "memory is out");
    if (value == NULL)
        return explain(why, ERROR_FORMAT, "it is not JSON: line %d, column %d: %.100s", error.line,
                       error.column, error.text);
    *ret_value = value;
    return RESULT_OK;
}

/* --- the canonical form ---------------------------------------------------------------------- */

struct text {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

static RESULT put(struct text *text, const void *data, size_t size)
{
    if (text->capacity - text->size < size) {
        size_t capacity = 2 * (text->capacity + size);
        uint8_t *grown = realloc(text->data, capacity);
        if (grown == NULL)
            return result_fail(ERROR_MEMORY);
        text->data = grown;
        text->capacity = capacity;
    }
    bytes_copy(text->data + text->size, text->capacity - text->size, data, size);
    text->size += size;
    return RESULT_OK;
}

static RESULT put_word(struct text *text, const char *word)
{
    return put(text, word, strlen(word));
}

static RESULT put_string(struct text *text, const char *string, size_t size)
{
    GUARD(put(text, "\"", 1));
    size_t start = 0;
    for (size_t at = 0; at < size; at++) {
        if (string[at] != '"' && string[at] != '\\')
            continue;
        GUARD(put(text, string + start, at - start));
        GUARD(put(text, "\\", 1));
        start = at;
    }
    GUARD(put(text, string + start, size - start));
    return put(text, "\"", 1);
}

static RESULT put_value(struct text *text, const json_t *value);

static RESULT put_array(struct text *text, const json_t *array)
{
    GUARD(put(text, "[", 1));
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            GUARD(put(text, ",", 1));
        GUARD(put_value(text, json_array_get(array, i)));
    }
    return put(text, "]", 1);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static RESULT put_members(struct text *text, const json_t *object, const char **names)
{
    size_t count = 0;
    for (void *at = json_object_iter((json_t *)object); at != NULL;
         at = json_object_iter_next((json_t *)object, at))
        names[count++] = json_object_iter_key(at);
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            GUARD(put(text, ",", 1));
        GUARD(put_string(text, names[i], strlen(names[i])));
        GUARD(put(text, ":", 1));
        GUARD(put_value(text, json_object_get(object, names[i])));
    }
    return RESULT_OK;
}

static RESULT put_object(struct text *text, const json_t *object)
{
    const char **names = calloc(json_object_size(object) + 1, sizeof *names);
    if (names == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = put(text, "{", 1);
    if (result_is_ok(result))
        result = put_members(text, object, names);
    free(names);
    GUARD(result);
    return put(text, "}", 1);
}

static RESULT put_value(struct text *text, const json_t *value)
{
    char number[32];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(text, value);
    case JSON_ARRAY:
        return put_array(text, value);
    case JSON_STRING:
        return put_string(text, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        (void)string_format(number, sizeof number, "%" PRId64,
                            (int64_t)json_integer_value(value));
        return put_word(text, number);
    case JSON_TRUE:
        return put_word(text, "true");
    case JSON_FALSE:
        return put_word(text, "false");
    case JSON_NULL:
        return put_word(text, "null");
    case JSON_REAL:
    default:
        return result_fail(ERROR_FORMAT);
    }
}

RESULT metadata_json_canonical(const json_t *value, uint8_t **ret_text, size_t *ret_size)
{
    struct text text = {0};
    struct result result = put_value(&text, value);
    if (!result_is_ok(result)) {
        free(text.data);
        return result;
    }
    *ret_text = text.data;
    *ret_size = text.size;
    return RESULT_OK;
}
