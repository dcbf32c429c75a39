// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What every child of the supervisor does the same way: say hello, take its grants, enter its
 * sandbox, say ready, send heartbeats, end when told to or when the supervisor is gone.
 *
 *     struct child child;
 *     child_start(&child, ROLE_engine);      // grants are in child.grants[] (-1 where none)
 *     ... open what needs opening ...
 *     sandbox_enter(...); child_ready(&child);
 *     for (;;) { poll(child.socket, ...); child_heartbeat(...); child_receive(...) }
 */
#include "agent/channel.h"
#include "base/clock.h"

struct child {
    enum role role;
    int socket;
    int grants[GRANT_COUNT];
    struct message_start start;
    uint64_t next_heartbeat_ns;
    enum channel_phase phase;
};

/* The descriptor that a child finds its supervisor at. */
enum { CHILD_SOCKET_FD = 3 };

/* Ends the process with a sentence on stderr when it is not started by a supervisor or the start
 * goes wrong: a child without its supervisor has nothing to do. */
void child_start(struct child *child, enum role role);
void child_ready(struct child *child);

/* Sends a heartbeat when one is due (each second). `progress` is any number that work moves. */
void child_heartbeat(struct child *child, uint64_t progress);

/* Takes one message. ERROR_AGAIN: none. `stop`, and a supervisor that is gone, end the process in
 * good order (exit code 0): `at_exit` hooks run. */
RESULT child_receive(struct child *child, struct message *ret_message);
RESULT child_send(struct child *child, const struct message *message);
