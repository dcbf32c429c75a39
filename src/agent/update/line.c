// SPDX-License-Identifier: Apache-2.0
#include "agent/update/line.h"

#include "base/bytes.h"
#include "base/reader.h"

#include <string.h>
#include <sys/socket.h>

enum { REQUEST_BYTES = 4 + 4 + 8 + LINE_NAME_BYTES, ANSWER_BYTES = 4 * 4 + 8 };

bool line_is_name(const char *name)
{
    static const char ALLOWED[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~%-/";
    if (*name == '\0' || strspn(name, ALLOWED) != strlen(name))
        return false;
    for (const char *part = name; part != NULL;) {
        if (*part == '\0' || *part == '/' || *part == '.')
            return false;
        part = strchr(part, '/');
        part = part != NULL ? part + 1 : NULL;
    }
    return true;
}

static bool is_request(const struct line_request *request)
{
    return (unsigned)request->place < LINE_PLACE_COUNT && request->bytes_max > 0
           && request->bytes_max <= LIMIT_BUNDLE_BYTES
           && request->name[LINE_NAME_BYTES - 1] == '\0' && line_is_name(request->name);
}

RESULT line_decode_request(const void *data, size_t size, struct line_request *ret_request)
{
    struct reader reader = reader_of(data, size);
    struct line_request request = {0};
    uint32_t place;
    GUARD(reader_u32(&reader, &request.id));
    GUARD(reader_u32(&reader, &place));
    GUARD(reader_u64(&reader, &request.bytes_max));
    GUARD(reader_copy(&reader, request.name, sizeof request.name));
    GUARD(reader_end(&reader));
    request.place = (enum line_place)place;
    if (!is_request(&request))
        return result_fail(ERROR_FORMAT);
    *ret_request = request;
    return RESULT_OK;
}

RESULT line_decode_answer(const void *data, size_t size, struct line_answer *ret_answer)
{
    struct reader reader = reader_of(data, size);
    struct line_answer answer = {0};
    uint32_t verdict;
    GUARD(reader_u32(&reader, &answer.id));
    GUARD(reader_u32(&reader, &verdict));
    GUARD(reader_u32(&reader, &answer.status));
    GUARD(reader_u32(&reader, &answer.retry_s));
    GUARD(reader_u64(&reader, &answer.size));
    GUARD(reader_end(&reader));
    if (verdict >= LINE_VERDICT_COUNT || answer.retry_s > LINE_RETRY_MAX_S
        || answer.size > LIMIT_BUNDLE_BYTES)
        return result_fail(ERROR_FORMAT);
    answer.verdict = (enum line_verdict)verdict;
    *ret_answer = answer;
    return RESULT_OK;
}

static RESULT put(int socket, const void *data, size_t size)
{
    if (send(socket, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return RESULT_OK;
    return errno == EAGAIN || errno == EWOULDBLOCK ? result_fail(ERROR_AGAIN)
                                                   : result_from_errno();
}

RESULT line_ask(int socket, const struct line_request *request)
{
    uint8_t data[REQUEST_BYTES];
    struct writer writer = writer_of(data, sizeof data);
    if (!is_request(request))
        return result_fail(ERROR_FORMAT);
    GUARD(writer_u32(&writer, request->id));
    GUARD(writer_u32(&writer, (uint32_t)request->place));
    GUARD(writer_u64(&writer, request->bytes_max));
    GUARD(writer_copy(&writer, request->name, sizeof request->name));
    return put(socket, data, writer.at);
}

RESULT line_answer(int socket, const struct line_answer *answer)
{
    uint8_t data[ANSWER_BYTES];
    struct writer writer = writer_of(data, sizeof data);
    GUARD(writer_u32(&writer, answer->id));
    GUARD(writer_u32(&writer, (uint32_t)answer->verdict));
    GUARD(writer_u32(&writer, answer->status));
    GUARD(writer_u32(&writer, answer->retry_s));
    GUARD(writer_u64(&writer, answer->size));
    return put(socket, data, writer.at);
}

/* MSG_TRUNC: the size that it had, so that one that is too long is known. */
static RESULT take(int socket, void *out, size_t capacity, size_t *ret_size)
{
    ssize_t size = recv(socket, out, capacity, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? result_fail(ERROR_AGAIN) : result_from_errno();
    if (size == 0)
        return result_fail(ERROR_CLOSED);
    *ret_size = (size_t)size;
    return (size_t)size <= capacity ? RESULT_OK : result_fail(ERROR_FORMAT);
}

RESULT line_take_request(int socket, struct line_request *ret_request)
{
    uint8_t data[REQUEST_BYTES];
    size_t size = 0;
    GUARD(take(socket, data, sizeof data, &size));
    return line_decode_request(data, size, ret_request);
}

RESULT line_take_answer(int socket, struct line_answer *ret_answer)
{
    uint8_t data[ANSWER_BYTES];
    size_t size = 0;
    GUARD(take(socket, data, sizeof data, &size));
    return line_decode_answer(data, size, ret_answer);
}
