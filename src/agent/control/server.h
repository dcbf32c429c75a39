// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The control socket: takes requests, sends answers, never waits for anybody. Who reads slowly
 * gets its answer slowly, or, of a stream of events, less of it, and is told how much less.
 */
#include "agent/control/answer.h"

#include <poll.h>

enum { SERVER_POLLS_MAX = LIMIT_CONTROL_CLIENTS + 1 };

struct server;

/* `listener` stays the caller's. NULL: out of memory. */
struct server *server_new(int listener, const struct answer_sources *sources);
/* Closes all connections. NULL is allowed. */
void server_free(struct server *server);

/* What to wait for; returns how many. `polls` has room for SERVER_POLLS_MAX. */
size_t server_polls(const struct server *server, struct pollfd *polls);
/* Takes and sends what it can. True: there is more to do at once. */
bool server_work(struct server *server);

/* How many clients want events; none: nobody needs to read the ring. */
size_t server_event_clients(const struct server *server);
/* The ring is being read: what happens from now on will be offered. Tells new clients so. */
void server_begin_events(struct server *server);
void server_offer_event(struct server *server, const struct event *event);
/* Events that the ring lost before they could be offered. */
void server_offer_lost(struct server *server, uint64_t count);
