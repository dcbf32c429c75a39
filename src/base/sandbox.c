// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock ABI 3 (Linux 6.2); Debian 12's headers know ABI 2. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

static char description[128] = "no sandbox entered";

const char *sandbox_describe(void) { return description; }

/* --- seccomp ---------------------------------------------------------------------------------- */

/* Computing, memory, reading and writing what is open already. */
static const int ALWAYS_ALLOWED[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(dup), SCMP_SYS(fstat),
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(futex), SCMP_SYS(mmap),
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getrandom), SCMP_SYS(getrusage), SCMP_SYS(exit),
    SCMP_SYS(exit_group), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(tgkill), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(fcntl), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
    SCMP_SYS(membarrier), SCMP_SYS(shutdown),
};

static const int READ_FILES_ALLOWED[] = {
    SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(statx), SCMP_SYS(getdents64), SCMP_SYS(readlinkat), SCMP_SYS(readlink),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
};

static const int WRITE_FILES_ALLOWED[] = {
    SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(renameat), SCMP_SYS(renameat2),
    SCMP_SYS(unlinkat), SCMP_SYS(mkdirat), SCMP_SYS(fchmod), SCMP_SYS(flock), SCMP_SYS(fallocate),
};

static const int ACCEPT_ALLOWED[] = {
    SCMP_SYS(accept4), SCMP_SYS(accept), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(getpeername),
};

static const int NETWORK_ALLOWED[] = {
    SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(sendmmsg),
    SCMP_SYS(socketpair), SCMP_SYS(pipe2), SCMP_SYS(eventfd2), SCMP_SYS(ioctl),
};

/* Threads, and no processes. What clone3() asks for cannot be seen by a filter: glibc takes
 * clone() where the kernel says that it has no other. */
static int allow_threads(scmp_filter_ctx filter)
{
    int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    return status != 0 ? status
                       : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* glibc's fstat() is newfstatat() with an empty path; of any other path it tells no content. */
static int allow_fstat(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                            SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
}

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        if (status != 0)
            return status;
    }
    return 0;
}

#define ALLOW_ALL(filter, calls) allow_all(filter, calls, sizeof(calls) / sizeof(calls)[0])

static RESULT enter_seccomp(const struct sandbox_profile *profile, struct explanation *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return explain(why, ERROR_MEMORY, "sandbox %s: no memory for the seccomp filter",
                       profile->name);
    int status = ALLOW_ALL(filter, ALWAYS_ALLOWED);
    if (status == 0)
        status = allow_fstat(filter);
    if (status == 0
        && (profile->allow & (SANDBOX_ALLOW_READ_FILES | SANDBOX_ALLOW_WRITE_FILES)) != 0)
        status = ALLOW_ALL(filter, READ_FILES_ALLOWED);
    if (status == 0 && (profile->allow & SANDBOX_ALLOW_WRITE_FILES) != 0)
        status = ALLOW_ALL(filter, WRITE_FILES_ALLOWED);
    if (status == 0 && (profile->allow & SANDBOX_ALLOW_ACCEPT) != 0)
        status = ALLOW_ALL(filter, ACCEPT_ALLOWED);
    if (status == 0 && (profile->allow & SANDBOX_ALLOW_NETWORK) != 0)
        status = ALLOW_ALL(filter, NETWORK_ALLOWED);
    if (status == 0 && (profile->allow & SANDBOX_ALLOW_NETWORK) != 0)
        status = allow_threads(filter);
    if (status == 0)
        status = seccomp_load(filter);
    seccomp_release(filter);
    if (status != 0) {
        errno = -status;
        return explain_errno(why, "sandbox %s: the kernel refused the seccomp filter",
                             profile->name);
    }
    return RESULT_OK;
}

/* --- Landlock --------------------------------------------------------------------------------- */

static const uint64_t LANDLOCK_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t LANDLOCK_WRITE =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
    | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR;
static const uint64_t LANDLOCK_ABI_1 = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

static uint64_t handled_by(long abi)
{
    uint64_t handled = LANDLOCK_ABI_1;
    if (abi >= 2)
        handled |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
    return handled;
}

static RESULT allow_folder(int ruleset, const struct sandbox_folder *folder, uint64_t handled)
{
    int fd = folder->fd;
    if (fd < 0) {
        fd = open(folder->path, O_PATH | O_CLOEXEC);
        if (fd < 0)
            return RESULT_OK; /* absent: nothing to allow */
    }
    uint64_t access = 0;
    if ((folder->allow & SANDBOX_ALLOW_READ_FILES) != 0)
        access |= LANDLOCK_READ;
    if ((folder->allow & SANDBOX_ALLOW_WRITE_FILES) != 0)
        access |= LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_ACCESS_FS_TRUNCATE;
    struct landlock_path_beneath_attr rule = {.allowed_access = access & handled, .parent_fd = fd};
    long status = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    struct result result = status == 0 ? RESULT_OK : result_from_errno();
    if (folder->fd < 0)
        close(fd);
    return result;
}

static RESULT restrict_files(const struct sandbox_profile *profile, int ruleset, uint64_t handled)
{
    for (size_t i = 0; i < profile->folder_count; i++)
        GUARD(allow_folder(ruleset, &profile->folders[i], handled));
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return result_from_errno();
    return RESULT_OK;
}

/* Landlock is a second wall behind the user id and seccomp: a kernel without it is said, not
 * fatal. */
static void enter_landlock(const struct sandbox_profile *profile, char *text, size_t capacity)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        (void)string_format(text, capacity, "no landlock (%s)", result_text(result_from_errno()));
        return;
    }
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled_by(abi)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0) {
        (void)string_format(text, capacity, "no landlock (%s)", result_text(result_from_errno()));
        return;
    }
    struct result result = restrict_files(profile, ruleset, attributes.handled_access_fs);
    close(ruleset);
    if (result_is_ok(result))
        (void)string_format(text, capacity, "landlock %ld", abi);
    else
        (void)string_format(text, capacity, "no landlock (%s)", result_text(result));
}

RESULT sandbox_enter(const struct sandbox_profile *profile, struct explanation *why)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return explain_errno(why, "sandbox %s: no_new_privs was refused", profile->name);
    char landlock[64];
    enter_landlock(profile, landlock, sizeof landlock);
    GUARD(enter_seccomp(profile, why));
    (void)string_format(description, sizeof description, "seccomp, %s", landlock);
    return RESULT_OK;
}
