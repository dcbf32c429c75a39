// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_join.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/pack.h"

#include <string.h>

struct source {
    const char *prefix;
    size_t prefix_size;
    struct pack_reader pack;
    struct pack_file file; /* the next one; content.data NULL behind the last */
};

struct join {
    struct source sources[BUNDLE_PACKS_MAX];
    size_t count;
    uint32_t files; /* in all packs */
};

static RESULT step(struct source *source, struct explanation *why)
{
    struct result result = pack_reader_next(&source->pack, &source->file);
    if (result.error == ERROR_NOT_FOUND)
        source->file = (struct pack_file){.content = {NULL, 0}};
    else if (!result_is_ok(result))
        return explain(why, ERROR_FORMAT, "the rules of \"%s\" are malformed", source->prefix);
    return RESULT_OK;
}

static RESULT open_all(const struct bundle_pack *packs, size_t count, struct join *join,
                       struct explanation *why)
{
    *join = (struct join){.count = count};
    if (count > BUNDLE_PACKS_MAX)
        return explain(why, ERROR_LIMIT, "more than %d sets of rules", BUNDLE_PACKS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct source *source = &join->sources[i];
        source->prefix = packs[i].prefix;
        source->prefix_size = strlen(packs[i].prefix);
        if (packs[i].pack.size == 0)
            continue;
        if (!result_is_ok(pack_reader_open(packs[i].pack.data, packs[i].pack.size, &source->pack)))
            return explain(why, ERROR_FORMAT, "the rules of \"%s\" are malformed", source->prefix);
        if (source->pack.left > LIMIT_RULE_FILES - join->files)
            return explain(why, ERROR_LIMIT, "more than %d rule files", LIMIT_RULE_FILES);
        join->files += source->pack.left;
        GUARD(step(source, why));
    }
    return RESULT_OK;
}

/* Byte `at` of prefix and name as one text; -1 behind its end. */
static int byte_at(const struct source *source, size_t at)
{
    if (at < source->prefix_size)
        return (uint8_t)source->prefix[at];
    at -= source->prefix_size;
    return at < source->file.name.size ? source->file.name.data[at] : -1;
}

static int compare(const struct source *a, const struct source *b)
{
    size_t at = 0;
    while (byte_at(a, at) == byte_at(b, at) && byte_at(a, at) >= 0)
        at++;
    return byte_at(a, at) - byte_at(b, at);
}

/* The source with the next file; NULL: there is none. ERROR_FORMAT: two have the same name. */
static RESULT find_next(struct join *join, struct source **ret_source, struct explanation *why)
{
    struct source *next = NULL;
    for (size_t i = 0; i < join->count; i++) {
        struct source *source = &join->sources[i];
        if (source->file.content.data == NULL)
            continue;
        int order = next == NULL ? -1 : compare(source, next);
        if (order == 0)
            return explain(why, ERROR_FORMAT, "two rule files are called %s%.*s", source->prefix,
                           (int)source->file.name.size, (const char *)source->file.name.data);
        if (order < 0)
            next = source;
    }
    *ret_source = next;
    return RESULT_OK;
}

static RESULT write_file(const struct source *source, struct writer *writer)
{
    size_t name_size = source->prefix_size + source->file.name.size;
    if (name_size > LIMIT_PATH_BYTES)
        return result_fail(ERROR_LIMIT);
    GUARD(writer_u32(writer, (uint32_t)name_size));
    GUARD(writer_copy(writer, source->prefix, source->prefix_size));
    GUARD(writer_copy(writer, source->file.name.data, source->file.name.size));
    return writer_sized(writer, source->file.content.data, source->file.content.size);
}

RESULT bundle_join_size(const struct bundle_pack *packs, size_t count, size_t *ret_size,
                        struct explanation *why)
{
    struct join join;
    size_t size = PACK_HEAD_BYTES;
    GUARD(open_all(packs, count, &join, why));
    for (size_t i = 0; i < count; i++) {
        if (packs[i].pack.size > 0)
            size += packs[i].pack.size - PACK_HEAD_BYTES
                    + join.sources[i].prefix_size
                          * (join.sources[i].pack.left
                             + (join.sources[i].file.content.data != NULL ? 1u : 0u));
    }
    if (size > LIMIT_RULE_PACK_BYTES)
        return explain(why, ERROR_LIMIT, "all rules together have %zu bytes, at most %d are "
                                         "allowed",
                       size, LIMIT_RULE_PACK_BYTES);
    *ret_size = size;
    return RESULT_OK;
}

RESULT bundle_join(const struct bundle_pack *packs, size_t count, uint8_t *out, size_t capacity,
                   size_t *ret_size, struct explanation *why)
{
    struct join join;
    struct source *next;
    GUARD(open_all(packs, count, &join, why));
    struct writer writer = writer_of(out, capacity);
    struct result result = pack_write_head(&writer, join.files);
    while (result_is_ok(result)) {
        GUARD(find_next(&join, &next, why));
        if (next == NULL)
            break;
        result = write_file(next, &writer);
        if (result_is_ok(result))
            GUARD(step(next, why));
    }
    if (!result_is_ok(result))
        return explain(why, result.error, "the rules do not fit into %zu bytes", capacity);
    *ret_size = writer.at;
    return RESULT_OK;
}
