// SPDX-License-Identifier: Apache-2.0
/* Accepts a connection from itself over loopback; argument "6": over IPv6. */
#include "trigger.h"

int main(int count, char *arguments[])
{
    (void)count;
    struct trigger_connection connection;
    trigger_connect(arguments, &connection);
    trigger_begin("network_accept");
    trigger_process();
    trigger_addresses(&connection);
    trigger_text("network_initiated", "false");
    trigger_end();
    return 0;
}
