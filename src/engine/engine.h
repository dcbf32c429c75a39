// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The detection engine: Sigma rules in, matches out. A library without I/O: it opens nothing,
 * prints nothing and knows no process. The same code runs live, in `creance replay`, in
 * `creance rules check` and in every test.
 *
 *     pack of sources -> engine_load() -> engine -> engine_eval(event) -> sink(match)
 *
 * Specification: Sigma 2.1 (sigma-specification: rules, modifiers appendix, correlation rules,
 * filters), with what its branch for 2.2 adds.
 */
#include "base/reader.h"
#include "schema/event.h"

/* --- loading ---------------------------------------------------------------------------------- */

/* A log source that the caller can supply. Empty strings stand for "any other". */
struct engine_source {
    const char *product;  /* "linux" */
    const char *category; /* "process_creation" */
    const char *service;
};

/* What events call a field that rules know by another name. (A document with a section
 * `field-names` in the pack says the same: docs/rules.md.) A name that ends in '*' stands for all
 * that begin so: {"winlog.event_data.*", "*"} takes the front off. Rules that use the foreign name
 * themselves keep it. */
struct engine_alias {
    const char *name;  /* in events */
    const char *field; /* in rules; behind a name with '*': "*" or a front with '*' at its end */
};

/* What a word between percent signs stands for in values with the modifier `expand`; see also
 * documents with a section `placeholders` in the pack itself (docs/rules.md). */
struct engine_placeholder {
    const char *name; /* without the percent signs */
    const char **values;
    size_t value_count;
};

struct engine_options {
    /* Sources that exist here; rules for others become inactive. NULL: everything is supplied
     * (replay of recordings), keyword rules too. */
    const struct engine_source *sources;
    size_t source_count;
    const struct engine_alias *aliases;
    size_t alias_count;
    /* Fields that engine_event_text() can be asked for although no rule names them. */
    const char *const *fields;
    size_t field_count;
    const struct engine_placeholder *placeholders;
    size_t placeholder_count;
    size_t memory_limit_bytes; /* for all that is loaded; 0: LIMIT_ENGINE_BYTES */
    size_t correlation_bytes;  /* for what correlations remember; 0: LIMIT_CORRELATION_BYTES */
    /* As on a CPU that cannot run Vectorscan: every rule of a log source is evaluated for each of
     * its events, and rules with regular expressions are rejected. */
    bool is_without_scanner;
};

/* The sources of this host's own events, from the schema table: options->sources for live use. */
const struct engine_source *engine_native_sources(size_t *ret_count);

enum engine_rule_kind {
    ENGINE_KIND_RULE,
    ENGINE_KIND_CORRELATION,
    ENGINE_KIND_FILTER,       /* an exception, joined to the rules that it names */
    ENGINE_KIND_PLACEHOLDERS,
    ENGINE_KIND_FIELD_NAMES,  /* like options->aliases, from a file */
    ENGINE_KIND_FIELD_MAPPING, /* what rules of its folder call fields, and what we do */
};
enum engine_rule_state { ENGINE_RULE_LOADED, ENGINE_RULE_INACTIVE, ENGINE_RULE_REJECTED };

/* What else a document says about itself: bits of engine_rule.attributes. */
enum engine_attribute {
    ENGINE_HAS_DESCRIPTION = 1 << 0,
    ENGINE_HAS_AUTHOR = 1 << 1,
    ENGINE_HAS_DATE = 1 << 2,
    ENGINE_HAS_REFERENCES = 1 << 3,
    ENGINE_HAS_FALSEPOSITIVES = 1 << 4,
};

/* What became of one document of a source file. All strings live as long as the engine and are
 * never NULL. */
struct engine_rule {
    const char *file;     /* name in the pack */
    unsigned line;        /* where the problem is, or the document begins; from 1 */
    const char *id;       /* UUID of the rule; "" where it has none */
    const char *name;     /* what correlations may call it instead; "" where it has none */
    const char *title;
    const char *level;    /* "informational", "low", "medium", "high", "critical" or "" */
    const char *status;
    const char *product; /* what the rule's logsource says; "" where it does not */
    const char *category;
    const char *service;
    const char *const *tags; /* "attack.t1059.004", ... */
    size_t tag_count;
    unsigned attributes;
    uint8_t digest[32];   /* SHA-256 of the rule's document text: who changes a rule changes this */
    enum engine_rule_kind kind;
    enum engine_rule_state state;
    bool is_disabled;     /* by engine_rule_disable() */
    const char *reason;   /* why it is inactive or rejected: what was found, what was expected; of a
                             loaded rule: which field no event here has; "" where all is well */
    const char *field;    /* the detection or field the reason speaks of; "" where there is none */
};

struct engine;

/* Loads a pack (engine/pack.h) of Sigma sources. A faulty rule costs itself only: it becomes a
 * rejected row. Fails, with `why`, only where nothing can be loaded at all: the pack is malformed,
 * memory_limit_bytes is exceeded, or memory is out. `pack` is not needed after the call. */
RESULT engine_load(const struct engine_options *options, const void *pack, size_t size,
                   struct engine **ret_engine, struct explanation *why);
void engine_free(struct engine *engine); /* NULL is allowed */

size_t engine_rule_count(const struct engine *engine);
const struct engine_rule *engine_rule(const struct engine *engine, size_t index);
size_t engine_count_state(const struct engine *engine, enum engine_rule_state state);

/*
 * Correlations: rules about what other rules found. A match of one reaches the sink like any other,
 * with the event that completed it. Rules that feed one do not report for themselves unless some
 * correlation that they feed says `generate: true` (specification, "Generate"); where all of those
 * are rejected, inactive or switched off, they do.
 *
 * - Time is the event's (engine_event_time); where it is not known, the latest that was seen. The
 *   span slides: it ends with the event at hand and holds what is not older than `timespan`. An
 *   event older than that, seen from the newest of its group, counts as late and for nothing else.
 * - Groups: all group-by fields must be there; their texts are compared as they are, with case.
 * - A correlation is reported when its condition becomes true, and again only after it was false or
 *   all was forgotten. To a temporal correlation that it feeds it counts each time that it holds.
 * - One event that matches several rules of a correlation counts once for event_count and the
 *   value_ types, for each of its rules in temporal, and for one rule only in temporal_ordered.
 * - What is remembered has a limit (options->correlation_bytes); what was seen last longest ago is
 *   forgotten first, and counted.
 */
struct engine_correlation_counts {
    uint64_t groups;          /* remembered now */
    uint64_t events;          /* remembered now, over all groups */
    uint64_t limit_bytes;
    uint64_t evicted_groups;  /* forgotten for want of room although still in their time span */
    uint64_t evicted_events;  /* the same, with those of evicted groups */
    uint64_t late_events;
};
struct engine_correlation_counts engine_correlation_counts(const struct engine *engine);

/* Moves what `old` remembers to `engine`: for each correlation that is the same in both, with all
 * that feeds it (rules, filters, placeholders). To be called once, before `engine` judges its first
 * event; `old` may go on, and is not changed. */
void engine_adopt_state(struct engine *engine, const struct engine *old);

/* Calls `visit` for each field that a loaded rule asks for, by the name that it has here; often
 * more than once. `is_supplied`: some event of this host has it. Not for correlations. */
typedef void engine_field_visit(void *context, const char *field, bool is_supplied);
void engine_rule_fields(const struct engine *engine, size_t rule, engine_field_visit *visit,
                        void *context);

/*
 * What was compiled, as one block of bytes without pointers, so that an engine that is started
 * again need not compile. Only this build opens it; each index, jump and length in it is checked.
 * Its digest tells accidents, not people (the databases of regular expressions are Vectorscan's own
 * form): it may come only from who has held it since engine_save() (sealed memory of the
 * supervisor), never from a disk, a bundle or a network. What correlations remember is not in it.
 * ERROR_MEMORY; opening also ERROR_FORMAT (not ours, or not whole) and ERROR_UNSUPPORTED (another
 * build, or regular expressions where Vectorscan cannot run). Of `options` the limits count, and
 * is_without_scanner.
 */
RESULT engine_save(const struct engine *engine, uint8_t **ret_data, size_t *ret_size);
RESULT engine_open(const struct engine_options *options, const void *data, size_t size,
                   struct engine **ret_engine, struct explanation *why);

/* Switches every document with this digest off, or on again: it is not evaluated, as if it had no
 * log source. Returns how many there are; 0: none of this set. A new set begins with all switched
 * on: whoever keeps such a list applies it after engine_load(). */
size_t engine_rule_disable(struct engine *engine, const uint8_t digest[32], bool is_disabled);

/* What is loaded costs, known before anything runs: a step is an instruction or a comparison with
 * one text, so a rule takes at most its steps for an event with values of ordinary length; long
 * ones are counted again and again. */
struct engine_cost {
    uint64_t steps; /* of all rules */
    uint32_t steps_max; /* of the dearest one */
    size_t dearest;     /* for engine_rule(); 0 where there is none */
    uint64_t memory_bytes;
};
struct engine_cost engine_cost(const struct engine *engine);

/*
 * What rules cost in practice. One event in `every` is measured: each of its candidates by the
 * clock (nanoseconds of computing time; what it takes itself is subtracted). Matches are counted
 * always.
 * Off until engine_measure(), which begins anew; ERROR_MEMORY.
 */
typedef uint64_t engine_clock(void);
struct engine_account {
    uint64_t matches;
    uint64_t evaluations; /* in the measured events */
    uint64_t ns;          /* of those, without what the sink did */
};
struct engine_measured {
    uint64_t events;
    uint64_t measured; /* events */
    uint64_t ns;       /* of the measured events, all that the engine did */
    uint64_t scan_ns;  /* of that what it took to find the candidates */
};
RESULT engine_measure(struct engine *engine, unsigned every, engine_clock *clock);
struct engine_account engine_account(const struct engine *engine, size_t rule);
struct engine_measured engine_measured(const struct engine *engine);

/* --- events ----------------------------------------------------------------------------------- */

/* An event as rules see it: a log source and values under names. Made once and reused; nothing is
 * allocated per event once it has grown to its size. */
struct engine_event;
struct engine_event *engine_event_new(const struct engine *engine); /* NULL: out of memory */
void engine_event_free(struct engine_event *event);                 /* NULL is allowed */

/* Fills it from one of our own events; texts are viewed, not copied: `event` must stay. */
void engine_event_from_native(struct engine_event *out, const struct event *event);

/* Fills it from one line of JSON (an object): names as they are, nested objects as dotted names
 * too; `product`, `category`, `service` say the log source; ECS names that the schema knows answer
 * to their Sigma names as well; `@timestamp` and its relatives (event_time.c) say the time.
 * ERROR_FORMAT, with `why`, for what is not one JSON object. */
RESULT engine_event_from_json(struct engine_event *out, const char *line, size_t size,
                              struct explanation *why);

/*
 * Or fills it value by value, for readers of other logs:
 *
 *     engine_event_begin(event);
 *     engine_event_add_source(event, "windows", "process_creation", "sysmon");
 *     engine_event_add(event, "Image", text, size);
 *     engine_event_set_time(event, wall_ns);
 *
 * All texts are copied. Room grows as needed and is kept for the events that follow.
 */
void engine_event_begin(struct engine_event *out);
/* One more log source that the event belongs to; "" where it has no such word, "*" where it may be
 * any (a line of some text log): then only rules that look for keywords and nothing else see it.
 * After engine_event_from_json() too, beside what the line itself said. ERROR_LIMIT beyond
 * LIMIT_EVENT_SOURCES or with a word over LIMIT_NAME_BYTES; ERROR_MEMORY. */
RESULT engine_event_add_source(struct engine_event *out, const char *product, const char *category,
                               const char *service);
/* Forgets the log sources, for who knows better than the line of JSON. */
void engine_event_clear_sources(struct engine_event *out);
/* A value under a name as rules write it; several under one name are alternatives. Names that no
 * rule asks for cost a look-up only. ERROR_LIMIT beyond LIMIT_EVENT_VALUES values or
 * LIMIT_RECORD_LINE_BYTES of text; ERROR_MEMORY. The event stays usable with what it has. */
RESULT engine_event_add(struct engine_event *out, const char *name, const void *text, size_t size);
/* A name that is there without a value (JSON's null). Failures as above. */
RESULT engine_event_add_null(struct engine_event *out, const char *name);
/* When it happened, in nanoseconds since 1970; for this host's own events since boot, which nobody
 * can set. 0: not known. What correlations go by. */
void engine_event_set_time(struct engine_event *out, uint64_t time_ns);
uint64_t engine_event_time(const struct engine_event *event);
/* Reads RFC 3339 and its relatives (a blank for the T, no zone: UTC) and seconds, milliseconds,
 * microseconds or nanoseconds since 1970 by their size; false for anything else. */
bool engine_parse_time(const void *text, size_t size, uint64_t *ret_time_ns);

/* The first value under a name that a rule or options->fields has; false where there is none.
 * Lives until the event is filled anew. */
bool engine_event_text(const struct engine_event *event, const char *name, struct bytes *ret_text);

/* --- evaluation ------------------------------------------------------------------------------- */

/* Called for each rule that matched; `rule` is an index for engine_rule(). */
typedef void engine_sink(void *context, size_t rule);

struct engine_verdict {
    unsigned matches;
    unsigned candidates; /* rules that were evaluated */
    bool is_incomplete;  /* a step budget ended a rule (LIMIT_RULE_STEPS) or all (..EVALUATION..) */
};

/* Called before rule `rule` is evaluated; for the flight record. May be NULL. */
typedef void engine_tracer(void *context, size_t rule);

/* Judges one event. Never allocates, never fails; bounded by the step budget. */
struct engine_verdict engine_eval(struct engine *engine, const struct engine_event *event,
                                  engine_sink *sink, engine_tracer *tracer, void *context);
