// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include "base/bytes.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/creance-atomic-XXXXXX";
static int folder = -1;

static int make_folder(void **state)
{
    (void)state;
    folder = mkdtemp(path) == NULL ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"file", "link", "other", ".file.new"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        unlinkat(folder, NAMES[i], 0);
    unlinkat(folder, "fifo", 0);
    unlinkat(folder, "below", AT_REMOVEDIR);
    close(folder);
    return rmdir(path);
}

static void what_is_written_is_read_and_replaced(void **state)
{
    (void)state;
    char text[16];
    size_t size;
    struct explanation why = {""};
    assert_error(atomic_file_read(folder, "file", text, sizeof text, &size, &why),
                 ERROR_NOT_FOUND);
    assert_ok(atomic_file_write(folder, "file", "first", 5, 0600, &why));
    assert_ok(atomic_file_write(folder, "file", "second", 6, 0640, &why));
    assert_ok(atomic_file_read(folder, "file", text, sizeof text, &size, &why));
    assert_int_equal(size, 6);
    assert_memory_equal(text, "second", 6);
    assert_ok(atomic_file_read(folder, "file", text, 6, &size, &why));
    assert_error(atomic_file_read(folder, "file", text, 5, &size, &why), ERROR_LIMIT);
    struct stat status;
    assert_int_equal(fstatat(folder, "file", &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(faccessat(folder, ".file.new", F_OK, 0), -1);
}

/* What a killed writer left behind neither shows nor disturbs. */
static void an_interrupted_write_leaves_the_old_file(void **state)
{
    (void)state;
    char text[16];
    size_t size;
    assert_ok(atomic_file_write(folder, "file", "whole", 5, 0600, NULL));
    int half = openat(folder, ".file.new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(half >= 0);
    assert_int_equal(write(half, "half of something longer", 24), 24);
    close(half);
    assert_ok(atomic_file_read(folder, "file", text, sizeof text, &size, NULL));
    assert_memory_equal(text, "whole", 5);
    assert_ok(atomic_file_write(folder, "file", "new", 3, 0600, NULL));
    assert_ok(atomic_file_read(folder, "file", text, sizeof text, &size, NULL));
    assert_int_equal(size, 3);
}

static void links_and_pipes_are_not_followed(void **state)
{
    (void)state;
    char text[16];
    size_t size;
    assert_ok(atomic_file_write(folder, "other", "other", 5, 0600, NULL));
    assert_int_equal(symlinkat("other", folder, "link"), 0);
    assert_error(atomic_file_read(folder, "link", text, sizeof text, &size, NULL), ERROR_SYSTEM);
    assert_int_equal(mkfifoat(folder, "fifo", 0600), 0);
    assert_error(atomic_file_read(folder, "fifo", text, sizeof text, &size, NULL),
                 ERROR_UNSUPPORTED);
    /* The link is replaced, not what it leads to. */
    assert_ok(atomic_file_write(folder, "link", "mine", 4, 0600, NULL));
    assert_ok(atomic_file_read(folder, "other", text, sizeof text, &size, NULL));
    assert_memory_equal(text, "other", 5);
}

static void folders_are_made_once(void **state)
{
    (void)state;
    int below;
    const char *name;
    char child[64];
    struct explanation why = {""};
    assert_true(string_format(child, sizeof child, "%s/below", path));
    assert_ok(atomic_parent_open(child, &below, &name, &why));
    assert_string_equal(name, "below");
    close(below);
    assert_ok(atomic_parent_open("name", &below, &name, &why));
    assert_string_equal(name, "name");
    close(below);
    assert_error(atomic_parent_open("/tmp/", &below, &name, &why), ERROR_LIMIT);
    assert_error(atomic_parent_open("/nowhere/name", &below, &name, &why), ERROR_SYSTEM);
    assert_ok(atomic_folder_open(folder, "below", 0755, &below, NULL));
    close(below);
    assert_ok(atomic_folder_open(folder, "below", 0755, &below, NULL));
    close(below);
    int other;
    assert_ok(atomic_folder_open_locked(child, 0755, &below, &why));
    assert_error(atomic_folder_open_locked(child, 0755, &other, &why), ERROR_STATE);
    close(below);
    assert_ok(atomic_folder_open_locked(child, 0755, &other, &why));
    close(other);
    assert_ok(atomic_file_write(folder, "file", "x", 1, 0600, NULL));
    assert_error(atomic_folder_open(folder, "file", 0755, &below, NULL), ERROR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_replaced),
        cmocka_unit_test(an_interrupted_write_leaves_the_old_file),
        cmocka_unit_test(links_and_pipes_are_not_followed),
        cmocka_unit_test(folders_are_made_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("atomic_file", tests, make_folder, remove_folder);
}
