// SPDX-License-Identifier: Apache-2.0
/* What documents of a pack say about the others: placeholders, mappings, filters. */
#include "base/bytes.h"
#include "engine/load.h"
#include "engine/placeholder.h"

#include <string.h>

bool setting_has(struct bytes content, const char *key)
{
    size_t size = strlen(key);
    const uint8_t *end = content.data + content.size;
    const uint8_t *at = content.data;
    while ((at = memmem(at, (size_t)(end - at), key, size)) != NULL) {
        bool begins = at == content.data || strchr("\n{\"'", at[-1]) != NULL
                      || (at[-1] == ' ' && at - content.data > 1 && at[-2] == ',');
        at += size;
        if (begins && at < end && strchr(":\"' ", *at) != NULL)
            return true;
    }
    return false;
}

/* What is not in force must not be called loaded: load.c rejects it. */
static RESULT lose(struct loader *loader, struct bytes text)
{
    uint32_t at;
    GUARD(rows_add(&loader->lost, &loader->budget, sizeof text, 1, &at));
    ROWS_OF(loader->lost, struct bytes)[at] = text;
    return RESULT_OK;
}

bool setting_is_lost(const struct loader *loader, const struct yaml_document *document)
{
    for (uint32_t i = 0; i < loader->lost.count; i++) {
        struct bytes lost = ROWS_OF(loader->lost, struct bytes)[i];
        if (document->text.data >= lost.data && document->text.data < lost.data + lost.size)
            return true;
    }
    return false;
}

/* Calls `take` for each document of one kind in a file, as far as it can be read. */
typedef RESULT take_document(struct loader *loader, const struct yaml_document *document);
static RESULT each_document(struct loader *loader, const struct pack_file *file,
                            enum document_kind kind, take_document *take)
{
    struct yaml_reader *reader = yaml_reader_new(file->content);
    if (reader == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = RESULT_OK;
    struct yaml_document document = {.text = {file->content.data, 0}};
    while (result_is_ok(result)) {
        struct yaml_fault fault; /* load.c meets it again, and says so */
        const uint8_t *rest = document.text.data + document.text.size;
        arena_reset(loader->scratch);
        struct result next = yaml_next(reader, loader->scratch, &document, &fault);
        if (next.error == ERROR_MEMORY) /* load.c may have it: then it reads on */
            result = lose(loader, (struct bytes){rest, (size_t)(file->content.data
                                                                + file->content.size - rest)});
        if (!result_is_ok(next))
            break;
        if (document_kind(&document) == kind)
            result = take(loader, &document);
    }
    yaml_reader_free(reader);
    return result;
}

static RESULT take_placeholders(struct loader *loader, const struct yaml_document *document)
{
    struct rule_fault fault;
    struct parse_context context = loader_context(loader, loader->lasting, &fault);
    struct placeholder *items;
    size_t count;
    struct yaml_document copy;
    unsigned offset;
    struct result result = loader_reread(loader, document, &copy, &offset);
    if (result_is_ok(result))
        result = placeholders_parse(&context, &copy, &items, &count);
    if (result.error == ERROR_MEMORY)
        return lose(loader, document->text);
    if (!result_is_ok(result)) /* load.c says what is wrong with it */
        return RESULT_OK;
    uint32_t at;
    GUARD(rows_add(&loader->placeholders, &loader->budget, sizeof *items, count, &at));
    for (size_t i = 0; i < count; i++)
        ROWS_OF(loader->placeholders, struct placeholder)[at + i] = items[i];
    SHA2_CTX context_of_digest;
    SHA256Init(&context_of_digest);
    SHA256Update(&context_of_digest, loader->placeholder_digest.bytes, 32);
    SHA256Update(&context_of_digest, document->text.data, document->text.size);
    SHA256Final(loader->placeholder_digest.bytes, &context_of_digest);
    return RESULT_OK;
}

static RESULT take_filter(struct loader *loader, const struct yaml_document *document)
{
    struct filter_row row = {.filter = {.words = NO_WORDS}, .row = NO_INDEX};
    struct parse_context context = loader_context(loader, loader->lasting, &row.fault);
    struct yaml_document copy;
    unsigned offset = 0;
    SHA2_CTX digest;
    SHA256Init(&digest);
    SHA256Update(&digest, document->text.data, document->text.size);
    SHA256Final(row.digest.bytes, &digest);
    struct result result = loader_reread(loader, document, &copy, &offset);
    if (!result_is_ok(result))
        result = explain(&row.fault.why, result.error,
                         "the filter cannot be kept: all together are too large");
    else
        result = filter_parse(&context, &copy, &row.filter);
    if (result_is_ok(result)) {
        arena_reset(loader->scratch);
        result = program_try(&loader->engine->program, row.filter.condition, loader->scratch,
                             &row.fault);
        if (result.error == ERROR_MEMORY)
            return result;
    }
    row.is_faulty = !result_is_ok(result);
    row.fault.line += row.fault.line > 0 ? offset : 0;
    uint32_t at;
    GUARD(rows_add(&loader->filters, &loader->budget, sizeof row, 1, &at));
    ROWS_OF(loader->filters, struct filter_row)[at] = row;
    return RESULT_OK;
}

/* The part of a name up to its last slash. */
static const char *folder_of(struct arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    return arena_copy(arena, file, slash == NULL ? 0 : (size_t)(slash + 1 - file));
}

static RESULT take_mapping(struct loader *loader, const struct yaml_document *document)
{
    struct rule_fault fault;
    struct parse_context context = loader_context(loader, loader->lasting, &fault);
    struct mapping *items;
    size_t count;
    struct yaml_document copy;
    unsigned offset;
    const char *folder = folder_of(loader->lasting, loader->file);
    struct result result = folder == NULL ? result_fail(ERROR_MEMORY)
                                          : loader_reread(loader, document, &copy, &offset);
    if (result_is_ok(result))
        result = mapping_parse(&context, &copy, &items, &count);
    if (result.error == ERROR_MEMORY)
        return lose(loader, document->text);
    if (!result_is_ok(result)) /* load.c says what is wrong with it */
        return RESULT_OK;
    uint32_t at;
    GUARD(rows_add(&loader->mapping_rows, &loader->budget, sizeof *items, count, &at));
    for (size_t i = 0; i < count; i++) {
        items[i].folder = folder;
        ROWS_OF(loader->mapping_rows, struct mapping)[at + i] = items[i];
    }
    SHA2_CTX digest;
    SHA256Init(&digest);
    SHA256Update(&digest, loader->mapping_digest.bytes, 32);
    SHA256Update(&digest, (const uint8_t *)folder, strlen(folder) + 1);
    SHA256Update(&digest, document->text.data, document->text.size);
    SHA256Final(loader->mapping_digest.bytes, &digest);
    return RESULT_OK;
}

/* Names the file that is being read, for documents that are kept. */
static RESULT enter_file(struct loader *loader, const struct pack_file *file)
{
    loader->file = arena_copy(loader->lasting, file->name.data, file->name.size);
    return loader->file == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
}

static RESULT visit_mappings(struct loader *loader, const struct pack_file *file)
{
    if (!setting_has(file->content, "transformations"))
        return RESULT_OK;
    GUARD(enter_file(loader, file));
    return each_document(loader, file, DOCUMENT_FIELD_MAPPING, take_mapping);
}

/* Too many are none: load.c says so of each. */
static RESULT read_mappings(struct loader *loader, const void *pack, size_t size)
{
    GUARD(loader_each_file(loader, pack, size, visit_mappings));
    loader->mappings = (struct mappings){.items = ROWS_OF(loader->mapping_rows, struct mapping),
                                         .count = loader->mapping_rows.count};
    return loader->mappings.count > LIMIT_MAPPINGS
               ? RESULT_OK
               : mapping_index(loader->lasting, &loader->mappings);
}

static RESULT visit_placeholders(struct loader *loader, const struct pack_file *file)
{
    return setting_has(file->content, "placeholders")
               ? each_document(loader, file, DOCUMENT_PLACEHOLDERS, take_placeholders)
               : RESULT_OK;
}

static RESULT visit_filters(struct loader *loader, const struct pack_file *file)
{
    if (!setting_has(file->content, "filter"))
        return RESULT_OK;
    GUARD(enter_file(loader, file));
    return each_document(loader, file, DOCUMENT_FILTER, take_filter);
}

RESULT setting_read(struct loader *loader, const void *pack, size_t size)
{
    const struct engine_options *options = loader->options;
    for (size_t i = 0; options != NULL && i < options->placeholder_count; i++) {
        const struct engine_placeholder *given = &options->placeholders[i];
        uint32_t at;
        GUARD(rows_add(&loader->placeholders, &loader->budget, sizeof(struct placeholder), 1,
                       &at));
        ROWS_OF(loader->placeholders, struct placeholder)[at] =
            (struct placeholder){given->name, given->values, given->value_count};
    }
    GUARD(loader_each_file(loader, pack, size, visit_placeholders));
    GUARD(read_mappings(loader, pack, size));
    return loader_each_file(loader, pack, size, visit_filters);
}

/* --- use -------------------------------------------------------------------------------------- */

static bool is_meant(const struct filter *filter, const struct words *rule)
{
    if ((filter->words.product[0] != '\0' && !string_equal(filter->words.product, rule->product))
        || (filter->words.category[0] != '\0'
            && !string_equal(filter->words.category, rule->category))
        || (filter->words.service[0] != '\0'
            && !string_equal(filter->words.service, rule->service)))
        return false;
    for (size_t i = 0; i < filter->rule_count; i++) {
        if (string_equal(filter->rules[i], rule->id) || string_equal(filter->rules[i], rule->name))
            return true;
    }
    return filter->rule_count == 0;
}

RESULT setting_apply(struct loader *loader, struct rule *rule, SHA2_CTX *effective)
{
    for (uint32_t i = 0; i < loader->filters.count; i++) {
        struct filter_row *row = &ROWS_OF(loader->filters, struct filter_row)[i];
        if (row->is_faulty || !is_meant(&row->filter, &rule->words))
            continue;
        struct node *both = node_new(loader->scratch, NODE_AND, 2);
        if (both == NULL)
            return result_fail(ERROR_MEMORY);
        both->children[0] = rule->condition;
        both->children[1] = row->filter.condition;
        rule->condition = both;
        row->applied++;
        SHA256Update(effective, row->digest.bytes, sizeof row->digest.bytes);
    }
    return RESULT_OK;
}

/* Whether a condition takes something away: somewhere in it is a `not`. */
static bool has_not(const struct node *node)
{
    bool found = node->kind == NODE_NOT;
    for (size_t i = 0; i < node->count && !found; i++)
        found = has_not(node->children[i]);
    return found;
}

RESULT setting_report(struct loader *loader)
{
    for (uint32_t i = 0; i < loader->filters.count; i++) {
        const struct filter_row *row = &ROWS_OF(loader->filters, struct filter_row)[i];
        const char *reason = NULL;
        if (row->is_faulty || row->row == NO_INDEX)
            continue;
        if (row->applied == 0)
            reason = "in force, but none of the rules that it is for is here, or they have another "
                     "log source";
        else if (!has_not(row->filter.condition))
            reason = "in force; its rules now match only where its condition holds, since that is "
                     "joined to theirs by 'and': an exception says 'not'";
        if (reason != NULL)
            GUARD(loader_set_row(loader, row->row, ENGINE_RULE_LOADED, 0, reason, "filter"));
    }
    return RESULT_OK;
}
