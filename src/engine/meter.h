// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What each rule costs, measured on one event in so many: see engine_measure().
 */
#include "engine/engine.h"

struct meter;

/* For `count` rows; NULL: out of memory. */
struct meter *meter_new(size_t count, unsigned every, engine_clock *clock);
void meter_free(struct meter *meter); /* NULL is allowed */

/* An event begins. Whether it is to be measured. */
bool meter_event(struct meter *meter);
/* Around each rule of such an event, and at its end. What lies between is finding candidates. */
void meter_enter(struct meter *meter);
void meter_leave(struct meter *meter, size_t row);
void meter_end(struct meter *meter);
/* What was done since the last of these calls is nobody's cost. */
void meter_skip(struct meter *meter);

/* A rule matched, in whatever event. */
void meter_match(struct meter *meter, size_t row);

struct engine_account meter_account(const struct meter *meter, size_t row);
struct engine_measured meter_measured(const struct meter *meter);
