// SPDX-License-Identifier: Apache-2.0
/* Makes a file in memory. */
#include "trigger.h"

#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
    int file = memfd_create("in memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        trigger_fail("memfd_create");
    close(file);
    trigger_begin("memory_file");
    trigger_process();
    trigger_text("call_name", "memfd_create");
    trigger_text("call_request", "MFD_CLOEXEC MFD_ALLOW_SEALING");
    trigger_text("file_path", "/memfd:in memory");
    trigger_end();
    return 0;
}
