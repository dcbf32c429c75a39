// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * Rare system calls that attackers need, reported when they end well: one probe for each, because
 * detaching is what probes cost most at. What a debugger does thousands of times is told once a
 * second.
 */
#include "record.h"

enum {
    REPEATS = 4096, /* what was told lately */
    REPEAT_GAP_NS = 1000 * 1000 * 1000,
    XARRAY_LEVELS = 6, /* of 64 slots each: more than any number of a process needs */
};

struct repeat {
    struct wire_identity process;
    struct wire_identity target;
    __u32 call;
    __u32 request;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, REPEATS);
    __type(key, struct repeat);
    __type(value, __u64); /* when it was told */
} told SEC(".maps");

INLINE bool is_repeated(const struct wire_call *record)
{
    struct repeat key = {.process = record->header.process,
                         .target = record->target,
                         .call = record->call,
                         .request = (__u32)record->request};
    __u64 now = record->header.time_ns;
    const __u64 *before = bpf_map_lookup_elem(&told, &key);
    if (before && now - *before < REPEAT_GAP_NS) {
        count(WIRE_COUNTER_REPEATED);
        return true;
    }
    bpf_map_update_elem(&told, &key, &now, BPF_ANY);
    return false;
}

/* --- the other process --------------------------------------------------------------------- */

/* The thread that has this number in the pid namespace of the caller, or NULL. Linux 6.1 has no
 * function for that which we may call. */
INLINE struct task_struct *task_of_number(struct task_struct *caller, __u32 number)
{
    struct pid *own = NULL; /* as a plain number: see put_process() */
    bpf_core_read(&own, sizeof(own), &caller->thread_pid);
    struct upid *last = (void *)own + bpf_core_field_offset(struct pid, numbers)
                        + BPF_CORE_READ(own, level) * bpf_core_type_size(struct upid);
    __u64 entry = (__u64)BPF_CORE_READ(last, ns, idr.idr_rt.xa_head);
    const __u32 slots = bpf_core_field_size(struct xa_node, slots) / sizeof(void *);
    for (int level = 0; level < XARRAY_LEVELS; level++) {
        if ((entry & 3) != 2) /* not a node of the tree */
            break;
        struct xa_node *node = (void *)(entry - 2);
        __u32 slot = number >> (BPF_CORE_READ(node, shift) & 31);
        if (level == 0 && slot >= slots)
            return NULL;
        slot &= slots - 1;
        void *place = (void *)node + bpf_core_field_offset(struct xa_node, slots) + slot * 8;
        if (bpf_probe_read_kernel(&entry, sizeof(entry), place) != 0)
            return NULL;
    }
    struct pid *pid = (void *)entry;
    struct hlist_node *first = NULL;
    if (!pid
        || bpf_probe_read_kernel(&first, sizeof(first),
                                 (void *)pid + bpf_core_field_offset(struct pid, tasks))
               != 0
        || !first)
        return NULL;
    struct task_struct *task = (void *)first - bpf_core_field_offset(struct task_struct, pid_links);
    return BPF_CORE_READ(task, thread_pid) == pid ? task : NULL;
}

INLINE void put_target(struct wire_call *record, struct task_struct *target)
{
    record->target.start_boottime_ns = BPF_CORE_READ(target, group_leader, start_boottime);
    record->target.tgid = (__u32)BPF_CORE_READ(target, tgid);
    const struct cred *cred = BPF_CORE_READ(target, real_cred);
    record->target_credentials.uid = BPF_CORE_READ(cred, uid.val);
    record->target_credentials.euid = BPF_CORE_READ(cred, euid.val);
    record->target_credentials.gid = BPF_CORE_READ(cred, gid.val);
    record->target_credentials.egid = BPF_CORE_READ(cred, egid.val);
}

/* --- what a call was asked for ------------------------------------------------------------- */

/* An argument (0 to 5) of the call that ends: where the task entered the kernel, its registers are
 * kept until it leaves, changed by nobody but the call's result. */
INLINE __u64 argument_of(struct task_struct *task, int number)
{
    struct pt_regs *registers = (struct pt_regs *)bpf_task_pt_regs(task);
    if (bpf_core_field_exists(struct pt_regs, di))
        switch (number) {
        case 0:
            return BPF_CORE_READ(registers, di);
        case 1:
            return BPF_CORE_READ(registers, si);
        case 2:
            return BPF_CORE_READ(registers, dx);
        case 3:
            return BPF_CORE_READ(registers, r10);
        case 4:
            return BPF_CORE_READ(registers, r8);
        default:
            return BPF_CORE_READ(registers, r9);
        }
    struct pt_regs___arm64 *others = (struct pt_regs___arm64 *)registers;
    if (number == 0) /* the result lies over the first one */
        return BPF_CORE_READ(others, orig_x0);
    return BPF_CORE_READ(others, regs[number]);
}

INLINE void begin_call(struct wire_call *record, struct task_struct *task, enum wire_kind kind,
                       enum wire_call_name call)
{
    put_header(&record->header, kind, task);
    record->header.size = sizeof(*record);
    record->call = call;
}

INLINE void submit_call(struct wire_call *record)
{
    if (!is_repeated(record))
        submit(record, sizeof(*record), WAKE_SOON, WIRE_COUNTER_FULL_CALL);
}

/* --- access to other processes ------------------------------------------------------------- */

/* Requests of ptrace that attach or change; those that look or go on are left alone. */
INLINE bool is_ptrace_told(__u64 request)
{
    switch (request) {
    case 4:      /* PTRACE_POKETEXT */
    case 5:      /* PTRACE_POKEDATA */
    case 6:      /* PTRACE_POKEUSER */
    case 13:     /* PTRACE_SETREGS */
    case 16:     /* PTRACE_ATTACH */
    case 0x4205: /* PTRACE_SETREGSET */
    case 0x4206: /* PTRACE_SEIZE */
        return true;
    default:
        return false;
    }
}

/* `number` is the other process or one of its threads, as the caller knows it. */
INLINE void report_access(enum wire_call_name call, __u64 request, __u32 number)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct wire_call record = {.request = request};
    begin_call(&record, task, WIRE_ACCESS, call);
    struct task_struct *target = task_of_number(task, number);
    if (target)
        put_target(&record, target);
    if (record.target.tgid == record.header.process.tgid)
        return; /* its own memory, its own threads */
    if (!record.target.tgid) {
        record.header.flags = WIRE_UNREADABLE;
        count(WIRE_COUNTER_READ_FAILED);
    }
    submit_call(&record);
}

SEC("tracepoint")
int call_ptrace_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u64 request = argument_of(task, 0);
    if (call->result >= 0 && is_ptrace_told(request))
        report_access(WIRE_CALL_PTRACE, request, (__u32)argument_of(task, 1));
    return 0;
}

SEC("tracepoint")
int call_memory_read_end(struct call_end *call)
{
    if (call->result >= 0)
        report_access(WIRE_CALL_PROCESS_VM_READV, 0,
                      (__u32)argument_of(bpf_get_current_task_btf(), 0));
    return 0;
}

SEC("tracepoint")
int call_memory_write_end(struct call_end *call)
{
    if (call->result >= 0)
        report_access(WIRE_CALL_PROCESS_VM_WRITEV, 0,
                      (__u32)argument_of(bpf_get_current_task_btf(), 0));
    return 0;
}
