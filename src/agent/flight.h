// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The flight record: which rule is being evaluated, in memory that the engine writes and the
 * supervisor reads when the engine has died or hangs. One store before each rule; what survives a
 * crash is the rule that was in flight. (Which event: the engine's cursor page, ring/ring.h.)
 *
 * A rule goes by the digest of its text, so that it is the same one in the next rule set as well.
 * An engine that lies here can have rules switched off, which it could as well not evaluate.
 */
#include "base/result.h"

#include <stddef.h>
#include <stdint.h>

struct rule_digest {
    uint8_t bytes[32];
};
bool rule_digest_equal(const struct rule_digest *a, const struct rule_digest *b);

struct flight;

RESULT flight_create(int *ret_fd);
RESULT flight_map(int fd, struct flight **ret_flight);

/* --- the engine ------------------------------------------------------------------------------ */

/* What rule `row` is. Only while none is in flight. Rows from LIMIT_FLIGHT_RULES on have no name
 * here, and nobody sees them fly. */
void flight_name(struct flight *flight, size_t row, const uint8_t digest[32]);
void flight_enter(struct flight *flight, size_t row);
void flight_leave(struct flight *flight); /* no rule is in flight any more */

/* --- the supervisor -------------------------------------------------------------------------- */

/* False: none is in flight. */
bool flight_look(const struct flight *flight, struct rule_digest *ret_rule);
