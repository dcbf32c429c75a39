// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A log as a folder of plain files (tile.h), which any web server can hand out as they are.
 */
#include "update/log/tile.h"

struct tlog_folder {
    int fd;
};

/* ERROR_NOT_FOUND: there is no such folder. */
RESULT tlog_folder_open(const char *path, struct tlog_folder *ret_folder, struct explanation *why);
/* The same; makes it where it is absent (the folder above must be there), and locks it until it is
 * closed: ERROR_STATE where another process writes this log. */
RESULT tlog_folder_open_locked(const char *path, struct tlog_folder *ret_folder,
                               struct explanation *why);
void tlog_folder_close(struct tlog_folder *folder);

/* Both stay good while `folder` does. Paths have no "..", no "." and no empty part. */
struct tlog_source tlog_folder_source(struct tlog_folder *folder);
struct tlog_sink tlog_folder_sink(struct tlog_folder *folder);
