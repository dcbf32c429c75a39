// SPDX-License-Identifier: Apache-2.0
#include "agent/control/health.h"

#include "agent/control/updates_json.h"
#include "agent/process_usage.h"
#include "base/bytes.h"
#include "sensor/loader.h"
#include "update/lifecycle/boot_guard.h"
#include "update/lifecycle/lifecycle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    SAMPLES = 11,        /* a rate is over the ten seconds between the newest and the oldest */
    FRESH_LOSS_S = 60,   /* a loss within so many seconds makes the agent degraded */
    FRESH_DEATH_S = 300, /* and so does a process that was replaced so often in so many seconds */
    DEATHS_TOO_MANY = 3,
    START_GRACE_S = 10,  /* before this nobody is called down */
};

struct sample {
    uint64_t boottime_ns;
    uint64_t events, alerts, losses;
    uint64_t cpu_ticks[ROLE_COUNT];
    uint32_t pids[ROLE_COUNT];
};

struct health {
    struct health_options options;
    struct health_facts facts;
    struct tree tree;
    bool has_tree;
    uint64_t next_look_ns;
    uint64_t counters[COUNTER_COUNT];
    bool has_counters;
    uint64_t grown_ns[COUNTER_COUNT]; /* when a loss was last seen to grow; 0: never */
    uint64_t said_ns[COUNTER_COUNT];
    uint64_t died_ns[ROLE_COUNT][DEATHS_TOO_MANY]; /* the last restarts, newest first; 0: none */
    struct process_usage usage[ROLE_COUNT];
    struct sample samples[SAMPLES];
    size_t sample_at, sample_count;
};

struct health *health_new(const struct health_options *options)
{
    struct health *health = calloc(1, sizeof *health);
    if (health != NULL)
        health->options = *options;
    return health;
}

void health_free(struct health *health) { free(health); }
struct health_facts *health_facts(struct health *health) { return &health->facts; }
const struct tree *health_tree(const struct health *health) { return &health->tree; }

/* --- looking ---------------------------------------------------------------------------------- */

/* Losses that make an event poorer and not absent: worth knowing, no reason to call for help. */
static bool is_partial_loss(enum counter counter)
{
    switch (counter) {
    case COUNTER_sensor_truncated:
    case COUNTER_sensor_truncated_process:
    case COUNTER_sensor_truncated_file:
    case COUNTER_sensor_truncated_network:
    case COUNTER_sensor_parent_unknown:
    case COUNTER_sensor_process_unknown:
    case COUNTER_kernel_read_failed:
    case COUNTER_engine_alerts_oversized:
    case COUNTER_control_stream_lost: /* a viewer's own slowness */
    case COUNTER_control_log_failed:  /* what waits is told while it waits */
        return true;
    default: return false;
    }
}

static bool is_watched_loss(enum counter counter)
{
    /* Probes that are missing are not events: the coverage tells them. */
    return counter_row(counter)->is_loss && counter != COUNTER_probes_missing;
}

static void note_growth(struct health *health, enum counter counter, uint64_t grown,
                        uint64_t now_ns)
{
    health->grown_ns[counter] = now_ns;
    if (health->said_ns[counter] != 0
        && now_ns - health->said_ns[counter] < FRESH_LOSS_S * NS_PER_S)
        return;
    health->said_ns[counter] = now_ns;
    agent_log_say(health->options.log,
                  is_partial_loss(counter) ? AGENT_LOG_INFO : AGENT_LOG_WARNING, "loss",
                  "%s grew by %llu to %llu: %s", counter_row(counter)->name,
                  (unsigned long long)grown, (unsigned long long)health->counters[counter],
                  counter_row(counter)->doc);
}

static void look_at_counters(struct health *health, uint64_t now_ns)
{
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        enum counter counter = (enum counter)i;
        uint64_t sum = 0, before = health->counters[i];
        for (unsigned role = 0; role < ROLE_COUNT; role++) {
            if (health->options.counters[role] != NULL)
                sum += counters_read(health->options.counters[role], counter);
        }
        health->counters[i] = sum;
        if (health->has_counters && sum > before && is_watched_loss(counter))
            note_growth(health, counter, sum - before, now_ns);
    }
    health->has_counters = true;
}

static void note_death(struct health *health, unsigned role, uint64_t then_ns)
{
    uint64_t *times_ns = health->died_ns[role];
    for (size_t i = DEATHS_TOO_MANY - 1; i > 0; i--)
        times_ns[i] = times_ns[i - 1];
    times_ns[0] = then_ns;
}

static void look_at_tree(struct health *health, uint64_t now_ns)
{
    struct tree tree;
    if (health->options.tree == NULL || !result_is_ok(tree_read(health->options.tree, &tree)))
        return;
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        const struct tree_child *child = &tree.children[role];
        uint32_t before = health->has_tree ? health->tree.children[role].restarts : 0;
        /* The first look: of those before this process came only the last one's time is known. */
        uint64_t then_ns = health->has_tree ? now_ns : child->started_boottime_ns;
        for (uint32_t i = before; i < child->restarts && i < before + DEATHS_TOO_MANY; i++)
            note_death(health, role, then_ns);
    }
    health->tree = tree;
    health->has_tree = true;
}

static void take_sample(struct health *health, uint64_t now_ns)
{
    struct sample *sample = &health->samples[health->sample_at];
    health->sample_at = (health->sample_at + 1) % SAMPLES;
    if (health->sample_count < SAMPLES)
        health->sample_count++;
    *sample = (struct sample){.boottime_ns = now_ns,
                              .events = health->counters[COUNTER_sensor_events],
                              .alerts = health->counters[COUNTER_control_alerts_written]};
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        if (is_watched_loss((enum counter)i) && !is_partial_loss((enum counter)i))
            sample->losses += health->counters[i];
    }
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        uint32_t pid = health->tree.children[role].pid;
        health->usage[role] = process_usage_read(health->options.processes, pid);
        sample->pids[role] = pid;
        sample->cpu_ticks[role] = health->usage[role].cpu_ticks;
    }
}

void health_work(struct health *health)
{
    uint64_t now_ns = clock_boottime_ns(health->options.clock);
    if (now_ns < health->next_look_ns)
        return;
    health->next_look_ns = now_ns + NS_PER_S;
    look_at_tree(health, now_ns);
    look_at_counters(health, now_ns);
    take_sample(health, now_ns);
}

/* --- rates ------------------------------------------------------------------------------------ */

static const struct sample *newest_sample(const struct health *health)
{
    return &health->samples[(health->sample_at + SAMPLES - 1) % SAMPLES];
}

static const struct sample *oldest_sample(const struct health *health)
{
    return health->sample_count < SAMPLES ? &health->samples[0]
                                          : &health->samples[health->sample_at];
}

static double rate(uint64_t newer, uint64_t older, const struct health *health)
{
    uint64_t passed_ns =
        newest_sample(health)->boottime_ns - oldest_sample(health)->boottime_ns;
    if (passed_ns == 0 || newer < older)
        return 0;
    return (double)(newer - older) * 1e9 / (double)passed_ns;
}

static double cpu_percent(const struct health *health, unsigned role)
{
    const struct sample *newer = newest_sample(health), *older = oldest_sample(health);
    if (newer->pids[role] == 0 || newer->pids[role] != older->pids[role])
        return 0;
    return rate(newer->cpu_ticks[role], older->cpu_ticks[role], health) * 100.0
           / process_usage_ticks_per_second();
}

/* --- reasons ---------------------------------------------------------------------------------- */

/* What is wrong, worst first: {"what": "degraded", "subsystem": ..., "text": sentence}. */
struct findings {
    json_t *reasons;
    bool is_blind, is_degraded;
};

static void find(struct findings *findings, const char *what, const char *subsystem,
                 const char *format, ...) PRINTF_LIKE(4, 5);

static void find(struct findings *findings, const char *what, const char *subsystem,
                 const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    json_array_append_new(findings->reasons,
                          json_pack("{s:s, s:s, s:o}", "what", what, "subsystem", subsystem,
                                    "text", json_foreign_text(text)));
    free(text);
    findings->is_blind = findings->is_blind || string_equal(what, "blind");
    findings->is_degraded = findings->is_degraded || string_equal(what, "degraded");
}

static bool is_fresh(uint64_t then_ns, uint64_t now_ns, uint64_t seconds)
{
    return then_ns != 0 && now_ns - then_ns < seconds * NS_PER_S;
}

static bool is_refused(const struct tree_probe *probe)
{
    return probe->state == PROBE_REFUSED || probe->state == PROBE_FAILED;
}

/* Blind is told with the first refusal: mostly it is the same for all. */
static void find_blindness(const struct tree *tree, struct findings *findings)
{
    for (unsigned i = 0; i < tree->probe_count && i < PROBE_COUNT && i < TREE_PROBES_MAX; i++) {
        const struct tree_probe *probe = &tree->probes[i];
        if (!is_refused(probe))
            continue;
        find(findings, "blind", "sensor",
             "No eBPF program is attached: nothing is seen. Probe %s: %s; %s. `creance probe` says "
             "why for each. They are tried again every minute and at each start.",
             probe_row((enum probe)i)->name, strerror((int)probe->error), probe->reason);
        return;
    }
    find(findings, "blind", "sensor",
         "No eBPF program is attached: nothing is seen. `creance probe` says why.");
}

static void find_processes(struct health *health, struct findings *findings, uint64_t now_ns)
{
    const struct tree *tree = &health->tree;
    bool is_starting = now_ns - tree->started_boottime_ns < START_GRACE_S * NS_PER_S;
    if (tree->is_blind)
        find_blindness(tree, findings);
    const enum role NEEDED[] = {ROLE_sensor, engine_role(tree->engine_active % ENGINE_SLOTS)};
    for (size_t i = 0; i < 2; i++) {
        const struct tree_child *child = &tree->children[NEEDED[i]];
        if (child->state == CHILD_RUNNING || (tree->is_blind && NEEDED[i] == ROLE_sensor))
            continue;
        find(findings, NEEDED[i] == ROLE_sensor && !is_starting ? "blind" : "degraded",
             role_row(NEEDED[i])->name,
             "%s is %s%s.", role_row(NEEDED[i])->program,
             child_state_name((enum child_state)child->state),
             is_starting ? ", as the agent has just been started"
                         : ": events wait in the rings until it is back; the agent's log says why");
    }
    if (tree->boot_level != BOOT_LEVEL_NORMAL)
        find(findings, tree->boot_level == BOOT_LEVEL_BEACON ? "blind" : "degraded", "boot",
             "Boot level %s, because this host did not boot well with what had changed: %s. It "
             "climbs back by itself after calm.",
             boot_level_word((enum boot_level)tree->boot_level),
             boot_level_text((enum boot_level)tree->boot_level));
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        const uint64_t *times_ns = health->died_ns[role];
        bool is_often = is_fresh(times_ns[DEATHS_TOO_MANY - 1], now_ns, FRESH_DEATH_S);
        if (is_fresh(times_ns[0], now_ns, FRESH_DEATH_S))
            find(findings, is_often ? "degraded" : "note", role_row((enum role)role)->name,
                 "%s was replaced within the last %d minutes (%u restarts in all); "
                 "the agent's log (agent.jsonl) says why.",
                 role_row((enum role)role)->program, FRESH_DEATH_S / 60,
                 tree->children[role].restarts);
    }
}

static void find_losses(struct health *health, struct findings *findings, uint64_t now_ns)
{
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        enum counter counter = (enum counter)i;
        if (!is_fresh(health->grown_ns[i], now_ns, FRESH_LOSS_S))
            continue;
        find(findings, is_partial_loss(counter) ? "note" : "degraded", "losses",
             "%s grows, now %llu: %s", counter_row(counter)->name,
             (unsigned long long)health->counters[i], counter_row(counter)->doc);
    }
}

/* Chosen, by a probe set or because the host boots badly; to be seen all the same. */
static void find_left_out(const struct tree *tree, struct findings *findings)
{
    char names[EXPLANATION_BYTES] = "";
    unsigned count = 0;
    for (unsigned i = 0; i < tree->probe_count && i < PROBE_COUNT && i < TREE_PROBES_MAX; i++) {
        if (tree->probes[i].state != PROBE_LEFT_OUT)
            continue;
        size_t at = strlen(names);
        (void)string_format(names + at, sizeof names - at, "%s%s", count == 0 ? "" : ", ",
                            probe_row((enum probe)i)->name);
        count++;
    }
    if (count > 0)
        find(findings, "note", "coverage",
             "%u probes are left out on purpose (%s): `creance probe` says what they would show.",
             count, names);
}

static void find_probes(const struct health *health, struct findings *findings)
{
    const struct tree *tree = &health->tree;
    if (tree->is_blind)
        return;
    for (unsigned i = 0; i < tree->probe_count && i < PROBE_COUNT && i < TREE_PROBES_MAX; i++) {
        const struct tree_probe *probe = &tree->probes[i];
        const struct probe_row *row = probe_row((enum probe)i);
        if (is_refused(probe))
            find(findings, row->is_required ? "blind" : "degraded", "coverage",
                 "Probe %s could not be attached (%s; %s). Not seen: %s", row->name,
                 strerror((int)probe->error), probe->reason, row->doc);
    }
    find_left_out(tree, findings);
}

static void find_rules(const struct health *health, struct findings *findings)
{
    const struct tree *tree = &health->tree;
    const struct health_facts *facts = &health->facts;
    if (*facts->rules_failure.text != '\0')
        find(findings, "degraded", "rules", "The rules cannot be read, what was loaded stays: %s.",
             facts->rules_failure.text);
    if (tree->rules_generation == 0)
        find(findings, "degraded", "rules",
             "The engine has not loaded any rules yet; events wait for it in the ring.");
    else if (tree->rules_loaded == 0)
        find(findings, "degraded", "rules",
             "No rule is loaded, so there will be no alert. `creance rules list` says why.");
    if (tree->rules_off_count > 0)
        find(findings, "degraded", "rules",
             "%u rules are switched off because an engine died in them; all others are in force. "
             "`creance rules list` says which and until when.", tree->rules_off_count);
    if (tree->rules_rejected + facts->rule_problems > 0)
        find(findings, "note", "rules", "%llu rules were rejected: see `creance rules list`.",
             (unsigned long long)tree->rules_rejected + facts->rule_problems);
}

static void find_pressure(const struct health *health, struct findings *findings)
{
    if (health->tree.pressure & PRESSURE_MEMORY)
        find(findings, "note", "host",
             "The host is short of memory: new releases wait, none that runs is taken back for "
             "what others take; detection goes on.");
    if (health->tree.pressure & PRESSURE_STORM)
        find(findings, "note", "host",
             "Alerts come far more often than is usual on this host: no content is taken back for "
             "what that explains; detection goes on.");
}

static void find_log(const struct health *health, struct findings *findings)
{
    const struct health_facts *facts = &health->facts;
    if (facts->alerts.failing_since_wall_ns != 0)
        find(findings, "degraded", "log",
             "Alerts cannot be written to alerts.jsonl: %s. %llu bytes of alerts wait in memory "
             "and are written when it can be written again; it is tried each second.",
             result_text(facts->alerts.written), (unsigned long long)facts->alerts.waiting_bytes);
    if (!result_is_ok(facts->agent_log))
        find(findings, "degraded", "log", "The agent's own log agent.jsonl cannot be written: %s.",
             result_text(facts->agent_log));
    if (*facts->configuration_failure.text != '\0')
        find(findings, "degraded", "configuration",
             "The configuration was refused, what was in force stays: %s.",
             facts->configuration_failure.text);
    if (facts->configuration_warnings > 0)
        find(findings, "note", "configuration",
             "The configuration has %zu keys that nobody knows: see agent.jsonl.",
             facts->configuration_warnings);
}

/* --- the answer ------------------------------------------------------------------------------- */

static json_t *exit_json(uint32_t wait_status)
{
    char text[64];
    if (wait_status == 0)
        return json_null();
    if (WIFSIGNALED((int)wait_status))
        string_format(text, sizeof text, "killed by signal %d", WTERMSIG((int)wait_status));
    else
        string_format(text, sizeof text, "exit code %d", WEXITSTATUS((int)wait_status));
    return json_string(text);
}

static json_t *processes_json(const struct health *health)
{
    json_t *list = json_array();
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        const struct tree_child *child = &health->tree.children[role];
        const struct process_usage *usage = &health->usage[role];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:o, s:f, s:f, s:I, s:I}",
                            "name", role_row((enum role)role)->name,
                            "program", role_row((enum role)role)->program,
                            "pid", (json_int_t)child->pid,
                            "state", child_state_name((enum child_state)child->state),
                            "restarts", (json_int_t)child->restarts,
                            "hangs", (json_int_t)child->hangs,
                            "last_exit", exit_json(child->last_wait_status),
                            "cpu_seconds",
                            (double)usage->cpu_ticks / process_usage_ticks_per_second(),
                            "cpu_percent", cpu_percent(health, role),
                            "memory_bytes", (json_int_t)usage->private_bytes,
                            "shared_bytes", (json_int_t)usage->shared_bytes));
    }
    return list;
}

static json_t *counters_json(const struct health *health, uint64_t now_ns)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        enum counter counter = (enum counter)i;
        json_put(object, counter_row(counter)->name,
                 json_pack("{s:o, s:b, s:b}", "value", json_number(health->counters[i]), "loss",
                           counter_row(counter)->is_loss, "grows",
                           is_fresh(health->grown_ns[i], now_ns, FRESH_LOSS_S)));
    }
    return object;
}

static json_t *coverage_json(const struct health *health)
{
    const struct tree *tree = &health->tree;
    json_t *list = json_array();
    json_int_t attached = 0, wanted = 0;
    for (unsigned i = 0; i < tree->probe_count && i < PROBE_COUNT && i < TREE_PROBES_MAX; i++) {
        const struct probe_row *row = probe_row((enum probe)i);
        uint32_t state = tree->probes[i].state;
        attached += state == PROBE_ATTACHED;
        wanted += state != PROBE_SPARE && state != PROBE_ABSENT;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "name", row->name, "target",
                            row->target, "state", state < PROBE_STATE_COUNT
                                         ? probe_state_name((enum probe_state)state) : "unknown",
                            "error", tree->probes[i].error == 0
                                         ? json_null()
                                         : json_string(strerror((int)tree->probes[i].error)),
                            "reason", json_foreign_text(tree->probes[i].reason),
                            "shows", row->doc));
    }
    return json_pack("{s:I, s:I, s:o}", "attached", attached, "wanted", wanted, "probes", list);
}

static json_t *rules_json(const struct health *health)
{
    const struct tree *tree = &health->tree;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "generation", json_number(tree->rules_generation),
                     "loaded", json_number(tree->rules_loaded),
                     "inactive", json_number(tree->rules_inactive),
                     "rejected", json_number(tree->rules_rejected),
                     "off", json_number(tree->rules_off_count),
                     "files", json_number(health->facts.rule_files),
                     "unreadable_files", json_number(health->facts.rule_problems));
}

/* For the engine whose alerts count: what another one has judged as well is no matter. */
static uint64_t events_waiting(const struct health *health)
{
    uint64_t given = health->counters[COUNTER_sensor_events];
    uint64_t taken = health->tree.engine_sequence;
    return given > taken ? given - taken : 0;
}

static json_t *rates_json(const struct health *health)
{
    const struct sample *newer = newest_sample(health), *older = oldest_sample(health);
    double cpu = 0;
    json_int_t memory = 0, shared = 0;
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        cpu += cpu_percent(health, role);
        memory += (json_int_t)health->usage[role].private_bytes;
        if ((json_int_t)health->usage[role].shared_bytes > shared)
            shared = (json_int_t)health->usage[role].shared_bytes;
    }
    /* Rings are mapped by several processes: the largest share of one stands for all. */
    return json_pack("{s:f, s:f, s:f, s:f, s:I, s:o}",
                     "events_per_second", rate(newer->events, older->events, health),
                     "alerts_per_second", rate(newer->alerts, older->alerts, health),
                     "losses_per_second", rate(newer->losses, older->losses, health),
                     "cpu_percent", cpu, "memory_bytes", memory + shared,
                     "events_waiting", json_number(events_waiting(health)));
}

static json_t *log_json(const struct health *health)
{
    const struct health_facts *facts = &health->facts;
    bool is_failing = facts->alerts.failing_since_wall_ns != 0;
    return json_pack("{s:s, s:o, s:o, s:o, s:b}", "state", is_failing ? "failing" : "ok",
                     "error", is_failing ? json_string(result_text(facts->alerts.written))
                                         : json_null(),
                     "waiting_bytes", json_number(facts->alerts.waiting_bytes),
                     "grouped", json_number(facts->alerts.grouped), "events", facts->events_log);
}

/* Those that are not zero. */
static json_t *losses_json(const struct health *health)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        if (is_watched_loss((enum counter)i) && health->counters[i] > 0)
            json_put(object, counter_row((enum counter)i)->name, json_number(health->counters[i]));
    }
    return object;
}

json_t *health_status(struct health *health)
{
    uint64_t now_ns = clock_boottime_ns(health->options.clock);
    struct findings findings = {.reasons = json_array()};
    look_at_tree(health, now_ns); /* what is told is as of now, only the rates are not */
    look_at_counters(health, now_ns);
    if (health->has_tree) {
        find_processes(health, &findings, now_ns);
        find_probes(health, &findings);
        find_rules(health, &findings);
        find_pressure(health, &findings);
    }
    find_log(health, &findings);
    find_losses(health, &findings, now_ns);
    uint64_t started_ns = health->tree.started_boottime_ns;
    return json_pack(
        "{s:s, s:o, s:s, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}",
        "state", findings.is_blind ? "blind" : findings.is_degraded ? "degraded" : "healthy",
        "reasons", findings.reasons, "version", CREANCE_VERSION,
        "host", json_foreign_text(health->options.host->name),
        "uptime_seconds", started_ns == 0 ? 0.0 : (double)(now_ns - started_ns) / 1e9,
        "rates", rates_json(health), "processes", processes_json(health),
        "coverage", coverage_json(health), "rules", rules_json(health), "log", log_json(health),
        "losses", losses_json(health), "counters", counters_json(health, now_ns),
        "updates", updates_json(&health->tree), "sandbox", health->options.sandbox);
}
