// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Reads the alert log for a client: the last lines and, when asked to, what comes after them. It
 * reads the file and not the ring, so that a client that is slow or comes late misses nothing that
 * is on file, rotation included.
 */
#include "agent/control/line_queue.h"
#include "agent/log_file.h"

enum alert_tail_state {
    ALERT_TAIL_MORE,    /* there is more, when the queue has room */
    ALERT_TAIL_WAITING, /* everything was told; more will come */
    ALERT_TAIL_END,
    ALERT_TAIL_FAILED,
};

struct alert_tail;
/* Borrows both. NULL: out of memory. */
struct alert_tail *alert_tail_new(int folder, const struct log_file *log, uint64_t last,
                                  bool follow);
void alert_tail_free(struct alert_tail *tail); /* NULL is allowed */

/* Adds {"alert": <line>} for each line. */
enum alert_tail_state alert_tail_fill(struct alert_tail *tail, struct line_queue *queue,
                                      struct explanation *why);
