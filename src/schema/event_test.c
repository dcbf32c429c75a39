// SPDX-License-Identifier: Apache-2.0
#include "schema/event.h"

#include "tests/unit.h"

#include <string.h>

static struct event example(void)
{
    struct event event;
    event_init(&event, EVENT_process_start, 5, 7);
    event_set_text(&event, FIELD_process_executable, "/usr/bin/id", 11);
    event_set_text(&event, FIELD_process_arguments, "id -u", 5);
    event_set_number(&event, FIELD_process_pid, 4242);
    return event;
}

static void an_event_survives_encoding(void **state)
{
    (void)state;
    struct event event = example();
    uint8_t buffer[256];
    struct writer writer = writer_of(buffer, sizeof buffer);
    assert_ok(event_encode(&event, &writer));

    struct event decoded;
    assert_ok(event_decode(buffer, writer.at, &decoded));
    assert_int_equal(decoded.kind, EVENT_process_start);
    assert_true(decoded.present == event.present);
    assert_int_equal(decoded.values[FIELD_process_pid].number, 4242);
    assert_memory_equal(decoded.values[FIELD_process_executable].text.data, "/usr/bin/id", 11);
    assert_int_equal(decoded.boottime_ns, 5);
    assert_int_equal(decoded.wall_ns, 7);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct event event = example();
    uint8_t buffer[256];
    struct writer writer = writer_of(buffer, sizeof buffer);
    assert_ok(event_encode(&event, &writer));
    struct event decoded;
    for (size_t size = 0; size < writer.at; size++)
        assert_error(event_decode(buffer, size, &decoded), ERROR_FORMAT);
}

static void no_changed_byte_is_read_out_of_bounds(void **state)
{
    (void)state;
    struct event event = example();
    uint8_t buffer[256];
    struct writer writer = writer_of(buffer, sizeof buffer);
    assert_ok(event_encode(&event, &writer));
    for (size_t at = 0; at < writer.at; at++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t original = buffer[at];
            buffer[at] = (uint8_t)value;
            struct event decoded;
            result_ignore(event_decode(buffer, writer.at, &decoded)); /* only ASan may object */
            buffer[at] = original;
        }
    }
}

static void a_field_that_the_kind_does_not_supply_is_refused(void **state)
{
    (void)state;
    struct event event = example();
    event_set_text(&event, FIELD_file_path, "/etc/passwd", 11);
    uint8_t buffer[256];
    struct writer writer = writer_of(buffer, sizeof buffer);
    assert_ok(event_encode(&event, &writer));
    struct event decoded;
    assert_error(event_decode(buffer, writer.at, &decoded), ERROR_FORMAT);
}

static void a_long_value_is_cut_and_flagged(void **state)
{
    (void)state;
    static char arguments[LIMIT_ARGUMENTS_BYTES + 1];
    memset(arguments, 'a', sizeof arguments);
    struct event event = example();
    event_set_text(&event, FIELD_process_arguments, arguments, sizeof arguments);
    assert_int_equal(event.values[FIELD_process_arguments].text.size, LIMIT_ARGUMENTS_BYTES);
    assert_true(event.values[FIELD_process_arguments].is_cut);
    assert_true((event.incomplete & INCOMPLETE_TRUNCATED) != 0);
}

static void every_name_in_the_table_is_found_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct schema_field *field = schema_field((enum event_field)i);
        const char *names[] = {field->name, field->sigma[0], field->sigma[1], field->ecs};
        for (size_t n = 0; n < 4; n++) {
            enum event_field found;
            if (names[n][0] == '\0')
                continue;
            assert_true(schema_find_field(names[n], &found));
            assert_int_equal(found, i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_survives_encoding),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(no_changed_byte_is_read_out_of_bounds),
        cmocka_unit_test(a_field_that_the_kind_does_not_supply_is_refused),
        cmocka_unit_test(a_long_value_is_cut_and_flagged),
        cmocka_unit_test(every_name_in_the_table_is_found_and_unique),
    };
    return unit_run("schema/event", tests);
}
