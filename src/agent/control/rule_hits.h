// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How many alerts each rule gave since this process started, doubles left out. Fixed size: rules
 * beyond RULE_HITS_MAX that hit are not counted, and rule_hits_get() then says so.
 */
#include "base/result.h"

#include <stdint.h>

enum { RULE_HITS_MAX = 8192, RULE_HITS_DIGEST_BYTES = 32 };

struct rule_hits;
struct rule_hits *rule_hits_new(void); /* NULL: out of memory */
void rule_hits_free(struct rule_hits *hits); /* NULL is allowed */
void rule_hits_add(struct rule_hits *hits, const uint8_t digest[RULE_HITS_DIGEST_BYTES],
                   uint64_t count);
/* False: not known, because there was no place to count it. */
bool rule_hits_get(const struct rule_hits *hits, const uint8_t digest[RULE_HITS_DIGEST_BYTES],
                   uint64_t *ret_hits);
