// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Talking to the running agent (agent/control/request.h): what the verbs that need it share.
 */
#include "cli/verb.h"

struct online;

/* Sends `request` (taken over). On failure it has been said and the exit code is returned:
 * CLI_UNAVAILABLE where no agent runs or this user may not ask it. */
enum cli_exit online_open(const struct call *call, json_t *request, struct online **ret_online);
/* The same without a word: ERROR_NOT_FOUND where no agent runs. */
RESULT online_try(const struct call *call, json_t *request, struct online **ret_online,
                  struct explanation *why);
void online_close(struct online *online); /* NULL is allowed */

/* One piece of the answer: {"name": value}. `value` is the caller's to release, `name` is good
 * until the next call. ERROR_AGAIN: nothing for `wait_ms` (or a signal said stop, see below);
 * ERROR_NOT_FOUND: the answer has ended in order; ERROR_CLOSED: the agent is gone or ended the
 * connection; ERROR_UNSUPPORTED: the agent refused, `why` has its sentence; ERROR_FORMAT: what came
 * makes no sense. */
RESULT online_next(struct online *online, int wait_ms, const char **ret_name, json_t **ret_value,
                   struct explanation *why);

/* Asks for something whose answer is a single piece called `name`; says what went wrong. */
enum cli_exit online_ask(const struct call *call, json_t *request, const char *name,
                         json_t **ret_value);

/* Says why an answer ended badly; returns the exit code that goes with it. */
enum cli_exit online_failed(struct result result, const struct explanation *why);

/* From now on Ctrl-C and SIGTERM only make online_is_stopped() true, so that what was printed and
 * written is complete. */
void online_stop_on_signals(void);
bool online_is_stopped(void);

/* Members of what came; a text that is absent is "". */
const char *online_text(const json_t *object, const char *name);
/* By a dotted path, at most 4 deep. */
const char *online_text_at(const json_t *object, const char *path);
json_int_t online_number(const json_t *object, const char *name);
double online_real(const json_t *object, const char *name);
