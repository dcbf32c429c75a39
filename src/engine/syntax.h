// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One Sigma rule as a syntax tree, in an arena: what detection.c, value.c and condition.c make of
 * a YAML document and compile.c turns into the flat form that is evaluated.
 */
#include "base/limits.h"
#include "engine/yaml_tree.h"

/* A Sigma string: its bytes, and wildcards as units above them. */
enum {
    UNIT_ANY = 0x100,  /* '*': any bytes, also none */
    UNIT_ONE = 0x101,  /* '?': one code point */
    UNIT_DASH = 0x102, /* windash: '-', '/', or one of three longer dashes */
};
struct sigma_text {
    uint16_t *units;
    size_t count;
};

enum leaf_kind {
    LEAF_TEXT,     /* the value is like one of texts */
    LEAF_REGEX,    /* the regular expression `expression` is found in the value */
    LEAF_CIDR,     /* the value is an address of the network */
    LEAF_COMPARE,  /* the value is a number below, above ... `number` */
    LEAF_EXISTS,   /* the field is there */
    LEAF_NULL,     /* the field is not there, or null */
    LEAF_FIELDREF, /* the value is like that of field `expression` */
    LEAF_TIME,     /* part of a time stamp equals `number` */
};
enum compare_kind { COMPARE_LT, COMPARE_LTE, COMPARE_GT, COMPARE_GTE };
enum time_part { TIME_MINUTE, TIME_HOUR, TIME_DAY, TIME_WEEK, TIME_MONTH, TIME_YEAR };
enum {
    REGEX_IGNORES_CASE = 1 << 0,
    REGEX_IS_MULTILINE = 1 << 1,
    REGEX_DOT_IS_ALL = 1 << 2,
};
/* How the value of a LEAF_FIELDREF must lie in the field's. */
enum { FIELDREF_OPEN_START = 1 << 0, FIELDREF_OPEN_END = 1 << 1 };

struct network {
    uint8_t address[16]; /* IPv4 in the first four bytes */
    uint8_t prefix_bits;
    bool is_v6;
};

struct leaf {
    enum leaf_kind kind;
    const char *field; /* NULL: a keyword, looked for in every value */
    unsigned line;
    bool is_cased;
    struct sigma_text *texts;
    size_t text_count;
    const char *expression;
    unsigned flags; /* REGEX_ or FIELDREF_ */
    struct network network;
    enum compare_kind compare;
    enum time_part part;
    double number;
    uint32_t compiled; /* compile.c: row of the program + 1, so that it is compiled once */
};

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_LEAF };

/* AND and OR have one or more children, NOT has one. Detections that a condition names several
 * times are shared: this is a graph without cycles. */
struct node {
    enum node_kind kind;
    struct leaf *leaf;
    const struct node **children;
    size_t count;
};

struct detection {
    const char *name;
    const struct node *node;
};

struct rule {
    const char *id; /* these are never NULL */
    const char *title;
    const char *level;
    const char *status;
    const char **tags;
    size_t tag_count;
    const char *product;
    const char *category;
    const char *service;
    const struct node *condition;
    bool is_keyword_only; /* no field is named at all */
};

/* What is wrong with a rule. */
struct rule_fault {
    unsigned line;
    const char *field; /* detection or field that it is about; in the arena; "" if none */
    struct explanation why;
};

/* What the parts of the parser share. */
struct parse_context {
    struct arena *arena;
    struct rule_fault *fault;
    const char *field; /* being read, for faults */
    size_t value_count;
    bool names_field;
};

/* Fills the fault of the context with place and reason; returns result_fail(error). */
#define parse_fault(context, error, line, ...) \
    explain(parse_place(context, line), error, __VA_ARGS__)
/* Notes the place and the field that is being read; returns where the reason belongs. */
struct explanation *parse_place(struct parse_context *context, unsigned line);

static inline RESULT parse_out_of_memory(struct parse_context *context, unsigned line)
{
    return parse_fault(context, ERROR_MEMORY, line,
                       "the rule needs more memory than one rule may have (%d MiB)",
                       (int)(LIMIT_RULE_PARSE_BYTES / MIB));
}

/* A new node with room for `count` children; NULL when the arena is full. */
struct node *node_new(struct arena *arena, enum node_kind kind, size_t count);

/* rule.c: one document. On failure fault is filled, and the words of the rule (id, title ...) as
 * far as they could be read. */
RESULT rule_parse(const struct yaml_document *document, struct arena *arena, struct rule *ret_rule,
                  struct rule_fault *fault);

/* detection.c: the value of one key of `detection`. */
RESULT detection_parse(struct parse_context *context, const struct yaml_node *yaml,
                       const struct node **ret_node);

/* value.c: one `field|modifier...: value` item. `key` is the whole key, or "" for keywords. */
RESULT item_parse(struct parse_context *context, const char *key, const struct yaml_node *value,
                  const struct node **ret_node);

/* condition.c */
RESULT condition_parse(struct parse_context *context, const struct yaml_node *yaml,
                       const struct detection *detections, size_t count,
                       const struct node **ret_node);
