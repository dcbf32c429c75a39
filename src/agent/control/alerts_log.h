// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From the alert ring into alerts.jsonl. Each alert becomes exactly one line, or is counted in the
 * line of a group, or in a loss counter; also over the death of this process at any moment:
 *
 * - a record is taken from the ring only when its line is written; until then it stays in flight
 *   and is tried again each second (disk full, read-only, failing);
 * - whoever comes after a death reads the same record again and knows its id from the log's tail;
 * - alerts that a dead predecessor had counted in groups it could not write are told from two
 *   counters that outlive it, and said in a line of their own.
 */
#include "agent/control/alert_json.h"
#include "agent/control/flood.h"
#include "agent/control/rule_hits.h"
#include "agent/log_file.h"
#include "agent/role.h"
#include "ring/ring.h"

/* Whether an alert of this engine about this event counts; else the engine only watches. */
typedef bool alerts_log_counts(void *context, unsigned slot, uint64_t sequence);

struct alerts_log_options {
    struct ring_reader *readers[ENGINE_SLOTS]; /* of alert rings; stay the caller's; NULL: none */
    alerts_log_counts *counts; /* NULL: all do */
    void *context;             /* of `counts` */
    struct log_file *file;      /* stays the caller's */
    const struct clock *clock;
    const struct process_table *table; /* NULL: no ancestors */
    const struct alert_host *host;     /* stays the caller's */
    struct rule_hits *hits;            /* counts them; stays the caller's */
    struct flood_limits limits;
};

struct alerts_log;

/* Reads the ids of the log's tail. NULL: out of memory. */
struct alerts_log *alerts_log_new(const struct alerts_log_options *options);
void alerts_log_free(struct alerts_log *log); /* NULL is allowed */
void alerts_log_set_limits(struct alerts_log *log, struct flood_limits limits);

/* Takes what is there, at most `budget` records. True: there is more to do at once. */
bool alerts_log_work(struct alerts_log *log, unsigned budget);
/* Writes all groups, due or not: before the end. What cannot be written is told by the next. */
void alerts_log_finish(struct alerts_log *log);

struct alerts_log_state {
    struct result written; /* of the last attempt */
    uint64_t failing_since_wall_ns; /* 0: not failing */
    uint64_t waiting_bytes; /* in the ring, the one in flight included */
    uint64_t grouped;       /* alerts in groups not yet written */
};
struct alerts_log_state alerts_log_state(const struct alerts_log *log);
