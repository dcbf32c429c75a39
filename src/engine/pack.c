// SPDX-License-Identifier: Apache-2.0
#include "engine/pack.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

static const char MAGIC[] = {'C', 'R', 'E', 'P', 'A', 'C', 'K', '1'};

enum { FIRST_CAPACITY = 64, FILE_OVERHEAD_BYTES = 8 };

struct source_file {
    char *name;
    uint8_t *data;
    size_t size;
};

struct pack_writer {
    struct source_file *files; /* sorted by name */
    size_t count;
    size_t capacity;
    size_t total_bytes; /* of the finished pack */
};

struct pack_writer *pack_writer_new(void)
{
    struct pack_writer *pack = calloc(1, sizeof *pack);
    if (pack != NULL)
        pack->total_bytes = sizeof MAGIC + sizeof(uint32_t);
    return pack;
}

void pack_writer_free(struct pack_writer *pack)
{
    if (pack == NULL)
        return;
    for (size_t i = 0; i < pack->count; i++) {
        free(pack->files[i].name);
        free(pack->files[i].data);
    }
    free(pack->files);
    free(pack);
}

/* Where `name` is or belongs; true when it is there. */
static bool find_file(const struct pack_writer *pack, const char *name, size_t *ret_at)
{
    size_t low = 0;
    size_t high = pack->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pack->files[middle].name, name);
        if (order == 0) {
            *ret_at = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_at = low;
    return false;
}

static RESULT make_room(struct pack_writer *pack)
{
    if (pack->count < pack->capacity)
        return RESULT_OK;
    size_t capacity = pack->capacity == 0 ? FIRST_CAPACITY : 2 * pack->capacity;
    struct source_file *files = reallocarray(pack->files, capacity, sizeof *files);
    if (files == NULL)
        return result_fail(ERROR_MEMORY);
    pack->files = files;
    pack->capacity = capacity;
    return RESULT_OK;
}

RESULT pack_writer_add(struct pack_writer *pack, const char *name, const void *data, size_t size)
{
    size_t name_size = strlen(name);
    if (pack->count >= LIMIT_RULE_FILES || size > LIMIT_RULE_FILE_BYTES
        || name_size > LIMIT_PATH_BYTES
        || size + name_size + FILE_OVERHEAD_BYTES > LIMIT_RULE_PACK_BYTES - pack->total_bytes)
        return result_fail(ERROR_LIMIT);
    size_t at;
    if (find_file(pack, name, &at))
        return result_fail(ERROR_STATE);
    GUARD(make_room(pack));

    struct source_file file = {.name = strdup(name), .data = malloc(size + 1), .size = size};
    if (file.name == NULL || file.data == NULL) {
        free(file.name);
        free(file.data);
        return result_fail(ERROR_MEMORY);
    }
    bytes_copy(file.data, size, data, size);
    for (size_t i = pack->count; i > at; i--)
        pack->files[i] = pack->files[i - 1];
    pack->files[at] = file;
    pack->count++;
    pack->total_bytes += size + name_size + FILE_OVERHEAD_BYTES;
    return RESULT_OK;
}

RESULT pack_write_head(struct writer *writer, uint32_t count)
{
    static_assert(sizeof MAGIC + sizeof count == PACK_HEAD_BYTES, "what pack.h says");
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    return writer_u32(writer, count);
}

static RESULT write_all(const struct pack_writer *pack, struct writer *writer)
{
    GUARD(pack_write_head(writer, (uint32_t)pack->count));
    for (size_t i = 0; i < pack->count; i++) {
        const struct source_file *file = &pack->files[i];
        GUARD(writer_sized(writer, file->name, strlen(file->name)));
        GUARD(writer_sized(writer, file->data, file->size));
    }
    return RESULT_OK;
}

RESULT pack_writer_finish(struct pack_writer *pack, uint8_t **ret_data, size_t *ret_size)
{
    uint8_t *data = malloc(pack->total_bytes);
    if (data == NULL)
        return result_fail(ERROR_MEMORY);
    struct writer writer = writer_of(data, pack->total_bytes);
    struct result result = write_all(pack, &writer);
    if (!result_is_ok(result)) {
        free(data);
        return result;
    }
    *ret_data = data;
    *ret_size = writer.at;
    return RESULT_OK;
}

RESULT pack_reader_open(const void *data, size_t size, struct pack_reader *ret_pack)
{
    struct reader reader = reader_of(data, size);
    struct bytes magic;
    uint32_t count;
    if (size > LIMIT_RULE_PACK_BYTES)
        return result_fail(ERROR_LIMIT);
    GUARD(reader_view(&reader, sizeof MAGIC, &magic));
    if (memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return result_fail(ERROR_FORMAT);
    GUARD(reader_u32(&reader, &count));
    if (count > LIMIT_RULE_FILES)
        return result_fail(ERROR_LIMIT);
    *ret_pack = (struct pack_reader){.reader = reader, .left = count};
    return RESULT_OK;
}

static bool is_behind(struct bytes previous, struct bytes name)
{
    size_t common = previous.size < name.size ? previous.size : name.size;
    int order = common == 0 ? 0 : memcmp(previous.data, name.data, common);
    return order < 0 || (order == 0 && previous.size < name.size);
}

RESULT pack_reader_next(struct pack_reader *pack, struct pack_file *ret_file)
{
    if (pack->left == 0) {
        GUARD(reader_end(&pack->reader));
        return result_fail(ERROR_NOT_FOUND);
    }
    struct pack_file file;
    struct reader reader = pack->reader;
    if (!result_is_ok(reader_sized(&reader, LIMIT_PATH_BYTES, &file.name))
        || !result_is_ok(reader_sized(&reader, LIMIT_RULE_FILE_BYTES, &file.content)))
        return result_fail(ERROR_FORMAT);
    /* One pack for one set of files: sorted, unique, and names that are C strings. */
    if (memchr(file.name.data, '\0', file.name.size) != NULL
        || (pack->previous.data != NULL && !is_behind(pack->previous, file.name)))
        return result_fail(ERROR_FORMAT);
    pack->reader = reader;
    pack->previous = file.name;
    pack->left--;
    *ret_file = file;
    return RESULT_OK;
}
