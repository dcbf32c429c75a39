// SPDX-License-Identifier: Apache-2.0
#include "cli/match_fields.h"

#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static void expect(const char *line, const char *fields, const char *gist)
{
    json_t *found = match_fields((struct bytes){(const uint8_t *)line, strlen(line)});
    assert_non_null(found);
    char *text = json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, fields);
    assert_string_equal(match_fields_gist(found), gist);
    free(text);
    json_decref(found);
}

static void fields_are_found_under_every_name(void **state)
{
    (void)state;
    expect("{\"CommandLine\": \"id\", \"ProcessId\": 7, \"other\": 1}",
           "{\"CommandLine\":\"id\",\"ProcessId\":7}", "id");
    expect("{\"process.command_line\": \"id\"}", "{\"CommandLine\":\"id\"}", "id");
    expect("{\"process\": {\"command_line\": \"id\", \"parent\": {\"pid\": 1}}}",
           "{\"CommandLine\":\"id\",\"ParentProcessId\":1}", "id");
    expect("{\"process\": {\"parent.pid\": 1}}", "{\"ParentProcessId\":1}", "");
    expect("{\"CommandLine\": {\"a\": 1}, \"TargetFilename\": \"/x\"}",
           "{\"TargetFilename\":\"/x\"}", "/x");
}

static void what_is_no_object_has_no_fields(void **state)
{
    (void)state;
    expect("[1]", "{}", "");
    expect("{", "{}", "");
    expect("", "{}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_under_every_name),
        cmocka_unit_test(what_is_no_object_has_no_fields),
    };
    return unit_run("cli/match_fields", tests);
}
