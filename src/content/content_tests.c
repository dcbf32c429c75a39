// SPDX-License-Identifier: Apache-2.0
#include "content/content_tests.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "content/content_line.h"
#include "content/content_subjects.h"

#include <string.h>

/* Tests of correlations run at times of their own, so that none sees what another left behind. */
#define FIRST_TEST_NS (UINT64_C(946684800) * NS_PER_S) /* the year 2000 */
#define APART_NS (UINT64_C(31) * 24 * 3600 * NS_PER_S)

struct testing {
    const struct content_check *check;
    struct content_test_counts *counts;
    struct content_line_room room;
    struct engine_event *event;
    const struct content_subject *subject;
    uint64_t positive;    /* of the subject */
    uint64_t now_ns;      /* of the test */
    bool is_matched;      /* by a rule of the subject's file */
};

static void say(struct testing *testing, uint64_t line, const char *reason)
{
    const struct content_subject *subject = testing->subject;
    content_say(testing->check, &testing->counts->findings, "tests",
                line > 0 ? subject->tests : subject->file, line, reason);
}

static void say_missed(struct testing *testing, uint64_t line)
{
    const struct content_finding finding = {"tests", testing->subject->tests, line,
                                            "the rule does not match this event and must", true};
    testing->counts->findings++;
    testing->check->say(testing->check->context, &finding);
}

static void take_match(void *context, size_t index)
{
    struct testing *testing = context;
    if (string_equal(engine_rule(testing->check->engine, index)->file,
                     testing->subject->engine_file))
        testing->is_matched = true;
}

/* --- one test --------------------------------------------------------------------------------- */

/* Does the event say itself what log source it is of? */
static RESULT names_source(struct testing *testing, struct bytes event, bool *ret_does,
                           struct explanation *why)
{
    struct content_values values;
    GUARD(content_line_values(&testing->room, event, &values, why));
    *ret_does = false;
    for (size_t i = 0; i < values.count; i++)
        *ret_does = *ret_does || string_equal(values.rows[i].name, "product")
                    || string_equal(values.rows[i].name, "category")
                    || string_equal(values.rows[i].name, "service");
    return RESULT_OK;
}

/* `first_ns` is the time that the first event of the test says; 0: none yet. */
static RESULT judge(struct testing *testing, struct bytes event, uint64_t *first_ns,
                    struct explanation *why)
{
    const struct engine_rule *rule = testing->subject->rule;
    bool has_source;
    GUARD(names_source(testing, event, &has_source, why));
    GUARD(engine_event_from_json(testing->event, (const char *)event.data, event.size, why));
    if (!has_source) {
        engine_event_clear_sources(testing->event);
        if (!result_is_ok(engine_event_add_source(testing->event, rule->product, rule->category,
                                                  rule->service)))
            return explain(why, ERROR_LIMIT, "the rule's log source has too long a name");
    }
    uint64_t said_ns = engine_event_time(testing->event);
    if (*first_ns == 0)
        *first_ns = said_ns;
    uint64_t since_ns = said_ns > *first_ns ? said_ns - *first_ns : 0;
    if (since_ns > APART_NS)
        return explain(why, ERROR_LIMIT, "the events of one test are more than 31 days apart");
    engine_event_set_time(testing->event, testing->now_ns + since_ns);
    fault_in_engine(event); /* signature-crash-on-match: seen here, not on a live event */
    struct engine_verdict verdict =
        engine_eval(testing->check->engine, testing->event, take_match, NULL, testing);
    if (verdict.is_incomplete)
        return explain(why, ERROR_LIMIT, "the verdict is incomplete: over %d steps for one rule, "
                                         "or over %d",
                       LIMIT_RULE_STEPS, LIMIT_EVALUATION_STEPS);
    return RESULT_OK;
}

static RESULT judge_all(struct testing *testing, struct content_line line,
                        struct explanation *why)
{
    struct bytes event;
    uint64_t first_ns = 0;
    unsigned count = 0;
    if (testing->subject->has_correlations || line.is_sequence) {
        if (testing->now_ns > UINT64_MAX - 3 * APART_NS)
            return explain(why, ERROR_LIMIT, "too many tests of correlations in one bundle");
        testing->now_ns += 2 * APART_NS;
    }
    testing->is_matched = false;
    if (!line.is_sequence)
        return judge(testing, line.events, &first_ns, why);
    while (content_line_next(&line, &event)) {
        if (++count > CONTENT_LINE_EVENTS_MAX)
            return explain(why, ERROR_LIMIT, "a test has at most %d events",
                           CONTENT_LINE_EVENTS_MAX);
        GUARD(judge(testing, event, &first_ns, why));
    }
    return RESULT_OK;
}

static RESULT run_line(struct testing *testing, struct bytes text, uint64_t number)
{
    struct content_line line;
    struct explanation why = {""};
    if (testing->check->at != NULL)
        testing->check->at(testing->check->context, testing->subject->tests, number);
    struct result result = content_line_read(&testing->room, text, &line, &why);
    if (result_is_ok(result)) {
        testing->positive += line.is_match;
        testing->counts->positive += line.is_match;
        testing->counts->negative += !line.is_match;
        result = judge_all(testing, line, &why);
    }
    if (result.error == ERROR_MEMORY)
        return result;
    if (!result_is_ok(result))
        say(testing, number, why.text);
    else if (line.is_match && !testing->is_matched)
        say_missed(testing, number);
    else if (!line.is_match && testing->is_matched)
        say(testing, number, "the rule matches this event and must not");
    return RESULT_OK;
}

/* --- all of them ------------------------------------------------------------------------------ */

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (strchr(" \t\r", line.data[i]) == NULL || line.data[i] == '\0')
            return false;
    }
    return true;
}

static RESULT run_subject(struct testing *testing, const struct content_subject *subject)
{
    struct bytes rest = subject->lines;
    struct bytes line;
    testing->subject = subject;
    testing->positive = 0;
    testing->counts->rule_files++;
    if (subject->rule == NULL) {
        say(testing, 0, "there is no rule in the file");
        return RESULT_OK;
    }
    if (!subject->is_active) {
        testing->counts->inactive++;
        return RESULT_OK;
    }
    for (uint64_t number = 1; content_next_line(&rest, &line); number++) {
        if (!is_blank(line))
            GUARD(run_line(testing, line, number));
    }
    if (testing->positive == 0) {
        testing->counts->untested++;
        say(testing, 0, subject->tests.size == 0
                            ? "there are no tests beside the rule: it does not ship"
                            : "not one of its tests expects a match: it does not ship");
    }
    return RESULT_OK;
}

RESULT content_check_tests(const struct content_check *check,
                           struct content_test_counts *ret_counts, struct explanation *why)
{
    struct content_subjects subjects;
    *ret_counts = (struct content_test_counts){.rule_files = 0};
    struct testing testing = {.check = check, .counts = ret_counts, .now_ns = FIRST_TEST_NS};
    GUARD(content_subjects_find(check, &subjects, &ret_counts->findings, why));
    testing.event = engine_event_new(check->engine);
    struct result result = testing.event != NULL ? RESULT_OK : result_fail(ERROR_MEMORY);
    for (size_t i = 0; result_is_ok(result) && i < subjects.count; i++)
        result = run_subject(&testing, &subjects.rows[i]);
    engine_event_free(testing.event);
    content_line_room_free(&testing.room);
    content_subjects_free(&subjects);
    return result_is_ok(result) ? result : explain(why, ERROR_MEMORY, "memory is out");
}
