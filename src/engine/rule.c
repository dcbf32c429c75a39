// SPDX-License-Identifier: Apache-2.0
/* One document of a rule file: the words around the detection, and the whole put together. */
#include "base/bytes.h"
#include "base/limits.h"
#include "engine/engine.h"
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

const struct words NO_WORDS = {.id = "", .name = "", .title = "", .level = "", .status = "",
                               .product = "", .category = "", .service = ""};

enum document_kind document_kind(const struct yaml_document *document)
{
    if (yaml_get(document->root, "correlation") != NULL)
        return DOCUMENT_CORRELATION;
    if (yaml_get(document->root, "filter") != NULL)
        return DOCUMENT_FILTER;
    if (yaml_get(document->root, "detection") != NULL)
        return DOCUMENT_RULE;
    if (yaml_get(document->root, "placeholders") != NULL)
        return DOCUMENT_PLACEHOLDERS;
    if (yaml_get(document->root, "transformations") != NULL)
        return DOCUMENT_FIELD_MAPPING;
    return yaml_get(document->root, "field-names") != NULL ? DOCUMENT_FIELD_NAMES : DOCUMENT_RULE;
}

RESULT word_parse(struct parse_context *context, const struct yaml_node *map, const char *key,
                  const char **ret_word)
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
                        struct words *words)
{
    const struct yaml_node *list = yaml_get(root, "tags");
    if (list == NULL || list->kind == YAML_NULL)
        return RESULT_OK;
    context->field = "tags";
    if (list->kind != YAML_LIST)
        return parse_fault(context, ERROR_FORMAT, list->line, "'tags' is %s; expected a list",
                           yaml_kind_name(list->kind));
    words->tags = arena_array(context->arena, list->count + 1, sizeof words->tags[0]);
    if (words->tags == NULL)
        return parse_out_of_memory(context, list->line);
    for (const struct yaml_node *tag = list->first; tag != NULL; tag = tag->next) {
        if (!yaml_is_scalar(tag) || tag->size > LIMIT_RULE_VALUE_BYTES
            || strlen(tag->text) != tag->size)
            return parse_fault(context, ERROR_FORMAT, tag->line,
                               "a tag is %s; expected text such as attack.t1059",
                               yaml_kind_name(tag->kind));
        words->tags[words->tag_count++] = tag->text;
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

static unsigned read_attributes(const struct yaml_node *root)
{
    static const struct {
        const char *key;
        enum engine_attribute attribute;
    } KEYS[] = {
        {"description", ENGINE_HAS_DESCRIPTION},       {"author", ENGINE_HAS_AUTHOR},
        {"date", ENGINE_HAS_DATE},                     {"references", ENGINE_HAS_REFERENCES},
        {"falsepositives", ENGINE_HAS_FALSEPOSITIVES},
    };
    unsigned attributes = 0;
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const struct yaml_node *value = yaml_get(root, KEYS[i].key);
        bool is_there = value != NULL && value->kind != YAML_NULL
                        && (!yaml_is_scalar(value) || value->size > 0);
        attributes |= is_there ? (unsigned)KEYS[i].attribute : 0;
    }
    return attributes;
}

RESULT words_parse(struct parse_context *context, const struct yaml_document *document,
                   struct words *words)
{
    static const char *const LEVELS[] = {"informational", "low",      "medium",
                                         "high",          "critical", NULL};
    static const char *const STATUSES[] = {"stable",     "test",        "experimental",
                                           "deprecated", "unsupported", NULL};
    const struct yaml_node *root = document->root;
    if (root == NULL || root->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, root == NULL ? document->line : root->line,
                           "the document is %s; expected a map with title, logsource and "
                           "detection", root == NULL ? "empty" : yaml_kind_name(root->kind));
    GUARD(word_parse(context, root, "id", &words->id));
    GUARD(word_parse(context, root, "name", &words->name));
    GUARD(word_parse(context, root, "title", &words->title));
    GUARD(word_parse(context, root, "level", &words->level));
    GUARD(word_parse(context, root, "status", &words->status));
    GUARD(read_tags(context, root, words));
    words->attributes = read_attributes(root);
    GUARD(check_choice(context, root, "level", words->level, LEVELS,
                       "informational, low, medium, high or critical"));
    GUARD(check_choice(context, root, "status", words->status, STATUSES,
                       "stable, test, experimental, deprecated or unsupported"));
    if (words->title[0] == '\0')
        return parse_fault(context, ERROR_FORMAT, root->line, "the rule has no 'title'");
    return RESULT_OK;
}

RESULT log_source_parse(struct parse_context *context, const struct yaml_node *root,
                        struct words *words)
{
    const struct yaml_node *source = yaml_get(root, "logsource");
    context->field = "logsource";
    if (source == NULL)
        return parse_fault(context, ERROR_FORMAT, root->line, "the rule has no 'logsource'");
    if (source->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, source->line, "'logsource' is %s; expected a map",
                           yaml_kind_name(source->kind));
    GUARD(word_parse(context, source, "product", &words->product));
    GUARD(word_parse(context, source, "category", &words->category));
    GUARD(word_parse(context, source, "service", &words->service));
    if (words->product[0] == '\0' && words->category[0] == '\0' && words->service[0] == '\0') {
        context->field = "logsource";
        return parse_fault(context, ERROR_FORMAT, source->line,
                           "'logsource' names no product, category or service");
    }
    context->words = words;
    context->field = NULL;
    return RESULT_OK;
}

static RESULT read_detections(struct parse_context *context, const struct yaml_node *map,
                              const char *skipped, struct detection *detections,
                              size_t *ret_count)
{
    size_t count = 0;
    for (const struct yaml_node *child = map->first; child != NULL; child = child->next) {
        if (string_equal(child->key->text, "condition")
            || string_equal(child->key->text, "timeframe")
            || string_equal(child->key->text, skipped))
            continue;
        context->field = child->key->text;
        detections[count].name = child->key->text;
        GUARD(detection_parse(context, child, &detections[count].node));
        count++;
    }
    *ret_count = count;
    return RESULT_OK;
}

RESULT detections_parse(struct parse_context *context, const struct yaml_node *map,
                        const char *skipped, const struct node **ret_condition)
{
    const struct yaml_node *condition = yaml_get(map, "condition");
    if (condition == NULL)
        return parse_fault(context, ERROR_FORMAT, map->key->line,
                           "the detection has no 'condition'");
    struct detection *detections =
        arena_array(context->arena, map->count, sizeof detections[0]);
    if (detections == NULL)
        return parse_out_of_memory(context, map->line);
    size_t count;
    GUARD(read_detections(context, map, skipped, detections, &count));
    context->field = "condition";
    if (count == 0)
        return parse_fault(context, ERROR_FORMAT, map->line,
                           "the detection has a condition but nothing that it could name");
    return condition_parse(context, condition, detections, count, ret_condition);
}

RESULT rule_parse(struct parse_context *context, const struct yaml_document *document,
                  struct rule *ret_rule)
{
    const struct yaml_node *root = document->root;
    *ret_rule = (struct rule){.words = NO_WORDS};
    GUARD(words_parse(context, document, &ret_rule->words));
    const struct yaml_node *action = yaml_get(root, "action");
    if (action != NULL)
        return parse_fault(context, ERROR_UNSUPPORTED, action->line,
                           "'action' documents (global, repeat, reset) were dropped from Sigma: "
                           "write each rule in full");
    GUARD(log_source_parse(context, root, &ret_rule->words));
    const struct yaml_node *map = yaml_get(root, "detection");
    context->field = "detection";
    if (map == NULL || map->kind != YAML_MAP)
        return parse_fault(context, ERROR_FORMAT, map == NULL ? root->line : map->line,
                           "the rule has no 'detection' map");
    GUARD(detections_parse(context, map, "", &ret_rule->condition));
    ret_rule->is_keyword_only = !context->names_field;
    return RESULT_OK;
}
