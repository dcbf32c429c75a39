// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Sigma rules and events as a reference sees them: plain trees, made at random (generate.c),
 * written down as YAML and JSON for the engine (write.c), and judged by the letter of the
 * specification (judge.c, regex.c): slow, without any cleverness, and without a line of the
 * engine's.
 *
 * Specification: sigma-specification 2.1, "Sigma rules" and "Modifiers appendix". Where it leaves
 * something open, the choice stands as a comment in judge.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --- texts: code points, and two wildcards above them ---------------------------------------- */

enum { ANY = 0x110000, ONE = 0x110001, TEXT_UNITS = 60 };
struct text {
    uint32_t units[TEXT_UNITS];
    size_t count;
};

/* --- regular expressions --------------------------------------------------------------------- */

enum { REGEX_NODES = 24, REGEX_BRANCHES = 4, CLASS_CHARACTERS = 4 };
enum regex_kind { REGEX_CHARACTER, REGEX_DOT, REGEX_CLASS, REGEX_GROUP, REGEX_BEGIN, REGEX_END };
struct regex_node {
    enum regex_kind kind;
    uint32_t characters[CLASS_CHARACTERS];
    size_t character_count;
    bool is_negated;
    /* of a group: alternatives, each a run of nodes by index */
    size_t branches[REGEX_BRANCHES][REGEX_BRANCHES];
    size_t branch_sizes[REGEX_BRANCHES];
    size_t branch_count;
    unsigned least, most; /* how often; most UNLIMITED: any number */
};
enum { UNLIMITED = 1000 };
struct regex {
    struct regex_node nodes[REGEX_NODES]; /* the first is the whole, a group */
    size_t count;
    bool ignores_case, is_multiline, dot_is_all;
};

/* --- rules ----------------------------------------------------------------------------------- */

enum operation {
    IS_TEXT, /* plain, or with contains, startswith, endswith, windash, encodings */
    IS_REGEX,
    IS_NETWORK,
    IS_COMPARED,
    IS_THERE,
    IS_FIELD,
    IS_TIME,
    OPERATION_COUNT
};
enum place { WHOLE, CONTAINS, STARTSWITH, ENDSWITH };
enum encoding { PLAIN, WIDE, UTF16BE, UTF16 };
enum base64 { NO_BASE64, BASE64, BASE64_OFFSET };
enum comparison { LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL };
enum time_part { MINUTE, HOUR, DAY, WEEK, MONTH, YEAR };

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_BOOLEAN, VALUE_NULL };
struct value {
    enum value_kind kind;
    struct text text;
    long number; /* also of a boolean */
};

enum { FIELD_KEYWORD = -1, TEST_FIELD_COUNT = 7, VALUES = 4, ITEMS = 3, MAPS = 2, SELECTIONS = 4 };
struct item {
    int field; /* FIELD_KEYWORD: looked for in every value */
    enum operation operation;
    enum place place;
    enum encoding encoding;
    enum base64 base64;
    enum comparison comparison;
    enum time_part part;
    bool is_cased, is_windash, is_all, is_not, is_expanded;
    struct value values[VALUES];
    size_t value_count;
    struct regex regex;
    uint8_t address[16];
    bool is_v6;
    unsigned prefix;
    int other_field;
};
struct selection {
    const char *name;
    bool is_keywords;              /* one item, without a field */
    struct item maps[MAPS][ITEMS]; /* maps are alternatives; all items of one must hold */
    size_t map_sizes[MAPS];
    size_t map_count;
};

enum condition_kind { CONDITION_NAME, CONDITION_OF, CONDITION_NOT, CONDITION_AND, CONDITION_OR };
enum { CONDITIONS = 8 };
struct condition {
    enum condition_kind kind;
    size_t selection;    /* of CONDITION_NAME */
    const char *pattern; /* of CONDITION_OF: "them" or with '*' */
    bool is_all;         /* all of ..., else 1 of ... */
    size_t left, right;  /* by index */
};
struct rule {
    struct selection selections[SELECTIONS];
    size_t selection_count;
    struct condition conditions[CONDITIONS];
    size_t condition_count;
    size_t root;
};

/* --- events ---------------------------------------------------------------------------------- */

struct field {
    struct value values[2]; /* alternatives; none: the field is absent */
    size_t count;
};
struct test_event {
    struct field fields[TEST_FIELD_COUNT];
};
extern const char *const FIELD_NAMES[TEST_FIELD_COUNT];
/* What the fields hold: texts, numbers, addresses or times. */
enum {
    FIELD_TEXT = 0,
    FIELD_TEXTS = 3,
    FIELD_NUMBER = 3,
    FIELD_ADDRESS = 4,
    FIELD_TIME = 5,
    FIELD_RARE = 6
};

/* The placeholder %word% stands for these: see write.c. */
enum { WORDS = 2 };
extern const char *const PLACEHOLDER_VALUES[WORDS];

/* --- what is done with them ------------------------------------------------------------------ */

void random_begin(uint64_t seed);
unsigned pick(unsigned limit); /* below it */

void make_rule(struct rule *ret_rule);
void make_event(struct test_event *ret_event);
void make_regex(struct regex *ret_regex);

void write_rule(FILE *out, const struct rule *rule);
void write_placeholders(FILE *out);
void write_event(FILE *out, const struct test_event *event);
void write_regex(FILE *out, const struct regex *regex);
void write_code_point(FILE *out, uint32_t code_point); /* UTF-8 */

bool judge(const struct rule *rule, const struct test_event *event);
/* Whether it is found anywhere in the text. */
bool regex_is_found(const struct regex *regex, const struct text *text);
uint32_t fold(uint32_t code_point);
/* Bytes of a text without wildcards in an encoding; returns how many. */
size_t encode(const struct text *text, enum encoding encoding, uint8_t *out);
/* Base64 without line breaks, padded; returns how many characters. */
size_t to_base64(const uint8_t *bytes, size_t size, char *out);
