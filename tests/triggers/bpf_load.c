// SPDX-License-Identifier: Apache-2.0
/* Loads an eBPF program that does nothing. */
#include "trigger.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    static const struct bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
        .insns = (uintptr_t)nothing,
        .insn_cnt = 2,
        .license = (uintptr_t) "GPL",
        .prog_name = "does_nothing",
    };
    long program = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
    if (program < 0)
        trigger_fail("loading");
    close((int)program);
    trigger_begin("bpf_load");
    trigger_process();
    trigger_text("call_name", "bpf");
    trigger_text("call_request", "BPF_PROG_TYPE_SOCKET_FILTER");
    trigger_text("object_name", "does_nothing");
    trigger_end();
    return 0;
}
