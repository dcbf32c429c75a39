// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Memory that is given back all at once, with a limit. What parses content allocates from an
 * arena, so that hostile content meets the limit and not the host's memory.
 */
#include "base/result.h"

#include <stdint.h>

struct arena;

/* An empty arena that will hold at most `limit_bytes` in all. NULL when memory is out. */
struct arena *arena_new(size_t limit_bytes);
void arena_free(struct arena *arena); /* NULL is allowed */

/* Zeroed memory, aligned for any type; NULL when the limit or memory is exhausted. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;
/* count * size with an overflow check. */
void *arena_array(struct arena *arena, size_t count, size_t size) MUST_USE;
/* A copy of `size` bytes with a 0 behind it. */
char *arena_copy(struct arena *arena, const void *data, size_t size) MUST_USE;

size_t arena_used(const struct arena *arena);
/* Forgets everything that was allocated and keeps one block for reuse. */
void arena_reset(struct arena *arena);
