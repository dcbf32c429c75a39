// SPDX-License-Identifier: Apache-2.0
/* Programs that are executed in a way that hides what they are. */
#include "bypass.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY_BYTES = 100000, KEPT_BYTES = 8192 };

static char *const NO_ENVIRONMENT[] = {NULL};
static const char *const PROGRAM = "/bin/true";
static const char *const LOADER = "/lib64/ld-linux-x86-64.so.2";
static const char *const SHELL = "/bin/dash";

/* Executes an open file and waits for its end. */
static pid_t run_descriptor(int file, char *const arguments[])
{
    pid_t process = fork();
    if (process == 0) {
        fexecve(file, arguments, NO_ENVIRONMENT);
        trigger_fail("fexecve");
    }
    bypass_wait(process);
    return process;
}

static void run_memfd(void)
{
    char *arguments[] = {"[kworker/0:1]", "from", "memory", NULL};
    struct stat status;
    int source = open(PROGRAM, O_RDONLY | O_CLOEXEC);
    int memory = memfd_create("harmless", MFD_CLOEXEC);
    if (source < 0 || memory < 0 || fstat(source, &status) != 0
        || sendfile(memory, source, NULL, (size_t)status.st_size) != status.st_size)
        trigger_fail("filling a memfd");
    pid_t process = run_descriptor(memory, arguments);
    bypass_started("memfd", process, "/memfd:harmless", arguments);
}

static void run_deleted(void)
{
    char *arguments[] = {"true", "deleted", NULL};
    trigger_enter_folder();
    bypass_copy(PROGRAM, "gone");
    int file = open("gone", O_RDONLY | O_CLOEXEC);
    if (file < 0 || unlink("gone") != 0)
        trigger_fail("gone");
    pid_t process = run_descriptor(file, arguments);
    bypass_started("deleted", process, trigger_path("gone"), arguments);
    trigger_fact("deleted, that it is", "process_start");
    trigger_number("process_pid", (uint64_t)process);
    trigger_text("executable_origin", "deleted");
    trigger_end();
    trigger_leave();
}

static void run_loader(void)
{
    char *arguments[] = {"/lib64/ld-linux-x86-64.so.2", "/bin/true", "by", "the", "loader", NULL};
    if (access(LOADER, X_OK) != 0)
        bypass_refused(LOADER);
    pid_t process = bypass_run(LOADER, arguments, NO_ENVIRONMENT);
    bypass_started("loader", process, bypass_real(PROGRAM), arguments);
}

static void run_renamed(void)
{
    char *arguments[] = {"kworker", "-c", "exit 0", NULL};
    trigger_enter_folder();
    bypass_copy(SHELL, "kworker");
    pid_t process = bypass_run(trigger_path("kworker"), arguments, NO_ENVIRONMENT);
    bypass_started("renamed", process, trigger_path("kworker"), arguments);
    bypass_started("renamed, what it is", process, bypass_real(SHELL), arguments);
    unlink("kworker");
    trigger_leave();
}

/* "NAME=xxxx...": `size` bytes with the NUL. */
static char *long_text(const char *begin, size_t size)
{
    char *text = malloc(size);
    if (text == NULL || size <= strlen(begin))
        trigger_fail("a long text");
    memset(text, 'x', size - 1);
    text[size - 1] = '\0';
    bytes_copy(text, size, begin, strlen(begin));
    return text;
}

static void run_environment(void)
{
    char *arguments[] = {"true", "with", "a", "large", "environment", NULL};
    char *environment[] = {long_text("LARGE=", MANY_BYTES), NULL};
    pid_t process = bypass_run(PROGRAM, arguments, environment);
    bypass_started("environment", process, bypass_real(PROGRAM), arguments);
    free(environment[0]);
}

static void run_long_arguments(void)
{
    /* The first ones fill what is kept. */
    char *arguments[] = {"true", long_text("a", MANY_BYTES), "--do-evil", NULL};
    pid_t process = bypass_run(PROGRAM, arguments, NO_ENVIRONMENT);
    char *first[] = {"true", long_text("a", KEPT_BYTES - strlen("true ") + 1), NULL};
    bypass_started("arguments, the first 8 KiB", process, bypass_real(PROGRAM), first);
    trigger_fact("arguments, all", "process_start");
    trigger_number("process_pid", (uint64_t)process);
    printf(", \"process_arguments\": \"%s %s %s\"", arguments[0], arguments[1], arguments[2]);
    trigger_end();
    free(arguments[1]);
    free(first[1]);
}

/* A child that looks as if its grandparent had made it. */
static void run_foreign_parent(void)
{
    char *arguments[] = {"true", "foreign", NULL};
    pid_t middle = fork();
    if (middle == 0) {
        struct clone_args clone = {.flags = CLONE_PARENT};
        pid_t process = (pid_t)syscall(SYS_clone3, &clone, sizeof clone);
        if (process == 0) {
            execve(PROGRAM, arguments, NO_ENVIRONMENT);
            trigger_fail(PROGRAM);
        }
        if (process < 0)
            trigger_fail("clone3");
        trigger_fact("foreign parent", "process_start");
        trigger_number("process_pid", (uint64_t)process);
        trigger_number("parent_pid", (uint64_t)getpid());
        trigger_end();
        exit(0);
    }
    bypass_wait(middle);
    if (wait(NULL) < 0)
        trigger_fail("waiting for a child that another one made");
}

static const struct way {
    const char *name;
    void (*run)(void);
} WAYS[] = {
    {"memfd", run_memfd},
    {"deleted", run_deleted},
    {"loader", run_loader},
    {"renamed", run_renamed},
    {"environment", run_environment},
    {"arguments", run_long_arguments},
    {"parent", run_foreign_parent},
};

int main(int count, char *arguments[])
{
    for (size_t i = 0; count == 2 && i < sizeof WAYS / sizeof WAYS[0]; i++) {
        if (string_equal(WAYS[i].name, arguments[1])) {
            WAYS[i].run();
            return 0;
        }
    }
    fputs("usage: bypass-execution WAY\n", stderr);
    return 2;
}
