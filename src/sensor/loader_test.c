// SPDX-License-Identifier: Apache-2.0
/*
 * The eBPF programs against what this process knows about itself: it does each thing that they
 * show and compares the records. Needs root and the kernel's BTF, else it says what is missing.
 */
#include "sensor/loader.h"

#include "base/bytes.h"
#include "sensor/wire.h"
#include "sensor/wire_path.h"

#include "tests/unit.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RECORDS_MAX = 4096 };

struct record {
    size_t size;
    uint8_t *bytes;
};

/* Everything that the tests share; cmocka hands it round as state. */
struct bench {
    struct loaded loaded;
    struct ring_buffer *ring;
    struct record records[RECORDS_MAX];
    size_t count;
    char folder[64]; /* a fresh one, the working directory of all tests */
};

static int keep_record(void *context, void *data, size_t size)
{
    struct bench *bench = context;
    if (bench->count < RECORDS_MAX) {
        uint8_t *copy = malloc(size);
        if (copy == NULL)
            abort();
        bytes_copy(copy, size, data, size);
        bench->records[bench->count++] = (struct record){size, copy};
    }
    return 0;
}

static void forget(struct bench *bench)
{
    (void)ring_buffer__consume(bench->ring);
    for (size_t i = 0; i < bench->count; i++)
        free(bench->records[i].bytes);
    bench->count = 0;
}

/* The n-th record of that kind by that process (0: first). The test fails where there is none. */
static const void *find(struct bench *bench, enum wire_kind kind, pid_t tgid, unsigned n)
{
    (void)ring_buffer__consume(bench->ring);
    for (size_t i = 0; i < bench->count; i++) {
        const struct wire_header *header = (const void *)bench->records[i].bytes;
        assert_int_equal(header->size, bench->records[i].size);
        if (header->kind == kind && header->process.tgid == (uint32_t)tgid && n-- == 0)
            return header;
    }
    fail_msg("no record of kind %d by process %d among %zu", kind, tgid, bench->count);
    return NULL;
}

static bool has(struct bench *bench, enum wire_kind kind, pid_t tgid)
{
    (void)ring_buffer__consume(bench->ring);
    for (size_t i = 0; i < bench->count; i++) {
        const struct wire_header *header = (const void *)bench->records[i].bytes;
        if (header->kind == kind && header->process.tgid == (uint32_t)tgid)
            return true;
    }
    return false;
}

static unsigned count_of(struct bench *bench, enum wire_kind kind, pid_t tgid)
{
    unsigned count = 0;
    (void)ring_buffer__consume(bench->ring);
    for (size_t i = 0; i < bench->count; i++) {
        const struct wire_header *header = (const void *)bench->records[i].bytes;
        count += header->kind == kind && header->process.tgid == (uint32_t)tgid;
    }
    return count;
}

static struct bytes text_of(const void *record, struct wire_text text)
{
    const struct wire_header *header = record;
    assert_true((uint32_t)text.offset + text.length <= header->size);
    return (struct bytes){(const uint8_t *)record + text.offset, text.length};
}

static void assert_path(const void *record, struct wire_text base, struct wire_text name,
                        const char *expected)
{
    char path[LIMIT_PATH_BYTES * 2];
    size_t length = 0;
    assert_ok(
        wire_path_join(text_of(record, base), text_of(record, name), path, sizeof(path), &length));
    assert_string_equal(path, expected);
}

static void assert_bytes(struct bytes bytes, const void *expected, size_t size)
{
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.data, expected, size);
}

/* The folder's path and a name in it. */
static const char *inside(const struct bench *bench, const char *name)
{
    static char path[256];
    assert_true(string_format(path, sizeof(path), "%s/%s", bench->folder, name));
    return path;
}

static uint32_t namespace_number(const char *name)
{
    char path[64];
    struct stat status;
    assert_true(string_format(path, sizeof(path), "/proc/self/ns/%s", name));
    assert_int_equal(stat(path, &status), 0);
    return (uint32_t)status.st_ino;
}

static int wait_for(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static pid_t run(const char *path, char *const arguments[])
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execv(path, arguments);
        _exit(99);
    }
    assert_int_equal(wait_for(child), 0);
    return child;
}

/* Field 22 of /proc/PID/stat: clock ticks since boot. */
static uint64_t start_ticks(void)
{
    char text[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    ssize_t size = read(file, text, sizeof(text) - 1);
    close(file);
    assert_true(size > 0);
    text[size] = '\0';
    char *at = strrchr(text, ')');
    for (int field = 2; field < 22; field++)
        at = strchr(at + 1, ' ');
    at[1 + strcspn(at + 1, " ")] = '\0';
    uint64_t ticks = 0;
    assert_ok(number_parse(at + 1, UINT64_MAX, &ticks));
    return ticks;
}

static void test_exec(void **state)
{
    struct bench *bench = *state;
    char *arguments[] = {"not true", "one", "two words", "", NULL};
    static const char expected[] = "not true\0one\0two words\0";
    char executable[PATH_MAX];
    assert_non_null(realpath("/bin/true", executable));
    forget(bench);
    pid_t child = run("/bin/true", arguments);

    const struct wire_exec *record = find(bench, WIRE_EXEC, child, 0);
    assert_int_equal(record->header.flags, 0);
    assert_int_equal(record->header.tid, child);
    assert_bytes(text_of(record, record->arguments), expected, sizeof(expected));
    assert_int_equal(record->arguments_total, sizeof(expected));
    assert_path(record, record->executable, (struct wire_text){0, 0}, executable);
    assert_path(record, record->directory, (struct wire_text){0, 0}, bench->folder);
    assert_string_equal(record->process.comm, "true");
    assert_int_equal(record->state, 0);
    assert_int_equal(record->script.length, 0);
    assert_int_equal(record->process.parent.tgid, getpid());
    assert_int_equal(record->process.parent.start_boottime_ns
                         / (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK)),
                     start_ticks());
    assert_int_equal(record->header.credentials.uid, getuid());
    assert_int_equal(record->header.credentials.egid, getegid());
    assert_int_equal(record->process.mount_namespace, namespace_number("mnt"));
    assert_int_equal(record->process.pid_namespace, namespace_number("pid"));
    assert_int_equal(record->process.network_namespace, namespace_number("net"));
    assert_int_equal(record->process.user_namespace, namespace_number("user"));
    assert_int_equal(record->process.namespace_pid, child);
    struct stat status;
    assert_int_equal(stat(executable, &status), 0);
    assert_int_equal(record->executable_inode, status.st_ino);
    assert_int_equal(record->executable_mode, status.st_mode);
    assert_int_equal(record->executable_links, status.st_nlink);

    const struct wire_fork *fork_record = find(bench, WIRE_FORK, child, 0);
    assert_int_equal(fork_record->forked_by.tgid, getpid());
    assert_memory_equal(&fork_record->header.process, &record->header.process,
                        sizeof(struct wire_identity));
    assert_memory_equal(&fork_record->forked_by, &record->process.parent,
                        sizeof(struct wire_identity));
    const struct wire_exit *exit_record = find(bench, WIRE_EXIT, child, 0);
    assert_int_equal(exit_record->status, 0);
    assert_memory_equal(&exit_record->header.process, &record->header.process,
                        sizeof(struct wire_identity));
}

static void test_script(void **state)
{
    struct bench *bench = *state;
    int file = open("script", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_true(file >= 0);
    assert_int_equal(write(file, "#!/bin/sh\nexit 0\n", 17), 17);
    close(file);
    char executable[PATH_MAX];
    assert_non_null(realpath("/bin/sh", executable));
    forget(bench);
    char *arguments[] = {"x", "y", NULL};
    pid_t child = run("./script", arguments);
    const struct wire_exec *record = find(bench, WIRE_EXEC, child, 0);
    assert_int_equal(record->state, WIRE_IS_SCRIPT);
    assert_bytes(text_of(record, record->script), "./script", 8);
    assert_bytes(text_of(record, record->interpreter), "/bin/sh", 7);
    assert_path(record, record->executable, (struct wire_text){0, 0}, executable);
    assert_bytes(text_of(record, record->arguments), "/bin/sh\0./script\0y", 19);
}

static void test_long_arguments(void **state)
{
    struct bench *bench = *state;
    static char large[20001];
    for (size_t i = 0; i < sizeof(large) - 1; i++)
        large[i] = (char)('a' + i % 26);
    char *arguments[] = {"true", large, NULL};
    forget(bench);
    pid_t child = run("/bin/true", arguments);
    const struct wire_exec *record = find(bench, WIRE_EXEC, child, 0);
    assert_int_equal(record->header.flags, WIRE_ARGUMENTS_CUT);
    assert_int_equal(record->arguments_total, 5 + sizeof(large));
    struct bytes text = text_of(record, record->arguments);
    assert_int_equal(text.size, WIRE_ARGUMENTS_BYTES);
    assert_memory_equal(text.data + 5, large, WIRE_ARGUMENTS_BYTES - 5);
}

/* A program that was never in any directory. */
static void test_memory_file(void **state)
{
    struct bench *bench = *state;
    char *arguments[] = {"true", NULL};
    static uint8_t program[4 * MIB];
    int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
    int to = memfd_create("hidden/one", MFD_CLOEXEC);
    assert_true(from >= 0 && to >= 0);
    ssize_t size = read(from, program, sizeof(program));
    assert_true(size > 0 && write(to, program, (size_t)size) == size);
    close(from);
    forget(bench);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fexecve(to, arguments, environ);
        _exit(99);
    }
    assert_int_equal(wait_for(child), 0);
    close(to);
    const struct wire_exec *record = find(bench, WIRE_EXEC, child, 0);
    assert_path(record, record->executable, (struct wire_text){0, 0}, "/memfd:hidden/one");
    assert_int_equal(record->executable_links, 0);
    assert_int_equal(record->header.flags, 0);
}

static void *exec_true(void *nothing)
{
    (void)nothing;
    execl("/bin/true", "true", NULL);
    return NULL;
}

/* A thread that is not the first one executes a program: the process stays who it was. */
static void test_exec_by_thread(void **state)
{
    struct bench *bench = *state;
    forget(bench);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, exec_true, NULL) != 0)
            _exit(9);
        (void)pthread_join(thread, NULL);
        _exit(9);
    }
    assert_int_equal(wait_for(child), 0);
    const struct wire_exec *record = find(bench, WIRE_EXEC, child, 0);
    const struct wire_fork *fork_record = find(bench, WIRE_FORK, child, 0);
    const struct wire_exit *exit_record = find(bench, WIRE_EXIT, child, 0);
    assert_int_equal(record->header.tid, child);
    assert_memory_equal(&record->header.process, &fork_record->header.process,
                        sizeof(struct wire_identity));
    assert_memory_equal(&record->header.process, &exit_record->header.process,
                        sizeof(struct wire_identity));
}

static void test_exit(void **state)
{
    struct bench *bench = *state;
    forget(bench);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(7);
    assert_int_equal(WEXITSTATUS(wait_for(child)), 7);
    const struct wire_exit *record = find(bench, WIRE_EXIT, child, 0);
    assert_int_equal(record->status, 7 << 8);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    kill(child, SIGTERM);
    int status = wait_for(child);
    record = find(bench, WIRE_EXIT, child, 0);
    assert_int_equal(record->status & 0x7f, WTERMSIG(status));
    assert_int_equal(record->parent.tgid, getpid());
}

static void *wait_at(void *barrier)
{
    (void)pthread_barrier_wait(barrier);
    return NULL;
}

/* Threads that end together are one exit; a process whose first thread is gone still lives. */
static void test_threads(void **state)
{
    struct bench *bench = *state;
    enum { ROUNDS = 200, THREADS = 4 };
    static pid_t children[ROUNDS];
    static int statuses[ROUNDS];
    forget(bench);
    for (unsigned i = 0; i < ROUNDS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            pthread_barrier_t barrier;
            pthread_t thread;
            (void)pthread_barrier_init(&barrier, NULL, THREADS + 1);
            for (unsigned j = 0; j < THREADS; j++)
                if (pthread_create(&thread, NULL, wait_at, &barrier) != 0)
                    _exit(9);
            (void)pthread_barrier_wait(&barrier);
            if (i % 2 == 0)
                _exit(5);
            syscall(SYS_exit, 6); /* this thread alone */
        }
        statuses[i] = wait_for(children[i]);
    }
    (void)ring_buffer__consume(bench->ring);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned ends = 0, forks = 0;
        for (size_t j = 0; j < bench->count; j++) {
            const struct wire_header *header = (const void *)bench->records[j].bytes;
            if (header->process.tgid != (uint32_t)children[i])
                continue;
            forks += header->kind == WIRE_FORK;
            ends += header->kind == WIRE_EXIT;
            if (header->kind == WIRE_EXIT)
                assert_int_equal(((const struct wire_exit *)header)->status, statuses[i]);
        }
        assert_int_equal(forks, 1);
        assert_int_equal(ends, 1);
    }
}

static void test_open(void **state)
{
    struct bench *bench = *state;
    struct stat status;
    forget(bench);
    int made = open("made", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    assert_true(made >= 0);
    assert_int_equal(fstat(made, &status), 0);
    close(made);
    const struct wire_file *record = find(bench, WIRE_FILE_CREATE, getpid(), 0);
    assert_path(record, record->base, record->name, inside(bench, "made"));
    assert_int_equal(record->header.flags, 0);
    assert_int_equal(record->inode, status.st_ino);
    assert_int_equal(record->mode, status.st_mode);
    assert_int_equal(record->mount_namespace, namespace_number("mnt"));
    assert_false(has(bench, WIRE_FILE_WRITE, getpid()));

    forget(bench);
    close(open("made", O_RDONLY | O_CLOEXEC));
    close(open("/dev/null", O_WRONLY | O_CLOEXEC)); /* no regular file */
    assert_int_equal(open("/no/such/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
    assert_false(has(bench, WIRE_FILE_CREATE, getpid()));
    assert_false(has(bench, WIRE_FILE_WRITE, getpid()));
    close(open("made", O_RDWR | O_APPEND | O_CLOEXEC));
    record = find(bench, WIRE_FILE_WRITE, getpid(), 0);
    assert_path(record, record->base, record->name, inside(bench, "made"));
    assert_true(record->open_flags & O_APPEND);

    forget(bench);
    close((int)syscall(SYS_open, "by open", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close((int)syscall(SYS_creat, "by creat", 0600));
    record = find(bench, WIRE_FILE_CREATE, getpid(), 0);
    assert_path(record, record->base, record->name, inside(bench, "by open"));
    record = find(bench, WIRE_FILE_CREATE, getpid(), 1);
    assert_path(record, record->base, record->name, inside(bench, "by creat"));
}

/* Deeper than any path can name: what is nearest to the file is kept, the rest is flagged. */
static void test_deep_path(void **state)
{
    struct bench *bench = *state;
    enum { DEPTH = 60, NAME = 100 };
    char name[NAME + 1] = {0};
    for (unsigned i = 0; i < NAME; i++)
        name[i] = 'd';
    for (unsigned i = 0; i < DEPTH; i++)
        assert_true(mkdir(name, 0700) == 0 && chdir(name) == 0);
    forget(bench);
    close(open("deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const struct wire_file *record = find(bench, WIRE_FILE_CREATE, getpid(), 0);
    assert_int_equal(record->header.flags, WIRE_PATH_CUT);
    struct bytes base = text_of(record, record->base);
    assert_true(base.size > WIRE_PATH_BYTES - 2 * 256 && base.size <= WIRE_PATH_BYTES);
    assert_memory_equal(base.data, "deep\0ddd", 8);
    assert_int_equal(chdir(bench->folder), 0);

    assert_int_equal(mkdir("many", 0700), 0);
    assert_int_equal(chdir("many"), 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(mkdir("d", 0700) == 0 && chdir("d") == 0);
    forget(bench);
    close(open("deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    record = find(bench, WIRE_FILE_CREATE, getpid(), 0);
    assert_int_equal(record->header.flags, 0);
    assert_true(text_of(record, record->base).size > 2000);
    assert_int_equal(chdir(bench->folder), 0);
}

/* A container's view: a root of its own on another file system. */
static void test_mount_namespace(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(mkdir("root", 0700), 0);
    forget(bench);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
            || mount("x", "root", "tmpfs", 0, NULL) != 0 || chdir("root") != 0
            || mkdir("sub", 0700) != 0)
            _exit(1);
        if (syscall(SYS_pivot_root, ".", ".") != 0)
            _exit(2); /* the kernel's first file system cannot be left */
        if (umount2(".", MNT_DETACH) != 0 || chdir("/sub") != 0)
            _exit(1);
        _exit(open("inside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 || unlink("/sub/inside"));
    }
    int status = wait_for(child);
    if (WEXITSTATUS(status) == 2)
        skip();
    assert_int_equal(status, 0);
    const struct wire_file *record = find(bench, WIRE_FILE_CREATE, child, 0);
    assert_path(record, record->base, record->name, "/sub/inside");
    assert_int_not_equal(record->mount_namespace, namespace_number("mnt"));
    record = find(bench, WIRE_FILE_DELETE, child, 0);
    assert_path(record, record->base, record->name, "/sub/inside");
}

static void test_rename(void **state)
{
    struct bench *bench = *state;
    close(open("old", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(mkdir("sub", 0700), 0);
    int folder = open("sub", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    forget(bench);
    assert_int_equal(rename("old", inside(bench, "new")), 0);
    const struct wire_file *record = find(bench, WIRE_FILE_RENAME, getpid(), 0);
    assert_int_equal(record->header.flags, WIRE_RACY);
    assert_path(record, record->base, record->name, inside(bench, "new"));
    assert_path(record, record->previous_base, record->previous_name, inside(bench, "old"));
    forget(bench);
    assert_int_equal(renameat(AT_FDCWD, "./new", folder, "newer"), 0);
    record = find(bench, WIRE_FILE_RENAME, getpid(), 0);
    assert_path(record, record->base, record->name, inside(bench, "sub/newer"));
    assert_path(record, record->previous_base, record->previous_name, inside(bench, "new"));
    forget(bench);
    assert_int_equal(rename("absent", "present"), -1);
    assert_false(has(bench, WIRE_FILE_RENAME, getpid()));
    close(folder);
}

static void test_delete(void **state)
{
    struct bench *bench = *state;
    char large[241];
    for (size_t i = 0; i < sizeof(large) - 1; i++)
        large[i] = 'x';
    large[sizeof(large) - 1] = '\0';
    close(open("gone", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open(large, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkdir("folder at", 0700), 0);
    forget(bench);
    assert_int_equal(unlink("gone"), 0);
    assert_int_equal(rmdir("folder"), 0);
    assert_int_equal(unlinkat(AT_FDCWD, "folder at", AT_REMOVEDIR), 0);
    char path[512]; /* longer than what is kept when the call begins */
    assert_true(string_format(path, sizeof(path), "%s", inside(bench, "")));
    assert_true(
        string_format(path + strlen(path), sizeof(path) - strlen(path), "././././%s", large));
    assert_int_equal(unlink(path), 0);
    const struct wire_file *record = find(bench, WIRE_FILE_DELETE, getpid(), 0);
    assert_path(record, record->base, record->name, inside(bench, "gone"));
    record = find(bench, WIRE_FILE_DELETE, getpid(), 1);
    assert_path(record, record->base, record->name, inside(bench, "folder"));
    record = find(bench, WIRE_FILE_DELETE, getpid(), 2);
    assert_path(record, record->base, record->name, inside(bench, "folder at"));
    record = find(bench, WIRE_FILE_DELETE, getpid(), 3);
    assert_bytes(text_of(record, record->name), path, strlen(path));
}

static void test_chmod(void **state)
{
    struct bench *bench = *state;
    int file = open("mode", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    struct stat status;
    assert_int_equal(fstat(file, &status), 0);
    forget(bench);
    assert_int_equal(chmod("mode", 04755), 0);
    assert_int_equal(fchmodat(AT_FDCWD, "mode", 0711, 0), 0);
    assert_int_equal(fchmod(file, 0640), 0);
    close(file);
    static const uint32_t modes[] = {04755, 0711, 0640};
    for (unsigned i = 0; i < 3; i++) {
        const struct wire_file *record = find(bench, WIRE_FILE_CHMOD, getpid(), i);
        assert_path(record, record->base, record->name, inside(bench, "mode"));
        assert_int_equal(record->mode, modes[i]);
        assert_int_equal(record->header.flags, i < 2 ? WIRE_RACY : 0);
        assert_int_equal(record->inode, i < 2 ? 0 : status.st_ino);
    }
}

static void test_ignored(void **state)
{
    struct bench *bench = *state;
    assert_ok(loader_ignore(bench->loaded.ignored, (uint32_t)getpid(), true));
    forget(bench);
    close(open("quiet", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(unlink("quiet"), 0);
    assert_false(has(bench, WIRE_FILE_CREATE, getpid()));
    assert_false(has(bench, WIRE_FILE_DELETE, getpid()));
    assert_ok(loader_ignore(bench->loaded.ignored, (uint32_t)getpid(), false));
    assert_ok(loader_ignore(bench->loaded.ignored, (uint32_t)getpid(), false));
    close(open("loud", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_true(has(bench, WIRE_FILE_CREATE, getpid()));
}

struct peers {
    struct sockaddr_storage connector, listener;
    socklen_t connector_size, listener_size;
};

/* Listens on `listen_at`, connects to `to` (the port is filled in) and tells what happened. */
static void connect_to(struct sockaddr *listen_at, struct sockaddr *to, socklen_t size,
                       in_port_t *to_port, struct peers *peers)
{
    *peers = (struct peers){.connector_size = sizeof(peers->connector),
                            .listener_size = sizeof(peers->listener)};
    int listener = socket(listen_at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, listen_at, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&peers->listener, &peers->listener_size);
    *to_port = ((struct sockaddr_in *)&peers->listener)->sin_port; /* same place in both */
    int connector = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(connector, to, size), 0);
    getsockname(connector, (struct sockaddr *)&peers->connector, &peers->connector_size);
    int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    close(accepted);
    close(connector);
    close(listener);
}

static void check_peers(struct bench *bench, const struct peers *peers, uint16_t family,
                        const void *address, size_t address_size)
{
    uint16_t connector = ntohs(((const struct sockaddr_in *)&peers->connector)->sin_port);
    uint16_t listener = ntohs(((const struct sockaddr_in *)&peers->listener)->sin_port);
    const struct wire_network *record = find(bench, WIRE_CONNECT, getpid(), 0);
    assert_int_equal(record->family, family);
    assert_int_equal(record->protocol, IPPROTO_TCP);
    assert_int_equal(record->outcome, WIRE_OUTCOME_ESTABLISHED);
    assert_int_equal(record->local_port, connector);
    assert_int_equal(record->remote_port, listener);
    assert_memory_equal(record->local_address, address, address_size);
    assert_memory_equal(record->remote_address, address, address_size);
    assert_int_equal(record->network_namespace, namespace_number("net"));
    record = find(bench, WIRE_ACCEPT, getpid(), 0);
    assert_int_equal(record->family, family);
    assert_int_equal(record->local_port, listener);
    assert_int_equal(record->remote_port, connector);
    assert_memory_equal(record->local_address, address, address_size);
    assert_memory_equal(record->remote_address, address, address_size);
}

static void test_network(void **state)
{
    struct bench *bench = *state;
    struct peers peers;
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in four_to = four;
    forget(bench);
    connect_to((struct sockaddr *)&four, (struct sockaddr *)&four_to, sizeof(four),
               &four_to.sin_port, &peers);
    check_peers(bench, &peers, AF_INET, &four.sin_addr, 4);

    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr_in6 mapped = six;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
    forget(bench);
    connect_to((struct sockaddr *)&any, (struct sockaddr *)&mapped, sizeof(any), &mapped.sin6_port,
               &peers);
    check_peers(bench, &peers, AF_INET, &four.sin_addr, 4);
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int has_six = bind(probe, (struct sockaddr *)&six, sizeof(six));
    close(probe);
    if (has_six != 0)
        return; /* no ::1 on this machine */
    forget(bench);
    connect_to((struct sockaddr *)&six, (struct sockaddr *)&six, sizeof(six), &six.sin6_port,
               &peers);
    check_peers(bench, &peers, AF_INET6, &six.sin6_addr, 16);
}

/* Nobody listens there: the record says so, and has the source port all the same. */
static void test_refused(void **state)
{
    struct bench *bench = *state;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(to);
    int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(holder, (struct sockaddr *)&to, size), 0);
    getsockname(holder, (struct sockaddr *)&to, &size);
    forget(bench);
    int connector = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(connector, (struct sockaddr *)&to, size), -1);
    const struct wire_network *record = find(bench, WIRE_CONNECT, getpid(), 0);
    assert_int_equal(record->outcome, WIRE_OUTCOME_FAILED);
    assert_int_equal(record->remote_port, ntohs(to.sin_port));
    assert_true(record->local_port > 0);
    close(connector);
    close(holder);
}

/* --- rare system calls --- */

/* A child that waits for its end. */
static pid_t waiting_child(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    return child;
}

static void end_child(pid_t child)
{
    kill(child, SIGKILL);
    (void)wait_for(child);
}

static void assert_call(struct bench *bench, enum wire_kind kind, unsigned n,
                        enum wire_call_name call, uint64_t request, pid_t target)
{
    const struct wire_call *record = find(bench, kind, getpid(), n);
    assert_int_equal(record->call, call);
    assert_int_equal(record->request, request);
    assert_int_equal(record->target.tgid, target);
    assert_int_equal(record->header.flags, 0);
}

static void test_access(void **state)
{
    struct bench *bench = *state;
    static long word = 1;
    struct iovec here = {&word, sizeof(word)}, there = here;
    pid_t child = waiting_child();
    forget(bench);
    assert_int_equal(process_vm_writev(child, &here, 1, &there, 1, 0), sizeof(word));
    assert_int_equal(process_vm_readv(child, &here, 1, &there, 1, 0), sizeof(word));
    assert_int_equal(process_vm_readv(getpid(), &here, 1, &there, 1, 0), sizeof(word));
    assert_int_equal(ptrace(PTRACE_ATTACH, child, NULL, NULL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    for (int i = 0; i < 3; i++) /* told once */
        assert_int_equal(ptrace(PTRACE_POKEDATA, child, &word, 2L), 0);
    assert_int_equal(ptrace(PTRACE_DETACH, child, NULL, NULL), 0);
    assert_int_equal(ptrace(PTRACE_SEIZE, child, NULL, NULL), 0);
    assert_int_equal(ptrace(PTRACE_ATTACH, child, NULL, NULL), -1); /* it is already */
    assert_call(bench, WIRE_ACCESS, 0, WIRE_CALL_PROCESS_VM_WRITEV, 0, child);
    assert_call(bench, WIRE_ACCESS, 1, WIRE_CALL_PROCESS_VM_READV, 0, child);
    assert_call(bench, WIRE_ACCESS, 2, WIRE_CALL_PTRACE, PTRACE_ATTACH, child);
    assert_call(bench, WIRE_ACCESS, 3, WIRE_CALL_PTRACE, PTRACE_POKEDATA, child);
    assert_call(bench, WIRE_ACCESS, 4, WIRE_CALL_PTRACE, PTRACE_SEIZE, child);
    assert_int_equal(count_of(bench, WIRE_ACCESS, getpid()), 5);
    end_child(child);
}

/* Runs in a child that `act` may take anywhere; it ends well. */
static pid_t in_child(void (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        act();
        _exit(0);
    }
    assert_int_equal(wait_for(child), 0);
    return child;
}

static void change_mounts(void)
{
    int file = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS) != 0
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount("what", "./mounted here", "tmpfs", MS_NOEXEC, "") != 0
        || umount2("mounted here", MNT_DETACH) != 0 || setns(file, 0) != 0)
        _exit(1);
}

static void test_mounts(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(mkdir("mounted here", 0700), 0);
    forget(bench);
    pid_t child = in_child(change_mounts);
    const struct wire_call *record = find(bench, WIRE_NAMESPACE, child, 0);
    assert_int_equal(record->call, WIRE_CALL_UNSHARE);
    assert_int_equal(record->request, CLONE_NEWNS | CLONE_NEWUTS);
    assert_int_not_equal(record->mount_namespace, namespace_number("mnt"));
    assert_int_equal(record->network_namespace, namespace_number("net"));
    record = find(bench, WIRE_NAMESPACE, child, 1);
    assert_int_equal(record->call, WIRE_CALL_SETNS);
    assert_bytes(text_of(record, record->type), "mnt", 3);
    assert_int_equal(record->mount_namespace, namespace_number("mnt"));

    record = find(bench, WIRE_MOUNT, child, 0);
    assert_path(record, record->base, record->name, "/");
    record = find(bench, WIRE_MOUNT, child, 1);
    assert_int_equal(record->call, WIRE_CALL_MOUNT);
    assert_int_equal(record->request, MS_NOEXEC);
    assert_path(record, record->base, record->name, inside(bench, "mounted here"));
    assert_bytes(text_of(record, record->source), "what", 4);
    assert_bytes(text_of(record, record->type), "tmpfs", 5);
    assert_int_equal(record->header.flags, WIRE_RACY);
    record = find(bench, WIRE_MOUNT, child, 2);
    assert_int_equal(record->call, WIRE_CALL_UMOUNT);
    assert_path(record, record->base, record->name, inside(bench, "mounted here"));
}

static void gain_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (seteuid(1234) != 0 || seteuid(0) != 0 || syscall(SYS_capget, &header, sets) != 0)
        _exit(1);
    __u32 all = sets[0].effective;
    sets[0].effective &= ~(1u << CAP_SYS_TIME);
    if (syscall(SYS_capset, &header, sets) != 0)
        _exit(1);
    sets[0].effective = all;
    if (syscall(SYS_capset, &header, sets) != 0 || setuid(0) != 0)
        _exit(1);
}

static void test_privileges(void **state)
{
    struct bench *bench = *state;
    forget(bench);
    pid_t child = in_child(gain_privileges);
    const struct wire_call *record = find(bench, WIRE_USER_CHANGE, child, 0);
    assert_int_equal(record->call, WIRE_CALL_SETRESUID);
    assert_int_equal(record->target_credentials.euid, 1234);
    assert_int_equal(record->header.credentials.euid, 0);
    assert_true((record->request >> CAP_SYS_ADMIN & 1) != 0);
    record = find(bench, WIRE_USER_CHANGE, child, 1);
    assert_int_equal(record->call, WIRE_CALL_CAPSET);
    assert_int_equal(record->request, 1u << CAP_SYS_TIME);
    assert_int_equal(count_of(bench, WIRE_USER_CHANGE, child), 2); /* none where nothing is new */
}

static void test_signals(void **state)
{
    struct bench *bench = *state;
    pid_t child = waiting_child();
    forget(bench);
    assert_int_equal(kill(child, SIGWINCH), 0); /* the same user's */
    assert_int_equal(kill(child, 0), 0);
    end_child(child);
    assert_false(has(bench, WIRE_SIGNAL, getpid()));

    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (int i = 0; i < 2; i++) { /* another user's, and one that looks like ours */
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            if ((i == 0 ? setuid(1234) : prctl(PR_SET_NAME, "creance-x")) != 0
                || write(ends[1], "", 1) != 1)
                _exit(1);
            pause();
            _exit(0);
        }
        assert_int_equal(read(ends[0], &byte, 1), 1);
        forget(bench);
        assert_int_equal(kill(child, SIGWINCH), 0);
        assert_int_equal(syscall(SYS_tgkill, child, child, SIGWINCH), 0);
        assert_call(bench, WIRE_SIGNAL, 0, WIRE_CALL_KILL, SIGWINCH, child);
        assert_call(bench, WIRE_SIGNAL, 1, WIRE_CALL_TGKILL, SIGWINCH, child);
        const struct wire_call *record = find(bench, WIRE_SIGNAL, getpid(), 0);
        assert_int_equal(record->target_credentials.uid, i == 0 ? 1234 : getuid());
        end_child(child);
    }
    close(ends[0]);
    close(ends[1]);
}

/* Needs a kernel with modules, and one that does no harm: tests/vm has both. */
static void test_modules(void **state)
{
    struct bench *bench = *state;
    const char *path = getenv("CREANCE_TEST_MODULE"); /* of the module dummy */
    if (path == NULL) {
        print_message("# modules: no CREANCE_TEST_MODULE to load\n");
        skip();
        return;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    assert_int_equal(fstat(file, &status), 0);
    void *module = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    assert_ptr_not_equal(module, MAP_FAILED);
    forget(bench);
    assert_int_equal(syscall(SYS_finit_module, file, "", 0), 0);
    assert_int_equal(syscall(SYS_delete_module, "dummy", O_NONBLOCK), 0);
    assert_int_equal(syscall(SYS_init_module, module, status.st_size, ""), 0);
    assert_int_equal(syscall(SYS_delete_module, "dummy", O_NONBLOCK), 0);
    const struct wire_call *record = find(bench, WIRE_MODULE_LOAD, getpid(), 0);
    assert_int_equal(record->call, WIRE_CALL_FINIT_MODULE);
    assert_path(record, record->base, record->name, path);
    assert_bytes(text_of(record, record->source), "dummy", 5);
    record = find(bench, WIRE_MODULE_LOAD, getpid(), 1);
    assert_int_equal(record->call, WIRE_CALL_INIT_MODULE);
    assert_bytes(text_of(record, record->source), "dummy", 5);
    record = find(bench, WIRE_MODULE_UNLOAD, getpid(), 1);
    assert_bytes(text_of(record, record->source), "dummy", 5);
    munmap(module, (size_t)status.st_size);
    close(file);
}

static void test_memory_file_made(void **state)
{
    struct bench *bench = *state;
    forget(bench);
    close(memfd_create("lies in memory", MFD_CLOEXEC));
    const struct wire_call *record = find(bench, WIRE_MEMORY_FILE, getpid(), 0);
    assert_int_equal(record->request, MFD_CLOEXEC);
    assert_path(record, record->base, record->name, "/memfd:lies in memory");
    assert_int_equal(record->header.flags, 0);
}

static void test_program_load(void **state)
{
    struct bench *bench = *state;
    const struct bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    forget(bench);
    int program =
        bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "does_nothing", "GPL", nothing, 2, NULL);
    assert_true(program >= 0);
    close(program);
    const struct wire_call *record = find(bench, WIRE_BPF_LOAD, getpid(), 0);
    assert_int_equal(record->request, BPF_PROG_TYPE_SOCKET_FILTER);
    assert_bytes(text_of(record, record->source), "does_nothing", 12);
}

enum { SNAPSHOT_BYTES = 8 * MIB };

/* Reads a snapshot in awkward pieces. */
static size_t read_snapshot(struct bench *bench, uint8_t *data)
{
    int file = -1;
    size_t size = 0;
    assert_ok(loader_snapshot_open(bench->loaded.links[PROBE_snapshot], &file));
    for (;;) {
        ssize_t got = read(file, data + size, WIRE_RECORD_BYTES + 1);
        assert_true(got >= 0);
        if (got == 0)
            break;
        size += (size_t)got;
        assert_true(size + WIRE_RECORD_BYTES + 1 <= SNAPSHOT_BYTES);
    }
    close(file);
    return size;
}

/* Another process's arguments are not read from a file that it put in their place: reading a file
 * of a dead server would hang. */
static void test_hostile_arguments(void **state)
{
    struct bench *bench = *state;
    static uint8_t data[SNAPSHOT_BYTES];
    uintptr_t page = (uintptr_t)program_invocation_name & ~(uintptr_t)4095;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int file = open("/bin/true", O_RDONLY | O_CLOEXEC);
        if (mmap((void *)page, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED
            || write(ends[1], "", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    size_t size = read_snapshot(bench, data);
    kill(child, SIGKILL);
    (void)wait_for(child);
    close(ends[0]);
    close(ends[1]);
    for (size_t at = 0; at < size;) {
        const struct wire_exec *record = (const void *)(data + at);
        at += record->header.size;
        if (record->header.process.tgid != (uint32_t)child)
            continue;
        assert_int_equal(record->arguments.length, 0);
        assert_int_equal(record->header.flags, WIRE_UNREADABLE);
        assert_true(record->executable.length > 0);
        return;
    }
    fail_msg("the child is not in the snapshot");
}

/* Finds this process in the snapshot. */
static void test_snapshot(void **state)
{
    struct bench *bench = *state;
    static uint8_t data[SNAPSHOT_BYTES];
    size_t size = read_snapshot(bench, data);
    char executable[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
    assert_true(length > 0);
    executable[length] = '\0';
    unsigned processes = 0, me = 0, kernel_threads = 0;
    for (size_t at = 0; at < size;) {
        const struct wire_exec *record = (const void *)(data + at);
        assert_true(at + sizeof(*record) <= size && at + record->header.size <= size);
        assert_int_equal(record->header.kind, WIRE_SNAPSHOT);
        kernel_threads += record->state & WIRE_IS_KERNEL_THREAD;
        processes++;
        at += record->header.size;
        if (record->header.process.tgid != (uint32_t)getpid())
            continue;
        me++;
        assert_path(record, record->executable, (struct wire_text){0, 0}, executable);
        assert_path(record, record->directory, (struct wire_text){0, 0}, bench->folder);
        assert_true(record->arguments.length > 0);
        assert_int_equal(record->process.parent.tgid, getppid());
        assert_int_equal(record->header.flags, 0);
    }
    assert_int_equal(me, 1);
    assert_true(processes > 2 && kernel_threads > 0);
}

static void test_counters(void **state)
{
    struct bench *bench = *state;
    const uint64_t(*rows)[WIRE_COUNTER_SLOT_COUNT] =
        mmap(NULL, sizeof(uint64_t) * WIRE_COUNTER_CPUS * WIRE_COUNTER_SLOT_COUNT, PROT_READ,
             MAP_SHARED, bench->loaded.counters, 0);
    assert_ptr_not_equal(rows, MAP_FAILED);
    uint64_t sums[WIRE_COUNTER_COUNT] = {0};
    for (size_t row = 0; row < WIRE_COUNTER_CPUS; row++)
        for (size_t i = 0; i < WIRE_COUNTER_COUNT; i++)
            sums[i] += rows[row][i];
    assert_true(sums[WIRE_COUNTER_RECORDS] > 20);
    assert_true(sums[WIRE_COUNTER_WAKEUPS] > 0);
    assert_true(sums[WIRE_COUNTER_IGNORED] >= 2);
    assert_int_equal(sums[WIRE_COUNTER_FULL_PROCESS], 0);
    assert_int_equal(sums[WIRE_COUNTER_FULL_FILE], 0);
    assert_int_equal(sums[WIRE_COUNTER_MAP_FULL], 0);
    uint64_t missed = 0;
    assert_ok(loader_missed_runs(bench->loaded.links, PROBE_COUNT, &missed));
}

/* A process start wakes the reader by itself, without its timer. */
static void test_wake(void **state)
{
    struct bench *bench = *state;
    forget(bench);
    usleep(20 * 1000);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        usleep(20 * 1000);
        execl("/bin/true", "true", NULL);
        _exit(99);
    }
    struct pollfd ring = {.fd = ring_buffer__epoll_fd(bench->ring), .events = POLLIN};
    assert_int_equal(poll(&ring, 1, 2000), 1);
    assert_int_equal(wait_for(child), 0);
    assert_true(has(bench, WIRE_EXEC, child));
}

enum { HANDED_MAX = PROBE_COUNT + 1 };

/* Loads in a process of its own, which hands over the ring and the links, and ends. */
static size_t load_and_end(int descriptors[HANDED_MAX])
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * HANDED_MAX)];
    } control = {{0}};
    char one = 0;
    struct iovec data = {&one, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct loaded loaded;
        if (!result_is_ok(loader_load(&LOADER_SETTINGS_DEFAULT, &loaded, NULL)))
            _exit(1);
        int *out = (int *)CMSG_DATA(&control.header);
        size_t count = 0;
        out[count++] = loaded.ring;
        for (unsigned i = 0; i < PROBE_COUNT; i++)
            if (loaded.links[i] >= 0)
                out[count++] = loaded.links[i];
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int) * count);
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        _exit(sendmsg(ends[1], &message, 0) == 1 ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
    assert_int_equal(recvmsg(ends[0], &message, MSG_CMSG_CLOEXEC), 1);
    close(ends[0]);
    close(ends[1]);
    size_t size = control.header.cmsg_len - CMSG_LEN(0);
    bytes_copy(descriptors, sizeof(int) * HANDED_MAX, CMSG_DATA(&control.header), size);
    return size / sizeof(int);
}

/* Programs outlive their loader with their descriptors, and end with the last of them. */
static void test_handing_over(void **state)
{
    struct bench *bench = *state;
    struct ring_buffer *own_ring = bench->ring;
    int descriptors[HANDED_MAX];
    size_t count = load_and_end(descriptors);
    assert_int_equal(count, 1 + bench->loaded.attached_count);
    bench->ring = ring_buffer__new(descriptors[0], keep_record, bench, NULL);
    assert_non_null(bench->ring);
    forget(bench);
    char *arguments[] = {"true", "handed over", NULL};
    pid_t child = run("/bin/true", arguments);
    assert_int_equal(close(open("handed", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_int_equal(unlink("handed"), 0);
    assert_true(has(bench, WIRE_EXEC, child));
    assert_true(has(bench, WIRE_EXIT, child));
    assert_true(has(bench, WIRE_FILE_CREATE, getpid()));
    assert_true(has(bench, WIRE_FILE_DELETE, getpid()));
    for (size_t i = 1; i < count; i++)
        close(descriptors[i]);
    forget(bench);
    child = run("/bin/true", arguments);
    assert_int_equal(close(open("handed", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
    assert_false(has(bench, WIRE_EXEC, child));
    assert_false(has(bench, WIRE_FILE_CREATE, getpid()));
    ring_buffer__free(bench->ring);
    close(descriptors[0]);
    bench->ring = own_ring;
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct explanation why = {""};
    if (bench == NULL)
        return -1;
    struct result result = loader_load(&LOADER_SETTINGS_DEFAULT, &bench->loaded, &why);
    if (!result_is_ok(result)) {
        print_error("%s\n", why.text);
        return -1;
    }
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        const struct probe_status *status = &bench->loaded.probes[i];
        if (status->state != PROBE_ATTACHED && status->state != PROBE_SPARE)
            print_message("# %s: %s, %s (%s)\n", probe_row(i)->name,
                          probe_state_name(status->state), status->detail,
                          strerror(status->system_errno));
    }
    bench->ring = ring_buffer__new(bench->loaded.ring, keep_record, bench, NULL);
    (void)string_format(bench->folder, sizeof(bench->folder), "/tmp/creance-loader-XXXXXX");
    if (bench->ring == NULL || mkdtemp(bench->folder) == NULL || chdir(bench->folder) != 0)
        return -1;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    forget(bench);
    ring_buffer__free(bench->ring);
    loader_close(&bench->loaded);
    char *arguments[] = {"rm", "-rf", bench->folder, NULL};
    run("/bin/rm", arguments);
    free(bench);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_long_arguments),
        cmocka_unit_test(test_memory_file),
        cmocka_unit_test(test_exec_by_thread),
        cmocka_unit_test(test_deep_path),
        cmocka_unit_test(test_mount_namespace),
        cmocka_unit_test(test_exit),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_rename),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_chmod),
        cmocka_unit_test(test_ignored),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_memory_file_made),
        cmocka_unit_test(test_privileges),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_program_load),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_hostile_arguments),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_handing_over),
    };
    struct loader_system system;
    loader_look(&system);
    if (!system.may_load || !system.has_btf) {
        printf("1..0 # SKIP eBPF programs cannot be loaded here: %s\n",
               system.may_load ? "the kernel has no BTF" : "needs CAP_BPF and CAP_PERFMON");
        return 0;
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("loader", tests, set_up, tear_down);
}
