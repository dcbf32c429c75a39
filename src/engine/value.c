// SPDX-License-Identifier: Apache-2.0
/*
 * One item of a detection, `field|modifier...: value or list`, as a leaf or a small tree
 * (Sigma specification: "Value modifiers", "Modifiers appendix").
 */
#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"
#include "engine/mapping.h"
#include "engine/placeholder.h"
#include "engine/sigma_text.h"

#include <arpa/inet.h>
#include <string.h>

enum { MAX_MODIFIERS = 16, MAX_MODIFIER_BYTES = 32 };

enum modifier {
    MODIFIER_ALL,
    MODIFIER_NEQ,
    MODIFIER_CASED,
    MODIFIER_EXPAND,
    /* change of a text, in the order in which they are written */
    MODIFIER_CONTAINS,
    MODIFIER_STARTSWITH,
    MODIFIER_ENDSWITH,
    MODIFIER_WINDASH,
    MODIFIER_WIDE,
    MODIFIER_UTF16LE,
    MODIFIER_UTF16BE,
    MODIFIER_UTF16,
    MODIFIER_BASE64,
    MODIFIER_BASE64OFFSET,
    /* another kind of comparison */
    MODIFIER_RE,
    MODIFIER_CIDR,
    MODIFIER_EXISTS,
    MODIFIER_FIELDREF,
    MODIFIER_LT,
    MODIFIER_LTE,
    MODIFIER_GT,
    MODIFIER_GTE,
    MODIFIER_MINUTE,
    MODIFIER_HOUR,
    MODIFIER_DAY,
    MODIFIER_WEEK,
    MODIFIER_MONTH,
    MODIFIER_YEAR,
    /* flags of a regular expression */
    MODIFIER_I,
    MODIFIER_M,
    MODIFIER_S,
    MODIFIER_COUNT
};

static const char *const NAMES[MODIFIER_COUNT] = {
    [MODIFIER_ALL] = "all",           [MODIFIER_NEQ] = "neq",
    [MODIFIER_CASED] = "cased",       [MODIFIER_EXPAND] = "expand",
    [MODIFIER_CONTAINS] = "contains", [MODIFIER_STARTSWITH] = "startswith",
    [MODIFIER_ENDSWITH] = "endswith", [MODIFIER_WINDASH] = "windash",
    [MODIFIER_WIDE] = "wide",         [MODIFIER_UTF16LE] = "utf16le",
    [MODIFIER_UTF16BE] = "utf16be",   [MODIFIER_UTF16] = "utf16",
    [MODIFIER_BASE64] = "base64",     [MODIFIER_BASE64OFFSET] = "base64offset",
    [MODIFIER_RE] = "re",             [MODIFIER_CIDR] = "cidr",
    [MODIFIER_EXISTS] = "exists",     [MODIFIER_FIELDREF] = "fieldref",
    [MODIFIER_LT] = "lt",             [MODIFIER_LTE] = "lte",
    [MODIFIER_GT] = "gt",             [MODIFIER_GTE] = "gte",
    [MODIFIER_MINUTE] = "minute",     [MODIFIER_HOUR] = "hour",
    [MODIFIER_DAY] = "day",           [MODIFIER_WEEK] = "week",
    [MODIFIER_MONTH] = "month",       [MODIFIER_YEAR] = "year",
    [MODIFIER_I] = "i",               [MODIFIER_M] = "m",
    [MODIFIER_S] = "s",
};

/* The key of an item, taken apart. */
struct item {
    const char *field; /* NULL: keywords */
    enum modifier modifiers[MAX_MODIFIERS];
    size_t count;
    enum modifier comparison; /* MODIFIER_RE ..., or MODIFIER_COUNT for texts */
    uint64_t given;           /* bit per modifier */
    unsigned line;
};

static bool has(const struct item *item, enum modifier modifier)
{
    if ((modifier == MODIFIER_ALL && fault_is_planted(FAULT_ENGINE_ALL_IS_ANY))
        || (modifier == MODIFIER_CASED && fault_is_planted(FAULT_ENGINE_FORGETS_CASED)))
        return false;
    return (item->given >> modifier & 1) != 0;
}

static RESULT unknown_modifier(struct parse_context *context, unsigned line, const char *word)
{
    return parse_fault(context, ERROR_UNSUPPORTED, line,
                       "modifier '%s' is not known; Sigma has contains, startswith, endswith, "
                       "all, re (i, m, s), cased, windash, wide, utf16le, utf16be, utf16, base64, "
                       "base64offset, cidr, lt, lte, gt, gte, neq, exists, fieldref, expand, "
                       "minute, hour, day, week, month and year", word);
}

static RESULT add_modifier(struct parse_context *context, struct item *item, const char *word)
{
    for (size_t i = 0; i < MODIFIER_COUNT; i++) {
        if (!string_equal(NAMES[i], word))
            continue;
        if (item->count >= MAX_MODIFIERS || has(item, (enum modifier)i))
            return parse_fault(context, ERROR_FORMAT, item->line,
                               "modifier '%s' is given twice", word);
        item->given |= UINT64_C(1) << i;
        item->modifiers[item->count++] = (enum modifier)i;
        return RESULT_OK;
    }
    return unknown_modifier(context, item->line, word);
}

static bool is_text_change(enum modifier modifier)
{
    return modifier >= MODIFIER_CONTAINS && modifier <= MODIFIER_BASE64OFFSET;
}

/* Which modifiers may stand together. */
static RESULT check_modifiers(struct parse_context *context, struct item *item)
{
    item->comparison = MODIFIER_COUNT;
    for (size_t i = 0; i < item->count; i++) {
        enum modifier modifier = item->modifiers[i];
        if (modifier < MODIFIER_RE || modifier > MODIFIER_YEAR)
            continue;
        if (item->comparison != MODIFIER_COUNT)
            return parse_fault(context, ERROR_FORMAT, item->line,
                               "modifiers '%s' and '%s' exclude each other",
                               NAMES[item->comparison], NAMES[modifier]);
        item->comparison = modifier;
    }
    for (size_t i = 0; i < item->count; i++) {
        enum modifier modifier = item->modifiers[i];
        if (modifier >= MODIFIER_I && item->comparison != MODIFIER_RE)
            return parse_fault(context, ERROR_FORMAT, item->line,
                               "modifier '%s' is for regular expressions: write re|%s",
                               NAMES[modifier], NAMES[modifier]);
        bool opens = modifier == MODIFIER_CONTAINS || modifier == MODIFIER_STARTSWITH
                     || modifier == MODIFIER_ENDSWITH;
        bool may_open = (item->comparison == MODIFIER_RE && modifier == MODIFIER_CONTAINS)
                        || item->comparison == MODIFIER_FIELDREF;
        if (item->comparison != MODIFIER_COUNT && is_text_change(modifier) && !(opens && may_open))
            return parse_fault(context, ERROR_FORMAT, item->line,
                               "modifier '%s' cannot be joined with '%s'", NAMES[modifier],
                               NAMES[item->comparison]);
    }
    return RESULT_OK;
}

/* What a field is called here that the document calls `name`. */
static const char *our_name(const struct parse_context *context, const char *name)
{
    return mapping_field(context->mappings, context->file, context->words, name);
}

static RESULT parse_key(struct parse_context *context, const char *key, struct item *item)
{
    const char *end = strchrnul(key, '|');
    item->field = NULL;
    if (end != key) {
        const char *name = arena_copy(context->arena, key, (size_t)(end - key));
        if (name == NULL)
            return parse_out_of_memory(context, item->line);
        item->field = our_name(context, name);
        context->field = item->field;
        context->names_field = true;
    }
    while (*end == '|') {
        const char *start = end + 1;
        char word[MAX_MODIFIER_BYTES] = "";
        end = strchrnul(start, '|');
        size_t size = (size_t)(end - start);
        if (size >= sizeof word)
            size = sizeof word - 1; /* no modifier is that long: it will be unknown */
        bytes_copy(word, sizeof word, start, size);
        GUARD(add_modifier(context, item, word));
    }
    return check_modifiers(context, item);
}

static RESULT new_leaf(struct parse_context *context, const struct item *item, enum leaf_kind kind,
                       struct leaf **ret_leaf, const struct node **ret_node)
{
    struct leaf *leaf = arena_alloc(context->arena, sizeof *leaf);
    struct node *node = node_new(context->arena, NODE_LEAF, 0);
    if (leaf == NULL || node == NULL)
        return parse_out_of_memory(context, item->line);
    leaf->kind = kind;
    leaf->field = item->field;
    leaf->line = item->line;
    leaf->is_cased = has(item, MODIFIER_CASED);
    node->leaf = leaf;
    *ret_leaf = leaf;
    *ret_node = node;
    return RESULT_OK;
}

static RESULT change_text(struct parse_context *context, enum modifier modifier,
                          struct sigma_text *text, unsigned line)
{
    bool has_memory = true;
    switch (modifier) {
    case MODIFIER_CONTAINS:
        has_memory = sigma_text_open(context->arena, text, true, true);
        break;
    case MODIFIER_STARTSWITH:
        has_memory = sigma_text_open(context->arena, text, false, true);
        break;
    case MODIFIER_ENDSWITH:
        has_memory = sigma_text_open(context->arena, text, true, false);
        break;
    case MODIFIER_WINDASH:
        sigma_text_windash(text);
        break;
    case MODIFIER_WIDE:
    case MODIFIER_UTF16LE:
        has_memory = sigma_text_encode(context->arena, text, ENCODING_UTF16LE);
        break;
    case MODIFIER_UTF16BE:
        has_memory = sigma_text_encode(context->arena, text, ENCODING_UTF16BE);
        break;
    case MODIFIER_UTF16:
        has_memory = sigma_text_encode(context->arena, text, ENCODING_UTF16_BOM);
        break;
    case MODIFIER_BASE64:
        if (sigma_text_has_wildcard(text))
            return parse_fault(context, ERROR_FORMAT, line,
                               "a value with wildcards cannot be encoded in base64");
        has_memory = sigma_text_base64(context->arena, text, 0, false, text);
        break;
    default:
        break;
    }
    return has_memory ? RESULT_OK : parse_out_of_memory(context, line);
}

/* Applies the text modifiers from number `from` on; base64offset makes three texts of one. */
static RESULT change_texts(struct parse_context *context, const struct item *item,
                           struct sigma_text *texts, size_t *count, unsigned line)
{
    for (size_t i = 0; i < item->count; i++) {
        enum modifier modifier = item->modifiers[i];
        if (modifier != MODIFIER_BASE64OFFSET) {
            for (size_t n = 0; n < *count; n++)
                GUARD(change_text(context, modifier, &texts[n], line));
            continue;
        }
        struct sigma_text original = texts[0];
        if (sigma_text_has_wildcard(&original))
            return parse_fault(context, ERROR_FORMAT, line,
                               "a value with wildcards cannot be encoded in base64");
        *count = fault_is_planted(FAULT_ENGINE_TWO_OFFSETS) ? 2 : 3;
        for (unsigned offset = 0; offset < 3; offset++) {
            if (!sigma_text_base64(context->arena, &original, offset, true, &texts[offset]))
                return parse_out_of_memory(context, line);
        }
        if (texts[0].count == 0 || texts[1].count == 0 || texts[2].count == 0)
            return parse_fault(context, ERROR_FORMAT, line,
                               "a value this short leaves nothing to look for in base64");
    }
    return RESULT_OK;
}

/* Appends the texts that one value stands for; room for 3 is there. */
static RESULT add_texts(struct parse_context *context, const struct item *item,
                        const struct yaml_node *value, struct leaf *leaf)
{
    struct sigma_text *texts = leaf->texts + leaf->text_count;
    bool is_string = value->kind == YAML_STRING;
    bool has_memory =
        is_string ? sigma_text_parse(context->arena, value->text, value->size, &texts[0])
                  : sigma_text_plain(context->arena, value->text, value->size, &texts[0]);
    if (!has_memory)
        return parse_out_of_memory(context, value->line);
    size_t count = 1;
    GUARD(change_texts(context, item, texts, &count, value->line));
    if (item->field == NULL) { /* keywords are looked for anywhere in a value */
        for (size_t i = 0; i < count; i++) {
            if (!sigma_text_open(context->arena, &texts[i], true, true))
                return parse_out_of_memory(context, value->line);
        }
    }
    leaf->text_count += count;
    return RESULT_OK;
}

static RESULT null_leaf(struct parse_context *context, const struct item *item,
                        const struct yaml_node *value, const struct node **ret_node)
{
    uint64_t linking = UINT64_C(1) << MODIFIER_ALL | UINT64_C(1) << MODIFIER_NEQ
                       | UINT64_C(1) << MODIFIER_CASED;
    if (item->field == NULL)
        return parse_fault(context, ERROR_FORMAT, value->line, "null is no keyword");
    if ((item->given & ~linking) != 0)
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "null cannot be joined with modifier '%s'", NAMES[item->modifiers[0]]);
    struct leaf *leaf = NULL;
    return new_leaf(context, item, LEAF_NULL, &leaf, ret_node);
}

static RESULT regex_leaf(struct parse_context *context, const struct item *item,
                         const struct yaml_node *value, const struct node **ret_node)
{
    struct leaf *leaf = NULL;
    if (strlen(value->text) != value->size)
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "the regular expression has a zero byte");
    GUARD(new_leaf(context, item, LEAF_REGEX, &leaf, ret_node));
    leaf->expression = value->text;
    leaf->flags = (has(item, MODIFIER_I) ? REGEX_IGNORES_CASE : 0u)
                  | (has(item, MODIFIER_M) ? REGEX_IS_MULTILINE : 0u)
                  | (has(item, MODIFIER_S) ? REGEX_DOT_IS_ALL : 0u);
    return RESULT_OK;
}

static RESULT cidr_leaf(struct parse_context *context, const struct item *item,
                        const struct yaml_node *value, const struct node **ret_node)
{
    struct leaf *leaf = NULL;
    GUARD(new_leaf(context, item, LEAF_CIDR, &leaf, ret_node));
    char address[64];
    const char *slash = strchrnul(value->text, '/');
    size_t size = (size_t)(slash - value->text);
    bool is_good = size < sizeof address && strlen(value->text) == value->size;
    if (is_good) {
        bytes_copy(address, sizeof address, value->text, size);
        address[size] = '\0';
        leaf->network.is_v6 = strchr(address, ':') != NULL;
        is_good = inet_pton(leaf->network.is_v6 ? AF_INET6 : AF_INET, address,
                            leaf->network.address) == 1;
    }
    uint64_t bits = leaf->network.is_v6 ? 128 : 32;
    if (is_good && *slash == '/')
        is_good = result_is_ok(number_parse(slash + 1, bits, &bits));
    if (!is_good)
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "'%.100s' is no network; expected one such as 10.0.0.0/8 or fe80::/10",
                           value->text);
    leaf->network.prefix_bits = (uint8_t)bits;
    return RESULT_OK;
}

static RESULT exists_leaf(struct parse_context *context, const struct item *item,
                          const struct yaml_node *value, const struct node **ret_node)
{
    struct leaf *leaf = NULL;
    if (item->field == NULL)
        return parse_fault(context, ERROR_FORMAT, value->line, "'exists' needs a field");
    if (value->kind != YAML_BOOL)
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "'exists' has '%.100s'; expected true or false", value->text);
    GUARD(new_leaf(context, item, LEAF_EXISTS, &leaf, ret_node));
    if (string_equal(value->text, "true"))
        return RESULT_OK;
    struct node *node = node_new(context->arena, NODE_NOT, 1);
    if (node == NULL)
        return parse_out_of_memory(context, value->line);
    node->children[0] = *ret_node;
    *ret_node = node;
    return RESULT_OK;
}

static RESULT fieldref_leaf(struct parse_context *context, const struct item *item,
                            const struct yaml_node *value, const struct node **ret_node)
{
    struct leaf *leaf = NULL;
    if (item->field == NULL || value->size == 0)
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "'fieldref' needs a field on both sides");
    GUARD(new_leaf(context, item, LEAF_FIELDREF, &leaf, ret_node));
    leaf->expression = our_name(context, value->text);
    if (has(item, MODIFIER_CONTAINS) || has(item, MODIFIER_ENDSWITH))
        leaf->flags |= FIELDREF_OPEN_START;
    if (has(item, MODIFIER_CONTAINS) || has(item, MODIFIER_STARTSWITH))
        leaf->flags |= FIELDREF_OPEN_END;
    return RESULT_OK;
}

static RESULT number_leaf(struct parse_context *context, const struct item *item,
                          const struct yaml_node *value, const struct node **ret_node)
{
    struct leaf *leaf = NULL;
    bool is_time = item->comparison >= MODIFIER_MINUTE;
    double number;
    if (!yaml_number(value, &number) || (is_time && value->kind != YAML_INTEGER))
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "modifier '%s' has %s '%.100s'; expected a number",
                           NAMES[item->comparison], yaml_kind_name(value->kind), value->text);
    GUARD(new_leaf(context, item, is_time ? LEAF_TIME : LEAF_COMPARE, &leaf, ret_node));
    leaf->number = number;
    if (is_time)
        leaf->part = (enum time_part)(item->comparison - MODIFIER_MINUTE);
    else
        leaf->compare = (enum compare_kind)(item->comparison - MODIFIER_LT);
    return RESULT_OK;
}

/* A value that is compared otherwise than as a text. */
static RESULT special_leaf(struct parse_context *context, const struct item *item,
                           const struct yaml_node *value, const struct node **ret_node)
{
    if (value->kind == YAML_NULL)
        return null_leaf(context, item, value, ret_node);
    switch (item->comparison) {
    case MODIFIER_RE:
        return regex_leaf(context, item, value, ret_node);
    case MODIFIER_CIDR:
        return cidr_leaf(context, item, value, ret_node);
    case MODIFIER_EXISTS:
        return exists_leaf(context, item, value, ret_node);
    case MODIFIER_FIELDREF:
        return fieldref_leaf(context, item, value, ret_node);
    default:
        return number_leaf(context, item, value, ret_node);
    }
}

static RESULT check_value(struct parse_context *context, const struct yaml_node *value)
{
    if (!yaml_is_scalar(value))
        return parse_fault(context, ERROR_FORMAT, value->line,
                           "%s stands where a value is expected", yaml_kind_name(value->kind));
    if (value->size > LIMIT_RULE_VALUE_BYTES)
        return parse_fault(context, ERROR_LIMIT, value->line,
                           "a value has %zu bytes; at most %d are taken (LIMIT_RULE_VALUE_BYTES)",
                           value->size, (int)LIMIT_RULE_VALUE_BYTES);
    context->value_count++;
    if (context->value_count > LIMIT_RULE_VALUES)
        return parse_fault(context, ERROR_LIMIT, value->line,
                           "the rule has more than %d values (LIMIT_RULE_VALUES)",
                           (int)LIMIT_RULE_VALUES);
    return RESULT_OK;
}

/* `count` values from `first` on, all of which must match or any one: texts that may be any one of
 * several share a leaf. */
static RESULT parse_values(struct parse_context *context, const struct item *item,
                           const struct yaml_node *first, size_t count, bool is_all,
                           const struct node **ret_node)
{
    struct node *node = node_new(context->arena, is_all ? NODE_AND : NODE_OR, count);
    struct leaf *shared = NULL;
    if (node == NULL)
        return parse_out_of_memory(context, item->line);
    node->count = 0;
    for (const struct yaml_node *value = first; value != NULL && count > 0;
         value = value->next, count--) {
        GUARD(check_value(context, value));
        if (item->comparison != MODIFIER_COUNT || value->kind == YAML_NULL) {
            GUARD(special_leaf(context, item, value, &node->children[node->count]));
            node->count++;
            continue;
        }
        if (shared == NULL || is_all) {
            GUARD(new_leaf(context, item, LEAF_TEXT, &shared, &node->children[node->count]));
            node->count++;
            size_t room = 3 * (is_all ? 1 : count);
            shared->texts = arena_array(context->arena, room, sizeof shared->texts[0]);
            if (shared->texts == NULL)
                return parse_out_of_memory(context, value->line);
        }
        GUARD(add_texts(context, item, value, shared));
    }
    *ret_node = node->count == 1 ? node->children[0] : node;
    return RESULT_OK;
}

/* The values with their placeholders replaced; with `all` each one's alternatives are an `or`. */
static RESULT parse_expanded(struct parse_context *context, const struct item *item,
                             const struct yaml_node *first, size_t count,
                             const struct node **ret_node)
{
    bool is_all = has(item, MODIFIER_ALL);
    struct expansion expansion = {0};
    struct node *node = node_new(context->arena, NODE_AND, count);
    if (node == NULL)
        return parse_out_of_memory(context, item->line);
    node->count = 0;
    for (const struct yaml_node *value = first; count > 0; value = value->next, count--) {
        GUARD(placeholder_expand(context, value, &expansion));
        if (!is_all)
            continue;
        GUARD(parse_values(context, item, expansion.first, expansion.count, false,
                           &node->children[node->count++]));
        expansion = (struct expansion){0};
    }
    *ret_node = node;
    return is_all ? RESULT_OK
                  : parse_values(context, item, expansion.first, expansion.count, false, ret_node);
}

RESULT item_parse(struct parse_context *context, const char *key, const struct yaml_node *value,
                  const struct node **ret_node)
{
    struct item item = {.line = value->key == NULL ? value->line : value->key->line};
    GUARD(parse_key(context, key, &item));
    if (value->kind == YAML_LIST && value->count == 0)
        return parse_fault(context, ERROR_FORMAT, value->line, "the list of values is empty");
    const struct yaml_node *first = value->kind == YAML_LIST ? value->first : value;
    size_t count = value->kind == YAML_LIST ? value->count : 1;
    if (has(&item, MODIFIER_EXPAND))
        GUARD(parse_expanded(context, &item, first, count, ret_node));
    else
        GUARD(parse_values(context, &item, first, count, has(&item, MODIFIER_ALL), ret_node));
    if (!has(&item, MODIFIER_NEQ))
        return RESULT_OK;
    struct node *node = node_new(context->arena, NODE_NOT, 1);
    if (node == NULL)
        return parse_out_of_memory(context, item.line);
    node->children[0] = *ret_node;
    *ret_node = node;
    return RESULT_OK;
}
