// SPDX-License-Identifier: Apache-2.0
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

enum { NAME_BYTES = 64 };

struct nearest nearest_to(const char *typed)
{
    return (struct nearest){.typed = typed, .best = NULL, .distance = SIZE_MAX};
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Levenshtein's distance; both are shorter than NAME_BYTES. */
static size_t distance_between(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[NAME_BYTES + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            row[j] = smallest(row[j - 1] + 1, above + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_size];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t typed_size = strlen(nearest->typed);
    size_t name_size = strlen(name);
    if (typed_size >= NAME_BYTES || name_size >= NAME_BYTES)
        return;
    size_t distance = distance_between(nearest->typed, typed_size, name, name_size);
    /* More edits than a third of the name are another word, not a slip; short names allow one. */
    if (distance <= 1 + name_size / 3 && distance < name_size && distance < nearest->distance) {
        nearest->best = name;
        nearest->distance = distance;
    }
}
