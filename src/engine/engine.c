// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "base/arena.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/engine_check.h"
#include "engine/evaluate.h"
#include "engine/match.h"
#include "engine/pack.h"
#include "engine/yaml_tree.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

struct engine {
    struct program program;
    struct matcher *matcher;
    struct rows rows; /* struct engine_rule */
    size_t states[ENGINE_RULE_REJECTED + 1];
};

/* What is needed while loading only. */
struct loader {
    struct engine *engine;
    const struct engine_options *options;
    struct arena *scratch; /* one document */
    const char *file;
};

/* --- sources ---------------------------------------------------------------------------------- */

const struct engine_source *engine_native_sources(size_t *ret_count)
{
    static struct engine_source sources[2 * EVENT_KIND_COUNT];
    static size_t count = 0;
    static bool is_complete = false;
    for (unsigned i = 0; !is_complete && i < 2 * EVENT_KIND_COUNT; i++) {
        const char *category = schema_kind((enum event_kind)(i / 2))->categories[i % 2];
        bool is_new = category[0] != '\0';
        for (size_t n = 0; n < count; n++)
            is_new = is_new && !string_equal(sources[n].category, category);
        if (is_new)
            sources[count++] = (struct engine_source){"linux", category, ""};
    }
    is_complete = true;
    *ret_count = count;
    return sources;
}

static bool is_supplied(const struct engine_options *options, const struct rule *rule)
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
    if (options == NULL || options->sources == NULL)
        return false;
    if (!is_supplied(options, rule)) {
        result_ignore(explain(why, ERROR_NOT_FOUND, /* the text is what is wanted */
                              "no log source here supplies%s%s%s%s%s%s%s%s%s",
                              rule->product[0] != '\0' ? " product '" : "", rule->product,
                              rule->product[0] != '\0' ? "'" : "",
                              rule->category[0] != '\0' ? " category '" : "", rule->category,
                              rule->category[0] != '\0' ? "'" : "",
                              rule->service[0] != '\0' ? " service '" : "", rule->service,
                              rule->service[0] != '\0' ? "'" : ""));
        return true;
    }
    if (rule->is_keyword_only && rule->category[0] == '\0') {
        result_ignore(explain(why, ERROR_NOT_FOUND, /* as above */
                              "it looks for keywords in text logs, and no log source here is one"));
        return true;
    }
    return false;
}

/* Whether some kind of event that a rule with this category sees has the field. */
static bool is_field_supplied(const char *category, uint32_t field)
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
        if (is_field_supplied(rule->category, slot->schema_field))
            continue;
        result_ignore(explain(why, ERROR_NOT_FOUND, /* the text is what is wanted */
                              "in force, but no event of this host has the field '%s': what asks "
                              "for it finds nothing (creance fields lists those there are)",
                              slot->name));
        return slot->name;
    }
    return "";
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

static RESULT keep_tags(struct engine *engine, const struct rule *rule, struct engine_rule *row)
{
    const char **tags = arena_array(engine->program.arena, rule->tag_count + 1, sizeof tags[0]);
    if (tags == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < rule->tag_count; i++)
        GUARD(keep(engine, rule->tags[i], &tags[i]));
    row->tags = tags;
    row->tag_count = rule->tag_count;
    return RESULT_OK;
}

/* Appends a row; `rule` is NULL where no document could be read. */
static RESULT add_row(struct loader *loader, const struct rule *rule, enum engine_rule_state state,
                      unsigned line, const char *reason, const char *field, struct bytes text)
{
    static const struct rule NO_RULE = {.id = "", .title = "", .level = "", .status = "",
                                        .product = "", .category = "", .service = ""};
    struct engine *engine = loader->engine;
    struct engine_rule row = {.file = loader->file, .line = line, .state = state};
    if (rule == NULL)
        rule = &NO_RULE;
    GUARD(keep(engine, rule->id, &row.id));
    GUARD(keep(engine, rule->title, &row.title));
    GUARD(keep(engine, rule->level, &row.level));
    GUARD(keep(engine, rule->status, &row.status));
    GUARD(keep(engine, rule->product, &row.product));
    GUARD(keep(engine, rule->category, &row.category));
    GUARD(keep(engine, rule->service, &row.service));
    GUARD(keep(engine, reason, &row.reason));
    GUARD(keep(engine, field, &row.field));
    GUARD(keep_tags(engine, rule, &row));
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, text.data, text.size);
    SHA256Final(row.digest, &context);
    uint32_t at;
    GUARD(rows_add(&engine->rows, &engine->program.budget, sizeof row, 1, &at));
    ROWS_OF(engine->rows, struct engine_rule)[at] = row;
    engine->states[state]++;
    size_t limit = engine->program.budget.limit_bytes;
    if (arena_used(engine->program.arena) > limit - engine->program.budget.used_bytes)
        return result_fail(ERROR_MEMORY);
    return RESULT_OK;
}

/* --- loading ---------------------------------------------------------------------------------- */

static RESULT load_document(struct loader *loader, const struct yaml_document *document)
{
    struct rule rule;
    struct rule_fault fault = {.field = ""};
    struct explanation why = {.text = ""};
    struct result result = rule_parse(document, loader->scratch, &rule, &fault);
    if (result_is_ok(result) && is_inactive(loader->options, &rule, &why))
        return add_row(loader, &rule, ENGINE_RULE_INACTIVE, document->line, why.text, "logsource",
                       document->text);
    uint32_t first_leaf = loader->engine->program.leaves.count;
    if (result_is_ok(result)) {
        result = program_add(&loader->engine->program, &rule, loader->engine->rows.count,
                             loader->scratch, &fault);
        if (result.error == ERROR_MEMORY)
            return result;
    }
    if (result_is_ok(result)) {
        const char *missing = find_missing_field(loader, &rule, first_leaf, &why);
        return add_row(loader, &rule, ENGINE_RULE_LOADED, document->line, why.text, missing,
                       document->text);
    }
    return add_row(loader, &rule, ENGINE_RULE_REJECTED,
                   fault.line == 0 ? document->line : fault.line, fault.why.text, fault.field,
                   document->text);
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
            return add_row(loader, NULL, ENGINE_RULE_REJECTED, 1,
                           "the file is empty; expected a Sigma rule", "", content);
        if (!result_is_ok(result))
            return add_row(loader, NULL, ENGINE_RULE_REJECTED, fault.line, fault.why.text, "",
                           content);
        bool is_empty = document.root == NULL || document.root->kind == YAML_NULL;
        if (!is_empty) /* a '---' too many is no fault */
            GUARD(load_document(loader, &document));
    }
}

static RESULT load_file(struct loader *loader, const struct pack_file *file)
{
    loader->file =
        arena_copy(loader->engine->program.arena, file->name.data, file->name.size);
    struct yaml_reader *reader = yaml_reader_new(file->content);
    struct result result = result_fail(ERROR_MEMORY);
    if (loader->file != NULL && reader != NULL)
        result = load_documents(loader, reader, file->content);
    yaml_reader_free(reader);
    return result;
}

static RESULT load_files(struct loader *loader, const void *pack, size_t size,
                         struct explanation *why)
{
    static const char MALFORMED[] = "the pack of rule files is malformed";
    struct pack_reader reader;
    if (!result_is_ok(pack_reader_open(pack, size, &reader)))
        return explain(why, ERROR_FORMAT, "%s", MALFORMED);
    for (;;) {
        struct pack_file file;
        struct result result = pack_reader_next(&reader, &file);
        if (result.error == ERROR_NOT_FOUND)
            return RESULT_OK;
        if (!result_is_ok(result))
            return explain(why, ERROR_FORMAT, "%s", MALFORMED);
        GUARD(load_file(loader, &file));
    }
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
    return RESULT_OK;
}

static RESULT load(struct engine *engine, const struct engine_options *options, const void *pack,
                   size_t size, struct explanation *why)
{
    size_t limit = options == NULL || options->memory_limit_bytes == 0
                       ? (size_t)LIMIT_ENGINE_BYTES
                       : options->memory_limit_bytes;
    rows_init(&engine->rows);
    GUARD(program_init(&engine->program, limit));
    if (options != NULL && options->is_without_scanner)
        engine->program.has_scanner = false;
    struct loader loader = {.engine = engine, .options = options,
                            .scratch = arena_new(LIMIT_RULE_PARSE_BYTES)};
    if (loader.scratch == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = load_files(&loader, pack, size, why);
    arena_free(loader.scratch);
    GUARD(result);
    GUARD(add_names(&engine->program, options, why));
    return matcher_new(&engine->program, &engine->matcher, why);
}

RESULT engine_load(const struct engine_options *options, const void *pack, size_t size,
                   struct engine **ret_engine, struct explanation *why)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return explain(why, ERROR_MEMORY, "memory is out while loading rules");
    struct result result = load(engine, options, pack, size, why);
    if (!result_is_ok(result)) {
        size_t limit = engine->program.budget.limit_bytes;
        engine_free(engine);
        if (result.error == ERROR_MEMORY)
            return explain(why, ERROR_MEMORY,
                           "the rules need more than the %zu bytes that they may have, or memory "
                           "is out", limit);
        return result;
    }
    *ret_engine = engine;
    return RESULT_OK;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    matcher_free(engine->matcher);
    rows_free(&engine->rows);
    program_free(&engine->program);
    free(engine);
}

size_t engine_rule_count(const struct engine *engine) { return engine->rows.count; }

const struct engine_rule *engine_rule(const struct engine *engine, size_t index)
{
    if (index >= engine->rows.count)
        abort(); /* the caller counted wrongly */
    return &ROWS_OF(engine->rows, struct engine_rule)[index];
}

size_t engine_count_state(const struct engine *engine, enum engine_rule_state state)
{
    return engine->states[state];
}

/* Rows with this digest, switched; a set may hold a document twice. */
size_t engine_rule_disable(struct engine *engine, const uint8_t digest[32], bool is_disabled)
{
    size_t count = 0;
    struct engine_rule *rows = ROWS_OF(engine->rows, struct engine_rule);
    for (uint32_t i = 0; i < engine->rows.count; i++) {
        if (memcmp(rows[i].digest, digest, sizeof rows[i].digest) != 0)
            continue;
        rows[i].is_disabled = is_disabled;
        count++;
    }
    struct program_rule *rules = ROWS_OF(engine->program.rules, struct program_rule);
    for (uint32_t i = 0; i < engine->program.rules.count && count > 0; i++)
        rules[i].is_disabled = rows[rules[i].row].is_disabled;
    return count;
}

/* --- events ----------------------------------------------------------------------------------- */

struct engine_event *engine_event_new(const struct engine *engine)
{
    return view_new(&engine->program);
}

struct judgement {
    struct evaluation evaluation;
    struct engine_verdict verdict;
    engine_sink *sink;
    engine_tracer *tracer;
    void *context;
};

static bool judge(void *context, uint32_t number)
{
    struct judgement *judgement = context;
    const struct program_rule *rule =
        &ROWS_OF(judgement->evaluation.program->rules, struct program_rule)[number];
    if (rule->is_disabled || (judgement->evaluation.event->is_text && !rule->is_keyword_only))
        return true;
    judgement->verdict.candidates++;
    if (judgement->tracer != NULL)
        judgement->tracer(judgement->context, rule->row);
    if (evaluate_rule(&judgement->evaluation, rule)) {
        judgement->verdict.matches++;
        judgement->sink(judgement->context, rule->row);
    }
    /* Where nothing is left, the first rule that would have needed a step says so. */
    return judgement->evaluation.steps_left > 0 || !judgement->evaluation.is_incomplete;
}

struct engine_verdict engine_eval(struct engine *engine, const struct engine_event *event,
                                  engine_sink *sink, engine_tracer *tracer, void *context)
{
    struct judgement judgement = {
        .evaluation = {.program = &engine->program, .event = event,
                       .scratch = matcher_scratch(engine->matcher),
                       .steps_left = LIMIT_EVALUATION_STEPS},
        .sink = sink, .tracer = tracer, .context = context,
    };
    matcher_candidates(engine->matcher, event, judge, &judgement);
    judgement.verdict.is_incomplete = judgement.evaluation.is_incomplete;
    return judgement.verdict;
}

void engine_evaluate_all(struct engine *engine, bool is_all)
{
    matcher_visit_all(engine->matcher, is_all);
}
