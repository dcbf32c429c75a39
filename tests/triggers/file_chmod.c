// SPDX-License-Identifier: Apache-2.0
/* Changes the mode of a file. */
#include "trigger.h"

#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    trigger_enter_folder();
    trigger_make_file("changed");
    if (chmod("changed", 04755) != 0)
        trigger_fail("chmod");
    trigger_begin("file_chmod");
    trigger_process();
    trigger_text("file_path", trigger_path("changed"));
    trigger_number("file_mode", 04755);
    trigger_end();
    unlink("changed");
    trigger_leave();
    return 0;
}
