// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What an engine says through the alert ring. These are bytes from a process that reads content, so
 * control reads them with the bounded reader and believes nothing else.
 */
#include "base/reader.h"

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
    uint64_t count;          /* matches that it stands for; over 1: of a flood (alert_limit.h), the
                                event is the last one's */
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
