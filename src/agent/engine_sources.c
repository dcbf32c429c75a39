// SPDX-License-Identifier: Apache-2.0
#include "agent/engine_sources.h"

#include "agent/tripwires.h"
#include "base/bytes.h"
#include "content/content_settings.h"

#include <stdlib.h>
#include <string.h>

static bool begins_with(struct bytes name, const char *prefix)
{
    size_t size = strlen(prefix);
    return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

/* Adds all files but those that begin with `without`; NULL: all. */
static RESULT add_files(struct pack_writer *joined, struct pack_reader files, const char *prefix,
                        const char *without, struct explanation *why)
{
    for (;;) {
        struct pack_file file;
        char name[LIMIT_PATH_BYTES];
        struct result result = pack_reader_next(&files, &file);
        if (result.error == ERROR_NOT_FOUND)
            return RESULT_OK;
        if (!result_is_ok(result))
            return explain(why, result.error, "the pack of the rules is malformed");
        if (without != NULL && begins_with(file.name, without))
            continue;
        if (!string_format(name, sizeof name, "%s%.*s", prefix, (int)file.name.size,
                           (const char *)file.name.data))
            return explain(why, ERROR_LIMIT, "the name of a rule file is too long");
        result = pack_writer_add(joined, name, file.content.data, file.content.size);
        if (!result_is_ok(result))
            return explain(why, result.error, "cannot add %s to the rules: %s", name,
                           result_text(result));
    }
}

/* In force beside whatever release runs; the factory set has rules of its own for them. */
static RESULT add_tripwires(struct pack_writer *joined, struct explanation *why)
{
    size_t count;
    const struct tripwire *wires = tripwires(&count);
    for (size_t i = 0; i < count; i++) {
        struct result result =
            pack_writer_add(joined, wires[i].name, wires[i].rule, strlen(wires[i].rule));
        if (!result_is_ok(result))
            return explain(why, result.error, "cannot add the factory detections: %s",
                           result_text(result));
    }
    return RESULT_OK;
}

static RESULT add_host(struct pack_writer *joined, struct bytes pack, const char *without,
                       struct explanation *why)
{
    struct pack_reader files;
    struct result result = pack_reader_open(pack.data, pack.size, &files);
    if (!result_is_ok(result))
        return explain(why, result.error, "the pack of the rules is malformed");
    return add_files(joined, files, "", without, why);
}

static RESULT add_local(struct pack_writer *joined, struct bytes pack, struct explanation *why)
{
    GUARD(add_host(joined, pack, "vendor/", why));
    return add_tripwires(joined, why);
}

/* Of one kind; nothing where the set has none of it. */
static RESULT add_release(struct pack_writer *joined, const struct release_set *set, uint32_t kind,
                          const char *prefix, struct explanation *why)
{
    struct bytes data = set->bundles[bundle_kind_stream(kind)];
    struct bundle bundle;
    if (data.size == 0)
        return RESULT_OK;
    GUARD(bundle_open(data.data, data.size, &bundle, why));
    if (bundle.facts.kind != kind)
        return explain(why, ERROR_FORMAT, "a bundle of kind %s came in the place of one of kind %s",
                       bundle_kind_word(bundle.facts.kind), bundle_kind_word(kind));
    return add_files(joined, bundle_files(&bundle, BUNDLE_DETECTIONS), prefix, NULL, why);
}

static bool has_rules(const struct release_set *set)
{
    return set->bundles[bundle_kind_stream(BUNDLE_RULES)].size > 0;
}

static RESULT add_all(struct pack_writer *joined, const struct release_set *set, bool is_trial,
                      struct bytes pack, struct explanation *why)
{
    /* Of two sets of values with the same name the first is taken: the administrator's, then that
     * of the indicators, which are newer than what came with the rules. */
    GUARD(add_host(joined, pack, "vendor/", why));
    GUARD(add_release(joined, set, BUNDLE_IOC, "release-ioc/", why));
    if (!has_rules(set))
        GUARD(add_host(joined, pack, "local/", why));
    if (has_rules(set) || is_trial)
        GUARD(add_tripwires(joined, why));
    GUARD(add_release(joined, set, BUNDLE_RULES, "release/", why));
    return add_release(joined, set, BUNDLE_EXCEPTIONS, "release-exceptions/", why);
}

/* Takes the writer over. */
static RESULT finish(struct pack_writer *joined, struct result result, uint8_t **ret_pack,
                     size_t *ret_size, struct explanation *why)
{
    if (result_is_ok(result)) {
        result = pack_writer_finish(joined, ret_pack, ret_size);
        if (!result_is_ok(result))
            result = explain(why, result.error, "cannot join the rules: %s", result_text(result));
    }
    pack_writer_free(joined);
    return result;
}

static RESULT begin(struct pack_writer **ret_joined, struct explanation *why)
{
    *ret_joined = pack_writer_new();
    return *ret_joined != NULL ? RESULT_OK : explain(why, ERROR_MEMORY, "no memory for the rules");
}

RESULT engine_sources_join(const struct release_set *set, bool is_trial, struct bytes pack,
                           uint8_t **ret_pack, size_t *ret_size, struct explanation *why)
{
    struct pack_writer *joined;
    GUARD(begin(&joined, why));
    return finish(joined, add_all(joined, set, is_trial, pack, why), ret_pack, ret_size, why);
}

RESULT engine_sources_local(struct bytes pack, uint8_t **ret_pack, size_t *ret_size,
                            struct explanation *why)
{
    struct pack_writer *joined;
    GUARD(begin(&joined, why));
    return finish(joined, add_local(joined, pack, why), ret_pack, ret_size, why);
}

/* --- policy ----------------------------------------------------------------------------------- */

static bool is_beyond_policies(const struct engine_rule *rule)
{
    return string_starts_with(rule->file, "local/") || string_starts_with(rule->file, "factory/");
}

RESULT engine_sources_apply_policy(const struct release_set *set, struct engine *engine,
                                   size_t *ret_off, struct explanation *why)
{
    struct bytes data = set->bundles[bundle_kind_stream(BUNDLE_POLICY)];
    struct bundle bundle;
    size_t unknown; /* rules may come and go beside a policy */
    *ret_off = 0;
    if (data.size == 0)
        return RESULT_OK;
    GUARD(bundle_open(data.data, data.size, &bundle, why));
    return content_policy_apply(&bundle, engine, is_beyond_policies, ret_off, &unknown, why);
}
