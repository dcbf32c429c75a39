// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/* Process starts, forks and ends, and the snapshot of what runs. */
#include "file.h"
#include "network.h"
#include "record.h"

/* The group of the process that names its container: in the version 2 hierarchy, or, where all
 * sit in its root (version 1 hosts), in that of a controller that container managers use. */
INLINE struct cgroup *control_group_of(struct task_struct *task)
{
    struct css_set *set = task->cgroups;
    struct cgroup *group = set->dfl_cgrp;
    if (group->level > 0)
        return group;
    __u32 index = 0;
    if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
        index = bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id);
    else if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
        index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
    else
        return group;
    struct cgroup_subsys_state *state = NULL;
    bpf_core_read(&state, sizeof(state), &set->subsys[index]);
    struct cgroup *other = state ? BPF_CORE_READ(state, cgroup) : NULL;
    return other ? other : group;
}

INLINE struct kernfs_node *parent_of_node(struct kernfs_node *node)
{
    if (bpf_core_field_exists(struct kernfs_node, __parent))
        return BPF_CORE_READ(node, __parent);
    return BPF_CORE_READ((struct kernfs_node___old *)node, parent);
}

/* Appends the names of a control group, leaf first. Always 0. */
GLOBAL int append_control_group(struct scratch *scratch, __u64 node_address)
{
    if (!scratch)
        return 0;
    struct kernfs_node *node = (struct kernfs_node *)node_address;
    __u32 start = scratch->at & SCRATCH_MASK;
    __u32 at = start;
    for (int i = 0; i < CONTROL_GROUP_COMPONENTS; i++) {
        struct kernfs_node *parent = node ? parent_of_node(node) : NULL;
        if (!parent)
            goto done; /* the root has no name */
        long size = bpf_probe_read_kernel_str(&scratch->bytes[at & SCRATCH_MASK], COMPONENT_BYTES,
                                              BPF_CORE_READ(node, name));
        if (size <= 1) {
            unreadable(scratch);
            goto done;
        }
        at += size & (2 * COMPONENT_BYTES - 1);
        if (at - start > WIRE_CONTROL_GROUP_BYTES)
            break;
        node = parent;
    }
    if (node && parent_of_node(node))
        scratch->flags |= WIRE_CONTROL_GROUP_CUT;
done:
    scratch->at = at;
    return 0;
}

INLINE void put_control_group(struct scratch *scratch, struct wire_text *text,
                              struct task_struct *task)
{
    __u32 start = scratch->at;
    struct kernfs_node *node = BPF_CORE_READ(control_group_of(task), kn);
    append_control_group(scratch, (__u64)node);
    text_since(scratch, text, start);
}

INLINE __u32 tty_of(struct task_struct *task)
{
    struct tty_struct *tty = task->signal->tty;
    if (!tty)
        return 0;
    return (__u32)(tty->driver->major << 8 | ((tty->driver->minor_start + tty->index) & 0xff));
}

INLINE void put_process(struct wire_process *process, struct task_struct *task)
{
    struct task_struct *parent = task->real_parent;
    process->parent.tgid = (__u32)parent->tgid;
    process->parent.start_boottime_ns = parent->tgid ? parent->group_leader->start_boottime : 0;
    process->parent.reserved = 0;
    process->control_group_id = BPF_CORE_READ(control_group_of(task), kn, id);
    process->login_uid = 0xffffffff;
    if (bpf_core_field_exists(struct task_struct, loginuid))
        process->login_uid = task->loginuid.val;
    process->session_id = 0xffffffff;
    if (bpf_core_field_exists(struct task_struct, sessionid))
        process->session_id = task->sessionid;
    process->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
    process->network_namespace = task->nsproxy->net_ns->ns.inum;
    process->user_namespace = task->real_cred->user_ns->ns.inum;
    struct task_struct *leader = task->group_leader;
    struct pid *pid = NULL; /* as a plain number: the number of its levels is not a constant */
    bpf_core_read(&pid, sizeof(pid), &leader->thread_pid);
    __u32 level = BPF_CORE_READ(pid, level);
    struct upid *number = (void *)pid + bpf_core_field_offset(struct pid, numbers)
                          + level * bpf_core_type_size(struct upid);
    process->namespace_pid = (__u32)BPF_CORE_READ(number, nr);
    process->pid_namespace = BPF_CORE_READ(number, ns, ns.inum);
    process->tty = tty_of(task);
    bpf_probe_read_kernel_str(process->comm, sizeof(process->comm), task->comm);
}

/* Executable and working directory, and what is told about the executable's inode. */
INLINE void put_program(struct scratch *scratch, struct wire_exec *record, struct task_struct *task)
{
    struct file *file = task->mm->exe_file;
    if (file) {
        struct inode *inode = file->f_inode;
        record->executable_inode = inode->i_ino;
        record->executable_device = inode->i_sb->s_dev;
        record->executable_mode = inode->i_mode;
        record->executable_links = inode->i_nlink;
        put_path(scratch, &record->executable, &file->f_path);
    } else if (!(record->state & WIRE_IS_KERNEL_THREAD)) {
        unreadable(scratch);
    }
    struct fs_struct *fs = task->fs;
    if (fs)
        put_path(scratch, &record->directory, &fs->pwd);
    put_control_group(scratch, &record->control_group, task);
}

INLINE __u32 arguments_size(struct scratch *scratch, struct wire_exec *record,
                            struct task_struct *task)
{
    unsigned long start = task->mm->arg_start;
    unsigned long total = task->mm->arg_end - start;
    if (total > 0x7fffffff)
        total = 0;
    record->arguments_total = (__u32)total;
    if (total <= WIRE_ARGUMENTS_BYTES)
        return (__u32)total;
    scratch->flags |= WIRE_ARGUMENTS_CUT;
    return WIRE_ARGUMENTS_BYTES;
}

/* Zeroes what is not always filled. */
INLINE void clear_exec(struct wire_exec *record)
{
    record->executable_inode = 0;
    record->executable_device = 0;
    record->executable_mode = 0;
    record->executable_links = 0;
    record->arguments_total = 0;
    record->state = 0;
    record->executable = (struct wire_text){0, 0};
    record->directory = (struct wire_text){0, 0};
    record->arguments = (struct wire_text){0, 0};
    record->script = (struct wire_text){0, 0};
    record->interpreter = (struct wire_text){0, 0};
    record->control_group = (struct wire_text){0, 0};
    record->reserved = 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
    struct scratch *scratch = scratch_begin(sizeof(struct wire_exec));
    if (!scratch)
        return 0;
    struct wire_exec *record = (struct wire_exec *)scratch->bytes;
    clear_exec(record);
    put_header(&record->header, WIRE_EXEC, task);
    put_process(&record->process, task);

    __u32 size = arguments_size(scratch, record, task);
    __u32 start = scratch->at & SCRATCH_MASK;
    if (size > 0 && size <= WIRE_ARGUMENTS_BYTES) {
        if (bpf_probe_read_user(&scratch->bytes[start], size, (void *)task->mm->arg_start) == 0) {
            scratch->at = start + size;
            text_since(scratch, &record->arguments, start);
        } else {
            unreadable(scratch);
        }
    }
    put_program(scratch, record, task);
    const char *interpreter = bprm->interp;
    if (interpreter != bprm->filename) {
        record->state |= WIRE_IS_SCRIPT;
        put_kernel_string(scratch, &record->script, bprm->filename);
        put_kernel_string(scratch, &record->interpreter, interpreter);
    }
    scratch_submit(scratch, WAKE_NOW, WIRE_COUNTER_FULL_PROCESS);
    return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
    if (child->pid != child->tgid)
        return 0;
    struct scratch *scratch = scratch_begin(sizeof(struct wire_fork));
    if (!scratch)
        return 0;
    struct wire_fork *record = (struct wire_fork *)scratch->bytes;
    put_header(&record->header, WIRE_FORK, child);
    put_process(&record->process, child);
    put_identity(&record->forked_by, parent);
    record->control_group = (struct wire_text){0, 0};
    record->reserved = 0;
    if (child->cgroups != parent->cgroups)
        put_control_group(scratch, &record->control_group, child);
    scratch_submit(scratch, WAKE_LATER, WIRE_COUNTER_FULL_PROCESS);
    return 0;
}

/* Processes whose end was reported by one of several threads that ended at once. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, struct wire_identity);
    __type(value, __u8);
} ended SEC(".maps");

/* Each of the last threads finds that none lives any more: only the first of them reports. A
 * thread that finds no other one left may still follow one that has reported. */
INLINE bool is_reported(struct task_struct *task)
{
    struct wire_identity identity;
    __u8 value = 1;
    put_identity(&identity, task);
    if (task->signal->nr_threads > 1)
        return bpf_map_update_elem(&ended, &identity, &value, BPF_NOEXIST) != 0;
    return bpf_map_lookup_elem(&ended, &identity) != NULL;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
    struct signal_struct *signal = task->signal;
    __u64 thread = bpf_get_current_pid_tgid();
    /* What it left behind in a call whose end we were not called for. */
    bpf_map_delete_elem(&named_calls, &thread);
    bpf_map_delete_elem(&connecting_threads, &thread);
    if (signal->live.counter > 0 || is_reported(task))
        return 0;
    struct wire_exit record = {};
    put_header(&record.header, WIRE_EXIT, task);
    record.header.size = sizeof(record);
    struct task_struct *parent = task->real_parent;
    record.parent.tgid = (__u32)parent->tgid;
    record.parent.start_boottime_ns = parent->tgid ? parent->group_leader->start_boottime : 0;
    record.status = signal->flags & SIGNAL_GROUP_EXITS ? (__u32)signal->group_exit_code
                                                       : (__u32)task->group_leader->exit_code;
    bpf_probe_read_kernel_str(record.comm, sizeof(record.comm), task->group_leader->comm);
    submit(&record, sizeof(record), WAKE_SOON, WIRE_COUNTER_FULL_PROCESS);
    return 0;
}

/* --- the snapshot -------------------------------------------------------------------------- */

struct memory {
    __u64 end;    /* of what is wanted */
    __u64 is_own; /* it lies in one piece of memory that no file and no other process supplies */
};

static long look_at_memory(struct task_struct *task, struct vm_area_struct *area,
                           struct memory *memory)
{
    bool is_supplied = area->vm_file != NULL;
    if (bpf_core_field_exists(struct vm_userfaultfd_ctx, ctx))
        is_supplied = is_supplied || area->vm_userfaultfd_ctx.ctx != NULL;
    memory->is_own = !is_supplied && area->vm_end >= memory->end;
    return 0;
}

/* Arguments lie on the stack. A process may put something else there, a file of its own FUSE server
 * that never answers: who reads that hangs. */
INLINE bool read_arguments(void *target, __u32 size, struct task_struct *task)
{
    __u64 start = task->mm->arg_start;
    struct memory memory = {.end = start + size};
    if (bpf_find_vma(task, start, look_at_memory, &memory, 0) != 0 || !memory.is_own)
        return false;
    return bpf_copy_from_user_task(target, size, (void *)start, task, 0) == 0;
}

INLINE int snapshot(struct bpf_iter__task *context, bool may_sleep)
{
    struct task_struct *task = context->task;
    if (!task)
        return 0;
    if (task->pid != task->tgid || task->signal->live.counter <= 0)
        return 0;
    __u32 key = 0;
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_of_snapshot, &key);
    if (!scratch)
        return 0;
    scratch->at = sizeof(struct wire_exec);
    scratch->flags = 0;
    struct wire_exec *record = (struct wire_exec *)scratch->bytes;
    clear_exec(record);
    put_header(&record->header, WIRE_SNAPSHOT, task);
    put_process(&record->process, task);
    if (task->flags & FLAG_KERNEL_THREAD)
        record->state |= WIRE_IS_KERNEL_THREAD;
    __u32 size = arguments_size(scratch, record, task);
    __u32 start = scratch->at & SCRATCH_MASK;
    if (size > 0 && size <= WIRE_ARGUMENTS_BYTES) {
        if (may_sleep && read_arguments(&scratch->bytes[start], size, task)) {
            scratch->at = start + size;
            text_since(scratch, &record->arguments, start);
        } else {
            unreadable(scratch);
        }
    }
    put_program(scratch, record, task);
    __u32 used = record_size(scratch);
    record->header.size = used;
    record->header.flags = (__u16)scratch->flags;
    bpf_seq_write(context->meta->seq, scratch->bytes, used);
    return 0;
}

SEC("iter.s/task")
int snapshot_full(struct bpf_iter__task *context) { return snapshot(context, true); }

/* Where the kernel refuses the one that may sleep: everything but the arguments. */
SEC("iter/task")
int snapshot_plain(struct bpf_iter__task *context) { return snapshot(context, false); }
