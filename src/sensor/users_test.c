// SPDX-License-Identifier: Apache-2.0
#include "sensor/users.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];

static int prepare(void **state)
{
    (void)state;
    const char *folder = getenv("TMPDIR");
    (void)string_format(path, sizeof path, "%s/creance-users-XXXXXX",
                        folder == NULL ? "/tmp" : folder);
    int fd = mkostemp(path, O_CLOEXEC);
    return fd < 0 ? -1 : close(fd);
}

static int clean(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, size), (ssize_t)size);
    close(fd);
}

static void assert_name(const struct users *users, uint32_t id, const char *expected)
{
    char scratch[USERS_NUMBER_BYTES];
    struct bytes name = users_name(users, id, scratch);
    if (name.size != strlen(expected) || memcmp(name.data, expected, name.size) != 0)
        fail_msg("%u is \"%.*s\", expected \"%s\"", id, (int)name.size, (const char *)name.data,
                 expected);
}

static void odd_lines_are_passed_over(void **state)
{
    (void)state;
    static const char TEXT[] = "root:x:0:0:root:/root:/bin/bash\n"
                               "toor:x:0:0::/root:/bin/sh\n"
                               "\n:\n::\n:::\n"
                               "#old:x:5:5\n"
                               "+nis:x:6:6\n"
                               "-nis:x:6:6\n"
                               ":x:7:7\n"
                               "short:x\n"
                               "noid:x::8\n"
                               "sign:x:-1:8\n"
                               "space:x: 9:9\n"
                               "letters:x:9a:9\n"
                               "huge:x:4294967296:9\n"
                               "huge:x:99999999999999999999:9\n"
                               "minus1:x:4294967295:9\n"
                               "big:x:4294967294:9:::\n"
                               "n\0ul:x:10:10\n"
                               "open:x:11\n"
                               "ada:x:1000:1000:Ada:/home/ada:/bin/sh:extra:fields\n"
                               "last:x:12:";
    put(TEXT, sizeof TEXT - 1);
    struct users *users;
    assert_ok(users_open(path, &users));
    assert_name(users, 0, "root");
    assert_name(users, 1000, "ada");
    assert_name(users, UINT32_MAX - 1, "big");
    assert_name(users, UINT32_MAX, "4294967295");
    assert_name(users, 12, "last");
    for (uint32_t id = 5; id <= 11; id++) {
        char digits[16];
        (void)string_format(digits, sizeof digits, "%u", id);
        assert_name(users, id, digits);
    }
    users_close(users);
}

static void changes_are_seen_and_loss_of_the_file_is_not_loss_of_names(void **state)
{
    (void)state;
    put("ada:x:7:7::\n", 12);
    struct users *users;
    assert_ok(users_open(path, &users));
    assert_name(users, 7, "ada");
    assert_int_equal(unlink(path), 0);
    users_refresh(users);
    assert_name(users, 7, "ada");
    assert_int_equal(mkfifo(path, 0600), 0);
    users_refresh(users); /* does not wait for a writer */
    assert_name(users, 7, "ada");
    assert_int_equal(unlink(path), 0);
    put("eve:x:7:7::\nbob:x:8:8::\n", 24);
    users_refresh(users);
    assert_name(users, 7, "eve");
    assert_name(users, 8, "bob");
    put("", 0);
    users_refresh(users);
    assert_name(users, 7, "7");
    users_close(users);
}

static void no_file_and_huge_files(void **state)
{
    (void)state;
    struct users *users;
    assert_ok(users_open("/nonexistent/passwd", &users));
    assert_name(users, 3, "3");
    users_refresh(users);
    users_close(users);

    size_t size = LIMIT_USERS_FILE_BYTES + 100;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '\n', size);
    bytes_copy(text, size, "first:x:1:1\n", 12);
    bytes_copy(text + size - 50, 50, "late:x:2:2\n", 11);
    put(text, size);
    free(text);
    assert_ok(users_open(path, &users));
    assert_name(users, 1, "first");
    assert_name(users, 2, "2");
    users_close(users);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(odd_lines_are_passed_over, prepare, clean),
        cmocka_unit_test_setup_teardown(
            changes_are_seen_and_loss_of_the_file_is_not_loss_of_names, prepare, clean),
        cmocka_unit_test_setup_teardown(no_file_and_huge_files, prepare, clean),
    };
    return unit_run("users", tests);
}
