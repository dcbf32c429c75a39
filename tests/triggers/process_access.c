// SPDX-License-Identifier: Apache-2.0
/* Reaches into a child of its own. The argument says how: "attach", "seize", "poke" (by ptrace),
 * "read" or "write" (its memory). */
#include "trigger.h"

#include "base/bytes.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static long word = 1;

static void attach(pid_t child)
{
    int status;
    if (ptrace(PTRACE_ATTACH, child, NULL, NULL) != 0 || waitpid(child, &status, 0) != child)
        trigger_fail("attaching");
}

static const char *reach(const char *how, pid_t child)
{
    struct iovec here = {&word, sizeof word}, there = {&word, sizeof word};
    if (string_equal(how, "read") || string_equal(how, "write")) {
        bool is_read = string_equal(how, "read");
        ssize_t size = is_read ? process_vm_readv(child, &here, 1, &there, 1, 0)
                               : process_vm_writev(child, &here, 1, &there, 1, 0);
        if (size != (ssize_t)sizeof word)
            trigger_fail(how);
        return is_read ? "process_vm_readv" : "process_vm_writev";
    }
    if (string_equal(how, "seize")) {
        if (ptrace(PTRACE_SEIZE, child, NULL, NULL) != 0)
            trigger_fail("seizing");
        return "PTRACE_SEIZE";
    }
    attach(child);
    if (string_equal(how, "attach"))
        return "PTRACE_ATTACH";
    if (ptrace(PTRACE_POKEDATA, child, &word, 2L) != 0)
        trigger_fail("poking");
    return "PTRACE_POKEDATA";
}

int main(int count, char *arguments[])
{
    pid_t child = fork();
    if (child < 0)
        trigger_fail("fork");
    if (child == 0) {
        pause();
        _exit(0);
    }
    const char *what = reach(count > 1 ? arguments[1] : "attach", child);
    bool is_ptrace = string_starts_with(what, "PTRACE_");
    trigger_begin("process_access");
    trigger_process();
    trigger_text("call_name", is_ptrace ? "ptrace" : what);
    if (is_ptrace)
        trigger_text("call_request", what);
    trigger_target(child, getuid());
    trigger_end();
    kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return 0;
}
