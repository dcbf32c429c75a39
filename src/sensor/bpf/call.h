// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * Rare system calls that attackers need, reported when they end well: one probe for each, because
 * detaching is what probes cost most at. What a debugger does thousands of times is told once a
 * second.
 */
#include "file.h"
#include "record.h"

enum {
    REPEATS = 4096, /* what was told lately */
    REPEAT_GAP_NS = 1000 * 1000 * 1000,
    XARRAY_LEVELS = 6, /* of 64 slots each: more than any number of a process needs */
};

struct repeat {
    struct wire_identity process;
    struct wire_identity target;
    __u64 request; /* all of it: the capabilities of today have numbers up to 40 */
    __u32 call;
    __u32 reserved;
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
                         .request = record->request,
                         .call = record->call};
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

/* For a call with names: the record lies in scratch memory. */
INLINE struct scratch *begin_named_call(enum wire_kind kind, enum wire_call_name call,
                                        __u64 request)
{
    struct scratch *scratch = scratch_begin(sizeof(struct wire_call));
    if (!scratch)
        return NULL;
    struct wire_call *record = (struct wire_call *)scratch->bytes;
    __builtin_memset(record, 0, sizeof(*record));
    begin_call(record, bpf_get_current_task_btf(), kind, call);
    record->request = request;
    return scratch;
}

#define RECORD_OF(scratch) ((struct wire_call *)(scratch)->bytes)

INLINE void submit_named_call(struct scratch *scratch)
{
    scratch_submit(scratch, WAKE_SOON, WIRE_COUNTER_FULL_CALL);
}

/* A string of the caller's, who may have changed it since the kernel read it. */
INLINE void put_user_string(struct scratch *scratch, struct wire_text *text, __u64 address)
{
    __u32 start = scratch->at & SCRATCH_MASK;
    if (!address)
        return;
    long size = bpf_probe_read_user_str(&scratch->bytes[start], WIRE_PATH_BYTES, (void *)address);
    if (size <= 0) {
        unreadable(scratch);
        return;
    }
    scratch->flags |= WIRE_RACY;
    text->offset = (__u16)start;
    text->length = (__u16)(size - 1);
    scratch->at = start + ((__u32)(size - 1) & NAME_MASK);
}

/* The path that a name of the caller's means. */
INLINE void put_user_path(struct scratch *scratch, __s32 descriptor, __u64 address)
{
    struct wire_call *record = RECORD_OF(scratch);
    __u8 *first = &scratch->bytes[scratch->at & SCRATCH_MASK];
    put_user_string(scratch, &record->name, address);
    bool is_absolute = record->name.length > 0 && *first == '/';
    put_base(scratch, NULL, &record->base, bpf_get_current_task_btf(), descriptor, is_absolute,
             false);
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

/* --- kernel modules ------------------------------------------------------------------------ */

enum { MODULE_NAME_BYTES = 64 };
struct module_name {
    char text[MODULE_NAME_BYTES];
};

/* The name of the module that a thread is about to have loaded. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 64);
    __type(key, __u64); /* thread */
    __type(value, struct module_name);
} module_names SEC(".maps");

/* What the tracepoint module/module_load is called with. */
struct module_loads {
    __u64 common;
    __u32 taints;
    __u32 name; /* where the name lies: offset and, in the upper half, size */
};

SEC("tracepoint")
int call_module_name(struct module_loads *loads)
{
    struct module_name name = {};
    __u64 thread = bpf_get_current_pid_tgid();
    bpf_probe_read_kernel_str(name.text, sizeof(name.text), (void *)loads + (loads->name & 0xffff));
    bpf_map_update_elem(&module_names, &thread, &name, BPF_ANY);
    return 0;
}

INLINE void report_module(enum wire_call_name call, bool has_file)
{
    struct scratch *scratch = begin_named_call(WIRE_MODULE_LOAD, call, 0);
    if (!scratch)
        return;
    __u64 thread = bpf_get_current_pid_tgid();
    struct module_name *name = bpf_map_lookup_elem(&module_names, &thread);
    if (name)
        put_kernel_string(scratch, &RECORD_OF(scratch)->source, name->text);
    else
        unreadable(scratch);
    bpf_map_delete_elem(&module_names, &thread);
    if (has_file) {
        struct task_struct *task = bpf_get_current_task_btf();
        put_base(scratch, NULL, &RECORD_OF(scratch)->base, task, (__s32)argument_of(task, 0), false,
                 false);
    }
    submit_named_call(scratch);
}

SEC("tracepoint")
int call_init_module_end(struct call_end *call)
{
    if (call->result == 0)
        report_module(WIRE_CALL_INIT_MODULE, false);
    return 0;
}

SEC("tracepoint")
int call_finit_module_end(struct call_end *call)
{
    if (call->result == 0)
        report_module(WIRE_CALL_FINIT_MODULE, true);
    return 0;
}

SEC("tracepoint")
int call_delete_module_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result != 0)
        return 0;
    struct scratch *scratch =
        begin_named_call(WIRE_MODULE_UNLOAD, WIRE_CALL_DELETE_MODULE, (__u32)argument_of(task, 1));
    if (!scratch)
        return 0;
    put_user_string(scratch, &RECORD_OF(scratch)->source, argument_of(task, 0));
    submit_named_call(scratch);
    return 0;
}

/* --- mounts and namespaces ----------------------------------------------------------------- */

SEC("tracepoint")
int call_mount_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result != 0)
        return 0;
    struct scratch *scratch =
        begin_named_call(WIRE_MOUNT, WIRE_CALL_MOUNT, (__u32)argument_of(task, 3));
    if (!scratch)
        return 0;
    put_user_path(scratch, DIRECTORY_CURRENT, argument_of(task, 1));
    put_user_string(scratch, &RECORD_OF(scratch)->source, argument_of(task, 0));
    put_user_string(scratch, &RECORD_OF(scratch)->type, argument_of(task, 2));
    submit_named_call(scratch);
    return 0;
}

SEC("tracepoint")
int call_umount_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result != 0)
        return 0;
    struct scratch *scratch =
        begin_named_call(WIRE_MOUNT, WIRE_CALL_UMOUNT, (__u32)argument_of(task, 1));
    if (!scratch)
        return 0;
    put_user_path(scratch, DIRECTORY_CURRENT, argument_of(task, 0));
    submit_named_call(scratch);
    return 0;
}

/* What an open mount is of: the kernel knows. */
INLINE void put_mounted(struct scratch *scratch, __s32 descriptor)
{
    struct wire_call *record = RECORD_OF(scratch);
    struct file *file = (struct file *)file_of_descriptor(bpf_get_current_task_btf(), descriptor);
    if (!file) {
        unreadable(scratch);
        return;
    }
    struct vfsmount *visible = BPF_CORE_READ(file, f_path.mnt);
    struct mount *mount = (void *)visible - bpf_core_field_offset(struct mount, mnt);
    const char *source = BPF_CORE_READ(mount, mnt_devname);
    if (source)
        put_kernel_string(scratch, &record->source, source);
    put_kernel_string(scratch, &record->type, BPF_CORE_READ(visible, mnt_sb, s_type, name));
}

SEC("tracepoint")
int call_move_mount_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result != 0)
        return 0;
    struct scratch *scratch =
        begin_named_call(WIRE_MOUNT, WIRE_CALL_MOVE_MOUNT, (__u32)argument_of(task, 4));
    if (!scratch)
        return 0;
    put_user_path(scratch, (__s32)argument_of(task, 2), argument_of(task, 3));
    put_user_string(scratch, &RECORD_OF(scratch)->source, argument_of(task, 1));
    if (RECORD_OF(scratch)->source.length == 0) /* a new one, by its descriptor */
        put_mounted(scratch, (__s32)argument_of(task, 0));
    submit_named_call(scratch);
    return 0;
}

SEC("tracepoint")
int call_pivot_root_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result != 0)
        return 0;
    struct scratch *scratch = begin_named_call(WIRE_MOUNT, WIRE_CALL_PIVOT_ROOT, 0);
    if (!scratch)
        return 0;
    put_user_string(scratch, &RECORD_OF(scratch)->source, argument_of(task, 0));
    put_base(scratch, NULL, &RECORD_OF(scratch)->base, task, 0, true, false);
    submit_named_call(scratch);
    return 0;
}

INLINE void put_namespaces(struct wire_call *record, struct task_struct *task)
{
    record->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
    record->network_namespace = task->nsproxy->net_ns->ns.inum;
    record->user_namespace = task->real_cred->user_ns->ns.inum;
}

SEC("tracepoint")
int call_unshare_end(struct call_end *call)
{
    enum { NAMESPACES = 0x7e020080 }; /* CLONE_NEW...; the rest parts threads only */
    struct task_struct *task = bpf_get_current_task_btf();
    __u64 kinds = argument_of(task, 0) & NAMESPACES;
    if (call->result != 0 || !kinds)
        return 0;
    struct wire_call record = {.request = kinds};
    begin_call(&record, task, WIRE_NAMESPACE, WIRE_CALL_UNSHARE);
    put_namespaces(&record, task);
    submit(&record, sizeof(record), WAKE_SOON, WIRE_COUNTER_FULL_CALL);
    return 0;
}

SEC("tracepoint")
int call_setns_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u64 kinds = (__u32)argument_of(task, 1);
    if (call->result != 0)
        return 0;
    struct scratch *scratch = begin_named_call(WIRE_NAMESPACE, WIRE_CALL_SETNS, kinds);
    if (!scratch)
        return 0;
    put_namespaces(RECORD_OF(scratch), task);
    struct file *file = (struct file *)file_of_descriptor(task, (__s32)argument_of(task, 0));
    if (!kinds && file) {
        struct ns_common *namespace = BPF_CORE_READ(file, f_inode, i_private);
        put_kernel_string(scratch, &RECORD_OF(scratch)->type, BPF_CORE_READ(namespace, ops, name));
    }
    submit_named_call(scratch);
    return 0;
}

/* --- code for the kernel, and code that lies in memory only -------------------------------- */

SEC("tracepoint")
int call_bpf_end(struct call_end *call)
{
    enum { PROGRAM_LOAD = 5 }; /* BPF_PROG_LOAD */
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result < 0 || (__u32)argument_of(task, 0) != PROGRAM_LOAD)
        return 0;
    struct file *file = (struct file *)file_of_descriptor(task, call->result);
    struct bpf_prog *program = file ? BPF_CORE_READ(file, private_data) : NULL;
    struct scratch *scratch =
        begin_named_call(WIRE_BPF_LOAD, WIRE_CALL_BPF, program ? BPF_CORE_READ(program, type) : 0);
    if (!scratch)
        return 0;
    if (program)
        put_kernel_string(scratch, &RECORD_OF(scratch)->source,
                          (void *)BPF_CORE_READ(program, aux)
                              + bpf_core_field_offset(struct bpf_prog_aux, name));
    else
        unreadable(scratch);
    submit_named_call(scratch);
    return 0;
}

SEC("tracepoint")
int call_memfd_create_end(struct call_end *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (call->result < 0 || is_ignored())
        return 0;
    struct scratch *scratch =
        begin_named_call(WIRE_MEMORY_FILE, WIRE_CALL_MEMFD_CREATE, (__u32)argument_of(task, 1));
    if (!scratch)
        return 0;
    put_base(scratch, NULL, &RECORD_OF(scratch)->base, task, (__s32)call->result, false, false);
    submit_named_call(scratch);
    return 0;
}

/* --- privileges ---------------------------------------------------------------------------- */

enum { CHANGES_AT_ONCE = 1024 }; /* threads that are inside of such a call */

struct privileges {
    struct wire_credentials credentials;
    __u64 capabilities; /* effective */
};

/* Those of a thread when the call began. The oldest make room: nobody takes away what a call
 * leaves behind that never ends. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, CHANGES_AT_ONCE);
    __type(key, __u64); /* thread */
    __type(value, struct privileges);
} privileges_before SEC(".maps");

INLINE void put_privileges(struct privileges *privileges, struct task_struct *task)
{
    const struct cred *cred = task->real_cred;
    put_credentials(&privileges->credentials, task);
    privileges->capabilities = 0;
    bpf_core_read(&privileges->capabilities, sizeof(privileges->capabilities),
                  &cred->cap_effective);
}

/* For each of these calls. */
SEC("tracepoint")
int call_privileges_begin(struct call_begin *call)
{
    struct privileges before;
    __u64 thread = bpf_get_current_pid_tgid();
    put_privileges(&before, bpf_get_current_task_btf());
    if (bpf_map_update_elem(&privileges_before, &thread, &before, BPF_ANY) != 0)
        count(WIRE_COUNTER_MAP_FULL);
    return 0;
}

GLOBAL int report_privileges(__u32 name, __s64 result)
{
    __u64 thread = bpf_get_current_pid_tgid();
    struct privileges *before = bpf_map_lookup_elem(&privileges_before, &thread);
    if (!before) { /* more threads at it than there is room for: what it gained is not known */
        count(WIRE_COUNTER_MAP_FULL);
        return 0;
    }
    struct task_struct *task = bpf_get_current_task_btf();
    struct privileges now;
    put_privileges(&now, task);
    __u64 gained = now.capabilities & ~before->capabilities;
    bool is_root_now = now.credentials.euid == 0 && before->credentials.euid != 0;
    if (result == 0 && (is_root_now || gained)) {
        struct wire_call record = {.request = gained, .target_credentials = before->credentials};
        begin_call(&record, task, WIRE_USER_CHANGE, name);
        submit_call(&record);
    }
    bpf_map_delete_elem(&privileges_before, &thread);
    return 0;
}

SEC("tracepoint")
int call_setuid_end(struct call_end *call)
{
    report_privileges(WIRE_CALL_SETUID, call->result);
    return 0;
}

SEC("tracepoint")
int call_setreuid_end(struct call_end *call)
{
    report_privileges(WIRE_CALL_SETREUID, call->result);
    return 0;
}

SEC("tracepoint")
int call_setresuid_end(struct call_end *call)
{
    report_privileges(WIRE_CALL_SETRESUID, call->result);
    return 0;
}

SEC("tracepoint")
int call_capset_end(struct call_end *call)
{
    report_privileges(WIRE_CALL_CAPSET, call->result);
    return 0;
}

/* --- signals ------------------------------------------------------------------------------- */

enum {
    SIGNAL_KILL = 9,
    SIGNAL_CHILD = 17,
    SIGNAL_STOP = 19,
    CODE_USER = 0,   /* SI_USER */
    CODE_QUEUE = -1, /* SI_QUEUE */
    CODE_THREAD = -6 /* SI_TKILL */
};

/* One of the agent's processes, by its name: who takes that name only makes more events. */
INLINE bool is_ours(struct task_struct *task)
{
    char name[8] = {};
    bpf_probe_read_kernel(name, sizeof(name), task->group_leader->comm);
    bool begins = name[0] == 'c' && name[1] == 'r' && name[2] == 'e' && name[3] == 'a'
                  && name[4] == 'n' && name[5] == 'c' && name[6] == 'e';
    return begins && (name[7] == 'd' || name[7] == '-');
}

/* Each signal of anybody comes by here, also the SIGCHLD of each end: most leave at once. */
SEC("tp_btf/signal_generate")
int BPF_PROG(call_signal, int signal, struct kernel_siginfo *info, struct task_struct *target)
{
    if (signal == SIGNAL_CHILD || !info || (__u64)info == 1) /* the kernel's own */
        return 0;
    int code = BPF_CORE_READ(info, si_code);
    /* Senders may claim other negative codes, which are those of timers: then only what ends or
     * stops is taken for sent. */
    bool is_sent = code == CODE_USER || code == CODE_QUEUE || code == CODE_THREAD
                   || (code < 0 && (signal == SIGNAL_KILL || signal == SIGNAL_STOP));
    struct task_struct *task = bpf_get_current_task_btf();
    if (!is_sent || task->tgid == target->tgid)
        return 0;
    bool is_at_us = is_ours(target);
    if (!is_at_us && task->real_cred->uid.val == target->real_cred->uid.val)
        return 0;
    if (is_at_us && is_ours(task) && target->real_parent->tgid == task->tgid)
        return 0; /* the supervisor ends what it started */
    struct wire_call record = {.request = (__u32)signal};
    begin_call(&record, task, WIRE_SIGNAL,
               code == CODE_USER     ? WIRE_CALL_KILL
               : code == CODE_THREAD ? WIRE_CALL_TGKILL
                                     : WIRE_CALL_RT_SIGQUEUEINFO);
    put_target(&record, target);
    submit_call(&record);
    return 0;
}
