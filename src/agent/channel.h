// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Typed messages between the supervisor and a child over a SOCK_SEQPACKET socket. Made from
 * messages.def: a message has the size of its row to the byte, comes from a sender that may send
 * it, in a phase in which it may come, with a descriptor exactly where one belongs; anything else
 * is ERROR_FORMAT or ERROR_STATE and the receiver treats the sender as broken.
 * (Models: the monitor table of OpenSSH, m_get/m_end of OpenSMTPD.)
 */
#include "agent/role.h"
#include "base/limits.h"
#include "base/result.h"

#include <stdint.h>

enum { MESSAGE_TEXT_BYTES = LIMIT_PROBE_REASON_BYTES };

enum message_type {
#define MESSAGE(id, ...) MESSAGE_##id,
#include "agent/messages.def"
    MESSAGE_COUNT
};

#define MESSAGE_U32(name) uint32_t name;
#define MESSAGE_U64(name) uint64_t name;
#define MESSAGE_TEXT(name) char name[MESSAGE_TEXT_BYTES];
#define MESSAGE(id, senders, phases, descriptor, fields) \
    struct message_##id {                                \
        uint8_t reserved; /* C has no empty structs */   \
        fields                                           \
    };
#include "agent/messages.def"

struct message {
    enum message_type type;
    int fd; /* -1 where none belongs; a received one is the receiver's to close */
    union {
#define MESSAGE(id, ...) struct message_##id id;
#include "agent/messages.def"
    };
};

enum channel_phase { PHASE_STARTING, PHASE_RUNNING };

const char *message_name(enum message_type type);

/* Sends without waiting; a descriptor is copied, the sender keeps its own. ERROR_AGAIN when the
 * receiver's queue is full, ERROR_CLOSED when it is gone. */
RESULT channel_send(int socket, const struct message *message);

/* Receives one message from `sender`, which is in `phase`, without waiting. ERROR_AGAIN: none
 * there. ERROR_CLOSED: the sender is gone. ERROR_FORMAT, ERROR_STATE: see above; nothing stays
 * open. */
RESULT channel_receive(int socket, enum role sender, enum channel_phase phase,
                       struct message *ret_message);
