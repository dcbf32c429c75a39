// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_manifest.h"

#include "base/bytes.h"
#include "engine/yaml_tree.h"
#include "schema/schema.h"

enum {
    DEFAULT_LOAD_MS = 10000,
    PER_MILLION = 1000000,
    MANIFEST_PARSE_BYTES = 4 * MIB,
};

/* For explanations: "content.yaml:3". */
#define AT BUNDLE_MANIFEST_FILE ":%u: "

static RESULT read_number(const struct yaml_node *node, uint64_t limit, uint64_t *out,
                          struct explanation *why)
{
    if (node->kind != YAML_INTEGER || !result_is_ok(number_parse(node->text, limit, out)))
        return explain(why, ERROR_FORMAT, AT "%s must be a whole number up to %llu", node->line,
                       node->key->text, (unsigned long long)limit);
    return RESULT_OK;
}

/* Each reads the value of one key. */
typedef struct result read_key(const struct yaml_node *node, struct bundle_manifest *manifest,
                               struct explanation *why);

static RESULT read_name(const struct yaml_node *node, struct bundle_manifest *manifest,
                        struct explanation *why)
{
    if (node->kind != YAML_STRING || !bundle_name_is_valid(node->text))
        return explain(why, ERROR_FORMAT,
                       AT "name must be 1 to %d of a to z, 0 to 9 and \"._-\"", node->line,
                       BUNDLE_NAME_BYTES - 1);
    (void)string_copy(manifest->facts.name, sizeof manifest->facts.name, node->text);
    return RESULT_OK;
}

static RESULT read_kind(const struct yaml_node *node, struct bundle_manifest *manifest,
                        struct explanation *why)
{
#define KIND_MATCH(id, number, word, doc) \
    if (string_equal(node->text, word))   \
        manifest->facts.kind = (number);
    BUNDLE_KINDS(KIND_MATCH)
#undef KIND_MATCH
    if (manifest->facts.kind == 0)
        return explain(why, ERROR_FORMAT,
                       AT "kind must be rules, exceptions, ioc, policy or probes", node->line);
    return RESULT_OK;
}

static RESULT read_version(const struct yaml_node *node, struct bundle_manifest *manifest,
                           struct explanation *why)
{
    GUARD(read_number(node, INT64_MAX, &manifest->facts.version, why));
    if (manifest->facts.version == 0)
        return explain(why, ERROR_FORMAT, AT "version must be at least 1", node->line);
    return RESULT_OK;
}

static RESULT read_target(const struct yaml_node *node, struct bundle_manifest *manifest,
                          struct explanation *why)
{
#define TARGET_MATCH(id, number, word)           \
    if (string_equal(node->text, word)) {        \
        manifest->facts.target = (number);       \
        return RESULT_OK;                        \
    }
    BUNDLE_TARGETS(TARGET_MATCH)
#undef TARGET_MATCH
    return explain(why, ERROR_FORMAT, AT "target must be any or linux", node->line);
}

static RESULT read_engine_level(const struct yaml_node *node, struct bundle_manifest *manifest,
                                struct explanation *why)
{
    uint64_t level;
    GUARD(read_number(node, BUNDLE_ENGINE_LEVEL, &level, why));
    manifest->facts.engine_level = (uint32_t)level;
    return RESULT_OK;
}

static RESULT read_schema(const struct yaml_node *node, struct bundle_manifest *manifest,
                          struct explanation *why)
{
    uint64_t schema;
    GUARD(read_number(node, SCHEMA_VERSION, &schema, why));
    manifest->facts.schema = (uint32_t)schema;
    return RESULT_OK;
}

static RESULT read_steps(const struct yaml_node *node, struct bundle_manifest *manifest,
                         struct explanation *why)
{
    return read_number(node, LIMIT_BUNDLE_STEPS, &manifest->facts.cost.steps, why);
}

static RESULT read_steps_per_rule(const struct yaml_node *node, struct bundle_manifest *manifest,
                                  struct explanation *why)
{
    uint64_t steps;
    GUARD(read_number(node, LIMIT_RULE_STEPS, &steps, why));
    manifest->facts.cost.steps_per_rule = (uint32_t)steps;
    return RESULT_OK;
}

static RESULT read_memory(const struct yaml_node *node, struct bundle_manifest *manifest,
                          struct explanation *why)
{
    uint64_t mib;
    GUARD(read_number(node, LIMIT_ENGINE_BYTES / MIB, &mib, why));
    manifest->facts.cost.memory_bytes = mib * MIB;
    return RESULT_OK;
}

static RESULT read_load(const struct yaml_node *node, struct bundle_manifest *manifest,
                        struct explanation *why)
{
    uint64_t load_ms;
    GUARD(read_number(node, PER_MILLION, &load_ms, why));
    manifest->load_ms_max = (uint32_t)load_ms;
    return RESULT_OK;
}

static RESULT read_false_positives(const struct yaml_node *node, struct bundle_manifest *manifest,
                                   struct explanation *why)
{
    uint64_t count;
    GUARD(read_number(node, PER_MILLION, &count, why));
    manifest->false_positives_per_million = (uint32_t)count;
    return RESULT_OK;
}

static RESULT read_ignored(const struct yaml_node *node, struct bundle_manifest *manifest,
                           struct explanation *why)
{
    if (node->kind != YAML_LIST || node->count > MANIFEST_IGNORED_MAX)
        return explain(why, ERROR_FORMAT, AT "ignore must be a list of at most %d names",
                       node->line, MANIFEST_IGNORED_MAX);
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next) {
        if (!yaml_is_scalar(item)
            || !string_copy(manifest->ignored[manifest->ignored_count], MANIFEST_WORD_BYTES,
                            item->text))
            return explain(why, ERROR_FORMAT, AT "ignore takes names of files and folders",
                           item->line);
        manifest->ignored_count++;
    }
    return RESULT_OK;
}

static const struct {
    const char *key;
    read_key *read;
    bool is_required;
} KEYS[] = {
    {"name", read_name, true},
    {"kind", read_kind, true},
    {"version", read_version, true},
    {"target", read_target, false},
    {"engine_level", read_engine_level, true},
    {"schema", read_schema, true},
    {"steps", read_steps, true},
    {"steps_per_rule", read_steps_per_rule, true},
    {"memory_mib", read_memory, true},
    {"load_ms", read_load, false},
    {"false_positives_per_million", read_false_positives, false},
    {"ignore", read_ignored, false},
};
enum { KEY_COUNT = sizeof KEYS / sizeof KEYS[0] };

static RESULT read_pair(const struct yaml_node *node, struct bundle_manifest *manifest,
                        unsigned *seen, struct explanation *why)
{
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        if (node->key != NULL && string_equal(node->key->text, KEYS[i].key)) {
            *seen |= 1u << i;
            return KEYS[i].read(node, manifest, why);
        }
    }
    return explain(why, ERROR_FORMAT, AT "%s: there is no such setting", node->line,
                   node->key != NULL ? node->key->text : "?");
}

static RESULT read_root(const struct yaml_node *root, struct bundle_manifest *manifest,
                        struct explanation *why)
{
    unsigned seen = 0;
    if (root == NULL || root->kind != YAML_MAP)
        return explain(why, ERROR_FORMAT, BUNDLE_MANIFEST_FILE ":1: expected \"name: ...\" and so "
                                                               "on");
    for (const struct yaml_node *node = root->first; node != NULL; node = node->next)
        GUARD(read_pair(node, manifest, &seen, why));
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        /* Ceilings are about rules: what holds none states none. */
        bool is_needed = KEYS[i].is_required
                         && (manifest->facts.kind == BUNDLE_RULES || KEYS[i].read == read_name
                             || KEYS[i].read == read_kind || KEYS[i].read == read_version
                             || KEYS[i].read == read_schema || KEYS[i].read == read_engine_level);
        if (is_needed && (seen >> i & 1) == 0)
            return explain(why, ERROR_FORMAT, BUNDLE_MANIFEST_FILE ":1: \"%s\" is missing",
                           KEYS[i].key);
    }
    return RESULT_OK;
}

RESULT bundle_manifest_read(struct bytes text, struct bundle_manifest *ret_manifest,
                            struct explanation *why)
{
    struct bundle_manifest manifest = {.load_ms_max = DEFAULT_LOAD_MS};
    if (text.size > LIMIT_MANIFEST_BYTES)
        return explain(why, ERROR_LIMIT, BUNDLE_MANIFEST_FILE " is larger than %d bytes",
                       LIMIT_MANIFEST_BYTES);
    struct arena *arena = arena_new(MANIFEST_PARSE_BYTES);
    struct yaml_reader *reader = yaml_reader_new(text);
    struct yaml_document document = {.root = NULL};
    struct yaml_fault fault = {.line = 1};
    struct result result = result_fail(ERROR_MEMORY);
    if (arena != NULL && reader != NULL)
        result = yaml_next(reader, arena, &document, &fault);
    if (result_is_ok(result) || result.error == ERROR_NOT_FOUND)
        result = read_root(document.root, &manifest, why);
    else if (result.error == ERROR_MEMORY)
        result = explain(why, ERROR_MEMORY, BUNDLE_MANIFEST_FILE ": memory is out");
    else
        result = explain(why, result.error, AT "%s", fault.line, fault.why.text);
    yaml_reader_free(reader);
    arena_free(arena);
    if (result_is_ok(result))
        *ret_manifest = manifest;
    return result;
}
