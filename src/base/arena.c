// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include "base/bytes.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

struct block {
    struct block *next;
    size_t capacity;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

struct arena {
    struct block *blocks; /* the newest first */
    size_t limit;
    size_t reserved; /* capacity of all blocks */
    size_t used;
};

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *arena = calloc(1, sizeof *arena);
    if (arena != NULL)
        arena->limit = limit_bytes;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    free_blocks(arena->blocks);
    free(arena);
}

static struct block *add_block(struct arena *arena, size_t at_least)
{
    size_t left = arena->limit - arena->reserved;
    if (at_least > left)
        return NULL;
    size_t capacity = at_least > BLOCK_BYTES ? at_least : BLOCK_BYTES;
    if (capacity > left)
        capacity = left;
    struct block *block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    *block = (struct block){.next = arena->blocks, .capacity = capacity};
    arena->blocks = block;
    arena->reserved += capacity;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t alignment = alignof(max_align_t);
    if (size > SIZE_MAX - alignment)
        return NULL;
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    struct block *block = arena->blocks;
    if (block == NULL || block->capacity - block->used < rounded)
        block = add_block(arena, rounded);
    if (block == NULL)
        return NULL;
    void *memory = block->data + block->used;
    block->used += rounded;
    arena->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
}

char *arena_copy(struct arena *arena, const void *data, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, size + 1);
    if (copy != NULL)
        bytes_copy(copy, size + 1, data, size);
    return copy;
}

size_t arena_used(const struct arena *arena) { return arena->used; }

void arena_reset(struct arena *arena)
{
    struct block *kept = arena->blocks;
    if (kept == NULL)
        return;
    free_blocks(kept->next);
    kept->next = NULL;
    kept->used = 0;
    arena->reserved = kept->capacity;
    arena->used = 0;
}
