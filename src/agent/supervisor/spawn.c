// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/spawn.h"

#include "agent/child.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PROGRAM_FD = CHILD_SOCKET_FD + 1,
    OPEN_FILES_MAX = 256,
    EXIT_CANNOT_START = 127,
    OOM_SCORE_FIRST = 500, /* short of memory, the kernel takes us before the host's own work */
};

/* Between fork and exec: only system calls that need no memory, and a sentence when one fails. */
static _Noreturn void fail_child(const char *what)
{
    fprintf(stderr, "creanced: cannot start a child: %s: %s\n", what, strerror(errno));
    _exit(EXIT_CANNOT_START);
}

static void require(bool is_done, const char *what)
{
    if (!is_done)
        fail_child(what);
}

static void arrange_descriptors(int program, int socket)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    require(null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1, "/dev/null");
    /* Out of the way first: the targets may be the numbers that the sources have. */
    int high_socket = fcntl(socket, F_DUPFD_CLOEXEC, 64);
    int high_program = fcntl(program, F_DUPFD_CLOEXEC, 64);
    require(high_socket >= 0 && high_program >= 0, "fcntl");
    require(dup2(high_socket, CHILD_SOCKET_FD) == CHILD_SOCKET_FD, "dup2");
    require(dup3(high_program, PROGRAM_FD, O_CLOEXEC) == PROGRAM_FD, "dup3");
    require(syscall(SYS_close_range, PROGRAM_FD + 1, ~0U, 0) == 0, "close_range");
}

static void set_limit(int resource, rlim_t value)
{
    const struct rlimit limit = {value, value};
    require(setrlimit((__rlimit_resource_t)resource, &limit) == 0, "setrlimit");
}

static void limit_resources(const struct role_row *row)
{
    set_limit(RLIMIT_CORE, 0); /* a core would hold what the child read */
    if (row->uid_offset < 0)
        return;
    set_limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
    set_limit(RLIMIT_MEMLOCK, 0);
    if (row->cpu_seconds != 0)
        set_limit(RLIMIT_CPU, row->cpu_seconds);
#if !defined(__SANITIZE_ADDRESS__) /* it reserves terabytes of addresses */
    if (row->address_space_mib != 0)
        set_limit(RLIMIT_AS, (rlim_t)row->address_space_mib * MIB);
#endif
}

/* Advice to the kernel; a container may forbid it and the child runs all the same. */
static void lower_priority(const struct role_row *row)
{
    (void)setpriority(PRIO_PROCESS, 0, row->nice);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    char text[16];
    (void)string_format(text, sizeof text, "%d", OOM_SCORE_FIRST);
    ssize_t written = write(fd, text, strlen(text));
    (void)written;
    close(fd);
}

static void become_user(const struct role_row *row)
{
    if (row->uid_offset < 0)
        return;
    uid_t uid = (uid_t)(AGENT_UID_BASE + row->uid_offset);
    require(setgroups(0, NULL) == 0, "setgroups");
    require(setresgid(uid, uid, uid) == 0, "setresgid");
    require(setresuid(uid, uid, uid) == 0, "setresuid");
    require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
}

static _Noreturn void run_child(const struct role_row *row, int program, int socket, pid_t parent)
{
    (void)setpgid(0, 0); /* Ctrl-C in a terminal is the supervisor's to hear */
    lower_priority(row);
    arrange_descriptors(program, socket);
    limit_resources(row);
    become_user(row);
    /* A supervisor that is killed takes its children along, even one that hangs. */
    require(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "PR_SET_PDEATHSIG");
    if (getppid() != parent)
        _exit(EXIT_CANNOT_START);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);

    /* Which of the roles of its program it has. */
    char *const arguments[] = {(char *)(uintptr_t)row->program, (char *)(uintptr_t)row->name, NULL};
    char *const environment[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin", fault_environment(),
                                 NULL};
    (void)fexecve(PROGRAM_FD, arguments, environment);
    fail_child(row->program);
}

RESULT spawn_child(enum role role, int program, int socket, pid_t *ret_pid,
                   struct explanation *why)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return explain_errno(why, "cannot fork for %s", role_row(role)->program);
    if (pid == 0)
        run_child(role_row(role), program, socket, parent);
    *ret_pid = pid;
    return RESULT_OK;
}
