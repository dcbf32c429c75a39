// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The alert ids that were written last, so that a double is known. Fixed size; the oldest is
 * forgotten for each new one.
 */
#include "base/result.h"

#include <stdint.h>

enum { RECENT_IDS_MAX = 65536, RECENT_ID_BYTES = 16 };

struct recent_ids;
struct recent_ids *recent_ids_new(void); /* NULL: out of memory */
void recent_ids_free(struct recent_ids *ids); /* NULL is allowed */

/* `id` is the alert id's 32 hexadecimal digits; others are never known and never kept. */
bool recent_ids_knows(const struct recent_ids *ids, const char *id);
void recent_ids_add(struct recent_ids *ids, const char *id);
