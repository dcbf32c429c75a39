// SPDX-License-Identifier: Apache-2.0
#include "agent/child.h"

#include "base/bytes.h"
#include "base/counters.h"
#include "base/fault.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { START_WAIT_MS = 10000, EXIT_NOT_STARTED = 2, EXIT_START_FAILED = 1 };

static _Noreturn void give_up(const struct child *child, const char *what, struct result result)
{
    fprintf(stderr, "%s: %s: %s\n", role_row(child->role)->program, what, result_text(result));
    exit(EXIT_START_FAILED);
}

static void require_supervisor(const struct child *child)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(child->socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
        return;
    fprintf(stderr,
            "%s is started by creanced and does nothing by itself. "
            "Start the agent with: systemctl start creance (or ./run in a checkout)\n",
            role_row(child->role)->program);
    exit(EXIT_NOT_STARTED);
}

/* Takes grants until the supervisor says start. */
static void take_grants(struct child *child)
{
    for (;;) {
        struct pollfd wait = {.fd = child->socket, .events = POLLIN};
        int ready = poll(&wait, 1, START_WAIT_MS);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            give_up(child, "no word from the supervisor", result_fail(ERROR_AGAIN));
        struct message message;
        struct result result =
            channel_receive(child->socket, ROLE_supervisor, PHASE_STARTING, &message);
        if (!result_is_ok(result))
            give_up(child, "bad message from the supervisor", result);
        if (message.type == MESSAGE_stop)
            exit(0);
        if (message.type == MESSAGE_start) {
            child->start = message.start;
            return;
        }
        if (message.grant.grant >= GRANT_COUNT || child->grants[message.grant.grant] >= 0)
            give_up(child, "a grant that is unknown or came twice", result_fail(ERROR_FORMAT));
        child->grants[message.grant.grant] = message.fd;
    }
}

void child_start(struct child *child, enum role role)
{
    fault_plant();
    *child = (struct child){.role = role, .socket = CHILD_SOCKET_FD, .phase = PHASE_STARTING};
    for (size_t i = 0; i < GRANT_COUNT; i++)
        child->grants[i] = -1;
    require_supervisor(child);
    /* Started through a descriptor, the kernel would show a number as our name. */
    (void)prctl(PR_SET_NAME, role_row(role)->program, 0, 0, 0);

    struct message hello = {.type = MESSAGE_hello,
                            .fd = -1,
                            .hello = {.role = (uint32_t)role, .protocol = AGENT_PROTOCOL}};
    struct result result = channel_send(child->socket, &hello);
    if (!result_is_ok(result))
        give_up(child, "cannot greet the supervisor", result);
    take_grants(child);
    if (child->grants[GRANT_own_counters] >= 0) {
        result = counters_attach(child->grants[GRANT_own_counters]);
        if (!result_is_ok(result))
            give_up(child, "cannot map the counter page", result);
    }
}

void child_ready(struct child *child)
{
    struct message ready = {.type = MESSAGE_ready, .fd = -1};
    struct result result = channel_send(child->socket, &ready);
    if (!result_is_ok(result))
        give_up(child, "cannot report to the supervisor", result);
    child->phase = PHASE_RUNNING;
}

void child_heartbeat(struct child *child, uint64_t progress)
{
    uint64_t now = clock_boottime_ns(clock_system());
    if (now < child->next_heartbeat_ns)
        return;
    child->next_heartbeat_ns = now + NS_PER_S;
    struct message beat = {
        .type = MESSAGE_heartbeat, .fd = -1, .heartbeat = {.progress = progress}};
    /* A full queue means that the supervisor is behind, not that we are dead; it will read the
     * beats that wait there. That it is gone shows in child_receive(). */
    result_ignore(channel_send(child->socket, &beat));
}

RESULT child_send(struct child *child, const struct message *message)
{
    return channel_send(child->socket, message);
}

RESULT child_receive(struct child *child, struct message *ret_message)
{
    struct message message;
    struct result result =
        channel_receive(child->socket, ROLE_supervisor, PHASE_RUNNING, &message);
    if (result.error == ERROR_CLOSED || (result_is_ok(result) && message.type == MESSAGE_stop))
        exit(0);
    if (result_is_ok(result))
        *ret_message = message;
    else if (result.error != ERROR_AGAIN)
        give_up(child, "bad message from the supervisor", result);
    return result;
}
