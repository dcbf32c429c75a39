// SPDX-License-Identifier: Apache-2.0
#include "agent/channel.h"

#include "base/limits.h"
#include "base/reader.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One row of messages.def, for the checks. */
struct message_row {
    const char *name;
    unsigned senders; /* bit ROLE_x */
    unsigned phases;  /* bit PHASE_x */
    bool has_descriptor;
};

#define FROM_SUPERVISOR (1u << ROLE_supervisor)
#define FROM_LOADER (1u << ROLE_loader | 1u << ROLE_probes)
#define FROM_CONTROL (1u << ROLE_control)
#define FROM_ENGINE (1u << ROLE_engine | 1u << ROLE_engine_b)
#define FROM_UPDATER (1u << ROLE_updater)
#define FROM_TICKET (1u << ROLE_ticket)
#define FROM_TRIAL (1u << ROLE_trial)
#define FROM_CHILD (((1u << ROLE_COUNT) - 1) & ~FROM_SUPERVISOR)
#define STARTING (1u << PHASE_STARTING)
#define RUNNING (1u << PHASE_RUNNING)

static const struct message_row ROWS[MESSAGE_COUNT] = {
#define MESSAGE(id, senders, phases, descriptor, fields) \
    [MESSAGE_##id] = {#id, senders, phases, descriptor},
#include "agent/messages.def"
};

const char *message_name(enum message_type type)
{
    return (unsigned)type < MESSAGE_COUNT ? ROWS[type].name : "unknown message";
}

/* Encoders and decoders of the bodies, one of each per row. */
#define MESSAGE_U32(name) GUARD(writer_u32(writer, body->name));
#define MESSAGE_U64(name) GUARD(writer_u64(writer, body->name));
#define MESSAGE_TEXT(name) GUARD(writer_copy(writer, body->name, MESSAGE_TEXT_BYTES));
#define MESSAGE(id, senders, phases, descriptor, fields)                               \
    static RESULT encode_##id(const struct message_##id *body, struct writer *writer)  \
    {                                                                                  \
        (void)body;                                                                    \
        (void)writer;                                                                  \
        fields return RESULT_OK;                                                       \
    }
#include "agent/messages.def"

/* A text that does not end within its bytes is none. */
static RESULT decode_text(struct reader *reader, char *text)
{
    GUARD(reader_copy(reader, text, MESSAGE_TEXT_BYTES));
    return memchr(text, '\0', MESSAGE_TEXT_BYTES) != NULL ? RESULT_OK : result_fail(ERROR_FORMAT);
}

#define MESSAGE_U32(name) GUARD(reader_u32(reader, &body->name));
#define MESSAGE_U64(name) GUARD(reader_u64(reader, &body->name));
#define MESSAGE_TEXT(name) GUARD(decode_text(reader, body->name));
#define MESSAGE(id, senders, phases, descriptor, fields)                         \
    static RESULT decode_##id(struct message_##id *body, struct reader *reader)  \
    {                                                                            \
        body->reserved = 0;                                                      \
        fields return reader_end(reader);                                        \
    }
#include "agent/messages.def"

static RESULT encode(const struct message *message, struct writer *writer)
{
    GUARD(writer_u32(writer, (uint32_t)message->type));
    switch (message->type) {
#define MESSAGE(id, ...) \
    case MESSAGE_##id:   \
        return encode_##id(&message->id, writer);
#include "agent/messages.def"
    case MESSAGE_COUNT:
        break;
    }
    return result_fail(ERROR_FORMAT);
}

static RESULT decode(const void *data, size_t size, struct message *message)
{
    struct reader reader = reader_of(data, size);
    uint32_t type;
    GUARD(reader_u32(&reader, &type));
    message->type = (enum message_type)type;
    switch (type) {
#define MESSAGE(id, ...) \
    case MESSAGE_##id:   \
        return decode_##id(&message->id, &reader);
#include "agent/messages.def"
    default:
        return result_fail(ERROR_FORMAT);
    }
}

RESULT channel_send(int socket, const struct message *message)
{
    uint8_t data[LIMIT_MESSAGE_BYTES];
    struct writer writer = writer_of(data, sizeof data);
    GUARD(encode(message, &writer));

    struct iovec part = {.iov_base = data, .iov_len = writer.at};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    if (ROWS[message->type].has_descriptor) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int));
        *(int *)(void *)CMSG_DATA(rights) = message->fd;
    }
    ssize_t sent = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0)
        return RESULT_OK;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return result_fail(ERROR_AGAIN);
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return result_fail(ERROR_CLOSED);
    return result_from_errno();
}

/* Takes the descriptor out of `header`; -1 where there is none. More than one cannot arrive: there
 * is room for one only and the kernel closes the others. */
static int received_descriptor(struct msghdr *header)
{
    struct cmsghdr *rights = CMSG_FIRSTHDR(header);
    if (rights == NULL || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS
        || rights->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    return *(int *)(void *)CMSG_DATA(rights);
}

static RESULT check(const struct message *message, const struct msghdr *header, enum role sender,
                    enum channel_phase phase)
{
    if ((header->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return result_fail(ERROR_FORMAT);
    const struct message_row *row = &ROWS[message->type];
    if (row->has_descriptor != (message->fd >= 0))
        return result_fail(ERROR_FORMAT);
    bool is_permitted = (row->senders >> sender & 1) != 0 && (row->phases >> phase & 1) != 0;
    return is_permitted ? RESULT_OK : result_fail(ERROR_STATE);
}

RESULT channel_receive(int socket, enum role sender, enum channel_phase phase,
                       struct message *ret_message)
{
    uint8_t data[LIMIT_MESSAGE_BYTES];
    struct iovec part = {.iov_base = data, .iov_len = sizeof data};
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size == 0)
        return result_fail(ERROR_CLOSED);
    if (size < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return result_fail(ERROR_AGAIN);
        return errno == ECONNRESET ? result_fail(ERROR_CLOSED) : result_from_errno();
    }
    struct message message = {.fd = received_descriptor(&header)};
    struct result result = decode(data, (size_t)size, &message);
    if (result_is_ok(result))
        result = check(&message, &header, sender, phase);
    if (!result_is_ok(result)) {
        if (message.fd >= 0)
            close(message.fd);
        return result;
    }
    *ret_message = message;
    return RESULT_OK;
}
