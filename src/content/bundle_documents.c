// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_documents.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* --- documents -------------------------------------------------------------------------------- */

static const char *text_of(const struct yaml_node *root, const char *key)
{
    const struct yaml_node *node = root != NULL ? yaml_get(root, key) : NULL;
    return node != NULL && yaml_is_scalar(node) ? node->text : "";
}

/* "file#number": for what has neither id nor name. */
static const char *key_of(struct bundle_documents *documents, const struct bundle_document *row)
{
    const char *id = text_of(row->root, "id");
    const char *name = text_of(row->root, "name");
    const char *chosen = *id != '\0' ? id : name;
    size_t size = row->file.size + strlen(chosen) + 32;
    char *key = arena_alloc(documents->arena, size);
    if (key == NULL)
        return NULL;
    if (*chosen != '\0')
        (void)string_format(key, size, "%s", chosen);
    else
        (void)string_format(key, size, "%.*s#%u", (int)row->file.size,
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
    if (!result_is_ok(result)) {
        bundle_documents_free(ret_documents);
        return explain(why, ERROR_MEMORY, "memory is out, or the sources need more than %d bytes",
                       LIMIT_ENGINE_BYTES);
    }
    if (ret_documents->count > 0)
        qsort(ret_documents->rows, ret_documents->count, sizeof *ret_documents->rows, by_key);
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
    const char *value = yaml_is_scalar(leaf) ? leaf->text : "";
    size_t size = strlen(path) + strlen(value) + 32;
    char *line = arena_alloc(arena, size);
    if (line == NULL)
        return false;
    /* null and "null" differ, so do 1 and "1" */
    (void)string_format(line, size, "%s = %s%s", path, value,
                        leaf->kind == YAML_NULL ? "(null)" : "");
    lines->rows[lines->count++] = line;
    return true;
}

static bool flatten(struct arena *arena, struct bundle_lines *lines, const char *path,
                    const struct yaml_node *node)
{
    if (yaml_is_scalar(node) || node->first == NULL)
        return add_line(arena, lines, path, node);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        const char *below = path;
        if (child->key != NULL) {
            size_t size = strlen(path) + strlen(child->key->text) + 2;
            char *joined = arena_alloc(arena, size);
            if (joined == NULL)
                return false;
            (void)string_format(joined, size, "%s%s%s", path, *path != '\0' ? "." : "",
                                child->key->text);
            below = joined;
        }
        if (!flatten(arena, lines, below, child))
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
