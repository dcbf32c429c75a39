// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One Sigma rule as a syntax tree, in an arena: what detection.c, value.c and condition.c make of
 * a YAML document and compile.c turns into the flat form that is evaluated.
 */
#include "base/limits.h"
#include "engine/yaml_tree.h"

#include <stdint.h>

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
    LEAF_RULE,     /* of correlations: rule `position` of those named was seen */
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
    uint32_t position;
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
    const struct node *shown; /* of an AND: the child that witnesses were taken from, or NULL */
};

struct detection {
    const char *name;
    const struct node *node;
};

/* The words around rules, correlations and filters. */
struct words {
    const char *id; /* these are never NULL */
    const char *name;
    const char *title;
    const char *level;
    const char *status;
    const char **tags;
    size_t tag_count;
    unsigned attributes; /* enum engine_attribute */
    const char *product;
    const char *category;
    const char *service;
};

struct rule {
    struct words words;
    const struct node *condition;
    bool is_keyword_only; /* no field is named at all */
};

/* What an exception takes away from the rules that it names, or from all of its log source. */
struct filter {
    struct words words;
    const char **rules; /* ids or names */
    size_t rule_count;  /* 0: any rule */
    const struct node *condition;
};

enum correlation_type {
    CORRELATION_EVENT_COUNT,
    CORRELATION_VALUE_COUNT,
    CORRELATION_TEMPORAL,
    CORRELATION_TEMPORAL_ORDERED,
    CORRELATION_VALUE_SUM,
    CORRELATION_VALUE_AVG,
    CORRELATION_VALUE_PERCENTILE,
    CORRELATION_VALUE_MEDIAN,
    CORRELATION_TYPES
};
enum threshold_kind {
    THRESHOLD_LT,
    THRESHOLD_LTE,
    THRESHOLD_GT,
    THRESHOLD_GTE,
    THRESHOLD_EQ,
    THRESHOLD_NEQ,
    THRESHOLD_KINDS
};
enum { MAX_THRESHOLDS = 3 };
struct threshold {
    enum threshold_kind kind;
    double number;
};

/* What `alias` is called in the events of rule `rule`. */
struct alias_field {
    const char *alias;
    const char *rule;
    const char *field;
};

struct correlation {
    struct words words;
    unsigned line; /* of the section */
    enum correlation_type type;
    const char **rules; /* ids or names */
    size_t rule_count;
    const char **group_by; /* fields or aliases */
    size_t group_count;
    const char **fields; /* whose values are counted or summed up */
    size_t field_count;
    struct alias_field *aliases;
    size_t alias_count;
    uint64_t span_ns;
    struct threshold thresholds[MAX_THRESHOLDS]; /* all must hold */
    size_t threshold_count;
    double percentile;            /* below 0: none is given */
    const struct node *condition; /* over LEAF_RULEs; NULL: thresholds count */
    bool generates;               /* the rules report for themselves too */
};

/* The values that a word between percent signs stands for. */
struct placeholder {
    const char *name;
    const char **values;
    size_t value_count;
};
struct placeholders {
    const struct placeholder *items;
    size_t count;
};

struct mappings; /* engine/mapping.h */

/* What is wrong with a rule. */
struct rule_fault {
    unsigned line;
    const char *field; /* detection or field that it is about; in the arena; "" if none */
    struct explanation why;
};

/* What the parts of the parser share. */
struct parse_context {
    struct arena *arena;
    const struct placeholders *placeholders;
    const struct mappings *mappings; /* of names of fields; NULL: none */
    const char *file;                /* that is being read */
    const struct words *words;       /* of its document: the log source */
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

/* What a document is, by the section that only its kind has. */
enum document_kind {
    DOCUMENT_RULE,
    DOCUMENT_CORRELATION,
    DOCUMENT_FILTER,
    DOCUMENT_PLACEHOLDERS,
    DOCUMENT_FIELD_NAMES, /* a map of what events call fields to what rules call them */
    DOCUMENT_FIELD_MAPPING, /* what rules call fields, and what we call them: mapping.h */
};
enum document_kind document_kind(const struct yaml_document *document);

/* rule.c: one document. On failure the fault of the context is filled, and the words of the rule
 * (id, title ...) as far as they could be read. */
RESULT rule_parse(struct parse_context *context, const struct yaml_document *document,
                  struct rule *ret_rule);
/* filter.c */
RESULT filter_parse(struct parse_context *context, const struct yaml_document *document,
                    struct filter *ret_filter);

/* correlation_rule.c */
RESULT correlation_parse(struct parse_context *context, const struct yaml_document *document,
                         struct correlation *ret_correlation);

/* Parts of documents, all in rule.c. No words yet: */
extern const struct words NO_WORDS;
/* Title, id, level ... of a document that must be a map with a title. */
RESULT words_parse(struct parse_context *context, const struct yaml_document *document,
                   struct words *words);
/* An attribute of a map that must be one value; "" where it is absent. */
RESULT word_parse(struct parse_context *context, const struct yaml_node *map, const char *key,
                  const char **ret_word);
RESULT log_source_parse(struct parse_context *context, const struct yaml_node *root,
                        struct words *words);
/* The named detections of a map and the condition over them; `skipped` is one more key that is no
 * detection, or "". */
RESULT detections_parse(struct parse_context *context, const struct yaml_node *map,
                        const char *skipped, const struct node **ret_condition);

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
