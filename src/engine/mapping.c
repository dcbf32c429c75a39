// SPDX-License-Identifier: Apache-2.0
/*
 * Mappings of foreign field names, in the form of a pySigma processing pipeline with nothing but
 * field_name_mapping transformations:
 *
 *     transformations:
 *         - type: field_name_mapping
 *           mapping: {exe: Image, cmdline: CommandLine}
 *           rule_conditions: [{type: logsource, category: process_creation}]
 *
 * It is for the documents in its own folder of the pack and below, so that what comes with foreign
 * rules changes nobody else's.
 */
#include "engine/mapping.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

static const char TYPE[] = "field_name_mapping";

static RESULT read_names(struct parse_context *context, const struct yaml_node *map,
                         struct mapping *out)
{
    if (map == NULL || map->kind != YAML_MAP || map->count == 0)
        return parse_fault(context, ERROR_FORMAT, map == NULL ? 0 : map->line,
                           "a transformation has no 'mapping'; expected a map of the rules' names "
                           "of fields to ours");
    out->names = arena_array(context->arena, map->count, sizeof out->names[0]);
    if (out->names == NULL)
        return parse_out_of_memory(context, map->line);
    for (const struct yaml_node *name = map->first; name != NULL; name = name->next) {
        if (!yaml_is_scalar(name) || name->size == 0 || name->size > LIMIT_NAME_BYTES
            || strlen(name->text) != name->size || strchr(name->text, '|') != NULL)
            return parse_fault(context, ERROR_FORMAT, name->line,
                               "'%.100s' is mapped to %s '%.100s'; expected one name of a field of "
                               "at most %d bytes", name->key->text, yaml_kind_name(name->kind),
                               name->text, (int)LIMIT_NAME_BYTES);
        out->names[out->name_count++] = (struct mapped_name){name->key->text, name->text, 0};
    }
    return RESULT_OK;
}

static RESULT read_condition(struct parse_context *context, const struct yaml_node *condition,
                             struct mapping *out)
{
    const struct yaml_node *type = yaml_get(condition, "type");
    if (type == NULL || !string_equal(type->text, "logsource"))
        return parse_fault(context, ERROR_UNSUPPORTED, condition->line,
                           "a rule condition is not of the type that is taken: logsource");
    for (const struct yaml_node *word = condition->first; word != NULL; word = word->next) {
        const char **target = string_equal(word->key->text, "product")    ? &out->product
                              : string_equal(word->key->text, "category") ? &out->category
                              : string_equal(word->key->text, "service")  ? &out->service
                                                                          : NULL;
        if (word == type)
            continue;
        if (target == NULL || !yaml_is_scalar(word) || word->size == 0)
            return parse_fault(context, ERROR_FORMAT, word->line,
                               "a rule condition has '%.100s'; expected product, category or "
                               "service with one word", word->key->text);
        *target = word->text;
    }
    return RESULT_OK;
}

static RESULT read_transformation(struct parse_context *context, const struct yaml_node *map,
                                  struct mapping *out)
{
    *out = (struct mapping){.product = "", .category = "", .service = ""};
    const struct yaml_node *type = yaml_get(map, "type");
    if (type == NULL || !string_equal(type->text, TYPE))
        return parse_fault(context, ERROR_UNSUPPORTED, map->line,
                           "a transformation is of the type '%.100s'; the one that is taken is %s",
                           type == NULL ? "" : type->text, TYPE);
    for (const struct yaml_node *part = map->first; part != NULL; part = part->next) {
        bool is_conditions = string_equal(part->key->text, "rule_conditions");
        if (is_conditions && part->kind == YAML_LIST) {
            for (const struct yaml_node *node = part->first; node != NULL; node = node->next)
                GUARD(read_condition(context, node, out));
        } else if (part != type && !string_equal(part->key->text, "id")
                   && !string_equal(part->key->text, "mapping")) {
            return parse_fault(context, ERROR_UNSUPPORTED, part->line,
                               "a transformation has '%.100s'; expected id, type, mapping and a "
                               "list of rule_conditions", part->key->text);
        }
    }
    return read_names(context, yaml_get(map, "mapping"), out);
}

RESULT mapping_parse(struct parse_context *context, const struct yaml_document *document,
                     struct mapping **ret_items, size_t *ret_count)
{
    static const char *const KNOWN[] = {"name", "priority", "description", "transformations"};
    const struct yaml_node *list = yaml_get(document->root, "transformations");
    context->field = "transformations";
    if (list->kind != YAML_LIST || list->count > LIMIT_MAPPINGS)
        return parse_fault(context, ERROR_FORMAT, list->line,
                           "'transformations' is %s; expected a list of at most %d",
                           yaml_kind_name(list->kind), (int)LIMIT_MAPPINGS);
    for (const struct yaml_node *part = document->root->first; part != NULL; part = part->next) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
            is_known = is_known || string_equal(part->key->text, KNOWN[i]);
        if (!is_known)
            return parse_fault(context, ERROR_UNSUPPORTED, part->line,
                               "the mapping has '%.100s'; expected name, priority, description and "
                               "transformations", part->key->text);
    }
    struct mapping *items = arena_array(context->arena, list->count + 1, sizeof items[0]);
    if (items == NULL)
        return parse_out_of_memory(context, list->line);
    size_t count = 0;
    for (const struct yaml_node *node = list->first; node != NULL; node = node->next)
        GUARD(read_transformation(context, node, &items[count++]));
    *ret_items = items;
    *ret_count = count;
    return RESULT_OK;
}

/* --- use -------------------------------------------------------------------------------------- */

static int compare_names(const void *left, const void *right)
{
    const struct mapped_name *a = left;
    const struct mapped_name *b = right;
    int order = strcmp(a->from, b->from);
    return order != 0 ? order : (a->mapping > b->mapping) - (a->mapping < b->mapping);
}

RESULT mapping_index(struct arena *arena, struct mappings *mappings)
{
    size_t count = 0;
    for (size_t i = 0; i < mappings->count; i++)
        count += mappings->items[i].name_count;
    mappings->names = arena_array(arena, count + 1, sizeof mappings->names[0]);
    if (mappings->names == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < mappings->count; i++) {
        const struct mapping *mapping = &mappings->items[i];
        for (size_t n = 0; n < mapping->name_count; n++) {
            mappings->names[mappings->name_count] = mapping->names[n];
            mappings->names[mappings->name_count++].mapping = (uint32_t)i;
        }
    }
    if (count > 0)
        qsort(mappings->names, count, sizeof mappings->names[0], compare_names);
    return RESULT_OK;
}

static bool is_word_met(const char *wanted, const char *found)
{
    return wanted[0] == '\0' || string_equal(wanted, found);
}

static bool is_meant(const struct mapping *mapping, const char *file, const struct words *words)
{
    return strncmp(file, mapping->folder, strlen(mapping->folder)) == 0
           && is_word_met(mapping->product, words->product)
           && is_word_met(mapping->category, words->category)
           && is_word_met(mapping->service, words->service);
}

const char *mapping_field(const struct mappings *mappings, const char *file,
                          const struct words *words, const char *field)
{
    if (mappings == NULL || mappings->name_count == 0)
        return field;
    size_t low = 0;
    size_t high = mappings->name_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(mappings->names[middle].from, field) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < mappings->name_count && string_equal(mappings->names[low].from, field); low++) {
        const struct mapped_name *name = &mappings->names[low];
        if (is_meant(&mappings->items[name->mapping], file, words))
            return name->to;
    }
    return field;
}
