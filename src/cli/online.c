// SPDX-License-Identifier: Apache-2.0
#include "cli/online.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/local_socket.h"
#include "base/paths.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 * KIB, SEND_WAIT_MS = 5000, ANSWER_WAIT_MS = 10000 };

struct online {
    int socket;
    char *data; /* data[at .. size) was received and not taken yet */
    size_t at, size, capacity;
    size_t searched; /* no newline before it */
    json_t *piece;   /* holds the name of the last one */
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

void online_stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: poll() must return */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

bool online_is_stopped(void) { return stopped != 0; }

/* --- the connection --------------------------------------------------------------------------- */

void online_close(struct online *online)
{
    if (online == NULL)
        return;
    close(online->socket);
    free(online->data);
    json_decref(online->piece);
    free(online);
}

static RESULT connect_agent(const struct call *call, int *ret_socket, struct explanation *why)
{
    struct paths paths;
    GUARD(paths_resolve(options_value(call->options, "state", NULL), NULL, &paths, why));
    return local_socket_connect(paths.control_socket, ret_socket, why);
}

static bool send_all(int socket, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
            continue;
        }
        struct pollfd wait = {.fd = socket, .events = POLLOUT};
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (poll(&wait, 1, SEND_WAIT_MS) == 0)
            return false;
    }
    return true;
}

RESULT online_try(const struct call *call, json_t *request, struct online **ret_online,
                  struct explanation *why)
{
    int socket = -1;
    struct result result = connect_agent(call, &socket, why);
    if (!result_is_ok(result)) {
        json_decref(request);
        return result;
    }
    char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    json_decref(request);
    struct online *online = calloc(1, sizeof *online);
    bool is_sent = text != NULL && online != NULL && send_all(socket, text, strlen(text))
                   && send_all(socket, "\n", 1);
    free(text);
    if (!is_sent) {
        close(socket);
        free(online);
        return explain(why, ERROR_CLOSED, "the agent does not take requests");
    }
    online->socket = socket;
    *ret_online = online;
    return RESULT_OK;
}

static void say_not_running(const struct call *call, const struct explanation *why)
{
    bool is_installed = options_value(call->options, "state", NULL) == NULL;
    verb_error("the agent does not run: %s", why->text);
    fprintf(stderr, is_installed
                        ? "Start it with: systemctl start creance (an installed one).\n"
                          "One that ./run started is found with: --state build/state\n"
                        : "Start it with: ./run --state DIR (in a checkout), or "
                          "creanced --state DIR\n");
}

enum cli_exit online_open(const struct call *call, json_t *request, struct online **ret_online)
{
    struct explanation why = {""};
    struct result result = online_try(call, request, ret_online, &why);
    if (result_is_ok(result))
        return CLI_GOOD;
    if (result.error == ERROR_NOT_FOUND)
        say_not_running(call, &why);
    else if (result.system_errno == EACCES || result.system_errno == EPERM)
        verb_error("%s; only root may ask the agent: try sudo", why.text);
    else
        verb_error("%s", why.text);
    return CLI_UNAVAILABLE;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Receives more. ERROR_AGAIN: nothing for so long. */
static RESULT receive(struct online *online, int wait_ms)
{
    if (online->at > 0) {
        memmove(online->data, online->data + online->at, online->size - online->at);
        online->size -= online->at;
        online->searched -= online->at;
        online->at = 0;
    }
    if (online->size > LIMIT_RECORD_LINE_BYTES)
        return result_fail(ERROR_FORMAT);
    if (online->capacity - online->size < READ_BYTES) {
        size_t capacity = 2 * online->capacity + READ_BYTES;
        char *data = realloc(online->data, capacity);
        if (data == NULL)
            return result_fail(ERROR_MEMORY);
        online->data = data;
        online->capacity = capacity;
    }
    struct pollfd wait = {.fd = online->socket, .events = POLLIN};
    if (online_is_stopped() || poll(&wait, 1, wait_ms) <= 0)
        return result_fail(ERROR_AGAIN); /* also after a signal */
    ssize_t size = recv(online->socket, online->data + online->size, READ_BYTES, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return result_fail(ERROR_AGAIN);
    if (size <= 0)
        return result_fail(ERROR_CLOSED);
    online->size += (size_t)size;
    return RESULT_OK;
}

/* Takes one whole line; NULL when there is none yet. */
static const char *take_line(struct online *online, size_t *ret_size)
{
    if (online->size == online->searched)
        return NULL;
    const char *newline =
        memchr(online->data + online->searched, '\n', online->size - online->searched);
    if (newline == NULL) {
        online->searched = online->size;
        return NULL;
    }
    const char *line = online->data + online->at;
    *ret_size = (size_t)(newline - line);
    online->at = (size_t)(newline - online->data) + 1;
    online->searched = online->at;
    return line;
}

static RESULT read_piece(struct online *online, const char *line, size_t size,
                         const char **ret_name, json_t **ret_value, struct explanation *why)
{
    json_decref(online->piece);
    online->piece = json_loadb(line, size, 0, NULL);
    void *first = json_object_iter(online->piece);
    if (first == NULL)
        return explain(why, ERROR_FORMAT, "the agent's answer makes no sense");
    const char *name = json_object_iter_key(first);
    json_t *value = json_object_iter_value(first);
    if (string_equal(name, "end"))
        return result_fail(ERROR_NOT_FOUND);
    if (string_equal(name, "error"))
        return explain(why, ERROR_UNSUPPORTED, "%s",
                       json_is_string(value) ? json_string_value(value) : "no reason given");
    *ret_name = name;
    *ret_value = json_incref(value);
    return RESULT_OK;
}

RESULT online_next(struct online *online, int wait_ms, const char **ret_name, json_t **ret_value,
                   struct explanation *why)
{
    for (;;) {
        size_t size = 0;
        const char *line = take_line(online, &size);
        if (line != NULL)
            return read_piece(online, line, size, ret_name, ret_value, why);
        struct result result = receive(online, wait_ms);
        if (!result_is_ok(result))
            return result;
    }
}

enum cli_exit online_failed(struct result result, const struct explanation *why)
{
    switch (result.error) {
    case ERROR_UNSUPPORTED: verb_error("the agent refused: %s", why->text); return CLI_UNAVAILABLE;
    case ERROR_AGAIN: verb_error("the agent does not answer"); return CLI_UNAVAILABLE;
    case ERROR_CLOSED: verb_error("the agent ended the connection"); return CLI_UNAVAILABLE;
    default:
        verb_error("the agent's answer makes no sense (%s)", result_text(result));
        return CLI_UNAVAILABLE;
    }
}

enum cli_exit online_ask(const struct call *call, json_t *request, const char *name,
                         json_t **ret_value)
{
    struct online *online = NULL;
    enum cli_exit code = online_open(call, request, &online);
    if (code != CLI_GOOD)
        return code;
    const char *got = "";
    json_t *value = NULL;
    struct explanation why = {""};
    struct result result = online_next(online, ANSWER_WAIT_MS, &got, &value, &why);
    if (result_is_ok(result) && !string_equal(got, name)) {
        json_decref(value);
        result = result_fail(ERROR_FORMAT);
    }
    if (result_is_ok(result))
        *ret_value = value;
    else
        code = online_failed(result, &why);
    online_close(online);
    return code;
}

/* --- members ---------------------------------------------------------------------------------- */

const char *online_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

const char *online_text_at(const json_t *object, const char *path)
{
    char name[64];
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        string_format(name, sizeof name, "%.*s", (int)(dot - path), path);
        object = json_object_get(object, name);
    }
    return online_text(object, path);
}

json_int_t online_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

double online_real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}
