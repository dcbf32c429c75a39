// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * agent.jsonl: what happens to the agent itself, one ECS line each. What cannot be written waits,
 * at most AGENT_LOG_WAITING lines; what comes beyond is counted (control_log_failed) and said in
 * the next line that can be written.
 */
#include "agent/control/event_json.h"
#include "agent/log_file.h"

enum agent_log_level { AGENT_LOG_INFO, AGENT_LOG_WARNING, AGENT_LOG_ERROR };
enum { AGENT_LOG_WAITING = 64 };

struct agent_log;

/* Borrows both. NULL: out of memory. */
struct agent_log *agent_log_new(struct log_file *file, const struct clock *clock);
void agent_log_free(struct agent_log *log); /* NULL is allowed; does not write */

/* `action`: a short name with underscores ("rules_loaded"); then the sentence. */
void agent_log_say(struct agent_log *log, enum agent_log_level level, const char *action,
                   const char *format, ...) PRINTF_LIKE(4, 5);
/* Tries what waits; call it each second. */
void agent_log_work(struct agent_log *log);
