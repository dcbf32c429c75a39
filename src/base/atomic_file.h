// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Small files that are whole or not there, also when the power fails at any instruction: written
 * under another name, fsync, rename, fsync of the folder. When a call returns RESULT_OK, what it
 * did has reached the disk. One writer per folder at a time; readers need no lock.
 *
 * `folder` is a descriptor; names have no slash, and no symbolic link is followed.
 */
#include "base/limits.h"
#include "base/result.h"

#include <stdint.h>
#include <sys/types.h>

/* Makes the file or replaces it. `name` has at most 200 bytes. What an interrupted call left
 * behind (".NAME.new") is overwritten by the next one. */
RESULT atomic_file_write(int folder, const char *name, const void *data, size_t size, mode_t mode,
                         struct explanation *why);

/* A whole regular file. ERROR_NOT_FOUND: there is none; ERROR_LIMIT: it has more than `capacity`
 * bytes; ERROR_UNSUPPORTED: it is no regular file. */
RESULT atomic_file_read(int folder, const char *name, void *out, size_t capacity,
                        size_t *ret_size, struct explanation *why);

/* The same for a file that is open already (`name` is for messages): links were followed by whoever
 * opened it. */
RESULT atomic_file_read_open(int file, const char *name, void *out, size_t capacity,
                             size_t *ret_size, struct explanation *why);

/* The folder that `path` (of any kind, without a slash at its end) lies in, and its name there, a
 * view into `path`. */
RESULT atomic_parent_open(const char *path, int *ret_folder, const char **ret_name,
                          struct explanation *why);

/* The path of that folder: "." where `path` names none. */
RESULT atomic_parent_path(const char *path, char out[LIMIT_PATH_BYTES], struct explanation *why);

/* The folder `name` in `folder`, made where it is absent; its entry has reached the disk. */
RESULT atomic_folder_open(int folder, const char *name, mode_t mode, int *ret_folder,
                          struct explanation *why);

/* The same by a path, and locked until the descriptor is closed: ERROR_STATE where another process
 * has it so. */
RESULT atomic_folder_open_locked(const char *path, mode_t mode, int *ret_folder,
                                 struct explanation *why);
