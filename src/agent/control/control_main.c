// SPDX-License-Identifier: Apache-2.0
/*
 * creance-control: configuration, rule folders, logs and the command line's requests. Runs as a
 * user of its own without network; whatever local users, rule files and the engine give it is
 * foreign to it.
 *
 *   alert ring -> alerts_log -> alerts.jsonl -> alert_tail -> clients
 *   event ring -> server (only while somebody looks, or events.jsonl is on)
 *   rule folders -> rules_watch -> sealed memory -> supervisor -> engine
 */
#include "agent/child.h"
#include "agent/control/configuration.h"
#include "agent/control/releases.h"
#include "agent/control/rules_off.h"
#include "agent/control/server.h"
#include "base/bytes.h"
#include "base/paths.h"
#include "base/sandbox.h"
#include "sensor/process_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ALERTS_PER_TURN = 256,
    EVENTS_PER_TURN = 256, /* far fewer than fill a client's queue */
    IDLE_WAIT_MS = 1000,
    STREAM_WAIT_MS = 20, /* while events are watched: nobody wakes us for them */
    CONFIGURATION_LOOK_S = 2,
};

struct control {
    struct child child;
    struct alert_host host;
    char boot_id[17];
    struct ring_reader *alert_readers[ENGINE_SLOTS];
    struct ring_reader *event_reader; /* NULL: nobody looks */
    uint64_t event_reader_lost;
    struct process_table *table;
    struct log_file *alerts_file, *agent_file, *events_file;
    struct alerts_log *alerts;
    struct rule_hits *hits;
    struct agent_log *log;
    struct health *health;
    const struct tree_page *tree;
    struct rules_watch *rules;
    struct server *server;
    struct configuration configuration;
    struct timespec configuration_time; /* of the file that was read last; 0: there was none */
    uint64_t next_configuration_ns;
    uint64_t next_second_ns;
    uint64_t rules_generation; /* as it was said in the log last */
    struct rules_off_said rules_off;
    struct releases_said releases;
    uint64_t turns;
    uint8_t record[LIMIT_RING_RECORD_BYTES];
};

static _Noreturn void give_up(const char *what, struct result result)
{
    fprintf(stderr, "creance-control: %s: %s\n", what, result_text(result));
    exit(1);
}

static void require(bool holds, const char *what)
{
    if (!holds)
        give_up(what, result_fail(ERROR_MEMORY));
}

static void require_ok(struct result result, const char *what)
{
    if (!result_is_ok(result))
        give_up(what, result);
}

/* --- configuration ---------------------------------------------------------------------------- */

static void apply_configuration(struct control *control)
{
    const struct configuration *configuration = &control->configuration;
    struct log_file *files[] = {control->alerts_file, control->agent_file, control->events_file};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        log_file_set_limits(files[i], configuration->log_rotate_mib * MIB,
                            (unsigned)configuration->log_files);
    alerts_log_set_limits(control->alerts, (struct flood_limits){
                                               configuration->alerts_single_per_minute,
                                               configuration->alerts_group_seconds,
                                           });
    health_facts(control->health)->events_log = configuration->log_events;
}

static void read_configuration(struct control *control)
{
    struct configuration_warnings warnings = {0};
    struct explanation why = {""};
    struct health_facts *facts = health_facts(control->health);
    struct result result =
        configuration_read(control->child.grants[GRANT_directory_configuration],
                           PATHS_CONFIGURATION_FILE, &control->configuration, &warnings, &why);
    if (!result_is_ok(result) && result.error != ERROR_NOT_FOUND) {
        facts->configuration_failure = why;
        agent_log_say(control->log, AGENT_LOG_ERROR, "configuration_refused",
                      "the configuration was refused, what was in force stays: %s", why.text);
        return;
    }
    facts->configuration_failure.text[0] = '\0';
    facts->configuration_warnings = warnings.count;
    for (size_t i = 0; i < warnings.count && i < CONFIGURATION_WARNINGS; i++)
        agent_log_say(control->log, AGENT_LOG_WARNING, "configuration_warning", "%s",
                      warnings.texts[i].text);
    if (result_is_ok(result))
        agent_log_say(control->log, AGENT_LOG_INFO, "configuration_read", "%s is in force",
                      PATHS_CONFIGURATION_FILE);
    apply_configuration(control);
}

/* Reads it again when the file has changed, appeared or gone. */
static void watch_configuration(struct control *control, uint64_t now_ns)
{
    int folder = control->child.grants[GRANT_directory_configuration];
    if (now_ns < control->next_configuration_ns || folder < 0)
        return;
    control->next_configuration_ns = now_ns + CONFIGURATION_LOOK_S * NS_PER_S;
    struct stat status = {0};
    if (fstatat(folder, PATHS_CONFIGURATION_FILE, &status, AT_SYMLINK_NOFOLLOW) != 0)
        status.st_ctim = (struct timespec){0, 0};
    if (status.st_ctim.tv_sec == control->configuration_time.tv_sec
        && status.st_ctim.tv_nsec == control->configuration_time.tv_nsec)
        return;
    control->configuration_time = status.st_ctim;
    read_configuration(control);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void offer_rules(struct control *control)
{
    int pack = -1;
    size_t size = 0;
    struct explanation why = {""};
    struct health_facts *facts = health_facts(control->health);
    struct result result = rules_watch_work(control->rules, &pack, &size, &why);
    if (result.error == ERROR_AGAIN)
        return;
    if (!result_is_ok(result)) {
        if (*facts->rules_failure.text == '\0')
            agent_log_say(control->log, AGENT_LOG_ERROR, "rules_unreadable", "%s", why.text);
        facts->rules_failure = why;
        return;
    }
    facts->rules_failure.text[0] = '\0';
    facts->rule_files = rules_watch_file_count(control->rules);
    facts->rule_problems = rules_watch_problem_count(control->rules);
    struct message offer = {.type = MESSAGE_rules_offer, .fd = pack, .rules_offer.size = size};
    result = child_send(&control->child, &offer);
    close(pack);
    if (!result_is_ok(result)) {
        rules_watch_again(control->rules);
        return;
    }
    agent_log_say(control->log, AGENT_LOG_INFO, "rules_offered",
                  "%zu files with rules were handed over for loading; %zu could not be read",
                  rules_watch_file_count(control->rules),
                  rules_watch_problem_count(control->rules));
}

/* Says in the log which rules came into force. */
static void note_generation(struct control *control)
{
    const struct tree *tree = health_tree(control->health);
    if (tree->rules_generation == control->rules_generation)
        return;
    control->rules_generation = tree->rules_generation;
    agent_log_say(control->log, AGENT_LOG_INFO, "rules_loaded",
                  "rules number %llu are in force: %llu loaded, %llu inactive, %llu rejected",
                  (unsigned long long)tree->rules_generation,
                  (unsigned long long)tree->rules_loaded, (unsigned long long)tree->rules_inactive,
                  (unsigned long long)tree->rules_rejected);
}

/* --- what the supervisor says ----------------------------------------------------------------- */

/* The sentence of a notice with its numbers in place (role.h). */
static void fill_notice(const struct message_notice *notice, char *out, size_t capacity)
{
    size_t at = 0;
    out[0] = '\0';
    for (const char *text = notice_text((enum notice)notice->notice); *text != '\0'; text++) {
        char word[64] = {*text, '\0'};
        if (text[0] == '%' && text[1] != '\0') {
            text++;
            if (*text == 'r')
                string_copy(word, sizeof word, role_row((enum role)notice->role)->program);
            else
                string_format(word, sizeof word, "%llu",
                              (unsigned long long)(*text == '1' ? notice->first : notice->second));
        }
        if (!string_copy(out + at, capacity - at, word))
            return;
        at += strlen(word);
    }
}

static void hear_supervisor(struct control *control)
{
    struct message message;
    while (result_is_ok(child_receive(&control->child, &message))) {
        if (message.fd >= 0)
            close(message.fd);
        if (message.type != MESSAGE_notice || message.notice.notice >= NOTICE_COUNT
            || message.notice.role >= ROLE_COUNT)
            continue;
        char text[EXPLANATION_BYTES];
        fill_notice(&message.notice, text, sizeof text);
        agent_log_say(control->log, AGENT_LOG_WARNING, "notice", "%s", text);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static void log_event(struct control *control, const struct event *event)
{
    json_t *object = event_json(event, EVENT_FORM_ECS);
    size_t size = 0;
    char *line = object == NULL ? NULL : json_line(object, &size);
    if (line == NULL || !result_is_ok(log_file_append(control->events_file, line, size)))
        counter_add(COUNTER_control_log_failed, 1);
    free(line);
    json_decref(object);
}

static void follow_events(struct control *control)
{
    bool is_wanted = control->configuration.log_events || server_event_clients(control->server) > 0;
    int ring = control->child.grants[GRANT_event_ring];
    if (is_wanted && control->event_reader == NULL && ring >= 0) {
        /* Where it fails it is tried at the next turn; the client sees no events until then. */
        result_ignore(ring_reader_open(ring, -1, &control->event_reader));
        control->event_reader_lost = 0;
    } else if (!is_wanted && control->event_reader != NULL) {
        ring_reader_close(control->event_reader);
        control->event_reader = NULL;
    }
}

/* True: there is more. */
static bool pass_events(struct control *control)
{
    follow_events(control);
    if (control->event_reader == NULL)
        return false;
    server_begin_events(control->server);
    struct ring_record record;
    struct event event;
    unsigned count = 0;
    for (; count < EVENTS_PER_TURN; count++) {
        struct result result = ring_reader_next(control->event_reader, control->record, &record);
        if (result.error == ERROR_AGAIN)
            break;
        if (!result_is_ok(result))
            continue; /* counted as lost, below */
        if (result_is_ok(event_decode(control->record, record.size, &event))) {
            server_offer_event(control->server, &event);
            if (control->configuration.log_events)
                log_event(control, &event);
        }
        ring_reader_done(control->event_reader);
    }
    uint64_t lost = ring_reader_lost(control->event_reader);
    if (lost > control->event_reader_lost)
        server_offer_lost(control->server, lost - control->event_reader_lost);
    control->event_reader_lost = lost;
    return count == EVENTS_PER_TURN;
}

/* --- start ------------------------------------------------------------------------------------ */

static struct log_file *open_log(struct control *control, const char *name)
{
    struct log_file_options options = {.disk = disk_system(), .clock = clock_system(),
                                       .folder = control->child.grants[GRANT_directory_log],
                                       .name = name, .rotate_bytes = LIMIT_LOG_FILE_BYTES,
                                       .files = LIMIT_LOG_FILES};
    struct log_file *file = log_file_new(&options);
    require(file != NULL, "no memory for the logs");
    return file;
}

static void open_health(struct control *control)
{
    const int *grants = control->child.grants;
    static const enum grant PAGES[ROLE_COUNT] = {
        [ROLE_supervisor] = GRANT_counters_supervisor, [ROLE_loader] = GRANT_counters_loader,
        [ROLE_sensor] = GRANT_counters_sensor,         [ROLE_engine] = GRANT_counters_engine,
        [ROLE_control] = GRANT_counters_control,       [ROLE_engine_b] = GRANT_counters_engine_b,
        [ROLE_link] = GRANT_counters_link,             [ROLE_updater] = GRANT_counters_updater,
        [ROLE_trial] = GRANT_counters_trial,
    };
    struct health_options options = {.clock = clock_system(), .log = control->log,
                                     .host = &control->host,
                                     .sandbox = sandbox_describe()};
    for (unsigned role = 0; role < ROLE_COUNT; role++) {
        struct counters_view *view = NULL;
        bool has_page = role != ROLE_ticket && role != ROLE_probes;
        if (has_page && grants[PAGES[role]] >= 0)
            require_ok(counters_map(grants[PAGES[role]], &view), "cannot map the counters");
        options.counters[role] = view;
    }
    struct tree_page *tree = NULL;
    if (grants[GRANT_tree] >= 0)
        require_ok(tree_map(grants[GRANT_tree], false, &tree), "cannot map the process tree");
    options.tree = tree;
    control->tree = tree;
    options.processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    control->health = health_new(&options);
    require(control->health != NULL, "no memory for the state of health");
}

/* The supervisor publishes a period before an event of it is judged, so the page is never behind
 * the alert. */
static bool alert_counts(void *context, unsigned slot, uint64_t sequence)
{
    const struct control *control = context;
    struct tree tree;
    if (control->tree == NULL || !result_is_ok(tree_read(control->tree, &tree)))
        return true;
    unsigned counting = tree_period_slot(&tree, sequence);
    return counting == slot || counting == ENGINE_SLOTS;
}

static void open_alerts(struct control *control)
{
    const int *grants = control->child.grants;
    static const enum grant RINGS[ENGINE_SLOTS] = {GRANT_alert_ring, GRANT_alert_ring_b};
    static const enum grant CURSORS[ENGINE_SLOTS] = {GRANT_alert_cursor, GRANT_alert_cursor_b};
    for (unsigned slot = 0; slot < ENGINE_SLOTS; slot++)
        require_ok(ring_reader_open(grants[RINGS[slot]], grants[CURSORS[slot]],
                                    &control->alert_readers[slot]),
                   "cannot open the alert ring");
    struct configuration fallback = configuration_default();
    control->hits = rule_hits_new();
    require(control->hits != NULL, "no memory for the rules' hits");
    struct alerts_log_options options = {
        .readers = {control->alert_readers[0], control->alert_readers[1]},
        .counts = alert_counts,
        .context = control,
        .file = control->alerts_file,
        .clock = clock_system(),
        .table = control->table,
        .host = &control->host,
        .hits = control->hits,
        .limits = {fallback.alerts_single_per_minute, fallback.alerts_group_seconds},
    };
    control->alerts = alerts_log_new(&options);
    require(control->alerts != NULL, "no memory for alerts");
}

static void open_server(struct control *control)
{
    const int *grants = control->child.grants;
    struct answer_sources sources = {
        .clock = clock_system(),
        .health = control->health,
        .table = control->table,
        .boot_id = control->boot_id,
        .rules_reports = {grants[GRANT_rules_report], grants[GRANT_rules_report_b]},
        .rules = control->rules,
        .hits = control->hits,
        .alerts = control->alerts_file,
        .log_folder = grants[GRANT_directory_log],
    };
    control->server = server_new(grants[GRANT_control_socket], &sources);
    require(control->server != NULL, "no memory for the control socket");
}

static void enter_sandbox(const struct control *control)
{
    const int *grants = control->child.grants;
    const struct {
        enum grant grant;
        unsigned allow;
    } FOLDERS[] = {
        {GRANT_directory_vendor_rules, SANDBOX_ALLOW_READ_FILES},
        {GRANT_directory_local_rules, SANDBOX_ALLOW_READ_FILES},
        {GRANT_directory_configuration, SANDBOX_ALLOW_READ_FILES},
        {GRANT_directory_log, SANDBOX_ALLOW_READ_FILES | SANDBOX_ALLOW_WRITE_FILES},
    };
    struct sandbox_folder folders[sizeof FOLDERS / sizeof FOLDERS[0] + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        if (grants[FOLDERS[i].grant] >= 0)
            folders[count++] = (struct sandbox_folder){grants[FOLDERS[i].grant], NULL,
                                                       FOLDERS[i].allow};
    }
    /* What our own processes use is read from /proc/PID/stat. */
    folders[count++] = (struct sandbox_folder){-1, "/proc", SANDBOX_ALLOW_READ_FILES};
    struct sandbox_profile profile = {
        .name = "creance-control",
        .allow = SANDBOX_ALLOW_READ_FILES | SANDBOX_ALLOW_WRITE_FILES | SANDBOX_ALLOW_ACCEPT,
        .folders = folders,
        .folder_count = count,
    };
    struct explanation why;
    if (!result_is_ok(sandbox_enter(&profile, &why))) {
        fprintf(stderr, "creance-control: %s\n", why.text);
        exit(1);
    }
}

/* Runs when the supervisor says stop or is gone. */
static void finish(int status, void *context)
{
    struct control *control = context;
    if (status != 0)
        return;
    (void)alerts_log_work(control->alerts, ALERTS_PER_TURN);
    alerts_log_finish(control->alerts);
    agent_log_say(control->log, AGENT_LOG_INFO, "stop", "creance-control ends");
}

static void start(struct control *control)
{
    const int *grants = control->child.grants;
    alert_host_fill(&control->host);
    string_format(control->boot_id, sizeof control->boot_id, "%016llx",
                  (unsigned long long)control->child.start.boot_id_high);
    if (grants[GRANT_process_table] >= 0)
        require_ok(process_table_map(grants[GRANT_process_table], &control->table),
                   "cannot map the process table");
    control->alerts_file = open_log(control, "alerts.jsonl");
    control->agent_file = open_log(control, "agent.jsonl");
    control->events_file = open_log(control, "events.jsonl");
    control->log = agent_log_new(control->agent_file, clock_system());
    require(control->log != NULL, "no memory for the agent's log");
    open_health(control);
    open_alerts(control);
    control->rules = rules_watch_new(grants[GRANT_directory_vendor_rules],
                                     grants[GRANT_directory_local_rules], clock_system());
    require(control->rules != NULL, "no memory for the rules");
    open_server(control);
    enter_sandbox(control);
    control->configuration = configuration_default();
    apply_configuration(control);
    agent_log_say(control->log, AGENT_LOG_INFO, "start", "creance-control %s started (%s)",
                  CREANCE_VERSION, sandbox_describe());
}

/* --- the loop --------------------------------------------------------------------------------- */

static void each_second(struct control *control, uint64_t now_ns)
{
    if (now_ns < control->next_second_ns)
        return;
    control->next_second_ns = now_ns + NS_PER_S;
    health_work(control->health);
    note_generation(control);
    const struct tree *tree = health_tree(control->health);
    rules_off_say(&control->rules_off, tree,
                  control->child.grants[tree->engine_active == 0 ? GRANT_rules_report
                                                                 : GRANT_rules_report_b],
                  clock_system(), control->log);
    releases_say(&control->releases, tree, control->log);
    agent_log_work(control->log);
    result_ignore(log_file_sync(control->alerts_file)); /* a failure is in the file's state */
}

/* One turn; true: there is more to do at once. */
static bool turn(struct control *control)
{
    uint64_t now_ns = clock_boottime_ns(clock_system());
    hear_supervisor(control);
    watch_configuration(control, now_ns);
    offer_rules(control);
    bool is_more = alerts_log_work(control->alerts, ALERTS_PER_TURN);
    is_more = pass_events(control) || is_more;
    struct health_facts *facts = health_facts(control->health);
    facts->alerts = alerts_log_state(control->alerts);
    facts->agent_log = log_file_state(control->agent_file);
    each_second(control, now_ns);
    is_more = server_work(control->server) || is_more;
    child_heartbeat(&control->child, ++control->turns);
    return is_more;
}

static void wait_for_work(struct control *control)
{
    struct pollfd polls[2 + SERVER_POLLS_MAX];
    int wake = control->child.grants[GRANT_wake_control];
    polls[0] = (struct pollfd){.fd = control->child.socket, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = wake, .events = POLLIN};
    size_t count = 2 + server_polls(control->server, polls + 2);
    int wait_ms = control->event_reader != NULL ? STREAM_WAIT_MS : IDLE_WAIT_MS;
    if (poll(polls, count, wait_ms) > 0 && (polls[1].revents & POLLIN) != 0) {
        uint64_t wakes;
        /* Emptied before the rings are read: what comes later wakes us again. */
        (void)!read(wake, &wakes, sizeof wakes);
    }
}

int main(void)
{
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL)
        give_up("start", result_fail(ERROR_MEMORY));
    child_start(&control->child, ROLE_control);
    start(control);
    child_ready(&control->child);
    require(on_exit(finish, control) == 0, "start");
    for (;;) {
        if (!turn(control))
            wait_for_work(control);
    }
}
