// SPDX-License-Identifier: Apache-2.0
/* The value of one name in `detection`: a map, a list of maps, keywords, or a mixture. */
#include "base/bytes.h"
#include "engine/syntax.h"

/* field: value pairs, all of which must match. */
static RESULT parse_map(struct parse_context *context, const struct yaml_node *map,
                        const struct node **ret_node)
{
    if (map->count == 0)
        return parse_fault(context, ERROR_FORMAT, map->line, "the map is empty");
    struct node *node = node_new(context->arena, NODE_AND, map->count);
    if (node == NULL)
        return parse_out_of_memory(context, map->line);
    size_t i = 0;
    const char *outer = context->field;
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next) {
        GUARD(item_parse(context, child->key->text, child, &node->children[i++]));
        context->field = outer;
    }
    *ret_node = map->count == 1 ? node->children[0] : node;
    return RESULT_OK;
}

static RESULT parse_element(struct parse_context *context, const struct yaml_node *element,
                            const struct node **ret_node)
{
    if (element->kind == YAML_MAP)
        return parse_map(context, element, ret_node);
    return item_parse(context, "", element, ret_node);
}

RESULT detection_parse(struct parse_context *context, const struct yaml_node *yaml,
                       const struct node **ret_node)
{
    if (yaml->kind == YAML_NULL)
        return parse_fault(context, ERROR_FORMAT, yaml->line, "the detection is empty");
    if (yaml->kind != YAML_LIST)
        return parse_element(context, yaml, ret_node);
    bool has_map = false;
    for (const struct yaml_node *child = yaml->first; child != NULL; child = child->next)
        has_map = has_map || child->kind == YAML_MAP;
    if (!has_map) /* keywords, or an empty list, about which item_parse() complains */
        return item_parse(context, "", yaml, ret_node);

    struct node *node = node_new(context->arena, NODE_OR, yaml->count);
    if (node == NULL)
        return parse_out_of_memory(context, yaml->line);
    size_t i = 0;
    for (const struct yaml_node *child = yaml->first; child != NULL; child = child->next) {
        /* Only a single element, never its siblings: a keyword is an item of its own. */
        GUARD(parse_element(context, child, &node->children[i++]));
    }
    *ret_node = node;
    return RESULT_OK;
}
