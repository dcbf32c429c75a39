// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The documents of a bundle as sorted lines, so that two can be compared. */
#include "base/arena.h"
#include "content/bundle.h"
#include "engine/yaml_tree.h"

struct bundle_document {
    struct bytes file;
    unsigned line;
    unsigned number; /* in its file */
    const char *key; /* what it is known by in both bundles */
    const char *title;
    const char *level;
    bool is_filter;
    const struct yaml_node *root; /* NULL: not YAML; known by its file only */
};

struct bundle_documents {
    struct arena *arena;
    struct bundle_document *rows; /* sorted by key */
    size_t count;
    size_t capacity;
};

/* All documents of a section. ERROR_MEMORY, with `why`. */
RESULT bundle_documents_read(const struct bundle *bundle, enum bundle_section section,
                             struct bundle_documents *ret_documents, struct explanation *why);
void bundle_documents_free(struct bundle_documents *documents);

/* NULL: there is none. */
const struct bundle_document *bundle_documents_find(const struct bundle_documents *documents,
                                                    const char *key);

/* The leaves below `node` as "path = value", sorted. The order of keys and of the scalars of a list
 * is nothing; all else that differs gives different lines. */
struct bundle_lines {
    const char **rows;
    size_t count;
    size_t capacity;
};
/* False: the arena is full. */
bool bundle_lines_of(struct arena *arena, const struct yaml_node *node,
                     struct bundle_lines *ret_lines);
