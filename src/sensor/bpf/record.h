// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * How our programs build a record and hand it over: scratch memory, texts, the dentry walk, the
 * ring with its sparing wake-ups, and the counters.
 *
 * The larger steps are global functions: the verifier checks each of them once, with any
 * argument, instead of once for each place that calls it. They take addresses of kernel objects
 * as numbers and read them with bpf_probe_read_kernel, which cannot fault.
 */
#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "sensor/wire.h"

#define INLINE static __attribute__((always_inline)) inline
#define GLOBAL __attribute__((noinline))

enum {
    SCRATCH_MASK = WIRE_RECORD_BYTES - 1,
    /* One text may begin at the last byte that the mask allows. */
    SCRATCH_BYTES = WIRE_RECORD_BYTES + WIRE_ARGUMENTS_BYTES,
    COMPONENT_BYTES = 256,  /* NAME_MAX and a NUL */
    COMPONENTS = 2048 + 64, /* of one path, and mounts crossed: PATH_MAX has no more */
    CONTROL_GROUP_COMPONENTS = 12,
};

/* Settings, fixed when the programs are loaded. */
const volatile __u32 setting_wake_fill_bytes = 64 * 1024;
const volatile __u64 setting_wake_gap_ns = 5 * 1000 * 1000;

/* The record that is being built. `at` is where its next text goes. The state of a walk over
 * dentries lies here too and not on the stack: the verifier follows what the stack holds from
 * step to step and would never come to an end. */
struct scratch {
    __u8 bytes[SCRATCH_BYTES];
    __u32 at;
    __u32 flags;  /* enum wire_flag so far */
    __u64 dentry; /* where the walk is */
    __u64 mount;  /* struct mount */
    __u64 top;    /* the root dentry of that mount */
    __u32 start;  /* `at` when the walk began */
    __u32 ended;  /* it came to the root: not cut */
};

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 16 * 1024 * 1024); /* the loader sets LIMIT_KERNEL_RING_BYTES */
} records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, WIRE_COUNTER_CPUS *WIRE_COUNTER_SLOT_COUNT);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

/* For programs that run in a task's context with preemption off: they cannot meet themselves.
 * One for each processor (the loader sets their number); the kernel's own kind of map for that
 * refuses values of this size. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct scratch);
} scratch_of_cpu SEC(".maps");

/* For the snapshot, which may sleep: there is one reader of it at a time. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct scratch);
} scratch_of_snapshot SEC(".maps");

/* Processes (tgid) whose file events are not reported: the agent's own writing of logs would
 * else make events that make logs. Everything else about them is reported. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u8);
} ignored_processes SEC(".maps");

/* When the reader was woken last. Two processors may race for it: one more wake-up at worst. */
__u64 last_wake_ns;
__u64 last_wake_now_ns; /* for a record that says WAKE_NOW */

INLINE void count(enum wire_counter counter)
{
    __u32 processor = bpf_get_smp_processor_id() & (WIRE_COUNTER_CPUS - 1);
    __u32 key = processor * WIRE_COUNTER_SLOT_COUNT + counter;
    __u64 *value = bpf_map_lookup_elem(&counters, &key);
    if (value)
        __sync_fetch_and_add(value, 1);
}

/* A field that could not be read: the record says so, and the counter does. */
INLINE void unreadable(struct scratch *scratch)
{
    scratch->flags |= WIRE_UNREADABLE;
    count(WIRE_COUNTER_READ_FAILED);
}

INLINE struct scratch *scratch_begin(__u32 fixed_bytes)
{
    __u32 key = bpf_get_smp_processor_id();
    struct scratch *scratch = bpf_map_lookup_elem(&scratch_of_cpu, &key);
    if (scratch) {
        scratch->at = fixed_bytes;
        scratch->flags = 0;
    }
    return scratch;
}

/* Who is to be woken for a record: a wake-up costs more than everything else together. */
enum wake {
    WAKE_LATER, /* nobody: rules do not see it, and something follows */
    WAKE_SOON,  /* the reader, if it was not woken for one and a half setting_wake_gap_ns: where
                 * what is urgent comes all the time, only that wakes */
    WAKE_NOW,   /* the reader, if nothing urgent has woken it for setting_wake_gap_ns */
};

/* Hands a finished record over. The reader is always woken for a ring that fills. */
INLINE void submit(void *record, __u32 size, enum wake wake, enum wire_counter when_full)
{
    __u64 waiting = bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA);
    __u64 now = ((struct wire_header *)record)->time_ns;
    __u64 flags = BPF_RB_NO_WAKEUP;
    bool crosses = waiting < setting_wake_fill_bytes && waiting + size >= setting_wake_fill_bytes;
    bool idle = (wake == WAKE_NOW && now - last_wake_now_ns > setting_wake_gap_ns)
                || (wake == WAKE_SOON && now - last_wake_ns > setting_wake_gap_ns * 3 / 2);
    if (crosses || idle) {
        flags = BPF_RB_FORCE_WAKEUP;
        last_wake_ns = now;
        if (wake == WAKE_NOW)
            last_wake_now_ns = now;
        count(WIRE_COUNTER_WAKEUPS);
    }
    if (bpf_ringbuf_output(&records, record, size, flags) == 0)
        count(WIRE_COUNTER_RECORDS);
    else
        count(when_full);
}

/* Records are multiples of 8, so that each begins aligned. */
INLINE __u32 record_size(struct scratch *scratch) { return (scratch->at + 7) & SCRATCH_MASK & ~7u; }

/* The same for a record in scratch memory: its size and flags are put in. */
INLINE void scratch_submit(struct scratch *scratch, enum wake wake, enum wire_counter when_full)
{
    struct wire_header *header = (struct wire_header *)scratch->bytes;
    __u32 size = record_size(scratch);
    header->size = size;
    header->flags = (__u16)scratch->flags;
    submit(scratch->bytes, size, wake, when_full);
}

INLINE void text_since(struct scratch *scratch, struct wire_text *text, __u32 start)
{
    text->offset = (__u16)start;
    text->length = (__u16)(scratch->at - start);
}

/* One step: to the parent directory, or from the root of a mount to what it is mounted on. */
static long walk_step(__u64 index, struct scratch **context)
{
    struct scratch *scratch = *context;
    if (scratch->ended)
        return 1;
    struct dentry *dentry = (struct dentry *)scratch->dentry;
    if (scratch->dentry == scratch->top) {
        struct mount *mount = (struct mount *)scratch->mount;
        struct mount *parent = BPF_CORE_READ(mount, mnt_parent);
        scratch->ended = parent == mount || !parent;
        scratch->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
        scratch->mount = (__u64)parent;
        scratch->top = (__u64)BPF_CORE_READ(parent, mnt.mnt_root);
        return 0; /* the next step sees that this was the end */
    }
    struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
    const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
    __u8 *target = &scratch->bytes[scratch->at & SCRATCH_MASK];
    long size = bpf_probe_read_kernel_str(target, COMPONENT_BYTES, name);
    if (size <= 1) {
        unreadable(scratch);
        scratch->ended = 1;
        return 1;
    }
    /* A file that has no place in any directory (memfd) is its own parent and has a name; a root
     * that no mount shows is called "/". */
    if (parent != dentry || *target != '/')
        scratch->at += size & (2 * COMPONENT_BYTES - 1);
    scratch->ended = parent == dentry;
    scratch->dentry = (__u64)parent;
    if (scratch->at - scratch->start > WIRE_PATH_BYTES - COMPONENT_BYTES)
        return 1;
    return 0;
}

/*
 * Appends the components of a path, leaf first, by walking dentries across mounts up to the root
 * of the mount namespace. Always 0 (a global function must return a number).
 */
GLOBAL int append_path(struct scratch *scratch, __u64 dentry, __u64 in_mount)
{
    if (!scratch)
        return 0;
    if (!dentry || !in_mount) {
        unreadable(scratch);
        return 0;
    }
    struct vfsmount *visible = (struct vfsmount *)in_mount;
    scratch->dentry = dentry;
    scratch->mount = in_mount - bpf_core_field_offset(struct mount, mnt);
    scratch->top = (__u64)BPF_CORE_READ(visible, mnt_root);
    scratch->start = scratch->at;
    scratch->ended = 0;
    bpf_loop(COMPONENTS, walk_step, &scratch, 0);
    if (!scratch->ended)
        scratch->flags |= WIRE_PATH_CUT;
    return 0;
}

/* The addresses are read as plain numbers, because global functions take nothing else. */
INLINE void put_path(struct scratch *scratch, struct wire_text *text, const struct path *path)
{
    __u32 start = scratch->at;
    __u64 dentry = 0, mount = 0;
    bpf_core_read(&dentry, sizeof(dentry), &path->dentry);
    bpf_core_read(&mount, sizeof(mount), &path->mnt);
    append_path(scratch, dentry, mount);
    text_since(scratch, text, start);
}

/* A string of the kernel's, without its NUL. */
INLINE void put_kernel_string(struct scratch *scratch, struct wire_text *text, const void *from)
{
    __u32 start = scratch->at & SCRATCH_MASK;
    long size = bpf_probe_read_kernel_str(&scratch->bytes[start], WIRE_PATH_BYTES, from);
    if (size < 0) {
        unreadable(scratch);
        return;
    }
    text->offset = (__u16)start;
    text->length = (__u16)(size - 1);
    scratch->at = start + (size & (2 * WIRE_PATH_BYTES - 1)) - 1;
}

/* --- who ----------------------------------------------------------------------------------- */

/* `task` is any thread; the identity is its process's. A macro of a function: the pointer must
 * keep its type for the verifier. */
INLINE void put_identity(struct wire_identity *identity, struct task_struct *task)
{
    identity->start_boottime_ns = task->group_leader->start_boottime;
    identity->tgid = (__u32)task->tgid;
    identity->reserved = 0;
}

INLINE void put_credentials(struct wire_credentials *credentials, struct task_struct *task)
{
    const struct cred *cred = task->real_cred;
    credentials->uid = cred->uid.val;
    credentials->euid = cred->euid.val;
    credentials->gid = cred->gid.val;
    credentials->egid = cred->egid.val;
}

INLINE void put_header(struct wire_header *header, enum wire_kind kind, struct task_struct *task)
{
    header->size = 0;
    header->kind = (__u16)kind;
    header->flags = 0;
    header->time_ns = bpf_ktime_get_boot_ns();
    header->cpu = bpf_get_smp_processor_id();
    header->tid = (__u32)task->pid;
    put_identity(&header->process, task);
    put_credentials(&header->credentials, task);
}
