// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A witness on HTTP (C2SP tlog-witness, "HTTP Interface"), over libmicrohttpd, in one thread, so
 * that requests are answered one after another. Both prefixes are the root: POST /add-checkpoint,
 * GET /<origin hash>/checkpoint. TLS is for a server in front of it.
 *
 * At most WITNESS_CONNECTIONS at once; a request is at most LIMIT_PROOF_FILE_BYTES long and must be
 * there within WITNESS_REQUEST_S seconds.
 */
#include "base/clock.h"
#include "update/log/witness.h"

enum { WITNESS_CONNECTIONS = 64, WITNESS_IDLE_S = 10, WITNESS_REQUEST_S = 20 };

struct witness_server;

/* Called for each answer, for people to read. */
typedef void witness_said(void *context, const char *request,
                          const struct witness_answer *answer);

/* Listens on `address` ("127.0.0.1:7380", "[::1]:0"; port 0: a free one). The witness and the clock
 * must stay. ERROR_FORMAT: no such address; ERROR_SYSTEM, with `why`. */
RESULT witness_server_open(const char *address, const struct witness *witness,
                           const struct clock *clock, witness_said *said, void *said_context,
                           struct witness_server **ret_server, struct explanation *why);
void witness_server_close(struct witness_server *server); /* NULL is allowed */

unsigned witness_server_port(const struct witness_server *server);

/* Serves what there is, waiting for at most `wait_ms`. */
RESULT witness_server_turn(struct witness_server *server, int wait_ms, struct explanation *why);
