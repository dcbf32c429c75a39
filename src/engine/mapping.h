// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Rules that call fields by foreign names, and what we call those: documents with a section
 * `transformations` (docs/rules.md), for the rules in their folder of the pack and below.
 */
#include "engine/syntax.h"

struct mapped_name {
    const char *from; /* as rules write it */
    const char *to;
    uint32_t mapping; /* row of the mappings that it belongs to */
};

/* One transformation. */
struct mapping {
    const char *folder; /* files whose names begin so; "" for all */
    const char *product; /* of the rule's log source; "" for any */
    const char *category;
    const char *service;
    struct mapped_name *names;
    size_t name_count;
};

/* Those of a pack, in its order: the first that fits is taken. */
struct mappings {
    const struct mapping *items;
    size_t count;
    struct mapped_name *names; /* of all, sorted */
    size_t name_count;
};

/* Reads a document, its rows without a folder, in the context's arena. */
RESULT mapping_parse(struct parse_context *context, const struct yaml_document *document,
                     struct mapping **ret_items, size_t *ret_count);
/* Fills the names, after the items. ERROR_MEMORY. */
RESULT mapping_index(struct arena *arena, struct mappings *mappings);
/* What `field` of a document in `file` is called here; the same where no mapping says so. */
const char *mapping_field(const struct mappings *mappings, const char *file,
                          const struct words *words, const char *field);
