// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Windows event logs (EVTX, version 3), read chunk by chunk, so that neither their size nor a pipe
 * matters. Specification: libyal, "Windows XML Event Log (EVTX) format". Each chunk stands for
 * itself: what is broken in one costs its own records, which are counted by what the chunk's header
 * says. The file's header is not asked what chunks there are: in a log that was copied while
 * Windows wrote to it, it is out of date. Records that Windows has overwritten in part are not
 * looked for.
 */
#include "content/log_entry.h"

struct log_evtx;

/* `recording` was just opened and stays the caller's. Fails, with `why`, where that is no event log
 * of a version that is known, or reading fails. */
RESULT log_evtx_new(struct recording *recording, const char *name, struct log_evtx **ret_evtx,
                    struct explanation *why);
void log_evtx_free(struct log_evtx *evtx); /* NULL is allowed */

RESULT log_evtx_next(struct log_evtx *evtx, struct log_fields *fields, struct log_entry *ret_entry,
                     struct explanation *why);

bool log_evtx_recognise(struct bytes start);
