// SPDX-License-Identifier: Apache-2.0
/* Removes a file. */
#include "trigger.h"

#include <unistd.h>

int main(void)
{
    trigger_enter_folder();
    trigger_make_file("gone");
    if (unlink("gone") != 0)
        trigger_fail("unlink");
    trigger_begin("file_delete");
    trigger_process();
    trigger_text("file_path", trigger_path("gone"));
    trigger_end();
    trigger_leave();
    return 0;
}
