// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The binary XML of event logs. Specification: MS-EVEN6, 2.2.12 to 2.2.17 (tokens, types), and for
 * what stands in files only (names and templates by their offset in the chunk), libyal's "Windows
 * XML Event Log (EVTX) format".
 *
 * Values are written as Windows writes them in XML: numbers in decimal or, where their type says
 * so, as 0x1f; GUIDs in braces; times as 2026-11-25T02:03:04.0000000Z. Text becomes UTF-8.
 */
#include "content/log_element.h"

/* One event: the bytes from `start` to `end` of `chunk`, into `builder`. Everything that it refers
 * to lies in the chunk. ERROR_FORMAT, ERROR_UNSUPPORTED for tokens that the specification does not
 * know, ERROR_LIMIT over LIMIT_EVTX_STEPS or one of the fields' limits, ERROR_MEMORY over
 * LIMIT_LOG_EVENT_BYTES: then only this event is lost. */
RESULT log_binary_xml_read(struct bytes chunk, size_t start, size_t end,
                           struct log_element *builder);
