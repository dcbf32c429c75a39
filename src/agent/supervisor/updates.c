// SPDX-License-Identifier: Apache-2.0
/*
 * The hands of the update road: what it decides becomes orders to the engines, and what is seen of
 * the engines becomes events of the road. The road calls the hands and they may not call it back:
 * what they find out waits in a queue until updates_work().
 */
#include "agent/process_usage.h"
#include "agent/supervisor/installs.h"
#include "agent/supervisor/supervisor_state.h"
#include "agent/trial.h"
#include "base/bytes.h"
#include "base/fault.h"
#include "base/paths.h"
#include "update/orders/orders.h"
#include "update/road/road.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STREAM_RULES = 0,
    STREAM_COUNT = 1, /* probe set, policy and agent binaries come as streams of their own */
    QUEUE_MAX = 16,
    /* A shadow fails for more matches than this, and more than so many times the active one's. */
    SHADOW_MATCHES_FREE = 1000,
    SHADOW_MATCHES_TIMES = 10,
    /* and for more CPU than this share of a core and so many times the active one's. */
    SHADOW_CPU_FREE_PERCENT = 10,
    SHADOW_CPU_TIMES = 5,
    SLOTS_MODE = 0700,
};

struct queued {
    unsigned stream;
    struct lifecycle_event event;
};

/* What the active engine and the shadow had used when the shadow began to judge. */
struct shadow_base {
    uint64_t since_ns;
    uint64_t matches[ENGINE_SLOTS];
    uint64_t cpu_ticks[ENGINE_SLOTS];
};

struct updates {
    struct road *road;
    int folder;       /* of the slots; -1: none */
    int installs;     /* what the administrator hands over and orders; -1: none */
    bool are_orders_damaged; /* and that was said */
    struct queued queue[QUEUE_MAX];
    size_t queued;
    uint64_t next_second_ns;
    /* what is being tried beside the active engine; the name of the factory set: nothing */
    struct release_name tried;
    bool is_trial;
    int trial_release; /* sealed; -1: none */
    bool has_verdict;
    struct shadow_base base;
    bool is_shadow_judging;
    struct release_name from_disk; /* started anew, to see whether it starts from its slot */
    bool is_from_disk;
};

/* --- names ------------------------------------------------------------------------------------ */

static engine_load load_of(struct release_name name)
{
    if (release_name_is_factory(name))
        return 0;
    uint64_t load;
    bytes_copy(&load, sizeof load, name.bytes, sizeof load);
    return load | 1;
}

static struct release_name name_of(const struct lifecycle_release *release)
{
    struct release_name factory = {{0}};
    return release == NULL ? factory : release->name;
}

/* --- what waits to be told -------------------------------------------------------------------- */

static void tell_later(struct updates *updates, unsigned stream, struct lifecycle_event event)
{
    if (updates->queued == QUEUE_MAX) {
        counter_add(COUNTER_supervisor_updates_untold, 1);
        return;
    }
    updates->queue[updates->queued++] = (struct queued){stream, event};
}

static void tell_failed(struct updates *updates, struct release_name name,
                        enum lifecycle_failure failure)
{
    if (fault_is_planted(FAULT_UPDATES_BLIND))
        return;
    tell_later(updates, STREAM_RULES,
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

static unsigned second_slot(const struct supervisor *supervisor)
{
    return 1 - supervisor->slots.active;
}

static void forget_tried(struct updates *updates)
{
    updates->tried = (struct release_name){{0}};
    updates->is_trial = false;
    updates->is_shadow_judging = false;
}

static bool is_tried(const struct updates *updates)
{
    return !release_name_is_factory(updates->tried);
}

static void tell_trial_passed(struct updates *updates)
{
    tell_later(updates, STREAM_RULES,
               (struct lifecycle_event){.type = LIFECYCLE_EVENT_TRIAL_PASSED,
                                        .release = updates->tried});
}

/* A trial that cannot be started is the host's fault, not the release's. */
static void tell_cannot_try(struct updates *updates, const char *why)
{
    say("the trial of a release cannot be started: %s", why);
    tell_later(updates, STREAM_RULES,
               (struct lifecycle_event){.type = LIFECYCLE_EVENT_ENVIRONMENT,
                                        .release = updates->tried});
}

static void close_trial(struct updates *updates)
{
    if (updates->trial_release >= 0)
        close(updates->trial_release);
    updates->trial_release = -1;
    updates->has_verdict = false;
}

static void start_trial(void *context, const struct road_load *load)
{
    struct supervisor *supervisor = context;
    struct updates *updates = supervisor->updates;
    struct explanation why = {"its place in the event ring cannot be made"};
    close_trial(updates);
    updates->tried = name_of(load->release);
    updates->is_trial = true;
    if (fault_is_planted(FAULT_TRIAL_OFF)) {
        tell_trial_passed(updates);
        return;
    }
    updates->trial_release = fcntl(load->sealed, F_DUPFD_CLOEXEC, 0);
    if (updates->trial_release < 0 || supervisor->children[ROLE_trial].pid != 0)
        tell_cannot_try(updates, "the one before has not ended");
    else if (!result_is_ok(resources_new_trial(&supervisor->resources))
             || !result_is_ok(launch_child(supervisor, ROLE_trial, &why)))
        tell_cannot_try(updates, why.text);
}

static void start_shadow(void *context, const struct road_load *load)
{
    struct supervisor *supervisor = context;
    struct updates *updates = supervisor->updates;
    updates->tried = name_of(load->release);
    updates->is_trial = false;
    updates->is_shadow_judging = false;
    struct engine_orders orders;
    engine_slots_shadow(&supervisor->slots, load_of(updates->tried), &orders);
    engines_carry_out(supervisor, &orders, load->sealed);
}

static void stop_trial(void *context, unsigned stream)
{
    struct supervisor *supervisor = context;
    (void)stream;
    forget_tried(supervisor->updates);
    close_trial(supervisor->updates);
    end_child(supervisor, ROLE_trial);
    struct engine_orders orders;
    engine_slots_drop(&supervisor->slots, ENGINE_SHADOW, &orders);
    engines_carry_out(supervisor, &orders, -1);
}

static void make_active(struct supervisor *supervisor, const struct road_load *load, bool is_anew)
{
    struct updates *updates = supervisor->updates;
    if (release_name_equal(updates->tried, name_of(load->release)))
        forget_tried(updates);
    struct engine_orders orders;
    engine_slots_activate(&supervisor->slots, load_of(name_of(load->release)), is_anew, &orders);
    if (supervisor->slots.is_fresh) /* it starts with this */
        orders.start[supervisor->slots.active] = true;
    engines_carry_out(supervisor, &orders, load->sealed);
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
    supervisor->updates->is_from_disk = true;
    supervisor->updates->from_disk = name_of(load->release);
    make_active(supervisor, load, true);
}

static void settle(void *context, unsigned stream)
{
    struct supervisor *supervisor = context;
    (void)stream;
    struct engine_orders orders;
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

static uint64_t mix(uint64_t sum, const char *text)
{
    for (; *text != '\0'; text++)
        sum = (sum ^ (uint8_t)*text) * UINT64_C(0x100000001b3); /* FNV-1a */
    return sum;
}

/* Of what does not come on the road: the kernel and this program. */
static uint64_t fingerprint(void)
{
    struct utsname system = {0};
    (void)uname(&system);
    uint64_t sum = mix(UINT64_C(0xcbf29ce484222325), system.release);
    return mix(mix(sum, system.version), CREANCE_VERSION);
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
    return size > 0 ? mix(UINT64_C(0xcbf29ce484222325), text) : 0;
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
        .engine = (uint32_t)mix(UINT64_C(0xcbf29ce484222325), CREANCE_VERSION),
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
    updates->trial_release = -1;
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
    if (updates->folder >= 0)
        close(updates->folder);
    if (updates->installs >= 0)
        close(updates->installs);
    free(updates);
    supervisor->updates = NULL;
}

/* --- the shadow ------------------------------------------------------------------------------- */

static uint64_t cpu_ticks(const struct supervisor *supervisor, unsigned slot)
{
    pid_t pid = supervisor->children[engine_role(slot)].pid;
    return pid > 0 ? process_usage_read(supervisor->processes, (uint32_t)pid).cpu_ticks : 0;
}

static struct shadow_base look_at_both(const struct supervisor *supervisor)
{
    struct shadow_base now = {.since_ns = now_ns()};
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++) {
        now.matches[slot] = counters_read(supervisor->resources.engine_counters[slot],
                                          COUNTER_engine_matches);
        now.cpu_ticks[slot] = cpu_ticks(supervisor, slot);
    }
    return now;
}

/* What the shadow did beside the active engine; LIFECYCLE_FAILURE_NONE: nothing unusual. */
static enum lifecycle_failure judge_shadow(const struct supervisor *supervisor)
{
    const struct shadow_base *base = &supervisor->updates->base;
    struct shadow_base now = look_at_both(supervisor);
    unsigned active = supervisor->slots.active, shadow = second_slot(supervisor);
    uint64_t matches = now.matches[shadow] - base->matches[shadow];
    uint64_t normal = now.matches[active] - base->matches[active];
    if (matches > SHADOW_MATCHES_FREE && matches > SHADOW_MATCHES_TIMES * normal)
        return LIFECYCLE_FAILURE_EXCESS;
    double seconds = (double)(now.since_ns - base->since_ns) / (double)NS_PER_S;
    double free_ticks = process_usage_ticks_per_second() * seconds * SHADOW_CPU_FREE_PERCENT / 100;
    uint64_t ticks = now.cpu_ticks[shadow] - base->cpu_ticks[shadow];
    uint64_t usual = now.cpu_ticks[active] - base->cpu_ticks[active];
    if (seconds >= 1 && (double)ticks > free_ticks && ticks > SHADOW_CPU_TIMES * usual)
        return LIFECYCLE_FAILURE_CPU;
    return LIFECYCLE_FAILURE_NONE;
}

static void work_shadow(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    if (!is_tried(updates) || updates->is_trial || !updates->is_shadow_judging)
        return;
    enum lifecycle_failure failure = judge_shadow(supervisor);
    uint64_t since_ns = updates->base.since_ns;
    if (failure != LIFECYCLE_FAILURE_NONE) {
        updates->is_shadow_judging = false;
        tell_failed(updates, updates->tried, failure);
    } else if (now_ns() - since_ns >= supervisor->options->updates.shadow_s * NS_PER_S) {
        updates->is_shadow_judging = false;
        tell_later(updates, STREAM_RULES,
                   (struct lifecycle_event){.type = LIFECYCLE_EVENT_SHADOW_PASSED,
                                            .release = updates->tried});
    }
}

/* --- the trial -------------------------------------------------------------------------------- */

static enum lifecycle_failure failure_of(int wait_status, bool has_hung)
{
    if (has_hung)
        return LIFECYCLE_FAILURE_HANG;
    /* Not by its own deed and not by ours: the kernel's, for memory, in nearly all cases. */
    bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
    return is_killed ? LIFECYCLE_FAILURE_MEMORY : LIFECYCLE_FAILURE_CRASH;
}

void updates_trial_ready(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    const struct rules *rules =
        supervisor->good.fd >= 0 ? &supervisor->good : &supervisor->candidate;
    int socket = supervisor->children[ROLE_trial].socket;
    const struct message release = {.type = MESSAGE_release, .fd = updates->trial_release};
    const struct message pack = {.type = MESSAGE_rules, .fd = rules->fd};
    bool is_sent = updates->trial_release >= 0 && rules->fd >= 0
                   && result_is_ok(channel_send(socket, &release))
                   && result_is_ok(channel_send(socket, &pack));
    if (is_sent)
        return;
    end_child(supervisor, ROLE_trial);
    tell_cannot_try(updates, rules->fd < 0 ? "no rules were loaded yet" : "it does not listen");
}

void updates_trial_verdict(struct supervisor *supervisor,
                           const struct message_trial_verdict *verdict)
{
    static const enum lifecycle_failure FAILURES[] = {
#define TRIAL_FAILURE(id, failure, text) [TRIAL_##id] = LIFECYCLE_FAILURE_##failure,
        TRIAL_VERDICTS(TRIAL_FAILURE)
#undef TRIAL_FAILURE
    };
    static const char *const TEXTS[] = {
#define TRIAL_TEXT(id, failure, text) [TRIAL_##id] = text,
        TRIAL_VERDICTS(TRIAL_TEXT)
#undef TRIAL_TEXT
    };
    struct updates *updates = supervisor->updates;
    uint32_t which = verdict->verdict < TRIAL_VERDICT_COUNT ? verdict->verdict : TRIAL_FORM;
    updates->has_verdict = true;
    say("trial: %s (%lu own tests, %lu matches in the last %lu events of this host)", TEXTS[which],
        (unsigned long)verdict->tests, (unsigned long)verdict->matches,
        (unsigned long)verdict->events);
    if (which != TRIAL_PASSED) {
        tell_failed(updates, updates->tried, FAILURES[which]);
        return;
    }
    tell_trial_passed(updates);
}

/* Without a verdict: it died of what it tried. */
void updates_trial_ended(struct supervisor *supervisor, int wait_status)
{
    struct updates *updates = supervisor->updates;
    bool has_verdict = updates->has_verdict;
    close_trial(updates);
    if (has_verdict || !updates->is_trial || !is_tried(updates))
        return;
    bool was_cpu = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGXCPU;
    say("the trial of a release died: %s %d", WIFSIGNALED(wait_status) ? "signal" : "exit code",
        WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
    tell_failed(updates, updates->tried,
                was_cpu ? LIFECYCLE_FAILURE_CPU : failure_of(wait_status, false));
}

/* --- what is seen of the engines -------------------------------------------------------------- */

static const struct lifecycle_release *running(const struct supervisor *supervisor,
                                               struct road_status *entries, size_t count,
                                               engine_load load)
{
    size_t found = road_status(supervisor->updates->road, entries, count);
    for (size_t i = 0; i < found; i++)
        if (load_of(entries[i].release.name) == load)
            return &entries[i].release;
    return NULL;
}

/* The release of this number, with its state; NULL: the factory set, or one that is forgotten. */
static const struct lifecycle_release *release_of(const struct supervisor *supervisor,
                                                  engine_load load)
{
    static struct road_status entries[TREE_RELEASES_MAX];
    if (load == 0 || supervisor->updates == NULL || supervisor->updates->road == NULL)
        return NULL;
    return running(supervisor, entries, TREE_RELEASES_MAX, load);
}

bool updates_is_candidate(const struct supervisor *supervisor, unsigned slot)
{
    if (slot != supervisor->slots.active)
        return true;
    const struct lifecycle_release *release =
        release_of(supervisor, supervisor->slots.slots[slot].load);
    return release != NULL && release->state != LIFECYCLE_GOOD;
}

void updates_engine_ended(struct supervisor *supervisor, engine_load load, int wait_status,
                          bool has_hung)
{
    const struct lifecycle_release *release = release_of(supervisor, load);
    if (release == NULL || release->state == LIFECYCLE_GOOD)
        return; /* supervision and the breaker deal with it */
    tell_failed(supervisor->updates, release->name, failure_of(wait_status, has_hung));
    tell_queued(supervisor->updates); /* back at once: the engine before is warm */
}

void updates_engine_refused(struct supervisor *supervisor, unsigned slot)
{
    const struct lifecycle_release *release =
        release_of(supervisor, supervisor->slots.slots[slot].load);
    if (release != NULL)
        tell_failed(supervisor->updates, release->name, LIFECYCLE_FAILURE_LOAD);
}

void updates_engine_loaded(struct supervisor *supervisor, unsigned slot)
{
    struct updates *updates = supervisor->updates;
    if (updates == NULL || slot == supervisor->slots.active || !is_tried(updates))
        return;
    updates->base = look_at_both(supervisor);
    updates->is_shadow_judging = true;
}

void updates_switched(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    unsigned active = supervisor->slots.active;
    say("engine %u judges from event %lu on", active + 1,
        (unsigned long)supervisor->tree.periods[supervisor->tree.period_count - 1].from);
    if (updates == NULL || !updates->is_from_disk
        || load_of(updates->from_disk) != supervisor->slots.slots[active].load)
        return;
    updates->is_from_disk = false;
    tell_later(updates, STREAM_RULES,
               (struct lifecycle_event){.type = LIFECYCLE_EVENT_DISK_STARTED,
                                        .release = updates->from_disk});
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
    tree->enforcement = (uint32_t)road_enforcement(supervisor->updates->road, STREAM_RULES);
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

static void carry_out(struct supervisor *supervisor, const struct order *order)
{
    struct road *road = supervisor->updates->road;
    struct lifecycle_event event = {.type = LIFECYCLE_EVENT_ALLOW, .release = order->release};
    switch (order->verb) {
    case ORDER_WITHDRAW:
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
    (void)kill(pid, SIGKILL);
}

static void watch_candidates(const struct supervisor *supervisor)
{
    watch_memory(supervisor, ROLE_trial);
    if (supervisor->slots.slots[second_slot(supervisor)].use != ENGINE_UNUSED)
        for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
            watch_memory(supervisor, engine_role(slot));
}

void updates_work(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    if (updates == NULL || updates->road == NULL)
        return;
    watch_candidates(supervisor);
    tell_queued(updates);
    uint64_t now = now_ns();
    if (now < updates->next_second_ns)
        return;
    updates->next_second_ns = now + NS_PER_S;
    take_orders(supervisor);
    take_installs(supervisor);
    work_shadow(supervisor);
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
        road_tell(updates->road, STREAM_RULES, &changed);
}

void updates_set_log_silent(struct supervisor *supervisor, bool is_silent)
{
    struct updates *updates = supervisor->updates;
    if (updates != NULL && updates->road != NULL)
        road_set_log_silent(updates->road, is_silent);
}
