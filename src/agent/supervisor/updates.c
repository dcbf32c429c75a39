// SPDX-License-Identifier: Apache-2.0
/*
 * The hands of the update road: what it decides becomes orders to the engines, and what is seen of
 * the engines becomes events of the road. The road calls the hands and they may not call it back:
 * what they find out waits in a queue until updates_work().
 */
#include "agent/process_usage.h"
#include "agent/supervisor/installs.h"
#include "agent/supervisor/updates_state.h"
#include "base/fault.h"
#include "base/paths.h"
#include "update/orders/orders.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { SLOTS_MODE = 0700 };

/* --- names ------------------------------------------------------------------------------------ */

struct release_name release_name_in(const struct lifecycle_release *release)
{
    struct release_name factory = {{0}};
    return release == NULL ? factory : release->name;
}

/* FNV-1a: tells things apart, proves nothing. */
#define MIX_BEGIN UINT64_C(0xcbf29ce484222325)
static uint64_t mix(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* A number for all that engines run together. */
engine_load load_with(const struct updates *updates, unsigned stream, struct release_name name)
{
    uint64_t load = MIX_BEGIN;
    bool is_factory = true;
    for (unsigned i = 0; i < BUNDLE_ENGINE_KINDS; i++) {
        const struct release_name *one = i == stream ? &name : &updates->runs[i].name;
        is_factory = is_factory && release_name_is_factory(*one);
        load = mix(load, one->bytes, sizeof one->bytes);
    }
    return is_factory ? 0 : load | 1;
}

static engine_load load_wanted(const struct updates *updates)
{
    return load_with(updates, STREAM_COUNT, (struct release_name){{0}});
}

RESULT seal_with(const struct updates *updates, unsigned stream, int release, int *ret_sealed)
{
    int releases[BUNDLE_ENGINE_KINDS];
    for (unsigned i = 0; i < BUNDLE_ENGINE_KINDS; i++)
        releases[i] = i == stream ? release : updates->runs[i].sealed;
    return release_set_seal(releases, ret_sealed);
}

bool held_take(struct held *held, const struct road_load *load)
{
    if (held->sealed >= 0)
        close(held->sealed);
    held->name = release_name_in(load->release);
    held->sealed = load->sealed < 0 ? -1 : fcntl(load->sealed, F_DUPFD_CLOEXEC, 0);
    return load->sealed < 0 || held->sealed >= 0;
}

/* --- what waits to be told -------------------------------------------------------------------- */

void tell_later(struct updates *updates, unsigned stream, struct lifecycle_event event)
{
    if (updates->queued == QUEUE_MAX) {
        counter_add(COUNTER_supervisor_updates_untold, 1);
        return;
    }
    updates->queue[updates->queued++] = (struct queued){stream, event};
}

void tell(struct updates *updates, unsigned stream, enum lifecycle_event_type type,
          struct release_name name)
{
    tell_later(updates, stream, (struct lifecycle_event){.type = type, .release = name});
}

void tell_failed(struct updates *updates, unsigned stream, struct release_name name,
                 enum lifecycle_failure failure)
{
    if (fault_is_planted(FAULT_UPDATES_BLIND))
        return;
    tell_later(updates, stream,
               (struct lifecycle_event){
                   .type = LIFECYCLE_EVENT_FAILED, .release = name, .failure = failure});
}

static void tell_queued(struct updates *updates)
{
    while (updates->queued > 0 && updates->road != NULL) {
        struct queued first = updates->queue[0];
        updates->queued--;
        for (size_t i = 0; i < updates->queued; i++)
            updates->queue[i] = updates->queue[i + 1];
        road_tell(updates->road, first.stream, &first.event);
    }
}

/* --- hands ------------------------------------------------------------------------------------ */

static void start_trial(void *context, const struct road_load *load)
{
    trials_start(context, load);
}

/* What a probe set does is not compared with anything: the trial has attached its programs. */
static void start_shadow(void *context, const struct road_load *load)
{
    struct supervisor *supervisor = context;
    if (load->stream == STREAM_PROBES)
        tell(supervisor->updates, STREAM_PROBES, LIFECYCLE_EVENT_SHADOW_PASSED,
             load->release->name);
    else
        trials_shadow(supervisor, load);
}

static void stop_trial(void *context, unsigned stream) { trials_stop(context, stream); }

static bool has_engine(const struct supervisor *supervisor, engine_load load)
{
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        if (supervisor->slots.slots[slot].is_loaded && supervisor->slots.slots[slot].load == load)
            return true;
    return false;
}

static void make_active(struct supervisor *supervisor, const struct road_load *load, bool is_anew)
{
    struct updates *updates = supervisor->updates;
    bool is_tried = trials_is_trying(updates)
                    && release_name_equal(updates->trying.name, release_name_in(load->release));
    if (is_tried)
        trials_forget(updates);
    if (load->stream == STREAM_PROBES) {
        probes_activate(supervisor, load, is_anew);
        return;
    }
    int sealed = -1;
    bool is_held = held_take(&updates->runs[load->stream], load);
    engine_load wanted = load_wanted(updates);
    if (!is_held || !result_is_ok(seal_with(updates, STREAM_COUNT, -1, &sealed))) {
        bool is_there = has_engine(supervisor, wanted);
        counter_add(COUNTER_supervisor_release_sets_failed, 1);
        say("there is no memory for what the engine shall run; %s",
            is_there ? "an engine that has it goes on with it" : "the factory set runs");
        wanted = is_there ? wanted : 0;
    }
    struct engine_orders orders;
    engine_slots_activate(&supervisor->slots, wanted, is_anew && sealed >= 0, &orders);
    if (supervisor->slots.is_fresh) /* it starts with this */
        orders.start[supervisor->slots.active] = true;
    engines_carry_out(supervisor, &orders, sealed);
    if (sealed >= 0)
        close(sealed);
}

static void activate(void *context, const struct road_load *load)
{
    struct supervisor *supervisor = context;
    supervisor->updates->is_from_disk = false;
    make_active(supervisor, load, false);
}

static void start_from_disk(void *context, const struct road_load *load)
{
    struct supervisor *supervisor = context;
    struct updates *updates = supervisor->updates;
    if (load->stream != STREAM_PROBES) {
        updates->is_from_disk = true;
        updates->from_disk_stream = load->stream;
        updates->from_disk = release_name_in(load->release);
    }
    make_active(supervisor, load, true);
}

static void settle(void *context, unsigned stream)
{
    struct supervisor *supervisor = context;
    struct engine_orders orders;
    if (stream == STREAM_PROBES)
        return;
    engine_slots_drop(&supervisor->slots, ENGINE_WARM, &orders);
    engines_carry_out(supervisor, &orders, -1);
}

static void set_level(void *context, enum boot_level level)
{
    struct supervisor *supervisor = context;
    if (supervisor->boot_level == (uint32_t)level)
        return;
    say("boot level: %s: %s", boot_level_word(level), boot_level_text(level));
    notice(supervisor, NOTICE_boot_level, ROLE_supervisor, (uint64_t)level, 0);
    set_boot_level(supervisor, (uint32_t)level);
}

static void say_text(void *context, const char *text)
{
    (void)context;
    say("%s", text);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Of what does not come on the road: the kernel and this program. */
static uint64_t fingerprint(void)
{
    struct utsname system = {0};
    (void)uname(&system);
    uint64_t sum = mix(MIX_BEGIN, system.release, strlen(system.release));
    sum = mix(sum, system.version, strlen(system.version));
    return mix(sum, CREANCE_VERSION, strlen(CREANCE_VERSION));
}

/* Something of this host's own that does not change. */
static uint64_t host_number(void)
{
    char text[64] = "";
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 ? mix(MIX_BEGIN, text, strlen(text)) : 0;
}

/* Root's own, or none: what is in there is believed (slots.h). */
static int open_folder(const char *data, const char *name)
{
    char path[LIMIT_PATH_BYTES];
    struct explanation why;
    if (!string_format(path, sizeof path, "%s/%s", data, name))
        return -1;
    struct result result = paths_make_folder(path, SLOTS_MODE, &why);
    int fd = -1;
    if (result_is_ok(result))
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        say("the folder %s cannot be used: no release can be taken; the factory set runs", path);
    return fd;
}

static RESULT open_road(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    const struct update_settings *settings = &supervisor->options->updates;
    struct road_options options = {
        .disk = disk_system(),
        .folder = updates->folder,
        .clock = clock_system(),
        .hands = {start_trial, start_shadow, stop_trial, activate, start_from_disk, settle,
                  set_level, say_text, supervisor},
        .host = host_number(),
        .fingerprint = fingerprint(),
        .engine = (uint32_t)mix(MIX_BEGIN, CREANCE_VERSION, strlen(CREANCE_VERSION)),
        .stream_count = STREAM_COUNT,
        .lifecycle = settings->lifecycle,
        .admission = settings->admission,
    };
    const uint64_t boot[2] = {supervisor->resources.boot_id_high,
                              supervisor->resources.boot_id_low};
    bytes_copy(options.boot_id, sizeof options.boot_id, boot, sizeof boot);
    return road_open(&options, &updates->road);
}

static bool know_again(void *context, const struct road_offer *offer)
{
    return result_is_ok(road_know(context, offer));
}

void updates_open(struct supervisor *supervisor)
{
    struct updates *updates = calloc(1, sizeof *updates);
    supervisor->updates = updates;
    if (updates == NULL) {
        say("no memory for updates: the factory set runs");
        return;
    }
    const char *data = supervisor->options->paths->data;
    updates->folder = open_folder(data, "updates");
    updates->installs = open_folder(data, ORDERS_FOLDER);
    updates->trying.release = updates->trying.waiting = -1;
    for (unsigned stream = 0; stream < BUNDLE_ENGINE_KINDS; stream++)
        updates->runs[stream].sealed = -1;
    probes_open(supervisor);
    if (!result_is_ok(open_road(supervisor)))
        say("no memory for updates: the factory set runs");
    else if (updates->installs >= 0)
        installs_again(updates->installs, know_again, updates->road);
}

void updates_close(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    if (updates == NULL)
        return;
    road_close(updates->road);
    probes_close(supervisor);
    for (unsigned stream = 0; stream < BUNDLE_ENGINE_KINDS; stream++)
        if (updates->runs[stream].sealed >= 0)
            close(updates->runs[stream].sealed);
    if (updates->folder >= 0)
        close(updates->folder);
    if (updates->installs >= 0)
        close(updates->installs);
    free(updates);
    supervisor->updates = NULL;
}

/* --- what is seen of the engines -------------------------------------------------------------- */

bool find_probation(const struct supervisor *supervisor, unsigned stream,
                    struct release_name *ret_name)
{
    static struct road_status entries[TREE_RELEASES_MAX];
    size_t count = road_status(supervisor->updates->road, entries, TREE_RELEASES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].stream != stream || entries[i].release.state != LIFECYCLE_PROBATION)
            continue;
        *ret_name = entries[i].release.name;
        return true;
    }
    return false;
}

/* Whose fault it is when an engine with this load fails: of what it runs, the one release that is
 * not proven. False: all are, or it is an engine of yesterday. */
static bool find_unproven(const struct supervisor *supervisor, engine_load load,
                          unsigned *ret_stream, struct release_name *ret_name)
{
    const struct updates *updates = supervisor->updates;
    if (updates == NULL || updates->road == NULL || load == 0)
        return false;
    if (load == load_wanted(updates)) {
        for (unsigned stream = 0; stream < BUNDLE_ENGINE_KINDS; stream++) {
            *ret_stream = stream;
            if (find_probation(supervisor, stream, ret_name))
                return true;
        }
        return false;
    }
    if (!trials_is_trying(updates) || updates->trying.load != load)
        return false;
    *ret_stream = updates->trying.stream;
    *ret_name = updates->trying.name;
    return true;
}

bool updates_is_candidate(const struct supervisor *supervisor, unsigned slot)
{
    unsigned stream;
    struct release_name name;
    return slot != supervisor->slots.active
           || find_unproven(supervisor, supervisor->slots.slots[slot].load, &stream, &name);
}

/* Pressure excuses what others cause, not what a release takes itself. */
static bool is_to_blame(struct updates *updates, engine_load load)
{
    bool is_over_budget = updates->is_over_budget;
    updates->is_over_budget = false;
    return load == load_wanted(updates) && (is_over_budget || updates->pressure.is_own);
}

void updates_engine_ended(struct supervisor *supervisor, engine_load load, int wait_status,
                          bool has_hung)
{
    struct updates *updates = supervisor->updates;
    unsigned stream;
    struct release_name name;
    if (updates == NULL)
        return;
    bool is_blamed = is_to_blame(updates, load);
    if (!find_unproven(supervisor, load, &stream, &name))
        return; /* supervision and the breaker deal with it */
    unsigned bits = updates->pressure.bits;
    road_set_pressure(updates->road, is_blamed ? bits & ~(unsigned)PRESSURE_MEMORY : bits);
    tell_failed(updates, stream, name, failure_of(wait_status, has_hung));
    tell_queued(updates); /* back at once: the engine before is warm */
    road_set_pressure(updates->road, bits);
}

void updates_engine_refused(struct supervisor *supervisor, unsigned slot)
{
    unsigned stream;
    struct release_name name;
    if (find_unproven(supervisor, supervisor->slots.slots[slot].load, &stream, &name))
        tell_failed(supervisor->updates, stream, name, LIFECYCLE_FAILURE_LOAD);
}

void updates_engine_loaded(struct supervisor *supervisor, unsigned slot)
{
    if (supervisor->updates != NULL && slot != supervisor->slots.active)
        trials_engine_loaded(supervisor);
}

void updates_switched(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    unsigned active = supervisor->slots.active;
    say("engine %u judges from event %lu on", active + 1,
        (unsigned long)supervisor->tree.periods[supervisor->tree.period_count - 1].from);
    if (updates == NULL || !updates->is_from_disk
        || load_wanted(updates) != supervisor->slots.slots[active].load)
        return;
    updates->is_from_disk = false;
    tell(updates, updates->from_disk_stream, LIFECYCLE_EVENT_DISK_STARTED, updates->from_disk);
}

/* --- each turn -------------------------------------------------------------------------------- */

static void show(struct supervisor *supervisor)
{
    static struct road_status entries[TREE_RELEASES_MAX];
    struct tree *tree = &supervisor->tree;
    size_t count = road_status(supervisor->updates->road, entries, TREE_RELEASES_MAX);
    tree->release_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const struct road_status *entry = &entries[i];
        struct tree_release *shown = &tree->releases[i];
        *shown = (struct tree_release){
            .version = entry->release.version,
            .earliest_wall_s = entry->waits.is_time_known ? entry->earliest.s : 0,
            .stream = entry->stream,
            .state = entry->release.state,
            .failure = entry->release.failure,
            .waits = entry->waits.reasons,
            .attempts = entry->release.attempts,
            .is_urgent = entry->release.is_urgent,
        };
        bytes_copy(shown->name, sizeof shown->name, entry->release.name.bytes,
                   sizeof entry->release.name.bytes);
    }
    tree->boot_level = (uint32_t)road_level(supervisor->updates->road);
    tree->enforcement = LIFECYCLE_ENFORCE_FULL;
    for (unsigned stream = 0; stream < STREAM_COUNT; stream++)
        if (road_enforcement(supervisor->updates->road, stream) == LIFECYCLE_ENFORCE_CUT)
            tree->enforcement = LIFECYCLE_ENFORCE_CUT;
}

/* What root put there itself (installs.h): its word stands for ticket and log. */
static void take_installs(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    struct road_offer offer;
    int sealed = -1;
    struct explanation why = {""};
    if (updates->installs < 0)
        return;
    struct result result = installs_next(updates->installs, &offer, &sealed, &why);
    if (result.error == ERROR_AGAIN)
        return;
    if (result_is_ok(result)) {
        result = road_offer(updates->road, &offer, sealed, &why);
        close(sealed);
    }
    if (!result_is_ok(result)) {
        counter_add(COUNTER_supervisor_offers_refused, 1);
        say("the bundle that was to be installed is refused: %s", why.text);
        notice(supervisor, NOTICE_offer_refused, ROLE_supervisor, 0, 0);
    }
}

#ifdef CREANCE_FAULTS
void updates_give_up(struct supervisor *supervisor)
{
    static struct road_status entries[TREE_RELEASES_MAX];
    struct road *road = supervisor->updates->road;
    size_t count = road_status(road, entries, TREE_RELEASES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct lifecycle_event event = {.type = LIFECYCLE_EVENT_WITHDRAW,
                                              .release = entries[i].release.name};
        road_tell(road, entries[i].stream, &event);
    }
}
#endif

static void carry_out(struct supervisor *supervisor, const struct order *order)
{
    struct road *road = supervisor->updates->road;
    struct lifecycle_event event = {.type = LIFECYCLE_EVENT_ALLOW, .release = order->release};
    switch (order->verb) {
    case ORDER_WITHDRAW:
        if (fault_is_planted(FAULT_ORDERS_ONE_KIND) && order->stream != 0)
            break;
        event.type = LIFECYCLE_EVENT_WITHDRAW;
        road_tell(road, order->stream, &event);
        break;
    case ORDER_ALLOW:
        road_tell(road, order->stream, &event);
        break;
    case ORDER_RESET_LEVEL:
        road_reset_level(road);
        break;
    case ORDER_END:
        break;
    }
}

/* What root ordered (update/orders): what stands becomes part of the policy. */
static void take_orders(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    struct explanation why = {""};
    if (updates->installs < 0)
        return;
    struct standing_orders standing;
    struct result result = standing_orders_read(updates->installs, &standing, &why);
    if (result_is_ok(result)) {
        struct admission_policy policy = supervisor->options->updates.admission;
        standing_orders_apply(&standing, &policy);
        road_set_policy(updates->road, &policy);
        supervisor->tree.is_held = policy.is_held;
        supervisor->tree.is_pinned = policy.is_pinned;
    } else if (!updates->are_orders_damaged) {
        say("%s; what was ordered before stays in force", why.text);
    }
    updates->are_orders_damaged = !result_is_ok(result);
    struct order order;
    result = order_next(updates->installs, &order, &why);
    if (result_is_ok(result))
        carry_out(supervisor, &order);
    else if (result.error != ERROR_AGAIN)
        say("%s", why.text);
}

/* Beside the limit of its address space, which builds with sanitizers cannot have. */
static void watch_memory(const struct supervisor *supervisor, enum role role)
{
    pid_t pid = supervisor->children[role].pid;
    if (pid <= 0 || supervisor->children[role].is_end_ordered)
        return;
    uint64_t used =
        process_usage_read(supervisor->processes, (uint32_t)pid).private_bytes;
    if (used <= (uint64_t)role_row(role)->address_space_mib * MIB)
        return;
    say("%s (pid %d) holds %lu MiB and is killed", role_row(role)->name, (int)pid,
        (unsigned long)(used / MIB));
    if (role == engine_role(supervisor->slots.active))
        supervisor->updates->is_over_budget = true;
    (void)kill(pid, SIGKILL);
}

static void watch_candidates(const struct supervisor *supervisor)
{
    watch_memory(supervisor, ROLE_trial);
    if (supervisor->slots.slots[1 - supervisor->slots.active].use != ENGINE_UNUSED)
        for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
            watch_memory(supervisor, engine_role(slot));
}

/* --- the host under pressure ------------------------------------------------------------------ */

static uint64_t private_bytes(const struct supervisor *supervisor, unsigned slot)
{
    pid_t pid = supervisor->children[engine_role(slot)].pid;
    return pid <= 0 ? 0
                    : process_usage_read(supervisor->processes, (uint32_t)pid).private_bytes;
}

/* What a release in probation takes beyond the one before it, which is warm; 0: nobody can say. */
static uint64_t excess_of_unproven(const struct supervisor *supervisor)
{
    unsigned active = supervisor->slots.active, stream;
    struct release_name name;
    if (supervisor->slots.slots[1 - active].use != ENGINE_WARM
        || !find_unproven(supervisor, supervisor->slots.slots[active].load, &stream, &name))
        return 0;
    uint64_t own = private_bytes(supervisor, active);
    uint64_t before = private_bytes(supervisor, 1 - active);
    return before > 0 && own > before ? own - before : 0;
}

static void look_for_pressure(struct supervisor *supervisor)
{
    static const char *const TEXTS[] = {
        "the host is under no pressure any more",
        "a storm of alerts: far more matches than is usual; what runs stays, enforcement is cut",
        "the host is short of memory: what runs stays, enforcement is cut, nothing new is tried",
        "the host is short of memory, and in a storm of alerts: what runs stays",
    };
    struct updates *updates = supervisor->updates;
    struct memory_usage memory = memory_usage_read(supervisor->processes);
    if (fault_is_planted(FAULT_MEMORY_SHORT))
        memory.available_bytes = 0;
    unsigned active = supervisor->slots.active, before = updates->pressure.bits;
    if (memory.total_bytes == 0)
        counter_add(COUNTER_supervisor_memory_unread, 1);
    const struct pressure_sample sample = {
        .memory_total = memory.total_bytes,
        .memory_available = memory.available_bytes,
        .excess = excess_of_unproven(supervisor),
        .matches =
            counters_read(supervisor->resources.engine_counters[active], COUNTER_engine_matches),
        .is_other_engine = active != updates->counted_slot,
    };
    updates->counted_slot = active;
    unsigned bits = pressure_second(&updates->pressure, &sample);
    if (bits != before)
        say("%s", TEXTS[bits & (PRESSURE_STORM | PRESSURE_MEMORY)]);
    road_set_pressure(updates->road, bits);
    supervisor->tree.pressure = bits;
}

/* --- and each turn ---------------------------------------------------------------------------- */

void updates_work(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    if (updates == NULL || updates->road == NULL)
        return;
    watch_candidates(supervisor);
    probes_work(supervisor);
    tell_queued(updates);
    uint64_t now = now_ns();
    if (now < updates->next_second_ns)
        return;
    updates->next_second_ns = now + NS_PER_S;
    look_for_pressure(supervisor);
    take_orders(supervisor);
    take_installs(supervisor);
    trials_work(supervisor);
    road_tick(updates->road);
    tell_queued(updates);
    show(supervisor);
}

/* --- what arrives ----------------------------------------------------------------------------- */

RESULT updates_offer(struct supervisor *supervisor, const struct road_offer *offer, int sealed,
                     struct explanation *why)
{
    struct updates *updates = supervisor->updates;
    if (updates == NULL || updates->road == NULL)
        return explain(why, ERROR_STATE, "there is no road for it: the factory set runs");
    struct result result = road_offer(updates->road, offer, sealed, why);
    tell_queued(updates);
    return result;
}

void updates_halts(struct supervisor *supervisor, const struct halt_news *news)
{
    struct updates *updates = supervisor->updates;
    if (updates == NULL || updates->road == NULL)
        return;
    if (road_halts(updates->road, news) == HALT_TAKEN)
        say("list %llu of halts of partner %u is in force: %u rows",
            (unsigned long long)news->number, news->partner + 1, news->count);
}

void updates_set_partners(struct supervisor *supervisor, unsigned partner_bits,
                          uint8_t lift_quorum, bool is_change)
{
    struct updates *updates = supervisor->updates;
    const struct lifecycle_event changed = {.type = LIFECYCLE_EVENT_ANCHORS_CHANGED};
    if (updates == NULL || updates->road == NULL)
        return;
    road_set_partners(updates->road, partner_bits, lift_quorum);
    if (is_change)
        road_tell(updates->road, 0, &changed);
}

void updates_set_log_silent(struct supervisor *supervisor, bool is_silent)
{
    struct updates *updates = supervisor->updates;
    if (updates != NULL && updates->road != NULL)
        road_set_log_silent(updates->road, is_silent);
}
