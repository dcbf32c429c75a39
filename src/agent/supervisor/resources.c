// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/resources.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/shared_memory.h"
#include "sensor/loader.h"
#include "sensor/process_table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- who gets what ---------------------------------------------------------------------------- */

static const enum grant FOR_SENSOR[] = {
    GRANT_event_ring_writer,    GRANT_wake_engine,
    GRANT_process_table_writer, GRANT_kernel_ring, GRANT_kernel_counters,
};
static const enum grant FOR_ENGINE[] = {
    GRANT_event_ring,        GRANT_event_cursor,        GRANT_wake_engine, GRANT_wake_control,
    GRANT_alert_ring_writer, GRANT_rules_report_writer, GRANT_flight_record,
};
static const enum grant FOR_LINK[] = {GRANT_arrival_writer, GRANT_line_link};
static const enum grant FOR_UPDATER[] = {
    GRANT_arrival, GRANT_line_updater, GRANT_directory_updater};
/* It joins the programs that are attached. */
static const enum grant FOR_PROBES[] = {
    GRANT_kernel_ring, GRANT_kernel_counters, GRANT_kernel_ignored};
static const enum grant FOR_TICKET[] = {
    GRANT_ticket, GRANT_ticket_keys, GRANT_promotion, GRANT_evidence_keys};
/* Its place in the event ring is made anew for each trial: resources_new_trial(). */
static const enum grant FOR_TRIAL[] = {GRANT_event_ring, GRANT_event_cursor};
static const enum grant FOR_CONTROL[] = {
    GRANT_counters_link,         GRANT_counters_updater,
    GRANT_alert_ring_b,          GRANT_alert_cursor_b,     GRANT_rules_report_b,
    GRANT_counters_engine_b,     GRANT_counters_trial,
    GRANT_event_ring,            GRANT_wake_control,       GRANT_alert_ring,
    GRANT_alert_cursor,          GRANT_rules_report,       GRANT_process_table,
    GRANT_tree,                  GRANT_counters_supervisor, GRANT_counters_loader,
    GRANT_counters_sensor,       GRANT_counters_engine,    GRANT_counters_control,
    GRANT_control_socket,        GRANT_directory_vendor_rules,
    GRANT_directory_local_rules, GRANT_directory_configuration,
    GRANT_directory_log,
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const struct {
    const enum grant *grants;
    size_t count;
} DUE[ROLE_COUNT] = {
    [ROLE_sensor] = {FOR_SENSOR, COUNT_OF(FOR_SENSOR)},
    [ROLE_engine] = {FOR_ENGINE, COUNT_OF(FOR_ENGINE)},
    [ROLE_engine_b] = {FOR_ENGINE, COUNT_OF(FOR_ENGINE)},
    [ROLE_trial] = {FOR_TRIAL, COUNT_OF(FOR_TRIAL)},
    [ROLE_control] = {FOR_CONTROL, COUNT_OF(FOR_CONTROL)},
    [ROLE_link] = {FOR_LINK, COUNT_OF(FOR_LINK)},
    [ROLE_updater] = {FOR_UPDATER, COUNT_OF(FOR_UPDATER)},
    [ROLE_probes] = {FOR_PROBES, COUNT_OF(FOR_PROBES)},
    [ROLE_ticket] = {FOR_TICKET, COUNT_OF(FOR_TICKET)},
};

/* --- memory ----------------------------------------------------------------------------------- */

static const struct {
    enum role role;
    enum grant view;
} COUNTER_VIEWS[] = {
    {ROLE_supervisor, GRANT_counters_supervisor}, {ROLE_loader, GRANT_counters_loader},
    {ROLE_sensor, GRANT_counters_sensor},         {ROLE_engine, GRANT_counters_engine},
    {ROLE_control, GRANT_counters_control},       {ROLE_engine_b, GRANT_counters_engine_b},
    {ROLE_link, GRANT_counters_link},             {ROLE_updater, GRANT_counters_updater},
    {ROLE_trial, GRANT_counters_trial},
};

static RESULT open_counters(struct resources *resources)
{
    for (size_t i = 0; i < COUNT_OF(COUNTER_VIEWS); i++) {
        enum role role = COUNTER_VIEWS[i].role;
        GUARD(counters_create(&resources->counters[role]));
        GUARD(shared_memory_reopen_readonly(resources->counters[role],
                                   &resources->grants[COUNTER_VIEWS[i].view]));
    }
    return counters_attach(resources->counters[ROLE_supervisor]);
}

static RESULT open_wake(int *ret_fd)
{
    *ret_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return *ret_fd >= 0 ? RESULT_OK : result_from_errno();
}

/* A writable descriptor for one and a read-only one for the others. */
static RESULT open_shared(int *grants, enum grant writer, enum grant reader)
{
    return shared_memory_reopen_readonly(grants[writer], &grants[reader]);
}

/* What one engine writes, and what control reads of it. */
static RESULT open_engine(struct resources *resources, unsigned slot)
{
    static const struct {
        enum grant alert_ring, alert_cursor, rules_report;
    } VIEWS[ENGINE_SLOTS] = {
        {GRANT_alert_ring, GRANT_alert_cursor, GRANT_rules_report},
        {GRANT_alert_ring_b, GRANT_alert_cursor_b, GRANT_rules_report_b},
    };
    int *grants = resources->grants;
    int *own = resources->engines[slot];
    GUARD(ring_create(LIMIT_ALERT_RING_BYTES, resources->epoch, &own[GRANT_alert_ring_writer]));
    GUARD(shared_memory_reopen_readonly(own[GRANT_alert_ring_writer],
                                        &grants[VIEWS[slot].alert_ring]));
    GUARD(ring_cursor_create(&grants[VIEWS[slot].alert_cursor]));
    GUARD(shared_memory_create("creance-rules-report", RULES_REPORT_BYTES,
                               &own[GRANT_rules_report_writer]));
    GUARD(shared_memory_reopen_readonly(own[GRANT_rules_report_writer],
                                        &grants[VIEWS[slot].rules_report]));
    GUARD(flight_create(&own[GRANT_flight_record]));
    GUARD(flight_map(own[GRANT_flight_record], &resources->flights[slot]));
    GUARD(ring_cursor_create(&own[GRANT_event_cursor]));
    return ring_cursor_map(own[GRANT_event_cursor], &resources->engine_cursors[slot]);
}

static RESULT open_memory(struct resources *resources)
{
    int *grants = resources->grants;
    GUARD(ring_create(LIMIT_EVENT_RING_BYTES, resources->epoch, &grants[GRANT_event_ring_writer]));
    GUARD(open_shared(grants, GRANT_event_ring_writer, GRANT_event_ring));
    GUARD(process_table_create(&grants[GRANT_process_table_writer]));
    GUARD(open_shared(grants, GRANT_process_table_writer, GRANT_process_table));
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        GUARD(open_engine(resources, slot));
    GUARD(open_wake(&grants[GRANT_wake_engine]));
    GUARD(open_wake(&grants[GRANT_wake_control]));
    GUARD(open_counters(resources));
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        GUARD(counters_map(resources->counters[engine_role(slot)],
                           &resources->engine_counters[slot]));

    int tree;
    GUARD(tree_create(&tree));
    struct result result = tree_map(tree, true, &resources->tree);
    if (result_is_ok(result))
        result = shared_memory_reopen_readonly(tree, &grants[GRANT_tree]);
    close(tree);
    return result;
}

/* --- folders and the socket ------------------------------------------------------------------- */

static RESULT open_folder(const char *path, int *ret_fd, struct explanation *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return explain_errno(why, "cannot open the folder %s", path);
    *ret_fd = fd;
    return RESULT_OK;
}

static RESULT open_folders(struct resources *resources, const struct paths *paths,
                           struct explanation *why)
{
    int *grants = resources->grants;
    GUARD(paths_make_folder(paths->run, 0755, why));
    GUARD(paths_make_folder(paths->configuration, 0755, why));
    GUARD(paths_make_folder(paths->local_rules, 0755, why));
    GUARD(paths_make_folder(paths->log, 0750, why));
    GUARD(open_folder(paths->configuration, &grants[GRANT_directory_configuration], why));
    GUARD(open_folder(paths->local_rules, &grants[GRANT_directory_local_rules], why));
    GUARD(open_folder(paths->log, &grants[GRANT_directory_log], why));
    uid_t control = (uid_t)(AGENT_UID_BASE + role_row(ROLE_control)->uid_offset);
    /* On a read-only disk the folder stays whose it is; control then says that it cannot write. */
    if (fchown(grants[GRANT_directory_log], control, control) != 0 && errno != EROFS)
        return explain_errno(why, "cannot give %s to the user of creance-control", paths->log);
    /* No vendor rules is no reason not to start: `status` shows that no rule is loaded. */
    result_ignore(open_folder(paths->vendor_rules, &grants[GRANT_directory_vendor_rules], NULL));
    return RESULT_OK;
}

static RESULT open_socket(const char *path, int *ret_fd, struct explanation *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    /* Through the folder's descriptor, a path of any length fits into the address. */
    const char *name = strrchr(path, '/') + 1;
    char folder[LIMIT_PATH_BYTES];
    (void)string_format(folder, sizeof folder, "%.*s", (int)(name - path), path);
    int folder_fd;
    GUARD(open_folder(folder, &folder_fd, why));
    (void)unlinkat(folder_fd, name, 0);
    (void)string_format(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s",
                        folder_fd, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0
                    && listen(fd, LIMIT_CONTROL_CLIENTS) == 0;
    int failure = errno;
    (void)umask(before);
    close(folder_fd);
    if (!is_bound) {
        if (fd >= 0)
            close(fd);
        errno = failure;
        return explain_errno(why, "cannot listen at %s", path);
    }
    *ret_fd = fd;
    return RESULT_OK;
}

/* --- everything ------------------------------------------------------------------------------- */

/* The kernel's own name of this boot: 32 hexadecimal digits with dashes. */
static RESULT read_boot_id(struct resources *resources)
{
    static const char HEXADECIMAL[] = "0123456789abcdef";
    char text[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return result_from_errno();
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    uint64_t halves[2] = {0, 0};
    unsigned digits = 0;
    for (ssize_t i = 0; i < size && digits < 32; i++) {
        const char *place = text[i] == '\0' ? NULL : strchr(HEXADECIMAL, text[i]);
        if (place == NULL)
            continue; /* a dash */
        halves[digits / 16] = halves[digits / 16] << 4 | (uint64_t)(place - HEXADECIMAL);
        digits++;
    }
    resources->boot_id_high = halves[0];
    resources->boot_id_low = halves[1];
    return digits == 32 ? RESULT_OK : result_fail(ERROR_FORMAT);
}

RESULT resources_open(struct resources *resources, const struct paths *paths,
                      struct explanation *why)
{
    *resources = (struct resources){.probes = PROBE_SET_ALL};
    for (size_t i = 0; i < LINKS_MAX; i++)
        resources->links[i] = -1;
    for (size_t i = 0; i < GRANT_COUNT; i++) {
        resources->grants[i] = -1;
        for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
            resources->engines[slot][i] = -1;
    }
    for (size_t i = 0; i < ROLE_COUNT; i++)
        resources->counters[i] = -1;
    if (getrandom(&resources->epoch, sizeof resources->epoch, 0) != sizeof resources->epoch)
        return explain_errno(why, "no random numbers from the kernel");
    struct result result = read_boot_id(resources);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot read /proc/sys/kernel/random/boot_id: %s",
                       result_text(result));
    result = open_memory(resources);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot make the shared memory: %s",
                       result_text(result));
    GUARD(open_folders(resources, paths, why));
    return open_socket(paths->control_socket, &resources->grants[GRANT_control_socket], why);
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

void resources_keep_link(struct resources *resources, uint32_t probe, int fd)
{
    if (probe >= LINKS_MAX || resources->links[probe] >= 0) {
        close(fd);
        return;
    }
    resources->links[probe] = fd;
    resources->link_count++;
}

void resources_drop_link(struct resources *resources, uint32_t probe)
{
    if (probe >= LINKS_MAX || resources->links[probe] < 0)
        return;
    close_all(&resources->links[probe], 1);
    resources->link_count--;
}

void resources_drop_kernel(struct resources *resources)
{
    close_all(resources->links, LINKS_MAX);
    resources->link_count = 0;
    close_all(&resources->grants[GRANT_kernel_ring], 1);
    close_all(&resources->grants[GRANT_kernel_counters], 1);
    close_all(&resources->grants[GRANT_kernel_ignored], 1);
}

void resources_close(struct resources *resources, const struct paths *paths)
{
    if (resources->grants[GRANT_control_socket] >= 0)
        (void)unlink(paths->control_socket);
    resources_drop_kernel(resources);
    close_all(resources->grants, GRANT_COUNT);
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        close_all(resources->engines[slot], GRANT_COUNT);
    close_all(resources->counters, ROLE_COUNT);
}

/* --- handing over ----------------------------------------------------------------------------- */

static RESULT hand(int socket, enum grant grant, int fd)
{
    const struct message message = {
        .type = MESSAGE_grant, .fd = fd, .grant = {.grant = (uint32_t)grant}};
    return channel_send(socket, &message);
}

/* An iterator shows what runs when it is read, so each sensor gets a new one. A kernel that has
 * none costs the snapshot only. */
static RESULT hand_snapshot(const struct resources *resources, int socket)
{
    int link = resources->links[PROBE_snapshot];
    if (link < 0)
        link = resources->links[PROBE_snapshot_plain];
    int iterator;
    if (link < 0 || !result_is_ok(loader_snapshot_open(link, &iterator)))
        return RESULT_OK;
    struct result result = hand(socket, GRANT_kernel_snapshot, iterator);
    close(iterator);
    return result;
}

RESULT resources_hand_over(struct resources *resources, enum role role, int socket,
                           struct explanation *why)
{
    struct result result = RESULT_OK;
    if (resources->counters[role] >= 0)
        result = hand(socket, GRANT_own_counters, resources->counters[role]);
    unsigned slot = 0;
    const int *own = role_engine_slot(role, &slot) ? resources->engines[slot] : NULL;
    for (size_t i = 0; i < DUE[role].count && result_is_ok(result); i++) {
        enum grant grant = DUE[role].grants[i];
        int fd = own != NULL && own[grant] >= 0 ? own[grant] : resources->grants[grant];
        if (fd >= 0)
            result = hand(socket, grant, fd);
    }
    if (result_is_ok(result) && role == ROLE_sensor)
        result = hand_snapshot(resources, socket);
    const struct probe_set *probes =
        role == ROLE_probes ? &resources->probes_added : &resources->probes;
    const struct message start = {.type = MESSAGE_start,
                                  .fd = -1,
                                  .start = {.epoch = resources->epoch,
                                            .boot_id_high = resources->boot_id_high,
                                            .boot_id_low = resources->boot_id_low,
                                            .kernel_epoch = resources->kernel_epoch,
                                            .boot_level = resources->boot_level,
                                            .probes_1 = probes->words[0],
                                            .probes_2 = probes->words[1],
                                            .is_trial = resources->is_probe_trial}};
    if (result_is_ok(result))
        result = channel_send(socket, &start);
    if (!result_is_ok(result))
        return explain(why, result.error, "cannot hand %s what it needs: %s",
                       role_row(role)->program, result_text(result));
    return RESULT_OK;
}

RESULT resources_new_trial(struct resources *resources)
{
    close_all(&resources->grants[GRANT_event_cursor], 1);
    return ring_cursor_create(&resources->grants[GRANT_event_cursor]);
}

void resources_ignore(const struct resources *resources, pid_t pid, bool is_ignored)
{
    if (resources->grants[GRANT_kernel_ignored] < 0 || pid <= 0)
        return;
    /* A failure costs a few events about our own log and nothing else. */
    result_ignore(
        loader_ignore(resources->grants[GRANT_kernel_ignored], (uint32_t)pid, is_ignored));
}

uint64_t resources_missed_runs(const struct resources *resources)
{
    uint64_t missed = 0;
    result_ignore(loader_missed_runs(resources->links, PROBE_COUNT, &missed));
    return missed;
}
