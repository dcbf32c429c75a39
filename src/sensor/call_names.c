// SPDX-License-Identifier: Apache-2.0
#include "sensor/call_names.h"

#include "base/bytes.h"
#include "sensor/wire.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>

struct value_name {
    uint64_t value;
    const char *name;
};

#define NAMED(value)                                                                               \
    {                                                                                              \
        value, #value                                                                              \
    }

static const struct value_name PTRACE_REQUESTS[] = {
    NAMED(PTRACE_POKETEXT), NAMED(PTRACE_POKEDATA),  NAMED(PTRACE_POKEUSER), NAMED(PTRACE_SETREGS),
    NAMED(PTRACE_ATTACH),   NAMED(PTRACE_SETREGSET), NAMED(PTRACE_SEIZE),    {0, NULL},
};

static const struct value_name MOUNT_FLAGS[] = {
    NAMED(MS_RDONLY),      NAMED(MS_NOSUID),   NAMED(MS_NODEV),
    NAMED(MS_NOEXEC),      NAMED(MS_REMOUNT),  NAMED(MS_BIND),
    NAMED(MS_MOVE),        NAMED(MS_REC),      NAMED(MS_PRIVATE),
    NAMED(MS_UNBINDABLE),  NAMED(MS_SLAVE),    NAMED(MS_SHARED),
    NAMED(MS_NOATIME),     NAMED(MS_RELATIME), NAMED(MS_NODIRATIME),
    NAMED(MS_STRICTATIME), NAMED(MS_SILENT),   {0, NULL},
};

static const struct value_name UMOUNT_FLAGS[] = {
    NAMED(MNT_FORCE), NAMED(MNT_DETACH), NAMED(MNT_EXPIRE), NAMED(UMOUNT_NOFOLLOW), {0, NULL},
};

static const struct value_name NAMESPACES[] = {
    NAMED(CLONE_NEWNS),  NAMED(CLONE_NEWCGROUP),  NAMED(CLONE_NEWUTS),
    NAMED(CLONE_NEWIPC), NAMED(CLONE_NEWUSER),    NAMED(CLONE_NEWPID),
    NAMED(CLONE_NEWNET), {0x80, "CLONE_NEWTIME"}, /* not in every libc */
    {0, NULL},
};

/* In /proc/PID/ns: what a setns that leaves the kind to its descriptor means. */
static const struct {
    const char *file;
    uint64_t flag;
} NAMESPACE_FILES[] = {
    {"mnt", CLONE_NEWNS},    {"cgroup", CLONE_NEWCGROUP},
    {"uts", CLONE_NEWUTS},   {"ipc", CLONE_NEWIPC},
    {"user", CLONE_NEWUSER}, {"pid", CLONE_NEWPID},
    {"net", CLONE_NEWNET},   {"time", 0x80},
};

static const struct value_name MODULE_FLAGS[] = {
    NAMED(O_NONBLOCK),
    NAMED(O_TRUNC),
    {0, NULL},
};

static const struct value_name MEMFD_FLAGS[] = {
    {1, "MFD_CLOEXEC"},     {2, "MFD_ALLOW_SEALING"}, {4, "MFD_HUGETLB"},
    {8, "MFD_NOEXEC_SEAL"}, {16, "MFD_EXEC"},         {0, NULL},
};

static const struct value_name PROGRAM_TYPES[] = {
    {1, "BPF_PROG_TYPE_SOCKET_FILTER"},
    {2, "BPF_PROG_TYPE_KPROBE"},
    {3, "BPF_PROG_TYPE_SCHED_CLS"},
    {4, "BPF_PROG_TYPE_SCHED_ACT"},
    {5, "BPF_PROG_TYPE_TRACEPOINT"},
    {6, "BPF_PROG_TYPE_XDP"},
    {7, "BPF_PROG_TYPE_PERF_EVENT"},
    {8, "BPF_PROG_TYPE_CGROUP_SKB"},
    {9, "BPF_PROG_TYPE_CGROUP_SOCK"},
    {10, "BPF_PROG_TYPE_LWT_IN"},
    {11, "BPF_PROG_TYPE_LWT_OUT"},
    {12, "BPF_PROG_TYPE_LWT_XMIT"},
    {13, "BPF_PROG_TYPE_SOCK_OPS"},
    {14, "BPF_PROG_TYPE_SK_SKB"},
    {15, "BPF_PROG_TYPE_CGROUP_DEVICE"},
    {16, "BPF_PROG_TYPE_SK_MSG"},
    {17, "BPF_PROG_TYPE_RAW_TRACEPOINT"},
    {18, "BPF_PROG_TYPE_CGROUP_SOCK_ADDR"},
    {19, "BPF_PROG_TYPE_LWT_SEG6LOCAL"},
    {20, "BPF_PROG_TYPE_LIRC_MODE2"},
    {21, "BPF_PROG_TYPE_SK_REUSEPORT"},
    {22, "BPF_PROG_TYPE_FLOW_DISSECTOR"},
    {23, "BPF_PROG_TYPE_CGROUP_SYSCTL"},
    {24, "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE"},
    {25, "BPF_PROG_TYPE_CGROUP_SOCKOPT"},
    {26, "BPF_PROG_TYPE_TRACING"},
    {27, "BPF_PROG_TYPE_STRUCT_OPS"},
    {28, "BPF_PROG_TYPE_EXT"},
    {29, "BPF_PROG_TYPE_LSM"},
    {30, "BPF_PROG_TYPE_SK_LOOKUP"},
    {31, "BPF_PROG_TYPE_SYSCALL"},
    {32, "BPF_PROG_TYPE_NETFILTER"},
    {0, NULL},
};

static const struct value_name SIGNALS[] = {
    NAMED(SIGHUP),  NAMED(SIGINT),  NAMED(SIGQUIT), NAMED(SIGILL),    NAMED(SIGTRAP),
    NAMED(SIGABRT), NAMED(SIGBUS),  NAMED(SIGFPE),  NAMED(SIGKILL),   NAMED(SIGUSR1),
    NAMED(SIGSEGV), NAMED(SIGUSR2), NAMED(SIGPIPE), NAMED(SIGALRM),   NAMED(SIGTERM),
    NAMED(SIGCONT), NAMED(SIGSTOP), NAMED(SIGTSTP), NAMED(SIGTTIN),   NAMED(SIGTTOU),
    NAMED(SIGURG),  NAMED(SIGXCPU), NAMED(SIGXFSZ), NAMED(SIGVTALRM), NAMED(SIGPROF),
    NAMED(SIGIO),   NAMED(SIGPWR),  NAMED(SIGSYS),  NAMED(SIGWINCH),  {0, NULL},
};

/* By number. */
static const char *const CAPABILITIES[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

static const struct {
    const char *name;
    const struct value_name *values; /* NULL: the request says nothing */
    bool is_flags;
} CALLS[WIRE_CALL_COUNT] = {
    [WIRE_CALL_PTRACE] = {"ptrace", PTRACE_REQUESTS, false},
    [WIRE_CALL_PROCESS_VM_READV] = {"process_vm_readv", NULL, false},
    [WIRE_CALL_PROCESS_VM_WRITEV] = {"process_vm_writev", NULL, false},
    [WIRE_CALL_INIT_MODULE] = {"init_module", NULL, false},
    [WIRE_CALL_FINIT_MODULE] = {"finit_module", NULL, false},
    [WIRE_CALL_DELETE_MODULE] = {"delete_module", MODULE_FLAGS, true},
    [WIRE_CALL_MOUNT] = {"mount", MOUNT_FLAGS, true},
    [WIRE_CALL_UMOUNT] = {"umount", UMOUNT_FLAGS, true},
    [WIRE_CALL_MOVE_MOUNT] = {"move_mount", NULL, false},
    [WIRE_CALL_PIVOT_ROOT] = {"pivot_root", NULL, false},
    [WIRE_CALL_UNSHARE] = {"unshare", NAMESPACES, true},
    [WIRE_CALL_SETNS] = {"setns", NAMESPACES, true},
    [WIRE_CALL_BPF] = {"bpf", PROGRAM_TYPES, false},
    [WIRE_CALL_MEMFD_CREATE] = {"memfd_create", MEMFD_FLAGS, true},
    [WIRE_CALL_SETUID] = {"setuid", NULL, false},
    [WIRE_CALL_SETREUID] = {"setreuid", NULL, false},
    [WIRE_CALL_SETRESUID] = {"setresuid", NULL, false},
    [WIRE_CALL_CAPSET] = {"capset", NULL, false},
    [WIRE_CALL_KILL] = {"kill", SIGNALS, false},
    [WIRE_CALL_TGKILL] = {"tgkill", SIGNALS, false},
    [WIRE_CALL_RT_SIGQUEUEINFO] = {"rt_sigqueueinfo", SIGNALS, false},
};

const char *call_name(uint32_t call) { return call < WIRE_CALL_COUNT ? CALLS[call].name : NULL; }

/* Appends a name to those before it; what does not fit is left out. */
static size_t append(char *out, size_t capacity, size_t used, const char *name)
{
    if (!string_format(out + used, capacity - used, "%s%s", used > 0 ? " " : "", name))
        out[used] = '\0';
    return used + strlen(out + used);
}

size_t capabilities_text(uint64_t set, char out[CAPABILITIES_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof CAPABILITIES / sizeof CAPABILITIES[0]; i++) {
        if ((set >> i & 1) != 0)
            used = append(out, CAPABILITIES_BYTES, used, CAPABILITIES[i]);
    }
    return used;
}

static uint64_t namespace_of_file(struct bytes type)
{
    for (size_t i = 0; i < sizeof NAMESPACE_FILES / sizeof NAMESPACE_FILES[0]; i++) {
        const char *file = NAMESPACE_FILES[i].file;
        if (type.size == strlen(file) && memcmp(type.data, file, type.size) == 0)
            return NAMESPACE_FILES[i].flag;
    }
    return 0;
}

size_t call_request_text(uint32_t call, uint64_t request, struct bytes type,
                         char out[CALL_REQUEST_BYTES])
{
    size_t used = 0;
    out[0] = '\0';
    if (call >= WIRE_CALL_COUNT || CALLS[call].values == NULL)
        return 0;
    if (call == WIRE_CALL_SETNS && request == 0)
        request = namespace_of_file(type);
    uint64_t left = request;
    for (const struct value_name *row = CALLS[call].values; row->name != NULL; row++) {
        bool is_it = CALLS[call].is_flags ? (left & row->value) != 0 : request == row->value;
        if (!is_it)
            continue;
        used = append(out, CALL_REQUEST_BYTES, used, row->name);
        left = CALLS[call].is_flags ? left & ~row->value : 0;
    }
    char number[32];
    if (left != 0 && string_format(number, sizeof number, "0x%llx", (unsigned long long)left))
        used = append(out, CALL_REQUEST_BYTES, used, number);
    return used;
}
