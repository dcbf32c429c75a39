// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Rules that the supervisor's breaker holds off (agent/tree.h): found by digest, and said in the
 * agent's log with the name that people know them by, which the supervisor does not know.
 */
#include "agent/control/agent_log.h"
#include "agent/tree.h"

/* NULL: it is not switched off. */
const struct tree_rule_off *rules_off_find(const struct tree *tree, const uint8_t digest[32]);

/* What was said already. Begins as zeros. */
struct rules_off_said {
    struct tree_rule_off rows[LIMIT_RULES_OFF];
    uint32_t count;
};

/* Says what has changed. `rules_report` may be -1: then rules go by their digest. */
void rules_off_say(struct rules_off_said *said, const struct tree *tree, int rules_report,
                   const struct clock *clock, struct agent_log *log);

/* When it is tried again, in RFC 3339. */
void rules_off_until(const struct tree_rule_off *row, const struct clock *clock,
                     char out[CLOCK_TEXT_BYTES]);
