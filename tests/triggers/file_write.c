// SPDX-License-Identifier: Apache-2.0
/* Opens a file that is there for writing, by a path that goes up and down. */
#include "trigger.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
    struct stat status;
    trigger_enter_folder();
    trigger_make_file("there");
    if (mkdir("below", 0700) != 0)
        trigger_fail("mkdir");
    int file = open("below/.././there", O_WRONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        trigger_fail("open");
    close(file);
    trigger_begin("file_write");
    trigger_process();
    trigger_text("file_path", trigger_path("there"));
    trigger_number("file_inode", status.st_ino);
    trigger_number("file_mode", status.st_mode & 07777);
    trigger_end();
    rmdir("below");
    unlink("there");
    trigger_leave();
    return 0;
}
