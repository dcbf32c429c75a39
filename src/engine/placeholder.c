// SPDX-License-Identifier: Apache-2.0
#include "engine/placeholder.h"

#include "base/bytes.h"

#include <string.h>

/* A value cut at its placeholders: literal text, placeholder, literal text ... */
enum { MAX_PLACEHOLDERS = 8 };
struct template {
    const struct yaml_node *value;
    struct {
        const char *text; /* literal in front of the placeholder, \% already taken */
        size_t size;
        const struct placeholder *placeholder; /* NULL behind the last one */
    } parts[MAX_PLACEHOLDERS + 1];
    size_t count; /* placeholders */
};

static const struct placeholder *find(const struct placeholders *placeholders, const char *name,
                                      size_t size)
{
    for (size_t i = 0; placeholders != NULL && i < placeholders->count; i++) {
        const struct placeholder *item = &placeholders->items[i];
        if (strlen(item->name) == size && memcmp(item->name, name, size) == 0)
            return item;
    }
    return NULL;
}

static RESULT unresolved(struct parse_context *context, const struct template *template,
                         const char *start, size_t size)
{
    return parse_fault(context, ERROR_UNSUPPORTED, template->value->line,
                       "unresolved placeholder '%.*s': no set of values is given for it",
                       (int)(size > 100 ? 100 : size), start);
}

/* Where the placeholder that begins at `at` ends; NULL where a plain percent sign stands. */
static const char *placeholder_end(const char *at, const char *end)
{
    const char *close = at + 1;
    while (close < end && *close != '%' && *close != ' ')
        close++;
    return close < end && *close == '%' && close > at + 1 ? close : NULL;
}

static RESULT cut(struct parse_context *context, struct template *template)
{
    const struct yaml_node *value = template->value;
    const char *end = value->text + value->size;
    char *literal = arena_alloc(context->arena, value->size + 1);
    if (literal == NULL)
        return parse_out_of_memory(context, value->line);
    size_t size = 0;
    template->parts[0].text = literal;
    for (const char *at = value->text; at < end; at++) {
        const char *close = *at == '%' ? placeholder_end(at, end) : NULL;
        if (*at == '\\' && at + 1 < end && at[1] == '%')
            at++;
        if (close == NULL) {
            literal[size++] = *at;
            template->parts[template->count].size++;
            continue;
        }
        if (template->count == MAX_PLACEHOLDERS)
            return parse_fault(context, ERROR_LIMIT, value->line,
                               "a value has more than %d placeholders", MAX_PLACEHOLDERS);
        const struct placeholder *found =
            find(context->placeholders, at + 1, (size_t)(close - at - 1));
        if (found == NULL)
            return unresolved(context, template, at, (size_t)(close - at + 1));
        template->parts[template->count++].placeholder = found;
        template->parts[template->count].text = literal + size;
        at = close;
    }
    return RESULT_OK;
}

/* One combination: `choice` holds which value each placeholder takes. */
static RESULT add_combination(struct parse_context *context, const struct template *template,
                              const size_t *choice, struct expansion *expansion)
{
    char text[LIMIT_RULE_VALUE_BYTES + 1];
    size_t size = 0;
    for (size_t i = 0; i <= template->count; i++) {
        const char *word =
            i < template->count ? template->parts[i].placeholder->values[choice[i]] : "";
        size_t word_size = strlen(word);
        if (size + template->parts[i].size + word_size > LIMIT_RULE_VALUE_BYTES)
            return parse_fault(context, ERROR_LIMIT, template->value->line,
                               "an expanded value has more than %d bytes "
                               "(LIMIT_RULE_VALUE_BYTES)", (int)LIMIT_RULE_VALUE_BYTES);
        bytes_copy(text + size, sizeof text - size, template->parts[i].text,
                   template->parts[i].size);
        size += template->parts[i].size;
        bytes_copy(text + size, sizeof text - size, word, word_size);
        size += word_size;
    }
    struct yaml_node *node = arena_alloc(context->arena, sizeof *node);
    char *copy = arena_copy(context->arena, text, size);
    if (node == NULL || copy == NULL)
        return parse_out_of_memory(context, template->value->line);
    *node = *template->value;
    node->text = copy;
    node->size = size;
    node->next = NULL;
    if (expansion->last == NULL)
        expansion->first = node;
    else
        expansion->last->next = node;
    expansion->last = node;
    expansion->count++;
    return RESULT_OK;
}

RESULT placeholder_expand(struct parse_context *context, const struct yaml_node *value,
                          struct expansion *expansion)
{
    struct template template = {.value = value};
    size_t choice[MAX_PLACEHOLDERS] = {0};
    /* What is no text, or too long, is refused or taken by whoever reads values. */
    if (value->kind == YAML_STRING && value->size <= LIMIT_RULE_VALUE_BYTES)
        GUARD(cut(context, &template));
    else
        template.parts[0].text = value->text;
    if (template.parts[0].text == value->text)
        template.parts[0].size = value->size;
    for (;;) {
        if (expansion->count >= LIMIT_RULE_VALUES)
            return parse_fault(context, ERROR_LIMIT, value->line,
                               "placeholders stand for more than %d values (LIMIT_RULE_VALUES)",
                               (int)LIMIT_RULE_VALUES);
        GUARD(add_combination(context, &template, choice, expansion));
        size_t at = 0;
        while (at < template.count && ++choice[at] == template.parts[at].placeholder->value_count)
            choice[at++] = 0;
        if (at == template.count)
            return RESULT_OK;
    }
}

static RESULT read_values(struct parse_context *context, const struct yaml_node *node,
                          struct placeholder *out)
{
    bool is_one = node->kind != YAML_LIST;
    size_t count = is_one ? 1 : node->count;
    out->values = arena_array(context->arena, count, sizeof out->values[0]);
    if (count > 0 && out->values == NULL)
        return parse_out_of_memory(context, node->line);
    for (const struct yaml_node *value = is_one ? node : node->first; value != NULL;
         value = is_one ? NULL : value->next) {
        if (!yaml_is_scalar(value) || value->kind == YAML_NULL
            || value->size > LIMIT_RULE_VALUE_BYTES || strlen(value->text) != value->size)
            return parse_fault(context, ERROR_FORMAT, value->line,
                               "a value of placeholder '%.100s' is %s; expected text of at most %d "
                               "bytes", out->name, yaml_kind_name(value->kind),
                               (int)LIMIT_RULE_VALUE_BYTES);
        out->values[out->value_count++] = value->text;
    }
    if (out->value_count == 0)
        return parse_fault(context, ERROR_FORMAT, node->line,
                           "placeholder '%.100s' has no values", out->name);
    return RESULT_OK;
}

RESULT placeholders_parse(struct parse_context *context, const struct yaml_document *document,
                          struct placeholder **ret_items, size_t *ret_count)
{
    const struct yaml_node *map = yaml_get(document->root, "placeholders");
    context->field = "placeholders";
    if (map->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, map->line,
                           "'placeholders' is %s; expected a map of names to values",
                           yaml_kind_name(map->kind));
    struct placeholder *items = arena_array(context->arena, map->count + 1, sizeof items[0]);
    if (items == NULL)
        return parse_out_of_memory(context, map->line);
    size_t count = 0;
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next) {
        items[count].name = child->key->text;
        GUARD(read_values(context, child, &items[count++]));
    }
    *ret_items = items;
    *ret_count = count;
    return RESULT_OK;
}
