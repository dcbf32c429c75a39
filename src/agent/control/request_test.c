// SPDX-License-Identifier: Apache-2.0
#include "agent/control/request.h"

#include "base/limits.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static struct result parse(const char *text, struct request *request, struct explanation *why)
{
    return request_parse(text, strlen(text), request, why);
}

static void good_requests_are_understood(void **state)
{
    (void)state;
    struct request request;
    assert_ok(parse("{\"verb\":\"status\"}", &request, NULL));
    assert_int_equal(request.verb, REQUEST_STATUS);
    assert_ok(parse("{\"verb\":\"alerts\",\"last\":0,\"follow\":true}", &request, NULL));
    assert_int_equal(request.last, 0);
    assert_true(request.follow);
    assert_ok(parse("{\"verb\":\"events\",\"form\":\"sigma\",\"kinds\":[\"file_create\"],"
                    "\"where\":[{\"field\":\"Image\",\"value\":\"*/nc\"}]}",
                    &request, NULL));
    assert_int_equal(request.kinds, 1U << EVENT_file_create);
    assert_int_equal(request.form, EVENT_FORM_SIGMA);
    assert_int_equal(request.filter_count, 1);
    assert_int_equal(request.filters[0].field, FIELD_process_executable);
}

static void bad_requests_are_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } ROWS[] = {
        {"", "one JSON object"},
        {"nonsense", "one JSON object"},
        {"[]", "must be a JSON object"},
        {"{}", "needs a \"verb\""},
        {"{\"verb\":5}", "needs a \"verb\""},
        {"{\"verb\":\"reboot\"}", "does not know the request \"reboot\""},
        {"{\"verb\":\"status\",\"verb\":\"ps\"}", "duplicate"},
        {"{\"verb\":\"status\",\"follow\":true}", "\"status\" takes no \"follow\""},
        {"{\"verb\":\"alerts\",\"last\":-1}", "whole number"},
        {"{\"verb\":\"alerts\",\"last\":1e9}", "whole number"},
        {"{\"verb\":\"alerts\",\"last\":100001}", "100000"},
        {"{\"verb\":\"alerts\",\"follow\":1}", "true or false"},
        {"{\"verb\":\"events\",\"kinds\":\"x\"}", "list"},
        {"{\"verb\":\"events\",\"kinds\":[\"file_creat\"]}", "did you mean \"file_create\""},
        {"{\"verb\":\"events\",\"form\":\"xml\"}", "\"ecs\""},
        {"{\"verb\":\"events\",\"where\":[{\"field\":\"Imag\",\"value\":\"\"}]}",
         "did you mean \"Image\""},
        {"{\"verb\":\"events\",\"where\":[{\"field\":\"Image\"}]}", "each of \"where\""},
        {"{\"verb\":\"events\",\"where\":[5]}", "each of \"where\""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct request request;
        struct explanation why = {""};
        struct result result = parse(ROWS[i].text, &request, &why);
        if (result_is_ok(result) || strcasestr(why.text, ROWS[i].said) == NULL)
            fail_msg("%s gave \"%s\"", ROWS[i].text, why.text);
    }
}

static void requests_over_the_limit_are_not_even_parsed(void **state)
{
    (void)state;
    size_t size = LIMIT_REQUEST_BYTES + 1;
    char *text = malloc(size);
    memset(text, '[', size);
    struct request request;
    assert_error(request_parse(text, size, &request, NULL), ERROR_LIMIT);
    free(text);
}

static void texts_match_with_stars(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } ROWS[] = {
        {"", "", true},           {"", "a", false},          {"*", "", true},
        {"*", "anything", true},  {"a", "a", true},          {"a", "A", false},
        {"*/nc", "/bin/nc", true}, {"*/nc", "/bin/ncat", false}, {"a*c", "abc", true},
        {"a*c", "ab", false},     {"*a*b*", "xxaxxbxx", true}, {"*ab*ab", "abab", true},
        {"*ab*ab", "ab", false},  {"**", "x", true},
        {"a*a*a*a*b", "aaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        bool matches = request_text_matches(ROWS[i].pattern, strlen(ROWS[i].pattern),
                                            ROWS[i].text, strlen(ROWS[i].text));
        if (matches != ROWS[i].matches)
            fail_msg("%s and %s", ROWS[i].pattern, ROWS[i].text);
    }
}

static void events_match_by_kind_and_all_fields(void **state)
{
    (void)state;
    struct request request;
    struct event event;
    event_init(&event, EVENT_network_connect, 1, 2);
    event_set_text(&event, FIELD_process_executable, "/bin/nc", 7);
    event_set_number(&event, FIELD_destination_port, 443);
    event_set_number(&event, FIELD_network_initiated, 1);
    assert_ok(parse("{\"verb\":\"events\",\"where\":[{\"field\":\"DestinationPort\","
                    "\"value\":\"443\"},{\"field\":\"Initiated\",\"value\":\"true\"}]}",
                    &request, NULL));
    assert_true(request_matches(&request, &event));
    event_set_number(&event, FIELD_destination_port, 4430);
    assert_false(request_matches(&request, &event));
    assert_ok(parse("{\"verb\":\"events\",\"where\":[{\"field\":\"file_path\",\"value\":\"*\"}]}",
                    &request, NULL));
    assert_false(request_matches(&request, &event)); /* it has no such field */
    assert_ok(parse("{\"verb\":\"events\",\"kinds\":[\"process_exit\"]}", &request, NULL));
    assert_false(request_matches(&request, &event));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests_are_understood),
        cmocka_unit_test(bad_requests_are_refused_with_a_sentence),
        cmocka_unit_test(requests_over_the_limit_are_not_even_parsed),
        cmocka_unit_test(texts_match_with_stars),
        cmocka_unit_test(events_match_by_kind_and_all_fields),
    };
    return unit_run("request", tests);
}
