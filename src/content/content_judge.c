// SPDX-License-Identifier: Apache-2.0
#include "content/content_judge.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"

/* Tests of correlations run at times of their own, so that none sees what another left behind. */
#define FIRST_TEST_NS (UINT64_C(946684800) * NS_PER_S) /* the year 2000 */
#define APART_NS (UINT64_C(31) * 24 * 3600 * NS_PER_S)

struct judging {
    struct content_judge *judge;
    const struct content_judged_rule *rule;
    bool is_matched; /* by a rule of the file */
};

RESULT content_judge_open(struct engine *engine, struct content_judge *ret_judge)
{
    *ret_judge = (struct content_judge){.engine = engine, .event = engine_event_new(engine),
                                        .now_ns = FIRST_TEST_NS};
    return ret_judge->event != NULL ? RESULT_OK : result_fail(ERROR_MEMORY);
}

void content_judge_close(struct content_judge *judge)
{
    engine_event_free(judge->event);
    content_line_room_free(&judge->room);
}

static void take_match(void *context, size_t index)
{
    struct judging *judging = context;
    if (string_equal(engine_rule(judging->judge->engine, index)->file, judging->rule->file))
        judging->is_matched = true;
}

/* --- one test --------------------------------------------------------------------------------- */

/* Does the event say itself what log source it is of? */
static RESULT names_source(struct judging *judging, struct bytes event, bool *ret_does,
                           struct explanation *why)
{
    struct content_values values;
    GUARD(content_line_values(&judging->judge->room, event, &values, why));
    *ret_does = false;
    for (size_t i = 0; i < values.count; i++)
        *ret_does = *ret_does || string_equal(values.rows[i].name, "product")
                    || string_equal(values.rows[i].name, "category")
                    || string_equal(values.rows[i].name, "service");
    return RESULT_OK;
}

/* `first_ns` is the time that the first event of the test says; 0: none yet. */
static RESULT judge_event(struct judging *judging, struct bytes event, uint64_t *first_ns,
                          struct explanation *why)
{
    const struct engine_rule *rule = judging->rule->rule;
    struct engine_event *filled = judging->judge->event;
    bool has_source;
    GUARD(names_source(judging, event, &has_source, why));
    GUARD(engine_event_from_json(filled, (const char *)event.data, event.size, why));
    if (!has_source) {
        engine_event_clear_sources(filled);
        if (!result_is_ok(engine_event_add_source(filled, rule->product, rule->category,
                                                  rule->service)))
            return explain(why, ERROR_LIMIT, "the rule's log source has too long a name");
    }
    uint64_t said_ns = engine_event_time(filled);
    if (*first_ns == 0)
        *first_ns = said_ns;
    uint64_t since_ns = said_ns > *first_ns ? said_ns - *first_ns : 0;
    if (since_ns > APART_NS)
        return explain(why, ERROR_LIMIT, "the events of one test are more than 31 days apart");
    engine_event_set_time(filled, judging->judge->now_ns + since_ns);
    fault_in_engine(event); /* signature-crash-on-match: seen here, not on a live event */
    struct engine_verdict verdict =
        engine_eval(judging->judge->engine, filled, take_match, NULL, judging);
    if (verdict.is_incomplete)
        return explain(why, ERROR_LIMIT, "the verdict is incomplete: over %d steps for one rule, "
                                         "or over %d",
                       LIMIT_RULE_STEPS, LIMIT_EVALUATION_STEPS);
    return RESULT_OK;
}

static RESULT judge_all(struct judging *judging, struct content_line line,
                        struct explanation *why)
{
    struct bytes event;
    uint64_t first_ns = 0;
    unsigned count = 0;
    if (judging->rule->has_correlations || line.is_sequence) {
        if (judging->judge->now_ns > UINT64_MAX - 3 * APART_NS)
            return explain(why, ERROR_LIMIT, "too many tests of correlations in one bundle");
        judging->judge->now_ns += 2 * APART_NS;
    }
    judging->is_matched = false;
    if (!line.is_sequence)
        return judge_event(judging, line.events, &first_ns, why);
    while (content_line_next(&line, &event)) {
        if (++count > CONTENT_LINE_EVENTS_MAX)
            return explain(why, ERROR_LIMIT, "a test has at most %d events",
                           CONTENT_LINE_EVENTS_MAX);
        GUARD(judge_event(judging, event, &first_ns, why));
    }
    return RESULT_OK;
}

RESULT content_judge_line(struct content_judge *judge, const struct content_judged_rule *rule,
                          struct bytes line, struct content_judgement *ret_judgement,
                          struct explanation *why)
{
    struct judging judging = {.judge = judge, .rule = rule};
    struct content_line test;
    *ret_judgement = (struct content_judgement){.is_test = false};
    GUARD(content_line_read(&judge->room, line, &test, why));
    ret_judgement->is_test = true;
    ret_judgement->must_match = test.is_match;
    GUARD(judge_all(&judging, test, why));
    ret_judgement->is_matched = judging.is_matched;
    return RESULT_OK;
}
