// SPDX-License-Identifier: Apache-2.0
#include "content/rule_folder.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_folder(void **state)
{
    char *path = strdup("/tmp/creance-rule-folder-XXXXXX");
    *state = path;
    return path == NULL || mkdtemp(path) == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int remove_folder(void **state)
{
    int result = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

/* Of the file's path in the folder; one buffer, used at once. */
static const char *path_in(void **state, const char *name)
{
    static char path[512];
    assert_true(string_format(path, sizeof path, "%s/%s", (const char *)*state, name));
    return path;
}

static void put_file(void **state, const char *name, const char *text)
{
    FILE *file = fopen(path_in(state, name), "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* "name=content;" of every file in the pack, names without the folder. */
static void expect_pack(void **state, struct rule_folder *folder, const char *expected)
{
    uint8_t *data;
    size_t size;
    assert_ok(rule_folder_pack(folder, &data, &size));
    struct pack_reader reader;
    assert_ok(pack_reader_open(data, size, &reader));
    char text[1024] = "";
    struct pack_file file;
    struct result result;
    size_t skip = strlen(*state) + 1;
    while (result_is_ok(result = pack_reader_next(&reader, &file))) {
        size_t at = strlen(text);
        assert_true(string_format(text + at, sizeof text - at, "%.*s=%.*s;",
                                  (int)(file.name.size - skip),
                                  (const char *)file.name.data + skip, (int)file.content.size,
                                  (const char *)file.content.data));
    }
    assert_int_equal(result.error, ERROR_NOT_FOUND);
    assert_string_equal(text, expected);
    free(data);
}

static void expect_problem(struct rule_folder *folder, const char *file, const char *reason)
{
    for (size_t i = 0; i < rule_folder_problem_count(folder); i++) {
        const struct rule_problem *problem = rule_folder_problem(folder, i);
        if (string_ends_with(problem->file, file) && strstr(problem->reason, reason) != NULL)
            return;
    }
    fail_msg("no problem of %s says \"%s\"", file, reason);
}

static void rule_files_are_found_below_and_nothing_else(void **state)
{
    put_file(state, "b.yml", "B");
    put_file(state, "a.tests.jsonl", "no");
    put_file(state, ".hidden.yml", "no");
    assert_int_equal(mkdir(path_in(state, "deep"), 0700), 0);
    assert_int_equal(mkdir(path_in(state, ".git"), 0700), 0);
    put_file(state, "deep/c.yaml", "C");
    put_file(state, ".git/d.yml", "no");
    assert_int_equal(symlink("deep/c.yaml", path_in(state, "link.yml")), 0);

    struct rule_folder *folder = rule_folder_new();
    assert_non_null(folder);
    assert_ok(rule_folder_add_path(folder, *state, NULL));
    assert_ok(rule_folder_add_path(folder, path_in(state, "b.yml"), NULL)); /* once only */
    assert_int_equal(rule_folder_file_count(folder), 3);
    assert_int_equal(rule_folder_problem_count(folder), 0);
    expect_pack(state, folder, "b.yml=B;deep/c.yaml=C;link.yml=C;");
    rule_folder_free(folder);
}

static void what_is_not_a_readable_file_costs_itself_only(void **state)
{
    put_file(state, "good.yml", "G");
    put_file(state, "huge.yml", "");
    assert_int_equal(truncate(path_in(state, "huge.yml"), 100 * MIB), 0);
    assert_int_equal(mkfifo(path_in(state, "pipe.yml"), 0600), 0);
    assert_int_equal(symlink("/dev/zero", path_in(state, "device.yml")), 0);
    assert_int_equal(symlink("nowhere", path_in(state, "dangling.yml")), 0);
    assert_int_equal(symlink(".", path_in(state, "circle")), 0);

    struct rule_folder *folder = rule_folder_new();
    assert_non_null(folder);
    assert_ok(rule_folder_add_path(folder, *state, NULL));
    expect_pack(state, folder, "good.yml=G;");
    assert_int_equal(rule_folder_problem_count(folder), 5);
    expect_problem(folder, "/huge.yml", "104857600 bytes");
    expect_problem(folder, "/pipe.yml", "not a regular file");
    expect_problem(folder, "/device.yml", "not a regular file");
    expect_problem(folder, "/dangling.yml", "No such file");
    expect_problem(folder, "/circle", "link to a folder");
    rule_folder_free(folder);
}

static void a_path_that_is_not_there_fails(void **state)
{
    struct rule_folder *folder = rule_folder_new();
    assert_non_null(folder);
    struct explanation why;
    assert_error(rule_folder_add_path(folder, path_in(state, "nowhere"), &why), ERROR_NOT_FOUND);
    assert_non_null(strstr(why.text, "no such file"));
    rule_folder_free(folder);
}

static void an_open_folder_is_read_under_its_name(void **state)
{
    put_file(state, "a.yml", "A");
    int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct rule_folder *folder = rule_folder_new();
    assert_non_null(folder);
    assert_ok(rule_folder_add_descriptor(folder, fd, *state, NULL));
    expect_pack(state, folder, "a.yml=A;");
    rule_folder_free(folder);
    close(fd);
}

#define folder_test(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(rule_files_are_found_below_and_nothing_else),
        folder_test(what_is_not_a_readable_file_costs_itself_only),
        folder_test(a_path_that_is_not_there_fails),
        folder_test(an_open_folder_is_read_under_its_name),
    };
    return unit_run("content/rule_folder", tests);
}
