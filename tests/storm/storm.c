// SPDX-License-Identifier: Apache-2.0
/*
 * storm KIND SECONDS COUNT MARK: does one kind of thing as fast as it can, until SECONDS are over
 * or COUNT is reached (0: no bound), and prints what it did, exactly:
 *     {"kind": "start", "operations": 123}
 * KIND is
 *   start    starts storm-nothing (beside it) with 1 KB of arguments and waits for its end
 *   burst    the same with MARK as the only argument
 *   file     creates, renames and deletes a file whose name has MARK, in the working directory
 *   network  connects to itself over loopback and accepts; MARK is the port
 * Anything that goes wrong ends it with exit code 2 and a reason: a storm that did something else
 * than it says would prove nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENT_BYTES = 1024, PATH_BYTES = 4096 };

struct storm {
    const char *mark;
    char program[PATH_BYTES]; /* of storm-nothing */
    char argument[ARGUMENT_BYTES + 1];
    char first[PATH_BYTES]; /* names of the file */
    char second[PATH_BYTES];
    int listener;
    struct sockaddr_in address;
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
    exit(2);
}

static volatile sig_atomic_t is_over;

static void end_storm(int number)
{
    (void)number;
    is_over = 1;
}

/* --- one operation of each kind -------------------------------------------------------------- */

static void start_once(struct storm *storm)
{
    char name[] = "storm-nothing";
    char *arguments[] = {name, storm->argument, NULL};
    char *environment[] = {NULL};
    pid_t child;
    errno = posix_spawn(&child, storm->program, NULL, NULL, arguments, environment);
    if (errno != 0)
        fail(storm->program);
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("storm-nothing did not end well");
}

static void file_once(struct storm *storm)
{
    int file = open(storm->first, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0)
        fail(storm->first);
    close(file);
    if (rename(storm->first, storm->second) != 0 || unlink(storm->second) != 0)
        fail(storm->second);
}

static void network_once(struct storm *storm)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0
        || connect(client, (struct sockaddr *)&storm->address, sizeof storm->address) != 0)
        fail("connect");
    int server = accept4(storm->listener, NULL, NULL, SOCK_CLOEXEC);
    if (server < 0)
        fail("accept");
    /* A reset leaves no port waiting: else a minute of this would use them all up. */
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    if (setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0)
        fail("SO_LINGER");
    close(client);
    close(server);
}

/* --- preparations ---------------------------------------------------------------------------- */

static void find_program(struct storm *storm)
{
    ssize_t size = readlink("/proc/self/exe", storm->program, sizeof storm->program - 16);
    if (size <= 0)
        fail("/proc/self/exe");
    storm->program[size] = '\0';
    char *base = strrchr(storm->program, '/') + 1;
    const char *name = "storm-nothing";
    for (size_t i = 0; i <= strlen(name); i++)
        base[i] = name[i];
}

static void fill_argument(struct storm *storm, bool is_long)
{
    size_t mark_bytes = strlen(storm->mark);
    if (mark_bytes > ARGUMENT_BYTES)
        fail("MARK is too long");
    for (size_t i = 0; i < (is_long ? ARGUMENT_BYTES : mark_bytes); i++)
        storm->argument[i] = i < mark_bytes ? storm->mark[i] : '-';
}

static void name_files(struct storm *storm)
{
    const char *const ends[] = {"new", "old"};
    char *const names[] = {storm->first, storm->second};
    for (size_t i = 0; i < 2; i++) {
        FILE *name = fmemopen(names[i], PATH_BYTES, "w");
        if (name == NULL || fprintf(name, "%s-%d.%s", storm->mark, (int)getpid(), ends[i]) < 0
            || fclose(name) != 0)
            fail("the file's name");
    }
}

static void listen_on_mark(struct storm *storm)
{
    errno = 0;
    long port = 0;
    for (const char *digit = storm->mark; *digit >= '0' && *digit <= '9'; digit++)
        port = port * 10 + (*digit - '0');
    int on = 1;
    storm->address.sin_family = AF_INET;
    storm->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    storm->address.sin_port = htons((uint16_t)port);
    storm->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (storm->listener < 0
        || setsockopt(storm->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || bind(storm->listener, (struct sockaddr *)&storm->address, sizeof storm->address) != 0
        || listen(storm->listener, 16) != 0)
        fail("listening on the port MARK");
}

static uint64_t run(struct storm *storm, void (*once)(struct storm *), unsigned seconds,
                    uint64_t bound)
{
    uint64_t done = 0;
    struct sigaction action = {.sa_handler = end_storm, .sa_flags = SA_RESTART};
    if (sigaction(SIGALRM, &action, NULL) != 0)
        fail("SIGALRM");
    alarm(seconds);
    while ((bound == 0 || done < bound) && !is_over) {
        once(storm);
        done++;
    }
    return done;
}

int main(int count, char *arguments[])
{
    static struct storm storm;
    if (count != 5) {
        fprintf(stderr, "usage: storm start|burst|file|network SECONDS COUNT MARK\n");
        return 2;
    }
    const char *kind = arguments[1];
    unsigned seconds = (unsigned)strtod(arguments[2], NULL);
    uint64_t bound = (uint64_t)strtod(arguments[3], NULL);
    storm.mark = arguments[4];
    void (*once)(struct storm *) = start_once;
    if (strcmp(kind, "file") == 0) {
        once = file_once;
        name_files(&storm);
    } else if (strcmp(kind, "network") == 0) {
        once = network_once;
        listen_on_mark(&storm);
    } else {
        find_program(&storm);
        fill_argument(&storm, strcmp(kind, "start") == 0);
    }
    uint64_t done = run(&storm, once, seconds, bound);
    printf("{\"kind\": \"%s\", \"operations\": %llu}\n", kind, (unsigned long long)done);
    return 0;
}
