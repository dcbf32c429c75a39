// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Which rules are worth evaluating for an event: those for its log source of whose witnesses one
 * is found. One Vectorscan pass for each field that has some, and a hash look-up for those that are
 * a whole last path component. A hit is only a hint: evaluate.h decides.
 */
#include "engine/view.h"

struct matcher;

/* Built once, after the last rule. ERROR_MEMORY over the program's budget. Where Vectorscan refuses
 * the witnesses of a field, their rules are evaluated for every event of their log source. */
RESULT matcher_new(struct program *program, struct matcher **ret_matcher);
void matcher_free(struct matcher *matcher); /* NULL is allowed */

/* The scratch space of all scans; NULL where this CPU cannot scan. */
hs_scratch_t *matcher_scratch(struct matcher *matcher);

/* For tests: with `is_all` every rule of the log source is a candidate. */
void matcher_visit_all(struct matcher *matcher, bool is_all);

/* Called for the number of each candidate rule, ascending within one log source; false ends it. */
typedef bool matcher_visit(void *context, uint32_t rule);
void matcher_candidates(struct matcher *matcher, const struct engine_event *event,
                        matcher_visit *visit, void *context);
