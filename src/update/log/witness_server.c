// SPDX-License-Identifier: Apache-2.0
#include "update/log/witness_server.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More of one client would let one client keep out the others. */
enum { CONNECTIONS_PER_ADDRESS = 16, CONNECTION_BYTES = 16 * KIB };

struct witness_server {
    struct MHD_Daemon *daemon;
    const struct witness *witness;
    const struct clock *clock;
    witness_said *said;
    void *said_context;
    unsigned port;
    struct witness_answer answer; /* the one that is being made: requests come one by one */
};

/* What a client has sent so far. */
struct upload {
    uint64_t since_ns;
    size_t size;
    bool is_over;
    uint8_t *data; /* LIMIT_PROOF_FILE_BYTES; NULL before the first of them */
};

/* --- answers ---------------------------------------------------------------------------------- */

static enum MHD_Result send_body(struct MHD_Connection *connection, unsigned status,
                                 const char *content_type, const void *body, size_t size)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result =
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status,
                                 const char *text)
{
    return send_body(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result send_answer(struct witness_server *server,
                                   struct MHD_Connection *connection, const char *request)
{
    const struct witness_answer *answer = &server->answer;
    server->said(server->said_context, request, answer);
    return send_body(connection, answer->status, answer->content_type, answer->body,
                     answer->size);
}

/* --- requests --------------------------------------------------------------------------------- */

static enum MHD_Result take(const struct witness_server *server, struct upload *upload,
                            const char *data, size_t *size)
{
    if (clock_boottime_ns(server->clock) - upload->since_ns > WITNESS_REQUEST_S * NS_PER_S)
        return MHD_NO; /* a client that sends a byte now and then: it is cut off */
    if (upload->data == NULL && (upload->data = malloc(LIMIT_PROOF_FILE_BYTES)) == NULL)
        return MHD_NO;
    size_t left = LIMIT_PROOF_FILE_BYTES - upload->size;
    if (*size > left) {
        upload->is_over = true; /* the rest is thrown away */
    } else {
        bytes_copy(upload->data + upload->size, left, data, *size);
        upload->size += *size;
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result post(struct witness_server *server, struct MHD_Connection *connection,
                            const char *path, const struct upload *upload)
{
    if (!string_equal(path, "/add-checkpoint"))
        return send_text(connection, MHD_HTTP_NOT_FOUND, "there is /add-checkpoint only\n");
    if (upload->is_over)
        return send_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "the request is too long\n");
    witness_add_checkpoint(server->witness, (struct bytes){upload->data, upload->size},
                           clock_wall_ns(server->clock) / NS_PER_S, &server->answer);
    return send_answer(server, connection, "add-checkpoint");
}

static enum MHD_Result get(struct witness_server *server, struct MHD_Connection *connection,
                           const char *path)
{
    char origin_hex[WITNESS_ORIGIN_HEX_BYTES];
    static const char TAIL[] = "/checkpoint";
    if (strlen(path) != 1 + WITNESS_ORIGIN_HEX_BYTES - 1 + sizeof TAIL - 1
        || !string_ends_with(path, TAIL))
        return send_text(connection, MHD_HTTP_NOT_FOUND, "there is /HASH/checkpoint only\n");
    (void)string_format(origin_hex, sizeof origin_hex, "%.*s", WITNESS_ORIGIN_HEX_BYTES - 1,
                        path + 1);
    witness_get_checkpoint(server->witness, origin_hex, &server->answer);
    return send_answer(server, connection, "checkpoint");
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request)
{
    struct witness_server *server = context;
    (void)version;
    bool is_post = string_equal(method, MHD_HTTP_METHOD_POST);
    if (*request == NULL) {
        struct upload *upload = calloc(1, sizeof *upload);
        if (upload == NULL)
            return MHD_NO;
        upload->since_ns = clock_boottime_ns(server->clock);
        *request = upload;
        return MHD_YES;
    }
    if (*size > 0)
        return take(server, *request, data, size);
    if (is_post)
        return post(server, connection, url, *request);
    if (string_equal(method, MHD_HTTP_METHOD_GET))
        return get(server, connection, url);
    return send_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and POST only\n");
}

static void forget(void *context, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode how)
{
    (void)context;
    (void)connection;
    (void)how;
    struct upload *upload = *request;
    if (upload != NULL)
        free(upload->data);
    free(upload);
    *request = NULL;
}

/* --- listening -------------------------------------------------------------------------------- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t size;
};

static bool parse_address(const char *text, struct address *ret_address)
{
    char host[64];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    bool is_v6 = text[0] == '[';
    if (colon == NULL || !result_is_ok(number_parse(colon + 1, UINT16_MAX, &port)))
        return false;
    size_t size = (size_t)(colon - text);
    if (is_v6 && (size < 2 || text[size - 1] != ']'))
        return false;
    if (!string_format(host, sizeof host, "%.*s", (int)(is_v6 ? size - 2 : size),
                       is_v6 ? text + 1 : text))
        return false;
    *ret_address = (struct address){0};
    if (is_v6) {
        ret_address->socket.v6.sin6_family = AF_INET6;
        ret_address->socket.v6.sin6_port = htons((uint16_t)port);
        ret_address->size = sizeof ret_address->socket.v6;
        return inet_pton(AF_INET6, host, &ret_address->socket.v6.sin6_addr) == 1;
    }
    ret_address->socket.v4.sin_family = AF_INET;
    ret_address->socket.v4.sin_port = htons((uint16_t)port);
    ret_address->size = sizeof ret_address->socket.v4;
    return inet_pton(AF_INET, host, &ret_address->socket.v4.sin_addr) == 1;
}

static RESULT listen_on(const char *text, int *ret_socket, unsigned *ret_port,
                        struct explanation *why)
{
    struct address address, bound = {.size = sizeof bound.socket};
    const int on = 1;
    if (!parse_address(text, &address))
        return explain(why, ERROR_FORMAT,
                       "\"%.64s\" is no address: expected 127.0.0.1:7380 or [::1]:7380", text);
    int listener = socket(address.socket.any.sa_family,
                          SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return explain_errno(why, "no socket for %s", text);
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || bind(listener, &address.socket.any, address.size) != 0
        || listen(listener, WITNESS_CONNECTIONS) != 0
        || getsockname(listener, &bound.socket.any, &bound.size) != 0) {
        struct result result = explain_errno(why, "cannot listen on %s", text);
        close(listener);
        return result;
    }
    *ret_socket = listener;
    *ret_port = ntohs(bound.socket.any.sa_family == AF_INET6 ? bound.socket.v6.sin6_port
                                                             : bound.socket.v4.sin_port);
    return RESULT_OK;
}

RESULT witness_server_open(const char *address, const struct witness *witness,
                           const struct clock *clock, witness_said *said, void *said_context,
                           struct witness_server **ret_server, struct explanation *why)
{
    int listener;
    struct witness_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return explain(why, ERROR_MEMORY, "no memory for the witness");
    server->witness = witness;
    server->clock = clock;
    server->said = said;
    server->said_context = said_context;
    struct result result = listen_on(address, &listener, &server->port, why);
    if (!result_is_ok(result)) {
        free(server);
        return result;
    }
    /* MHD owns the listener from here on. */
    server->daemon = MHD_start_daemon(
        MHD_NO_FLAG, 0, NULL, NULL, handle, server, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)WITNESS_CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WITNESS_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
        forget, NULL, MHD_OPTION_END);
    if (server->daemon == NULL) {
        close(listener);
        free(server);
        return explain(why, ERROR_UNSUPPORTED, "libmicrohttpd does not start");
    }
    *ret_server = server;
    return RESULT_OK;
}

void witness_server_close(struct witness_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}

unsigned witness_server_port(const struct witness_server *server) { return server->port; }

RESULT witness_server_turn(struct witness_server *server, int wait_ms, struct explanation *why)
{
    if (MHD_run_wait(server->daemon, wait_ms) != MHD_YES)
        return explain(why, ERROR_UNSUPPORTED, "libmicrohttpd cannot wait for requests");
    return RESULT_OK;
}
