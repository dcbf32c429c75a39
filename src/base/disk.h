// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Files of a folder behind a seam: what writes logs takes a `const struct disk *`; tests hand in
 * one that is full, read-only or cuts a write short. Names are file names without slashes; nothing
 * is ever opened outside of the folder and no symbolic link is followed.
 *
 * disk_system() with `context` NULL is the real thing; every call gives ERROR_SYSTEM with the errno
 * where the system refuses.
 */
#include "base/result.h"

#include <stdint.h>

struct disk {
    /* Opens for reading and appending and creates where absent (mode 0640); *ret_size is the size
     * that the file has. ERROR_UNSUPPORTED where the name is not a regular file. */
    struct result (*open)(void *context, int folder, const char *name, int *ret_file,
                          uint64_t *ret_size);
    void (*close)(void *context, int file);
    /* One write at the end; *ret_written may be smaller than `size`. */
    struct result (*append)(void *context, int file, const void *data, size_t size,
                            size_t *ret_written);
    struct result (*read)(void *context, int file, uint64_t at, void *data, size_t size,
                          size_t *ret_read);
    struct result (*truncate)(void *context, int file, uint64_t size);
    struct result (*rename)(void *context, int folder, const char *from, const char *to);
    /* The identity of what the name stands for now, to notice that somebody moved or deleted it. */
    struct result (*identity)(void *context, int folder, const char *name, uint64_t *ret_identity);
    struct result (*identity_open)(void *context, int file, uint64_t *ret_identity);
    struct result (*sync)(void *context, int file);
    void *context;
};

const struct disk *disk_system(void);
