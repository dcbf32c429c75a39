// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Where a drill is played: an agent of its own, with a folder of its own under /tmp, own content
 * and own rules. Whatever else runs on this host is not touched: the stage signals only processes
 * whose parent is the agent that it has started itself.
 */
#include "cli/verb.h"

#include <sys/types.h>

struct stage;

/* Makes the folder. NULL, said, where that fails. */
struct stage *stage_new(void);
/* Stops the agent and removes the folder. NULL is allowed. */
void stage_free(struct stage *stage);

/* A file in the stage's folder; folders above it are made. False, said. */
bool stage_write(struct stage *stage, const char *name, const char *text);
/* Its path, good until the next call. */
const char *stage_path(struct stage *stage, const char *name);

/* Starts the agent with the rules in "content/rules" and "etc/rules", and waits until it watches.
 * False, said. */
bool stage_start(struct stage *stage, const char *update_policy);

/* Runs this program with these words (NULL ends them; "--state" is added where `is_agent`) and
 * gives back its exit code, -1 where it could not be run; *ret_json is the first line that it
 * printed, NULL where that is no JSON. */
int stage_run(struct stage *stage, bool is_agent, json_t **ret_json, const char *const *words);

/* Runs /bin/true with this argument. */
bool stage_trigger(const char *argument);
/* How many of the numbers below `limit` were alerted for: `word`, five digits, "-end" in a line. */
size_t stage_alerted(struct stage *stage, const char *word, size_t limit);

/* Sends a signal to the engine whose alerts count. False: there is none. */
bool stage_signal_engine(struct stage *stage, int signal_number);
/* A row of "releases" of `content status`; *ret_answer owns it. NULL: not there. */
const json_t *stage_release(struct stage *stage, long long version, json_t **ret_answer);

uint64_t stage_now_ms(void);
void stage_sleep_ms(unsigned ms);
