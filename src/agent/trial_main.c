// SPDX-License-Identifier: Apache-2.0
/*
 * creance-trial: tries one release, says what it found, and ends. Reads what arrived, so it has the
 * engine's sandbox: a user of its own, no file, no network, a limit of memory and of computing
 * time. However it ends, nothing of the host depends on it.
 */
#include "agent/child.h"
#include "agent/trial.h"
#include "base/fault.h"
#include "base/sandbox.h"
#include "update/slots/sealed_memory.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORD_WAIT_MS = 10000 };

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "creance-trial: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct bytes map_sealed(int fd)
{
    struct bytes view = {NULL, 0};
    bool is_mapped = result_is_ok(sealed_memory_map(fd, RELEASE_SET_BYTES_MAX, &view));
    close(fd);
    if (!is_mapped || view.size == 0)
        give_up("cannot map what is to be tried");
    return view;
}

static void take_releases(struct trial *trial, const struct message *message)
{
    struct bytes data = map_sealed(message->fd);
    trial->kind = message->release.tried;
    if (trial->kind == 0 || trial->kind > BUNDLE_KIND_COUNT)
        give_up("the supervisor names no kind of release that there is");
    if (trial->kind == BUNDLE_PROBES)
        trial->probes = data;
    else if (!result_is_ok(release_set_open(data, &trial->set)))
        give_up("the set of releases is malformed");
}

/* The releases first, then the rule folders' pack. */
static void take_both(struct child *child, struct trial *trial)
{
    while (trial->kind == 0 || trial->pack.size == 0) {
        struct pollfd wait = {.fd = child->socket, .events = POLLIN};
        struct message message;
        if (poll(&wait, 1, WORD_WAIT_MS) <= 0)
            give_up("no word from the supervisor about what is to be tried");
        if (!result_is_ok(child_receive(child, &message)))
            continue;
        if (message.type == MESSAGE_release)
            take_releases(trial, &message);
        else if (message.type == MESSAGE_rules)
            trial->pack = map_sealed(message.fd);
    }
}

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "creance-trial: %s\n", text);
}

static void enter_sandbox(void)
{
    const struct sandbox_profile profile = {.name = "creance-trial"};
    struct explanation why;
    if (!result_is_ok(sandbox_enter(&profile, &why)))
        give_up(why.text);
}

int main(void)
{
    struct child child;
    struct trial trial = {.say = say};
    struct trial_outcome outcome;
    child_start(&child, ROLE_trial);
    enter_sandbox();
    if (!result_is_ok(ring_reader_open(child.grants[GRANT_event_ring],
                                       child.grants[GRANT_event_cursor], &trial.events)))
        give_up("cannot map the event ring");
    child_ready(&child);
    take_both(&child, &trial);
    while (fault_is_planted(FAULT_TRIAL_SLEEPS))
        (void)poll(NULL, 0, 1000);
    struct result result = trial_run(&trial, &outcome);
    if (!result_is_ok(result))
        give_up(result_text(result));
    const struct message message = {.type = MESSAGE_trial_verdict,
                                    .fd = -1,
                                    .trial_verdict = {.verdict = (uint32_t)outcome.verdict,
                                                      .tests = outcome.tests,
                                                      .events = outcome.events,
                                                      .matches = outcome.matches,
                                                      .probes_1 = outcome.probes.words[0],
                                                      .probes_2 = outcome.probes.words[1]}};
    if (!result_is_ok(child_send(&child, &message)))
        give_up("cannot tell the supervisor");
    return EXIT_SUCCESS;
}
