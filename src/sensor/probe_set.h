// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What is done with a set of probes (struct probe_set of loader.h). */
#include "sensor/loader.h"

#define PROBE_SET_NONE ((struct probe_set){{0}})
#define PROBE_SET_ALL ((struct probe_set){{UINT64_MAX, UINT64_MAX}})

static inline bool probe_set_has(const struct probe_set *set, uint32_t probe)
{
    return probe < PROBE_COUNT && (set->words[probe / 64] >> probe % 64 & 1u) != 0;
}

static inline void probe_set_add(struct probe_set *set, uint32_t probe)
{
    if (probe < PROBE_COUNT)
        set->words[probe / 64] |= UINT64_C(1) << probe % 64;
}

static inline bool probe_set_is_empty(const struct probe_set *set)
{
    return set->words[0] == 0 && set->words[1] == 0;
}

static inline bool probe_set_equal(const struct probe_set *one, const struct probe_set *other)
{
    return one->words[0] == other->words[0] && one->words[1] == other->words[1];
}
