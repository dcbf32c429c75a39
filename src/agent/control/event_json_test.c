// SPDX-License-Identifier: Apache-2.0
#include "agent/control/event_json.h"

#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static struct event sample(void)
{
    struct event event;
    event_init(&event, EVENT_network_connect, 1, UINT64_C(1700000000000000000));
    event_set_text(&event, FIELD_process_executable, "/usr/bin/nc", 11);
    event_set_text(&event, FIELD_process_id, "a-1-2", 5);
    event_set_number(&event, FIELD_process_start_time, UINT64_MAX);
    event_set_number(&event, FIELD_network_initiated, 1);
    event_set_number(&event, FIELD_destination_port, 443);
    event.incomplete = INCOMPLETE_PARENT;
    return event;
}

static void expect(const struct event *event, enum event_form form, const char *expected)
{
    json_t *object = event_json(event, form);
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(object);
    assert_non_null(wanted);
    if (!json_equal(object, wanted))
        fail_msg("got %s", json_dumps(object, JSON_ENCODE_ANY));
    json_decref(object);
    json_decref(wanted);
}

static void each_form_has_the_names_of_its_taxonomy(void **state)
{
    (void)state;
    struct event event = sample();
    expect(&event, EVENT_FORM_ECS,
           "{\"@timestamp\": \"2023-11-14T22:13:20.000000Z\","
           " \"event\": {\"kind\": \"event\", \"category\": [\"network\"],"
           "             \"action\": \"connection_attempted\"},"
           " \"process\": {\"executable\": \"/usr/bin/nc\", \"entity_id\": \"a-1-2\","
           "               \"start_boottime\": \"18446744073709551615\"},"
           " \"destination\": {\"port\": 443}, \"network\": {\"initiated\": true},"
           " \"creance\": {\"kind\": \"network_connect\", \"incomplete\": [\"parent\"]}}");
    expect(&event, EVENT_FORM_SIGMA,
           "{\"product\": \"linux\", \"category\": \"network_connection\","
           " \"timestamp\": \"2023-11-14T22:13:20.000000Z\", \"kind\": \"network_connect\","
           " \"Image\": \"/usr/bin/nc\", \"ProcessGuid\": \"a-1-2\","
           " \"process.start_boottime\": \"18446744073709551615\","
           " \"DestinationPort\": 443, \"Initiated\": true, \"incomplete\": [\"parent\"]}");
    expect(&event, EVENT_FORM_SCHEMA,
           "{\"time\": \"2023-11-14T22:13:20.000000Z\", \"kind\": \"network_connect\","
           " \"process_executable\": \"/usr/bin/nc\", \"process_id\": \"a-1-2\","
           " \"process_start_time\": \"18446744073709551615\","
           " \"destination_port\": 443, \"network_initiated\": true,"
           " \"incomplete\": [\"parent\"]}");
}

static void a_kind_that_no_rule_sees_has_no_sigma_form(void **state)
{
    (void)state;
    struct event event;
    event_init(&event, EVENT_process_fork, 1, 2);
    expect(&event, EVENT_FORM_SIGMA, "null");
}

static void bytes_that_are_no_utf8_are_replaced_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *expected;
    } ROWS[] = {
        {"a\xff" "b", 3, "a\xef\xbf\xbd" "b"},
        {"\xc3\xa9", 2, "\xc3\xa9"},
        {"\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd"},         /* overlong */
        {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
        {"\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd"},         /* cut */
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        json_t *value = json_foreign(ROWS[i].bytes, ROWS[i].size);
        assert_non_null(value);
        assert_string_equal(json_string_value(value), ROWS[i].expected);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_has_the_names_of_its_taxonomy),
        cmocka_unit_test(a_kind_that_no_rule_sees_has_no_sigma_form),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced_one_by_one),
    };
    return unit_run("event_json", tests);
}
