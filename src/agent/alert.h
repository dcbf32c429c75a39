// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What an engine says: alerts, through the alert ring, and what became of each rule, through the
 * rules report. Both are bytes from a process that reads content, so control reads them with the
 * bounded reader and believes nothing else.
 */
#include "base/reader.h"
#include "engine/engine.h"

enum {
    ALERT_ID_BYTES = 33, /* 32 hexadecimal digits and the end */
    ALERT_TEXT_BYTES = 1024,
};

/* One match. Views point into the record or into the engine's rule. */
struct alert {
    uint8_t rule_digest[32];
    uint64_t epoch;          /* of the event ring: (epoch, sequence) is the event's id */
    uint64_t sequence;
    bool is_incomplete;      /* the step budget ended the evaluation */
    struct bytes rule_id;
    struct bytes rule_title;
    struct bytes rule_level;
    struct bytes rule_file;
    struct bytes rule_tags;  /* joined by commas */
    struct bytes event;      /* its encoding (schema/event.h); empty where it did not fit */
};

RESULT alert_encode(const struct alert *alert, struct writer *writer);
RESULT alert_decode(const void *data, size_t size, struct alert *ret_alert);

/* The id of an alert: from rule digest and event id, so that an engine that judges an event again
 * makes the same one. The first 16 bytes of SHA-256(digest | epoch | sequence), in hexadecimal. */
void alert_id(const struct alert *alert, char out[ALERT_ID_BYTES]);

/* --- the rules report -------------------------------------------------------------------------- */

/* Shared memory of this size; pages are touched only as far as they are used. */
enum { RULES_REPORT_BYTES = 32 * 1024 * 1024 };

struct rule_report_row {
    uint8_t digest[32];
    uint8_t state; /* enum engine_rule_state */
    uint32_t line;
    struct bytes file, id, title, level, tags, reason;
};

RESULT rules_report_create(int *ret_fd);
/* Writes all rows; called by the engine before it says rules_loaded. Rows that do not fit are left
 * out and the count of the rows left out is kept in the report. */
RESULT rules_report_write(int fd, uint64_t generation, const struct engine *engine);

/* Reads the report of `generation`: calls `visit` for each row. ERROR_AGAIN: it holds another
 * generation. ERROR_FORMAT: it makes no sense. */
typedef void rule_report_visitor(void *context, const struct rule_report_row *row);
RESULT rules_report_read(int fd, uint64_t generation, rule_report_visitor *visit, void *context,
                         uint32_t *ret_left_out);
