// SPDX-License-Identifier: Apache-2.0
/*
 * creance-link: fetches what creance-updater asks for, and does nothing else. It alone has the
 * network. It knows names and sizes, no keys; what it says is believed by nobody. Its one file,
 * incoming/arrival, was made by the supervisor, cannot grow over LIMIT_BUNDLE_BYTES, and is all
 * that it can write.
 */
#include "agent/child.h"
#include "agent/update/link_http.h"
#include "agent/update/trust.h"
#include "base/bytes.h"
#include "base/counters.h"
#include "base/fault.h"
#include "base/sandbox.h"
#include "update/slots/sealed_memory.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WAIT_MS = 1000, ADDRESS_BYTES = LIMIT_URL_BYTES + LINE_NAME_BYTES + 16, STATUS_BUSY = 429 };

struct link {
    struct child child;
    struct bytes record;
    struct trust trust; /* stream_count 0: none yet */
    struct link_http *http;
    bool is_unusable; /* they came, and cannot be used */
    uint64_t quiet_until_ns; /* the server asked to be left alone */
    uint32_t quiet_status;
    char said[EXPLANATION_BYTES]; /* last, so that the same is not said again each time */
};

/* --- trust anchors ---------------------------------------------------------------------------- */

static void wait_in_transfer(void *context);

static void take_trust(struct link *link, int fd)
{
    struct explanation why = {""};
    link_http_free(link->http);
    link->http = NULL;
    sealed_memory_unmap(link->record);
    link->record = (struct bytes){NULL, 0};
    link->trust = (struct trust){0};
    link->quiet_until_ns = 0;
    struct result result = sealed_memory_map(fd, TRUST_RECORD_BYTES, &link->record);
    if (result_is_ok(result))
        result = trust_decode(link->record, &link->trust, &why);
    if (result_is_ok(result))
        result = link_http_new(link->trust.authorities, wait_in_transfer, link, &link->http, &why);
    link->is_unusable = !result_is_ok(result);
    if (link->is_unusable)
        fprintf(stderr, "creance-link: the trust anchors cannot be used: %s\n", why.text);
    (void)close(fd);
}

static void hear(struct link *link)
{
    struct message message;
    while (result_is_ok(child_receive(&link->child, &message)))
        if (message.type == MESSAGE_trust)
            take_trust(link, message.fd);
}

/* Alive for the supervisor; what it has to say waits, but for the end. */
static void wait_in_transfer(void *context)
{
    struct link *link = context;
    child_heartbeat(&link->child, counter_get(COUNTER_link_fetched));
    struct pollfd wait = {.fd = link->child.socket, .events = POLLIN};
    if (poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0)
        exit(EXIT_SUCCESS);
}

/* --- requests --------------------------------------------------------------------------------- */

static void say_once(struct link *link, const char *text)
{
    if (string_equal(link->said, text))
        return;
    (void)string_copy(link->said, sizeof link->said, text);
    if (*text != '\0')
        fprintf(stderr, "creance-link: %s; what is in force stays in force\n", text);
}

static bool address_of(const struct trust *trust, const struct line_request *request,
                       char out[ADDRESS_BYTES])
{
    static const char *const FOLDERS[LINE_PLACE_COUNT] = {
        [LINE_METADATA] = "/metadata", [LINE_TARGETS] = "/targets", [LINE_HALTS] = "/halts",
        [LINE_LOG] = ""};
    const char *base = request->place == LINE_LOG ? trust->log : trust->repository;
    return string_format(out, ADDRESS_BYTES, "%s%s/%s", base, FOLDERS[request->place],
                         request->name);
}

static struct line_answer fetch(struct link *link, const struct line_request *request)
{
    struct line_answer answer = {.id = request->id, .verdict = LINE_FAILED};
    struct explanation why = {""};
    char address[ADDRESS_BYTES];
    uint64_t now = clock_boottime_ns(clock_system());
    if (link->http == NULL || !address_of(&link->trust, request, address))
        return answer;
    if (now < link->quiet_until_ns) {
        answer.status = link->quiet_status;
        answer.retry_s = (uint32_t)((link->quiet_until_ns - now) / NS_PER_S + 1);
        return answer;
    }
    link_http_get(link->http, address, link->child.grants[GRANT_arrival_writer],
                  request->bytes_max, &answer, &why);
    counter_add(answer.verdict == LINE_THERE ? COUNTER_link_fetched : COUNTER_link_failed,
                answer.verdict != LINE_ABSENT);
    counter_add(COUNTER_link_bytes, answer.size);
    if (answer.verdict == LINE_FAILED && answer.retry_s > 0) {
        link->quiet_until_ns = now + answer.retry_s * NS_PER_S;
        link->quiet_status = answer.status;
    }
    say_once(link, answer.verdict == LINE_THERE ? "" : why.text);
    if (fault_is_planted(FAULT_LINK_LIES)) /* nothing but the beginning came, and it says so not */
        result_ignore(ftruncate(link->child.grants[GRANT_arrival_writer], 7) == 0 ? RESULT_OK
                                                                 : result_from_errno());
    return answer;
}

static void serve(struct link *link)
{
    struct line_request request;
    int socket = link->child.grants[GRANT_line_link];
    if (link->http == NULL && !link->is_unusable)
        return; /* it is not known yet whom to ask: the request waits */
    struct result result = line_take_request(socket, &request);
    if (result.error == ERROR_FORMAT)
        counter_add(COUNTER_link_requests_refused, 1);
    if (!result_is_ok(result))
        return;
    struct line_answer answer = fetch(link, &request);
    /* A full queue means that the updater is gone; who comes after it asks again. */
    result_ignore(line_answer(socket, &answer));
}

/* --- the start -------------------------------------------------------------------------------- */

static void enter_sandbox(void)
{
    static const struct sandbox_folder FOLDERS[] = {
        {.fd = -1, .path = "/etc", .allow = SANDBOX_ALLOW_READ_FILES},
        {.fd = -1, .path = "/run/systemd/resolve", .allow = SANDBOX_ALLOW_READ_FILES},
        {.fd = -1, .path = "/usr/lib", .allow = SANDBOX_ALLOW_READ_FILES},
        {.fd = -1, .path = "/usr/share", .allow = SANDBOX_ALLOW_READ_FILES},
    };
    const struct sandbox_profile profile = {
        .name = "creance-link",
        .allow = SANDBOX_ALLOW_READ_FILES | SANDBOX_ALLOW_NETWORK,
        .folders = FOLDERS,
        .folder_count = sizeof FOLDERS / sizeof FOLDERS[0],
    };
    struct explanation why;
    const struct rlimit size = {LIMIT_BUNDLE_BYTES, LIMIT_BUNDLE_BYTES};
    (void)signal(SIGXFSZ, SIG_IGN); /* a write over the limit fails, no more */
    (void)signal(SIGPIPE, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &size) == 0 && result_is_ok(sandbox_enter(&profile, &why)))
        return;
    fprintf(stderr, "creance-link: %s\n", why.text);
    exit(EXIT_FAILURE);
}

int main(void)
{
    static struct link link;
    fault_plant();
    child_start(&link.child, ROLE_link);
    enter_sandbox();
    child_ready(&link.child);
    for (;;) {
        struct pollfd waits[] = {
            {.fd = link.child.socket, .events = POLLIN},
            {.fd = link.child.grants[GRANT_line_link], .events = POLLIN},
        };
        (void)poll(waits, 2, WAIT_MS);
        child_heartbeat(&link.child, counter_get(COUNTER_link_fetched));
        hear(&link);
        serve(&link);
    }
}
