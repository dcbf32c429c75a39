// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a client of the control socket asks: one JSON object on one line.
 *
 *   {"verb": "status"}
 *   {"verb": "events", "kinds": ["file_create"], "form": "ecs",
 *    "where": [{"field": "Image", "value": "nc*"}]}    text may hold * for any bytes
 *   {"verb": "alerts", "last": 10, "follow": true}
 *   {"verb": "ps"}
 *   {"verb": "rules"}
 *   {"verb": "updates"}
 *
 * Answers are JSON objects, one a line: {"status": {...}}, {"event": {...}}, {"alert": {...}},
 * {"process": {...}}, {"rule": {...}}, {"release": {...}}; {"start": true} when a stream has begun:
 * what happens from then on is in it; {"lost": N} where the client was too slow for N events;
 * {"end": true} after the last one of an answer that ends; {"error": "sentence"} and then the end.
 */
#include "agent/control/event_json.h"

enum request_verb {
    REQUEST_STATUS,
    REQUEST_EVENTS,
    REQUEST_ALERTS,
    REQUEST_PS,
    REQUEST_RULES,
    REQUEST_UPDATES,
    REQUEST_VERB_COUNT
};

enum {
    REQUEST_FILTERS_MAX = 16,
    REQUEST_VALUE_BYTES = 1024,
    REQUEST_LAST_MAX = 100000,
};

/* A field and the text that it must have; numbers and flags are compared as written. */
struct request_filter {
    enum event_field field;
    char value[REQUEST_VALUE_BYTES];
    size_t size;
};

struct request {
    enum request_verb verb;
    uint32_t kinds; /* bit EVENT_x is set for each kind wanted */
    enum event_form form;
    size_t filter_count;
    struct request_filter filters[REQUEST_FILTERS_MAX];
    uint64_t last;
    bool follow;
};

/* `text` is the line without its newline. ERROR_FORMAT or ERROR_LIMIT, with `why`. */
RESULT request_parse(const char *text, size_t size, struct request *ret_request,
                     struct explanation *why);

/* Whether an events request wants this event. */
bool request_matches(const struct request *request, const struct event *event);

/* Whether `text` has the form of `pattern`, in which * stands for any bytes. Linear in practice:
 * each * is placed once. */
bool request_text_matches(const char *pattern, size_t pattern_size, const void *text, size_t size);
