// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/anchors.h"

#include <string.h>

static bool is_sound(const struct anchor_set *set)
{
    if (set->quorum == 0 || set->count > LIMIT_ANCHOR_KEYS || set->quorum > set->count)
        return false;
    for (size_t i = 0; i < set->count; i++)
        for (size_t j = 0; j < i; j++)
            if (memcmp(set->keys[i], set->keys[j], ANCHOR_KEY_BYTES) == 0)
                return false;
    return true;
}

enum anchor_verdict anchor_change_judge(const struct anchor_set *old, const struct anchor_set *new,
                                        const struct anchor_change *change, uint32_t age_s,
                                        struct steady_time now)
{
    uint32_t needed_s = age_s > WEEK_S ? age_s : WEEK_S;
    if (!is_sound(new))
        return ANCHOR_UNSOUND;
    if (change->is_by_administrator)
        return ANCHOR_ALLOWED;
    if (old->number == UINT64_MAX || new->number != old->number + 1)
        return ANCHOR_NOT_NEXT;
    if (!is_sound(old) || change->old_signatures < old->quorum
        || change->new_signatures < new->quorum)
        return ANCHOR_UNSIGNED;
    bool is_old = steady_since(change->first_seen, now) >= needed_s
                  && change->log_age_s >= needed_s;
    return is_old ? ANCHOR_ALLOWED : ANCHOR_WAITS;
}
