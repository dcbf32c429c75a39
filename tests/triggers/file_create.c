// SPDX-License-Identifier: Apache-2.0
/* Makes a file. */
#include "trigger.h"

#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    struct stat status;
    trigger_enter_folder();
    trigger_make_file("made here");
    if (stat("made here", &status) != 0)
        trigger_fail("stat");
    trigger_begin("file_create");
    trigger_process();
    trigger_text("file_path", trigger_path("made here"));
    trigger_number("file_inode", status.st_ino);
    trigger_number("file_mode", status.st_mode & 07777);
    trigger_end();
    unlink("made here");
    trigger_leave();
    return 0;
}
