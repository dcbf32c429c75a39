// SPDX-License-Identifier: Apache-2.0
/* Gains privileges. The argument says how: "user" (becomes root again) or "capability". */
#include "trigger.h"

#include "base/bytes.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SOMEBODY = 4321 };

static void drop_and_raise(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) != 0)
        trigger_fail("capget");
    uint32_t all = sets[0].effective;
    sets[0].effective &= ~(1u << CAP_SYS_TIME);
    if (syscall(SYS_capset, &header, sets) != 0)
        trigger_fail("dropping a capability");
    sets[0].effective = all;
    if (syscall(SYS_capset, &header, sets) != 0)
        trigger_fail("raising a capability");
}

int main(int count, char *arguments[])
{
    bool is_capability = count > 1 && string_equal(arguments[1], "capability");
    if (is_capability)
        drop_and_raise();
    else if (setresuid(SOMEBODY, SOMEBODY, 0) != 0 || setresuid(0, 0, 0) != 0)
        trigger_fail("becoming root again");
    trigger_begin("user_change");
    trigger_process();
    trigger_text("call_name", is_capability ? "capset" : "setresuid");
    trigger_number("user_previous_id", is_capability ? getuid() : SOMEBODY);
    trigger_number("user_previous_effective_id", is_capability ? geteuid() : SOMEBODY);
    if (is_capability)
        trigger_text("capabilities_gained", "CAP_SYS_TIME");
    trigger_end();
    return 0;
}
