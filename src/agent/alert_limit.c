// SPDX-License-Identifier: Apache-2.0
#include "agent/alert_limit.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"

#include <stdlib.h>

/* Bytes that may be written. It may go below 0 by one record: none is too large to be written. */
struct bucket {
    int64_t bytes;
    uint64_t filled_ns;
};

struct row {
    struct bucket own;
    uint64_t count; /* not told */
    uint64_t sequence; /* of the last of them */
    uint64_t since_ns; /* when the first of them came */
};

struct alert_limit {
    struct bucket shared;
    size_t count;
    size_t waiting; /* rows that have something not told */
    uint64_t looked_ns;
    struct row rows[];
};

struct alert_limit *alert_limit_new(size_t count)
{
    struct alert_limit *limit = calloc(1, sizeof *limit + count * sizeof limit->rows[0]);
    if (limit == NULL)
        return NULL;
    limit->count = count;
    limit->shared.bytes = LIMIT_ALERT_SHARED_BYTES;
    for (size_t i = 0; i < count; i++)
        limit->rows[i].own.bytes = LIMIT_ALERT_RULE_BYTES;
    return limit;
}

void alert_limit_free(struct alert_limit *limit) { free(limit); }

static bool take(struct bucket *bucket, size_t bytes, int64_t burst, uint64_t rate, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - bucket->filled_ns;
    passed_ns = passed_ns < NS_PER_S ? passed_ns : NS_PER_S;
    int64_t gained = (int64_t)(passed_ns * rate / NS_PER_S);
    if (gained > 0 || bucket->filled_ns == 0) { /* what is less than a byte goes on adding up */
        bucket->bytes = bucket->bytes + gained < burst ? bucket->bytes + gained : burst;
        bucket->filled_ns = now_ns;
    }
    if (bucket->bytes <= 0)
        return false;
    bucket->bytes -= (int64_t)bytes;
    return true;
}

static void forget(struct alert_limit *limit, struct row *row)
{
    limit->waiting -= row->count > 0;
    row->count = 0;
}

enum alert_verdict alert_limit_judge(struct alert_limit *limit, size_t rule, uint64_t sequence,
                                     size_t bytes, uint64_t now_ns, uint64_t *ret_count)
{
    struct row *row = &limit->rows[rule];
    *ret_count = 1;
    if (fault_is_planted(FAULT_ALERT_LIMIT_OFF))
        return ALERT_TELL;
    bool may_tell = take(&row->own, bytes, LIMIT_ALERT_RULE_BYTES, LIMIT_ALERT_RULE_BYTES, now_ns)
                    || take(&limit->shared, bytes, LIMIT_ALERT_SHARED_BYTES,
                            LIMIT_ALERT_SHARED_BYTES_PER_S, now_ns);
    bool is_due = row->count > 0 && now_ns - row->since_ns >= NS_PER_S;
    if (is_due) {
        *ret_count = row->count + 1;
        forget(limit, row);
        return ALERT_GROUP;
    }
    if (may_tell)
        return ALERT_TELL;
    if (row->count == 0) {
        limit->waiting++;
        row->since_ns = now_ns;
    }
    row->count++;
    row->sequence = sequence;
    return ALERT_COUNT;
}

bool alert_limit_due(struct alert_limit *limit, uint64_t now_ns, bool all, size_t *ret_rule,
                     uint64_t *ret_count, uint64_t *ret_sequence)
{
    if (limit->waiting == 0 || (!all && now_ns - limit->looked_ns < NS_PER_S / 2))
        return false;
    for (size_t i = 0; i < limit->count; i++) {
        struct row *row = &limit->rows[i];
        if (row->count == 0 || (!all && now_ns - row->since_ns < NS_PER_S))
            continue;
        *ret_rule = i;
        *ret_count = row->count;
        *ret_sequence = row->sequence;
        forget(limit, row);
        return true;
    }
    limit->looked_ns = now_ns;
    return false;
}
