// SPDX-License-Identifier: Apache-2.0
#include "bypass.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void bypass_refused(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(BYPASS_REFUSED);
}

void bypass_wait(pid_t process)
{
    int status;
    if (waitpid(process, &status, 0) != process)
        trigger_fail("waiting for a process");
    if (WIFEXITED(status) && WEXITSTATUS(status) == BYPASS_REFUSED)
        exit(BYPASS_REFUSED); /* it has said why */
    if (status != 0)
        trigger_fail("a process did not end well");
}

pid_t bypass_run(const char *path, char *const arguments[], char *const environment[])
{
    pid_t process = fork();
    if (process == 0) {
        execve(path, arguments, environment);
        trigger_fail(path);
    }
    if (process < 0)
        trigger_fail("fork");
    bypass_wait(process);
    return process;
}

void bypass_copy(const char *from, const char *to)
{
    struct stat status;
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (source < 0 || target < 0 || fstat(source, &status) != 0)
        trigger_fail(to);
    for (off_t at = 0; at < status.st_size;)
        if (sendfile(target, source, &at, (size_t)(status.st_size - at)) <= 0)
            trigger_fail(to);
    close(source);
    close(target);
}

const char *bypass_real(const char *path)
{
    static char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        trigger_fail(path);
    return real;
}

void bypass_started(const char *fact, pid_t process, const char *executable,
                    char *const arguments[])
{
    trigger_fact(fact, "process_start");
    trigger_number("process_pid", (uint64_t)process);
    trigger_text("process_executable", executable);
    if (arguments != NULL)
        trigger_arguments(arguments);
    trigger_end();
}

void bypass_file(const char *fact, const char *kind, const char *path, uint64_t inode)
{
    trigger_fact(fact, kind);
    trigger_process();
    trigger_text("file_path", path);
    if (inode != 0)
        trigger_number("file_inode", inode);
    trigger_end();
}

uint64_t bypass_inode(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        trigger_fail(path);
    return status.st_ino;
}
