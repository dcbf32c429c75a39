// SPDX-License-Identifier: Apache-2.0
#include "agent/release_set.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "update/slots/sealed_memory.h"

#include <string.h>

static const char MAGIC[8] = {'C', 'R', 'E', 'R', 'E', 'L', 'S', '1'};
static_assert(RELEASE_SET_BYTES_MAX > (int64_t)BUNDLE_ENGINE_KINDS * LIMIT_BUNDLE_BYTES,
              "the largest bundles of all kinds fit");
enum { HEAD_BYTES = sizeof MAGIC + BUNDLE_ENGINE_KINDS * sizeof(uint64_t) };

static RESULT write_set(const struct bytes *views, struct writer *writer)
{
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    for (size_t i = 0; i < BUNDLE_ENGINE_KINDS; i++)
        GUARD(writer_u64(writer, views[i].size));
    for (size_t i = 0; i < BUNDLE_ENGINE_KINDS; i++)
        if (views[i].size > 0)
            GUARD(writer_copy(writer, views[i].data, views[i].size));
    return RESULT_OK;
}

static RESULT seal_views(const struct bytes *views, size_t size, int *ret_sealed)
{
    uint8_t *data;
    GUARD(sealed_memory_create(size, ret_sealed, &data));
    struct writer writer = writer_of(data, size);
    struct result result = write_set(views, &writer);
    if (result_is_ok(result))
        return sealed_memory_seal(*ret_sealed, data, size);
    sealed_memory_discard(*ret_sealed, data, size);
    return result;
}

RESULT release_set_seal(const int releases[BUNDLE_ENGINE_KINDS], int *ret_sealed)
{
    struct bytes views[BUNDLE_ENGINE_KINDS] = {{NULL, 0}};
    struct result result = RESULT_OK;
    size_t size = HEAD_BYTES;
    *ret_sealed = -1;
    for (size_t i = 0; i < BUNDLE_ENGINE_KINDS && result_is_ok(result); i++) {
        if (releases[i] >= 0)
            result = sealed_memory_map(releases[i], LIMIT_BUNDLE_BYTES, &views[i]);
        size += views[i].size;
    }
    if (result_is_ok(result) && size > HEAD_BYTES)
        result = seal_views(views, size, ret_sealed);
    for (size_t i = 0; i < BUNDLE_ENGINE_KINDS; i++)
        sealed_memory_unmap(views[i]);
    return result;
}

RESULT release_set_open(struct bytes data, struct release_set *ret_set)
{
    *ret_set = (struct release_set){0};
    if (data.size == 0)
        return RESULT_OK;
    struct reader reader = reader_of(data.data, data.size);
    struct bytes magic;
    uint64_t sizes[BUNDLE_ENGINE_KINDS];
    GUARD(reader_view(&reader, sizeof MAGIC, &magic));
    if (memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return result_fail(ERROR_FORMAT);
    for (size_t i = 0; i < BUNDLE_ENGINE_KINDS; i++)
        GUARD(reader_u64(&reader, &sizes[i]));
    for (size_t i = 0; i < BUNDLE_ENGINE_KINDS; i++)
        GUARD(reader_view(&reader, (size_t)sizes[i], &ret_set->bundles[i]));
    return reader_end(&reader);
}
