// SPDX-License-Identifier: Apache-2.0
/* The parts below the client: paths, dates, JSON under bounds and its canonical form. */
#include "update/tuf/metadata.h"

#include "base/limits.h"
#include "tests/unit.h"
#include "update/tuf/metadata_json.h"
#include "update/tuf/path.h"

#include <stdlib.h>
#include <string.h>

static void patterns_stop_at_a_slash(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *path;
        bool is_match;
    } CASES[] = {
        /* section 4.5 */
        {"targets/*.tgz", "targets/foo.tgz", true},
        {"targets/*.tgz", "targets/foo.txt", false},
        {"foo-version-?.tgz", "foo-version-2.tgz", true},
        {"foo-version-?.tgz", "foo-version-alpha.tgz", false},
        {"*.tgz", "foo.tgz", true},
        {"*.tgz", "targets/foo.tgz", false},
        {"foo.tgz", "foo.tgz", true},
        {"foo.tgz", "foo.tgzz", false},
        {"*", "", true},
        {"*", "a/b", false},
        {"?", "/", false},
        {"a?b", "a/b", false},
        {"*/*", "a/b", true},
        {"*/*", "a/b/c", false},
        {"**", "a/b", false},
        {"a*b*c", "axxbyybzc", true},
        {"a*b*c", "axxbyybz", false},
        {"*a/*b", "xa/yb", true},
        {"*a/*b", "xaa/ybb", true},
        {"*a/*b", "xa/y/b", false},
        {"[ab]", "a", false}, /* only itself */
        {"[ab]", "[ab]", true},
        {"", "", true},
        {"", "a", false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        if (tuf_path_matches(CASES[i].pattern, CASES[i].path) != CASES[i].is_match)
            fail_msg("%s on %s", CASES[i].pattern, CASES[i].path);
}

static void patterns_take_bounded_time(void **state)
{
    (void)state;
    char pattern[LIMIT_TUF_PATH_BYTES + 1];
    char path[LIMIT_TUF_PATH_BYTES + 1];
    memset(path, 'a', sizeof path);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof pattern - 2] = 'b';
    path[sizeof path - 1] = pattern[sizeof pattern - 1] = '\0';
    for (unsigned i = 0; i < 1000; i++)
        assert_false(tuf_path_matches(pattern, path));
}

static void only_plain_paths_become_file_names(void **state)
{
    (void)state;
    assert_true(tuf_path_is_plain("a"));
    assert_true(tuf_path_is_plain("a b/.c/...d"));
    static const char *const ODD[] = {"", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/./b",
                                      "a\\b", "a\nb", "\x7f"};
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++)
        if (tuf_path_is_plain(ODD[i]))
            fail_msg("%s is no plain path", ODD[i]);
    char file[TUF_FILE_NAME_BYTES];
    tuf_file_name("../a?#%\xc3\xa9 B_~-.9", 0, file);
    assert_string_equal(file, "..%2Fa%3F%23%25%C3%A9%20B_~-.9.json");
    tuf_file_name("root", 42, file);
    assert_string_equal(file, "42.root.json");
}

static void dates_have_one_form(void **state)
{
    (void)state;
    uint64_t seconds;
    assert_true(tuf_date_parse("1970-01-01T00:00:00Z", &seconds));
    assert_int_equal(seconds, 0);
    assert_true(tuf_date_parse("2000-02-29T12:34:56Z", &seconds));
    assert_int_equal(seconds, 951827696);
    assert_true(tuf_date_parse("9999-12-31T23:59:59Z", &seconds));
    assert_int_equal(seconds, UINT64_C(253402300799));
    static const char *const ODD[] = {
        "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z", "2023-01-00T00:00:00Z", "2023-04-31T00:00:00Z",
        "2023-01-01T24:00:00Z", "2023-01-01T00:60:00Z", "2023-01-01T00:00:60Z",
        "2023-01-01T00:00:00.000Z", "2023-01-01T00:00:00+00:00", "2023-01-01 00:00:00Z",
        "2023-01-01T00:00:00z", "2023-01-01T00:00:00", "1969-12-31T23:59:59Z",
        "+023-01-01T00:00:00Z", " 2023-01-01T00:00:0Z", ""};
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++)
        if (tuf_date_parse(ODD[i], &seconds))
            fail_msg("%s is no date", ODD[i]);
}

static void canonical_json_has_one_form(void **state)
{
    (void)state;
    static const char TEXT[] = " {\"b\" : [1, -0, 9223372036854775807, true, false, null],\n"
                               "\"a\\u00e9\": \"tab\\t quote\\\" back\\\\ slash\\/ \\u00e9\",\n"
                               "\"a\": {}, \"\": [ ] , \"B\": {\"z\":1,\"Z\":2}} ";
    static const char EXPECTED[] = "{\"\":[],\"B\":{\"Z\":2,\"z\":1},\"a\":{},"
                                   "\"a\xc3\xa9\":\"tab\t quote\\\" back\\\\ slash/ \xc3\xa9\","
                                   "\"b\":[1,0,9223372036854775807,true,false,null]}";
    json_t *value = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    assert_ok(metadata_json_read(TEXT, sizeof TEXT - 1, &value, NULL));
    assert_ok(metadata_json_canonical(value, &text, &size));
    assert_int_equal(size, sizeof EXPECTED - 1);
    assert_memory_equal(text, EXPECTED, size);
    free(text);
    json_decref(value);
    assert_ok(metadata_json_read("[1.0]", 5, &value, NULL));
    assert_error(metadata_json_canonical(value, &text, &size), ERROR_FORMAT);
    json_decref(value);
}

static void json_that_readers_could_take_differently_is_refused(void **state)
{
    (void)state;
    static const char *const ODD[] = {
        "", "{", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{} {}", "{}x", "[\"\\u0000\"]",
        "[\"\xff\"]", "[\"\\ud800\"]", "[9223372036854775808]", "[01]", "[+1]", "[NaN]", "{'a':1}",
        "[1,]", "// no\n{}", "\xef\xbb\xbf{}"};
    json_t *value = NULL;
    for (size_t i = 0; i < sizeof ODD / sizeof ODD[0]; i++)
        if (result_is_ok(metadata_json_read(ODD[i], strlen(ODD[i]), &value, NULL)))
            fail_msg("%s is taken", ODD[i]);
}

static void json_is_bounded_before_it_is_built(void **state)
{
    (void)state;
    enum { BYTES = 2 * LIMIT_TUF_VALUES + 2 };
    json_t *value = NULL;
    struct explanation why;
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, '[', BYTES);
    assert_error(metadata_json_read(text, BYTES, &value, &why), ERROR_LIMIT);
    assert_non_null(strstr(why.text, "LIMIT_JSON_DEPTH"));
    for (size_t i = 0; i < BYTES; i++)
        text[i] = i % 2 == 0 ? ',' : '0';
    text[0] = '[';
    assert_error(metadata_json_read(text, BYTES, &value, &why), ERROR_LIMIT);
    assert_non_null(strstr(why.text, "LIMIT_TUF_VALUES"));
    free(text);
    /* what stands in strings is not counted */
    static const char STRING[] = "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[[[\"]";
    assert_ok(metadata_json_read(STRING, sizeof STRING - 1, &value, &why));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_stop_at_a_slash),
        cmocka_unit_test(patterns_take_bounded_time),
        cmocka_unit_test(only_plain_paths_become_file_names),
        cmocka_unit_test(dates_have_one_form),
        cmocka_unit_test(canonical_json_has_one_form),
        cmocka_unit_test(json_that_readers_could_take_differently_is_refused),
        cmocka_unit_test(json_is_bounded_before_it_is_built),
    };
    return unit_run("tuf/metadata", tests);
}
