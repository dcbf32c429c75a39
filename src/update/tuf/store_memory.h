// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Files by name in memory: a store that nobody needs to keep (a check, the simulator, tests). */
#include "update/tuf/client.h"

struct tuf_memory;

struct tuf_memory *tuf_memory_new(void); /* NULL: out of memory */
void tuf_memory_free(struct tuf_memory *memory); /* NULL is allowed */

/* Must not outlive `memory`. */
struct tuf_store tuf_store_memory(struct tuf_memory *memory);

/* Puts a copy of the file there, in place of one of that name. */
RESULT tuf_memory_put(struct tuf_memory *memory, const char *name, const void *data, size_t size);
/* False: there is none. The bytes are the memory's until the file changes. */
bool tuf_memory_get(const struct tuf_memory *memory, const char *name, const uint8_t **ret_data,
                    size_t *ret_size);
/* In no order; NULL behind the last. */
const char *tuf_memory_name(const struct tuf_memory *memory, size_t index);
