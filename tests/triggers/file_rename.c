// SPDX-License-Identifier: Apache-2.0
/* Renames a file; both names are relative. */
#include "trigger.h"

#include <stdio.h>
#include <unistd.h>

int main(void)
{
    trigger_enter_folder();
    trigger_make_file("before");
    if (rename("before", "./after") != 0)
        trigger_fail("rename");
    trigger_begin("file_rename");
    trigger_process();
    trigger_text("file_path", trigger_path("after"));
    trigger_text("file_previous_path", trigger_path("before"));
    trigger_end();
    unlink("after");
    trigger_leave();
    return 0;
}
