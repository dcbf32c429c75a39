// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Lines that wait to be sent to one client, with a limit: whoever reads slowly costs this much and
 * no more.
 */
#include "agent/control/event_json.h"
#include "base/limits.h"
#include "base/result.h"

enum {
    LINE_QUEUE_BYTES = 1 * MIB,
    LINE_QUEUE_FILL_BYTES = 128 * KIB, /* whoever can make lines as needed stops here */
};

struct line_queue {
    char *data;
    size_t at, size; /* data[at .. size) waits */
    size_t capacity;
};

void line_queue_free(struct line_queue *queue);
static inline size_t line_queue_waiting(const struct line_queue *queue)
{
    return queue->size - queue->at;
}
static inline bool line_queue_wants(const struct line_queue *queue)
{
    return line_queue_waiting(queue) < LINE_QUEUE_FILL_BYTES;
}

/* Whole or not at all: ERROR_LIMIT when it does not fit, ERROR_MEMORY. */
RESULT line_queue_add(struct line_queue *queue, const char *line, size_t size);
/* {"<name>": <value>}; takes the value over. NULL counts as ERROR_MEMORY. */
RESULT line_queue_add_json(struct line_queue *queue, const char *name, json_t *value);
/* Sends what the socket takes. ERROR_CLOSED: the other side is gone. */
RESULT line_queue_send(struct line_queue *queue, int socket);
