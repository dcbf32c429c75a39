// SPDX-License-Identifier: Apache-2.0
/* Sends a signal to a child. The argument says which: "user" (another user's) or "ours" (one that
 * is called as the agent's are). */
#include "trigger.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOMEBODY = 4321 };

int main(int count, char *arguments[])
{
    bool is_ours = count > 1 && string_equal(arguments[1], "ours");
    int ends[2];
    char byte;
    if (pipe2(ends, O_CLOEXEC) != 0)
        trigger_fail("pipe");
    pid_t child = fork();
    if (child < 0)
        trigger_fail("fork");
    if (child == 0) {
        if ((is_ours ? prctl(PR_SET_NAME, "creance-test") : setuid(SOMEBODY)) != 0
            || write(ends[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    if (read(ends[0], &byte, 1) != 1 || kill(child, SIGKILL) != 0)
        trigger_fail("killing");
    trigger_begin("process_signal");
    trigger_process();
    trigger_text("call_name", "kill");
    trigger_text("call_request", "SIGKILL");
    trigger_target(child, is_ours ? getuid() : SOMEBODY);
    trigger_end();
    (void)waitpid(child, NULL, 0);
    return 0;
}
