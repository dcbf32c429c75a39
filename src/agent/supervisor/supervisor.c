// SPDX-License-Identifier: Apache-2.0
#include "agent/supervisor/supervisor.h"

#include "agent/process_usage.h"
#include "agent/supervisor/spawn.h"
#include "agent/supervisor/supervisor_state.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "sensor/loader.h"
#include "update/lifecycle/boot_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STOP_WAIT_MS = 3000,
    MESSAGES_PER_TURN = 64,
    MISSED_RUNS_EVERY_MS = 5000,
};

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("creanced: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* --- telling control -------------------------------------------------------------------------- */

static void send_notices(struct supervisor *supervisor)
{
    struct running_child *control = &supervisor->children[ROLE_control];
    size_t sent = 0;
    while (control->pid != 0 && control->phase == PHASE_RUNNING && sent < supervisor->notice_count
           && result_is_ok(channel_send(control->socket, &supervisor->notices[sent])))
        sent++;
    supervisor->notice_count -= sent;
    for (size_t i = 0; i < supervisor->notice_count; i++)
        supervisor->notices[i] = supervisor->notices[i + sent];
}

/* Control writes it into the agent's log. With more waiting than fit, the newest is dropped here:
 * the line on stderr was written before. */
void notice(struct supervisor *supervisor, enum notice notice, enum role role,
                   uint64_t first, uint64_t second)
{
    if (supervisor->notice_count == NOTICES_MAX)
        return;
    supervisor->notices[supervisor->notice_count++] =
        (struct message){.type = MESSAGE_notice,
                         .fd = -1,
                         .notice = {.notice = (uint32_t)notice,
                                    .role = (uint32_t)role,
                                    .first = first,
                                    .second = second}};
    send_notices(supervisor);
}

void publish(struct supervisor *supervisor)
{
    struct tree *tree = &supervisor->tree;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct supervised *state = &supervisor->supervision.children[i];
        tree->children[i].state = (uint32_t)state->state;
        tree->children[i].pid = (uint32_t)supervisor->children[i].pid;
        tree->children[i].restarts = state->restarts;
        tree->children[i].hangs = state->hangs;
    }
    static const enum role PASSING[] = {ROLE_trial, ROLE_probes}; /* not kept running */
    for (size_t i = 0; i < sizeof PASSING / sizeof PASSING[0]; i++)
        if (supervisor->children[PASSING[i]].pid != 0)
            tree->children[PASSING[i]].state = CHILD_RUNNING;
    tree->children[ROLE_supervisor].state = CHILD_RUNNING;
    tree->children[ROLE_supervisor].pid = (uint32_t)getpid();
    const struct breaker *breaker = &supervisor->supervision.breaker;
    tree->rules_off_count = 0;
    for (uint32_t i = 0; i < breaker->count; i++) {
        const struct breaker_row *row = &breaker->rows[i];
        if (row->is_off)
            tree->rules_off[tree->rules_off_count++] =
                (struct tree_rule_off){row->rule, row->until_ns, row->trips};
    }
    tree->events_skipped = supervisor->supervision.events_skipped;
    const struct engine_slots *slots = &supervisor->slots;
    tree->engine_active = slots->active;
    tree->engine_sequence =
        ring_cursor_look(supervisor->resources.engine_cursors[slots->active]).sequence;
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        tree->engine_uses[slot] = (uint32_t)slots->slots[slot].use;
    tree->is_blind = supervisor->resources.link_count == 0;
    tree_publish(supervisor->resources.tree, tree);
}

/* --- children --------------------------------------------------------------------------------- */

static void forget_child(struct running_child *child)
{
    if (child->socket >= 0)
        close(child->socket);
    *child = (struct running_child){.socket = -1};
}

RESULT launch_child(struct supervisor *supervisor, enum role role, struct explanation *why)
{
    struct running_child *child = &supervisor->children[role];
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return explain_errno(why, "cannot make a socket for %s", role_row(role)->program);
    pid_t pid;
    struct result result =
        spawn_child(role, supervisor->options->programs[role], pair[1], &pid, why);
    close(pair[1]);
    if (!result_is_ok(result)) {
        close(pair[0]);
        return result;
    }
    *child = (struct running_child){.pid = pid, .socket = pair[0], .phase = PHASE_STARTING};
    supervisor->tree.children[role].started_boottime_ns = now_ns();
    if (role == ROLE_control)
        resources_ignore(&supervisor->resources, pid, true);
    return RESULT_OK;
}

static void start_child(struct supervisor *supervisor, enum role role)
{
    unsigned slot;
    if (role == ROLE_loader)
        resources_drop_kernel(&supervisor->resources);
    if (role_engine_slot(role, &slot))
        engines_follow(supervisor, slot);
    struct explanation why;
    if (result_is_ok(launch_child(supervisor, role, &why)))
        return;
    say("%s; tried again later", why.text);
    step(supervisor, SUPERVISION_START_FAILED, role, 0);
}

static void kill_child(struct supervisor *supervisor, enum role role, enum supervision_kill why)
{
    static const struct {
        enum counter counter;
        enum notice notice;
        const char *text;
    } KILLS[] = {
        [KILL_LIED] = {COUNTER_supervisor_bad_messages, NOTICE_child_lied, "broke the protocol"},
        [KILL_HUNG] = {COUNTER_supervisor_hangs, NOTICE_child_hung, "hangs"},
    };
    pid_t pid = supervisor->children[role].pid;
    counter_add(KILLS[why].counter, 1);
    say("%s (pid %d) %s and is killed", role_row(role)->program, (int)pid, KILLS[why].text);
    notice(supervisor, KILLS[why].notice, role, supervisor->supervision.children[role].in_flight,
           0);
    supervisor->children[role].has_hung = why == KILL_HUNG;
    (void)kill(pid, SIGKILL);
}

void end_child(struct supervisor *supervisor, enum role role)
{
    struct running_child *child = &supervisor->children[role];
    if (child->pid == 0 || child->is_end_ordered)
        return;
    child->is_end_ordered = true;
    (void)kill(child->pid, SIGKILL);
}

/* Control sees it in the tree and names the rule in the agent's log. */
static void say_rule_off(const struct supervisor *supervisor, const struct rule_digest *rule)
{
    char digest[2 * sizeof rule->bytes + 1];
    hex_encode(rule->bytes, sizeof rule->bytes, digest);
    counter_add(COUNTER_supervisor_rules_off, 1);
    say("the rule with the digest %s is switched off: an engine died in it. All other rules stay "
        "in force (%u are off)",
        digest, breaker_off_count(&supervisor->supervision.breaker));
}

static void carry_out(struct supervisor *supervisor, const struct supervision_actions *actions)
{
    if (actions->skip_event != 0) {
        for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
            ring_cursor_skip(supervisor->resources.engine_cursors[slot], actions->skip_event);
        counter_add(COUNTER_supervisor_events_skipped, 1);
        say("event %lu is passed over: two engines died on it",
            (unsigned long)actions->skip_event);
        notice(supervisor, NOTICE_event_skipped, ROLE_engine, actions->skip_event, 0);
    }
    if (actions->drop_rules)
        rules_drop(supervisor, supervisor->slots.active);
    if (actions->is_rule_off)
        say_rule_off(supervisor, &actions->rule);
    if (actions->is_rule_off || actions->is_rule_on)
        for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
            supervisor->engines[slot].are_switches_unsent = true;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (actions->kill[i] != KILL_NONE && supervisor->children[i].pid > 0)
            kill_child(supervisor, (enum role)i, actions->kill[i]);
        if (actions->start[i])
            start_child(supervisor, (enum role)i);
    }
}

static void step_event(struct supervisor *supervisor, const struct supervision_event *event)
{
    struct supervision_actions actions;
    supervision_step(&supervisor->supervision, event, now_ns(), &actions);
    carry_out(supervisor, &actions);
}

void step(struct supervisor *supervisor, enum supervision_event_type type, enum role role,
          uint64_t value)
{
    const struct supervision_event event = {.type = type, .role = role, .value = value};
    step_event(supervisor, &event);
}

/* --- messages --------------------------------------------------------------------------------- */

static void greet(struct supervisor *supervisor, enum role role, const struct message *message)
{
    struct running_child *child = &supervisor->children[role];
    bool is_ours = message->hello.role == (uint32_t)role
                   && message->hello.protocol == AGENT_PROTOCOL && !child->said_hello;
    struct explanation why = {"said hello as somebody else, twice, or in another protocol"};
    child->said_hello = true;
    if (is_ours
        && result_is_ok(resources_hand_over(&supervisor->resources, role, child->socket, &why)))
        return;
    say("%s: %s", role_row(role)->program, why.text);
    step(supervisor, SUPERVISION_LIED, role, 0);
}

static void become_ready(struct supervisor *supervisor, enum role role)
{
    supervisor->children[role].phase = PHASE_RUNNING;
    if (role == ROLE_trial) {
        updates_trial_ready(supervisor);
        return;
    }
    step(supervisor, SUPERVISION_READY, role, 0);
    unsigned slot;
    if (role_engine_slot(role, &slot)) {
        supervisor->engines[slot].rules.is_unsent = true;
        supervisor->engines[slot].are_switches_unsent = true;
    }
    rules_send(supervisor);
    arrivals_ready(supervisor, role);
    send_notices(supervisor);
}

/* The maps of the programs; those of a further loader are these already. */
static void take_map(struct supervisor *supervisor, uint32_t grant, int fd)
{
    struct resources *resources = &supervisor->resources;
    bool is_kernels = grant == GRANT_kernel_ring || grant == GRANT_kernel_counters
                      || grant == GRANT_kernel_ignored;
    if (is_kernels && resources->grants[grant] < 0)
        resources->grants[grant] = fd;
    else
        close(fd);
    if (grant == GRANT_kernel_ring)
        resources->kernel_epoch = now_ns();
    if (grant == GRANT_kernel_ignored)
        resources_ignore(resources, supervisor->children[ROLE_control].pid, true);
}

static void take_from_loader(struct supervisor *supervisor, enum role role,
                             const struct message *message)
{
    if (message->type == MESSAGE_link) {
        resources_keep_link(&supervisor->resources, message->link.probe, message->fd);
    } else if (message->type == MESSAGE_kernel) {
        take_map(supervisor, message->kernel.grant, message->fd);
    } else if (role == ROLE_probes) {
        updates_probe_loaded(supervisor, &message->probe);
    } else if (message->probe.probe < TREE_PROBES_MAX) {
        struct tree *tree = &supervisor->tree;
        const struct message_probe *probe = &message->probe;
        tree_set_probe(tree, probe->probe, probe->state, probe->error, probe->reason);
        if (probe->probe >= tree->probe_count)
            tree->probe_count = probe->probe + 1;
    }
}

static void take(struct supervisor *supervisor, enum role role, const struct message *message)
{
    unsigned slot = 0;
    (void)role_engine_slot(role, &slot);
    switch (message->type) {
    case MESSAGE_hello:
        greet(supervisor, role, message);
        break;
    case MESSAGE_ready:
        become_ready(supervisor, role);
        break;
    case MESSAGE_heartbeat:
        step(supervisor, SUPERVISION_BEAT, role, 0);
        break;
    case MESSAGE_probe:
    case MESSAGE_kernel:
    case MESSAGE_link:
        take_from_loader(supervisor, role, message);
        break;
    case MESSAGE_rules_offer:
        rules_take_offer(supervisor, message);
        break;
    case MESSAGE_rules_loaded:
        rules_take_loaded(supervisor, slot, &message->rules_loaded);
        break;
    case MESSAGE_trial_verdict:
        updates_trial_verdict(supervisor, &message->trial_verdict);
        break;
    case MESSAGE_stands:
        engines_stands(supervisor, slot, message->stands.position);
        break;
    case MESSAGE_ticket_offer:
    case MESSAGE_promotion_offer:
    case MESSAGE_release_offer:
    case MESSAGE_halts:
    case MESSAGE_halt:
    case MESSAGE_update_state:
    case MESSAGE_verdict:
        arrivals_take(supervisor, message);
        break;
    case MESSAGE_grant:
    case MESSAGE_start:
    case MESSAGE_release:
    case MESSAGE_rules:
    case MESSAGE_duty:
    case MESSAGE_rule_switch:
    case MESSAGE_trust:
    case MESSAGE_stop:
    case MESSAGE_notice:
    case MESSAGE_COUNT:
        break; /* ours to send: channel_receive() let none of them through */
    }
}

static void hear(struct supervisor *supervisor, enum role role)
{
    struct running_child *child = &supervisor->children[role];
    for (unsigned i = 0; i < MESSAGES_PER_TURN && child->pid != 0; i++) {
        struct message message;
        struct result result = channel_receive(child->socket, role, child->phase, &message);
        if (result.error == ERROR_AGAIN || result.error == ERROR_CLOSED)
            return;
        if (result_is_ok(result)) {
            take(supervisor, role, &message);
            continue;
        }
        step(supervisor, SUPERVISION_LIED, role, 0);
        return;
    }
}

/* --- the end of children ---------------------------------------------------------------------- */

void supervisor_count_probes(struct supervisor *supervisor)
{
    const struct tree *tree = &supervisor->tree;
    size_t missing = 0;
    for (size_t i = 0; i < tree->probe_count; i++)
        if (tree->probes[i].state != PROBE_ATTACHED && tree->probes[i].state != PROBE_SPARE)
            missing++;
    counter_set(COUNTER_probes_missing, missing);
    if (supervisor->resources.link_count == 0) {
        say("no eBPF program is attached: this host is not watched. `creance probe` says why");
        notice(supervisor, NOTICE_blind, ROLE_loader, 0, tree->probe_count);
    } else if (missing != 0) {
        say("%zu of %u probes are missing: `creance probe` says what is not seen", missing,
            tree->probe_count);
        notice(supervisor, NOTICE_probes_missing, ROLE_loader, missing, tree->probe_count);
    }
}

/* What the last engine of this place left behind. */
static void look_at_end(struct supervisor *supervisor, unsigned slot,
                        struct supervision_event *event)
{
    struct resources *resources = &supervisor->resources;
    event->in_flight = ring_cursor_look(resources->engine_cursors[slot]).in_flight;
    event->has_rule = flight_look(resources->flights[slot], &event->rule);
    event->is_candidate = updates_is_candidate(supervisor, slot);
    flight_leave(resources->flights[slot]);
}

static void say_end(enum role role, pid_t pid, int wait_status)
{
    counter_add(COUNTER_supervisor_restarts, 1);
    say("%s (pid %d) ended by itself: %s %d", role_row(role)->program, (int)pid,
        WIFSIGNALED(wait_status) ? "signal" : "exit code",
        WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

static void child_ended(struct supervisor *supervisor, enum role role, int wait_status)
{
    hear(supervisor, role); /* what it said before it ended */
    const struct running_child child = supervisor->children[role];
    forget_child(&supervisor->children[role]);
    if (role == ROLE_trial || role == ROLE_probes) {
        supervisor->tree.children[role].last_wait_status = (uint32_t)wait_status;
        if (role == ROLE_probes)
            updates_probes_ended(supervisor, wait_status);
        else if (!child.is_end_ordered)
            updates_trial_ended(supervisor, wait_status);
        return;
    }
    if (role == ROLE_control)
        resources_ignore(&supervisor->resources, child.pid, false);
    struct supervision_event event = {.type = SUPERVISION_ENDED,
                                      .role = role,
                                      .value = (uint64_t)(uint32_t)wait_status,
                                      .is_ordered = child.is_end_ordered};
    unsigned slot = 0;
    bool is_engine = role_engine_slot(role, &slot);
    engine_load load = supervisor->slots.slots[slot].load;
    if (is_engine)
        look_at_end(supervisor, slot, &event);
    supervisor->tree.children[role].last_wait_status = (uint32_t)wait_status;
    if (role == ROLE_loader && !child.is_end_ordered)
        supervisor_count_probes(supervisor);
    bool is_expected = supervisor->is_stopping || child.is_end_ordered
                       || ((role == ROLE_loader || role == ROLE_ticket) && wait_status == 0);
    if (!is_expected)
        say_end(role, child.pid, wait_status);
    step_event(supervisor, &event);
    if (role == ROLE_ticket)
        arrivals_ticket_ended(supervisor);
    bool is_active = is_engine && slot == supervisor->slots.active;
    if (is_engine && (is_active || !child.is_end_ordered) && !supervisor->is_stopping)
        engines_ended(supervisor, slot);
    /* Before it is ready it has seen nothing of a release: a slow start is the host's. */
    bool has_seen = child.phase == PHASE_RUNNING;
    if (is_engine && has_seen && !child.is_end_ordered && !supervisor->is_stopping)
        updates_engine_ended(supervisor, load, wait_status, child.has_hung);
    if (role == ROLE_sensor && !is_expected)
        updates_sensor_ended(supervisor);
    if (!is_expected)
        notice(supervisor, NOTICE_child_died, role, (uint64_t)(uint32_t)wait_status,
               supervisor->supervision.children[role].delay_ms);
}

static void reap(struct supervisor *supervisor)
{
    for (;;) {
        int wait_status;
        pid_t pid = waitpid(-1, &wait_status, WNOHANG);
        if (pid <= 0)
            return;
        for (size_t i = 0; i < ROLE_COUNT; i++)
            if (supervisor->children[i].pid == pid)
                child_ended(supervisor, (enum role)i, wait_status);
    }
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            supervisor->is_stopping = true;
    reap(supervisor);
}

/* --- the loop --------------------------------------------------------------------------------- */

static void look_at_engine(struct supervisor *supervisor, unsigned slot)
{
    enum role role = engine_role(slot);
    struct supervision_event event = {.type = SUPERVISION_LOOK, .role = role};
    event.value = ring_cursor_look(supervisor->resources.engine_cursors[slot]).in_flight;
    event.has_rule = flight_look(supervisor->resources.flights[slot], &event.rule);
    if (event.has_rule || event.value != 0) {
        struct process_usage usage = process_usage_read(
            supervisor->processes, (uint32_t)supervisor->children[role].pid);
        event.cpu_ns = (uint64_t)((double)usage.cpu_ticks * 1e9 / process_usage_ticks_per_second());
    }
    step_event(supervisor, &event);
}

static void look_around(struct supervisor *supervisor)
{
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        look_at_engine(supervisor, slot);
    uint64_t now = now_ns();
    if (now >= supervisor->next_missed_runs_ns) {
        supervisor->next_missed_runs_ns = now + (uint64_t)MISSED_RUNS_EVERY_MS * NS_PER_MS;
        counter_set(COUNTER_kernel_missed, resources_missed_runs(&supervisor->resources));
    }
    rules_send(supervisor);
    engines_send(supervisor);
    updates_work(supervisor);
    arrivals_work(supervisor);
    send_notices(supervisor);
    publish(supervisor);
}

static void wait_and_hear(struct supervisor *supervisor, uint64_t wait_ms)
{
    struct pollfd waits[1 + ROLE_COUNT] = {{.fd = supervisor->signals, .events = POLLIN}};
    for (size_t i = 0; i < ROLE_COUNT; i++)
        waits[1 + i] = (struct pollfd){.fd = supervisor->children[i].socket, .events = POLLIN};
    if (poll(waits, 1 + ROLE_COUNT, (int)wait_ms) < 0)
        return;
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if ((waits[1 + i].revents & POLLIN) != 0)
            hear(supervisor, (enum role)i);
    take_signals(supervisor);
}

static bool anybody_left(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (supervisor->children[i].pid != 0)
            return true;
    return false;
}

static void stop_children(struct supervisor *supervisor)
{
    supervisor->is_stopping = true;
    step(supervisor, SUPERVISION_STOP, ROLE_supervisor, 0);
    const struct message stop = {.type = MESSAGE_stop, .fd = -1};
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (supervisor->children[i].pid != 0)
            result_ignore(channel_send(supervisor->children[i].socket, &stop)); /* or killed */
    uint64_t deadline = now_ns() + (uint64_t)STOP_WAIT_MS * NS_PER_MS;
    while (anybody_left(supervisor) && now_ns() < deadline)
        wait_and_hear(supervisor, 50);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (supervisor->children[i].pid == 0)
            continue;
        (void)kill(supervisor->children[i].pid, SIGKILL);
        (void)waitpid(supervisor->children[i].pid, NULL, 0);
    }
}

static RESULT open_signals(struct supervisor *supervisor, struct explanation *why)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return explain_errno(why, "cannot block signals");
    supervisor->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (supervisor->signals < 0)
        return explain_errno(why, "cannot listen for signals");
    return RESULT_OK;
}

/* --- how much of itself the agent runs -------------------------------------------------------- */

/* The kernel's side begins anew with other probes; what the engines have goes on. */
static void load_probes_anew(struct supervisor *supervisor)
{
    end_child(supervisor, ROLE_sensor);
    end_child(supervisor, ROLE_loader);
    if (supervisor->supervision.children[ROLE_loader].state != CHILD_STARTING)
        supervision_enable(&supervisor->supervision, ROLE_loader);
}

void set_boot_level(struct supervisor *supervisor, uint32_t level)
{
    static const enum role WATCHING[] = {ROLE_loader, ROLE_sensor, ROLE_engine, ROLE_engine_b};
    uint32_t before = supervisor->boot_level;
    supervisor->boot_level = level;
    supervisor->resources.boot_level = level;
    struct supervision *supervision = &supervisor->supervision;
    if (level == BOOT_LEVEL_BEACON) {
        for (size_t i = 0; i < sizeof WATCHING / sizeof WATCHING[0]; i++) {
            supervision_disable(supervision, WATCHING[i]);
            end_child(supervisor, WATCHING[i]);
        }
        resources_drop_kernel(&supervisor->resources);
        return;
    }
    if (before == BOOT_LEVEL_BEACON) {
        supervision_enable(supervision, ROLE_sensor);
        supervision_enable(supervision, engine_role(supervisor->slots.active));
    }
    bool is_base = level >= BOOT_LEVEL_FACTORY, was_base = before >= BOOT_LEVEL_FACTORY;
    if (is_base != was_base && !supervisor->options->without_sensor)
        load_probes_anew(supervisor);
}

static void open_supervisor(struct supervisor *supervisor, const struct supervisor_options *options)
{
    *supervisor = (struct supervisor){
        .options = options, .candidate = {.fd = -1}, .good = {.fd = -1}, .boot_level = 0};
    for (size_t i = 0; i < ROLE_COUNT; i++)
        supervisor->children[i].socket = -1;
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        supervisor->engines[slot].release = -1;
    supervision_init(&supervisor->supervision);
    engine_slots_init(&supervisor->slots);
    if (options->without_sensor)
        supervision_disable(&supervisor->supervision, ROLE_loader);
}

RESULT supervisor_run(const struct supervisor_options *options, struct explanation *why)
{
    static struct supervisor supervisor; /* one per process; too large for the stack to be tidy */
    open_supervisor(&supervisor, options);
    GUARD(open_signals(&supervisor, why));
    struct result result = resources_open(&supervisor.resources, options->paths, why);
    if (!result_is_ok(result)) {
        resources_close(&supervisor.resources, options->paths);
        return result;
    }
    supervisor.processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    supervisor.tree.epoch = supervisor.resources.epoch;
    supervisor.tree.boot_id_high = supervisor.resources.boot_id_high;
    supervisor.tree.boot_id_low = supervisor.resources.boot_id_low;
    supervisor.tree.started_boottime_ns = now_ns();
    tree_add_period(&supervisor.tree, 0, 0);
    updates_open(&supervisor);
    arrivals_open(&supervisor);
    engine_slots_begin(&supervisor.slots);

    while (!supervisor.is_stopping) {
        look_around(&supervisor);
        wait_and_hear(&supervisor, supervision_wait_ms(&supervisor.supervision, now_ns()));
    }
    say("stopping");
    stop_children(&supervisor);
    arrivals_close(&supervisor);
    updates_close(&supervisor);
    resources_close(&supervisor.resources, options->paths);
    return RESULT_OK;
}
