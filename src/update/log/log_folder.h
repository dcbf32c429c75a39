// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A log as a folder of plain files (tile.h), which any web server can hand out as they are.
 */
#include "update/log/tile.h"

struct log_folder {
    int fd;
};

/* ERROR_NOT_FOUND: there is no such folder. */
RESULT log_folder_open(const char *path, struct log_folder *ret_folder, struct explanation *why);
/* The same; makes it where it is absent (the folder above must be there), and locks it until it is
 * closed: ERROR_STATE where another process writes this log. */
RESULT log_folder_open_locked(const char *path, struct log_folder *ret_folder,
                              struct explanation *why);
void log_folder_close(struct log_folder *folder);

/* Both stay good while `folder` does. Paths have no "..", no "." and no empty part. */
struct log_source log_folder_source(struct log_folder *folder);
struct log_sink log_folder_sink(struct log_folder *folder);
