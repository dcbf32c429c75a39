// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_documents.h"

#include "base/bytes.h"
#include "engine/yaml_scalar.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* --- documents -------------------------------------------------------------------------------- */

static const char *text_of(const struct yaml_node *root, const char *key)
{
    const struct yaml_node *node = root != NULL ? yaml_get(root, key) : NULL;
    return node != NULL && yaml_is_scalar(node) ? node->text : "";
}

/* Documents of different kinds are never taken for each other, whatever ids they claim. */
static const char *kind_of(const struct yaml_node *root)
{
    static const char *const KINDS[] = {"filter", "correlation", "placeholders"};
    for (size_t i = 0; root != NULL && i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (yaml_get(root, KINDS[i]) != NULL)
            return KINDS[i];
    }
    return "rule";
}

/* "rule ID", or "rule file#number" for what has neither id nor name. */
static const char *key_of(struct bundle_documents *documents, const struct bundle_document *row)
{
    const char *id = text_of(row->root, "id");
    const char *name = text_of(row->root, "name");
    const char *chosen = *id != '\0' ? id : name;
    const char *kind = kind_of(row->root);
    size_t size = row->file.size + strlen(chosen) + 64;
    char *key = arena_alloc(documents->arena, size);
    if (key == NULL)
        return NULL;
    if (*chosen != '\0')
        (void)string_format(key, size, "%s %s", kind, chosen);
    else
        (void)string_format(key, size, "%s %.*s#%u", kind, (int)row->file.size,
                            (const char *)row->file.data, row->number);
    return key;
}

static RESULT add_document(struct bundle_documents *documents, struct bundle_document row)
{
    if (documents->count == documents->capacity) {
        size_t capacity = documents->capacity == 0 ? FIRST_CAPACITY : 2 * documents->capacity;
        struct bundle_document *rows = reallocarray(documents->rows, capacity, sizeof *rows);
        if (rows == NULL)
            return result_fail(ERROR_MEMORY);
        documents->rows = rows;
        documents->capacity = capacity;
    }
    row.title = text_of(row.root, "title");
    row.level = text_of(row.root, "level");
    row.is_filter = row.root != NULL && yaml_get(row.root, "filter") != NULL;
    row.key = key_of(documents, &row);
    if (row.key == NULL)
        return result_fail(ERROR_MEMORY);
    documents->rows[documents->count++] = row;
    return RESULT_OK;
}

static RESULT read_file(struct bundle_documents *documents, const struct pack_file *file)
{
    struct yaml_reader *reader = yaml_reader_new(file->content);
    struct bundle_document row = {.file = file->name};
    struct yaml_document document;
    struct yaml_fault fault = {.line = 1};
    struct result result = reader != NULL ? RESULT_OK : result_fail(ERROR_MEMORY);
    while (result_is_ok(result)) {
        result = yaml_next(reader, documents->arena, &document, &fault);
        row.number++;
        bool is_broken = !result_is_ok(result);
        row.root = is_broken ? NULL : document.root;
        row.line = is_broken ? fault.line : document.line;
        if (result.error == ERROR_NOT_FOUND || result.error == ERROR_MEMORY)
            break;
        if (row.root != NULL || is_broken) {
            struct result added = add_document(documents, row);
            result = result_is_ok(added) ? result : added;
        }
    }
    yaml_reader_free(reader);
    return result.error == ERROR_MEMORY ? result : RESULT_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct bundle_document *left = a;
    const struct bundle_document *right = b;
    return strcmp(left->key, right->key);
}

/* The same, and where keys are the same in the order of their places. */
static int by_key_and_place(const void *a, const void *b)
{
    const struct bundle_document *left = a;
    const struct bundle_document *right = b;
    int order = strcmp(left->key, right->key);
    if (order != 0)
        return order;
    size_t common = left->file.size < right->file.size ? left->file.size : right->file.size;
    order = common > 0 ? memcmp(left->file.data, right->file.data, common) : 0;
    if (order == 0)
        order = (left->file.size > right->file.size) - (left->file.size < right->file.size);
    return order != 0 ? order : (left->number > right->number) - (left->number < right->number);
}

/* A second document that claims a key must not hide behind the first. */
static RESULT sort_documents(struct bundle_documents *documents)
{
    struct bundle_document *rows = documents->rows;
    unsigned copy = 0;
    if (documents->count == 0)
        return RESULT_OK;
    qsort(rows, documents->count, sizeof *rows, by_key_and_place);
    const char *before = rows[0].key;
    for (size_t i = 1; i < documents->count; i++) {
        if (!string_equal(before, rows[i].key)) {
            before = rows[i].key;
            copy = 0;
            continue;
        }
        size_t size = strlen(before) + 32;
        char *key = arena_alloc(documents->arena, size);
        if (key == NULL)
            return result_fail(ERROR_MEMORY);
        (void)string_format(key, size, "%s\n%u", before, ++copy); /* no id has a newline */
        rows[i].key = key;
    }
    qsort(rows, documents->count, sizeof *rows, by_key);
    return RESULT_OK;
}

RESULT bundle_documents_read(const struct bundle *bundle, enum bundle_section section,
                             struct bundle_documents *ret_documents, struct explanation *why)
{
    struct pack_reader files = bundle_files(bundle, section);
    struct pack_file file;
    *ret_documents = (struct bundle_documents){.arena = arena_new(LIMIT_ENGINE_BYTES)};
    struct result result =
        ret_documents->arena != NULL ? RESULT_OK : result_fail(ERROR_MEMORY);
    while (result_is_ok(result) && result_is_ok(pack_reader_next(&files, &file)))
        result = read_file(ret_documents, &file);
    if (result_is_ok(result))
        result = sort_documents(ret_documents);
    if (!result_is_ok(result)) {
        bundle_documents_free(ret_documents);
        return explain(why, ERROR_MEMORY, "memory is out, or the sources need more than %d bytes",
                       LIMIT_ENGINE_BYTES);
    }
    return RESULT_OK;
}

void bundle_documents_free(struct bundle_documents *documents)
{
    arena_free(documents->arena);
    free(documents->rows);
    *documents = (struct bundle_documents){.count = 0};
}

const struct bundle_document *bundle_documents_find(const struct bundle_documents *documents,
                                                    const char *key)
{
    const struct bundle_document wanted = {.key = key};
    if (documents->count == 0)
        return NULL;
    return bsearch(&wanted, documents->rows, documents->count, sizeof *documents->rows, by_key);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Different trees must give different lines: what is equal here is not shown to anybody. */

/* Room for a text in which every byte may need another one in front of it. */
static char *escape(struct arena *arena, const char *text, size_t size, const char *special)
{
    char *out = arena_alloc(arena, 2 * size + 3);
    size_t at = 0;
    for (size_t i = 0; out != NULL && i < size; i++) {
        bool is_control = text[i] == '\0' || text[i] == '\001';
        if (is_control || (text[i] != '\0' && strchr(special, text[i]) != NULL))
            out[at++] = is_control ? '\001' : '\\';
        out[at++] = text[i] == '\0' ? '0' : text[i];
    }
    return out;
}

/* The value as a person would write it: texts that would be read as something else in quotes. */
static char *value_of(struct arena *arena, const struct yaml_node *leaf)
{
    char number[YAML_NUMBER_BYTES];
    if (leaf->kind == YAML_LIST || leaf->kind == YAML_MAP)
        return arena_copy(arena, leaf->kind == YAML_LIST ? "[]" : "{}", 2);
    if (leaf->kind == YAML_NULL)
        return arena_copy(arena, "null", 4);
    char *text = escape(arena, leaf->text, leaf->size, "");
    bool is_odd = leaf->kind == YAML_STRING
                  && (leaf->size == 0 || strchr("'[{", leaf->text[0]) != NULL
                      || yaml_resolve(leaf->text, leaf->size, number) != YAML_STRING);
    if (text == NULL || !is_odd)
        return text;
    char *quoted = arena_alloc(arena, strlen(text) + 3);
    if (quoted != NULL)
        (void)string_format(quoted, strlen(text) + 3, "'%s'", text);
    return quoted;
}

static bool add_line(struct arena *arena, struct bundle_lines *lines, const char *path,
                     const struct yaml_node *leaf)
{
    if (lines->count == lines->capacity) {
        size_t capacity = lines->capacity == 0 ? FIRST_CAPACITY : 2 * lines->capacity;
        const char **rows = arena_array(arena, capacity, sizeof *rows);
        if (rows == NULL)
            return false;
        if (lines->count > 0)
            bytes_copy(rows, capacity * sizeof *rows, lines->rows, lines->count * sizeof *rows);
        lines->rows = rows;
        lines->capacity = capacity;
    }
    const char *value = value_of(arena, leaf);
    char *line = value != NULL ? arena_alloc(arena, strlen(path) + strlen(value) + 4) : NULL;
    if (line == NULL)
        return false;
    (void)string_format(line, strlen(path) + strlen(value) + 4, "%s = %s", path, value);
    lines->rows[lines->count++] = line;
    return true;
}

/* The path of a child: its key; in a list the place of what is not a scalar, since maps in a list
 * are alternatives and keys in a map are not. NULL: the arena is full. */
static const char *path_below(struct arena *arena, const char *path,
                              const struct yaml_node *child, size_t place)
{
    bool is_value = child->key == NULL && yaml_is_scalar(child);
    if (is_value)
        return path;
    char number[32];
    (void)string_format(number, sizeof number, "[%zu]", place);
    const char *key = number;
    if (child->key != NULL)
        key = escape(arena, child->key->text, child->key->size, ".=[\\");
    if (key == NULL)
        return NULL;
    size_t size = strlen(path) + strlen(key) + 2;
    char *joined = arena_alloc(arena, size);
    if (joined != NULL)
        (void)string_format(joined, size, "%s%s%s", path,
                            *path != '\0' && child->key != NULL ? "." : "", key);
    return joined;
}

static bool flatten(struct arena *arena, struct bundle_lines *lines, const char *path,
                    const struct yaml_node *node)
{
    size_t place = 0;
    if (yaml_is_scalar(node) || node->first == NULL)
        return add_line(arena, lines, path, node);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        const char *below = path_below(arena, path, child, place++);
        if (below == NULL || !flatten(arena, lines, below, child))
            return false;
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool bundle_lines_of(struct arena *arena, const struct yaml_node *node,
                     struct bundle_lines *ret_lines)
{
    *ret_lines = (struct bundle_lines){.count = 0};
    if (node != NULL && !flatten(arena, ret_lines, "", node))
        return false;
    if (ret_lines->count > 0)
        qsort(ret_lines->rows, ret_lines->count, sizeof *ret_lines->rows, by_text);
    return true;
}
