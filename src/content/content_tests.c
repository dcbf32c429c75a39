// SPDX-License-Identifier: Apache-2.0
#include "content/content_tests.h"

#include "base/fault.h"
#include "content/content_judge.h"
#include "content/content_subjects.h"

#include <string.h>

struct testing {
    const struct content_check *check;
    struct content_test_counts *counts;
    struct content_judge judge;
    const struct content_subject *subject;
    uint64_t positive; /* of the subject */
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

static RESULT run_line(struct testing *testing, struct bytes text, uint64_t number)
{
    const struct content_subject *subject = testing->subject;
    const struct content_judged_rule rule = {subject->engine_file, subject->rule,
                                             subject->has_correlations};
    struct content_judgement judgement;
    struct explanation why = {""};
    if (testing->check->at != NULL)
        testing->check->at(testing->check->context, subject->tests, number);
    struct result result = content_judge_line(&testing->judge, &rule, text, &judgement, &why);
    if (result.error == ERROR_MEMORY)
        return result;
    testing->positive += judgement.must_match;
    testing->counts->positive += judgement.must_match;
    testing->counts->negative += judgement.is_test && !judgement.must_match;
    if (!result_is_ok(result))
        say(testing, number, why.text);
    else if (judgement.must_match && !judgement.is_matched)
        say_missed(testing, number);
    else if (!judgement.must_match && judgement.is_matched)
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
    struct testing testing = {.check = check, .counts = ret_counts};
    if (fault_is_planted(FAULT_CHECK_TESTS_OFF))
        return RESULT_OK;
    GUARD(content_subjects_find(check, &subjects, &ret_counts->findings, why));
    struct result result = content_judge_open(check->engine, &testing.judge);
    for (size_t i = 0; result_is_ok(result) && i < subjects.count; i++)
        result = run_subject(&testing, &subjects.rows[i]);
    content_judge_close(&testing.judge);
    content_subjects_free(&subjects);
    return result_is_ok(result) ? result : explain(why, ERROR_MEMORY, "memory is out");
}
