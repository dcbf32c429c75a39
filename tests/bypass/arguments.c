// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments and path that another thread rewrites while the kernel executes the program, and a
 * process that gives itself another name afterwards. What was executed, the new program finds in
 * its own memory and says.
 */
#include "bypass.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ROUNDS = 40 };

/* Eight bytes, so that each is written at once. */
union text {
    char bytes[9];
    _Atomic uint64_t whole;
};
static _Alignas(8) union text path = {.bytes = "./honest"}, word = {.bytes = "--honest"};
static atomic_uint flips;

static uint64_t as_number(const char *text)
{
    uint64_t number;
    bytes_copy(&number, sizeof number, text, sizeof number);
    return number;
}

static void *rewrite(void *unused)
{
    uint64_t honest_path = as_number("./honest"), evil_path = as_number("./a_evil");
    uint64_t honest = as_number("--honest"), evil = as_number("--a_evil");
    for (;;) {
        atomic_store(&path.whole, evil_path);
        atomic_store(&word.whole, evil);
        atomic_store(&path.whole, honest_path);
        atomic_store(&word.whole, honest);
        atomic_fetch_add(&flips, 1);
    }
    return unused;
}

/* Executes one of two programs with one of two arguments; which, nobody knows before. */
static _Noreturn void execute_raced(void)
{
    pthread_t thread;
    char *arguments[] = {"bypass-arguments", "told", word.bytes, NULL};
    if (pthread_create(&thread, NULL, rewrite, NULL) != 0)
        trigger_fail("a thread");
    while (atomic_load(&flips) < 1000)
        ;
    execv(path.bytes, arguments);
    trigger_fail("execv");
}

/* In the new program. */
static void tell(char *arguments[])
{
    trigger_fact("rewritten", "process_start");
    trigger_process();
    trigger_arguments(arguments);
    trigger_end();
}

static void rename_itself(char *arguments[])
{
    trigger_enter_folder();
    trigger_fact("renamed itself", "file_create");
    trigger_process();
    trigger_arguments(arguments);
    trigger_text("file_path", trigger_path("made"));
    trigger_end();
    for (size_t i = 0; arguments[i] != NULL; i++)
        memset(arguments[i], 'z', strlen(arguments[i]));
    prctl(PR_SET_NAME, "kworker/0:1");
    trigger_make_file("made");
    unlink("made");
    trigger_leave();
}

static void rewritten_between(void)
{
    char executable[4096];
    ssize_t size = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (size < 0)
        trigger_fail("/proc/self/exe");
    executable[size] = '\0';
    trigger_enter_folder();
    bypass_copy(executable, "honest");
    bypass_copy(executable, "a_evil");
    for (int i = 0; i < ROUNDS; i++) {
        fflush(stdout);
        pid_t process = fork();
        if (process == 0)
            execute_raced();
        bypass_wait(process);
    }
    unlink("honest");
    unlink("a_evil");
    trigger_leave();
}

int main(int count, char *arguments[])
{
    if (count > 2 && string_equal(arguments[1], "told"))
        tell(arguments);
    else if (count > 1 && string_equal(arguments[1], "itself"))
        rename_itself(arguments);
    else
        rewritten_between();
    return 0;
}
