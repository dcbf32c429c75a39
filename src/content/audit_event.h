// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The records of one audit event as fields; see log_audit.h for their names.
 */
#include "content/log_fields.h"

/* `lines` are its records, each ended by a newline; values may be views of them. ERROR_LIMIT,
 * ERROR_MEMORY. */
RESULT audit_event_read(struct bytes lines, struct log_fields *fields);
