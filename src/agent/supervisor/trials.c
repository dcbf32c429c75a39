// SPDX-License-Identifier: Apache-2.0
/*
 * What is tried beside what runs: in a process of its own (creance-trial), then by a second engine
 * that judges live events and whose matches only count (the shadow).
 */
#include "agent/process_usage.h"
#include "agent/supervisor/updates_state.h"
#include "agent/trial.h"
#include "base/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    /* A shadow fails for more matches than this, and more than so many times the active one's. */
    SHADOW_MATCHES_FREE = 1000,
    SHADOW_MATCHES_TIMES = 10,
    /* and for more CPU than this share of a core and so many times the active one's. */
    SHADOW_CPU_FREE_PERCENT = 10,
    SHADOW_CPU_TIMES = 5,
    READING_MAX_S = 60, /* of the probe set in force: nothing of the road watches over that */
};

bool trials_is_trying(const struct updates *updates)
{
    return !release_name_is_factory(updates->trying.name);
}

static void close_release(struct trying *trying)
{
    if (trying->release >= 0)
        close(trying->release);
    trying->release = -1;
    trying->has_verdict = false;
}

static void close_waiting(struct trying *trying)
{
    if (trying->waiting >= 0)
        close(trying->waiting);
    trying->waiting = -1;
}

void trials_forget(struct updates *updates)
{
    updates->trying.name = (struct release_name){{0}};
    updates->trying.is_shadow = false;
    updates->trying.is_judging = false;
    close_waiting(&updates->trying);
}

static void tell_passed(struct updates *updates)
{
    tell(updates, updates->trying.stream, LIFECYCLE_EVENT_TRIAL_PASSED, updates->trying.name);
}

/* A trial that cannot be started is the host's fault, not the release's. */
static void tell_cannot_try(struct updates *updates, const char *why)
{
    say("the trial of a release cannot be started: %s", why);
    tell(updates, updates->trying.stream, LIFECYCLE_EVENT_ENVIRONMENT, updates->trying.name);
}

static void begin(struct updates *updates, const struct road_load *load)
{
    struct release_name name = release_name_in(load->release);
    updates->trying.stream = load->stream;
    updates->trying.name = name;
    updates->trying.is_shadow = false;
    updates->trying.is_judging = false;
    close_waiting(&updates->trying);
    updates->trying.load =
        load->stream < BUNDLE_ENGINE_KINDS ? load_with(updates, load->stream, name) : 0;
}

/* What the trial's process gets: of engines' kinds all that will run, else the release alone. */
static RESULT seal_for_trial(const struct updates *updates, const struct road_load *load,
                             int *ret_sealed)
{
    if (load->stream < BUNDLE_ENGINE_KINDS)
        return seal_with(updates, load->stream, load->sealed, ret_sealed);
    *ret_sealed = fcntl(load->sealed, F_DUPFD_CLOEXEC, 0);
    return *ret_sealed >= 0 ? RESULT_OK : result_from_errno();
}

RESULT trials_launch(struct supervisor *supervisor, int release, struct explanation *why)
{
    struct trying *trying = &supervisor->updates->trying;
    close_release(trying);
    trying->release = fcntl(release, F_DUPFD_CLOEXEC, 0);
    if (trying->release < 0)
        return explain_errno(why, "its memory cannot be kept");
    struct result result = resources_new_trial(&supervisor->resources);
    if (!result_is_ok(result))
        return explain(why, result.error, "its place in the event ring cannot be made");
    trying->launched_ns = now_ns();
    return launch_child(supervisor, ROLE_trial, why);
}

/* As soon as the process before has ended. */
static void launch_waiting(struct supervisor *supervisor)
{
    struct trying *trying = &supervisor->updates->trying;
    struct explanation why;
    if (trying->waiting < 0 || supervisor->children[ROLE_trial].pid != 0)
        return;
    struct result result = trials_launch(supervisor, trying->waiting, &why);
    close_waiting(trying);
    if (!result_is_ok(result))
        tell_cannot_try(supervisor->updates, why.text);
}

void trials_start(struct supervisor *supervisor, const struct road_load *load)
{
    struct updates *updates = supervisor->updates;
    begin(updates, load);
    if (fault_is_planted(FAULT_TRIAL_OFF))
        tell_passed(updates);
    else if (result_is_ok(seal_for_trial(updates, load, &updates->trying.waiting)))
        launch_waiting(supervisor);
    else
        tell_cannot_try(updates, "no memory for what it needs");
}

void trials_shadow(struct supervisor *supervisor, const struct road_load *load)
{
    struct updates *updates = supervisor->updates;
    int sealed = -1;
    begin(updates, load);
    updates->trying.is_shadow = true;
    if (!result_is_ok(seal_with(updates, load->stream, load->sealed, &sealed))) {
        tell_cannot_try(updates, "no memory for what a second engine needs");
        return;
    }
    struct engine_orders orders;
    engine_slots_shadow(&supervisor->slots, updates->trying.load, &orders);
    engines_carry_out(supervisor, &orders, sealed);
    close(sealed);
}

void trials_stop(struct supervisor *supervisor, unsigned stream)
{
    struct updates *updates = supervisor->updates;
    if (!trials_is_trying(updates) || updates->trying.stream != stream)
        return;
    trials_forget(updates);
    if (!updates->probes.is_reading) { /* else the process is not this trial's */
        close_release(&updates->trying);
        end_child(supervisor, ROLE_trial);
    }
    if (stream >= BUNDLE_ENGINE_KINDS) {
        probes_stop_trial(supervisor);
        return;
    }
    struct engine_orders orders;
    engine_slots_drop(&supervisor->slots, ENGINE_SHADOW, &orders);
    engines_carry_out(supervisor, &orders, -1);
}

/* --- the shadow ------------------------------------------------------------------------------- */

static unsigned second_slot(const struct supervisor *supervisor)
{
    return 1 - supervisor->slots.active;
}

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

void trials_engine_loaded(struct supervisor *supervisor)
{
    struct trying *trying = &supervisor->updates->trying;
    if (!trials_is_trying(supervisor->updates) || !trying->is_shadow)
        return;
    trying->base = look_at_both(supervisor);
    trying->is_judging = true;
}

/* What the shadow did beside the active engine; LIFECYCLE_FAILURE_NONE: nothing unusual. */
static enum lifecycle_failure judge_shadow(const struct supervisor *supervisor)
{
    const struct shadow_base *base = &supervisor->updates->trying.base;
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

/* A process that reads the probe set in force and does not end would keep all trials waiting. */
static void end_when_overdue(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    bool is_running = supervisor->children[ROLE_trial].pid != 0
                      && !supervisor->children[ROLE_trial].is_end_ordered;
    uint64_t due_ns = updates->trying.launched_ns + (uint64_t)READING_MAX_S * NS_PER_S;
    if (!is_running || !updates->probes.is_reading || now_ns() < due_ns)
        return;
    counter_add(COUNTER_supervisor_readings_overdue, 1);
    say("the process that reads the probe set in force has not ended after %d s and is ended",
        READING_MAX_S);
    end_child(supervisor, ROLE_trial);
    updates->trying.has_verdict = true; /* its end says nothing more */
    probes_take_read(supervisor, false, NULL);
}

void trials_work(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    struct trying *trying = &updates->trying;
    launch_waiting(supervisor);
    end_when_overdue(supervisor);
    if (!trials_is_trying(updates) || !trying->is_judging)
        return;
    enum lifecycle_failure failure = judge_shadow(supervisor);
    uint64_t watched_ns = now_ns() - trying->base.since_ns;
    if (failure != LIFECYCLE_FAILURE_NONE) {
        trying->is_judging = false;
        tell_failed(updates, trying->stream, trying->name, failure);
    } else if (watched_ns >= supervisor->options->updates.shadow_s * NS_PER_S) {
        trying->is_judging = false;
        tell(updates, trying->stream, LIFECYCLE_EVENT_SHADOW_PASSED, trying->name);
    }
}

/* --- the trial's process ---------------------------------------------------------------------- */

/* What it still says is of what was tried before, and not of what waits by now. */
static bool is_over(const struct supervisor *supervisor)
{
    return supervisor->children[ROLE_trial].is_end_ordered;
}

/* Which kind of release it shall look at. */
static uint32_t tried_kind(const struct updates *updates)
{
    return updates->probes.is_reading ? BUNDLE_PROBES
                                      : bundle_kind_of_stream(updates->trying.stream);
}

void updates_trial_ready(struct supervisor *supervisor)
{
    struct updates *updates = supervisor->updates;
    const struct rules *rules =
        supervisor->good.fd >= 0 ? &supervisor->good : &supervisor->candidate;
    int socket = supervisor->children[ROLE_trial].socket;
    const struct message release = {.type = MESSAGE_release, .fd = updates->trying.release,
                                    .release = {.tried = tried_kind(updates)}};
    bool needs_rules = tried_kind(updates) != BUNDLE_PROBES;
    if (is_over(supervisor))
        return;
    const struct message pack = {.type = MESSAGE_rules,
                                 .fd = needs_rules ? rules->fd : updates->trying.release};
    bool is_sent = release.fd >= 0 && pack.fd >= 0 && result_is_ok(channel_send(socket, &release))
                   && result_is_ok(channel_send(socket, &pack));
    if (is_sent)
        return;
    end_child(supervisor, ROLE_trial);
    if (updates->probes.is_reading)
        probes_take_read(supervisor, false, NULL);
    else
        tell_cannot_try(updates, pack.fd < 0 ? "no rules were loaded yet" : "it does not listen");
}

static void take_verdict(struct supervisor *supervisor, uint32_t which,
                         const struct message_trial_verdict *verdict)
{
    static const enum lifecycle_failure FAILURES[] = {
#define TRIAL_FAILURE(id, failure, text) [TRIAL_##id] = LIFECYCLE_FAILURE_##failure,
        TRIAL_VERDICTS(TRIAL_FAILURE)
#undef TRIAL_FAILURE
    };
    struct updates *updates = supervisor->updates;
    const struct probe_set set = {{verdict->probes_1, verdict->probes_2}};
    if (updates->probes.is_reading)
        probes_take_read(supervisor, which == TRIAL_PASSED, &set);
    else if (which != TRIAL_PASSED)
        tell_failed(updates, updates->trying.stream, updates->trying.name, FAILURES[which]);
    else if (updates->trying.stream == STREAM_PROBES)
        probes_try(supervisor, &set);
    else
        tell_passed(updates);
}

void updates_trial_verdict(struct supervisor *supervisor,
                           const struct message_trial_verdict *verdict)
{
    static const char *const TEXTS[] = {
#define TRIAL_TEXT(id, failure, text) [TRIAL_##id] = text,
        TRIAL_VERDICTS(TRIAL_TEXT)
#undef TRIAL_TEXT
    };
    struct updates *updates = supervisor->updates;
    if (is_over(supervisor))
        return;
    uint32_t which = verdict->verdict < TRIAL_VERDICT_COUNT ? verdict->verdict : TRIAL_FORM;
    updates->trying.has_verdict = true;
    if (!updates->probes.is_reading)
        say("trial: %s (%lu own tests, %lu matches in the last %lu events of this host)",
            TEXTS[which], (unsigned long)verdict->tests, (unsigned long)verdict->matches,
            (unsigned long)verdict->events);
    take_verdict(supervisor, which, verdict);
}

enum lifecycle_failure failure_of(int wait_status, bool has_hung)
{
    if (has_hung)
        return LIFECYCLE_FAILURE_HANG;
    /* Not by its own deed and not by ours: the kernel's, for memory, in nearly all cases. */
    bool is_killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
    return is_killed ? LIFECYCLE_FAILURE_MEMORY : LIFECYCLE_FAILURE_CRASH;
}

/* Without a verdict: it died of what it tried. */
void updates_trial_ended(struct supervisor *supervisor, int wait_status)
{
    struct updates *updates = supervisor->updates;
    bool has_verdict = updates->trying.has_verdict;
    close_release(&updates->trying);
    if (has_verdict)
        return;
    if (updates->probes.is_reading) {
        probes_take_read(supervisor, false, NULL);
        return;
    }
    if (!trials_is_trying(updates) || updates->trying.is_shadow)
        return;
    bool was_cpu = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGXCPU;
    say("the trial of a release died: %s %d", WIFSIGNALED(wait_status) ? "signal" : "exit code",
        WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
    tell_failed(updates, updates->trying.stream, updates->trying.name,
                was_cpu ? LIFECYCLE_FAILURE_CPU : failure_of(wait_status, false));
}
