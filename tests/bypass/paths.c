// SPDX-License-Identifier: Apache-2.0
/* Paths that lead elsewhere than they read: links, dots, depth, and names that change meanwhile. */
#include "bypass.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LEVELS = 60, /* of LEVEL_NAME_BYTES: past the 4096 bytes of a path */
    LEVEL_NAME_BYTES = 100,
    SHORT_LEVELS = 120,
    DEEP_PATH_BYTES = 8192,
    RACES = 300,
};

static char *const NO_ENVIRONMENT[] = {NULL};

static int make_and_write(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        trigger_fail(path);
    return close(file);
}

static void go_by_links(void)
{
    trigger_enter_folder();
    if (mkdir("real", 0700) != 0 || symlink("real", "link") != 0)
        trigger_fail("a link");
    make_and_write("link/../link/./made");
    bypass_file("open", "file_create", trigger_path("real/made"), bypass_inode("real/made"));
    if (rename("link/made", "link/moved") != 0 || symlink("real/moved", "pointer") != 0)
        trigger_fail("rename");
    bypass_file("rename", "file_rename", trigger_path("real/moved"), 0);
    if (chmod("pointer", 04700) != 0)
        trigger_fail("chmod");
    trigger_fact("chmod", "file_chmod");
    trigger_number("process_pid", (uint64_t)getpid());
    trigger_text("file_path", trigger_path("real/moved"));
    trigger_number("file_mode", 04700);
    trigger_end();
    if (unlink("link/../real/moved") != 0)
        trigger_fail("unlink");
    bypass_file("delete by dots", "file_delete", trigger_path("real/moved"), 0);
    make_and_write("real/second");
    if (unlink("link/second") != 0)
        trigger_fail("unlink");
    bypass_file("delete", "file_delete", trigger_path("real/second"), 0);
    unlink("pointer");
    unlink("link");
    rmdir("real");
    trigger_leave();
}

static void execute_by_link(void)
{
    char *arguments[] = {"innocent", NULL};
    trigger_enter_folder();
    if (symlink("/bin/true", "innocent") != 0)
        trigger_fail("a link");
    pid_t process = bypass_run(trigger_path("innocent"), arguments, NO_ENVIRONMENT);
    bypass_started("exec", process, bypass_real("/bin/true"), arguments);
    unlink("innocent");
    trigger_leave();
}

/* Writes to a file by another name of it. */
static void go_by_hard_link(void)
{
    trigger_enter_folder();
    trigger_make_file("watched");
    if (link("watched", "other") != 0)
        trigger_fail("link");
    make_and_write("other");
    bypass_file("write", "file_write", trigger_path("watched"), bypass_inode("watched"));
    unlink("watched");
    unlink("other");
    trigger_leave();
}

/* --- depth --------------------------------------------------------------------------------- */

static char deep_path[DEEP_PATH_BYTES];

static void add_to_deep_path(const char *name)
{
    size_t used = strlen(deep_path);
    if (!string_format(deep_path + used, sizeof deep_path - used, "/%s", name))
        trigger_fail("a deep path");
}

/* Goes `levels` folders down and removes them again on the way up. */
static void in_the_deep(const char *fact, int levels, const char *name)
{
    char executable_fact[64];
    char *arguments[] = {"bottom", NULL};
    trigger_enter_folder();
    (void)string_copy(deep_path, sizeof deep_path, trigger_path(""));
    deep_path[strlen(deep_path) - 1] = '\0';
    for (int i = 0; i < levels; i++) {
        if (mkdir(name, 0700) != 0 || chdir(name) != 0)
            trigger_fail("a folder in a folder");
        add_to_deep_path(name);
    }
    add_to_deep_path("bottom");
    bypass_copy("/bin/true", "bottom");
    bypass_file(fact, "file_create", deep_path, bypass_inode("bottom"));
    pid_t process = bypass_run("./bottom", arguments, NO_ENVIRONMENT);
    if (!string_format(executable_fact, sizeof executable_fact, "%s, executed", fact))
        trigger_fail("a fact");
    bypass_started(executable_fact, process, deep_path, arguments);
    unlink("bottom");
    for (int i = 0; i < levels; i++)
        if (chdir("..") != 0 || rmdir(name) != 0)
            trigger_fail("leaving the deep");
    trigger_leave();
}

static void go_deep(void)
{
    char name[LEVEL_NAME_BYTES + 1];
    memset(name, 'd', LEVEL_NAME_BYTES);
    name[LEVEL_NAME_BYTES] = '\0';
    in_the_deep("many folders", SHORT_LEVELS, "d");
    in_the_deep("6,000 bytes", LEVELS, name);
}

/* --- a name that changes while the kernel reads it ----------------------------------------- */

static _Alignas(8) union {
    char bytes[9];
    _Atomic uint64_t whole;
} flipped = {.bytes = "innocent"};
static atomic_bool is_over;

static void *flip(void *unused)
{
    uint64_t one, other;
    bytes_copy(&one, sizeof one, "innocent", sizeof one);
    bytes_copy(&other, sizeof other, "valuable", sizeof other);
    while (!atomic_load(&is_over)) {
        atomic_store(&flipped.whole, other);
        atomic_store(&flipped.whole, one);
    }
    return unused;
}

static void delete_raced(void)
{
    pthread_t thread;
    trigger_enter_folder();
    if (pthread_create(&thread, NULL, flip, NULL) != 0)
        trigger_fail("a thread");
    for (int i = 0; i < RACES; i++) {
        char folder[32];
        if (!string_format(folder, sizeof folder, "round-%d", i) || mkdir(folder, 0700) != 0
            || chdir(folder) != 0)
            trigger_fail("a folder for each round");
        make_and_write("innocent");
        make_and_write("valuable");
        if (unlink(flipped.bytes) == 0 && access("valuable", F_OK) != 0) {
            char path[64];
            (void)string_format(path, sizeof path, "%s/valuable", folder);
            bypass_file("raced", "file_delete", trigger_path(path), 0);
        }
        unlinkat(AT_FDCWD, "innocent", 0);
        unlinkat(AT_FDCWD, "valuable", 0);
        if (chdir("..") != 0 || rmdir(folder) != 0)
            trigger_fail("leaving a round");
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    trigger_leave();
}

int main(int count, char *arguments[])
{
    const char *way = count == 2 ? arguments[1] : "";
    if (string_equal(way, "links"))
        go_by_links();
    else if (string_equal(way, "exec"))
        execute_by_link();
    else if (string_equal(way, "hard"))
        go_by_hard_link();
    else if (string_equal(way, "deep"))
        go_deep();
    else if (string_equal(way, "raced"))
        delete_raced();
    else
        return 2;
    return 0;
}
