// SPDX-License-Identifier: Apache-2.0
/*
 * Does one operation many times over and prints what it cost: `bench-load OPERATION COUNT PROGRAM`
 * in a folder that may be written to. The line printed is CPU time of this process and its
 * children, user and kernel, in nanoseconds for all operations together. tests/bench/cost.py drives
 * it.
 *
 * Links nothing of the project, so that no sanitizer of its build is measured too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WRITTEN_BYTES = 100,
    /* Each closed connection keeps its pair of ports for a minute; many addresses have many. */
    LOOPBACK_ADDRESSES = 250,
};

static const char *nothing_path; /* the program that `exec` starts */
static char folder[4096];
static int listener = -1;
static struct sockaddr_in listens_at = {.sin_family = AF_INET};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench-load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void path_in_folder(char *path, size_t capacity, const char *name)
{
    FILE *text = fmemopen(path, capacity, "w");
    if (text == NULL || fprintf(text, "%s/%s", folder, name) < 0 || fclose(text) != 0)
        fail("a path in the folder");
}

/* --- the operations ------------------------------------------------------------------------- */

static void exec_program(unsigned long count)
{
    char *const arguments[] = {(char *)nothing_path, "--first=1", "second", NULL};
    char *const environment[] = {NULL};
    for (unsigned long i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            execve(nothing_path, arguments, environment);
            _exit(127);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            fail("starting a program");
    }
}

static void file_cycle(unsigned long count)
{
    char made[4200], renamed[4200];
    const char bytes[WRITTEN_BYTES] = {0};
    path_in_folder(made, sizeof made, "made");
    path_in_folder(renamed, sizeof renamed, "renamed");
    for (unsigned long i = 0; i < count; i++) {
        int file = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 || write(file, bytes, sizeof bytes) != sizeof bytes || close(file) != 0
            || rename(made, renamed) != 0 || unlink(renamed) != 0)
            fail("create, write, rename, unlink");
    }
}

static void tcp_begin(void)
{
    socklen_t size = sizeof listens_at;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&listens_at, size) != 0
        || listen(listener, 16) != 0
        || getsockname(listener, (struct sockaddr *)&listens_at, &size) != 0)
        fail("listening");
}

static void tcp_connection(unsigned long count)
{
    struct sockaddr_in to = listens_at;
    for (unsigned long i = 0; i < count; i++) {
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i % LOOPBACK_ADDRESSES));
        int here = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (here < 0 || connect(here, (struct sockaddr *)&to, sizeof to) != 0)
            fail("connecting");
        int there = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (there < 0 || close(here) != 0 || close(there) != 0)
            fail("accepting and closing");
    }
}

static void read_begin(void)
{
    char path[4200];
    path_in_folder(path, sizeof path, "read");
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || close(file) != 0)
        fail("making a file");
}

static void open_for_reading(unsigned long count)
{
    char path[4200];
    path_in_folder(path, sizeof path, "read");
    for (unsigned long i = 0; i < count; i++) {
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0 || close(file) != 0)
            fail("opening for reading");
    }
}

static void unwatched_call(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        (void)syscall(SYS_getppid);
}

/* --- measuring ------------------------------------------------------------------------------ */

static const struct operation {
    const char *name;
    void (*begin)(void); /* not measured; NULL: nothing */
    void (*run)(unsigned long count);
} OPERATIONS[] = {
    {"exec", NULL, exec_program},     {"file", NULL, file_cycle},
    {"tcp", tcp_begin, tcp_connection}, {"open", read_begin, open_for_reading},
    {"call", NULL, unwatched_call},
};

static long long cpu_ns(int who)
{
    struct rusage usage;
    if (getrusage(who, &usage) != 0)
        fail("asking for the CPU time");
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000LL
           + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

static unsigned long count_of(const char *text)
{
    unsigned long count = 0;
    for (; *text >= '0' && *text <= '9' && count < 1000000000; text++)
        count = count * 10 + (unsigned long)(*text - '0');
    return *text == '\0' ? count : 0;
}

static const struct operation *operation_named(const char *name)
{
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++)
        if (strcmp(OPERATIONS[i].name, name) == 0)
            return &OPERATIONS[i];
    return NULL;
}

int main(int argument_count, char *arguments[])
{
    const struct operation *operation = argument_count == 4 ? operation_named(arguments[1]) : NULL;
    unsigned long count = operation != NULL ? count_of(arguments[2]) : 0;
    if (count == 0) {
        fputs("usage: bench-load exec|file|tcp|open|call COUNT PROGRAM-TO-EXECUTE\n", stderr);
        return 2;
    }
    nothing_path = arguments[3];
    if (getcwd(folder, sizeof folder) == NULL)
        fail("asking for the working folder");
    if (operation->begin != NULL)
        operation->begin();
    long long before = cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN);
    operation->run(count);
    printf("%lld\n", cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN) - before);
    return 0;
}
