// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Memory that processes share by its descriptor: rings, tables, counter pages.
 */
#include "base/result.h"

/* `size` bytes of zeros in a memfd whose size is sealed, so that nobody who maps it can be cut off
 * by another (SIGBUS). `name` shows in /proc/PID/maps. */
RESULT shared_memory_create(const char *name, size_t size, int *ret_fd);

/* A read-only descriptor of the same memory: who has only that can never map it writable. */
RESULT shared_memory_reopen_readonly(int fd, int *ret_fd);
