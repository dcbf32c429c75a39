// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Keys and files that publishers hand in on the command line; what is wrong is said. */
#include "cli/exit.h"
#include "update/signature/sign.h"

/* The whole file, at most `bytes_max`; free() it. CLI_INPUT, said, where it cannot be read. */
enum cli_exit content_read_file(const char *path, size_t bytes_max, uint8_t **ret_data,
                                size_t *ret_size);
enum cli_exit content_read_private_key(const char *path, struct private_key **ret_key);
enum cli_exit content_read_public_key(const char *path, struct public_key **ret_key);
/* A new file with the mode, synced; CLI_INPUT, said, where there is one already. */
enum cli_exit content_write_new_file(const char *path, unsigned mode, const char *text);
