// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What correlations remember, and when they match. All of it lies in two tables of fixed size that
 * are allocated with the engine: groups (one per correlation and set of group-by texts) and events
 * (what of a matching event is needed: its time and a number). Nothing is allocated per event, and
 * what one event costs does not depend on how much is remembered: each step takes constant time, or
 * is paid for by what was put in before.
 */
#include "engine/view.h"

struct correlator;

/* Sized by `limit_bytes`; NULL: out of memory. Called when all is linked. */
struct correlator *correlator_new(const struct program *program, size_t limit_bytes);
void correlator_free(struct correlator *correlator); /* NULL is allowed */

/* A rule that feeds `count` links from `link` on has matched the event at hand. */
void correlator_note(struct correlator *correlator, uint32_t link, uint32_t count);

/* Takes what was noted. `trace` is called before a correlation is looked at, `match`
 * when its condition became true; both with the row. */
typedef void correlator_call(void *context, size_t row);
void correlator_run(struct correlator *correlator, const struct engine_event *event,
                    correlator_call *trace, correlator_call *match, void *context);

struct engine_correlation_counts correlator_counts(const struct correlator *correlator);

/* Copies what `from` remembers of correlations with the same digest; `to` is new. */
void correlator_adopt(struct correlator *to, const struct correlator *from);
