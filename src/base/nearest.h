// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * "Did you mean ...?": the name among those offered that is fewest edits away from what was typed.
 *
 *     struct nearest nearest = nearest_to(typed);
 *     for (...) nearest_offer(&nearest, name);
 *     if (nearest.best != NULL) ...
 */
#include <stddef.h>

struct nearest {
    const char *typed;
    const char *best; /* NULL: nothing offered is near enough to be meant */
    size_t distance;  /* edits from typed to best */
};

struct nearest nearest_to(const char *typed);
/* `name` must outlive the use of `best`. Names over 63 bytes are never near. */
void nearest_offer(struct nearest *nearest, const char *name);
