// SPDX-License-Identifier: Apache-2.0
/*
 * Witnesses: texts of which at least one is in every event that a rule can match, so that one scan
 * of an event finds the few rules worth evaluating. Of an `and` the best child will do; an `or`
 * needs all of its children's; what is negated shows nothing.
 */
#include "base/fault.h"
#include "engine/program.h"

#include <string.h>

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
    bool is_word; /* it is the whole value, and neither a path nor a file's name */
};

/* The last path component begins behind the last separator. */
static size_t component_of(const uint16_t *units, size_t size)
{
    size_t at = size;
    while (at > 0 && units[at - 1] != '/' && units[at - 1] != '\\')
        at--;
    return at;
}

static bool has_unit(const uint16_t *units, size_t size, uint16_t wanted)
{
    for (size_t i = 0; i < size; i++) {
        if (units[i] == wanted)
            return true;
    }
    return false;
}

/* Programs that start others, or are started, all the time. */
static bool is_frequent(const struct witness_text *text)
{
    static const char *const NAMES[] = {
        "cmd.exe", "conhost.exe", "explorer.exe", "powershell.exe", "rundll32.exe",
        "services.exe", "svchost.exe",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        size_t at = 0;
        while (at < text->size && text->units[at] == (uint8_t)NAMES[i][at] && NAMES[i][at] != '\0')
            at++;
        if (at == text->size && NAMES[i][at] == '\0')
            return true;
    }
    return false;
}

/* Where text is found anywhere, each byte makes it rarer; a whole path component is rare by
 * itself, but a user, an event id or a flag is not. */
static double cost_of(const struct witness_text *text)
{
    if (text->is_component && text->is_word)
        return 0.1;
    if (text->is_component)
        return is_frequent(text) ? 0.05 : 0.006;
    double cost = 0.6;
    for (size_t i = 0; i < text->size; i++)
        cost *= 0.68;
    return cost;
}

/* Of a long text the part in the middle of which words differ most is not known: take the end. */
/* Vectorscan takes a text that begins with a zero byte, as UTF-16BE does, for an empty one. */
static void set_part(struct witness_text *out, const uint16_t *units, size_t size)
{
    for (; size > 0 && *units == 0; size--)
        units++;
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
            out->is_word = start == 0 && !has_unit(folded.units, folded.count, '.');
            return true;
        }
    }
    set_part(out, folded.units + folded.run, folded.run_size);
    *ret_is_known = out->size > 0;
    return true;
}

/* --- what a regular expression needs ---------------------------------------------------------- */

/* Behind the class or group that begins at `at`; NULL where that is not clear. */
static const char *skip_class(const char *at)
{
    at++;
    if (*at == '^')
        at++;
    if (*at == ']')
        at++;
    for (; *at != ']'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0' || (*at == '[' && at[1] == ':'))
            return NULL;
    }
    return at + 1;
}

static const char *skip_group(const char *at)
{
    unsigned depth = 0;
    while (*at != '\0') {
        if (*at == '\\') {
            if (at[1] == '\0' || at[1] == 'Q')
                return NULL;
            at += 2;
            continue;
        }
        if (*at == '[') {
            at = skip_class(at);
            if (at == NULL)
                return NULL;
            continue;
        }
        depth += *at == '(';
        depth -= *at == ')';
        at++;
        if (depth == 0)
            return at;
    }
    return NULL;
}

static bool is_special(char c)
{
    return c == '.' || c == '^' || c == '$' || c == '*' || c == '+' || c == '?' || c == '{'
           || c == '}' || c == ']' || c == ')';
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* One piece of an expression: a plain byte, or anything else (`ret_byte` -1). NULL: give up. */
static const char *read_piece(const char *at, bool ignores_case, int *ret_byte)
{
    *ret_byte = -1;
    switch (*at) {
    case '|': /* nothing is necessary where there is a choice */
        return NULL;
    case '[':
        return skip_class(at);
    case '{': /* {2,3}; or, in no valid place, itself */
        at = strchr(at, '}');
        return at == NULL ? NULL : at + 1;
    case '(':
        if (at[1] == '*' || (at[1] == '?' && at[2] != ':' && at[2] != 'i'))
            return NULL; /* (?x) and its like change what the rest means */
        return at[1] == '?' && at[2] == 'i' && at[3] != ')' ? NULL : skip_group(at);
    case '\\':
        if (at[1] == '\0' || (uint8_t)at[1] >= 0x80 || at[1] == 'Q')
            return NULL;
        if (is_alphanumeric(at[1])) /* \d is a class; \x41 and its like are not worth the care */
            return strchr("dDwWsSbBAzZnrtfv", at[1]) == NULL ? NULL : at + 2;
        *ret_byte = (uint8_t)at[1];
        return at + 2;
    default:
        /* Of a longer character a quantifier would take all bytes; and without case 's' is also
         * U+017F, which has no lower case of its own. */
        if (!is_special(*at) && (uint8_t)*at < 0x80 && !(ignores_case && (*at | 32) == 's'))
            *ret_byte = (uint8_t)*at;
        return at + 1;
    }
}

bool witness_of_regex(const struct leaf *leaf, struct arena *scratch, struct sigma_text *out)
{
    const char *expression = leaf->expression;
    bool ignores_case =
        (leaf->flags & REGEX_IGNORES_CASE) != 0 || strstr(expression, "(?") != NULL;
    size_t size = strlen(expression);
    uint16_t *run = arena_array(scratch, size + 1, sizeof run[0]);
    out->units = arena_array(scratch, size + 1, sizeof out->units[0]);
    out->count = 0;
    if (run == NULL || out->units == NULL)
        return false;
    size_t count = 0;
    for (const char *at = expression; *at != '\0';) {
        int byte;
        at = read_piece(at, ignores_case, &byte);
        if (at == NULL) { /* all that was found before may not be necessary */
            out->count = 0;
            return true;
        }
        bool is_optional = *at == '?' || *at == '*' || *at == '{';
        if (byte >= 0 && !is_optional)
            run[count++] = (uint16_t)byte;
        bool ends = byte < 0 || is_optional || *at == '+' || *at == '\0';
        if (ends && count > out->count) {
            for (size_t i = 0; i < count; i++)
                out->units[i] = run[i];
            out->count = count;
        }
        if (ends)
            count = 0;
    }
    return true;
}

/* --- leaves ----------------------------------------------------------------------------------- */

static bool add_text(const struct leaf *leaf, const struct sigma_text *sigma,
                     struct arena *scratch, struct choice *out, bool *ret_is_known)
{
    struct witness_text *text = arena_alloc(scratch, sizeof *text);
    if (text == NULL || !witness_of_text(sigma, scratch, text, ret_is_known))
        return false;
    if (!*ret_is_known)
        return true;
    text->field = leaf->field;
    text->next = out->first;
    out->first = text;
    if (out->last == NULL)
        out->last = text;
    out->count++;
    out->cost += cost_of(text);
    return true;
}

static bool choose_regex(const struct leaf *leaf, struct arena *scratch, struct choice *out)
{
    enum { SHORTEST = 2 };
    struct sigma_text text;
    struct sigma_text open = {0};
    if (!witness_of_regex(leaf, scratch, &text))
        return false;
    if (text.count < SHORTEST)
        return true;
    open.units = arena_array(scratch, text.count + 2, sizeof open.units[0]);
    if (open.units == NULL)
        return false;
    open.units[open.count++] = UNIT_ANY;
    for (size_t i = 0; i < text.count; i++)
        open.units[open.count++] = text.units[i];
    open.units[open.count++] = UNIT_ANY;
    return add_text(leaf, &open, scratch, out, &out->is_known);
}

static bool choose_leaf(const struct leaf *leaf, struct arena *scratch, struct choice *out)
{
    *out = (struct choice){0};
    if (leaf->field == NULL)
        return true;
    if (leaf->kind == LEAF_REGEX)
        return choose_regex(leaf, scratch, out);
    if (leaf->kind != LEAF_TEXT)
        return true;
    for (size_t i = 0; i < leaf->text_count; i++) {
        bool is_known;
        if (!add_text(leaf, &leaf->texts[i], scratch, out, &is_known))
            return false;
        if (!is_known)
            return true;
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

static bool choose(struct node *node, struct arena *scratch, struct choice *out)
{
    *out = (struct choice){0};
    if (node->kind == NODE_NOT)
        return true;
    if (node->kind == NODE_LEAF)
        return choose_leaf(node->leaf, scratch, out);
    bool is_all_known = true;
    for (size_t i = 0; i < node->count; i++) {
        struct choice child;
        if (!choose((struct node *)node->children[i], scratch, &child))
            return false;
        is_all_known = is_all_known && child.is_known;
        if (node->kind == NODE_OR && is_all_known)
            join(out, &child);
        if (node->kind == NODE_AND && child.is_known
            && (!out->is_known || child.cost < out->cost)) {
            *out = child;
            node->shown = node->children[i];
        }
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
    if (!choose((struct node *)condition, scratch, &choice) || !choice.is_known)
        return RESULT_OK;
    GUARD(rows_add(&program->witnesses, &program->budget, sizeof(struct witness), choice.count,
                    &rule->witness));
    rule->witness_count = (uint32_t)choice.count;
    uint32_t at = rule->witness;
    for (const struct witness_text *text = choice.first; text != NULL; text = text->next, at++) {
        struct witness row = {.size = (uint16_t)text->size, .is_component = text->is_component};
        GUARD(program_slot(program, text->field, &row.slot));
        GUARD(rows_add(&program->bytes, &program->budget, 1, text->size, &row.text));
        for (size_t i = 0; i < text->size; i++)
            ROWS_OF(program->bytes, uint8_t)[row.text + i] = (uint8_t)text->units[i];
        if (text->size > 4 && fault_is_planted(FAULT_ENGINE_WRONG_WITNESS))
            ROWS_OF(program->bytes, uint8_t)[row.text]++;
        ROWS_OF(program->witnesses, struct witness)[at] = row;
    }
    return RESULT_OK;
}
