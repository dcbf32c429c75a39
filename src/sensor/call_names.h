// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The names of rare system calls and of what they are asked for, as the manual pages have them. */
#include "base/reader.h"

enum { CALL_REQUEST_BYTES = 256, CAPABILITIES_BYTES = 1024 };

/* "ptrace", ... of an enum wire_call_name; NULL where there is none. */
const char *call_name(uint32_t call);

/* Writes what a call was asked for ("PTRACE_ATTACH", "MS_BIND MS_REC") and returns the length; 0
 * where there is nothing to say. Flags that have no name here are told together as one number.
 * `type` is that of struct wire_call. */
size_t call_request_text(uint32_t call, uint64_t request, struct bytes type,
                         char out[CALL_REQUEST_BYTES]);

/* The names of a set of capabilities, separated by spaces; returns the length. */
size_t capabilities_text(uint64_t set, char out[CAPABILITIES_BYTES]);
