// SPDX-License-Identifier: Apache-2.0
#include "content/content_settings.h"

#include "base/bytes.h"
#include "engine/yaml_tree.h"

enum { SETTINGS_ENTRIES_MAX = 10000 };

struct settings {
    const char *key; /* "disabled" */
    content_take_id *take;
    void *context;
    struct bytes file;
};

#define AT "%.*s:%u: "
#define PLACE(settings, line) (int)(settings)->file.size, (const char *)(settings)->file.data, line

static RESULT read_document(const struct settings *settings, const struct yaml_node *root,
                            struct explanation *why)
{
    const struct yaml_node *list = root != NULL ? yaml_get(root, settings->key) : NULL;
    if (list == NULL || list->kind != YAML_LIST || root->count != 1)
        return explain(why, ERROR_FORMAT, AT "expected \"%s:\" with a list, and nothing else",
                       PLACE(settings, root != NULL ? root->line : 1), settings->key);
    if (list->count > SETTINGS_ENTRIES_MAX)
        return explain(why, ERROR_LIMIT, AT "the list has more than %d entries",
                       PLACE(settings, list->line), SETTINGS_ENTRIES_MAX);
    for (const struct yaml_node *item = list->first; item != NULL; item = item->next) {
        struct explanation said = {""};
        if (!yaml_is_scalar(item) || item->size == 0)
            return explain(why, ERROR_FORMAT, AT "expected one word", PLACE(settings, item->line));
        struct result result = settings->take(settings->context, item->text, &said);
        if (!result_is_ok(result))
            return explain(why, result.error, AT "%s", PLACE(settings, item->line), said.text);
    }
    return RESULT_OK;
}

static RESULT read_file(const struct settings *settings, struct bytes content,
                        struct explanation *why)
{
    struct arena *arena = arena_new(LIMIT_RULE_PARSE_BYTES);
    struct yaml_reader *reader = yaml_reader_new(content);
    struct yaml_document document = {.root = NULL};
    struct yaml_fault fault = {.line = 1};
    struct result result = result_fail(ERROR_MEMORY);
    if (arena != NULL && reader != NULL)
        result = yaml_next(reader, arena, &document, &fault);
    if (result_is_ok(result) || result.error == ERROR_NOT_FOUND)
        result = read_document(settings, document.root, why);
    else
        result = explain(why, result.error, AT "%s", PLACE(settings, fault.line),
                         result.error == ERROR_MEMORY ? "memory is out" : fault.why.text);
    yaml_reader_free(reader);
    arena_free(arena);
    return result;
}

static RESULT read_all(const struct bundle *bundle, struct settings *settings,
                       struct explanation *why)
{
    struct pack_reader files = bundle_files(bundle, BUNDLE_SETTINGS);
    struct pack_file file;
    while (result_is_ok(pack_reader_next(&files, &file))) {
        settings->file = file.name;
        GUARD(read_file(settings, file.content, why));
    }
    return RESULT_OK;
}

/* --- policy ----------------------------------------------------------------------------------- */

RESULT content_policy_read(const struct bundle *bundle, content_take_id *take, void *context,
                           struct explanation *why)
{
    struct settings settings = {.key = "disabled", .take = take, .context = context};
    if (bundle->facts.kind != BUNDLE_POLICY)
        return explain(why, ERROR_STATE, "this bundle is no policy");
    return read_all(bundle, &settings, why);
}

struct policy {
    struct engine *engine;
    bool (*is_exempt)(const struct engine_rule *rule);
    size_t off;
    size_t unknown;
};

static RESULT switch_off(void *context, const char *id, struct explanation *why)
{
    struct policy *policy = context;
    (void)why;
    bool is_known = false;
    for (size_t i = 0; i < engine_rule_count(policy->engine); i++) {
        const struct engine_rule *rule = engine_rule(policy->engine, i);
        if (!string_equal(rule->id, id))
            continue;
        is_known = true;
        bool is_exempt = policy->is_exempt != NULL && policy->is_exempt(rule);
        if (!rule->is_disabled && !is_exempt)
            policy->off += engine_rule_disable(policy->engine, rule->digest, true);
    }
    policy->unknown += !is_known;
    return RESULT_OK;
}

RESULT content_policy_apply(const struct bundle *bundle, struct engine *engine,
                            bool (*is_exempt)(const struct engine_rule *rule),
                            size_t *ret_off, size_t *ret_unknown, struct explanation *why)
{
    struct policy policy = {.engine = engine, .is_exempt = is_exempt};
    GUARD(content_policy_read(bundle, switch_off, &policy, why));
    *ret_off = policy.off;
    *ret_unknown = policy.unknown;
    return RESULT_OK;
}

/* --- probes ----------------------------------------------------------------------------------- */

static const char *const PROBE_NAMES[PROBE_COUNT] = {
#define PROBE(id, program, how, target, shows, is_required, doc) #id,
#include "sensor/probes.def"
};

static RESULT add_probe(void *context, const char *id, struct explanation *why)
{
    struct probe_set *probes = context;
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        if (string_equal(PROBE_NAMES[i], id)) {
            probe_set_add(probes, i);
            return RESULT_OK;
        }
    }
    return explain(why, ERROR_UNSUPPORTED, "this version of Creance has no probe \"%s\"", id);
}

RESULT content_probes_read(const struct bundle *bundle, struct probe_set *ret_probes,
                           struct explanation *why)
{
    struct probe_set probes = PROBE_SET_NONE;
    struct settings settings = {.key = "probes", .take = add_probe, .context = &probes};
    if (bundle->facts.kind != BUNDLE_PROBES)
        return explain(why, ERROR_STATE, "this bundle is no probe set");
    GUARD(read_all(bundle, &settings, why));
    if (probe_set_is_empty(&probes))
        return explain(why, ERROR_FORMAT, "a probe set without a probe would make hosts blind");
    *ret_probes = probes;
    return RESULT_OK;
}
