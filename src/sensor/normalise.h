// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One kernel record (sensor/wire.h) becomes one event (schema/event.h), and the process table
 * learns from it. No I/O: what comes in is a record, the table, the names of users and two numbers.
 *
 * - Records are checked as outside bytes are: any bytes are either understood or ERROR_FORMAT.
 * - A process's parent is the one that made it: where it was seen to be forked, a later
 *   adoption by init does not change that. Ancestry would end at every daemon otherwise.
 * - Arguments are joined by single spaces and not quoted, as rules expect them.
 * - Paths are made absolute by their text. One whose beginning the kernel's side could not keep
 *   has no leading slash, so that no rule takes its rest for the whole.
 * - What is missing is flagged in event.incomplete and counted.
 */
#include "schema/event.h"
#include "sensor/process_table.h"
#include "sensor/users.h"

struct normaliser;

enum { BOOT_ID_DIGITS = 8 };

/* `boot_id`: the first 8 hex digits of this boot's id. Table and users must outlive it. */
RESULT normaliser_new(struct process_table *table, const struct users *users, const char *boot_id,
                      struct normaliser **ret_normaliser);
void normaliser_free(struct normaliser *normaliser); /* NULL is allowed */

/* Wall clock minus boot clock, to be measured again from time to time. */
void normaliser_set_wall_offset(struct normaliser *normaliser, uint64_t offset_ns);

/*
 * Reads one record of the ring. The event's texts point into the record, the table and the
 * normaliser's own buffers: encode it before the next call. May be called again with the same
 * record (a successor repeats what its predecessor did not finish): the outcome is the same.
 * ERROR_FORMAT: not understood; the table is unchanged.
 */
RESULT normalise(struct normaliser *normaliser, struct bytes record, struct event *out);

/* Puts a snapshot record (WIRE_SNAPSHOT) into the table, unless the process is there already.
 * `ret_key` names the process. */
RESULT normalise_snapshot(struct normaliser *normaliser, struct bytes record,
                          struct process_key *ret_key, bool *ret_is_new);

/* The process_running event of a process in the table. */
void normalise_running(struct normaliser *normaliser, const struct process_info *info,
                       struct event *out);

/* An event about `count` losses; `name` must outlive the event. */
void normalise_loss(const struct normaliser *normaliser, const char *name, uint64_t count,
                    uint64_t boottime_ns, struct event *out);
