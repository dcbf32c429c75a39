// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A bundle: the one form in which content travels, read from bytes that nobody vouches for yet
 * (docs/format-content.md has it to the byte). Sources as people write them, the tests of the rules
 * and what the publisher promises about them; no compression, so that what is read is never larger
 * than what was checked, and so that the engine gets its pack as a view.
 *
 * bundle_open() believes nothing that it does not check: sizes, order and names of all files, the
 * counts stated in the head, that the kind may hold what is in there, and that this program is one
 * that can run it. What is stated about cost is a ceiling: it must be within this host's limits
 * here, and bundle_check_cost() holds the loaded engine to it.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "content/bundle_kind.h"
#include "engine/engine.h"
#include "engine/pack.h"

/* What the engine of this program can do, for bundles that need it. Raised whenever rules may say
 * something that older engines refuse or, worse, understand otherwise. */
enum { BUNDLE_ENGINE_LEVEL = 1 };

enum { BUNDLE_HEAD_BYTES = 160, BUNDLE_NAME_BYTES = 32 };

/* TARGET(id, number, word) */
#define BUNDLE_TARGETS(TARGET) \
    TARGET(ANY, 0, "any")      \
    TARGET(LINUX, 1, "linux")

enum bundle_target {
#define TARGET_ENUM(id, number, word) BUNDLE_TARGET_##id = (number),
    BUNDLE_TARGETS(TARGET_ENUM)
#undef TARGET_ENUM
};

/* Ceilings: an engine that has loaded it needs no more. */
struct bundle_cost {
    uint64_t steps;          /* of all rules: see engine_cost() */
    uint32_t steps_per_rule; /* at most LIMIT_RULE_STEPS */
    uint64_t memory_bytes;   /* of the loaded engine */
};

enum bundle_section {
    BUNDLE_MANIFEST,   /* content.yaml, as it is */
    BUNDLE_DETECTIONS, /* a pack: what the engine loads */
    BUNDLE_TESTS,      /* a pack: rules/x.tests.jsonl for rules/x.yml */
    BUNDLE_SETTINGS,   /* a pack: policy or probe set */
    BUNDLE_SECTION_COUNT
};

/* What the head says. */
struct bundle_facts {
    uint32_t kind;         /* enum bundle_kind */
    uint32_t schema;       /* version of the event schema that it was written against */
    uint32_t engine_level;
    uint32_t target;       /* enum bundle_target */
    uint64_t version;      /* at least 1; grows with each release of the name */
    char name[BUNDLE_NAME_BYTES];
    struct bundle_cost cost;
};

struct bundle {
    struct bundle_facts facts;
    size_t size;
    uint32_t file_counts[BUNDLE_SECTION_COUNT]; /* 1 for the manifest */
    uint64_t source_bytes; /* contents of all files, the manifest's included */
    struct bytes sections[BUNDLE_SECTION_COUNT]; /* views; size 0: there are no such files */
};

/* `data` must outlive the bundle. ERROR_FORMAT: malformed; ERROR_LIMIT: over a limit of this host;
 * ERROR_UNSUPPORTED: for a newer program or another target. Always with `why`. */
RESULT bundle_open(const void *data, size_t size, struct bundle *ret_bundle,
                   struct explanation *why);

/* ERROR_LIMIT, with `why`, where the engine that loaded a bundle of rules and nothing else needs
 * more than is stated. Other kinds state no cost: they add to rules that others brought, within the
 * limits of the host. */
RESULT bundle_check_cost(const struct bundle *bundle, const struct engine *engine,
                         struct explanation *why);

/* All files of a section but the manifest, in order: for pack_reader_next(), which gives
 * ERROR_NOT_FOUND behind the last and nothing else after bundle_open(). */
struct pack_reader bundle_files(const struct bundle *bundle, enum bundle_section section);

/* What a file in a bundle may be called: components of a-z, A-Z, 0-9 and "._+ -" that begin with
 * none of ". " and are at least one byte long, with "/" between them. */
bool bundle_path_is_valid(struct bytes path);
/* The section that a file of this kind of release belongs in by its name; false: in none. */
bool bundle_path_section(uint32_t kind, struct bytes path, enum bundle_section *ret_section);

/* The folders of sources that some kind may have: "rules", ... ; NULL behind the last. */
const char *bundle_folder(size_t index);

const char *bundle_target_word(uint32_t target); /* NULL for a number that is none */
bool bundle_name_is_valid(const char *name); /* a to z, 0 to 9, "._-"; not first "." or "-" */

/* The head as bytes, for who writes one; see bundle_build.h. */
RESULT bundle_write_head(const struct bundle *bundle, struct writer *writer);
