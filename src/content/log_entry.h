// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the readers of log formats have in common: each takes the next event of a log apart.
 */
#include "content/log_fields.h"
#include "content/recording.h"

/* Where an event stands: of text the line on which it begins, of an event log its position in it;
 * both from 0. */
struct log_entry {
    uint64_t number;
    bool is_unreadable; /* it was passed over, `why` says what is wrong; go on with the next */
};

/* A reader's next(): RESULT_OK with an entry, whose fields are in `fields` unless it is unreadable;
 * ERROR_NOT_FOUND at the end; anything else, with `why`, ends the log. */

/* An entry that cannot be read, for `return`. */
static inline struct result log_entry_unreadable(struct log_entry *entry, uint64_t number)
{
    *entry = (struct log_entry){number, true};
    return RESULT_OK;
}
