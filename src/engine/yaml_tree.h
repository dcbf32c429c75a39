// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * YAML 1.1 documents as bounded trees: the front of the rule reader. libyaml finds the events;
 * depth, node count, keys and aliases are limited here, and plain scalars get the types that
 * Sigma's reference tools (PyYAML's safe loader) give them.
 */
#include "base/arena.h"
#include "base/reader.h"

enum yaml_kind {
    YAML_NULL,
    YAML_BOOL,   /* text is "true" or "false" */
    YAML_INTEGER, /* text is the decimal number */
    YAML_FLOAT,  /* text as written, without underscores */
    YAML_STRING,
    YAML_LIST,
    YAML_MAP
};

struct yaml_node {
    enum yaml_kind kind;
    unsigned line; /* from 1 */
    unsigned column;
    const char *text; /* scalars: 0-ended; may hold 0 bytes when written so. Else "" */
    size_t size;
    const struct yaml_node *key;   /* in a map: the scalar in front of this value; else NULL */
    const struct yaml_node *first; /* child of a list or map */
    const struct yaml_node *next;  /* sibling */
    size_t count;                  /* children */
};

/* What is wrong with a text, for a person, and where. */
struct yaml_fault {
    unsigned line; /* from 1 */
    unsigned column;
    struct explanation why;
};

struct yaml_document {
    const struct yaml_node *root; /* NULL: an empty document */
    unsigned line;                /* where it begins, from 1 */
    struct bytes text;            /* all bytes of it, for digests */
};

struct yaml_reader;

/* Reads `content`, which must outlive the reader. NULL: out of memory. */
struct yaml_reader *yaml_reader_new(struct bytes content);
void yaml_reader_free(struct yaml_reader *reader); /* NULL is allowed */

/* The next document, its nodes in `arena`. ERROR_NOT_FOUND after the last one. Any other failure
 * fills `fault` and ends the file: ERROR_FORMAT (not YAML, a double key, an alias of a list or
 * map), ERROR_LIMIT (depth, nodes, keys; limits.h), ERROR_MEMORY (the arena is full). */
RESULT yaml_next(struct yaml_reader *reader, struct arena *arena,
                 struct yaml_document *ret_document, struct yaml_fault *fault);

/* The value under `key` of a map; NULL where there is none or `map` is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
bool yaml_is_scalar(const struct yaml_node *node);
/* The number of an integer or float; false for infinities, sexagesimals and all that is none. */
bool yaml_number(const struct yaml_node *node, double *ret_number);
/* "a map", "a list", "null", "a number", "text", ... */
const char *yaml_kind_name(enum yaml_kind kind);
