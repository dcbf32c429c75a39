// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The logs that a verb is given on its command line, opened by the parent before the worker reads
 * them: files, folders, and "-" for standard input.
 *
 * A folder stands for all files in it and below, in the order of their names; names that begin with
 * a dot, rules (*.yml, *.yaml) and links to folders are passed over. Only regular files of a folder
 * are opened; a FIFO that the user names himself is read.
 */
#include "cli/verb.h"

struct log_file {
    char *name;
    int fd; /* -1: it could not be opened, which was said */
};

struct log_input {
    struct log_file *files;
    size_t count;
    size_t capacity;
    size_t unreadable; /* files and folders that could not be opened */
};

/* Opens the words of the command line; says what cannot be opened, which costs itself only.
 * CLI_INPUT where nothing could be opened. Close it in any case. */
enum cli_exit log_input_open(const struct call *call, struct log_input *ret_input);
void log_input_close(struct log_input *input);
