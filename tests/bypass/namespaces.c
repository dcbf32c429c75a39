// SPDX-License-Identifier: Apache-2.0
/* What a process does in a fresh user and mount namespace, and in another root. */
#include "bypass.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char *const NO_ENVIRONMENT[] = {NULL};

static void write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t size = (ssize_t)strlen(text);
    if (file < 0 || write(file, text, (size_t)size) != size || close(file) != 0)
        bypass_refused(path);
}

static void enter_namespaces(void)
{
    char users[64], groups[64];
    (void)string_format(users, sizeof users, "0 %u 1\n", geteuid());
    (void)string_format(groups, sizeof groups, "0 %u 1\n", getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        bypass_refused("a user namespace");
    write_text("/proc/self/uid_map", users);
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/gid_map", groups);
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        bypass_refused("mounts of its own");
}

static void tell_made(const char *fact, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        trigger_fail(path);
    trigger_fact(fact, "file_create");
    trigger_number("process_pid", (uint64_t)getpid());
    struct stat own;
    if (stat("/proc/self/ns/mnt", &own) == 0)
        trigger_number("namespace_mount", own.st_ino);
    if (stat("/proc/self/ns/user", &own) == 0)
        trigger_number("namespace_user", own.st_ino);
    trigger_text("file_path", path);
    trigger_number("file_inode", status.st_ino);
    trigger_end();
}

static void work_in_fresh_mount(void)
{
    char *arguments[] = {"true", "inside", NULL};
    if (mount("none", "mounted", "tmpfs", 0, NULL) != 0)
        bypass_refused("tmpfs");
    trigger_make_file("mounted/made");
    tell_made("create", trigger_path("mounted/made"));
    bypass_copy("/bin/true", "mounted/program");
    pid_t process = bypass_run(trigger_path("mounted/program"), arguments, NO_ENVIRONMENT);
    bypass_started("exec", process, trigger_path("mounted/program"), arguments);
}

static void work_in_overlay(void)
{
    if (mkdir("mounted/lower", 0700) != 0 || mkdir("mounted/upper", 0700) != 0
        || mkdir("mounted/work", 0700) != 0 || mkdir("mounted/merged", 0700) != 0)
        trigger_fail("folders of an overlay");
    if (mount("none", "mounted/merged", "overlay", 0,
              "lowerdir=mounted/lower,upperdir=mounted/upper,workdir=mounted/work,userxattr")
        != 0)
        bypass_refused("overlay");
    trigger_make_file("mounted/merged/made");
    tell_made("overlay", trigger_path("mounted/merged/made"));
}

/* The name in the new root, told as it is in the old one. */
static void work_in_new_root(void)
{
    struct stat status;
    char path[4096];
    (void)string_copy(path, sizeof path, trigger_path("mounted/jailed"));
    if (chroot("mounted") != 0 || chdir("/") != 0)
        bypass_refused("chroot");
    trigger_make_file("/jailed");
    if (stat("/jailed", &status) != 0)
        trigger_fail("/jailed");
    trigger_fact("chroot", "file_create");
    trigger_number("process_pid", (uint64_t)getpid());
    trigger_text("file_path", path);
    trigger_number("file_inode", status.st_ino);
    trigger_end();
}

int main(void)
{
    trigger_enter_folder();
    if (mkdir("mounted", 0700) != 0)
        trigger_fail("a folder");
    pid_t process = fork();
    if (process == 0) {
        enter_namespaces();
        work_in_fresh_mount();
        work_in_overlay();
        work_in_new_root();
        _exit(0); /* a sanitizer would look for /proc now */
    }
    bypass_wait(process);
    rmdir("mounted");
    trigger_leave();
    return 0;
}
