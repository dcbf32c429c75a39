// SPDX-License-Identifier: Apache-2.0
/*
 * `creance rules test`: each rule file x.yml against the events of x.tests.jsonl beside it.
 */
#include "base/bytes.h"
#include "cli/rule_input.h"
#include "content/content_judge.h"
#include "content/recording.h"
#include "engine/pack.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A rule file and its tests. */
struct subject {
    char *rules; /* name in the pack */
    char *tests; /* name of the file of tests */
    int fd;      /* of the tests; -1: there are none, or they cannot be opened */
    bool is_unreadable;
};

struct rules_test {
    const struct call *call;
    struct rule_input input;
    struct subject *subjects;
    size_t subject_count;

    /* the worker's own */
    struct worker_place *place;
    struct engine *engine;
    struct content_judge judge;
    const struct subject *subject;
    struct content_judged_rule rule; /* the subject's; rule.rule NULL: there is none */
    json_t *failures;               /* of the subject: array of {"line", "reason"} */
    size_t positive;                /* events of the subject that must match */
    size_t negative;
    size_t passed; /* subjects */
    size_t failed;
    size_t untested;
};

/* --- one event -------------------------------------------------------------------------------- */

static void add_failure(struct rules_test *test, uint64_t line, const char *reason)
{
    json_array_append_new(test->failures, json_pack("{s:I, s:o}", "line", (json_int_t)line,
                                                    "reason", output_json_text(reason)));
}

static void test_line(struct rules_test *test, const struct recording_line *line)
{
    struct explanation why;
    struct content_judgement judgement;
    struct result result =
        content_judge_line(&test->judge, &test->rule, line->text, &judgement, &why);
    if (!result_is_ok(result))
        add_failure(test, line->number + 1, why.text);
    else if (judgement.is_matched != judgement.must_match)
        add_failure(test, line->number + 1,
                    judgement.is_matched ? "the rule matches this event and must not"
                                         : "the rule does not match this event and must");
    test->positive += judgement.must_match;
    test->negative += judgement.is_test && !judgement.must_match;
}

/* --- one rule file ---------------------------------------------------------------------------- */

static void run_tests(struct rules_test *test)
{
    struct explanation why;
    struct recording_line line = {0};
    struct recording *recording = NULL;
    struct result result =
        recording_open(test->subject->fd, test->subject->tests, &recording, &why);
    while (result_is_ok(result)) {
        result = recording_next(recording, &line, &why);
        test->place->line = line.number + 1;
        if (result_is_ok(result) && !recording_line_is_blank(&line))
            test_line(test, &line);
    }
    recording_close(recording);
    if (result.error != ERROR_NOT_FOUND)
        add_failure(test, line.number + 1, why.text);
}

/* Finds the subject's rules; those that are not loaded are failures. */
static void look_at_rules(struct rules_test *test)
{
    test->rule = (struct content_judged_rule){.file = test->subject->rules};
    for (size_t i = 0; i < engine_rule_count(test->engine); i++) {
        const struct engine_rule *rule = engine_rule(test->engine, i);
        if (!string_equal(rule->file, test->subject->rules))
            continue;
        if (test->rule.rule == NULL)
            test->rule.rule = rule;
        test->rule.has_correlations |= rule->kind == ENGINE_KIND_CORRELATION;
        if (rule->state != ENGINE_RULE_LOADED)
            add_failure(test, 0, rule->reason);
    }
    if (test->rule.rule == NULL)
        add_failure(test, 0, "there is no rule in the file");
}

static const char *verdict_of(const struct rules_test *test)
{
    if (json_array_size(test->failures) > 0)
        return "failed";
    return test->subject->fd >= 0 ? "passed" : "untested";
}

static void print_subject(const struct rules_test *test, const char *verdict)
{
    struct output *output = test->call->output;
    const struct engine_rule *rule = test->rule.rule;
    if (output_is_json(output)) {
        output_json(output,
                    json_pack("{s:o, s:o, s:o, s:s, s:I, s:I, s:O}", "file",
                              output_json_text(test->subject->rules), "id",
                              output_json_text(rule != NULL ? rule->id : ""), "title",
                              output_json_text(rule != NULL ? rule->title : ""),
                              "state", verdict, "positive", (json_int_t)test->positive,
                              "negative", (json_int_t)test->negative, "failures",
                              test->failures));
        return;
    }
    if (string_equal(verdict, "untested")) {
        output_part(output, COLOUR_YELLOW, "untested");
        output_line(output, "  %s: there is no %s", test->subject->rules, test->subject->tests);
    }
    size_t at;
    json_t *failure;
    json_array_foreach(test->failures, at, failure)
    {
        long long line = json_integer_value(json_object_get(failure, "line"));
        char place[32] = "";
        if (line > 0)
            (void)string_format(place, sizeof place, ":%lld", line);
        output_part(output, COLOUR_RED, "failed");
        output_line(output, "    %s%s: %s",
                    line > 0 ? test->subject->tests : test->subject->rules, place,
                    json_string_value(json_object_get(failure, "reason")));
    }
}

static void test_subject(struct rules_test *test, const struct subject *subject)
{
    test->subject = subject;
    test->positive = 0;
    test->negative = 0;
    test->failures = json_array();
    worker_at(test->place, subject->tests);
    look_at_rules(test);
    if (subject->is_unreadable)
        add_failure(test, 0, "its tests cannot be read: not a regular file that we may open");
    if (subject->fd >= 0 && test->rule.rule != NULL)
        run_tests(test);
    if (subject->fd >= 0 && test->positive == 0 && json_array_size(test->failures) == 0)
        add_failure(test, 0, "not one of its tests expects a match");
    const char *verdict = verdict_of(test);
    print_subject(test, verdict);
    test->passed += string_equal(verdict, "passed");
    test->failed += string_equal(verdict, "failed");
    test->untested += string_equal(verdict, "untested");
    json_decref(test->failures);
}

static enum cli_exit test_all(struct rules_test *test)
{
    for (size_t i = 0; i < test->subject_count; i++)
        test_subject(test, &test->subjects[i]);
    test->failed += rule_folder_problem_count(test->input.folder);
    struct output *output = test->call->output;
    if (output_is_json(output))
        output_json(output, json_pack("{s:I, s:I, s:I}", "passed", (json_int_t)test->passed,
                                      "failed", (json_int_t)test->failed, "untested",
                                      (json_int_t)test->untested));
    else
        output_line(output, "%zu passed, %zu failed, %zu without tests", test->passed,
                    test->failed, test->untested);
    return test->failed > 0 ? CLI_FINDING : CLI_GOOD;
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct rules_test *test = context;
    test->place = place;
    enum cli_exit code = rule_input_load(&test->input, false, place, &test->engine);
    if (code == CLI_GOOD) {
        if (!result_is_ok(content_judge_open(test->engine, &test->judge))) {
            verb_error("memory is out");
            code = CLI_UNAVAILABLE;
        } else {
            code = test_all(test);
        }
    }
    content_judge_close(&test->judge);
    engine_free(test->engine);
    return code;
}

/* --- the parent ------------------------------------------------------------------------------- */

/* "a/x.yml" -> "a/x.tests.jsonl"; NULL: out of memory. */
static char *tests_name(const char *rules)
{
    size_t size = strlen(rules);
    if (string_ends_with(rules, ".yml"))
        size -= 4;
    else if (string_ends_with(rules, ".yaml"))
        size -= 5;
    char *name = NULL;
    return asprintf(&name, "%.*s.tests.jsonl", (int)size, rules) < 0 ? NULL : name;
}

static void open_tests(struct subject *subject)
{
    struct stat status;
    if (stat(subject->tests, &status) != 0 && errno == ENOENT)
        return;
    if (S_ISREG(status.st_mode))
        subject->fd = open(subject->tests, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    subject->is_unreadable = subject->fd < 0;
}

static RESULT add_subject(struct rules_test *test, struct bytes name)
{
    struct subject *subject = &test->subjects[test->subject_count];
    subject->fd = -1;
    subject->rules = strndup((const char *)name.data, name.size);
    subject->tests = subject->rules != NULL ? tests_name(subject->rules) : NULL;
    test->subject_count++;
    if (subject->tests == NULL)
        return result_fail(ERROR_MEMORY);
    open_tests(subject);
    return RESULT_OK;
}

static RESULT find_subjects(struct rules_test *test)
{
    worker_allow_many_files();
    test->subjects =
        calloc(rule_folder_file_count(test->input.folder), sizeof *test->subjects);
    if (test->subjects == NULL)
        return result_fail(ERROR_MEMORY);
    struct pack_reader reader;
    GUARD(pack_reader_open(test->input.pack, test->input.pack_size, &reader));
    struct pack_file file;
    struct result result;
    while (result_is_ok(result = pack_reader_next(&reader, &file)))
        GUARD(add_subject(test, file.name));
    return result.error == ERROR_NOT_FOUND ? RESULT_OK : result;
}

static void free_subjects(struct rules_test *test)
{
    for (size_t i = 0; i < test->subject_count; i++) {
        free(test->subjects[i].rules);
        free(test->subjects[i].tests);
        if (test->subjects[i].fd >= 0)
            close(test->subjects[i].fd);
    }
    free(test->subjects);
}

static enum cli_exit run(const struct call *call)
{
    struct rules_test test = {.call = call};
    enum cli_exit code = rule_input_open(call, NULL, &test.input);
    if (code == CLI_GOOD)
        code = rule_input_require_files(&test.input);
    for (size_t i = 0; code == CLI_GOOD && i < rule_folder_problem_count(test.input.folder); i++) {
        const struct rule_problem *problem = rule_folder_problem(test.input.folder, i);
        verb_error("%s counts as failed: %s", problem->file, problem->reason);
    }
    if (code == CLI_GOOD && !result_is_ok(find_subjects(&test))) {
        verb_error("memory is out");
        code = CLI_UNAVAILABLE;
    }
    if (code == CLI_GOOD)
        code = worker_run(call, work, &test);
    free_subjects(&test);
    rule_input_close(&test.input);
    return code;
}

const struct verb verb_rules_test = {
    .name = "rules test",
    .summary = "run the test events that lie beside rules",
    .words = "PATH...",
    .words_min = 1,
    .words_max = OPTIONS_ANY_WORDS,
    .help =
        "For each rule x.yml the events of x.tests.jsonl beside it are judged by that rule.\n"
        "Each line is {\"match\": true or false, \"event\": {...}}: the rule must match the "
        "event,\n"
        "or must not. The event is of the rule's log source unless it names its own. At least\n"
        "one event must be there that matches. For correlations, \"events\": [{...}, ...] are\n"
        "judged one after the other, at the times that they say.\n"
        "\n"
        "With --json: one object per rule file (state: passed, failed, untested), then one with\n"
        "the counts. Exit codes: 0 nothing failed, 1 something failed, 3 no rule could be read.\n"
        "\n"
        "Examples:\n"
        "  creance rules test content\n"
        "  creance rules test content/persistence/cron_file.yml --json\n",
    .run = run,
};
