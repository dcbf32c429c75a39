// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause
#pragma once
/*
 * The records that our eBPF programs hand to user space: through the kernel ring (one BPF ring
 * buffer), and, for what already runs, as the byte stream of the snapshot iterator's descriptor.
 * Both sides are built from this file at the same time; it is no format for storage.
 *
 * Every record is one fixed struct that begins with `struct wire_header`, followed by a data
 * area; header.size is the size of both together. All integers are in the machine's own order
 * unless a comment says otherwise; nothing is implied by alignment, padding is written out and
 * zero (but for up to 7 bytes of anything at the very end of a record). The reader still treats a
 * record as outside bytes: it checks size, kind and every text.
 *
 * Texts. A `struct wire_text` names bytes of the record: `offset` from the start of the record,
 * `length` in bytes. Length 0 means that there is none (or that it could not be read, see flags).
 * They come in three forms, which the field's comment names:
 *   string      bytes without a NUL
 *   arguments   strings that each end with a NUL, as they lie in the process's memory; the last
 *               one may lack it where the text was cut
 *   components  names of a path, THE LAST ONE FIRST, each ended by a NUL: "passwd\0etc\0" is
 *               /etc/passwd. No component at all, with WIRE_UNREADABLE clear, is "/". Paths are
 *               told from the root of the mount namespace that the walk ended in.
 * sensor/wire_path.h turns components into a path.
 */
#include <stdint.h>

enum wire_kind {
    WIRE_EXEC = 1,        /* struct wire_exec */
    WIRE_FORK = 2,        /* struct wire_fork: a process, not a thread */
    WIRE_EXIT = 3,        /* struct wire_exit: the last thread ended */
    WIRE_FILE_CREATE = 4, /* struct wire_file: an open made the (regular) file */
    WIRE_FILE_WRITE = 5,  /* struct wire_file: an existing regular file was opened for writing */
    WIRE_FILE_RENAME = 6, /* struct wire_file; previous_* is the old name */
    WIRE_FILE_DELETE = 7, /* struct wire_file: unlink, rmdir */
    WIRE_FILE_CHMOD = 8,  /* struct wire_file; mode is the new mode */
    WIRE_CONNECT = 9,     /* struct wire_network */
    WIRE_ACCEPT = 10,     /* struct wire_network */
    WIRE_SNAPSHOT = 11,   /* struct wire_exec, from the iterator: a process that runs */
    WIRE_ACCESS = 12,     /* struct wire_call, as all that follow */
    WIRE_MODULE_LOAD = 13,
    WIRE_MODULE_UNLOAD = 14,
    WIRE_MOUNT = 15,
    WIRE_NAMESPACE = 16,
    WIRE_BPF_LOAD = 17,
    WIRE_MEMORY_FILE = 18,
    WIRE_USER_CHANGE = 19,
    WIRE_SIGNAL = 20,
    WIRE_KIND_COUNT
};

/* header.flags: in what way the record is incomplete. */
enum wire_flag {
    WIRE_RACY = 1 << 0,              /* a path was copied from user memory when the call began: the
                                      * kernel may have acted on another one */
    WIRE_PATH_CUT = 1 << 1,          /* a path has more bytes or components than were kept: the
                                      * components nearest to the root are missing */
    WIRE_ARGUMENTS_CUT = 1 << 2,     /* more arguments than were kept: see arguments_total */
    WIRE_UNREADABLE = 1 << 3,        /* something could not be read; what it was stays empty or 0 */
    WIRE_CONTROL_GROUP_CUT = 1 << 4, /* the groups nearest to the root are missing */
};

/* Limits of the kernel's side, in bytes. Powers of two: the programs mask with them. */
enum {
    WIRE_ARGUMENTS_BYTES = 8192,
    WIRE_PATH_BYTES = 4096,
    WIRE_CONTROL_GROUP_BYTES = 1024,
    WIRE_COMM_BYTES = 16,
    WIRE_RECORD_BYTES = 32 * 1024, /* no record is larger */
};

struct wire_text {
    uint16_t offset;
    uint16_t length;
};

/* A process that no other process of this boot is: the pid of the group leader in the first pid
 * namespace, and when that leader was made, in nanoseconds of CLOCK_BOOTTIME. It stays the same
 * over an exec, whichever thread calls it. All zero: none (the parent of pid 1 and of kthreadd). */
struct wire_identity {
    uint64_t start_boottime_ns;
    uint32_t tgid;
    uint32_t reserved;
};

/* Numbers in the first user namespace. */
struct wire_credentials {
    uint32_t uid;
    uint32_t euid;
    uint32_t gid;
    uint32_t egid;
};

struct wire_header {
    uint32_t size;    /* of the whole record, bytes: a multiple of 8, so that each begins aligned */
    uint16_t kind;    /* enum wire_kind */
    uint16_t flags;   /* enum wire_flag */
    uint64_t time_ns; /* CLOCK_BOOTTIME; of a connect: when it began, so not in order */
    uint32_t cpu;     /* where the record was made */
    uint32_t tid;     /* the thread that did it (pid in the kernel's words) */
    struct wire_identity process;        /* who did it; in a fork record the new process */
    struct wire_credentials credentials; /* of that process, at that moment */
};

/* What identifies and places a process. */
struct wire_process {
    struct wire_identity parent; /* real parent; for a child of CLONE_PARENT not who forked */
    uint64_t control_group_id;   /* inode number of the cgroup directory that is named, or 0 */
    uint32_t login_uid;          /* audit login uid; 0xffffffff: none */
    uint32_t session_id;         /* audit session; 0xffffffff: none */
    uint32_t mount_namespace;    /* inode numbers, as in /proc/PID/ns */
    uint32_t pid_namespace;
    uint32_t network_namespace;
    uint32_t user_namespace;
    uint32_t namespace_pid;     /* the pid inside of its own pid namespace */
    uint32_t tty;               /* controlling terminal: major << 8 | minor of old dev_t; 0 none */
    char comm[WIRE_COMM_BYTES]; /* NUL-padded */
};

/* WIRE_EXEC: the new program, before its first instruction. WIRE_SNAPSHOT: as it is now; then
 * `script` and `interpreter` are empty. Kernel threads have no executable and no arguments
 * (WIRE_IS_KERNEL_THREAD in `state`). */
enum {
    WIRE_IS_KERNEL_THREAD = 1 << 0,
    WIRE_IS_SCRIPT = 1 << 1, /* what was executed is not the executable but is run by it */
};
struct wire_exec {
    struct wire_header header;
    struct wire_process process;
    uint64_t executable_inode;
    uint32_t executable_device;     /* the kernel's dev_t: major << 20 | minor */
    uint32_t executable_mode;       /* type and permission bits */
    uint32_t executable_links;      /* 0: deleted or never named (memfd) */
    uint32_t arguments_total;       /* bytes, before they were cut */
    uint32_t state;                 /* WIRE_IS_... */
    struct wire_text executable;    /* components */
    struct wire_text directory;     /* components: the working directory */
    struct wire_text arguments;     /* arguments */
    struct wire_text script;        /* string: the script as it was named in the call, maybe
                                     * relative to `directory`; empty where none */
    struct wire_text interpreter;   /* string: what its first line names; empty where none */
    struct wire_text control_group; /* components, from the root of its hierarchy */
    uint32_t reserved;
};

/* WIRE_FORK. header.process and everything in `process` is the child's. What is not here
 * (executable, arguments, directory) it has from `forked_by`. */
struct wire_fork {
    struct wire_header header;
    struct wire_process process;
    struct wire_identity forked_by; /* who called fork; mostly process.parent */
    struct wire_text control_group; /* components; empty where it is the same as forked_by's */
    uint32_t reserved;
};

/* WIRE_EXIT. */
struct wire_exit {
    struct wire_header header;
    struct wire_identity parent;
    uint32_t status; /* as wait(2) gives it: WIFEXITED, WTERMSIG ... */
    uint32_t reserved;
    char comm[WIRE_COMM_BYTES];
};

/* WIRE_FILE_*. A path is the directory `base` (components) followed by `name` (string, as the
 * caller gave it: may hold slashes, "." and "..", may begin with a slash: "/" + base + "/" + name
 * is right in each case). An empty name means that `base` is the whole path, and then it is not
 * WIRE_RACY. */
struct wire_file {
    struct wire_header header;
    uint64_t inode;  /* 0: not known (path based calls) */
    uint32_t device; /* dev_t: major << 20 | minor; 0: not known */
    uint32_t mode;   /* create, write: type and permission bits; chmod: the new permission bits */
    uint32_t open_flags;      /* create, write: O_... as the kernel keeps them */
    uint32_t mount_namespace; /* of the process, now */
    struct wire_text base;
    struct wire_text name;
    struct wire_text previous_base; /* rename */
    struct wire_text previous_name;
};

/* WIRE_CONNECT, WIRE_ACCEPT: TCP over IPv4 and IPv6. IPv4 addresses, also those that an IPv6
 * socket holds as ::ffff:a.b.c.d, are told as family 2 with the first four bytes used. No data. */
enum wire_outcome {
    WIRE_OUTCOME_PENDING = 0, /* connect returned before it was known (non-blocking) */
    WIRE_OUTCOME_ESTABLISHED = 1,
    WIRE_OUTCOME_FAILED = 2,
};
struct wire_network {
    struct wire_header header;
    uint16_t family;           /* 2: IPv4, 10: IPv6 */
    uint16_t protocol;         /* 6: TCP */
    uint16_t local_port;       /* host order; 0: not known yet */
    uint16_t remote_port;      /* host order */
    uint8_t local_address[16]; /* network order */
    uint8_t remote_address[16];
    uint32_t outcome; /* enum wire_outcome */
    uint32_t network_namespace;
};

/* The rare system calls that attackers need; the names are those of the calls. */
enum wire_call_name {
    WIRE_CALL_PTRACE = 1,
    WIRE_CALL_PROCESS_VM_READV,
    WIRE_CALL_PROCESS_VM_WRITEV,
    WIRE_CALL_INIT_MODULE,
    WIRE_CALL_FINIT_MODULE,
    WIRE_CALL_DELETE_MODULE,
    WIRE_CALL_MOUNT,
    WIRE_CALL_UMOUNT,
    WIRE_CALL_MOVE_MOUNT,
    WIRE_CALL_PIVOT_ROOT,
    WIRE_CALL_UNSHARE,
    WIRE_CALL_SETNS,
    WIRE_CALL_BPF,
    WIRE_CALL_MEMFD_CREATE,
    WIRE_CALL_SETUID,
    WIRE_CALL_SETREUID,
    WIRE_CALL_SETRESUID,
    WIRE_CALL_CAPSET,
    WIRE_CALL_KILL,   /* or pidfd_send_signal: they look the same */
    WIRE_CALL_TGKILL, /* or tkill */
    WIRE_CALL_RT_SIGQUEUEINFO,
    WIRE_CALL_COUNT
};

/* One rare system call, by kind:
 *   WIRE_ACCESS         `target` is the other process, all zero with WIRE_UNREADABLE where it was
 *                       gone; `request` that of ptrace(2)
 *   WIRE_MODULE_LOAD    `base` the file (finit_module), `source` the module's name
 *   WIRE_MODULE_UNLOAD  `source` the module's name, `request` the flags
 *   WIRE_MOUNT          `base` and `name` where, `source` and `type` what, `request` the flags
 *   WIRE_NAMESPACE      `request` the kinds of namespaces; 0 for a setns that leaves it to the
 *                       descriptor, then `type` is the kind's name in /proc/PID/ns
 *   WIRE_BPF_LOAD       `source` the program's name, `request` its type
 *   WIRE_MEMORY_FILE    `base` its name, `request` the flags
 *   WIRE_USER_CHANGE    `target_credentials` those before, `request` the capabilities gained
 *   WIRE_SIGNAL         `target` the other process, `request` the signal
 * A path is told as in struct wire_file. Names come from the caller's memory when the call ends:
 * WIRE_RACY. */
struct wire_call {
    struct wire_header header;
    struct wire_identity target;
    struct wire_credentials target_credentials;
    uint64_t request;
    uint32_t call;            /* enum wire_call_name */
    uint32_t mount_namespace; /* WIRE_NAMESPACE: those of the thread now */
    uint32_t network_namespace;
    uint32_t user_namespace;
    struct wire_text base;   /* components */
    struct wire_text name;   /* string */
    struct wire_text source; /* string */
    struct wire_text type;   /* string */
};

/*
 * The programs' own counters: a map that can be mapped into memory, an array of
 * WIRE_COUNTER_CPUS rows of WIRE_COUNTER_COUNT numbers, which only grow. Sum over the rows.
 * WIRE_COUNTER_SLOT_COUNT pads a row to cache lines.
 */
enum wire_counter {
    WIRE_COUNTER_RECORDS = 0,  /* records put into the ring */
    WIRE_COUNTER_FULL_PROCESS, /* records that found the ring full, by group */
    WIRE_COUNTER_FULL_FILE,
    WIRE_COUNTER_FULL_NETWORK,
    WIRE_COUNTER_FULL_CALL,   /* struct wire_call */
    WIRE_COUNTER_READ_FAILED, /* fields that could not be read */
    WIRE_COUNTER_MAP_FULL,    /* calls not reported because a table was full */
    WIRE_COUNTER_IGNORED,     /* file events of ignored processes (the agent's own logs) */
    WIRE_COUNTER_WAKEUPS,     /* times the reader was woken */
    WIRE_COUNTER_REPEATED,    /* rare calls not told because the same was told within a second */
    WIRE_COUNTER_COUNT
};
enum { WIRE_COUNTER_CPUS = 512, WIRE_COUNTER_SLOT_COUNT = 16 };

/* Sizes that both compilers must agree on. */
_Static_assert(sizeof(struct wire_text) == 4, "wire layout");
_Static_assert(sizeof(struct wire_header) == 56, "wire layout");
_Static_assert(sizeof(struct wire_process) == 72, "wire layout");
_Static_assert(sizeof(struct wire_exec) == 56 + 72 + 8 + 5 * 4 + 6 * 4 + 4, "wire layout");
_Static_assert(sizeof(struct wire_fork) == 56 + 72 + 16 + 8, "wire layout");
_Static_assert(sizeof(struct wire_exit) == 56 + 16 + 8 + 16, "wire layout");
_Static_assert(sizeof(struct wire_file) == 56 + 8 + 4 * 4 + 4 * 4, "wire layout");
_Static_assert(sizeof(struct wire_network) == 56 + 8 + 32 + 8, "wire layout");
_Static_assert(sizeof(struct wire_call) == 56 + 16 + 16 + 8 + 4 * 4 + 4 * 4, "wire layout");
_Static_assert((int)WIRE_COUNTER_COUNT <= (int)WIRE_COUNTER_SLOT_COUNT,
               "a row must hold every counter");
