// SPDX-License-Identifier: Apache-2.0
/* Connects to itself over loopback; argument "6": over IPv6. */
#include "trigger.h"

int main(int count, char *arguments[])
{
    (void)count;
    struct trigger_connection connection;
    trigger_connect(arguments, &connection);
    trigger_begin("network_connect");
    trigger_process();
    trigger_addresses(&connection);
    trigger_text("network_initiated", "true");
    trigger_end();
    return 0;
}
