// SPDX-License-Identifier: Apache-2.0
#include "agent/control/rules_off.h"

#include "agent/rules_report.h"
#include "base/bytes.h"

#include <string.h>

const struct tree_rule_off *rules_off_find(const struct tree *tree, const uint8_t digest[32])
{
    for (uint32_t i = 0; i < tree->rules_off_count && i < LIMIT_RULES_OFF; i++)
        if (memcmp(tree->rules_off[i].rule.bytes, digest, sizeof tree->rules_off[i].rule) == 0)
            return &tree->rules_off[i];
    return NULL;
}

void rules_off_until(const struct tree_rule_off *row, const struct clock *clock,
                     char out[CLOCK_TEXT_BYTES])
{
    clock_format(clock_wall_ns(clock) - clock_boottime_ns(clock) + row->until_boottime_ns, out);
}

struct naming {
    const struct rule_digest *rule;
    char name[256];
};

static void visit_row(void *context, const struct rule_report_row *row)
{
    struct naming *naming = context;
    if (memcmp(row->digest, naming->rule->bytes, sizeof naming->rule->bytes) != 0)
        return;
    (void)string_format(naming->name, sizeof naming->name, "'%.*s' (%.*s)",
                        row->title.size < 120 ? (int)row->title.size : 120,
                        (const char *)row->title.data,
                        row->file.size < 100 ? (int)row->file.size : 100,
                        (const char *)row->file.data);
}

static struct naming name_of(const struct rule_digest *rule, const struct tree *tree,
                             int rules_report)
{
    struct naming naming = {.rule = rule};
    hex_encode(rule->bytes, sizeof rule->bytes, naming.name);
    uint32_t left_out;
    if (rules_report >= 0) /* where it makes no sense, the digest must do */
        result_ignore(rules_report_read(rules_report, tree->rules_generation, visit_row, &naming,
                                        &left_out));
    return naming;
}

static bool is_said(const struct rules_off_said *said, const struct tree_rule_off *row)
{
    for (uint32_t i = 0; i < said->count; i++)
        if (rule_digest_equal(&said->rows[i].rule, &row->rule)
            && said->rows[i].trips == row->trips)
            return true;
    return false;
}

void rules_off_say(struct rules_off_said *said, const struct tree *tree, int rules_report,
                   const struct clock *clock, struct agent_log *log)
{
    for (uint32_t i = 0; i < said->count; i++) {
        if (rules_off_find(tree, said->rows[i].rule.bytes) != NULL)
            continue;
        struct naming naming = name_of(&said->rows[i].rule, tree, rules_report);
        agent_log_say(log, AGENT_LOG_INFO, "rule_on", "rule %s is in force again, for a trial",
                      naming.name);
    }
    struct rules_off_said now = {.count = 0};
    for (uint32_t i = 0; i < tree->rules_off_count && i < LIMIT_RULES_OFF; i++) {
        const struct tree_rule_off *row = &tree->rules_off[i];
        now.rows[now.count++] = *row;
        if (is_said(said, row))
            continue;
        char until[CLOCK_TEXT_BYTES];
        rules_off_until(row, clock, until);
        struct naming naming = name_of(&row->rule, tree, rules_report);
        agent_log_say(log, AGENT_LOG_ERROR, "rule_off",
                      "rule %s is switched off: the engine crashed, hung or ran out of memory in "
                      "it (%u times so far). All other rules stay in force and no event was lost. "
                      "It is tried again at %s",
                      naming.name, row->trips, until);
    }
    *said = now;
}
