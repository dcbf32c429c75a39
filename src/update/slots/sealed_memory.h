// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Bytes that nobody can change any more, under a descriptor: first sealed, then verified, then
 * used, so that what was verified is what is used.
 */
#include "base/reader.h"

/* `size` bytes of new memory, mapped writable at *ret_data until it is sealed. */
RESULT sealed_memory_create(size_t size, int *ret_fd, uint8_t **ret_data);

/* Unmaps `data` and seals the memory for good. */
RESULT sealed_memory_seal(int fd, uint8_t *data, size_t size);

/* Unmaps and closes memory that shall not be sealed after all. */
void sealed_memory_discard(int fd, uint8_t *data, size_t size);

/* Maps it for reading; ERROR_STATE where it is not sealed, ERROR_LIMIT above `limit` bytes. */
RESULT sealed_memory_map(int fd, size_t limit, struct bytes *ret_view);
void sealed_memory_unmap(struct bytes view);
