// SPDX-License-Identifier: Apache-2.0
/* Executes itself with arguments that are easy to get wrong, in a folder of its own; with the
 * argument "memory" a copy of itself that lies in memory only, with "deleted" one that has lost its
 * name. */
#include "trigger.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* A descriptor by which a copy can be executed and nothing else reach it. */
static int copy_itself(bool is_memory)
{
    struct stat status;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = is_memory ? memfd_create("copy", MFD_CLOEXEC)
                       : open("copy", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (from < 0 || to < 0 || fstat(from, &status) != 0)
        trigger_fail("copying itself");
    for (off_t left = status.st_size; left > 0;) {
        ssize_t size = sendfile(to, from, NULL, (size_t)left);
        if (size <= 0)
            trigger_fail("copying itself");
        left -= size;
    }
    close(from);
    if (is_memory)
        return to;
    close(to); /* who writes to it keeps it from being executed */
    int copy = open("copy", O_RDONLY | O_CLOEXEC);
    if (copy < 0 || unlink("copy") != 0)
        trigger_fail("copying itself");
    return copy;
}

static _Noreturn void execute(char *name, const char *origin)
{
    char *more[] = {name, "one", "two words", "dollar $HOME \"quotes\"", "last", NULL};
    trigger_enter_folder();
    if (origin == NULL) {
        execv("/proc/self/exe", more);
    } else {
        bool is_memory = string_equal(origin, "memory");
        more[4] = is_memory ? "memory" : "deleted";
        fexecve(copy_itself(is_memory), more, environ);
    }
    trigger_fail("executing itself");
}

int main(int count, char *arguments[])
{
    char folder[4096];
    if (count <= 2)
        execute(arguments[0], arguments[1]);
    if (getcwd(folder, sizeof(folder)) == NULL)
        trigger_fail("asking for the working directory");
    trigger_begin("process_start");
    trigger_process();
    trigger_arguments(arguments);
    trigger_text("process_directory", folder);
    if (!string_equal(arguments[4], "last"))
        trigger_text("executable_origin", arguments[4]);
    trigger_end();
    if (chdir("/") != 0 || rmdir(folder) != 0)
        trigger_fail("removing the folder");
    return 0;
}
