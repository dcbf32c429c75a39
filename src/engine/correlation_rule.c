// SPDX-License-Identifier: Apache-2.0
/* One correlation document (Sigma correlation rules specification 2.1, with the textual conditions
 * of temporal correlations, `percentile` and `value_median` that pySigma has). */
#include "base/bytes.h"
#include "base/clock.h"
#include "engine/syntax.h"

#include <string.h>

static const char *const TYPES[CORRELATION_TYPES] = {
    [CORRELATION_EVENT_COUNT] = "event_count",
    [CORRELATION_VALUE_COUNT] = "value_count",
    [CORRELATION_TEMPORAL] = "temporal",
    [CORRELATION_TEMPORAL_ORDERED] = "temporal_ordered",
    [CORRELATION_VALUE_SUM] = "value_sum",
    [CORRELATION_VALUE_AVG] = "value_avg",
    [CORRELATION_VALUE_PERCENTILE] = "value_percentile",
    [CORRELATION_VALUE_MEDIAN] = "value_median",
};

static bool is_temporal(const struct correlation *correlation)
{
    return correlation->type == CORRELATION_TEMPORAL
           || correlation->type == CORRELATION_TEMPORAL_ORDERED;
}

static RESULT read_type(struct parse_context *context, const struct yaml_node *map,
                        struct correlation *out)
{
    const char *word;
    GUARD(word_parse(context, map, "type", &word));
    for (size_t i = 0; i < CORRELATION_TYPES; i++) {
        if (string_equal(TYPES[i], word)) {
            out->type = (enum correlation_type)i;
            return RESULT_OK;
        }
    }
    const struct yaml_node *type = yaml_get(map, "type");
    context->field = "type";
    return parse_fault(context, ERROR_UNSUPPORTED, type == NULL ? map->line : type->line,
                       "the correlation has type '%.100s'; expected event_count, value_count, "
                       "temporal, temporal_ordered, value_sum, value_avg, value_percentile or "
                       "value_median", word);
}

/* One text or a list of different texts; none where the key is absent. */
static RESULT read_texts(struct parse_context *context, const struct yaml_node *map,
                         const char *key, size_t limit, const char ***ret_texts,
                         size_t *ret_count)
{
    const struct yaml_node *node = yaml_get(map, key);
    *ret_count = 0;
    if (node == NULL || node->kind == YAML_NULL)
        return RESULT_OK;
    context->field = key;
    bool is_one = node->kind != YAML_LIST;
    size_t count = is_one ? 1 : node->count;
    if (count > limit)
        return parse_fault(context, ERROR_LIMIT, node->line,
                           "'%s' has %zu entries; at most %zu are taken", key, count, limit);
    const char **texts = arena_array(context->arena, count + 1, sizeof texts[0]);
    if (texts == NULL)
        return parse_out_of_memory(context, node->line);
    for (const struct yaml_node *text = is_one ? node : node->first; text != NULL;
         text = is_one ? NULL : text->next) {
        if (!yaml_is_scalar(text) || text->size == 0 || strlen(text->text) != text->size)
            return parse_fault(context, ERROR_FORMAT, text->line,
                               "'%s' has %s; expected text", key, yaml_kind_name(text->kind));
        for (size_t i = 0; i < *ret_count; i++) {
            if (string_equal(texts[i], text->text))
                return parse_fault(context, ERROR_FORMAT, text->line,
                                   "'%s' names '%.100s' twice", key, text->text);
        }
        texts[(*ret_count)++] = text->text;
    }
    *ret_texts = texts;
    context->field = NULL;
    return RESULT_OK;
}

/* 90s, 5m, 1h, 7d; w, M and y as in pySigma. */
static RESULT read_span(struct parse_context *context, const struct yaml_node *map,
                        struct correlation *out)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } UNITS[] = {{'s', 1},      {'m', 60},      {'h', 3600},     {'d', 86400},
                 {'w', 604800}, {'M', 2629746}, {'y', 31556952}};
    const char *text;
    GUARD(word_parse(context, map, "timespan", &text));
    char digits[16];
    uint64_t number = 0;
    size_t size = strlen(text);
    const uint64_t longest = (uint64_t)LIMIT_CORRELATION_DAYS * 86400;
    bool is_good = size > 1 && size <= sizeof digits;
    if (is_good) {
        bytes_copy(digits, sizeof digits, text, size - 1);
        digits[size - 1] = '\0';
        is_good = result_is_ok(number_parse(digits, longest, &number)) && number > 0;
    }
    uint64_t seconds = 0;
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0] && is_good; i++)
        seconds += UNITS[i].unit == text[size - 1] ? UNITS[i].seconds * number : 0;
    if (seconds > 0 && seconds <= longest) {
        out->span_ns = seconds * NS_PER_S;
        return RESULT_OK;
    }
    const struct yaml_node *node = yaml_get(map, "timespan");
    context->field = "timespan";
    return parse_fault(context, ERROR_FORMAT, node == NULL ? map->line : node->line,
                       "'timespan' is '%.100s'; expected a number and one of s, m, h, d, such as "
                       "5m, of at most %d days", text, (int)LIMIT_CORRELATION_DAYS);
}

static RESULT read_aliases(struct parse_context *context, const struct yaml_node *map,
                           struct correlation *out)
{
    const struct yaml_node *aliases = yaml_get(map, "aliases");
    if (aliases == NULL || aliases->kind == YAML_NULL)
        return RESULT_OK;
    context->field = "aliases";
    out->aliases = arena_array(context->arena, LIMIT_CORRELATION_ALIASES, sizeof *out->aliases);
    if (out->aliases == NULL)
        return parse_out_of_memory(context, aliases->line);
    for (const struct yaml_node *alias = aliases->first; alias != NULL; alias = alias->next) {
        if (aliases->kind != YAML_MAP || alias->kind != YAML_MAP)
            return parse_fault(context, ERROR_FORMAT, alias->line,
                               "an alias is %s; expected a map of rules to fields",
                               yaml_kind_name(alias->kind));
        for (const struct yaml_node *field = alias->first; field != NULL; field = field->next) {
            if (!yaml_is_scalar(field) || field->size == 0
                || out->alias_count == LIMIT_CORRELATION_ALIASES)
                return parse_fault(context, ERROR_FORMAT, field->line,
                                   "alias '%.100s' has %s; expected the name of a field, and at "
                                   "most %d in all", alias->key->text,
                                   yaml_kind_name(field->kind), (int)LIMIT_CORRELATION_ALIASES);
            out->aliases[out->alias_count++] =
                (struct alias_field){alias->key->text, field->key->text, field->text};
        }
    }
    context->field = NULL;
    return RESULT_OK;
}

/* --- condition -------------------------------------------------------------------------------- */

static RESULT read_number(struct parse_context *context, const struct yaml_node *node,
                          double *ret_number)
{
    if (yaml_number(node, ret_number))
        return RESULT_OK;
    context->field = "condition";
    return parse_fault(context, ERROR_FORMAT, node->line,
                       "'%s' of the condition is %s '%.100s'; expected a number", node->key->text,
                       yaml_kind_name(node->kind), node->text);
}

static RESULT read_criterion(struct parse_context *context, const struct yaml_node *node,
                             struct correlation *out)
{
    static const char *const KINDS[THRESHOLD_KINDS] = {
        [THRESHOLD_LT] = "lt",   [THRESHOLD_LTE] = "lte", [THRESHOLD_GT] = "gt",
        [THRESHOLD_GTE] = "gte", [THRESHOLD_EQ] = "eq",   [THRESHOLD_NEQ] = "neq",
    };
    if (string_equal(node->key->text, "field"))
        return RESULT_OK;
    if (string_equal(node->key->text, "percentile")
        && out->type == CORRELATION_VALUE_PERCENTILE) {
        GUARD(read_number(context, node, &out->percentile));
        if (out->percentile >= 0 && out->percentile <= 100)
            return RESULT_OK;
        context->field = "condition";
        return parse_fault(context, ERROR_FORMAT, node->line,
                           "'percentile' is %.100s; expected 0 to 100", node->text);
    }
    for (size_t i = 0; i < THRESHOLD_KINDS; i++) {
        if (!string_equal(KINDS[i], node->key->text))
            continue;
        if (out->threshold_count == MAX_THRESHOLDS) {
            context->field = "condition";
            return parse_fault(context, ERROR_LIMIT, node->line,
                               "the condition has more than %d criteria", MAX_THRESHOLDS);
        }
        struct threshold *threshold = &out->thresholds[out->threshold_count++];
        threshold->kind = (enum threshold_kind)i;
        return read_number(context, node, &threshold->number);
    }
    context->field = "condition";
    return parse_fault(context, ERROR_FORMAT, node->line,
                       "the condition has '%.100s'; expected gt, gte, lt, lte, eq, neq%s",
                       node->key->text,
                       out->type == CORRELATION_VALUE_PERCENTILE ? ", field or percentile"
                       : out->type == CORRELATION_EVENT_COUNT || is_temporal(out) ? ""
                                                                                 : " or field");
}

/* and, or, not over the rules by the names that the correlation gives them. */
static RESULT read_expression(struct parse_context *context, const struct yaml_node *node,
                              struct correlation *out)
{
    struct detection *rules = arena_array(context->arena, out->rule_count, sizeof rules[0]);
    if (rules == NULL)
        return parse_out_of_memory(context, node->line);
    for (size_t i = 0; i < out->rule_count; i++) {
        struct node *seen = node_new(context->arena, NODE_LEAF, 0);
        struct leaf *leaf = arena_alloc(context->arena, sizeof *leaf);
        if (seen == NULL || leaf == NULL)
            return parse_out_of_memory(context, node->line);
        leaf->kind = LEAF_RULE;
        leaf->position = (uint32_t)i;
        seen->leaf = leaf;
        rules[i] = (struct detection){out->rules[i], seen};
    }
    context->field = "condition";
    return condition_parse(context, node, rules, out->rule_count, &out->condition);
}

static RESULT read_condition(struct parse_context *context, const struct yaml_node *map,
                             struct correlation *out)
{
    const struct yaml_node *condition = yaml_get(map, "condition");
    if (is_temporal(out) && condition != NULL && yaml_is_scalar(condition)
        && condition->kind != YAML_NULL)
        return read_expression(context, condition, out);
    if (is_temporal(out) && (condition == NULL || condition->kind == YAML_NULL)) {
        out->thresholds[out->threshold_count++] =
            (struct threshold){THRESHOLD_GTE, (double)out->rule_count};
        return RESULT_OK;
    }
    context->field = "condition";
    if (condition == NULL || condition->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, condition == NULL ? map->line : condition->line,
                           "the correlation has no condition that is a map such as gte: 10");
    for (const struct yaml_node *node = condition->first; node != NULL; node = node->next)
        GUARD(read_criterion(context, node, out));
    GUARD(read_texts(context, condition, "field", LIMIT_CORRELATION_FIELDS, &out->fields,
                     &out->field_count));
    bool needs_field = out->type != CORRELATION_EVENT_COUNT && !is_temporal(out);
    bool may_have_more =
        out->type == CORRELATION_VALUE_COUNT
        || (out->type == CORRELATION_VALUE_PERCENTILE && out->percentile < 0);
    context->field = "condition";
    if (out->threshold_count == 0)
        return parse_fault(context, ERROR_FORMAT, condition->line,
                           "the condition has none of gt, gte, lt, lte, eq and neq");
    if (needs_field != (out->field_count > 0) || (out->field_count > 1 && !may_have_more))
        return parse_fault(context, ERROR_FORMAT, condition->line,
                           "the condition of %s names %zu fields; expected %s", TYPES[out->type],
                           out->field_count, !needs_field    ? "none"
                                             : may_have_more ? "'field' with one or more"
                                                             : "'field' with one");
    return RESULT_OK;
}

static RESULT read_generate(struct parse_context *context, const struct yaml_node *map,
                            struct correlation *out)
{
    const struct yaml_node *generate = yaml_get(map, "generate");
    if (generate == NULL)
        return RESULT_OK;
    context->field = "generate";
    if (generate->kind != YAML_BOOL)
        return parse_fault(context, ERROR_FORMAT, generate->line,
                           "'generate' is '%.100s'; expected true or false", generate->text);
    out->generates = string_equal(generate->text, "true");
    context->field = NULL;
    return RESULT_OK;
}

RESULT correlation_parse(struct parse_context *context, const struct yaml_document *document,
                         struct correlation *ret_correlation)
{
    struct correlation *out = ret_correlation;
    *out = (struct correlation){.words = NO_WORDS, .percentile = -1};
    GUARD(words_parse(context, document, &out->words));
    const struct yaml_node *map = yaml_get(document->root, "correlation");
    out->line = map->key->line;
    context->field = "correlation";
    if (map->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, map->line, "'correlation' is %s; expected a map",
                           yaml_kind_name(map->kind));
    GUARD(read_type(context, map, out));
    GUARD(read_texts(context, map, "rules", LIMIT_CORRELATION_RULES, &out->rules,
                     &out->rule_count));
    context->field = "rules";
    if (out->rule_count == 0)
        return parse_fault(context, ERROR_FORMAT, map->line,
                           "the correlation names no 'rules'; expected ids or names");
    GUARD(read_texts(context, map, "group-by", LIMIT_CORRELATION_FIELDS, &out->group_by,
                     &out->group_count));
    GUARD(read_span(context, map, out));
    GUARD(read_aliases(context, map, out));
    GUARD(read_condition(context, map, out));
    /* The specification puts it beside the section, its examples inside. */
    GUARD(read_generate(context, document->root, out));
    return read_generate(context, map, out);
}
