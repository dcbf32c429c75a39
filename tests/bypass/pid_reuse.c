// SPDX-License-Identifier: Apache-2.0
/*
 * Gives one pid to many processes as fast as they end: in a pid namespace of its own, where also
 * the pid on the host is chosen (clone3 with set_tid).
 */
#include "bypass.h"

#include "base/bytes.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 200, INSIDE = 7, ATTEMPTS = 1000 };

static char *const NO_ENVIRONMENT[] = {NULL};

static pid_t clone_as(pid_t *numbers, size_t count)
{
    struct clone_args clone = {
        .exit_signal = SIGCHLD,
        .set_tid = (uint64_t)(uintptr_t)numbers,
        .set_tid_size = count,
    };
    return (pid_t)syscall(SYS_clone3, &clone, sizeof clone);
}

/* As the first process of the namespace. */
static void reuse(pid_t on_host)
{
    char word[32];
    char *arguments[] = {"true", word, NULL};
    unsigned taken = 0;
    for (int i = 0; i < ROUNDS; i++) {
        pid_t numbers[] = {INSIDE, on_host};
        (void)string_format(word, sizeof word, "reuse-%d", i);
        pid_t process = clone_as(numbers, 2);
        if (process == 0) {
            execve("/bin/true", arguments, NO_ENVIRONMENT);
            _exit(2);
        }
        if (process < 0 && errno == EEXIST && taken++ < ATTEMPTS) {
            i--; /* somebody else on this machine has it just now */
            usleep(1000);
            continue;
        }
        if (process < 0)
            bypass_refused("a process with a pid that is asked for");
        bypass_wait(process);
        bypass_started("reused", on_host, bypass_real("/bin/true"), arguments);
        trigger_fact("reused, end", "process_exit");
        trigger_number("process_pid", (uint64_t)on_host);
        trigger_arguments(arguments);
        trigger_number("exit_code", 0);
        trigger_end();
    }
}

int main(void)
{
    pid_t free_number = fork();
    if (free_number == 0)
        _exit(0);
    bypass_wait(free_number);
    struct clone_args clone = {.exit_signal = SIGCHLD, .flags = CLONE_NEWPID};
    pid_t first = (pid_t)syscall(SYS_clone3, &clone, sizeof clone);
    if (first == 0) {
        reuse(free_number);
        exit(0);
    }
    if (first < 0)
        bypass_refused("a pid namespace");
    bypass_wait(first);
    return 0;
}
