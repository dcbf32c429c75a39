// SPDX-License-Identifier: Apache-2.0
/*
 * creance-updater: judges what arrives (refresh.h) and tells the supervisor what it found. It has
 * no network: it asks creance-link for files, one at a time, and copies what came out of
 * incoming/arrival before it looks. It writes its own folder only. What it says is advice: the
 * supervisor has tickets checked by another process and hashes releases itself.
 */
#include "agent/child.h"
#include "agent/update/refresh.h"
#include "base/bytes.h"
#include "base/counters.h"
#include "base/fault.h"
#include "base/sandbox.h"
#include "update/slots/sealed_memory.h"
#include "update/tuf/store_folder.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    WAIT_MS = 1000,
    ANSWER_MAX_S = 15 * 60, /* the link gives up on a server after ten minutes */
    ANSWERS_PER_TURN = 64,
    RETRY_FIRST_S = 30, /* after a round in which something was not to be had; doubles */
};

struct updater {
    struct child child;
    struct trust trust;
    struct bytes record;
    struct tuf_store store;
    struct refresh *refresh; /* NULL: there are no trust anchors yet */
    int trust_waiting;       /* new ones that came in the middle of a round; -1: none */
    uint32_t request;        /* number of the last one */
    uint32_t status, retry_s; /* what the link said last */
    uint32_t retry_delay_s;
    uint64_t next_ns;
    char said[EXPLANATION_BYTES];
};

static uint64_t now_ns(void) { return clock_boottime_ns(clock_system()); }

/* --- the supervisor --------------------------------------------------------------------------- */

/* A queue that is full is tried again; the supervisor reads it within a turn. */
static void tell(struct updater *updater, const struct message *message)
{
    while (child_send(&updater->child, message).error == ERROR_AGAIN)
        (void)poll(NULL, 0, 20);
}

static void hear(struct updater *updater)
{
    struct message message;
    while (result_is_ok(child_receive(&updater->child, &message))) {
        if (message.type != MESSAGE_trust)
            continue;
        if (updater->trust_waiting >= 0)
            close(updater->trust_waiting);
        updater->trust_waiting = message.fd;
    }
}

/* -1: there is no memory; the next round tries it again. */
static int seal(struct bytes bytes)
{
    int sealed;
    uint8_t *data;
    if (!result_is_ok(sealed_memory_create(bytes.size, &sealed, &data)))
        return -1;
    bytes_copy(data, bytes.size, bytes.data, bytes.size);
    if (result_is_ok(sealed_memory_seal(sealed, data, bytes.size)))
        return sealed;
    close(sealed);
    return -1;
}

/* Who gets it has it checked once more. */
static void offer_promotion(struct updater *updater, const struct refresh_offer *offer)
{
    int sealed = offer->promotion.size != 0 ? seal(offer->promotion) : -1;
    const struct message message = {.type = MESSAGE_promotion_offer,
                                    .fd = sealed,
                                    .promotion_offer = {.stream = offer->stream}};
    if (sealed < 0)
        return;
    tell(updater, &message);
    close(sealed);
}

static void offer(void *context, const struct refresh_offer *offer)
{
    struct updater *updater = context;
    bool is_lying = fault_is_planted(FAULT_UPDATER_PROMOTES);
    int ticket = seal((struct bytes){offer->ticket, TICKET_BYTES});
    if (ticket >= 0) {
        const struct message first = {.type = MESSAGE_ticket_offer,
                                      .fd = ticket,
                                      .ticket_offer = {.stream = offer->stream}};
        const struct message second = {.type = MESSAGE_release_offer,
                                       .fd = offer->sealed,
                                       .release_offer = {.stream = offer->stream,
                                                         .log_age_s = offer->log_age_s,
                                                         .healthy_rings =
                                                             is_lying ? UINT32_MAX
                                                                      : offer->healthy_rings}};
        tell(updater, &first);
        offer_promotion(updater, offer);
        tell(updater, &second);
        counter_add(COUNTER_updater_offers, 1);
        close(ticket);
    }
}

static void halts(void *context, const struct halt_news *news)
{
    struct updater *updater = context;
    const struct message head = {.type = MESSAGE_halts,
                                 .fd = -1,
                                 .halts = {.partner = news->partner,
                                           .number = news->number,
                                           .lifetime_s = news->lifetime_s,
                                           .count = news->count}};
    tell(updater, &head);
    for (unsigned i = 0; i < news->count; i++) {
        uint64_t words[2];
        bytes_copy(words, sizeof words, news->halts[i].release.bytes, RELEASE_NAME_BYTES);
        const struct message row = {.type = MESSAGE_halt,
                                    .fd = -1,
                                    .halt = {.name_1 = words[0],
                                             .name_2 = words[1],
                                             .is_lift = news->halts[i].is_lift}};
        tell(updater, &row);
    }
}

/* --- the link --------------------------------------------------------------------------------- */

/* Waits for the answer to the last request; what else comes is old or a lie, and passed over. */
static RESULT wait_answer(struct updater *updater, struct line_answer *ret_answer,
                          struct explanation *why)
{
    int socket = updater->child.grants[GRANT_line_updater];
    uint64_t end = now_ns() + (uint64_t)ANSWER_MAX_S * NS_PER_S;
    while (now_ns() < end) {
        struct pollfd waits[] = {{.fd = socket, .events = POLLIN},
                                 {.fd = updater->child.socket, .events = POLLIN}};
        (void)poll(waits, 2, WAIT_MS);
        child_heartbeat(&updater->child, updater->request);
        hear(updater);
        for (unsigned i = 0; i < ANSWERS_PER_TURN; i++) {
            struct result result = line_take_answer(socket, ret_answer);
            if (result_is_ok(result) && ret_answer->id == updater->request)
                return RESULT_OK;
            if (result.error == ERROR_AGAIN)
                break;
            counter_add(COUNTER_updater_answers_refused, 1);
        }
    }
    return explain(why, ERROR_CLOSED, "creance-link does not answer");
}

static RESULT read_arrival(const struct updater *updater, uint64_t said, uint8_t *out,
                           size_t capacity, size_t *ret_size, struct explanation *why)
{
    size_t size = 0;
    while (size < capacity && size < said) {
        ssize_t count = pread(updater->child.grants[GRANT_arrival], out + size,
                              (size_t)said - size < capacity - size ? (size_t)said - size
                                                                    : capacity - size,
                              (off_t)size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        size += (size_t)count;
    }
    *ret_size = size;
    if (size != said)
        return explain(why, ERROR_FORMAT, "creance-link said %llu bytes and left %zu",
                       (unsigned long long)said, size);
    return RESULT_OK;
}

static struct result fetch(void *context, enum line_place place, const char *name, void *out,
                           size_t capacity, size_t *ret_size, struct explanation *why)
{
    struct updater *updater = context;
    struct line_request request = {
        .id = ++updater->request, .place = place, .bytes_max = capacity};
    struct line_answer answer;
    if (!string_copy(request.name, sizeof request.name, name) || !line_is_name(request.name))
        return explain(why, ERROR_FORMAT, "\"%.100s\" is no name that is asked for", name);
    if (!result_is_ok(line_ask(updater->child.grants[GRANT_line_updater], &request)))
        return explain(why, ERROR_CLOSED, "creance-link takes no request");
    GUARD(wait_answer(updater, &answer, why));
    updater->status = answer.status;
    updater->retry_s = answer.retry_s;
    switch (answer.verdict) {
    case LINE_THERE:
        return read_arrival(updater, answer.size, out, capacity, ret_size, why);
    case LINE_ABSENT:
        return explain(why, ERROR_NOT_FOUND, "%s is not there", name);
    case LINE_TOO_LONG:
        return explain(why, ERROR_LIMIT, "%s has more than %zu bytes", name, capacity);
    case LINE_FAILED:
    case LINE_VERDICT_COUNT:
        break;
    }
    return explain(why, ERROR_CLOSED, "%s was not to be had (status %u)", name, answer.status);
}

/* --- rounds ----------------------------------------------------------------------------------- */

static uint32_t random_below(uint32_t bound)
{
    uint32_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint32_t)now_ns();
    return bound != 0 ? number % bound : 0;
}

/* A quarter of jitter, so that a fleet does not come at once; longer where the server asks for it,
 * sooner where something was not to be had. */
static uint64_t next_delay_s(struct updater *updater, const struct refresh_report *report)
{
    uint32_t delay_s = updater->trust.refresh_s;
    if (report->not_had == 0)
        updater->retry_delay_s = RETRY_FIRST_S;
    else if (updater->retry_delay_s < delay_s) {
        delay_s = updater->retry_delay_s;
        updater->retry_delay_s *= 2;
    }
    if (updater->retry_s > delay_s)
        delay_s = updater->retry_s;
    return delay_s + random_below(delay_s / 4 + 1);
}

static void say(struct updater *updater, const struct refresh_report *report)
{
    const struct message state = {.type = MESSAGE_update_state,
                                  .fd = -1,
                                  .update_state = {.outcome = (uint32_t)report->tuf,
                                                   .refusal = (uint32_t)report->refusal,
                                                   .log = (uint32_t)report->log,
                                                   .status = updater->status,
                                                   .retry_s = updater->retry_s,
                                                   .not_had = report->not_had,
                                                   .unnamed = report->unnamed,
                                                   .refused = report->refused,
                                                   .log_size = report->log_size,
                                                   .log_at_s = report->log_current_at_s}};
    tell(updater, &state);
    counter_add(COUNTER_updater_rounds, 1);
    counter_add(COUNTER_updater_refused, report->refused);
    if (string_equal(updater->said, report->why.text))
        return;
    (void)string_copy(updater->said, sizeof updater->said, report->why.text);
    fprintf(stderr, "creance-updater: %s\n",
            updater->said[0] != '\0' ? updater->said : "all is well again");
}

static void run_round(struct updater *updater)
{
    struct refresh_report report;
    updater->status = 0;
    updater->retry_s = 0;
    refresh_run(updater->refresh, clock_wall_ns(clock_system()) / NS_PER_S, &report);
    say(updater, &report);
    updater->next_ns = now_ns() + next_delay_s(updater, &report) * NS_PER_S;
}

static void take_trust(struct updater *updater)
{
    static const struct refresh_seams SEAMS = {fetch, offer, halts, NULL};
    struct refresh_seams seams = SEAMS;
    struct explanation why = {""};
    seams.context = updater;
    refresh_free(updater->refresh);
    updater->refresh = NULL;
    sealed_memory_unmap(updater->record);
    updater->record = (struct bytes){NULL, 0};
    struct result result =
        sealed_memory_map(updater->trust_waiting, TRUST_RECORD_BYTES, &updater->record);
    close(updater->trust_waiting);
    updater->trust_waiting = -1;
    if (result_is_ok(result))
        result = trust_decode(updater->record, &updater->trust, &why);
    if (result_is_ok(result))
        result = refresh_new(&updater->trust, &updater->store,
                             updater->child.grants[GRANT_directory_updater], &seams,
                             &updater->refresh, &why);
    if (!result_is_ok(result))
        fprintf(stderr, "creance-updater: the trust anchors cannot be used: %s\n", why.text);
    updater->retry_delay_s = RETRY_FIRST_S;
    updater->next_ns = now_ns();
}

/* --- the start -------------------------------------------------------------------------------- */

static void enter_sandbox(const struct child *child)
{
    const struct sandbox_folder folder = {
        .fd = child->grants[GRANT_directory_updater],
        .allow = SANDBOX_ALLOW_READ_FILES | SANDBOX_ALLOW_WRITE_FILES};
    const struct sandbox_profile profile = {
        .name = "creance-updater",
        .allow = SANDBOX_ALLOW_READ_FILES | SANDBOX_ALLOW_WRITE_FILES,
        .folders = &folder,
        .folder_count = folder.fd >= 0};
    struct explanation why;
    json_object_seed(0); /* it reads the system's random numbers from a file */
    if (result_is_ok(sandbox_enter(&profile, &why)))
        return;
    fprintf(stderr, "creance-updater: %s\n", why.text);
    exit(EXIT_FAILURE);
}

int main(void)
{
    static struct updater updater = {.trust_waiting = -1};
    fault_plant();
    child_start(&updater.child, ROLE_updater);
    enter_sandbox(&updater.child);
    updater.store = tuf_store_folder(&updater.child.grants[GRANT_directory_updater]);
    updater.request = random_below(UINT32_MAX); /* answers to the one before are not ours */
    child_ready(&updater.child);
    for (;;) {
        struct pollfd wait = {.fd = updater.child.socket, .events = POLLIN};
        (void)poll(&wait, 1, WAIT_MS);
        child_heartbeat(&updater.child, updater.request);
        hear(&updater);
        if (updater.trust_waiting >= 0)
            take_trust(&updater);
        if (updater.refresh != NULL && now_ns() >= updater.next_ns)
            run_round(&updater);
    }
}
