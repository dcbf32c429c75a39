// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * HTTP as a client, over libcurl, for logs and witnesses: http and https, nothing else; no
 * redirects, no cookies, no credentials. An exchange takes at most FETCH_TOTAL_S seconds and never
 * more bytes than the caller has room for. What comes back is to be believed only for its
 * signatures.
 */
#include "base/limits.h"
#include "update/log/cosigning.h"
#include "update/log/tile.h"

enum { FETCH_CONNECT_S = 5, FETCH_TOTAL_S = 30 };

struct fetch;

RESULT fetch_open(struct fetch **ret_fetch, struct explanation *why);
void fetch_close(struct fetch *fetch); /* NULL is allowed */

/* One exchange. Any status of HTTP is RESULT_OK. ERROR_LIMIT: the answer is longer than `capacity`;
 * ERROR_UNSUPPORTED: no http or https URL; ERROR_CLOSED: anything else that went wrong, with
 * `why`. */
RESULT fetch_get(struct fetch *fetch, const char *url, void *out, size_t capacity,
                 size_t *ret_size, unsigned *ret_status, struct explanation *why);
RESULT fetch_post(struct fetch *fetch, const char *url, struct bytes body, void *out,
                  size_t capacity, size_t *ret_size, unsigned *ret_status,
                  struct explanation *why);

bool fetch_is_url(const char *text);

/* The log under a URL prefix, without a slash at its end. */
struct fetch_log {
    struct fetch *fetch;
    char prefix[LIMIT_URL_BYTES];
};
/* Stays good while `log` does. */
struct tlog_source fetch_source(struct fetch_log *log);

/* How a log reaches its witnesses. Stays good while `fetch` does. */
struct cosigning_line fetch_line(struct fetch *fetch);
