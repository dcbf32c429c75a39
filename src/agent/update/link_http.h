// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One file over HTTP into an open file, over libcurl: no redirects, no cookies, no credentials,
 * never more bytes than were asked for, no waiting for a server that does not send. Unlike
 * update/log/fetch.h it calls back while it waits, so that its process stays alive for its
 * supervisor, and takes files of any size.
 */
#include "agent/update/line.h"
#include "base/reader.h"

struct link_http;

/* `authorities`: certificates in PEM that the server's must lead to; size 0: the system's own. Must
 * outlive the result. `wait` is called at least each second while a transfer lasts. */
RESULT link_http_new(struct bytes authorities, void (*wait)(void *context), void *context,
                     struct link_http **ret_http, struct explanation *why);
void link_http_free(struct link_http *http); /* NULL is allowed */

/* Fills verdict, status, retry_s and size of *answer; `why` says what is wrong where it is not
 * THERE. What is in the file is only of worth where it is. */
void link_http_get(struct link_http *http, const char *address, int file, uint64_t bytes_max,
                   struct line_answer *answer, struct explanation *why);
