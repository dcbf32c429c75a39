// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Collects the rule files of folders into a pack (engine/pack.h). Parses nothing: it is what the
 * process does that may read folders, for the sandbox that may not.
 *
 * - Files named *.yml and *.yaml are taken, in all folders below; names that begin with a dot are
 *   passed over (version control, editors' copies, the machinery of mounted configuration), and so
 *   is content.yaml, which says what a bundle is (docs/format-content.md).
 * - A link to a file is followed: configuration is often mounted that way. A link to a folder
 *   below is not: it could lead in circles or out of the tree; it becomes a problem. A folder that
 *   the user names may itself be a link.
 * - Only regular files are opened, never in a way that waits: a FIFO, device or socket with a
 *   rule's name becomes a problem.
 * - What cannot be taken (too large, unreadable, not a file) costs itself only and becomes a
 *   problem: a row like one of the engine's rejected rules. Nothing is left out in silence.
 */
#include "base/result.h"

#include <stdint.h>

struct rule_folder;

/* A file that is not in the pack. The strings live as long as the folder. */
struct rule_problem {
    const char *file;
    const char *reason; /* what was found, what was expected */
};

struct rule_folder *rule_folder_new(void); /* NULL: out of memory */
void rule_folder_free(struct rule_folder *folder); /* NULL is allowed */

/* Adds the file `path` (of any name) or all rule files in the folder `path`. Files that were added
 * before under the same name are not added again. Fails, with `why`, where the path itself cannot
 * be read: ERROR_NOT_FOUND, ERROR_SYSTEM; or memory is out. */
RESULT rule_folder_add_path(struct rule_folder *folder, const char *path, struct explanation *why);

/* Adds the file `path` under the last part of its name. */
RESULT rule_folder_add_file(struct rule_folder *folder, const char *path, struct explanation *why);

/* The same as the first for an open folder; `name` stands before the files' names. The descriptor
 * stays the caller's; it is not used after the call. */
RESULT rule_folder_add_descriptor(struct rule_folder *folder, int folder_fd, const char *name,
                                  struct explanation *why);

size_t rule_folder_file_count(const struct rule_folder *folder);
size_t rule_folder_problem_count(const struct rule_folder *folder);
const struct rule_problem *rule_folder_problem(const struct rule_folder *folder, size_t index);

/* The pack of all files taken: sorted by name, same files, same bytes. free() it. */
RESULT rule_folder_pack(struct rule_folder *folder, uint8_t **ret_data, size_t *ret_size);
