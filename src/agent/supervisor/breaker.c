// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/breaker.h"

#include "base/clock.h"
#include "base/fault.h"

static const uint64_t HASTY_FIRST_MS = 3000; /* for tests that wait for it */

static void forget_the_well(struct breaker *breaker, uint64_t now_ns)
{
    for (uint32_t i = 0; i < breaker->count;) {
        const struct breaker_row *row = &breaker->rows[i];
        bool is_well = !row->is_off && now_ns > row->until_ns
                       && now_ns - row->until_ns > (uint64_t)BREAKER_CALM_MS * NS_PER_MS;
        if (is_well)
            breaker->rows[i] = breaker->rows[--breaker->count];
        else
            i++;
    }
}

/* A place for one more: at the end, or that of a rule which is on again. NULL: all are off. */
static struct breaker_row *new_row(struct breaker *breaker)
{
    if (breaker->count < LIMIT_RULES_OFF)
        return &breaker->rows[breaker->count++];
    for (uint32_t i = 0; i < breaker->count; i++)
        if (!breaker->rows[i].is_off)
            return &breaker->rows[i];
    return NULL;
}

static struct breaker_row *row_of(struct breaker *breaker, const struct rule_digest *rule)
{
    for (uint32_t i = 0; i < breaker->count; i++)
        if (rule_digest_equal(&breaker->rows[i].rule, rule))
            return &breaker->rows[i];
    struct breaker_row *row = new_row(breaker);
    if (row != NULL)
        *row = (struct breaker_row){.rule = *rule};
    return row;
}

static uint64_t next_delay_ms(const struct breaker_row *row)
{
    if (row->trips == 0)
        return fault_is_planted(FAULT_BREAKER_HASTY) ? HASTY_FIRST_MS : BREAKER_FIRST_MS;
    uint64_t delay_ms = 2 * row->delay_ms;
    return delay_ms < BREAKER_LAST_MS ? delay_ms : BREAKER_LAST_MS;
}

bool breaker_trip(struct breaker *breaker, const struct rule_digest *rule, uint64_t now_ns)
{
    if (fault_is_planted(FAULT_BREAKER_OFF))
        return false;
    forget_the_well(breaker, now_ns);
    struct breaker_row *row = row_of(breaker, rule);
    if (row == NULL)
        return false;
    row->delay_ms = next_delay_ms(row);
    row->until_ns = now_ns + row->delay_ms * NS_PER_MS;
    row->trips++;
    row->is_off = true;
    return true;
}

bool breaker_try_again(struct breaker *breaker, uint64_t now_ns, struct rule_digest *ret_rule)
{
    for (uint32_t i = 0; i < breaker->count; i++) {
        struct breaker_row *row = &breaker->rows[i];
        if (!row->is_off || now_ns < row->until_ns)
            continue;
        row->is_off = false;
        row->until_ns = now_ns;
        *ret_rule = row->rule;
        return true;
    }
    return false;
}

uint32_t breaker_off_count(const struct breaker *breaker)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < breaker->count; i++)
        count += breaker->rows[i].is_off ? 1 : 0;
    return count;
}
