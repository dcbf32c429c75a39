// SPDX-License-Identifier: Apache-2.0
#include "agent/control/configuration.h"

#include "tests/unit.h"

#include <string.h>

static struct result parse(const char *text, struct configuration *out,
                           struct configuration_warnings *warnings, struct explanation *why)
{
    return configuration_parse("creance.yaml", (struct bytes){(const uint8_t *)text, strlen(text)},
                               out, warnings, why);
}

static void settings_replace_defaults(void **state)
{
    (void)state;
    struct configuration configuration;
    struct configuration_warnings warnings;
    assert_ok(parse("alerts:\n  single_per_minute: 7\nlog:\n  events: true\n", &configuration,
                    &warnings, NULL));
    assert_int_equal(configuration.alerts_single_per_minute, 7);
    assert_int_equal(configuration.alerts_group_seconds, 10);
    assert_true(configuration.log_events);
    assert_int_equal(warnings.count, 0);
}

static void an_empty_file_means_the_defaults(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "# nothing\n", "---\n", "alerts:\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct configuration configuration;
        struct configuration_warnings warnings;
        assert_ok(parse(TEXTS[i], &configuration, &warnings, NULL));
        assert_int_equal(configuration.log_files, 5);
        assert_false(configuration.log_events);
    }
}

static void unknown_keys_are_warned_with_their_line_and_the_nearest_name(void **state)
{
    (void)state;
    struct configuration configuration;
    struct configuration_warnings warnings;
    assert_ok(parse("alerts:\n  single_per_minut: 7\n", &configuration, &warnings, NULL));
    assert_int_equal(warnings.count, 1);
    assert_non_null(strstr(warnings.texts[0].text, "creance.yaml:2:"));
    assert_non_null(strstr(warnings.texts[0].text, "did you mean \"single_per_minute\""));
    assert_int_equal(configuration.alerts_single_per_minute, 100);
}

static void a_fault_refuses_the_whole_file(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } ROWS[] = {
        {"alerts:\n  single_per_minute: -1\n", "creance.yaml:2:"},
        {"alerts:\n  single_per_minute: many\n", "whole number from 0 to 1000000"},
        {"alerts:\n  single_per_minute: [1]\n", "a list"},
        {"log:\n  files: 1\n", "from 2 to 100"},
        {"log:\n  events: 1\n", "true or false"},
        {"alerts: 5\n", "must hold settings"},
        {"- alerts\n", "expected groups"},
        {"alerts:\n  a: [\n", "creance.yaml:"},
        {"alerts:\n  group_seconds: 5\n  group_seconds: 6\n", "creance.yaml:3:"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct configuration configuration = {.log_files = 77};
        struct configuration_warnings warnings;
        struct explanation why = {""};
        struct result result = parse(ROWS[i].text, &configuration, &warnings, &why);
        if (result_is_ok(result) || strstr(why.text, ROWS[i].said) == NULL)
            fail_msg("%s gave \"%s\"", ROWS[i].text, why.text);
        assert_int_equal(configuration.log_files, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_replace_defaults),
        cmocka_unit_test(an_empty_file_means_the_defaults),
        cmocka_unit_test(unknown_keys_are_warned_with_their_line_and_the_nearest_name),
        cmocka_unit_test(a_fault_refuses_the_whole_file),
    };
    return unit_run("configuration", tests);
}
