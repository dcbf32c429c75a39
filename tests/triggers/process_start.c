// SPDX-License-Identifier: Apache-2.0
/* Executes itself with arguments that are easy to get wrong, in a folder of its own. */
#include "trigger.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char *arguments[])
{
    char folder[4096];
    if (count == 1) {
        char *more[] = {arguments[0], "one", "two words", "dollar $HOME \"quotes\"", "last", NULL};
        trigger_enter_folder();
        execv("/proc/self/exe", more);
        trigger_fail("executing itself");
    }
    if (getcwd(folder, sizeof(folder)) == NULL)
        trigger_fail("asking for the working directory");
    trigger_begin("process_start");
    trigger_process();
    trigger_arguments(arguments);
    trigger_text("process_directory", folder);
    trigger_end();
    if (chdir("/") != 0 || rmdir(folder) != 0)
        trigger_fail("removing the folder");
    return 0;
}
