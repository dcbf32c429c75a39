// SPDX-License-Identifier: Apache-2.0
/* From a pack of sources to the tables of an engine, and a row for each document. */
#include "engine/load.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"
#include "engine/placeholder.h"
#include "engine/yaml_tree.h"

#include <string.h>

static bool is_supplied(const struct engine_options *options, const struct words *rule)
{
    for (size_t i = 0; i < options->source_count; i++) {
        const struct engine_source *source = &options->sources[i];
        if ((rule->product[0] == '\0' || string_equal(rule->product, source->product))
            && (rule->category[0] == '\0' || string_equal(rule->category, source->category))
            && (rule->service[0] == '\0' || string_equal(rule->service, source->service)))
            return true;
    }
    return false;
}

/* Whether a sound rule can match nothing here; says why. */
static bool is_inactive(const struct engine_options *options, const struct rule *rule,
                        struct explanation *why)
{
    const struct words *words = &rule->words;
    if (options == NULL || options->sources == NULL)
        return false;
    if (!is_supplied(options, words)) {
        result_ignore(explain(why, ERROR_NOT_FOUND, /* the text is what is wanted */
                              "no log source here supplies%s%s%s%s%s%s%s%s%s",
                              words->product[0] != '\0' ? " product '" : "", words->product,
                              words->product[0] != '\0' ? "'" : "",
                              words->category[0] != '\0' ? " category '" : "", words->category,
                              words->category[0] != '\0' ? "'" : "",
                              words->service[0] != '\0' ? " service '" : "", words->service,
                              words->service[0] != '\0' ? "'" : ""));
        return true;
    }
    if (rule->is_keyword_only && words->category[0] == '\0') {
        result_ignore(explain(why, ERROR_NOT_FOUND, /* as above */
                              "it looks for keywords in text logs, and no log source here is one"));
        return true;
    }
    return false;
}

bool load_is_field_supplied(const char *category, uint32_t field)
{
    for (size_t i = 0; field != NO_INDEX && i < EVENT_KIND_COUNT; i++) {
        const struct schema_kind *kind = schema_kind((enum event_kind)i);
        bool is_seen = category[0] == '\0' || string_equal(kind->categories[0], category)
                       || string_equal(kind->categories[1], category);
        if (is_seen && (kind->fields >> field & 1) != 0)
            return true;
    }
    return false;
}

/* The first field of a loaded rule, whose leaves begin at `first_leaf`, that no event of this host
 * can have; says so. "" where there is none, or where every log source counts as supplied. */
static const char *find_missing_field(const struct loader *loader, const struct rule *rule,
                                      uint32_t first_leaf, struct explanation *why)
{
    if (loader->options == NULL || loader->options->sources == NULL)
        return "";
    const struct program *program = &loader->engine->program;
    for (uint32_t i = first_leaf; i < program->leaves.count; i++) {
        uint32_t at = ROWS_OF(program->leaves, struct program_leaf)[i].slot;
        if (at == NO_INDEX)
            continue;
        const struct slot *slot = &ROWS_OF(program->slots, struct slot)[at];
        if (load_is_field_supplied(rule->words.category, slot->schema_field))
            continue;
        result_ignore(explain(why, ERROR_NOT_FOUND, /* the text is what is wanted */
                              "in force, but no event of this host has the field '%s': what asks "
                              "for it finds nothing (creance fields lists those there are)",
                              slot->name));
        return slot->name;
    }
    return "";
}

/* Whether `node` needs `wanted` to hold. */
static bool asks_for(const struct node *node, const struct node *wanted)
{
    bool found = node == wanted;
    for (size_t i = 0; i < node->count && node->kind == NODE_AND && !found; i++)
        found = asks_for(node->children[i], wanted);
    return found;
}

/* Whether a condition is false whatever the event: somewhere it asks for the same with and without
 * a 'not'. Detections are shared by all that name them. */
static bool contradicts(const struct node *node)
{
    if (node->kind == NODE_LEAF || node->kind == NODE_NOT)
        return false;
    bool all = true;
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = node->children[i];
        bool is_bad = contradicts(child);
        if (node->kind == NODE_AND && is_bad)
            return true;
        for (size_t n = 0; n < node->count && node->kind == NODE_AND; n++) {
            if (child->kind == NODE_NOT && asks_for(node->children[n], child->children[0]))
                return true;
        }
        all = all && is_bad;
    }
    return node->kind == NODE_OR && all;
}

/* --- rows ------------------------------------------------------------------------------------- */

static RESULT keep(struct engine *engine, const char *text, const char **ret_text)
{
    *ret_text = "";
    if (text[0] == '\0')
        return RESULT_OK;
    *ret_text = arena_copy(engine->program.arena, text, strlen(text));
    return *ret_text == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
}

static RESULT keep_words(struct engine *engine, const struct words *words, struct engine_rule *row)
{
    GUARD(keep(engine, words->id, &row->id));
    GUARD(keep(engine, words->name, &row->name));
    GUARD(keep(engine, words->title, &row->title));
    GUARD(keep(engine, words->level, &row->level));
    GUARD(keep(engine, words->status, &row->status));
    GUARD(keep(engine, words->product, &row->product));
    GUARD(keep(engine, words->category, &row->category));
    GUARD(keep(engine, words->service, &row->service));
    const char **tags = arena_array(engine->program.arena, words->tag_count + 1, sizeof tags[0]);
    if (tags == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < words->tag_count; i++)
        GUARD(keep(engine, words->tags[i], &tags[i]));
    row->attributes = words->attributes;
    row->tags = tags;
    row->tag_count = words->tag_count;
    return RESULT_OK;
}

RESULT loader_set_row(struct loader *loader, uint32_t at, enum engine_rule_state state,
                      unsigned line, const char *reason, const char *field)
{
    struct engine *engine = loader->engine;
    struct engine_rule *row = &ROWS_OF(engine->rows, struct engine_rule)[at];
    engine->states[row->state]--;
    engine->states[state]++;
    row->state = state;
    row->line = line == 0 ? row->line : line;
    GUARD(keep(engine, field, &row->field));
    return keep(engine, reason, &row->reason);
}

/* What is said of a document. */
struct judgement {
    const struct words *words;
    enum engine_rule_kind kind;
    enum engine_rule_state state;
    unsigned line;
    const char *reason;
    const char *field;
    struct bytes text;
};

static RESULT add_row(struct loader *loader, const struct judgement *judgement, uint32_t *ret_row)
{
    struct engine *engine = loader->engine;
    struct engine_rule row = {.file = loader->file, .line = judgement->line,
                              .kind = judgement->kind, .state = judgement->state};
    GUARD(keep_words(engine, judgement->words, &row));
    GUARD(keep(engine, judgement->reason, &row.reason));
    GUARD(keep(engine, judgement->field, &row.field));
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, judgement->text.data, judgement->text.size);
    SHA256Final(row.digest, &context);
    GUARD(rows_add(&engine->rows, &engine->program.budget, sizeof row, 1, ret_row));
    ROWS_OF(engine->rows, struct engine_rule)[*ret_row] = row;
    uint32_t at;
    GUARD(rows_add(&loader->effective, &loader->budget, sizeof(struct digest), 1, &at));
    engine->states[judgement->state]++;
    size_t limit = engine->program.budget.limit_bytes;
    if (arena_used(engine->program.arena) > limit - engine->program.budget.used_bytes)
        return result_fail(ERROR_MEMORY);
    return RESULT_OK;
}

/* A row for what could not be read as a document at all. */
static RESULT add_unread(struct loader *loader, unsigned line, const char *reason,
                         struct bytes text)
{
    struct judgement judgement = {.words = &NO_WORDS, .state = ENGINE_RULE_REJECTED, .line = line,
                                  .reason = reason, .field = "", .text = text};
    uint32_t row;
    return add_row(loader, &judgement, &row);
}

/* A row for a document that a fault was found in, where `result` says so. */
static RESULT add_judged(struct loader *loader, const struct yaml_document *document,
                         const struct words *words, enum engine_rule_kind kind,
                         struct result result, const struct rule_fault *fault, uint32_t *ret_row)
{
    bool is_good = result_is_ok(result);
    struct judgement judgement = {
        .words = words,
        .kind = kind,
        .state = is_good ? ENGINE_RULE_LOADED : ENGINE_RULE_REJECTED,
        .line = is_good || fault->line == 0 ? document->line : fault->line,
        .reason = is_good ? "" : fault->why.text,
        .field = is_good ? "" : fault->field,
        .text = document->text,
    };
    return add_row(loader, &judgement, ret_row);
}

/* --- documents -------------------------------------------------------------------------------- */

struct parse_context loader_context(struct loader *loader, struct arena *arena,
                                    struct rule_fault *fault)
{
    loader->known = (struct placeholders){ROWS_OF(loader->placeholders, struct placeholder),
                                          loader->placeholders.count};
    *fault = (struct rule_fault){.field = ""};
    return (struct parse_context){.arena = arena, .placeholders = &loader->known,
                                  .mappings = &loader->mappings, .file = loader->file,
                                  .words = &NO_WORDS, .fault = fault};
}

static RESULT load_rule(struct loader *loader, const struct yaml_document *document)
{
    struct rule rule;
    struct rule_fault fault;
    struct explanation why = {.text = ""};
    struct program *program = &loader->engine->program;
    uint32_t row = loader->engine->rows.count;
    struct parse_context context = loader_context(loader, loader->scratch, &fault);
    struct judgement judgement = {.words = &rule.words, .line = document->line, .reason = "",
                                  .field = "", .text = document->text};
    struct result result = rule_parse(&context, document, &rule);
    if (result_is_ok(result) && is_inactive(loader->options, &rule, &why)) {
        judgement.state = ENGINE_RULE_INACTIVE;
        judgement.reason = why.text;
        judgement.field = "logsource";
        return add_row(loader, &judgement, &row);
    }
    SHA2_CTX effective;
    SHA256Init(&effective);
    SHA256Update(&effective, document->text.data, document->text.size);
    uint32_t first_leaf = program->leaves.count;
    if (result_is_ok(result)) {
        if (memmem(document->text.data, document->text.size, "expand", strlen("expand")) != NULL)
            SHA256Update(&effective, loader->placeholder_digest.bytes, 32);
        if (loader->mappings.count > 0)
            SHA256Update(&effective, loader->mapping_digest.bytes, 32);
        GUARD(setting_apply(loader, &rule, &effective));
        fault_in_loading(
            (struct bytes){(const uint8_t *)rule.words.title, strlen(rule.words.title)});
        result = program_add(program, &rule, row, loader->scratch, &fault);
        if (result.error == ERROR_MEMORY)
            return result;
    }
    if (!result_is_ok(result))
        return add_judged(loader, document, &rule.words, ENGINE_KIND_RULE, result, &fault, &row);
    judgement.field = find_missing_field(loader, &rule, first_leaf, &why);
    judgement.reason = why.text;
    if (contradicts(rule.condition)) {
        judgement.reason = "in force, but it can never match: its condition asks for the same with "
                           "and without 'not'";
        judgement.field = "condition";
    }
    GUARD(add_row(loader, &judgement, &row));
    SHA256Final(ROWS_OF(loader->effective, struct digest)[row].bytes, &effective);
    return RESULT_OK;
}

RESULT loader_reread(struct loader *loader, const struct yaml_document *document,
                     struct yaml_document *ret_copy, unsigned *ret_offset)
{
    struct yaml_reader *reader = yaml_reader_new(document->text);
    struct yaml_fault fault;
    if (reader == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = yaml_next(reader, loader->lasting, ret_copy, &fault);
    yaml_reader_free(reader);
    if (result_is_ok(result))
        *ret_offset = document->line - ret_copy->line;
    return result;
}

static RESULT load_correlation(struct loader *loader, const struct yaml_document *document)
{
    struct pending_correlation pending = {.progress = PENDING_WAITS, .index = NO_INDEX,
                                          .correlation = {.words = NO_WORDS}};
    struct rule_fault fault;
    struct yaml_document copy;
    unsigned offset = 0;
    struct parse_context context = loader_context(loader, loader->lasting, &fault);
    struct result result = loader_reread(loader, document, &copy, &offset);
    if (!result_is_ok(result))
        result = explain(&fault.why, result.error,
                         "the correlation cannot be kept: all together are too large");
    else
        result = correlation_parse(&context, &copy, &pending.correlation);
    fault.line += fault.line > 0 ? offset : 0;
    pending.correlation.line += offset;
    GUARD(add_judged(loader, document, &pending.correlation.words, ENGINE_KIND_CORRELATION, result,
                     &fault, &pending.row));
    if (!result_is_ok(result))
        return RESULT_OK;
    uint32_t at;
    GUARD(rows_add(&loader->correlations, &loader->budget, sizeof pending, 1, &at));
    ROWS_OF(loader->correlations, struct pending_correlation)[at] = pending;
    return RESULT_OK;
}

static const char INDENTED[] = "the section is indented; expected it at the start of a line";

static const char LOST[] =
    "it cannot be kept: memory is out, or all settings together are too large";

static RESULT load_filter(struct loader *loader, const struct yaml_document *document)
{
    if (setting_is_lost(loader, document))
        return add_unread(loader, document->line, LOST, document->text);
    if (!setting_has(loader->content, "filter")
        || loader->next_filter >= loader->filters.count)
        return add_unread(loader, document->line, INDENTED, document->text);
    struct filter_row *filter =
        &ROWS_OF(loader->filters, struct filter_row)[loader->next_filter++];
    struct result result = filter->is_faulty ? result_fail(ERROR_FORMAT) : RESULT_OK;
    return add_judged(loader, document, &filter->filter.words, ENGINE_KIND_FILTER, result,
                      &filter->fault, &filter->row);
}

static RESULT load_placeholders(struct loader *loader, const struct yaml_document *document)
{
    struct rule_fault fault;
    struct parse_context context = loader_context(loader, loader->scratch, &fault);
    struct words words = NO_WORDS;
    struct placeholder *items;
    size_t count;
    uint32_t row;
    words.title = "placeholders";
    if (!setting_has(loader->content, "placeholders"))
        return add_unread(loader, document->line, INDENTED, document->text);
    if (setting_is_lost(loader, document))
        return add_unread(loader, document->line, LOST, document->text);
    struct result result = placeholders_parse(&context, document, &items, &count);
    return add_judged(loader, document, &words, ENGINE_KIND_PLACEHOLDERS, result, &fault, &row);
}

/* Names are kept until all rules have their slots. */
static RESULT read_names(struct loader *loader, struct parse_context *context,
                         const struct yaml_node *map)
{
    context->field = "field-names";
    if (map->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, map->line,
                           "'field-names' is %s; expected a map of events' names to fields",
                           yaml_kind_name(map->kind));
    for (const struct yaml_node *name = map->first; name != NULL; name = name->next) {
        if (!yaml_is_scalar(name) || name->size == 0 || name->size > LIMIT_NAME_BYTES
            || name->key->size == 0 || name->key->size > LIMIT_NAME_BYTES
            || string_ends_with(name->key->text, "*") != string_ends_with(name->text, "*"))
            return parse_fault(context, ERROR_FORMAT, name->line,
                               "'%.100s' stands for %s '%.100s'; expected the name of a field of "
                               "at most %d bytes, that ends in '*' if the name does",
                               name->key->text, yaml_kind_name(name->kind), name->text,
                               (int)LIMIT_NAME_BYTES);
        struct engine_alias alias = {
            .name = arena_copy(loader->lasting, name->key->text, name->key->size),
            .field = arena_copy(loader->lasting, name->text, name->size)};
        uint32_t at;
        if (alias.name == NULL || alias.field == NULL
            || !result_is_ok(rows_add(&loader->names, &loader->budget, sizeof alias, 1, &at)))
            return parse_out_of_memory(context, name->line);
        ROWS_OF(loader->names, struct engine_alias)[at] = alias;
    }
    return RESULT_OK;
}

static RESULT load_names(struct loader *loader, const struct yaml_document *document)
{
    struct rule_fault fault;
    struct parse_context context = loader_context(loader, loader->scratch, &fault);
    struct words words = NO_WORDS;
    uint32_t row;
    words.title = "field names";
    struct result result =
        read_names(loader, &context, yaml_get(document->root, "field-names"));
    return add_judged(loader, document, &words, ENGINE_KIND_FIELD_NAMES, result, &fault, &row);
}

static RESULT load_mapping(struct loader *loader, const struct yaml_document *document)
{
    struct rule_fault fault;
    struct parse_context context = loader_context(loader, loader->scratch, &fault);
    struct words words = NO_WORDS;
    struct mapping *items;
    size_t count = 0;
    uint32_t row;
    words.title = "field mapping";
    if (!setting_has(loader->content, "transformations"))
        return add_unread(loader, document->line, INDENTED, document->text);
    if (setting_is_lost(loader, document))
        return add_unread(loader, document->line, LOST, document->text);
    struct result result = mapping_parse(&context, document, &items, &count);
    /* What was read before the limit was reached holds; nothing of this one does. */
    if (result_is_ok(result) && loader->mappings.count > LIMIT_MAPPINGS)
        result = parse_fault(&context, ERROR_LIMIT, document->line,
                             "all mappings together have more than %d transformations: none of "
                             "them is in force", (int)LIMIT_MAPPINGS);
    return add_judged(loader, document, &words, ENGINE_KIND_FIELD_MAPPING, result, &fault, &row);
}

static RESULT load_document(struct loader *loader, const struct yaml_document *document)
{
    switch (document_kind(document)) {
    case DOCUMENT_CORRELATION:
        return load_correlation(loader, document);
    case DOCUMENT_FILTER:
        return load_filter(loader, document);
    case DOCUMENT_PLACEHOLDERS:
        return load_placeholders(loader, document);
    case DOCUMENT_FIELD_NAMES:
        return load_names(loader, document);
    case DOCUMENT_FIELD_MAPPING:
        return load_mapping(loader, document);
    case DOCUMENT_RULE:
        break;
    }
    return load_rule(loader, document);
}

static RESULT load_documents(struct loader *loader, struct yaml_reader *reader,
                             struct bytes content)
{
    size_t first_row = loader->engine->rows.count;
    for (;;) {
        struct yaml_document document;
        struct yaml_fault fault = {.line = 1};
        arena_reset(loader->scratch);
        struct result result = yaml_next(reader, loader->scratch, &document, &fault);
        if (result.error == ERROR_NOT_FOUND && loader->engine->rows.count > first_row)
            return RESULT_OK;
        if (result.error == ERROR_NOT_FOUND)
            return add_unread(loader, 1, "the file is empty; expected a Sigma rule", content);
        if (!result_is_ok(result))
            return add_unread(loader, fault.line, fault.why.text, content);
        bool is_empty = document.root == NULL || document.root->kind == YAML_NULL;
        if (!is_empty) /* a '---' too many is no fault */
            GUARD(load_document(loader, &document));
    }
}

static RESULT load_file(struct loader *loader, const struct pack_file *file)
{
    loader->content = file->content;
    loader->file =
        arena_copy(loader->engine->program.arena, file->name.data, file->name.size);
    struct yaml_reader *reader = yaml_reader_new(file->content);
    struct result result = result_fail(ERROR_MEMORY);
    if (loader->file != NULL && reader != NULL)
        result = load_documents(loader, reader, file->content);
    yaml_reader_free(reader);
    return result;
}

RESULT loader_each_file(struct loader *loader, const void *pack, size_t size,
                        loader_visit *visit)
{
    struct pack_reader reader;
    GUARD(pack_reader_open(pack, size, &reader));
    struct pack_file file;
    struct result result = RESULT_OK;
    while (result_is_ok(result)) {
        result = pack_reader_next(&reader, &file);
        if (result.error == ERROR_NOT_FOUND)
            return RESULT_OK;
        if (result_is_ok(result))
            result = visit(loader, &file);
    }
    return result;
}

/* Names of fields that no rule need have written. */
static RESULT add_names(struct program *program, const struct engine_options *options,
                        struct explanation *why)
{
    for (size_t i = 0; options != NULL && i < options->field_count; i++) {
        uint32_t slot;
        GUARD(program_slot(program, options->fields[i], &slot));
    }
    for (size_t i = 0; options != NULL && i < options->alias_count; i++) {
        const struct engine_alias *alias = &options->aliases[i];
        struct result result = program_alias(program, alias->name, alias->field);
        if (result.error == ERROR_FORMAT)
            return explain(why, ERROR_FORMAT,
                           "the name '%s' stands for '%s'; expected a field that ends in '*' as "
                           "the name does, of at most %d bytes", alias->name, alias->field,
                           (int)LIMIT_NAME_BYTES);
        GUARD(result);
    }
    GUARD(view_add_names(program));
    return event_time_add_names(program);
}

static RESULT load_all(struct loader *loader, const void *pack, size_t size)
{
    GUARD(setting_read(loader, pack, size));
    GUARD(loader_each_file(loader, pack, size, load_file));
    GUARD(setting_report(loader));
    GUARD(link_correlations(loader));
    for (uint32_t i = 0; i < loader->names.count; i++) {
        const struct engine_alias *alias = &ROWS_OF(loader->names, struct engine_alias)[i];
        GUARD(program_alias(&loader->engine->program, alias->name, alias->field));
    }
    return RESULT_OK;
}

RESULT load_rules(struct engine *engine, const struct engine_options *options, const void *pack,
                  size_t size, struct explanation *why)
{
    struct loader loader = {.engine = engine, .options = options,
                            .scratch = arena_new(LIMIT_RULE_PARSE_BYTES),
                            .lasting = arena_new(LIMIT_RULE_PARSE_BYTES),
                            .budget = {.limit_bytes = LIMIT_RULE_PARSE_BYTES}};
    struct rows *const tables[] = {&loader.placeholders, &loader.filters, &loader.names,
                                   &loader.correlations, &loader.effective,
                                   &loader.mapping_rows, &loader.lost};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        rows_init(tables[i]);
    struct result result = result_fail(ERROR_MEMORY);
    if (loader.scratch != NULL && loader.lasting != NULL)
        result = load_all(&loader, pack, size);
    arena_free(loader.scratch);
    arena_free(loader.lasting);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        rows_free(tables[i]);
    if (result.error == ERROR_FORMAT)
        return explain(why, ERROR_FORMAT, "the pack of rule files is malformed");
    GUARD(result);
    GUARD(add_names(&engine->program, options, why));
    GUARD(pattern_choose_grams(&engine->program));
    return matcher_new(&engine->program, &engine->matcher);
}
