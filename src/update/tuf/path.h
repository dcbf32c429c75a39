// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Names and paths of TUF: what a delegation covers, and how a role is called on a disk. */
#include "base/limits.h"
#include "base/result.h"

#include <stdint.h>

/* A role's name with each byte but letters, digits and "_.-~" as %XX, and ".json" behind it. */
enum { TUF_FILE_NAME_BYTES = 3 * LIMIT_TUF_ROLE_NAME_BYTES + 32 };

/*
 * Does `pattern` cover the whole of `path` (section 4.5, PATHPATTERN)? `*` stands for any number of
 * characters, `?` for one; neither for '/'. All else stands for itself. The time is bounded by the
 * product of both lengths.
 */
bool tuf_path_matches(const char *pattern, const char *path);

/* The hexadecimal SHA-256 of `path`, as path_hash_prefixes mean it; `out` has 65 bytes. */
void tuf_path_hash(const char *path, char *out);

/* A path that may be made into an address and a file name below a folder: no empty part, none that
 * is "." or "..", no '\', no control character, at most LIMIT_TUF_PATH_BYTES. */
bool tuf_path_is_plain(const char *path);

/* "3.NAME.json", NAME percent-quoted; without the number where `version` is 0. */
void tuf_file_name(const char *role, uint64_t version, char out[TUF_FILE_NAME_BYTES]);
