// SPDX-License-Identifier: Apache-2.0
#include "base/paths.h"

#include "base/bytes.h"
#include "tests/unit.h"

#include <string.h>
#include <unistd.h>

static void installed_paths_are_those_of_the_design(void **state)
{
    (void)state;
    struct paths paths;
    assert_ok(paths_resolve(NULL, NULL, &paths, NULL));
    assert_string_equal(paths.control_socket, "/run/creance/control.sock");
    assert_string_equal(paths.log, "/var/log/creance");
    assert_string_equal(paths.local_rules, "/etc/creance/rules");
    assert_string_equal(paths.vendor_rules, "/usr/lib/creance/rules");
}

static void state_holds_everything_that_is_written(void **state)
{
    (void)state;
    struct paths paths;
    assert_ok(paths_resolve("/tmp/x//", "/opt/content", &paths, NULL));
    assert_string_equal(paths.run, "/tmp/x/run");
    assert_string_equal(paths.control_socket, "/tmp/x/run/control.sock");
    assert_string_equal(paths.log, "/tmp/x/log");
    assert_string_equal(paths.configuration, "/tmp/x/etc");
    assert_string_equal(paths.local_rules, "/tmp/x/etc/rules");
    assert_string_equal(paths.data, "/tmp/x/lib");
    assert_string_equal(paths.vendor_rules, "/opt/content/rules");
}

static void relative_folders_start_at_the_working_directory(void **state)
{
    (void)state;
    char directory[LIMIT_PATH_BYTES];
    char expected[LIMIT_PATH_BYTES + 16];
    assert_non_null(getcwd(directory, sizeof directory));
    string_format(expected, sizeof expected, "%s/state/run", directory);
    struct paths paths;
    assert_ok(paths_resolve("state", NULL, &paths, NULL));
    assert_string_equal(paths.run, expected);
}

static void a_path_that_is_too_long_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static char path[LIMIT_PATH_BYTES + 1];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    struct paths paths;
    struct explanation why = {""};
    assert_error(paths_resolve(path, NULL, &paths, &why), ERROR_LIMIT);
    assert_non_null(strstr(why.text, "longer than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installed_paths_are_those_of_the_design),
        cmocka_unit_test(state_holds_everything_that_is_written),
        cmocka_unit_test(relative_folders_start_at_the_working_directory),
        cmocka_unit_test(a_path_that_is_too_long_is_refused_with_a_sentence),
    };
    return unit_run("paths", tests);
}
