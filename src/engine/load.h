// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the steps of loading share: setting.c reads what documents say about others, load.c makes
 * rows and rules, link.c ties correlations to their rules.
 */
#include "engine/engine_body.h"
#include "engine/mapping.h"
#include "engine/pack.h"
#include "engine/syntax.h"

#include <sha2.h>

struct digest {
    uint8_t bytes[32];
};

/* A filter document. They are read before all else, in the order of the pack. */
struct filter_row {
    struct filter filter;
    struct digest digest;
    struct rule_fault fault;
    bool is_faulty;
    uint32_t row; /* set when the document has its row */
    size_t applied;
};

struct pending_correlation {
    struct correlation correlation;
    uint32_t row;
    enum { PENDING_WAITS, PENDING_IS_OPEN, PENDING_IS_DONE } progress;
    uint32_t index; /* of program->correlations, where it is loaded */
};

struct loader {
    struct engine *engine;
    const struct engine_options *options;
    struct arena *scratch; /* one document */
    struct arena *lasting; /* filters, placeholders and correlations, until all is linked */
    struct budget budget;  /* of the tables below */
    const char *file;     /* being read: its name, */
    struct bytes content; /* and what is in it */
    struct rows placeholders; /* struct placeholder */
    struct placeholders known; /* the same, for parsers */
    struct digest placeholder_digest;
    struct rows mapping_rows; /* struct mapping */
    struct mappings mappings; /* the same, for parsers */
    struct digest mapping_digest;
    struct rows filters;      /* struct filter_row */
    uint32_t next_filter;     /* whose document comes next */
    struct rows lost;         /* struct bytes: settings that memory was out for */
    struct rows names;        /* struct engine_alias, from documents */
    struct rows correlations; /* struct pending_correlation */
    struct rows effective;    /* struct digest of each row with all that has a say in it */
};

/* --- setting.c -------------------------------------------------------------------------------- */

/* Fills placeholders, mappings and filters. Documents that are no YAML are left to load.c. */
RESULT setting_read(struct loader *loader, const void *pack, size_t size);
/* Whether a document is one that setting_read() had no memory for: it is not in force. */
bool setting_is_lost(const struct loader *loader, const struct yaml_document *document);
/* Joins all filters that are meant for a rule to its condition. */
RESULT setting_apply(struct loader *loader, struct rule *rule, SHA2_CTX *effective);
/* Says of filters that no rule was found for. */
RESULT setting_report(struct loader *loader);
/* Whether a file may hold a document with section `key`, by a look at its bytes: a key that is
 * indented is not seen. */
bool setting_has(struct bytes content, const char *key);

/* --- link.c ----------------------------------------------------------------------------------- */

/* Ties each pending correlation to its rules, or rejects it. */
RESULT link_correlations(struct loader *loader);

/* --- load.c ----------------------------------------------------------------------------------- */

/* Changes what is said about a row. */
RESULT loader_set_row(struct loader *loader, uint32_t row, enum engine_rule_state state,
                      unsigned line, const char *reason, const char *field);
/* What the parsers need; the fault is emptied. */
struct parse_context loader_context(struct loader *loader, struct arena *arena,
                                    struct rule_fault *fault);

/* Whether some kind of this host's events that a rule with this category sees has the field. */
bool load_is_field_supplied(const char *category, uint32_t field);

/* Reads a document once more, into the arena that stays until all is linked. Lines in it count from
 * `ret_offset` + 1. */
RESULT loader_reread(struct loader *loader, const struct yaml_document *document,
                     struct yaml_document *ret_copy, unsigned *ret_offset);

/* Calls `visit` for each file of a pack. ERROR_FORMAT where it is malformed. */
typedef RESULT loader_visit(struct loader *loader, const struct pack_file *file);
RESULT loader_each_file(struct loader *loader, const void *pack, size_t size,
                        loader_visit *visit);
