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

struct disk_look {
    uint64_t identity; /* other files of the same folder have another one */
    uint64_t size;
    uint32_t owner; /* user id */
    uint32_t mode;  /* permission bits */
};

struct disk {
    /* Opens for reading and appending and creates where absent (mode 0640). ERROR_UNSUPPORTED where
     * the name is not a regular file. */
    struct result (*open)(void *context, int folder, const char *name, int *ret_file);
    /* Opens an existing file for reading. */
    struct result (*open_read)(void *context, int folder, const char *name, int *ret_file);
    void (*close)(void *context, int file);
    /* One write at the end; *ret_written may be smaller than `size`. */
    struct result (*append)(void *context, int file, const void *data, size_t size,
                            size_t *ret_written);
    /* Reads what there is from `at`; *ret_read is 0 at the end. */
    struct result (*read)(void *context, int file, uint64_t at, void *data, size_t size,
                          size_t *ret_read);
    struct result (*truncate)(void *context, int file, uint64_t size);
    struct result (*rename)(void *context, int folder, const char *from, const char *to);
    struct result (*look)(void *context, int file, struct disk_look *ret_look);
    /* The same for what a name stands for now: ERROR_NOT_FOUND where it stands for nothing. */
    struct result (*look_at)(void *context, int folder, const char *name,
                             struct disk_look *ret_look);
    struct result (*sync)(void *context, int file);
    /* Names of the folder (what was created, renamed and removed) are on the disk. */
    struct result (*sync_folder)(void *context, int folder);
    struct result (*remove)(void *context, int folder, const char *name);
    /* Calls `visit` for each name of the folder but "." and "..", in no order. */
    struct result (*list)(void *context, int folder,
                          void (*visit)(void *visitor, const char *name), void *visitor);
    void *context;
};

const struct disk *disk_system(void);

/* Reads an open file from where it stands to its end, at most `capacity` bytes: give one more than
 * is wanted to see that there are more. */
RESULT disk_read_whole(int file, void *data, size_t capacity, size_t *ret_size);
