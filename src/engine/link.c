// SPDX-License-Identifier: Apache-2.0
/* Ties correlations to the rules that they name by id or name, children first. */
#include "base/bytes.h"
#include "engine/load.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CHAIN = 16 }; /* correlations of correlations; real ones need 2 */

/* A row under its id or its name. */
struct address {
    const char *text;
    uint32_t row;
};

/* A link that is not yet among those of its row. */
struct raw_link {
    uint32_t row; /* that feeds */
    struct link link;
};

struct linker {
    struct loader *loader;
    struct address *addresses; /* sorted */
    size_t address_count;
    uint32_t *rules;   /* of each row: its number in program->rules, or NO_INDEX */
    uint32_t *pending; /* of each row: its number in loader->correlations, or NO_INDEX */
    struct rows links; /* struct raw_link */
    unsigned depth;
};

/* One correlation while it is tied. */
struct tie {
    struct pending_correlation *pending;
    uint32_t rows[LIMIT_CORRELATION_RULES];
    uint32_t inactive; /* rows that are */
    struct program_correlation compiled;
};

static int compare_addresses(const void *left, const void *right)
{
    const struct address *a = left;
    const struct address *b = right;
    int order = strcmp(a->text, b->text);
    return order != 0 ? order : a->row < b->row ? -1 : a->row > b->row;
}

static const struct engine_rule *row_of(const struct linker *linker, uint32_t row)
{
    return &ROWS_OF(linker->loader->engine->rows, struct engine_rule)[row];
}

static void index_rows(struct linker *linker)
{
    const struct engine *engine = linker->loader->engine;
    for (uint32_t i = 0; i < engine->rows.count; i++) {
        const struct engine_rule *row = row_of(linker, i);
        bool is_referable =
            row->kind == ENGINE_KIND_RULE || row->kind == ENGINE_KIND_CORRELATION;
        if (is_referable && row->id[0] != '\0')
            linker->addresses[linker->address_count++] = (struct address){row->id, i};
        if (is_referable && row->name[0] != '\0')
            linker->addresses[linker->address_count++] = (struct address){row->name, i};
        linker->rules[i] = NO_INDEX;
        linker->pending[i] = NO_INDEX;
    }
    if (linker->address_count > 0)
        qsort(linker->addresses, linker->address_count, sizeof linker->addresses[0],
              compare_addresses);
    for (uint32_t i = 0; i < engine->program.rules.count; i++)
        linker->rules[ROWS_OF(engine->program.rules, struct program_rule)[i].row] = i;
    for (uint32_t i = 0; i < linker->loader->correlations.count; i++)
        linker->pending[ROWS_OF(linker->loader->correlations, struct pending_correlation)[i].row] =
            i;
}

/* What is pending for a row; NULL where that is no correlation, or one that was rejected. */
static struct pending_correlation *pending_of(const struct linker *linker, uint32_t row)
{
    uint32_t at = linker->pending[row];
    return at == NO_INDEX
               ? NULL
               : &ROWS_OF(linker->loader->correlations, struct pending_correlation)[at];
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* Not in force, for a reason that names one of its rules: a `%s` in `format`. */
static RESULT set_aside(struct linker *linker, struct tie *tie, enum engine_rule_state state,
                        const char *text, const char *what)
{
    struct explanation why;
    result_ignore(explain(&why, ERROR_NOT_FOUND, "the correlation names '%.100s', %s", text, what));
    tie->pending->progress = PENDING_IS_DONE;
    return loader_set_row(linker->loader, tie->pending->row, state,
                          tie->pending->correlation.line, why.text, "correlation");
}

/* --- rules ------------------------------------------------------------------------------------ */

static RESULT tie_row(struct linker *linker, uint32_t row);

/* The row that `text` means. ERROR_NOT_FOUND and ERROR_FORMAT (several are called so). */
static RESULT find_row(const struct linker *linker, const char *text, uint32_t *ret_row)
{
    size_t low = 0;
    size_t high = linker->address_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(linker->addresses[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == linker->address_count || !string_equal(linker->addresses[low].text, text))
        return result_fail(ERROR_NOT_FOUND);
    *ret_row = linker->addresses[low].row;
    bool is_shared = low + 1 < linker->address_count
                     && string_equal(linker->addresses[low + 1].text, text)
                     && linker->addresses[low + 1].row != *ret_row;
    return is_shared ? result_fail(ERROR_FORMAT) : RESULT_OK;
}

/* Finds what the correlation names and sees to it that those are tied before. It is set aside where
 * that cannot be: then its progress is PENDING_IS_DONE. */
static RESULT find_rules(struct linker *linker, struct tie *tie)
{
    const struct correlation *correlation = &tie->pending->correlation;
    for (size_t i = 0; i < correlation->rule_count; i++) {
        const char *text = correlation->rules[i];
        uint32_t row = 0;
        struct result result = find_row(linker, text, &row);
        if (result.error == ERROR_NOT_FOUND)
            return set_aside(linker, tie, ENGINE_RULE_REJECTED, text,
                             "which is the id or name of no rule here");
        if (!result_is_ok(result))
            return set_aside(linker, tie, ENGINE_RULE_REJECTED, text,
                             "which is the id or name of several rules: expected one");
        for (size_t n = 0; n < i; n++) {
            if (tie->rows[n] == row)
                return set_aside(linker, tie, ENGINE_RULE_REJECTED, text,
                                 "which it names twice, by its id and by its name");
        }
        GUARD(tie_row(linker, row));
        const struct pending_correlation *child = pending_of(linker, row);
        if (child != NULL && child->progress != PENDING_IS_DONE)
            return set_aside(linker, tie, ENGINE_RULE_REJECTED, text,
                             child->progress == PENDING_IS_OPEN
                                 ? "which in turn depends on this one"
                                 : "which is more correlations deep than the 16 that are taken");
        if (row_of(linker, row)->state == ENGINE_RULE_REJECTED)
            return set_aside(linker, tie, ENGINE_RULE_REJECTED, text, "which is rejected");
        tie->inactive += row_of(linker, row)->state == ENGINE_RULE_INACTIVE;
        tie->rows[i] = row;
    }
    return RESULT_OK;
}

/* A correlation of rules some of which can match nothing here. */
static RESULT judge_inactive(struct linker *linker, struct tie *tie)
{
    const struct correlation *correlation = &tie->pending->correlation;
    bool is_temporal = correlation->type == CORRELATION_TEMPORAL
                       || correlation->type == CORRELATION_TEMPORAL_ORDERED;
    bool needs_all = is_temporal && correlation->condition == NULL
                     && correlation->threshold_count == 1
                     && correlation->thresholds[0].kind == THRESHOLD_GTE
                     && correlation->thresholds[0].number >= (double)correlation->rule_count;
    for (size_t i = 0; i < correlation->rule_count; i++) {
        if (row_of(linker, tie->rows[i])->state != ENGINE_RULE_INACTIVE)
            continue;
        if (needs_all || tie->inactive == correlation->rule_count)
            return set_aside(linker, tie, ENGINE_RULE_INACTIVE, correlation->rules[i],
                             "which is inactive");
        struct explanation why;
        result_ignore(explain(&why, ERROR_NOT_FOUND, "in force without '%.100s', which is inactive",
                              correlation->rules[i]));
        return loader_set_row(linker->loader, tie->pending->row, ENGINE_RULE_LOADED, 0, why.text,
                              "correlation");
    }
    return RESULT_OK;
}

/* --- fields ----------------------------------------------------------------------------------- */

/* What `field` of the correlation is called in the events of its rule number `position`; NULL where
 * it is an alias that says nothing about that rule. */
static const char *field_of(const struct linker *linker, const struct tie *tie, size_t position,
                            const char *field)
{
    const struct correlation *correlation = &tie->pending->correlation;
    const struct engine_rule *row = row_of(linker, tie->rows[position]);
    bool is_alias = false;
    for (size_t i = 0; i < correlation->alias_count; i++) {
        const struct alias_field *alias = &correlation->aliases[i];
        if (!string_equal(alias->alias, field))
            continue;
        is_alias = true;
        if (string_equal(alias->rule, correlation->rules[position])
            || string_equal(alias->rule, row->id) || string_equal(alias->rule, row->name))
            return alias->field;
    }
    return is_alias ? NULL : field;
}

/* Where to find a field's text when rule number `position` feeds the correlation. */
static RESULT find_slot(const struct linker *linker, const struct tie *tie, size_t position,
                        const char *field, uint32_t *ret_slot)
{
    const struct loader *loader = linker->loader;
    const struct program *program = &loader->engine->program;
    const struct pending_correlation *child = pending_of(linker, tie->rows[position]);
    /* What a correlation is grouped by is known under that name. */
    for (size_t i = 0; child != NULL && i < child->correlation.group_count; i++) {
        if (!string_equal(child->correlation.group_by[i], field) || child->index == NO_INDEX)
            continue;
        *ret_slot = LINK_KEY
                    | (ROWS_OF(program->correlations, struct program_correlation)[child->index].key
                       + (uint32_t)i);
        return RESULT_OK;
    }
    const struct engine_rule *row = row_of(linker, tie->rows[position]);
    const struct words words = {
        .product = row->product, .category = row->category, .service = row->service};
    field = mapping_field(&loader->mappings, row_of(linker, tie->pending->row)->file, &words,
                          field);
    return program_slot(&loader->engine->program, field, ret_slot);
}

/* The slots for one rule: group-by first, then what is counted. */
static RESULT add_slots(struct linker *linker, struct tie *tie, size_t position, bool *ret_is_good)
{
    struct program *program = &linker->loader->engine->program;
    const struct correlation *correlation = &tie->pending->correlation;
    size_t count = correlation->group_count + correlation->field_count;
    uint32_t first;
    GUARD(rows_add(&program->link_slots, &program->budget, sizeof(uint32_t), count, &first));
    for (size_t i = 0; i < count; i++) {
        const char *name = i < correlation->group_count
                               ? correlation->group_by[i]
                               : correlation->fields[i - correlation->group_count];
        const char *field = field_of(linker, tie, position, name);
        uint32_t slot;
        *ret_is_good = field != NULL;
        if (field == NULL)
            return set_aside(linker, tie, ENGINE_RULE_REJECTED, correlation->rules[position],
                             "for which one of its aliases has no field");
        GUARD(find_slot(linker, tie, position, field, &slot));
        ROWS_OF(program->link_slots, uint32_t)[first + i] = slot;
    }
    return RESULT_OK;
}

/* --- one correlation -------------------------------------------------------------------------- */

static void make_digest(const struct linker *linker, struct tie *tie)
{
    const struct digest *effective = ROWS_OF(linker->loader->effective, struct digest);
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, row_of(linker, tie->pending->row)->digest, 32);
    for (size_t i = 0; i < tie->pending->correlation.rule_count; i++)
        SHA256Update(&context, effective[tie->rows[i]].bytes, 32);
    SHA256Final(tie->compiled.digest, &context);
    ROWS_OF(linker->loader->effective, struct digest)
    [tie->pending->row] = *(const struct digest *)(const void *)tie->compiled.digest;
}

static void fill(struct tie *tie, const struct program *program)
{
    const struct correlation *correlation = &tie->pending->correlation;
    struct program_correlation *out = &tie->compiled;
    out->row = tie->pending->row;
    out->type = (uint8_t)correlation->type;
    out->generates = correlation->generates;
    out->rule_count = (uint32_t)correlation->rule_count;
    out->group_count = (uint32_t)correlation->group_count;
    out->field_count = (uint32_t)correlation->field_count;
    out->threshold_count = (uint32_t)correlation->threshold_count;
    for (size_t i = 0; i < MAX_THRESHOLDS; i++)
        out->thresholds[i] = correlation->thresholds[i];
    out->percentile =
        correlation->type == CORRELATION_VALUE_MEDIAN ? 50 : correlation->percentile;
    out->span_ns = correlation->span_ns;
    out->key = program->key_count;
    out->slot = program->link_slots.count;
}

static RESULT add_correlation(struct linker *linker, struct tie *tie)
{
    struct program *program = &linker->loader->engine->program;
    const struct correlation *correlation = &tie->pending->correlation;
    fill(tie, program);
    if (correlation->condition != NULL) {
        struct rule_fault fault = {.field = ""};
        arena_reset(linker->loader->scratch);
        struct result result = program_add_expression(
            program, correlation->condition, linker->loader->scratch, &fault, &tie->compiled);
        if (result.error == ERROR_MEMORY)
            return result;
        if (!result_is_ok(result))
            return set_aside(linker, tie, ENGINE_RULE_REJECTED, correlation->rules[0],
                             fault.why.text);
    }
    struct budget *budget = &linker->loader->budget;
    uint32_t index = program->correlations.count;
    for (size_t i = 0; i < correlation->rule_count; i++) {
        bool is_good = true;
        struct raw_link raw = {tie->rows[i], {.correlation = index, .position = (uint32_t)i}};
        GUARD(add_slots(linker, tie, i, &is_good));
        if (!is_good) {
            linker->links.count -= (uint32_t)i;
            return RESULT_OK;
        }
        uint32_t at;
        GUARD(rows_add(&linker->links, budget, sizeof raw, 1, &at));
        ROWS_OF(linker->links, struct raw_link)[at] = raw;
    }
    program->key_count += tie->compiled.group_count;
    make_digest(linker, tie);
    GUARD(rows_add(&program->correlations, &program->budget, sizeof tie->compiled, 1,
                   &tie->pending->index));
    ROWS_OF(program->correlations, struct program_correlation)[index] = tie->compiled;
    tie->pending->progress = PENDING_IS_DONE;
    return RESULT_OK;
}

/* Ties the correlation of a row, if it is one, and those that it depends on before. */
static RESULT tie_row(struct linker *linker, uint32_t row)
{
    struct pending_correlation *mine = pending_of(linker, row);
    if (mine == NULL || mine->progress != PENDING_WAITS || linker->depth >= MAX_CHAIN)
        return RESULT_OK;
    mine->progress = PENDING_IS_OPEN;
    struct tie tie = {.pending = mine};
    linker->depth++;
    struct result result = find_rules(linker, &tie);
    linker->depth--;
    GUARD(result);
    if (tie.pending->progress == PENDING_IS_OPEN && tie.inactive > 0)
        GUARD(judge_inactive(linker, &tie));
    return tie.pending->progress == PENDING_IS_OPEN ? add_correlation(linker, &tie) : RESULT_OK;
}

/* --- links ------------------------------------------------------------------------------------ */

static int compare_links(const void *left, const void *right)
{
    const struct raw_link *a = left;
    const struct raw_link *b = right;
    if (a->row != b->row)
        return a->row < b->row ? -1 : 1;
    if (a->link.correlation != b->link.correlation)
        return a->link.correlation < b->link.correlation ? -1 : 1;
    return a->link.position < b->link.position ? -1 : a->link.position > b->link.position;
}

/* Notes that link number `at` is one more of those of a row; links of a row are neighbours. */
static void hand_out(const struct linker *linker, uint32_t row, uint32_t at)
{
    const struct program *program = &linker->loader->engine->program;
    const struct pending_correlation *pending = pending_of(linker, row);
    uint32_t *link;
    uint32_t *count;
    if (linker->rules[row] != NO_INDEX) {
        struct program_rule *rule =
            &ROWS_OF(program->rules, struct program_rule)[linker->rules[row]];
        link = &rule->link;
        count = &rule->link_count;
    } else if (pending != NULL && pending->index != NO_INDEX) {
        struct program_correlation *correlation =
            &ROWS_OF(program->correlations, struct program_correlation)[pending->index];
        link = &correlation->link;
        count = &correlation->link_count;
    } else {
        return; /* it is inactive */
    }
    if ((*count)++ == 0)
        *link = at;
}

static RESULT hand_out_links(struct linker *linker)
{
    struct program *program = &linker->loader->engine->program;
    struct raw_link *raw = ROWS_OF(linker->links, struct raw_link);
    uint32_t count = linker->links.count;
    uint32_t first;
    if (count > 0)
        qsort(raw, count, sizeof raw[0], compare_links);
    GUARD(rows_add(&program->links, &program->budget, sizeof(struct link), count, &first));
    for (uint32_t i = 0; i < count; i++) {
        ROWS_OF(program->links, struct link)[first + i] = raw[i].link;
        hand_out(linker, raw[i].row, first + i);
    }
    return RESULT_OK;
}

static RESULT link_all(struct linker *linker)
{
    struct loader *loader = linker->loader;
    index_rows(linker);
    for (uint32_t i = 0; i < loader->correlations.count; i++)
        GUARD(tie_row(linker,
                      ROWS_OF(loader->correlations, struct pending_correlation)[i].row));
    GUARD(hand_out_links(linker));
    program_mute(&loader->engine->program);
    return RESULT_OK;
}

RESULT link_correlations(struct loader *loader)
{
    size_t rows = (size_t)loader->engine->rows.count + 1;
    if (loader->correlations.count == 0)
        return RESULT_OK;
    struct linker linker = {.loader = loader,
                            .addresses = calloc(2 * rows, sizeof linker.addresses[0]),
                            .rules = calloc(rows, sizeof linker.rules[0]),
                            .pending = calloc(rows, sizeof linker.pending[0])};
    rows_init(&linker.links);
    struct result result = result_fail(ERROR_MEMORY);
    if (linker.addresses != NULL && linker.rules != NULL && linker.pending != NULL)
        result = link_all(&linker);
    rows_free(&linker.links);
    free(linker.addresses);
    free(linker.rules);
    free(linker.pending);
    return result;
}
