// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The folder that `creance rules import` fills. It holds a list of what an import made
 * (IMPORT_LIST_FILE: the digest and name of each file, as sha256sum writes them), so that a later
 * import replaces that and nothing else: files that were edited, removed or added by hand stay so.
 */
#include "base/reader.h"

#define IMPORT_LIST_FILE ".imported"

enum import_state {
    IMPORT_NEW,     /* not there yet */
    IMPORT_SAME,    /* there, as it is to be */
    IMPORT_CHANGED, /* there as an import made it; something else comes */
    IMPORT_EDITED,  /* made by an import and changed by somebody else since */
    IMPORT_REMOVED, /* made by an import and removed by somebody else since */
    IMPORT_FOREIGN, /* there, and no import made it */
};

/* A file of the folder, by its name below it ("linux/x.yml"). */
struct import_file {
    const char *name;
    struct bytes content;
};

struct import_counts {
    uint64_t added, changed, same, removed;
};

struct import_folder;

/* Reads the list and the rule files of the folder; an absent one is empty. Views into the folder
 * hold until it is freed. */
RESULT import_folder_open(const char *path, struct import_folder **ret_folder,
                          struct explanation *why);
void import_folder_free(struct import_folder *folder); /* NULL is allowed */

/* What there is of a file that is to be there with this content. */
enum import_state import_folder_look(const struct import_folder *folder, const char *name,
                                     struct bytes content);

/* The next of the files that are no longer as an import made them, or that no import made, in the
 * order of their names; `cursor` begins at 0. false behind the last one. */
bool import_folder_local(const struct import_folder *folder, size_t *cursor,
                         struct import_file *ret_file, enum import_state *ret_state);

/* No smaller than the number of those. */
size_t import_folder_file_count(const struct import_folder *folder);

/* A name that may be one of a list: below the folder, without "..", hidden parts or line breaks. */
bool import_name_is_good(const char *name);

/* Makes `files` (sorted by name; those only that are new, same or changed) all that imports have
 * made here. With `is_dry` it only counts. When it is interrupted, the next import goes on. */
RESULT import_folder_apply(struct import_folder *folder, const struct import_file *files,
                           size_t count, bool is_dry, struct import_counts *ret_counts,
                           struct explanation *why);
