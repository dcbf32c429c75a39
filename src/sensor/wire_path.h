// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Paths out of kernel records: components (see sensor/wire.h) become text. */
#include "base/reader.h"

/*
 * Writes the path that `components` (leaf first, each ended by a NUL) and `name` (may be empty)
 * mean: "/" + the components in their right order + "/" + name, with "", "." and ".." taken out by
 * their text alone (a symbolic link in front of ".." is not followed). Always ends with a NUL.
 * `out` has `capacity` bytes (at least 2); the length without the NUL goes to *length.
 * A component may hold slashes: memory files (memfd_create) have names that nobody checks, and one
 * must not be able to hide its exec. ERROR_FORMAT: components empty or not ended by a NUL.
 * ERROR_LIMIT: does not fit; `out` then holds what did, from the root.
 */
RESULT wire_path_join(struct bytes components, struct bytes name, char *out, size_t capacity,
                      size_t *length);
