// SPDX-License-Identifier: Apache-2.0
#include "cli/match_fields.h"

#include "tests/unit.h"

#include <stdlib.h>

/* `pairs` are names and values in turn, ended by NULL. */
static void expect(const char *const *pairs, const char *json, const char *gist)
{
    struct log_fields event;
    assert_ok(log_fields_init(&event));
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        assert_ok(log_fields_add_view(&event, pairs[i], bytes_of(pairs[i + 1])));
    json_t *found = match_fields(&event);
    char *text = json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, json);
    assert_string_equal(match_fields_gist(found), gist);
    free(text);
    json_decref(found);
    log_fields_free(&event);
}

static void fields_have_sigma_names(void **state)
{
    (void)state;
    expect((const char *const[]){"CommandLine", "id", "ProcessId", "7", "other", "1", NULL},
           "{\"CommandLine\":\"id\",\"ProcessId\":7,\"other\":\"1\"}", "id");
    expect((const char *const[]){"process.command_line", "id", "process.parent.pid", "1", NULL},
           "{\"CommandLine\":\"id\",\"ParentProcessId\":1}", "id");
    expect((const char *const[]){"category", "file_event", "TargetFilename", "/x", NULL},
           "{\"TargetFilename\":\"/x\"}", "/x");
    expect((const char *const[]){"ProcessId", "0x7", NULL}, "{\"ProcessId\":\"0x7\"}", "");
}

static void values_of_one_name_are_an_array(void **state)
{
    (void)state;
    expect((const char *const[]){"Data", "a", "Data", "b", "Data", "c", NULL},
           "{\"Data\":[\"a\",\"b\",\"c\"]}", "a");
    expect((const char *const[]){"Image", "/x", "process.executable", "/x", NULL},
           "{\"Image\":\"/x\"}", "/x");
    expect((const char *const[]){NULL}, "{}", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_have_sigma_names),
        cmocka_unit_test(values_of_one_name_are_an_array),
    };
    return unit_run("cli/match_fields", tests);
}
