// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_sources.h"

#include "base/bytes.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

/* --- what was read ---------------------------------------------------------------------------- */

RESULT bundle_sources_add(struct bundle_sources *sources, const char *name, void *data, size_t size)
{
    if (sources->count == sources->capacity) {
        size_t capacity = sources->capacity == 0 ? 64 : 2 * sources->capacity;
        struct bundle_source *files = reallocarray(sources->files, capacity, sizeof *files);
        if (files == NULL)
            return result_fail(ERROR_MEMORY);
        sources->files = files;
        sources->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    sources->files[sources->count++] = (struct bundle_source){copy, data, size};
    return RESULT_OK;
}

void bundle_sources_free(struct bundle_sources *sources)
{
    if (sources == NULL)
        return;
    for (size_t i = 0; i < sources->count; i++) {
        free(sources->files[i].name);
        free(sources->files[i].data);
    }
    free(sources->files);
    free(sources);
}

/* --- from sources to sections ----------------------------------------------------------------- */

struct build {
    struct bundle_manifest manifest;
    struct bundle bundle;
    struct pack_writer *packs[BUNDLE_SECTION_COUNT];
    uint8_t *data[BUNDLE_SECTION_COUNT]; /* finished packs */
};

static bool is_ignored(const struct bundle_manifest *manifest, const char *name)
{
    for (size_t i = 0; i < manifest->ignored_count; i++) {
        if (string_equal(manifest->ignored[i], name))
            return true;
    }
    return false;
}

static RESULT read_manifest(struct build *build, const struct bundle_sources *sources,
                            struct explanation *why)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct bundle_source *file = &sources->files[i];
        if (!string_equal(file->name, BUNDLE_MANIFEST_FILE))
            continue;
        struct bytes text = {file->data, file->size};
        GUARD(bundle_manifest_read(text, &build->manifest, why));
        build->bundle.facts = build->manifest.facts;
        build->bundle.sections[BUNDLE_MANIFEST] = text;
        build->bundle.file_counts[BUNDLE_MANIFEST] = 1;
        build->bundle.source_bytes = file->size;
        return RESULT_OK;
    }
    return explain(why, ERROR_NOT_FOUND, "there is no " BUNDLE_MANIFEST_FILE " in the folder");
}

static RESULT add_file(struct build *build, const struct bundle_source *file,
                       struct explanation *why)
{
    enum bundle_section section;
    struct bytes name = {(const uint8_t *)file->name, strlen(file->name)};
    if (!bundle_path_is_valid(name))
        return explain(why, ERROR_FORMAT,
                       "%s: names of files may have letters, digits, blanks and \"._+-\", and "
                       "begin with none of \". \"",
                       file->name);
    if (file->data == NULL)
        return explain(why, ERROR_FORMAT,
                       "%s has no place in a bundle: name it under \"ignore\" in "
                       BUNDLE_MANIFEST_FILE ", or move it",
                       file->name);
    if (!bundle_path_section(build->bundle.facts.kind, name, &section))
        return explain(why, ERROR_FORMAT,
                       "%s has no place in a bundle of kind %s: expected *.yml, *.yaml and beside "
                       "rules *.tests.jsonl, in the folders that this kind has",
                       file->name, bundle_kind_word(build->bundle.facts.kind));
    if (build->packs[section] == NULL)
        build->packs[section] = pack_writer_new();
    struct result result = build->packs[section] == NULL
                               ? result_fail(ERROR_MEMORY)
                               : pack_writer_add(build->packs[section], file->name, file->data,
                                                 file->size);
    if (result.error == ERROR_LIMIT)
        return explain(why, ERROR_LIMIT,
                       "%s does not fit in: a file has at most %d bytes, a bundle %d files and %d "
                       "bytes",
                       file->name, LIMIT_RULE_FILE_BYTES, LIMIT_RULE_FILES, LIMIT_BUNDLE_BYTES);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s cannot be added: %s", file->name,
                       result_text(result));
    build->bundle.file_counts[section]++;
    build->bundle.source_bytes += file->size;
    return RESULT_OK;
}

static RESULT add_files(struct build *build, const struct bundle_sources *sources,
                        struct explanation *why)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct bundle_source *file = &sources->files[i];
        if (!string_equal(file->name, BUNDLE_MANIFEST_FILE)
            && !is_ignored(&build->manifest, file->name))
            GUARD(add_file(build, file, why));
    }
    return RESULT_OK;
}

static RESULT finish_packs(struct build *build, struct explanation *why)
{
    build->bundle.size = BUNDLE_HEAD_BYTES + build->bundle.sections[BUNDLE_MANIFEST].size;
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        struct bytes *section = &build->bundle.sections[i];
        if (build->packs[i] == NULL)
            continue;
        if (!result_is_ok(pack_writer_finish(build->packs[i], &build->data[i], &section->size)))
            return explain(why, ERROR_MEMORY, "memory is out");
        section->data = build->data[i];
        build->bundle.size += section->size;
    }
    return RESULT_OK;
}

/* --- and to bytes ----------------------------------------------------------------------------- */

static RESULT write_bundle(const struct build *build, struct writer *writer)
{
    GUARD(bundle_write_head(&build->bundle, writer));
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        struct bytes section = build->bundle.sections[i];
        if (section.size > 0)
            GUARD(writer_copy(writer, section.data, section.size));
    }
    return RESULT_OK;
}

static RESULT assemble(struct build *build, const struct bundle_sources *sources,
                       uint8_t **ret_data, struct explanation *why)
{
    GUARD(read_manifest(build, sources, why));
    GUARD(add_files(build, sources, why));
    GUARD(finish_packs(build, why));
    if (build->bundle.size > LIMIT_BUNDLE_BYTES)
        return explain(why, ERROR_LIMIT, "the bundle would have %zu bytes, at most %d are allowed",
                       build->bundle.size, LIMIT_BUNDLE_BYTES);
    uint8_t *data = malloc(build->bundle.size);
    if (data == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct writer writer = writer_of(data, build->bundle.size);
    struct result result = write_bundle(build, &writer);
    /* What hosts would refuse is not written in the first place. */
    struct bundle seen;
    if (result_is_ok(result))
        result = bundle_open(data, build->bundle.size, &seen, why);
    if (result_is_ok(result))
        *ret_data = data;
    else
        free(data);
    return result;
}

RESULT bundle_build(const struct bundle_sources *sources, uint8_t **ret_data, size_t *ret_size,
                    struct explanation *why)
{
    struct build *build = calloc(1, sizeof *build);
    if (build == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = assemble(build, sources, ret_data, why);
    if (result_is_ok(result))
        *ret_size = build->bundle.size;
    for (size_t i = 0; i < BUNDLE_SECTION_COUNT; i++) {
        pack_writer_free(build->packs[i]);
        free(build->data[i]);
    }
    free(build);
    return result;
}
