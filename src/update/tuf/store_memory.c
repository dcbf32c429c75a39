// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/store_memory.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

struct memory_file {
    char *name;
    uint8_t *data;
    size_t size;
};

struct tuf_memory {
    struct memory_file *files;
    size_t count;
    size_t capacity;
};

struct tuf_memory *tuf_memory_new(void) { return calloc(1, sizeof(struct tuf_memory)); }

void tuf_memory_free(struct tuf_memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < memory->count; i++) {
        free(memory->files[i].name);
        free(memory->files[i].data);
    }
    free(memory->files);
    free(memory);
}

static struct memory_file *find(const struct tuf_memory *memory, const char *name)
{
    for (size_t i = 0; i < memory->count; i++)
        if (string_equal(memory->files[i].name, name))
            return &memory->files[i];
    return NULL;
}

static struct memory_file *add(struct tuf_memory *memory, const char *name)
{
    if (memory->count == memory->capacity) {
        size_t capacity = memory->capacity == 0 ? 8 : 2 * memory->capacity;
        struct memory_file *files = reallocarray(memory->files, capacity, sizeof *files);
        if (files == NULL)
            return NULL;
        memory->files = files;
        memory->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return NULL;
    memory->files[memory->count] = (struct memory_file){.name = copy};
    return &memory->files[memory->count++];
}

RESULT tuf_memory_put(struct tuf_memory *memory, const char *name, const void *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    struct memory_file *file = find(memory, name);
    if (copy != NULL && file == NULL)
        file = add(memory, name);
    if (copy == NULL || file == NULL) {
        free(copy);
        return result_fail(ERROR_MEMORY);
    }
    bytes_copy(copy, size + 1, data, size);
    free(file->data);
    file->data = copy;
    file->size = size;
    return RESULT_OK;
}

bool tuf_memory_get(const struct tuf_memory *memory, const char *name, const uint8_t **ret_data,
                    size_t *ret_size)
{
    const struct memory_file *file = find(memory, name);
    if (file == NULL)
        return false;
    *ret_data = file->data;
    *ret_size = file->size;
    return true;
}

const char *tuf_memory_name(const struct tuf_memory *memory, size_t index)
{
    return index < memory->count ? memory->files[index].name : NULL;
}

static struct result memory_load(void *context, const char *name, size_t bytes_max,
                                 uint8_t **ret_data, size_t *ret_size)
{
    const struct memory_file *file = find(context, name);
    if (file == NULL)
        return result_fail(ERROR_NOT_FOUND);
    if (file->size > bytes_max)
        return result_fail(ERROR_LIMIT);
    *ret_data = malloc(file->size + 1);
    if (*ret_data == NULL)
        return result_fail(ERROR_MEMORY);
    bytes_copy(*ret_data, file->size + 1, file->data, file->size);
    *ret_size = file->size;
    return RESULT_OK;
}

static struct result memory_save(void *context, const char *name, const void *data, size_t size)
{
    return tuf_memory_put(context, name, data, size);
}

static struct result memory_remove(void *context, const char *name)
{
    struct tuf_memory *memory = context;
    struct memory_file *file = find(memory, name);
    if (file == NULL)
        return RESULT_OK;
    free(file->name);
    free(file->data);
    *file = memory->files[--memory->count];
    return RESULT_OK;
}

struct tuf_store tuf_store_memory(struct tuf_memory *memory)
{
    return (struct tuf_store){memory_load, memory_save, memory_remove, memory};
}
