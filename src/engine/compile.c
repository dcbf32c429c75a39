// SPDX-License-Identifier: Apache-2.0
/* From the syntax tree of a rule to rows of the program's tables. */
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/program.h"

#include <stdlib.h>
#include <string.h>

struct compiler {
    struct program *program;
    struct arena *scratch;
    struct rule_fault *fault;
    uint32_t start; /* first instruction of the rule */
    uint32_t depth;
    uint32_t regexes; /* of the rule */
};

static RESULT fault_at(struct compiler *compiler, enum error error, const struct leaf *leaf,
                       const char *reason)
{
    compiler->fault->line = leaf == NULL ? 0 : leaf->line;
    compiler->fault->field = leaf == NULL || leaf->field == NULL ? "" : leaf->field;
    return explain(&compiler->fault->why, error, "%s", reason);
}

static RESULT emit(struct compiler *compiler, enum operation operation, uint32_t operand,
                   uint32_t *ret_at)
{
    struct program *program = compiler->program;
    uint32_t at;
    if (program->instructions.count - compiler->start >= LIMIT_RULE_INSTRUCTIONS)
        return fault_at(compiler, ERROR_LIMIT, NULL,
                        "the condition becomes too large (LIMIT_RULE_INSTRUCTIONS)");
    GUARD(rows_add(&program->instructions, &program->budget, sizeof(struct instruction), 1, &at));
    ROWS_OF(program->instructions, struct instruction)[at] =
        (struct instruction){operation, operand};
    if (ret_at != NULL)
        *ret_at = at;
    return RESULT_OK;
}

static RESULT compile_texts(struct compiler *compiler, const struct leaf *leaf,
                            struct program_leaf *row)
{
    struct program *program = compiler->program;
    GUARD(rows_add(&program->patterns, &program->budget, sizeof(struct pattern),
                    leaf->text_count, &row->first));
    row->count = (uint32_t)leaf->text_count;
    bool is_anchored = true;
    for (size_t i = 0; i < leaf->text_count; i++) {
        struct folded_text text;
        struct pattern pattern;
        if (!text_fold(compiler->scratch, &leaf->texts[i], leaf->is_cased, &text))
            return fault_at(compiler, ERROR_LIMIT, leaf,
                            "the values need more memory than one rule may have");
        GUARD(pattern_add(program, &text, leaf->is_cased, &pattern));
        ROWS_OF(program->patterns, struct pattern)[row->first + i] = pattern;
        is_anchored = is_anchored && !leaf->is_cased && pattern.kind != PATTERN_CONTAINS
                      && pattern.kind != PATTERN_GLOB;
    }
    row->part = is_anchored ? TEXT_IS_ANCHORED : 0;
    return RESULT_OK;
}

static RESULT compile_regex_database(struct compiler *compiler, const struct leaf *leaf,
                                     hs_database_t **ret_database)
{
    unsigned flags = HS_FLAG_ALLOWEMPTY | HS_FLAG_UTF8
                     | (leaf->flags & REGEX_IGNORES_CASE ? HS_FLAG_CASELESS : 0u)
                     | (leaf->flags & REGEX_IS_MULTILINE ? HS_FLAG_MULTILINE : 0u)
                     | (leaf->flags & REGEX_DOT_IS_ALL ? HS_FLAG_DOTALL : 0u);
    hs_compile_error_t *error = NULL;
    hs_error_t status =
        hs_compile(leaf->expression, flags, HS_MODE_BLOCK, NULL, ret_database, &error);
    if (status == HS_SUCCESS)
        return RESULT_OK;
    char reason[EXPLANATION_BYTES];
    string_format(reason, sizeof reason,
                  "regular expression '%.200s' is refused: %.300s (only what runs in linear time "
                  "is taken: no look-around, no back references)",
                  leaf->expression, error == NULL ? "unknown error" : error->message);
    hs_free_compile_error(error);
    return fault_at(compiler, ERROR_UNSUPPORTED, leaf, reason);
}

/* What must be in a value before it is worth running the expression over it. */
static RESULT add_regex_text(struct compiler *compiler, const struct leaf *leaf,
                             uint32_t *ret_pattern)
{
    struct program *program = compiler->program;
    struct sigma_text text;
    struct folded_text folded;
    struct pattern pattern;
    if (!witness_of_regex(leaf, compiler->scratch, &text)
        || !text_fold(compiler->scratch, &text, false, &folded))
        return fault_at(compiler, ERROR_LIMIT, leaf,
                        "the expression needs more memory than one rule may have");
    if (folded.count == 0)
        return RESULT_OK;
    folded.is_open_start = true;
    folded.is_open_end = true;
    GUARD(pattern_add(program, &folded, false, &pattern));
    GUARD(rows_add(&program->patterns, &program->budget, sizeof pattern, 1, ret_pattern));
    ROWS_OF(program->patterns, struct pattern)[*ret_pattern] = pattern;
    return RESULT_OK;
}

static RESULT add_regex(struct compiler *compiler, const struct leaf *leaf, uint32_t *ret_regex)
{
    struct program *program = compiler->program;
    if (!program->has_scanner)
        return fault_at(compiler, ERROR_UNSUPPORTED, leaf,
                        "regular expressions need a CPU with SSSE3, SSE4.2 and POPCNT; this one "
                        "lacks them");
    for (uint32_t i = 0; i < program->regexes.count; i++) {
        const struct regex *regex = &ROWS_OF(program->regexes, struct regex)[i];
        if (regex->flags == leaf->flags && string_equal(regex->expression, leaf->expression)) {
            *ret_regex = i;
            return RESULT_OK;
        }
    }
    if (++compiler->regexes > LIMIT_RULE_REGEXES)
        return fault_at(compiler, ERROR_LIMIT, leaf,
                        "the rule has too many regular expressions (LIMIT_RULE_REGEXES: 200)");
    struct regex regex = {.flags = leaf->flags, .pattern = NO_INDEX};
    GUARD(add_regex_text(compiler, leaf, &regex.pattern));
    GUARD(compile_regex_database(compiler, leaf, &regex.database));
    size_t bytes = 0;
    uint32_t at = 0;
    regex.expression =
        arena_copy(program->arena, leaf->expression, strlen(leaf->expression));
    struct result result = result_fail(ERROR_MEMORY);
    if (hs_database_size(regex.database, &bytes) == HS_SUCCESS && regex.expression != NULL)
        result = budget_take(&program->budget, bytes);
    if (result_is_ok(result))
        result = rows_add(&program->regexes, &program->budget, sizeof regex, 1, &at);
    if (!result_is_ok(result)) {
        hs_free_database(regex.database);
        return result;
    }
    ROWS_OF(program->regexes, struct regex)[at] = regex;
    *ret_regex = at;
    return RESULT_OK;
}

static RESULT compile_number(struct compiler *compiler, const struct leaf *leaf,
                             struct program_leaf *row)
{
    struct program *program = compiler->program;
    row->part = (uint8_t)(leaf->kind == LEAF_TIME ? (int)leaf->part : (int)leaf->compare);
    GUARD(rows_add(&program->numbers, &program->budget, sizeof(double), 1, &row->first));
    ROWS_OF(program->numbers, double)[row->first] = leaf->number;
    return RESULT_OK;
}

static RESULT compile_detail(struct compiler *compiler, const struct leaf *leaf,
                             struct program_leaf *row)
{
    struct program *program = compiler->program;
    switch (leaf->kind) {
    case LEAF_TEXT:
        return compile_texts(compiler, leaf, row);
    case LEAF_REGEX:
        return add_regex(compiler, leaf, &row->first);
    case LEAF_CIDR:
        GUARD(rows_add(&program->networks, &program->budget, sizeof leaf->network, 1,
                        &row->first));
        ROWS_OF(program->networks, struct network)[row->first] = leaf->network;
        return RESULT_OK;
    case LEAF_FIELDREF:
        row->part = (uint8_t)leaf->flags;
        return program_slot(program, leaf->expression, &row->first);
    case LEAF_COMPARE:
    case LEAF_TIME:
        return compile_number(compiler, leaf, row);
    default:
        return RESULT_OK;
    }
}

static RESULT compile_leaf(struct compiler *compiler, struct leaf *leaf)
{
    struct program *program = compiler->program;
    if (leaf->kind == LEAF_RULE)
        return emit(compiler, OPERATION_LEAF, leaf->position, NULL);
    if (leaf->compiled != 0)
        return emit(compiler, OPERATION_LEAF, leaf->compiled - 1, NULL);
    struct program_leaf row = {.kind = (uint8_t)leaf->kind, .is_cased = leaf->is_cased,
                               .slot = NO_INDEX, .count = 1};
    if (leaf->field == NULL)
        program->has_keywords = true;
    else
        GUARD(program_slot(program, leaf->field, &row.slot));
    GUARD(compile_detail(compiler, leaf, &row));
    uint32_t at;
    GUARD(rows_add(&program->leaves, &program->budget, sizeof row, 1, &at));
    ROWS_OF(program->leaves, struct program_leaf)[at] = row;
    leaf->compiled = at + 1;
    return emit(compiler, OPERATION_LEAF, at, NULL);
}

static RESULT compile_node(struct compiler *compiler, const struct node *node);

/* A guess at what `node` costs when all of it is evaluated. */
static uint64_t cost_of(const struct node *node)
{
    enum { REGEX_COST = 100, KEYWORD_COST = 200 };
    if (node->kind == NODE_LEAF)
        return (node->leaf->kind == LEAF_REGEX ? (uint64_t)REGEX_COST : 1 + node->leaf->text_count)
               + (node->leaf->field == NULL ? (uint64_t)KEYWORD_COST : 0);
    uint64_t cost = 0;
    for (size_t i = 0; i < node->count; i++)
        cost += cost_of(node->children[i]);
    return cost;
}

struct priced_node {
    const struct node *node;
    uint64_t cost;
    size_t place;
};

static int compare_prices(const void *left, const void *right)
{
    const struct priced_node *a = left;
    const struct priced_node *b = right;
    if (a->cost != b->cost)
        return a->cost < b->cost ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* The children of a chain, the cheapest first: the order changes no result, only the work. What the
 * witnesses were taken from comes last: where the rule is a candidate, it is nearly always true
 * (where nothing is scanned for, it is as good a start as any). */
static struct priced_node *order_children(struct compiler *compiler, const struct node *node)
{
    enum { LAST = 1000000 };
    struct priced_node *children =
        arena_array(compiler->scratch, node->count, sizeof children[0]);
    if (children == NULL)
        return NULL;
    for (size_t i = 0; i < node->count; i++)
        children[i] =
            (struct priced_node){node->children[i], cost_of(node->children[i]), i};
    for (size_t i = 0; i < node->count; i++)
        children[i].cost +=
            node->children[i] == node->shown && compiler->program->has_scanner ? (uint64_t)LAST
                                                                               : 0;
    qsort(children, node->count, sizeof children[0], compare_prices);
    return children;
}

/* One child after the other; behind each a jump to the end, as soon as the result is known. */
static RESULT compile_chain(struct compiler *compiler, const struct node *node)
{
    struct rows *instructions = &compiler->program->instructions;
    enum operation jump =
        node->kind == NODE_AND ? OPERATION_JUMP_IF_FALSE : OPERATION_JUMP_IF_TRUE;
    uint32_t *jumps = arena_array(compiler->scratch, node->count, sizeof jumps[0]);
    struct priced_node *children = order_children(compiler, node);
    if (jumps == NULL || children == NULL)
        return fault_at(compiler, ERROR_LIMIT, NULL,
                        "the condition needs more memory than one rule may have");
    for (size_t i = 0; i < node->count; i++) {
        GUARD(compile_node(compiler, children[i].node));
        if (i + 1 < node->count)
            GUARD(emit(compiler, jump, 0, &jumps[i]));
    }
    for (size_t i = 0; i + 1 < node->count; i++)
        ROWS_OF(*instructions, struct instruction)[jumps[i]].operand =
            instructions->count - compiler->start;
    return RESULT_OK;
}

static RESULT compile_node(struct compiler *compiler, const struct node *node)
{
    /* Conditions are limited in depth, and detections are shallow. */
    if (compiler->depth > 2 * LIMIT_CONDITION_DEPTH + 2 * LIMIT_YAML_DEPTH)
        return fault_at(compiler, ERROR_LIMIT, NULL, "the condition is nested too deep");
    compiler->depth++;
    if (node->kind == NODE_LEAF) {
        GUARD(compile_leaf(compiler, node->leaf));
    } else if (node->kind == NODE_NOT) {
        GUARD(compile_node(compiler, node->children[0]));
        GUARD(emit(compiler, OPERATION_NOT, 0, NULL));
    } else {
        GUARD(compile_chain(compiler, node));
    }
    compiler->depth--;
    return RESULT_OK;
}

RESULT program_try(struct program *program, const struct node *condition, struct arena *scratch,
                   struct rule_fault *fault)
{
    struct compiler compiler = {.program = program, .scratch = scratch, .fault = fault,
                                .start = program->instructions.count};
    return compile_node(&compiler, condition);
}

RESULT program_add_expression(struct program *program, const struct node *condition,
                              struct arena *scratch, struct rule_fault *fault,
                              struct program_correlation *correlation)
{
    correlation->instruction = program->instructions.count;
    GUARD(program_try(program, condition, scratch, fault));
    correlation->instruction_count = program->instructions.count - correlation->instruction;
    return RESULT_OK;
}

static RESULT intern(struct program *program, const char *text, const char **ret_text)
{
    *ret_text = arena_copy(program->arena, text, strlen(text));
    return *ret_text == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
}

static RESULT find_source(struct program *program, const struct rule *rule, uint32_t *ret_source)
{
    for (uint32_t i = 0; i < program->sources.count; i++) {
        const struct log_source *source = &ROWS_OF(program->sources, struct log_source)[i];
        if (string_equal(source->product, rule->words.product)
            && string_equal(source->category, rule->words.category)
            && string_equal(source->service, rule->words.service)) {
            *ret_source = i;
            return RESULT_OK;
        }
    }
    struct log_source source;
    GUARD(intern(program, rule->words.product, &source.product));
    GUARD(intern(program, rule->words.category, &source.category));
    GUARD(intern(program, rule->words.service, &source.service));
    GUARD(rows_add(&program->sources, &program->budget, sizeof source, 1, ret_source));
    ROWS_OF(program->sources, struct log_source)[*ret_source] = source;
    return RESULT_OK;
}

RESULT program_add(struct program *program, const struct rule *rule, uint32_t row,
                   struct arena *scratch, struct rule_fault *fault)
{
    struct compiler compiler = {.program = program, .scratch = scratch, .fault = fault,
                                .start = program->instructions.count};
    struct program_rule compiled = {.row = row, .instruction = compiler.start,
                                    .is_keyword_only = rule->is_keyword_only};
    GUARD(find_source(program, rule, &compiled.source));
    GUARD(witness_choose(program, rule->condition, &compiled, scratch));
    GUARD(compile_node(&compiler, rule->condition));
    compiled.instruction_count = program->instructions.count - compiler.start;
    uint32_t at;
    GUARD(rows_add(&program->rules, &program->budget, sizeof compiled, 1, &at));
    ROWS_OF(program->rules, struct program_rule)[at] = compiled;
    return RESULT_OK;
}
