// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a witness remembers, as files of one folder: for each log the checkpoint that it cosigned
 * last (named by the origin's SHA-256, just as monitors ask for it), and beside it, where a log was
 * caught with two trees of one size, the request that shows it (`.forked`).
 */
#include "update/log/witness.h"

struct witness_folder {
    int fd;
};

/* Makes the folder where it is absent (the one above must be there) and locks it: two witnesses
 * with one memory would cosign forks. ERROR_STATE: another process has it. */
RESULT witness_folder_open(const char *path, struct witness_folder *ret_folder,
                           struct explanation *why);
void witness_folder_close(struct witness_folder *folder);

/* Stays good while `folder` does. */
struct witness_memory witness_folder_memory(struct witness_folder *folder);
