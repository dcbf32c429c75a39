// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a message: the first says who sends it and in which phase. What is taken is of a
 * type that there is, has a descriptor only where one came, and is written back as the same bytes.
 */
#include "agent/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check(int *pair, const struct message *message, const uint8_t *data, size_t size)
{
    uint8_t again[512];
    require((unsigned)message->type < MESSAGE_COUNT && message->fd < 0);
    require(result_is_ok(channel_send(pair[1], message)));
    require(recv(pair[0], again, sizeof again, MSG_DONTWAIT) == (ssize_t)size);
    require(memcmp(again, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int pair[2] = {-1, -1};
    struct message message;
    if (pair[0] < 0)
        require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
    if (size < 2 || size > 1024)
        return 0;
    enum role sender = (enum role)(data[0] / 2 % ROLE_COUNT);
    enum channel_phase phase = data[0] % 2 == 0 ? PHASE_STARTING : PHASE_RUNNING;
    require(send(pair[0], data + 1, size - 1, 0) == (ssize_t)size - 1);
    if (result_is_ok(channel_receive(pair[1], sender, phase, &message)))
        check(pair, &message, data + 1, size - 1);
    require(channel_receive(pair[1], sender, phase, &message).error == ERROR_AGAIN);
    return 0;
}
