// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "tests/unit.h"

#include <string.h>

static const struct option_row ROWS[] = {
    {"rules", "PATH", true, ""},
    {"output", "FILE", false, ""},
    {"fast", NULL, false, ""},
    {0},
};

static void options_and_words_may_be_mixed(void **state)
{
    (void)state;
    char *arguments[] = {"a", "--rules", "one", "--rules=two", "--fast", "-", "--", "--json"};
    struct options *options;
    assert_ok(options_parse(ROWS, 8, arguments, &options, NULL));
    assert_int_equal(options_count(options, "rules"), 2);
    assert_string_equal(options_value_at(options, "rules", 0), "one");
    assert_string_equal(options_value_at(options, "rules", 1), "two");
    assert_true(options_has(options, "fast"));
    assert_false(options_has(options, "json"));
    assert_int_equal(options_word_count(options), 3);
    assert_string_equal(options_word(options, 0), "a");
    assert_string_equal(options_word(options, 1), "-");
    assert_string_equal(options_word(options, 2), "--json");
    assert_string_equal(options_value(options, "output", "fallback"), "fallback");
    options_free(options);
}

static void check_refused(char *first, char *second, char *third, const char *expected)
{
    char *arguments[] = {first, second, third};
    int count = second == NULL ? 1 : third == NULL ? 2 : 3;
    struct options *options;
    struct explanation why;
    assert_error(options_parse(ROWS, count, arguments, &options, &why), ERROR_FORMAT);
    if (strstr(why.text, expected) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why.text, expected);
}

static void wrong_options_are_refused_with_a_hint(void **state)
{
    (void)state;
    check_refused("--rulse", "x", NULL, "did you mean --rules?");
    check_refused("--jsn", NULL, NULL, "did you mean --json?");
    check_refused("--something", NULL, NULL, "no option --something");
    check_refused("--rules", NULL, NULL, "needs a value");
    check_refused("--fast=1", NULL, NULL, "takes no value");
    check_refused("--output=a", "--output", "b", "once only");
    check_refused("-x", NULL, NULL, "two dashes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_may_be_mixed),
        cmocka_unit_test(wrong_options_are_refused_with_a_hint),
    };
    return unit_run("cli/options", tests);
}
