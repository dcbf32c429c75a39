// SPDX-License-Identifier: Apache-2.0
/* One document of a rule file: the words around the detection, and the whole put together. */
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/syntax.h"

#include <string.h>

struct explanation *parse_place(struct parse_context *context, unsigned line)
{
    const char *field = context->field == NULL ? "" : context->field;
    char *copy = arena_copy(context->arena, field, strlen(field));
    context->fault->field = copy == NULL ? "" : copy;
    context->fault->line = line;
    context->field = NULL;
    return &context->fault->why;
}

struct node *node_new(struct arena *arena, enum node_kind kind, size_t count)
{
    struct node *node = arena_alloc(arena, sizeof *node);
    if (node == NULL)
        return NULL;
    node->kind = kind;
    node->count = count;
    if (count > 0)
        node->children = arena_array(arena, count, sizeof node->children[0]);
    return count > 0 && node->children == NULL ? NULL : node;
}

/* An attribute that must be one value; "" where it is absent. */
static RESULT read_word(struct parse_context *context, const struct yaml_node *map,
                        const char *key, const char **ret_word)
{
    const struct yaml_node *value = yaml_get(map, key);
    *ret_word = "";
    if (value == NULL || value->kind == YAML_NULL)
        return RESULT_OK;
    context->field = key;
    if (!yaml_is_scalar(value))
        return parse_fault(context, ERROR_FORMAT, value->line, "'%s' is %s; expected text", key,
                           yaml_kind_name(value->kind));
    if (value->size > LIMIT_RULE_VALUE_BYTES || strlen(value->text) != value->size)
        return parse_fault(context, ERROR_LIMIT, value->line,
                           "'%s' is longer than %d bytes or has a zero byte", key,
                           (int)LIMIT_RULE_VALUE_BYTES);
    *ret_word = value->text;
    context->field = NULL;
    return RESULT_OK;
}

static RESULT read_tags(struct parse_context *context, const struct yaml_node *root,
                        struct rule *rule)
{
    const struct yaml_node *list = yaml_get(root, "tags");
    if (list == NULL || list->kind == YAML_NULL)
        return RESULT_OK;
    context->field = "tags";
    if (list->kind != YAML_LIST)
        return parse_fault(context, ERROR_FORMAT, list->line, "'tags' is %s; expected a list",
                           yaml_kind_name(list->kind));
    rule->tags = arena_array(context->arena, list->count + 1, sizeof rule->tags[0]);
    if (rule->tags == NULL)
        return parse_out_of_memory(context, list->line);
    for (const struct yaml_node *tag = list->first; tag != NULL; tag = tag->next) {
        if (!yaml_is_scalar(tag) || tag->size > LIMIT_RULE_VALUE_BYTES
            || strlen(tag->text) != tag->size)
            return parse_fault(context, ERROR_FORMAT, tag->line,
                               "a tag is %s; expected text such as attack.t1059",
                               yaml_kind_name(tag->kind));
        rule->tags[rule->tag_count++] = tag->text;
    }
    context->field = NULL;
    return RESULT_OK;
}

static RESULT check_choice(struct parse_context *context, const struct yaml_node *root,
                           const char *key, const char *word, const char *const *choices,
                           const char *listed)
{
    if (word[0] == '\0')
        return RESULT_OK;
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (string_equal(choices[i], word))
            return RESULT_OK;
    }
    context->field = key;
    return parse_fault(context, ERROR_FORMAT, yaml_get(root, key)->line,
                       "'%s' is '%.100s'; expected %s", key, word, listed);
}

static RESULT read_words(struct parse_context *context, const struct yaml_node *root,
                         struct rule *rule)
{
    static const char *const LEVELS[] = {"informational", "low",      "medium",
                                         "high",          "critical", NULL};
    static const char *const STATUSES[] = {"stable",     "test",        "experimental",
                                           "deprecated", "unsupported", NULL};
    GUARD(read_word(context, root, "id", &rule->id));
    GUARD(read_word(context, root, "title", &rule->title));
    GUARD(read_word(context, root, "level", &rule->level));
    GUARD(read_word(context, root, "status", &rule->status));
    GUARD(read_tags(context, root, rule));
    GUARD(check_choice(context, root, "level", rule->level, LEVELS,
                       "informational, low, medium, high or critical"));
    GUARD(check_choice(context, root, "status", rule->status, STATUSES,
                       "stable, test, experimental, deprecated or unsupported"));
    if (rule->title[0] == '\0')
        return parse_fault(context, ERROR_FORMAT, root->line, "the rule has no 'title'");
    return RESULT_OK;
}

static RESULT read_log_source(struct parse_context *context, const struct yaml_node *root,
                              struct rule *rule)
{
    const struct yaml_node *source = yaml_get(root, "logsource");
    context->field = "logsource";
    if (source == NULL)
        return parse_fault(context, ERROR_FORMAT, root->line, "the rule has no 'logsource'");
    if (source->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, source->line, "'logsource' is %s; expected a map",
                           yaml_kind_name(source->kind));
    GUARD(read_word(context, source, "product", &rule->product));
    GUARD(read_word(context, source, "category", &rule->category));
    GUARD(read_word(context, source, "service", &rule->service));
    if (rule->product[0] == '\0' && rule->category[0] == '\0' && rule->service[0] == '\0') {
        context->field = "logsource";
        return parse_fault(context, ERROR_FORMAT, source->line,
                           "'logsource' names no product, category or service");
    }
    context->field = NULL;
    return RESULT_OK;
}

static RESULT read_detections(struct parse_context *context, const struct yaml_node *map,
                              struct detection *detections, size_t *ret_count)
{
    size_t count = 0;
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next) {
        if (string_equal(child->key->text, "condition")
            || string_equal(child->key->text, "timeframe"))
            continue;
        context->field = child->key->text;
        detections[count].name = child->key->text;
        GUARD(detection_parse(context, child, &detections[count].node));
        count++;
    }
    *ret_count = count;
    return RESULT_OK;
}

static RESULT read_detection(struct parse_context *context, const struct yaml_node *root,
                             struct rule *rule)
{
    const struct yaml_node *map = yaml_get(root, "detection");
    context->field = "detection";
    if (map == NULL || map->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, map == NULL ? root->line : map->line,
                           "the rule has no 'detection' map");
    const struct yaml_node *condition = yaml_get(map, "condition");
    if (condition == NULL)
        return parse_fault(context, ERROR_FORMAT, map->key->line,
                           "the detection has no 'condition'");
    struct detection *detections =
        arena_array(context->arena, map->count, sizeof detections[0]);
    if (detections == NULL)
        return parse_out_of_memory(context, map->line);
    size_t count;
    GUARD(read_detections(context, map, detections, &count));
    rule->is_keyword_only = !context->names_field;
    context->field = "condition";
    if (count == 0)
        return parse_fault(context, ERROR_FORMAT, map->line,
                           "the detection has a condition but nothing that it could name");
    return condition_parse(context, condition, detections, count, &rule->condition);
}

RESULT rule_parse(const struct yaml_document *document, struct arena *arena, struct rule *ret_rule,
                  struct rule_fault *fault)
{
    const struct yaml_node *root = document->root;
    struct parse_context context = {.arena = arena, .fault = fault};
    *ret_rule = (struct rule){.id = "", .title = "", .level = "", .status = "",
                              .product = "", .category = "", .service = ""};
    if (root == NULL || root->kind != YAML_MAP)
        return parse_fault(&context, ERROR_FORMAT, root == NULL ? document->line : root->line,
                           "the document is %s; expected a map with title, logsource and "
                           "detection", root == NULL ? "empty" : yaml_kind_name(root->kind));
    GUARD(read_words(&context, root, ret_rule));
    const struct yaml_node *action = yaml_get(root, "action");
    if (action != NULL)
        return parse_fault(&context, ERROR_UNSUPPORTED, action->line,
                           "'action' documents (global, repeat, reset) were dropped from Sigma: "
                           "write each rule in full");
    if (yaml_get(root, "correlation") != NULL)
        return parse_fault(&context, ERROR_UNSUPPORTED, yaml_get(root, "correlation")->line,
                           "correlation rules are not supported yet");
    if (yaml_get(root, "filter") != NULL)
        return parse_fault(&context, ERROR_UNSUPPORTED, yaml_get(root, "filter")->line,
                           "Sigma filters are not supported yet");
    GUARD(read_log_source(&context, root, ret_rule));
    return read_detection(&context, root, ret_rule);
}
