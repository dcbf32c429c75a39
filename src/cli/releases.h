// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the verbs about releases on this host share: asking the agent, finding a release by what a
 * person calls it, and the folder in which root's orders lie (update/orders).
 */
#include "cli/verb.h"
#include "update/lifecycle/release_name.h"

/* The answer of the agent: {"releases": [...], "updates": {...}}. On failure it has been said. */
enum cli_exit releases_ask(const struct call *call, json_t **ret_answer);

/* The row of "releases" that `word` means: a version ("42", "rules/42"), or the first
 * digits of the name; NULL, said: none, or several. */
const json_t *releases_find(const json_t *answer, const char *word);

/* The name of a row. False: it is none. */
bool releases_name(const json_t *row, struct release_name *ret_name);

/* Opens the folder of orders, made where it is absent. CLI_UNAVAILABLE, said: not root, no disk. */
enum cli_exit releases_open_orders(const struct call *call, int *ret_folder);
