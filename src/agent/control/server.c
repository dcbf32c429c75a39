// SPDX-License-Identifier: Apache-2.0
#include "agent/control/server.h"

#include "base/counters.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_WAIT_MS = 10000, READ_BYTES = 4096 };

enum client_state { CLIENT_ASKING, CLIENT_ANSWERED, CLIENT_ENDING };

struct client {
    int socket;
    enum client_state state;
    uint64_t deadline_ns; /* ASKING: when it must have asked */
    char *asked;
    size_t asked_size;
    struct line_queue queue;
    struct answer *answer;
    struct request request; /* of an ANSWERED one */
    bool is_waiting;        /* its answer has nothing more at present */
    bool is_started;        /* of a stream: it was told so */
    uint64_t lost;          /* events that it was not told of yet */
};

struct server {
    int listener;
    struct answer_sources sources;
    struct client *clients[LIMIT_CONTROL_CLIENTS];
    size_t client_count;
};

struct server *server_new(int listener, const struct answer_sources *sources)
{
    struct server *server = calloc(1, sizeof *server);
    if (server != NULL)
        *server = (struct server){.listener = listener, .sources = *sources};
    return server;
}

static void drop(struct server *server, size_t at)
{
    struct client *client = server->clients[at];
    close(client->socket);
    free(client->asked);
    line_queue_free(&client->queue);
    answer_free(client->answer);
    free(client);
    server->clients[at] = server->clients[--server->client_count];
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    while (server->client_count > 0)
        drop(server, 0);
    free(server);
}

size_t server_polls(const struct server *server, struct pollfd *polls)
{
    polls[0] = (struct pollfd){.fd = server->listener, .events = POLLIN};
    for (size_t i = 0; i < server->client_count; i++) {
        const struct client *client = server->clients[i];
        short events = POLLIN; /* an end of the connection shows as that, too */
        if (line_queue_waiting(&client->queue) > 0)
            events |= POLLOUT;
        polls[i + 1] = (struct pollfd){.fd = client->socket, .events = events};
    }
    return server->client_count + 1;
}

/* --- connections ------------------------------------------------------------------------------ */

static void refuse(struct client *client, const char *sentence)
{
    counter_add(COUNTER_control_requests_refused, 1);
    /* Where there is no memory even for that, the closed connection says it. */
    result_ignore(line_queue_add_json(&client->queue, "error", json_foreign_text(sentence)));
    client->state = CLIENT_ENDING;
}

static void add_client(struct server *server, int socket)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL || server->client_count == LIMIT_CONTROL_CLIENTS) {
        static const char FULL[] = "{\"error\":\"too many connections to the agent at once\"}\n";
        counter_add(COUNTER_control_requests_refused, 1);
        (void)send(socket, FULL, sizeof FULL - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(socket);
        free(client);
        return;
    }
    client->socket = socket;
    client->deadline_ns = clock_boottime_ns(server->sources.clock)
                          + (uint64_t)REQUEST_WAIT_MS * NS_PER_MS;
    server->clients[server->client_count++] = client;
}

static void accept_all(struct server *server)
{
    for (unsigned i = 0; i < LIMIT_CONTROL_CLIENTS; i++) {
        int socket = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket < 0)
            return;
        add_client(server, socket);
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static void say_start(struct client *client)
{
    /* Without memory for it the client hears nothing, and says so. */
    result_ignore(line_queue_add_json(&client->queue, "start", json_true()));
    client->is_started = true;
}

static void begin_answer(struct server *server, struct client *client, size_t size)
{
    struct explanation why;
    if (!result_is_ok(request_parse(client->asked, size, &client->request, &why))) {
        refuse(client, why.text);
        return;
    }
    if (!result_is_ok(answer_new(&server->sources, &client->request, &client->answer))) {
        refuse(client, "memory is out");
        return;
    }
    counter_add(COUNTER_control_requests, 1);
    client->state = CLIENT_ANSWERED;
    if (client->request.follow)
        say_start(client);
    free(client->asked);
    client->asked = NULL;
}

/* False: the client is gone. */
static bool read_request(struct server *server, struct client *client)
{
    char *asked = realloc(client->asked, client->asked_size + READ_BYTES);
    if (asked == NULL) {
        refuse(client, "memory is out");
        return true;
    }
    client->asked = asked;
    ssize_t size = recv(client->socket, asked + client->asked_size, READ_BYTES, MSG_DONTWAIT);
    if (size < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (size == 0)
        return false;
    const char *newline = memchr(asked + client->asked_size, '\n', (size_t)size);
    client->asked_size += (size_t)size;
    if (newline != NULL)
        begin_answer(server, client, (size_t)(newline - asked));
    else if (client->asked_size > LIMIT_REQUEST_BYTES)
        refuse(client, "a request is one line of at most 64 KiB");
    return true;
}

/* Whoever asked says nothing more. False: it is gone. */
static bool is_there(const struct client *client)
{
    char byte;
    ssize_t size = recv(client->socket, &byte, 1, MSG_DONTWAIT);
    return size > 0 || (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

/* --- the work --------------------------------------------------------------------------------- */

static void tell_lost(struct client *client)
{
    if (client->lost == 0 || !line_queue_wants(&client->queue))
        return;
    if (result_is_ok(line_queue_add_json(&client->queue, "lost", json_number(client->lost))))
        client->lost = 0;
}

static void fill(struct client *client)
{
    client->is_waiting = true;
    if (client->state != CLIENT_ANSWERED || !line_queue_wants(&client->queue))
        return;
    enum answer_state state = answer_fill(client->answer, &client->queue);
    client->is_waiting = state != ANSWER_MORE;
    if (state == ANSWER_DONE)
        client->state = CLIENT_ENDING;
}

/* False: the client is to be dropped. */
static bool serve(struct server *server, struct client *client)
{
    if (client->state == CLIENT_ASKING) {
        if (!read_request(server, client))
            return false;
        if (client->state == CLIENT_ASKING)
            return clock_boottime_ns(server->sources.clock) < client->deadline_ns;
    } else if (client->state == CLIENT_ANSWERED && !is_there(client)) {
        return false;
    }
    tell_lost(client);
    fill(client);
    if (!result_is_ok(line_queue_send(&client->queue, client->socket)))
        return false;
    return client->state != CLIENT_ENDING || line_queue_waiting(&client->queue) > 0;
}

static bool wants_events(const struct client *client)
{
    return client->state == CLIENT_ANSWERED && client->request.verb == REQUEST_EVENTS;
}

static bool has_more(const struct client *client)
{
    if (wants_events(client))
        return !client->is_started; /* somebody has to open the ring for it */
    return client->state == CLIENT_ANSWERED && !client->is_waiting
           && line_queue_wants(&client->queue);
}

bool server_work(struct server *server)
{
    bool is_more = false;
    accept_all(server);
    for (size_t i = server->client_count; i > 0; i--) {
        struct client *client = server->clients[i - 1];
        if (!serve(server, client))
            drop(server, i - 1);
        else
            is_more = is_more || has_more(client);
    }
    return is_more;
}

/* --- events ----------------------------------------------------------------------------------- */

size_t server_event_clients(const struct server *server)
{
    size_t count = 0;
    for (size_t i = 0; i < server->client_count; i++)
        count += wants_events(server->clients[i]);
    return count;
}

void server_begin_events(struct server *server)
{
    for (size_t i = 0; i < server->client_count; i++) {
        if (wants_events(server->clients[i]) && !server->clients[i]->is_started)
            say_start(server->clients[i]);
    }
}

static void lose(struct client *client, uint64_t count)
{
    client->lost += count;
    counter_add(COUNTER_control_stream_lost, count);
}

/* Adds a line; where it does not fit, sends first what can be sent. */
static bool pass_on(struct client *client, const char *line, size_t size)
{
    if (result_is_ok(line_queue_add(&client->queue, line, size)))
        return true;
    /* One that is gone is noticed when it is served. */
    result_ignore(line_queue_send(&client->queue, client->socket));
    return result_is_ok(line_queue_add(&client->queue, line, size));
}

/* {"event": {...}} in one form; NULL where it has no such form or memory is out. */
static char *event_line(const struct event *event, enum event_form form, size_t *ret_size)
{
    json_t *told = event_json(event, form);
    if (told == NULL || json_is_null(told)) {
        json_decref(told);
        return NULL;
    }
    json_t *object = json_pack("{s:o}", "event", told);
    char *line = object == NULL ? NULL : json_line(object, ret_size);
    json_decref(object);
    return line;
}

void server_offer_event(struct server *server, const struct event *event)
{
    char *lines[EVENT_FORM_COUNT] = {NULL};
    size_t sizes[EVENT_FORM_COUNT] = {0};
    bool is_made[EVENT_FORM_COUNT] = {false};
    for (size_t i = 0; i < server->client_count; i++) {
        struct client *client = server->clients[i];
        enum event_form form = client->request.form;
        if (!wants_events(client) || !request_matches(&client->request, event))
            continue;
        if (!is_made[form])
            lines[form] = event_line(event, form, &sizes[form]);
        is_made[form] = true;
        if (lines[form] != NULL && !pass_on(client, lines[form], sizes[form]))
            lose(client, 1);
    }
    for (size_t form = 0; form < EVENT_FORM_COUNT; form++)
        free(lines[form]);
}

void server_offer_lost(struct server *server, uint64_t count)
{
    for (size_t i = 0; i < server->client_count; i++) {
        if (wants_events(server->clients[i]))
            lose(server->clients[i], count);
    }
}
