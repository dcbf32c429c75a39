// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Looks after the two folders of rules and makes a sealed pack of them whenever they change.
 * Names in the pack begin with "vendor/" or "local/".
 */
#include "base/clock.h"
#include "content/rule_folder.h"

struct rules_watch;

/* Folders that are not there are -1; descriptors stay the caller's. NULL: out of memory. */
struct rules_watch *rules_watch_new(int vendor_folder, int local_folder, const struct clock *clock);
void rules_watch_free(struct rules_watch *watch); /* NULL is allowed */

/* Looks, when it is time to. RESULT_OK: there are new rules; *ret_fd is their pack in sealed memory
 * and the caller's to close, *ret_size its bytes. ERROR_AGAIN: nothing new. Anything else, with
 * `why`: a folder cannot be read; the rules that are in force stay, and it is tried again. */
RESULT rules_watch_work(struct rules_watch *watch, int *ret_fd, size_t *ret_size,
                        struct explanation *why);
/* The pack that was given last could not be handed on: it will be given again. */
void rules_watch_again(struct rules_watch *watch);

/* Files and problems of the last pack. */
size_t rules_watch_file_count(const struct rules_watch *watch);
size_t rules_watch_problem_count(const struct rules_watch *watch);
const struct rule_problem *rules_watch_problem(const struct rules_watch *watch, size_t index);
