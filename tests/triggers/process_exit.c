// SPDX-License-Identifier: Apache-2.0
/* A child ends with code 42, or, with the argument "signal", by SIGTERM. */
#include "trigger.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char *arguments[])
{
    (void)arguments;
    pid_t child = fork();
    if (child < 0)
        trigger_fail("fork");
    if (child == 0) {
        if (count > 1)
            pause(); /* until the signal comes */
        _exit(42);
    }
    if (count > 1)
        kill(child, SIGTERM);
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        trigger_fail("waiting for the child");
    trigger_begin("process_exit");
    trigger_number("process_pid", (uint64_t)child);
    trigger_number("parent_pid", (uint64_t)getpid());
    if (WIFSIGNALED(status))
        trigger_number("exit_signal", (uint64_t)WTERMSIG(status));
    else
        trigger_number("exit_code", (uint64_t)WEXITSTATUS(status));
    trigger_end();
    return 0;
}
