// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Comparisons of a value with a pattern, a network, a number or a point in time. */
#include "engine/view.h"

/* `steps` receives what it cost, at least 1. */
bool compare_pattern(const struct program *program, const struct pattern *pattern,
                     struct value *value, uint64_t *steps);
bool compare_network(const struct network *network, const struct value *value);
/* false for what is no number. */
bool compare_number(enum compare_kind kind, double number, const struct value *value);
/* A decimal number, finite; false for anything else. */
bool compare_read_number(const uint8_t *text, size_t size, double *ret_number);
/* For time stamps such as 2026-11-24T01:02:03Z or 2026-11-24 01:02:03. */
bool compare_time(enum time_part part, double number, const struct value *value);
