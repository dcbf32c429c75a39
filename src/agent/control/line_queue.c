// SPDX-License-Identifier: Apache-2.0
#include "agent/control/line_queue.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void line_queue_free(struct line_queue *queue)
{
    free(queue->data);
    *queue = (struct line_queue){0};
}

static RESULT make_room(struct line_queue *queue, size_t size)
{
    size_t waiting = line_queue_waiting(queue);
    if (size > LINE_QUEUE_BYTES || waiting > LINE_QUEUE_BYTES - size)
        return result_fail(ERROR_LIMIT);
    if (queue->at > 0 && queue->capacity - queue->size < size) {
        memmove(queue->data, queue->data + queue->at, waiting);
        queue->at = 0;
        queue->size = waiting;
    }
    if (queue->capacity - queue->size >= size)
        return RESULT_OK;
    size_t capacity = queue->capacity == 0 ? 4096 : queue->capacity;
    while (capacity - queue->size < size)
        capacity *= 2;
    char *data = realloc(queue->data, capacity);
    if (data == NULL)
        return result_fail(ERROR_MEMORY);
    queue->data = data;
    queue->capacity = capacity;
    return RESULT_OK;
}

RESULT line_queue_add(struct line_queue *queue, const char *line, size_t size)
{
    GUARD(make_room(queue, size));
    bytes_copy(queue->data + queue->size, queue->capacity - queue->size, line, size);
    queue->size += size;
    return RESULT_OK;
}

RESULT line_queue_add_json(struct line_queue *queue, const char *name, json_t *value)
{
    json_t *object = value == NULL ? NULL : json_object();
    if (object == NULL || !json_put(object, name, value)) {
        json_decref(object);
        return result_fail(ERROR_MEMORY);
    }
    size_t size = 0;
    char *line = json_line(object, &size);
    json_decref(object);
    if (line == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = line_queue_add(queue, line, size);
    free(line);
    return result;
}

RESULT line_queue_send(struct line_queue *queue, int socket)
{
    while (queue->at < queue->size) {
        ssize_t sent = send(socket, queue->data + queue->at, queue->size - queue->at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return RESULT_OK;
        if (sent < 0)
            return result_fail(ERROR_CLOSED);
        queue->at += (size_t)sent;
    }
    queue->at = 0;
    queue->size = 0;
    return RESULT_OK;
}
