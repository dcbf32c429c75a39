// SPDX-License-Identifier: Apache-2.0
/* Loads a kernel module, named by its file and its own name, and removes it again. The third
 * argument says what is told: "file" or "memory" (how it was loaded), or "unload". */
#include "trigger.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void load(const char *path, bool is_from_memory)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        trigger_fail(path);
    if (!is_from_memory && syscall(SYS_finit_module, file, "", 0) != 0)
        trigger_fail("finit_module");
    if (is_from_memory) {
        size_t size = (size_t)status.st_size;
        void *module = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (module == MAP_FAILED || syscall(SYS_init_module, module, size, "") != 0)
            trigger_fail("init_module");
        munmap(module, size);
    }
    close(file);
}

int main(int count, char *arguments[])
{
    if (count != 4) {
        fprintf(stderr, "usage: trigger-module-load FILE NAME file|memory|unload\n");
        return 2;
    }
    const char *how = arguments[3];
    bool is_unload = string_equal(how, "unload"), is_from_memory = string_equal(how, "memory");
    load(arguments[1], is_from_memory);
    if (syscall(SYS_delete_module, arguments[2], O_NONBLOCK) != 0)
        trigger_fail("delete_module");
    trigger_begin(is_unload ? "module_unload" : "module_load");
    trigger_process();
    trigger_text("call_name", is_unload        ? "delete_module"
                              : is_from_memory ? "init_module"
                                               : "finit_module");
    trigger_text("object_name", arguments[2]);
    if (is_unload)
        trigger_text("call_request", "O_NONBLOCK");
    else if (!is_from_memory)
        trigger_text("file_path", arguments[1]);
    trigger_end();
    return 0;
}
