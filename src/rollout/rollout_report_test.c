// SPDX-License-Identifier: Apache-2.0
#include "rollout/rollout_report.h"

#include "base/bytes.h"
#include "tests/unit.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

enum { ROWS_MAX = 64, PAGE_BYTES = 64 * KIB, MINUTE_S = 60 };

static const struct rollout_change CHANGE = {
    .stream = "rules",
    .purpose = "detects the new loader of the \"fox\" family",
    .scope = "all servers, 5 detections added, none removed",
    .expected = "at most 2 alerts a day and host",
    .impact = "no removal; one exception is narrower",
    .responsible = "grace",
    .ring_hosts = {300, 2000, 10000, 87700},
};

struct fixture {
    struct controller_policy policy;
    struct controller_stream stream;
    struct controller state;
    struct lifecycle_time now;
    struct controller_decision rows[ROWS_MAX];
    uint32_t row_count;
    char text[PAGE_BYTES];
};

static void happens(struct fixture *fixture, struct controller_event event)
{
    struct controller_actions actions = {0};
    fixture->now.steady.s += 5 * MINUTE_S;
    fixture->now.wall.s += 5 * MINUTE_S;
    controller_step(&fixture->policy, &fixture->stream, &fixture->state, &event, fixture->now,
                    &actions);
    if (actions.has_row && fixture->row_count < ROWS_MAX)
        fixture->rows[fixture->row_count++] = actions.row;
}

static struct controller_event person(const char *name, enum controller_event_type type,
                                      const char *reason)
{
    struct controller_event event = {.type = (uint8_t)type, .who = controller_person(name)};
    (void)string_copy(event.reason, sizeof event.reason, reason);
    return event;
}

/* Started, approved by the wrong one and the right one, found bad, rolled back, assessed. */
static void a_rollout(struct fixture *fixture)
{
    *fixture = (struct fixture){.policy = CONTROLLER_POLICY_DEFAULT,
                                .now = {{1000}, {1790000000}}};
    fixture->policy.rings[0].age_s = 0;
    struct controller_plan plan = {.release = {{0xab, 1}}, .version = 42, .before = {{0xcd, 2}},
                                   .published_at = {1000}};
    assert_ok(controller_open(&fixture->stream, &plan, fixture->now.steady, &fixture->state, NULL));
    struct controller_event approval = person("ada", CONTROLLER_EVENT_APPROVE, "");
    approval.ring = 1;
    happens(fixture, person("ada", CONTROLLER_EVENT_START, "ticket 17"));
    happens(fixture, approval);
    approval.who = controller_person("grace");
    happens(fixture, approval);
    happens(fixture, (struct controller_event){.type = CONTROLLER_EVENT_TICK});
    struct controller_event halt = {
        .type = CONTROLLER_EVENT_VERDICT_HALT,
        .who = {.by = CONTROLLER_BY_GATE},
        .verdict = {.metric = METRIC_CRASH, .hosts = 60, .bad_hosts = 7, .upper_ppm = 200000,
                    .digest = {0xee}},
        .reason = "engine-crashes: 7 hosts with the release turned bad",
    };
    happens(fixture, halt);
    happens(fixture, person("ada", CONTROLLER_EVENT_ROLLBACK,
                            "line one\n    99  forged: approve \x1b[31m \xff \"quoted\" \\ "
                            "\xc3\xa9"));
    happens(fixture, person("grace", CONTROLLER_EVENT_ASSESS, "cause found: ticket 18"));
}

static struct rollout_report report_of(const struct fixture *fixture)
{
    return (struct rollout_report){
        .change = &CHANGE,
        .policy = &fixture->policy,
        .stream = &fixture->stream,
        .state = &fixture->state,
        .rows = fixture->rows,
        .row_count = fixture->row_count,
        .now = fixture->now,
    };
}

static json_t *json_of(struct fixture *fixture, const struct rollout_report *report)
{
    struct writer writer = writer_of(fixture->text, sizeof fixture->text);
    assert_ok(rollout_report_json(report, &writer));
    json_error_t error;
    json_t *json = json_loadb(fixture->text, writer.at, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL)
        fail_msg("no JSON: %s at %d", error.text, error.position);
    return json;
}

static const char *word_of(const json_t *object, const char *key)
{
    const char *word = json_string_value(json_object_get(object, key));
    return word == NULL ? "" : word;
}

static void every_decision_is_in_the_json(void **state)
{
    (void)state;
    static struct fixture fixture;
    a_rollout(&fixture);
    struct rollout_report report = report_of(&fixture);
    json_t *json = json_of(&fixture, &report);
    json_t *rows = json_object_get(json, "decisions");
    assert_int_equal(json_array_size(rows), fixture.state.decisions);
    assert_int_equal(json_integer_value(json_object_get(json, "decisions_missing")), 0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        assert_int_equal(json_integer_value(json_object_get(row, "number")), i + 1);
        assert_true(word_of(row, "at")[0] != 0 && word_of(row, "by")[0] != 0);
        assert_true(word_of(row, "event")[0] != 0 && word_of(row, "to")[0] != 0);
    }
    json_t *roles = json_object_get(json, "roles");
    assert_string_equal(word_of(roles, "started_by"), "ada");
    assert_string_equal(word_of(roles, "assessed_by"), "grace");
    json_t *refused = json_array_get(rows, 1), *halt = json_array_get(rows, 4);
    assert_true(word_of(refused, "refused")[0] != 0);
    assert_string_equal(word_of(halt, "to"), "halted");
    json_t *gate = json_object_get(halt, "gate");
    assert_int_equal(json_integer_value(json_object_get(gate, "bad_hosts")), 7);
    assert_true(strncmp(word_of(gate, "evidence"), "ee00", 4) == 0);
    json_t *rollback = json_array_get(rows, 5);
    assert_int_equal(json_integer_value(json_object_get(rollback, "version")), 43);
    assert_true(strstr(word_of(rollback, "reason"), "\n    99  forged: approve \x1b[31m") != NULL);
    assert_string_equal(word_of(json_object_get(json, "outcome"), "state"), "halted");
    assert_true(json_is_null(json_object_get(json_object_get(json, "change"), "tests")));
    json_decref(json);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    static struct fixture fixture;
    a_rollout(&fixture);
    struct rollout_report report = report_of(&fixture);
    report.rows++;
    report.row_count--;
    json_t *json = json_of(&fixture, &report);
    assert_true(json_integer_value(json_object_get(json, "decisions_missing")) > 0);
    json_decref(json);
    struct writer writer = writer_of(fixture.text, sizeof fixture.text - 1);
    assert_ok(rollout_report_text(&report, &writer));
    fixture.text[writer.at] = 0;
    assert_non_null(strstr(fixture.text, "ARE MISSING"));
    assert_non_null(strstr(fixture.text, "tests        not stated"));
}

static void a_line_of_a_person_is_no_line_of_the_report(void **state)
{
    (void)state;
    static struct fixture fixture;
    a_rollout(&fixture);
    struct rollout_report report = report_of(&fixture);
    struct writer writer = writer_of(fixture.text, sizeof fixture.text - 1);
    assert_ok(rollout_report_text(&report, &writer));
    fixture.text[writer.at] = 0;
    assert_null(strstr(fixture.text, "\n    99"));
    assert_null(strchr(fixture.text, '\x1b'));
    assert_non_null(strstr(fixture.text, "\xc3\xa9"));
    for (const char *line = fixture.text; *line != 0; line += strcspn(line, "\n") + 1)
        print_message("# %.*s\n", (int)strcspn(line, "\n"), line);
}

/* Around 2000 and 2100 every day counts; else one in a month is enough. */
static uint64_t next_day(uint64_t day)
{
    uint64_t year = day / 366;
    bool is_odd = (year >= 28 && year <= 31) || (year >= 128 && year <= 131);
    return day + (is_odd ? 1 : 30);
}

/* Against the C library's, over 140 years. */
static void dates_are_the_calendar_s(void **state)
{
    (void)state;
    static struct fixture fixture;
    a_rollout(&fixture);
    fixture.row_count = 0;
    for (uint64_t day = 0; day < 140 * 366; day = next_day(day)) {
        struct rollout_report report = report_of(&fixture);
        time_t seconds = (time_t)(day * DAY_S + day % DAY_S);
        struct tm parts;
        char expected[64];
        report.now.wall.s = (uint64_t)seconds;
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_true(strftime(expected, sizeof expected, "\"made_at\":\"%Y-%m-%dT%H:%M:%SZ\"",
                             &parts) > 0);
        struct writer writer = writer_of(fixture.text, 128);
        result_ignore(rollout_report_json(&report, &writer)); /* the beginning is enough */
        fixture.text[writer.at] = 0;
        if (strstr(fixture.text, expected) == NULL)
            fail_msg("%s is not in %s", expected, fixture.text);
    }
}

static void too_little_room_is_an_error(void **state)
{
    (void)state;
    static struct fixture fixture;
    a_rollout(&fixture);
    struct rollout_report report = report_of(&fixture);
    struct writer whole = writer_of(fixture.text, sizeof fixture.text);
    assert_ok(rollout_report_json(&report, &whole));
    for (size_t size = 0; size < whole.at; size += 7) {
        struct writer writer = writer_of(fixture.text, size);
        assert_error(rollout_report_json(&report, &writer), ERROR_LIMIT);
        writer = writer_of(fixture.text, size / 8);
        assert_error(rollout_report_text(&report, &writer), ERROR_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_decision_is_in_the_json),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(a_line_of_a_person_is_no_line_of_the_report),
        cmocka_unit_test(dates_are_the_calendar_s),
        cmocka_unit_test(too_little_room_is_an_error),
    };
    return unit_run("rollout/rollout_report", tests);
}
