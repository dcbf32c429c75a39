// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What one host says about one release, signed by the host's own key (roster.h says whose that is).
 * Fixed size, fixed offsets, numbers little-endian:
 *
 *      0   8  "CRERPRT1"
 *      8  16  id of the host
 *     24  32  SHA-256 of the release's bytes
 *     56   4  ring in which the host has the release
 *     60   4  which numbers it has: bits 1 << metric (metrics.def)
 *     64   8  when it took the release up, in seconds since 1970 by its own clock
 *     72   8  when it made this report
 *     80   4  seconds for which the release ran, by a clock that nobody sets
 *     84   4  windows that the report covers; at least 1
 *     88   4  seconds of one window; at least 1
 *     92   4  0
 *     96      16 times 4: the numbers, each of its worst window; 0 where there is none
 *    160  64  Ed25519 signature
 *
 * Signed are the 32 bytes REPORT_DOMAIN and the first 160 of the report. There is one way to write
 * a report and every other is refused. Its times are for people: nothing is decided by a clock that
 * a host can be wrong about. Pure.
 */
#include "base/reader.h"
#include "rollout/metrics.h"

enum {
    REPORT_HOST_BYTES = 16,
    REPORT_DIGEST_BYTES = 32,
    REPORT_METRICS_MAX = 16,
    REPORT_BODY_BYTES = 160,
    REPORT_SIGNATURE_BYTES = 64,
    REPORT_BYTES = REPORT_BODY_BYTES + REPORT_SIGNATURE_BYTES,
    REPORT_MESSAGE_BYTES = 32 + REPORT_BODY_BYTES,
};

#define REPORT_DOMAIN "creance health report, form 1."

struct host_id {
    uint8_t bytes[REPORT_HOST_BYTES];
};

struct report {
    struct host_id host;
    uint8_t release[REPORT_DIGEST_BYTES];
    uint32_t ring;
    uint64_t since_s, until_s;
    uint32_t ran_s;
    uint32_t windows, window_s;
    struct metric_report numbers;
};

/* What the host signs. ERROR_FORMAT, with `why`, for facts that no report can state. */
RESULT report_message(const struct report *report, uint8_t out[REPORT_MESSAGE_BYTES],
                      struct explanation *why);
RESULT report_encode(const struct report *report, const uint8_t signature[REPORT_SIGNATURE_BYTES],
                     uint8_t out[REPORT_BYTES], struct explanation *why);

/* Reads it and verifies nothing; `ret_signature` may be NULL. ERROR_FORMAT, with `why`. */
RESULT report_decode(const void *data, size_t size, struct report *ret_report,
                     uint8_t ret_signature[REPORT_SIGNATURE_BYTES], struct explanation *why);

/* The same, and `key` signed it: else ERROR_FORMAT, with `why`. */
RESULT report_check(const void *data, size_t size, const uint8_t *key, struct report *ret_report,
                    struct explanation *why);
