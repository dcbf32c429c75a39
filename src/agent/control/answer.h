// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The answer to one request, made piece by piece as its client takes it: control holds no whole
 * answer in memory.
 */
#include "agent/control/health.h"
#include "agent/control/line_queue.h"
#include "agent/control/request.h"
#include "agent/control/rule_hits.h"
#include "agent/control/rules_watch.h"
#include "agent/log_file.h"

struct process_table;

/* Where answers come from; everything stays the caller's. */
struct answer_sources {
    const struct clock *clock;
    struct health *health;
    const struct process_table *table; /* NULL: none */
    const char *boot_id;               /* 8 hexadecimal digits, for ids of processes */
    int rules_reports[ENGINE_SLOTS];   /* of the engines; -1: none */
    const struct rules_watch *rules;
    const struct rule_hits *hits;
    const struct log_file *alerts; /* the log that alerts are read from */
    int log_folder;
};

enum answer_state {
    ANSWER_MORE,    /* there is more at once, when the queue has room */
    ANSWER_WAITING, /* what comes next has not happened yet */
    ANSWER_DONE,
};

struct answer;

RESULT answer_new(const struct answer_sources *sources, const struct request *request,
                  struct answer **ret_answer);
void answer_free(struct answer *answer); /* NULL is allowed */

/* Adds lines while the queue wants them. */
enum answer_state answer_fill(struct answer *answer, struct line_queue *queue);
