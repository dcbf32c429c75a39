// SPDX-License-Identifier: Apache-2.0
/* One filter document (Sigma filters specification 2.1, with `rules: any` of 2.2). */
#include "base/bytes.h"
#include "engine/syntax.h"

#include <strings.h>

static RESULT bad_rules(struct parse_context *context, const struct yaml_node *filter,
                        const struct yaml_node *rules)
{
    return parse_fault(context, ERROR_FORMAT, rules == NULL ? filter->key->line : rules->line,
                       "the filter has no 'rules'; expected a list of ids or names, or 'any' for "
                       "every rule of its log source");
}

static RESULT read_rules(struct parse_context *context, const struct yaml_node *filter,
                         struct filter *out)
{
    const struct yaml_node *rules = yaml_get(filter, "rules");
    context->field = "rules";
    if (rules == NULL || rules->kind == YAML_MAP || rules->kind == YAML_NULL)
        return bad_rules(context, filter, rules);
    bool is_one = rules->kind != YAML_LIST;
    if (is_one && (strcasecmp(rules->text, "any") == 0 || strcasecmp(rules->text, "all") == 0))
        return RESULT_OK;
    if (!is_one && rules->count == 0)
        return bad_rules(context, filter, rules);
    out->rules = arena_array(context->arena, is_one ? 1 : rules->count, sizeof out->rules[0]);
    if (out->rules == NULL)
        return parse_out_of_memory(context, rules->line);
    for (const struct yaml_node *rule = is_one ? rules : rules->first; rule != NULL;
         rule = is_one ? NULL : rule->next) {
        if (!yaml_is_scalar(rule) || rule->size == 0)
            return parse_fault(context, ERROR_FORMAT, rule->line,
                               "a rule of the filter is %s; expected an id or a name",
                               yaml_kind_name(rule->kind));
        out->rules[out->rule_count++] = rule->text;
    }
    return RESULT_OK;
}

RESULT filter_parse(struct parse_context *context, const struct yaml_document *document,
                    struct filter *ret_filter)
{
    *ret_filter = (struct filter){.words = NO_WORDS};
    GUARD(words_parse(context, document, &ret_filter->words));
    GUARD(log_source_parse(context, document->root, &ret_filter->words));
    const struct yaml_node *map = yaml_get(document->root, "filter");
    context->field = "filter";
    if (map->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, map->line, "'filter' is %s; expected a map",
                           yaml_kind_name(map->kind));
    GUARD(read_rules(context, map, ret_filter));
    return detections_parse(context, map, "rules", &ret_filter->condition);
}
