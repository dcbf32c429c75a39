// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Placeholders: %words% in values with the modifier `expand` (Sigma rules specification,
 * "Placeholders"). What they stand for comes with the pack, as a document
 *
 *     placeholders:
 *         Servers: ['srv*', 'db?']
 *
 * or with the engine's options.
 */
#include "engine/syntax.h"

/* Values that one or several others became, as siblings. */
struct expansion {
    const struct yaml_node *first;
    struct yaml_node *last;
    size_t count;
};

/* Appends what `value` stands for, all combinations of its placeholders; a value that is no text
 * stands for itself. ERROR_UNSUPPORTED where a placeholder has no values: the rule cannot be used
 * here; ERROR_LIMIT over LIMIT_RULE_VALUES or LIMIT_RULE_VALUE_BYTES. */
RESULT placeholder_expand(struct parse_context *context, const struct yaml_node *value,
                          struct expansion *expansion);

/* Reads a document of placeholders; `ret_count` receives how many, in the context's arena. */
RESULT placeholders_parse(struct parse_context *context, const struct yaml_document *document,
                          struct placeholder **ret_items, size_t *ret_count);
