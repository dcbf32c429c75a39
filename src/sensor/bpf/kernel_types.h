// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * The kernel's types as far as our programs read them: only the members that are used. CO-RE
 * finds each member by its name in the running kernel's BTF, so order, size and what is left out
 * do not matter. A name with "___old" or "___new" is another layout of the same type; the code
 * asks bpf_core_field_exists() which one it runs on.
 *
 * Written from the headers of Linux 6.1 to 6.18. Nothing here may depend on the kernel that it
 * is compiled on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef int8_t __s8;
typedef int16_t __s16;
typedef int32_t __s32;
typedef int64_t __s64;
typedef uint16_t __be16;
typedef uint32_t __be32;
typedef uint32_t __wsum;

/* Numbers of linux/bpf.h that the programs use; they are fixed interface. */
enum {
    BPF_MAP_TYPE_HASH = 1,
    BPF_MAP_TYPE_ARRAY = 2,
    BPF_MAP_TYPE_LRU_HASH = 9,
    BPF_MAP_TYPE_RINGBUF = 27,
    BPF_ANY = 0,
    BPF_NOEXIST = 1,
    BPF_F_MMAPABLE = 1 << 10,
    BPF_RB_NO_WAKEUP = 1,
    BPF_RB_FORCE_WAKEUP = 2,
    BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;
typedef struct {
    __u32 val;
} kuid_t;
typedef struct {
    __u32 val;
} kgid_t;

struct proc_ns_operations {
    const char *name;
};
struct ns_common {
    const struct proc_ns_operations *ops;
    unsigned int inum;
};
struct user_namespace {
    struct ns_common ns;
};
struct xarray {
    void *xa_head;
};
struct xa_node {
    unsigned char shift;
    void *slots[64];
};
struct idr {
    struct xarray idr_rt;
};
struct pid_namespace {
    struct ns_common ns;
    struct idr idr; /* number to struct pid */
};
struct mnt_namespace {
    struct ns_common ns;
};
struct net {
    struct ns_common ns;
};
struct nsproxy {
    struct mnt_namespace *mnt_ns;
    struct net *net_ns;
};
typedef struct {
    __u64 val; /* before 6.3 two halves, which lie alike */
} kernel_cap_t;
struct cred {
    kuid_t uid;
    kgid_t gid;
    kuid_t euid;
    kgid_t egid;
    kernel_cap_t cap_effective;
    struct user_namespace *user_ns;
};

struct upid {
    int nr;
    struct pid_namespace *ns;
};
struct hlist_node {
    struct hlist_node *next;
};
struct hlist_head {
    struct hlist_node *first;
};
struct pid {
    unsigned int level;
    struct hlist_head tasks[4]; /* the first: threads of that number, at pid_links[0] */
    struct upid numbers[1];
};

/* --- files ------------------------------------------------------------------------------ */
struct qstr {
    const unsigned char *name;
};
struct file_system_type {
    const char *name;
};
struct super_block {
    __u32 s_dev;
    struct file_system_type *s_type;
};
struct inode {
    unsigned short i_mode;
    unsigned int i_nlink;
    unsigned long i_ino;
    struct super_block *i_sb;
    void *i_private;
};
struct dentry {
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
};
struct vfsmount {
    struct dentry *mnt_root;
    struct super_block *mnt_sb;
};
struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
    const char *mnt_devname;
};
struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};
struct file {
    unsigned int f_flags;
    unsigned int f_mode;
    struct path f_path;
    struct inode *f_inode;
    void *private_data;
};
struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};
struct files_struct {
    struct fdtable *fdt;
};
struct fs_struct {
    struct path root;
    struct path pwd;
};

/* --- control groups --------------------------------------------------------------------- */
struct kernfs_node {
    struct kernfs_node *__parent; /* since 6.15 */
    const char *name;
    __u64 id;
};
struct kernfs_node___old {
    struct kernfs_node *parent;
};
struct cgroup {
    int level;
    struct kernfs_node *kn;
};
struct cgroup_subsys_state {
    struct cgroup *cgroup;
};
struct css_set {
    struct cgroup_subsys_state *subsys[16];
    struct cgroup *dfl_cgrp;
};
enum cgroup_subsys_id {
    memory_cgrp_id = 100, /* the real values come from the running kernel */
    pids_cgrp_id = 101,
};

/* --- processes -------------------------------------------------------------------------- */
struct tty_driver {
    int major;
    int minor_start;
};
struct tty_struct {
    int index;
    struct tty_driver *driver;
};
struct signal_struct {
    atomic_t live;
    int nr_threads;
    int group_exit_code;
    unsigned int flags;
    struct tty_struct *tty;
};
struct userfaultfd_ctx;
struct vm_userfaultfd_ctx {
    struct userfaultfd_ctx *ctx;
};
struct vm_area_struct {
    unsigned long vm_end;
    struct file *vm_file;
    struct vm_userfaultfd_ctx vm_userfaultfd_ctx;
};
struct mm_struct {
    unsigned long arg_start;
    unsigned long arg_end;
    struct file *exe_file;
};
struct task_struct {
    unsigned int flags;
    int pid;
    int tgid;
    int exit_code;
    struct mm_struct *mm;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct pid *thread_pid;
    struct hlist_node pid_links[4];
    __u64 start_boottime;
    const struct cred *cred;
    const struct cred *real_cred;
    char comm[16];
    struct fs_struct *fs;
    struct files_struct *files;
    struct nsproxy *nsproxy;
    struct signal_struct *signal;
    kuid_t loginuid;
    unsigned int sessionid;
    struct css_set *cgroups;
};
struct linux_binprm {
    const char *filename;
    const char *interp;
};

/* --- eBPF programs ---------------------------------------------------------------------- */
enum bpf_prog_type {
    BPF_PROG_TYPE_UNSPEC = 0,
};
struct bpf_prog_aux {
    char name[16];
};
struct bpf_prog {
    enum bpf_prog_type type;
    struct bpf_prog_aux *aux;
};

/* --- signals ---------------------------------------------------------------------------- */
struct kernel_siginfo {
    int si_code;
};

/* Where a task entered the kernel, by machine. */
struct pt_regs {
    unsigned long di, si, dx, r10, r8, r9;
};
struct pt_regs___arm64 {
    __u64 regs[31];
    __u64 orig_x0;
};

/* --- sockets ---------------------------------------------------------------------------- */
typedef struct {
    struct net *net;
} possible_net_t;
struct in6_addr {
    union {
        __u8 u6_addr8[16];
    } in6_u;
};
struct sock_common {
    __be32 skc_daddr;
    __be32 skc_rcv_saddr;
    __be16 skc_dport;
    __u16 skc_num;
    unsigned short skc_family;
    possible_net_t skc_net;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
    struct sock_common __sk_common;
    __u16 sk_protocol;
};
/* Begins with the sock. */
struct inet_sock {
    __be16 inet_sport;
};
struct socket {
    struct sock *sk;
};

/* --- iterators -------------------------------------------------------------------------- */
struct seq_file;
struct bpf_iter_meta {
    struct seq_file *seq;
};
struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

#pragma clang attribute pop

/* What a program on a per-syscall tracepoint is called with. Fixed by the tracepoints' formats:
 * 8 bytes of common fields, an int, padding that holds garbage, then the arguments or the result.
 * A program may only read the arguments that its call has, else it does not attach. */
struct call_begin {
    __u64 common;
    __u32 number;
    __u32 garbage;
    __u64 arguments[6];
};
struct call_end {
    __u64 common;
    __u32 number;
    __u32 garbage;
    __s64 result;
};

/* Constants of the kernel that have not changed in 6.1 to 6.18. */
enum {
    FLAG_KERNEL_THREAD = 0x00200000, /* PF_KTHREAD */
    SIGNAL_GROUP_EXITS = 0x00000004, /* SIGNAL_GROUP_EXIT */
    MODE_WRITE = 0x2,                /* FMODE_WRITE */
    MODE_CREATED = 0x100000,         /* FMODE_CREATED */
    TYPE_MASK = 0170000,             /* S_IFMT */
    TYPE_REGULAR = 0100000,          /* S_IFREG */
    FAMILY_IPV4 = 2,
    FAMILY_IPV6 = 10,
    PROTOCOL_TCP = 6,
    STATE_ESTABLISHED = 1,         /* TCP_ESTABLISHED */
    STATE_SYN_SENT = 2,            /* TCP_SYN_SENT */
    STATE_CLOSE = 7,               /* TCP_CLOSE */
    DIRECTORY_CURRENT = -100,      /* AT_FDCWD */
};
