// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What creance-updater and creance-link say to each other, over a socket that the supervisor made
 * for the two. The updater asks for one file at a time, by place and name; the link answers that
 * the bytes are in `incoming/arrival`, or why not. Fixed sizes; whatever else comes is passed over
 * and counted. The bytes themselves are believed by nobody: the updater copies them before it
 * looks.
 */
#include "base/limits.h"
#include "base/result.h"

#include <stdint.h>

enum line_place { LINE_METADATA, LINE_TARGETS, LINE_HALTS, LINE_LOG, LINE_PLACE_COUNT };

enum line_verdict {
    LINE_THERE,
    LINE_ABSENT,   /* the server says that there is no such file */
    LINE_FAILED,   /* no network, a server that fails, or asks to be left alone for `retry_s` */
    LINE_TOO_LONG, /* more bytes than were asked for */
    LINE_VERDICT_COUNT
};

enum { LINE_NAME_BYTES = 320, LINE_RETRY_MAX_S = 24 * 60 * 60 };

struct line_request {
    uint32_t id; /* comes back in the answer, so that an old one is known as such */
    enum line_place place;
    uint64_t bytes_max; /* 1 .. LIMIT_BUNDLE_BYTES */
    char name[LINE_NAME_BYTES];
};

struct line_answer {
    uint32_t id;
    enum line_verdict verdict;
    uint32_t status;  /* of HTTP; 0: there was none */
    uint32_t retry_s; /* how long the server asked to be left alone, at most LINE_RETRY_MAX_S */
    uint64_t size;    /* where THERE; at most bytes_max */
};

/* Letters, digits, "._~%-" and single slashes within, no part that begins with a dot. */
bool line_is_name(const char *name);

/* ERROR_AGAIN: the other one's queue is full; ERROR_FORMAT: it may not be said. */
RESULT line_ask(int socket, const struct line_request *request);
RESULT line_answer(int socket, const struct line_answer *answer);

/* ERROR_AGAIN: nothing there. ERROR_FORMAT: something that may not be said, and is gone now. */
RESULT line_take_request(int socket, struct line_request *ret_request);
RESULT line_take_answer(int socket, struct line_answer *ret_answer);

/* The same from bytes, for the fuzzer. */
RESULT line_decode_request(const void *data, size_t size, struct line_request *ret_request);
RESULT line_decode_answer(const void *data, size_t size, struct line_answer *ret_answer);
