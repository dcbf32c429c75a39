// SPDX-License-Identifier: Apache-2.0
/*
 * The condition of a rule: names of detections, `1 of` and `all of`, not, and, or, parentheses.
 * Binding, tightest first: of, not, and, or (Sigma specification, "Condition").
 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"
#include "engine/syntax.h"

#include <string.h>
#include <strings.h>

enum { MAX_TOKEN_BYTES = 128, MAX_LISTED_BYTES = 240 };

struct condition {
    struct parse_context *context;
    const struct detection *detections;
    size_t count;
    unsigned line;
    const char *at;              /* rest of the text */
    char token[MAX_TOKEN_BYTES]; /* the present token; "" at the end */
    unsigned depth;
};

static RESULT parse_or(struct condition *condition, const struct node **ret_node);

static bool is_word(char c)
{
    return c != '\0' && strchr(" \t\r\n()|", c) == NULL;
}

static RESULT next_token(struct condition *condition)
{
    const char *start = condition->at + strspn(condition->at, " \t\r\n");
    const char *end = start;
    while (is_word(*end))
        end++;
    if (end == start && *end != '\0')
        end++; /* a parenthesis or a pipe */
    size_t size = (size_t)(end - start);
    if (size >= sizeof condition->token)
        return parse_fault(condition->context, ERROR_LIMIT, condition->line,
                           "the condition has a word of %zu bytes; at most %d are taken", size,
                           MAX_TOKEN_BYTES - 1);
    bytes_copy(condition->token, sizeof condition->token, start, size);
    condition->token[size] = '\0';
    condition->at = end;
    return RESULT_OK;
}

static bool token_is(const struct condition *condition, const char *word)
{
    return strcasecmp(condition->token, word) == 0;
}

/* '*' stands for any characters, everything else for itself. */
static bool name_is_like(const char *name, const char *pattern)
{
    const char *star = NULL;
    const char *retry = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            retry = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* "selection, filter", cut where it gets long. */
static void list_names(const struct condition *condition, char out[MAX_LISTED_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < condition->count; i++) {
        const char *name = condition->detections[i].name;
        bool fits = string_format(out + used, MAX_LISTED_BYTES - used, "%s%s",
                                  i == 0 ? "" : ", ", name);
        if (!fits) {
            string_copy(out + MAX_LISTED_BYTES - 5, 5, " ...");
            return;
        }
        used += strlen(out + used);
    }
}

static RESULT unknown_name(struct condition *condition, const char *what, const char *problem)
{
    char names[MAX_LISTED_BYTES];
    list_names(condition, names);
    condition->context->field = what;
    return parse_fault(condition->context, ERROR_FORMAT, condition->line,
                       "condition names '%s'%s, but the detection has only: %s", what, problem,
                       names);
}

static RESULT resolve_name(struct condition *condition, const struct node **ret_node)
{
    for (size_t i = 0; i < condition->count; i++) {
        if (string_equal(condition->detections[i].name, condition->token)) {
            *ret_node = condition->detections[i].node;
            return next_token(condition);
        }
    }
    return unknown_name(condition, condition->token, "");
}

/* The detections that `them` or a pattern stands for; names with a leading '_' are for patterns
 * that say so only. */
static bool is_meant(const char *name, const char *pattern)
{
    if (strcasecmp(pattern, "them") == 0)
        return name[0] != '_' || fault_is_planted(FAULT_ENGINE_MEANS_HIDDEN);
    return name_is_like(name, pattern) && (name[0] != '_' || pattern[0] == '_');
}

static RESULT parse_of(struct condition *condition, enum node_kind kind,
                       const struct node **ret_node)
{
    if (condition->token[0] == '\0' || !is_word(condition->token[0]))
        return parse_fault(condition->context, ERROR_FORMAT, condition->line,
                           "condition has '%s' behind 'of'; expected 'them' or a name pattern",
                           condition->token);
    struct node *node = node_new(condition->context->arena, kind, condition->count);
    if (node == NULL)
        return parse_out_of_memory(condition->context, condition->line);
    size_t count = 0;
    for (size_t i = 0; i < condition->count; i++) {
        if (is_meant(condition->detections[i].name, condition->token))
            node->children[count++] = condition->detections[i].node;
    }
    if (count == 0)
        return unknown_name(condition, condition->token, ", which fits no detection");
    node->count = count;
    *ret_node = count == 1 ? node->children[0] : node;
    return next_token(condition);
}

static RESULT parse_quantity(struct condition *condition, const struct node **ret_node)
{
    enum node_kind kind = token_is(condition, "all") ? NODE_AND : NODE_OR;
    char quantity[MAX_TOKEN_BYTES];
    string_copy(quantity, sizeof quantity, condition->token);
    /* A detection may itself be called "all", "any" or "1". */
    const char *rest = condition->at;
    GUARD(next_token(condition));
    if (token_is(condition, "of")) {
        GUARD(next_token(condition));
        return parse_of(condition, kind, ret_node);
    }
    condition->at = rest;
    string_copy(condition->token, sizeof condition->token, quantity);
    return resolve_name(condition, ret_node);
}

static RESULT parse_group(struct condition *condition, const struct node **ret_node)
{
    GUARD(next_token(condition));
    GUARD(parse_or(condition, ret_node));
    if (!token_is(condition, ")"))
        return parse_fault(condition->context, ERROR_FORMAT, condition->line,
                           "condition has '%s' where ')' is expected", condition->token);
    return next_token(condition);
}

static RESULT parse_primary(struct condition *condition, const struct node **ret_node)
{
    if (token_is(condition, "("))
        return parse_group(condition, ret_node);
    if (token_is(condition, "1") || token_is(condition, "any") || token_is(condition, "all"))
        return parse_quantity(condition, ret_node);
    if (token_is(condition, "|"))
        return parse_fault(condition->context, ERROR_UNSUPPORTED, condition->line,
                           "condition has an aggregation behind '|'; Sigma 2 dropped it: write a "
                           "correlation rule");
    size_t digits = strspn(condition->token, "0123456789");
    if (digits > 0 && condition->token[digits] == '\0' && string_starts_with(condition->at, " of "))
        return parse_fault(condition->context, ERROR_UNSUPPORTED, condition->line,
                           "condition has '%s of'; Sigma knows '1 of', 'any of' and 'all of'",
                           condition->token);
    if (condition->token[0] == '\0' || token_is(condition, ")") || token_is(condition, "and")
        || token_is(condition, "or") || token_is(condition, "of"))
        return parse_fault(condition->context, ERROR_FORMAT, condition->line,
                           "condition %s%s%s where the name of a detection is expected",
                           condition->token[0] == '\0' ? "ends" : "has '", condition->token,
                           condition->token[0] == '\0' ? "" : "'");
    return resolve_name(condition, ret_node);
}

static RESULT parse_not(struct condition *condition, const struct node **ret_node)
{
    if (condition->depth >= LIMIT_CONDITION_DEPTH)
        return parse_fault(condition->context, ERROR_LIMIT, condition->line,
                           "condition is nested more than %d deep (LIMIT_CONDITION_DEPTH)",
                           (int)LIMIT_CONDITION_DEPTH);
    condition->depth++;
    if (token_is(condition, "not")) {
        struct node *node = node_new(condition->context->arena, NODE_NOT, 1);
        if (node == NULL)
            return parse_out_of_memory(condition->context, condition->line);
        GUARD(next_token(condition));
        GUARD(parse_not(condition, &node->children[0]));
        *ret_node = node;
    } else {
        GUARD(parse_primary(condition, ret_node));
    }
    condition->depth--;
    return RESULT_OK;
}

typedef RESULT parse_operand(struct condition *condition, const struct node **ret_node);

/* operand (word operand)*, as one node with all operands. */
static RESULT parse_chain(struct condition *condition, enum node_kind kind, const char *word,
                          parse_operand *operand, const struct node **ret_node)
{
    GUARD(operand(condition, ret_node));
    if (!token_is(condition, word))
        return RESULT_OK;
    size_t capacity = 4;
    struct node *node = node_new(condition->context->arena, kind, capacity);
    if (node == NULL)
        return parse_out_of_memory(condition->context, condition->line);
    node->children[0] = *ret_node;
    node->count = 1;
    while (token_is(condition, word)) {
        if (node->count == capacity) {
            struct node *larger = node_new(condition->context->arena, kind, 2 * capacity);
            if (larger == NULL)
                return parse_out_of_memory(condition->context, condition->line);
            for (size_t i = 0; i < capacity; i++)
                larger->children[i] = node->children[i];
            larger->count = capacity;
            node = larger;
            capacity *= 2;
        }
        GUARD(next_token(condition));
        GUARD(operand(condition, &node->children[node->count]));
        node->count++;
    }
    *ret_node = node;
    return RESULT_OK;
}

static RESULT parse_and(struct condition *condition, const struct node **ret_node)
{
    return parse_chain(condition, NODE_AND, "and", parse_not, ret_node);
}

static RESULT parse_or(struct condition *condition, const struct node **ret_node)
{
    return parse_chain(condition, NODE_OR, "or", parse_and, ret_node);
}

static RESULT parse_text(struct condition *condition, const struct yaml_node *yaml,
                         const struct node **ret_node)
{
    condition->line = yaml->line;
    condition->depth = 0;
    if (yaml->kind == YAML_LIST || yaml->kind == YAML_MAP || yaml->kind == YAML_NULL)
        return parse_fault(condition->context, ERROR_FORMAT, yaml->line,
                           "condition is %s; expected text such as 'selection'",
                           yaml_kind_name(yaml->kind));
    if (yaml->size > LIMIT_CONDITION_BYTES)
        return parse_fault(condition->context, ERROR_LIMIT, yaml->line,
                           "condition has %zu bytes; at most %d are taken (LIMIT_CONDITION_BYTES)",
                           yaml->size, (int)LIMIT_CONDITION_BYTES);
    condition->at = yaml->text;
    GUARD(next_token(condition));
    GUARD(parse_or(condition, ret_node));
    if (token_is(condition, "|"))
        return parse_primary(condition, ret_node);
    if (condition->token[0] != '\0')
        return parse_fault(condition->context, ERROR_FORMAT, yaml->line,
                           "condition has '%s' where 'and', 'or' or its end is expected",
                           condition->token);
    return RESULT_OK;
}

RESULT condition_parse(struct parse_context *context, const struct yaml_node *yaml,
                       const struct detection *detections, size_t count,
                       const struct node **ret_node)
{
    struct condition condition = {.context = context, .detections = detections, .count = count};
    if (yaml->kind != YAML_LIST)
        return parse_text(&condition, yaml, ret_node);
    /* Several conditions: each is a rule of its own with the same words, so any one will do. */
    if (yaml->count == 0)
        return parse_fault(context, ERROR_FORMAT, yaml->line, "the list of conditions is empty");
    struct node *node = node_new(context->arena, NODE_OR, yaml->count);
    if (node == NULL)
        return parse_out_of_memory(context, yaml->line);
    size_t i = 0;
    for (const struct yaml_node *child = yaml->first; child != NULL; child = child->next)
        GUARD(parse_text(&condition, child, &node->children[i++]));
    *ret_node = node;
    return RESULT_OK;
}
