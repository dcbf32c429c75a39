// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * File operations: opens that make or may change a file, and rename, unlink, rmdir, chmod.
 *
 * Opens are looked at when the call ends: the descriptor names the file that the kernel really
 * opened. The others leave no descriptor behind, so the names that they are called with are
 * copied when the call begins, and reported when it ends well: WIRE_RACY.
 */
#include "record.h"

/* --- what a task has open ------------------------------------------------------------------ */

/* The address of the open file, or 0. */
INLINE __u64 file_of_descriptor(struct task_struct *task, __s64 descriptor)
{
    struct fdtable *table = task->files->fdt;
    if (descriptor < 0 || descriptor >= table->max_fds)
        return 0;
    struct file **files = table->fd;
    __u64 file = 0;
    bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
    return file;
}

INLINE bool is_ignored(void)
{
    __u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
    if (!bpf_map_lookup_elem(&ignored_processes, &tgid))
        return false;
    count(WIRE_COUNTER_IGNORED);
    return true;
}

INLINE void clear_file(struct wire_file *record, struct task_struct *task)
{
    record->inode = 0;
    record->device = 0;
    record->mode = 0;
    record->open_flags = 0;
    record->mount_namespace = task->nsproxy->mnt_ns->ns.inum;
    record->base = (struct wire_text){0, 0};
    record->name = (struct wire_text){0, 0};
    record->previous_base = (struct wire_text){0, 0};
    record->previous_name = (struct wire_text){0, 0};
}

INLINE void put_inode(struct wire_file *record, struct file *file)
{
    struct inode *inode = BPF_CORE_READ(file, f_inode);
    record->inode = BPF_CORE_READ(inode, i_ino);
    record->device = BPF_CORE_READ(inode, i_sb, s_dev);
    record->mode = BPF_CORE_READ(inode, i_mode);
}

/* --- opens --------------------------------------------------------------------------------- */

/* Most opens only read: they leave after two reads. */
GLOBAL int report_open(__s64 descriptor)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = (struct file *)file_of_descriptor(task, descriptor);
    if (!file)
        return 0;
    __u32 mode = BPF_CORE_READ(file, f_mode);
    if (!(mode & (MODE_WRITE | MODE_CREATED)))
        return 0;
    if ((BPF_CORE_READ(file, f_inode, i_mode) & TYPE_MASK) != TYPE_REGULAR || is_ignored())
        return 0;
    struct scratch *scratch = scratch_begin(sizeof(struct wire_file));
    if (!scratch)
        return 0;
    struct wire_file *record = (struct wire_file *)scratch->bytes;
    put_header(&record->header, mode & MODE_CREATED ? WIRE_FILE_CREATE : WIRE_FILE_WRITE, task);
    clear_file(record, task);
    put_inode(record, file);
    record->open_flags = BPF_CORE_READ(file, f_flags);
    put_path(scratch, &record->base, &file->f_path);
    scratch_submit(scratch, WAKE_SOON, WIRE_COUNTER_FULL_FILE);
    return 0;
}

SEC("tracepoint")
int file_open_end(struct call_end *call)
{
    if (call->result >= 0)
        report_open(call->result);
    return 0;
}

/* --- calls that name files ----------------------------------------------------------------- */

enum {
    NAME_BYTES = 256,   /* kept when the call begins; longer names are read when it ends */
    NAMED_CALLS = 4096, /* threads that are inside of such a call at once */
    NAME_MASK = WIRE_PATH_BYTES - 1,
};

struct name {
    __u64 address;    /* in the caller's memory; 0: the descriptor is the file itself */
    __s32 descriptor; /* of the directory that a relative name begins at */
    __u32 size;       /* of the text with its NUL; 0: it was not readable or is longer */
    char text[NAME_BYTES];
};

struct named_call {
    __u32 kind; /* enum wire_kind */
    __u32 mode;
    struct name name;
    struct name previous;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, NAMED_CALLS);
    __type(key, __u64); /* thread */
    __type(value, struct named_call);
} named_calls SEC(".maps");

INLINE void keep_name(struct name *name, __s32 descriptor, __u64 address)
{
    name->address = address;
    name->descriptor = descriptor;
    name->size = 0;
    if (!address)
        return;
    long size = bpf_probe_read_user_str(name->text, NAME_BYTES, (void *)address);
    if (size > 0 && size < NAME_BYTES)
        name->size = (__u32)size;
}

/* What is kept until the call ends lies on the stack of nobody: it is too large for that. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1); /* the loader sets the number of processors */
    __type(key, __u32);
    __type(value, struct named_call);
} named_call_of_cpu SEC(".maps");

INLINE void keep_call(enum wire_kind kind, __u32 mode, __s32 descriptor, __u64 name,
                      __s32 previous_descriptor, __u64 previous_name)
{
    if (is_ignored())
        return;
    __u32 key = bpf_get_smp_processor_id();
    struct named_call *call = bpf_map_lookup_elem(&named_call_of_cpu, &key);
    if (!call)
        return;
    call->kind = kind;
    call->mode = mode;
    keep_name(&call->name, descriptor, name);
    keep_name(&call->previous, previous_descriptor, previous_name);
    __u64 thread = bpf_get_current_pid_tgid();
    if (bpf_map_update_elem(&named_calls, &thread, call, BPF_ANY) != 0)
        count(WIRE_COUNTER_MAP_FULL);
}

/* The directory that a name begins at, or the file itself where there is no name. */
INLINE void put_base(struct scratch *scratch, struct wire_file *record, struct wire_text *text,
                     struct task_struct *task, __s32 descriptor, bool is_absolute, bool is_itself)
{
    if (is_absolute) {
        put_path(scratch, text, &task->fs->root);
    } else if (descriptor == DIRECTORY_CURRENT) {
        put_path(scratch, text, &task->fs->pwd);
    } else {
        struct file *file = (struct file *)file_of_descriptor(task, descriptor);
        if (!file) {
            unreadable(scratch);
            return;
        }
        put_path(scratch, text, &file->f_path);
        if (is_itself)
            put_inode(record, file);
    }
}

/* Puts one name and what it begins at into the record. */
INLINE void put_name(struct scratch *scratch, struct wire_file *record, struct wire_text *base,
                     struct wire_text *text, struct task_struct *task, struct name *name)
{
    __u32 start = scratch->at & SCRATCH_MASK;
    __u8 *target = &scratch->bytes[start];
    long size = 0;
    if (!name->address) {
        put_base(scratch, record, base, task, name->descriptor, false, true);
        return;
    }
    if (name->size > 0)
        size = bpf_probe_read_kernel_str(target, NAME_BYTES, name->text);
    else
        size = bpf_probe_read_user_str(target, WIRE_PATH_BYTES, (void *)name->address);
    if (size <= 0) {
        unreadable(scratch);
        return;
    }
    bool is_absolute = *target == '/', is_itself = *target == 0;
    scratch->flags |= WIRE_RACY;
    text->offset = (__u16)start;
    text->length = (__u16)(size - 1);
    scratch->at = start + ((__u32)(size - 1) & NAME_MASK);
    put_base(scratch, record, base, task, name->descriptor, is_absolute, is_itself);
}

GLOBAL int report_named_call(__s64 result)
{
    __u64 thread = bpf_get_current_pid_tgid();
    struct named_call *call = bpf_map_lookup_elem(&named_calls, &thread);
    if (!call)
        return 0;
    struct scratch *scratch = result == 0 ? scratch_begin(sizeof(struct wire_file)) : NULL;
    if (scratch) {
        struct task_struct *task = bpf_get_current_task_btf();
        struct wire_file *record = (struct wire_file *)scratch->bytes;
        put_header(&record->header, call->kind, task);
        clear_file(record, task);
        put_name(scratch, record, &record->base, &record->name, task, &call->name);
        if (call->kind == WIRE_FILE_RENAME)
            put_name(scratch, record, &record->previous_base, &record->previous_name, task,
                     &call->previous);
        if (call->kind == WIRE_FILE_CHMOD)
            record->mode = call->mode & 07777;
        scratch_submit(scratch, WAKE_SOON, WIRE_COUNTER_FULL_FILE);
    }
    bpf_map_delete_elem(&named_calls, &thread);
    return 0;
}

/* One program for the end of all of them. */
SEC("tracepoint")
int file_call_end(struct call_end *call)
{
    report_named_call(call->result);
    return 0;
}

#define ARGUMENT(n)  (call->arguments[n])
#define DIRECTORY(n) ((__s32)call->arguments[n])

SEC("tracepoint")
int file_rename_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_RENAME, 0, DIRECTORY_CURRENT, ARGUMENT(1), DIRECTORY_CURRENT, ARGUMENT(0));
    return 0;
}

/* renameat and renameat2 */
SEC("tracepoint")
int file_renameat_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_RENAME, 0, DIRECTORY(2), ARGUMENT(3), DIRECTORY(0), ARGUMENT(1));
    return 0;
}

/* unlink and rmdir */
SEC("tracepoint")
int file_unlink_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_DELETE, 0, DIRECTORY_CURRENT, ARGUMENT(0), 0, 0);
    return 0;
}

SEC("tracepoint")
int file_unlinkat_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_DELETE, 0, DIRECTORY(0), ARGUMENT(1), 0, 0);
    return 0;
}

SEC("tracepoint")
int file_chmod_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_CHMOD, (__u32)ARGUMENT(1), DIRECTORY_CURRENT, ARGUMENT(0), 0, 0);
    return 0;
}

/* fchmodat and fchmodat2 */
SEC("tracepoint")
int file_fchmodat_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_CHMOD, (__u32)ARGUMENT(2), DIRECTORY(0), ARGUMENT(1), 0, 0);
    return 0;
}

SEC("tracepoint")
int file_fchmod_begin(struct call_begin *call)
{
    keep_call(WIRE_FILE_CHMOD, (__u32)ARGUMENT(1), DIRECTORY(0), 0, 0, 0);
    return 0;
}
