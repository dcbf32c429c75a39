// SPDX-License-Identifier: Apache-2.0
/* Forks a child that executes nothing. */
#include "trigger.h"

#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    pid_t child = fork();
    if (child < 0)
        trigger_fail("fork");
    if (child == 0) {
        trigger_begin("process_fork");
        trigger_process();
        trigger_end();
        return 0;
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0)
        trigger_fail("the child");
    return 0;
}
