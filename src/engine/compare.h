// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Comparisons of a value with a pattern, a network, a number or a point in time. */
#include "engine/view.h"

/* `steps` receives what it cost, at least 1. `grams` are those of the value; NULL: they need not be
 * looked at. */
bool compare_pattern(const struct program *program, const struct pattern *pattern,
                     const struct value *value, const uint8_t *grams, uint64_t *steps);
/* Whether all grams of a pattern are among those of a value. */
static inline bool compare_grams(const struct pattern *pattern, const uint8_t *grams)
{
    return (grams[pattern->grams[0]] & grams[pattern->grams[1]] & grams[pattern->grams[2]]
            & grams[pattern->grams[3]]) != 0;
}
bool compare_network(const struct network *network, const struct value *value);
/* false for what is no number. */
bool compare_number(enum compare_kind kind, double number, const struct value *value);
/* A decimal number, finite; false for anything else. */
bool compare_read_number(const uint8_t *text, size_t size, double *ret_number);
/* For time stamps such as 2026-11-24T01:02:03Z or 2026-11-24 01:02:03. */
bool compare_time(enum time_part part, double number, const struct value *value);
