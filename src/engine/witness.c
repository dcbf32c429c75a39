// SPDX-License-Identifier: Apache-2.0
/*
 * Witnesses: texts of which at least one is in every event that a rule can match, so that one scan
 * of an event finds the few rules worth evaluating. Of an `and` the best child will do; an `or`
 * needs all of its children's; what is negated shows nothing.
 */
#include "engine/program.h"

enum {
    WITNESS_BYTES = 24,     /* of a longer text a part is enough: hits are only hints */
    MAX_WITNESSES = 200000, /* per rule; none needs as many */
};

/* A set of witnesses while one is chosen. `cost` guesses how many events hold one of them. */
struct choice {
    struct witness_text *first;
    struct witness_text *last;
    size_t count;
    double cost;
    bool is_known; /* false: nothing is necessary here */
};

struct witness_text {
    struct witness_text *next;
    const char *field;
    const uint16_t *units;
    size_t size;
    bool is_component;
};

/* The last path component begins behind the last separator. */
static size_t component_of(const uint16_t *units, size_t size)
{
    size_t at = size;
    while (at > 0 && units[at - 1] != '/' && units[at - 1] != '\\')
        at--;
    return at;
}

static bool is_digits(const uint16_t *units, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (units[i] < '0' || units[i] > '9')
            return false;
    }
    return true;
}

/* Where text is found anywhere, each byte makes it rarer; a whole path component is rare by
 * itself, but an event id or a flag is not. */
static double cost_of(const struct witness_text *text)
{
    if (text->is_component)
        return is_digits(text->units, text->size) ? 0.1 : 0.006;
    double cost = 0.6;
    for (size_t i = 0; i < text->size; i++)
        cost *= 0.68;
    return cost;
}

/* Of a long text the part in the middle of which words differ most is not known: take the end. */
static void set_part(struct witness_text *out, const uint16_t *units, size_t size)
{
    size_t kept = size < WITNESS_BYTES ? size : WITNESS_BYTES;
    out->units = units + (size - kept);
    out->size = kept;
}

/* The witness of one text; false when the arena is full. `is_known` is false where it has none. */
static bool witness_of_text(const struct sigma_text *text, struct arena *scratch,
                            struct witness_text *out, bool *ret_is_known)
{
    struct folded_text folded;
    if (!text_fold(scratch, text, false, &folded))
        return false;
    *ret_is_known = true;
    if (!folded.has_wildcard && !folded.is_open_end) {
        size_t start = component_of(folded.units, folded.count);
        bool is_whole = start > 0 || !folded.is_open_start;
        if (is_whole && folded.count - start <= UINT16_MAX) {
            out->units = folded.units + start;
            out->size = folded.count - start;
            out->is_component = true;
            return true;
        }
    }
    set_part(out, folded.units + folded.run, folded.run_size);
    *ret_is_known = out->size > 0;
    return true;
}

static bool choose_leaf(const struct leaf *leaf, struct arena *scratch, struct choice *out)
{
    *out = (struct choice){0};
    if (leaf->kind != LEAF_TEXT || leaf->field == NULL)
        return true;
    for (size_t i = 0; i < leaf->text_count; i++) {
        struct witness_text *text = arena_alloc(scratch, sizeof *text);
        bool is_known;
        if (text == NULL || !witness_of_text(&leaf->texts[i], scratch, text, &is_known))
            return false;
        if (!is_known)
            return true;
        text->field = leaf->field;
        text->next = out->first;
        out->first = text;
        if (out->last == NULL)
            out->last = text;
        out->count++;
        out->cost += cost_of(text);
    }
    out->is_known = out->count > 0;
    return true;
}

/* Joins two sets; both are used up.. */
static void join(struct choice *all, const struct choice *other)
{
    if (all->last == NULL) {
        *all = *other;
        return;
    }
    all->last->next = other->first;
    all->last = other->last;
    all->count += other->count;
    all->cost += other->cost;
}

static bool choose(const struct node *node, struct arena *scratch, struct choice *out)
{
    *out = (struct choice){0};
    if (node->kind == NODE_NOT)
        return true;
    if (node->kind == NODE_LEAF)
        return choose_leaf(node->leaf, scratch, out);
    bool is_all_known = true;
    for (size_t i = 0; i < node->count; i++) {
        struct choice child;
        if (!choose(node->children[i], scratch, &child))
            return false;
        is_all_known = is_all_known && child.is_known;
        if (node->kind == NODE_OR && is_all_known)
            join(out, &child);
        if (node->kind == NODE_AND && child.is_known && (!out->is_known || child.cost < out->cost))
            *out = child;
        if (out->count > MAX_WITNESSES)
            return false;
        if (node->kind == NODE_OR)
            out->is_known = is_all_known;
    }
    return true;
}

RESULT witness_choose(struct program *program, const struct node *condition,
                      struct program_rule *rule, struct arena *scratch)
{
    struct choice choice;
    /* Where there is no room for a choice the rule is evaluated for every event. */
    if (!choose(condition, scratch, &choice) || !choice.is_known)
        return RESULT_OK;
    GUARD(table_add(&program->witnesses, &program->budget, sizeof(struct witness), choice.count,
                    &rule->witness));
    rule->witness_count = (uint32_t)choice.count;
    uint32_t at = rule->witness;
    for (const struct witness_text *text = choice.first; text != NULL; text = text->next, at++) {
        struct witness row = {.size = (uint16_t)text->size, .is_component = text->is_component};
        GUARD(program_slot(program, text->field, &row.slot));
        GUARD(table_add(&program->bytes, &program->budget, 1, text->size, &row.text));
        for (size_t i = 0; i < text->size; i++)
            TABLE_ROWS(program->bytes, uint8_t)[row.text + i] = (uint8_t)text->units[i];
        TABLE_ROWS(program->witnesses, struct witness)[at] = row;
    }
    return RESULT_OK;
}
