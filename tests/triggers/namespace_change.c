// SPDX-License-Identifier: Apache-2.0
/* Leaves namespaces. The argument says how: "unshare", "setns" or "kindless": a setns that leaves
 * the kind to the descriptor. */
#include "trigger.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

int main(int count, char *arguments[])
{
    const char *how = count > 1 ? arguments[1] : "unshare";
    bool is_new = string_equal(how, "unshare");
    if (is_new && unshare(CLONE_NEWNS | CLONE_NEWNET) != 0)
        trigger_fail("unshare");
    if (!is_new) {
        int file = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
        if (file < 0 || setns(file, string_equal(how, "setns") ? CLONE_NEWUTS : 0) != 0)
            trigger_fail("setns");
        close(file);
    }
    trigger_begin("namespace_change");
    trigger_process();
    trigger_text("call_name", is_new ? "unshare" : "setns");
    trigger_text("call_request", is_new ? "CLONE_NEWNS CLONE_NEWNET" : "CLONE_NEWUTS");
    trigger_end();
    return 0;
}
