// SPDX-License-Identifier: Apache-2.0
/* Is there before the agent is, and stays until its standard input ends. */
#include "trigger.h"

#include <unistd.h>

int main(int count, char *arguments[])
{
    (void)count;
    char byte;
    trigger_begin("process_running");
    trigger_process();
    trigger_arguments(arguments);
    trigger_end();
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0;
}
