// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The flat form of all loaded rules: tables of small rows that name each other by index. There are
 * no pointers and no loops in it: an instruction may only jump forward, so the cost of a rule is
 * at most the number of its instructions and patterns, known before it runs.
 */
#include "base/arena.h"
#include "engine/syntax.h"
#include "engine/rows.h"
#include "schema/schema.h"

#include <hs.h>

#define NO_INDEX UINT32_MAX

/* --- conditions: one truth value, changed by each instruction in turn ------------------------- */

enum operation {
    OPERATION_LEAF,          /* value = leaf `operand` matches */
    OPERATION_NOT,           /* value = not value */
    OPERATION_JUMP_IF_TRUE,  /* to instruction `operand` of the rule, further on */
    OPERATION_JUMP_IF_FALSE,
};
struct instruction {
    uint32_t operation; /* enum operation */
    uint32_t operand;
};

struct program_leaf {
    uint8_t kind; /* enum leaf_kind */
    uint8_t part; /* enum compare_kind or time_part, FIELDREF_ flags, TEXT_IS_ANCHORED */
    uint8_t is_cased;
    uint32_t slot;  /* NO_INDEX: every value of the event */
    uint32_t first; /* pattern; or row of regexes, networks or numbers; or slot of a FIELDREF */
    uint32_t count; /* of patterns; 1 for others */
};

/* Of a LEAF_TEXT: each of its patterns must lie at an end of the value, so that one comparison of
 * eight bytes decides nearly always. */
enum { TEXT_IS_ANCHORED = 1 };

/* --- texts ------------------------------------------------------------------------------------ */

enum pattern_kind {
    PATTERN_EXACT,
    PATTERN_PREFIX,
    PATTERN_SUFFIX,
    PATTERN_CONTAINS,
    PATTERN_GLOB, /* `text` and `size` count units, in the units table */
};
/* Grams: pairs of neighbouring bytes, thrown into GRAM_COUNT classes. A text can lie in a value
 * only where all classes of the text are among those of the value, which is quick to look up. */
enum {
    PATTERN_GRAMS = 4,
    GRAM_COUNT = 1024,
    GRAM_NONE = GRAM_COUNT, /* a class that every value has: of texts too short for a pair */
    GRAM_BYTES = GRAM_COUNT + 64,
};
struct pattern {
    uint8_t kind; /* enum pattern_kind */
    uint8_t is_cased;
    uint32_t text; /* first byte in the bytes table */
    uint32_t size;
    uint16_t grams[PATTERN_GRAMS]; /* the rarest first */
    uint64_t word; /* the first or last 8 bytes of the text, and which of them count */
    uint64_t mask;
};

static inline unsigned gram_of_pair(uint16_t pair) { return (pair * 0x9E3779B1u) >> 22; }
static inline unsigned gram_of(uint8_t first, uint8_t second)
{
    return gram_of_pair((uint16_t)(first | (unsigned)second << 8));
}
_Static_assert(GRAM_COUNT == 1 << 10, "gram_of() gives 10 bits");

/* --- what must be found before a rule is worth evaluating ------------------------------------- */

struct witness {
    uint32_t slot;
    uint32_t text; /* in the bytes table; folded */
    uint16_t size;
    bool is_component; /* it is all of the value's last path component; else it lies anywhere */
};

struct log_source {
    const char *product; /* in the engine's arena; "" for any */
    const char *category;
    const char *service;
};

struct program_rule {
    uint32_t row;         /* of engine_rule() */
    uint32_t source;      /* of sources */
    uint32_t instruction; /* first */
    uint32_t instruction_count;
    uint8_t is_disabled;
    uint8_t is_keyword_only; /* names no field: what a line of text can match */
    uint8_t is_muted;    /* it speaks through correlations only */
    uint32_t link;       /* first; the correlations that it feeds */
    uint32_t link_count;
    uint32_t witness; /* first; one of them is in every event that the rule matches */
    uint32_t witness_count; /* 0: none is known, the rule is always evaluated */
};

/* --- correlations ----------------------------------------------------------------------------- */

/* Rules come first: each correlation stands behind those that feed it. */
struct program_correlation {
    uint32_t row; /* of engine_rule() */
    uint8_t type; /* enum correlation_type */
    uint8_t is_disabled;
    uint8_t is_muted;
    uint8_t generates;
    uint32_t rule_count;
    uint32_t group_count;
    uint32_t field_count;
    uint32_t link; /* first; the correlations that it feeds itself */
    uint32_t link_count;
    uint32_t key;  /* first of the correlator's key texts: group_count of them */
    uint32_t slot; /* first of link_slots: for each rule where group-by and fields are found */
    uint32_t instruction; /* condition over rules by position; count 0: thresholds */
    uint32_t instruction_count;
    uint32_t threshold_count;
    struct threshold thresholds[MAX_THRESHOLDS];
    double percentile; /* below 0: the share of the event's own value */
    uint64_t span_ns;
    uint8_t digest[32]; /* of its text and of all that feeds it: equal ones mean the same */
};

/* A rule, or correlation, feeds correlation `correlation` as the one at `position` of its list. */
struct link {
    uint32_t correlation;
    uint32_t position;
};
/* A link slot with this bit is no slot: the rest is the key text of the correlation that feeds. */
#define LINK_KEY (UINT32_C(1) << 31)

struct slot {
    const char *name;    /* as a rule first wrote it */
    uint32_t schema_field; /* enum event_field; NO_INDEX for fields that the schema does not know */
};

struct regex {
    const char *expression;
    uint32_t flags;
    uint32_t pattern; /* a text that every match holds; NO_INDEX: none is known */
    hs_database_t *database;
};

/* A name under which events may supply a slot. */
struct name_row {
    const char *name; /* NULL: free */
    uint32_t hash;
    uint32_t slot; /* NO_INDEX: it only has a role */
    uint16_t size;
    uint8_t role;      /* enum name_role */
    uint8_t time_rank; /* of ROLE_TIME: which of several is taken */
};

/* What a name of a JSON event says beside being a field. */
enum name_role {
    ROLE_NONE,
    ROLE_PRODUCT,
    ROLE_CATEGORY,
    ROLE_SERVICE,
    ROLE_ECS_CATEGORY,
    ROLE_ECS_ACTION,
    ROLE_TIME,
};

/* Names that begin with `front` stand for what is left behind it, with `field` in front of that. */
struct name_front {
    const char *front;
    size_t size;
    const char *field;
    size_t field_size;
};

struct program {
    struct budget budget;
    struct arena *arena;    /* names */
    struct rows rules;     /* struct program_rule */
    struct rows instructions;
    struct rows leaves;    /* struct program_leaf */
    struct rows patterns;
    struct rows firsts;    /* uint16_t: the first gram of each pattern */
    struct rows bytes;
    struct rows units;     /* uint16_t */
    struct rows networks;  /* struct network */
    struct rows numbers;   /* double */
    struct rows regexes;
    struct rows slots;
    struct rows witnesses;
    struct rows sources;   /* struct log_source */
    struct rows fronts;    /* struct name_front */
    struct rows correlations; /* struct program_correlation */
    struct rows links;
    struct rows link_slots; /* uint32_t */
    uint32_t key_count;     /* key texts of all correlations */
    struct name_row *names; /* hash table */
    size_t name_capacity;   /* a power of two */
    size_t name_count;
    uint32_t native_slots[FIELD_COUNT];
    bool has_keywords;      /* some leaf looks at every value */
    bool has_scanner;       /* this CPU can run Vectorscan */
};

RESULT program_init(struct program *program, size_t limit_bytes);
void program_free(struct program *program);

/* Appends a parsed rule. ERROR_UNSUPPORTED or ERROR_LIMIT, with `fault`, costs this rule only;
 * ERROR_MEMORY means that the budget of all rules is spent. Rows that a refused rule leaves behind
 * are never reached. `scratch` is for what lasts no longer than the call. */
RESULT program_add(struct program *program, const struct rule *rule, uint32_t row,
                   struct arena *scratch, struct rule_fault *fault);

/* Compiles `condition` for the rules to which it will be joined, so that a fault in it costs nobody
 * else. */
RESULT program_try(struct program *program, const struct node *condition, struct arena *scratch,
                   struct rule_fault *fault);
/* Appends the instructions of a condition over LEAF_RULEs. */
RESULT program_add_expression(struct program *program, const struct node *condition,
                              struct arena *scratch, struct rule_fault *fault,
                              struct program_correlation *correlation);
/* Decides again who reports for itself, after something was switched off or on. */
void program_mute(struct program *program);

/* A name with all that is known of it, for who brings a whole table. */
RESULT program_add_name_row(struct program *program, const struct name_row *row);

/* The slot for a field name, made when there is none yet. */
RESULT program_slot(struct program *program, const char *name, uint32_t *ret_slot);
/* From now on events may call `field` by `name`; see struct engine_alias. Called when all rules
 * have been added. */
RESULT program_alias(struct program *program, const char *name, const char *field);
/* What is known of a name; NULL: nothing. Names that begin like a foreign one are not looked at. */
const struct name_row *program_find_name(const struct program *program, const char *name,
                                         size_t size);
/* Gives a name its role, beside the slot that it may have. */
RESULT program_add_role(struct program *program, const char *name, enum name_role role,
                        uint8_t time_rank);
/* NO_INDEX when no rule names it, by that name or another. */
uint32_t program_find_slot(const struct program *program, const char *name, size_t size);

uint32_t program_hash(const void *data, size_t size);

/* witness.c: fills the witnesses of `rule`, and notes in each `and` of its condition from which
 * child they come. */
RESULT witness_choose(struct program *program, const struct node *condition,
                      struct program_rule *rule, struct arena *scratch);
/* The longest run of bytes that every match of a regular expression holds, as a text; empty where
 * there is none. false: the arena is full. */
bool witness_of_regex(const struct leaf *leaf, struct arena *scratch, struct sigma_text *out);

/* pattern.c */
struct folded_text {
    uint16_t *units; /* folded; ANYs at the ends removed */
    size_t count;
    bool is_open_start; /* there was an ANY */
    bool is_open_end;
    bool has_wildcard; /* inside */
    size_t run; /* the longest run of plain bytes: its start */
    size_t run_size;
};
/* false: the arena is full */
bool text_fold(struct arena *arena, const struct sigma_text *text, bool is_cased,
               struct folded_text *out);
RESULT pattern_add(struct program *program, const struct folded_text *text, bool is_cased,
                   struct pattern *out);
/* Chooses the grams of all patterns, the rarest among all texts, when the last one was added. */
RESULT pattern_choose_grams(struct program *program);
