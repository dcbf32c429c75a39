// SPDX-License-Identifier: Apache-2.0
/*
 * creance-loader: loads and attaches the eBPF programs, hands their descriptors to the supervisor,
 * and ends. As `probes` it does so for further programs that join those (they get the maps), or
 * only tries them: then it detaches them again. The only process of the agent that is root and
 * links libbpf; it reads nothing but the kernel's own answers.
 */
#include "agent/child.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "update/lifecycle/boot_guard.h"
#include "sensor/probe_set.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEND_WAIT_MS = 5000 };

/* Everything that is loaded must arrive: waits while the supervisor's queue is full. */
static void send(struct child *child, struct message message)
{
    for (;;) {
        struct result result = child_send(child, &message);
        if (result_is_ok(result))
            return;
        struct pollfd wait = {.fd = child->socket, .events = POLLOUT};
        if (result.error == ERROR_AGAIN && poll(&wait, 1, SEND_WAIT_MS) > 0)
            continue;
        fprintf(stderr, "creance-loader: cannot hand over what was loaded: %s\n",
                result_text(result));
        exit(EXIT_FAILURE);
    }
}

static void send_map(struct child *child, enum grant grant, int fd)
{
    if (fd >= 0)
        send(child, (struct message){
                        .type = MESSAGE_kernel, .fd = fd, .kernel = {.grant = (uint32_t)grant}});
}

static void send_probe(struct child *child, uint32_t probe, const struct loaded *loaded)
{
    const struct probe_status *status = &loaded->probes[probe];
    struct message message = {.type = MESSAGE_probe,
                              .fd = -1,
                              .probe = {.probe = probe,
                                        .state = (uint32_t)status->state,
                                        .error = (uint32_t)status->system_errno}};
    /* Cut where it is long: the agent's log has the whole of it. */
    (void)string_copy(message.probe.reason, sizeof message.probe.reason, status->detail);
    send(child, message);
    if (loaded->links[probe] >= 0 && child->start.is_trial == 0)
        send(child, (struct message){.type = MESSAGE_link,
                                     .fd = loaded->links[probe],
                                     .link = {.probe = probe}});
}

static struct loader_settings settings_of(const struct child *child)
{
    struct loader_settings settings = LOADER_SETTINGS_DEFAULT;
    settings.probes = (struct probe_set){{child->start.probes_1, child->start.probes_2}};
    if (child->start.boot_level >= BOOT_LEVEL_FACTORY)
        settings.probes = PROBE_SET_NONE;
    settings.is_addition = child->role == ROLE_probes;
    if (settings.is_addition && child->start.is_trial == 0)
        settings.maps = (struct loader_maps){child->grants[GRANT_kernel_ring],
                                             child->grants[GRANT_kernel_counters],
                                             child->grants[GRANT_kernel_ignored]};
    return settings;
}

static void say_troubles(const struct loaded *loaded)
{
    for (uint32_t probe = 0; probe < PROBE_COUNT; probe++) {
        const struct probe_status *status = &loaded->probes[probe];
        if (status->state == PROBE_REFUSED || status->state == PROBE_FAILED
            || status->state == PROBE_ABSENT)
            fprintf(stderr, "creance-loader: probe %s is %s: %s\n",
                    probe_row((enum probe)probe)->name, probe_state_name(status->state),
                    status->detail);
    }
}

/* Of test builds: as if this kernel's verifier had changed. */
static void plant_refusal(struct loaded *loaded)
{
    if (fault_is_planted(FAULT_PROBES_CRASH))
        abort();
    if (!fault_is_planted(FAULT_PROBES_REFUSED))
        return;
    for (uint32_t probe = 0; probe < PROBE_COUNT; probe++) {
        struct probe_status *status = &loaded->probes[probe];
        if (status->state != PROBE_ATTACHED)
            continue;
        *status = (struct probe_status){.state = PROBE_REFUSED, .detail = "planted"};
        close(loaded->links[probe]);
        loaded->links[probe] = -1;
    }
}

int main(int count, char **values)
{
    const char *further = role_row(ROLE_probes)->name;
    bool is_further = count > 1 && string_equal(values[1], further);
    struct child child;
    child_start(&child, is_further ? ROLE_probes : ROLE_loader);
    static struct loaded loaded;
    struct explanation why = {""};
    struct loader_settings settings = settings_of(&child);
    struct result result = loader_load(&settings, &loaded, &why);
    if (!probe_set_is_empty(&settings.probes))
        fault_panic();
    if (is_further)
        plant_refusal(&loaded);
    say_troubles(&loaded);
    for (uint32_t probe = 0; probe < PROBE_COUNT; probe++)
        send_probe(&child, probe, &loaded);
    if (!result_is_ok(result)) {
        fprintf(stderr, "creance-loader: %s\n", why.text);
        return EXIT_FAILURE;
    }
    if (is_further)
        return EXIT_SUCCESS; /* its maps are the supervisor's already, or nobody's */
    send_map(&child, GRANT_kernel_ring, loaded.ring);
    send_map(&child, GRANT_kernel_counters, loaded.counters);
    send_map(&child, GRANT_kernel_ignored, loaded.ignored);
    return EXIT_SUCCESS;
}
