// SPDX-License-Identifier: Apache-2.0
/*
 * `creance replay`: runs rules over recordings. The parent opens everything, the worker parses.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/log_input.h"
#include "cli/match_fields.h"
#include "cli/rule_costs.h"
#include "cli/rule_input.h"
#include "content/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAD_EVENTS_SHOWN = 10, CLOCK_EVERY_EVENTS = 256, GIST_BYTES_SHOWN = 512, TOP_SHOWN = 30 };
static const uint64_t PROGRESS_EVERY_NS = NS_PER_S / 2;

struct replay {
    const struct call *call;
    struct rule_input input;
    struct log_input logs;
    struct log_options options;
    struct engine_source source; /* said by the user */
    char source_words[3][LIMIT_NAME_BYTES];
    bool is_top;       /* what rules cost is shown, not what they match */
    bool has_progress; /* standard error is a terminal */
    bool is_shared_terminal; /* and so is standard output: the progress line is wiped first */

    /* the worker's own */
    struct worker_place *place;
    struct engine *engine;
    struct engine_event *event;
    const char *file; /* being read */
    struct log *log;
    struct log_entry entry;
    json_t *fields; /* of the event; made at its first match */
    size_t files_bad; /* files that could not be opened, or ended badly */
    uint64_t events;
    uint64_t matches;
    uint64_t bad_events;
    uint64_t incomplete;
    uint64_t bytes;
    uint64_t start_ns;
    uint64_t progress_ns;
};

/* --- what is said while it runs --------------------------------------------------------------- */

static void wipe_progress(const struct replay *replay)
{
    if (replay->has_progress && replay->progress_ns != 0)
        fputs("\r\033[K", stderr);
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(clock_boottime_ns(clock_system()) - start_ns) / (double)NS_PER_S;
}

static double per_second(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static void show_progress(struct replay *replay)
{
    if (!replay->has_progress || replay->events % CLOCK_EVERY_EVENTS != 0)
        return;
    uint64_t now_ns = clock_boottime_ns(clock_system());
    if (now_ns - replay->progress_ns < PROGRESS_EVERY_NS)
        return;
    replay->progress_ns = now_ns;
    fprintf(stderr, "\r\033[K%llu events, %llu matches, %.0f events/s",
            (unsigned long long)replay->events, (unsigned long long)replay->matches,
            per_second(replay->events, seconds_since(replay->start_ns)));
}

static void note_bad_event(struct replay *replay, const char *why)
{
    wipe_progress(replay);
    if (replay->bad_events < BAD_EVENTS_SHOWN)
        verb_error("%s:%llu: %s; it was passed over", replay->file,
                   (unsigned long long)replay->entry.number + 1, why);
    else if (replay->bad_events == BAD_EVENTS_SHOWN)
        verb_error("more follows that cannot be read; it is counted, not shown");
    replay->bad_events++;
}

/* --- matches ---------------------------------------------------------------------------------- */

static void print_match_text(const struct replay *replay, const struct engine_rule *rule)
{
    static const struct {
        const char *level;
        enum output_colour colour;
    } COLOURS[] = {{"critical", COLOUR_RED}, {"high", COLOUR_RED}, {"medium", COLOUR_YELLOW}};
    enum output_colour colour = COLOUR_NONE;
    for (size_t i = 0; i < sizeof COLOURS / sizeof COLOURS[0]; i++) {
        if (string_equal(rule->level, COLOURS[i].level))
            colour = COLOURS[i].colour;
    }
    struct output *output = replay->call->output;
    output_part(output, colour, "%-13s", *rule->level != '\0' ? rule->level : "-");
    output_line(output, " %s:%llu  %s  %.*s", replay->file,
                (unsigned long long)replay->entry.number + 1,
                *rule->title != '\0' ? rule->title : rule->file, (int)GIST_BYTES_SHOWN,
                match_fields_gist(replay->fields));
}

static void take_match(void *context, size_t index)
{
    struct replay *replay = context;
    const struct engine_rule *rule = engine_rule(replay->engine, index);
    replay->matches++;
    if (replay->is_top)
        return;
    if (replay->fields == NULL)
        replay->fields = match_fields(log_fields(replay->log));
    if (replay->is_shared_terminal)
        wipe_progress(replay);
    if (output_is_json(replay->call->output))
        output_json(replay->call->output,
                    json_pack("{s:o, s:I, s:o, s:O}", "file", output_json_text(replay->file),
                              "event", (json_int_t)replay->entry.number, "rule",
                              rule_object(rule), "fields", replay->fields));
    else
        print_match_text(replay, rule);
}

/* Before a rule is evaluated: should it be our end, the parent can name it. Not where costs are
 * measured, of which the copy would be most. */
static void trace_rule(void *context, size_t index)
{
    struct replay *replay = context;
    const struct engine_rule *rule = engine_rule(replay->engine, index);
    (void)string_copy(replay->place->rule, sizeof replay->place->rule, rule->title);
}

static void judge(struct replay *replay)
{
    replay->events++;
    struct engine_verdict verdict =
        engine_eval(replay->engine, replay->event, take_match,
                    replay->is_top ? NULL : trace_rule, replay);
    if (verdict.is_incomplete) {
        wipe_progress(replay);
        if (replay->incomplete++ < BAD_EVENTS_SHOWN)
            verb_error("%s:%llu: the verdict is incomplete: this event costs more than %d steps",
                       replay->file, (unsigned long long)replay->entry.number + 1,
                       LIMIT_EVALUATION_STEPS);
    }
    replay->place->rule[0] = '\0';
    if (verdict.matches > 0)
        result_ignore(output_flush(replay->call->output)); /* noticed by output_is_closed() */
    json_decref(replay->fields);
    replay->fields = NULL;
}

/* --- logs ------------------------------------------------------------------------------------- */

static RESULT replay_log(struct replay *replay, struct explanation *why)
{
    while (!output_is_closed(replay->call->output)) {
        struct result result = log_next(replay->log, replay->event, &replay->entry, why);
        replay->place->line = replay->entry.number + 1;
        if (result.error == ERROR_NOT_FOUND)
            return RESULT_OK;
        GUARD(result);
        if (replay->entry.is_unreadable)
            note_bad_event(replay, why->text);
        else
            judge(replay);
        show_progress(replay);
    }
    return RESULT_OK;
}

static void replay_file(struct replay *replay, const struct log_file *file)
{
    replay->file = file->name;
    replay->entry = (struct log_entry){0};
    worker_at(replay->place, file->name);
    struct explanation why;
    struct result result = log_open(file->fd, file->name, &replay->options, &replay->log, &why);
    if (result_is_ok(result)) {
        result = replay_log(replay, &why);
        replay->bytes += log_bytes(replay->log);
        log_close(replay->log);
    }
    if (!result_is_ok(result)) {
        wipe_progress(replay);
        verb_error("%s", why.text);
        replay->files_bad++;
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static size_t count_rejected(const struct replay *replay)
{
    return engine_count_state(replay->engine, ENGINE_RULE_REJECTED)
           + rule_folder_problem_count(replay->input.folder);
}

static json_t *rule_counts(const struct replay *replay)
{
    return json_pack(
        "{s:I, s:I, s:I}", "loaded",
        (json_int_t)engine_count_state(replay->engine, ENGINE_RULE_LOADED), "inactive",
        (json_int_t)engine_count_state(replay->engine, ENGINE_RULE_INACTIVE), "rejected",
        (json_int_t)count_rejected(replay));
}

static void print_summary_json(const struct replay *replay, double seconds)
{
    json_t *summary = json_pack(
        "{s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o}}", "summary", "files",
        (json_int_t)replay->logs.count, "files_bad", (json_int_t)replay->files_bad, "events",
        (json_int_t)replay->events, "matches", (json_int_t)replay->matches, "lines_bad",
        (json_int_t)replay->bad_events, "incomplete", (json_int_t)replay->incomplete, "bytes",
        (json_int_t)replay->bytes, "seconds", seconds, "events_per_second",
        per_second(replay->events, seconds), "rules", rule_counts(replay));
    char *text =
        summary != NULL ? json_dumps(summary, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(summary);
    fprintf(stderr, "%s\n", text != NULL ? text : "{\"summary\":null}");
    free(text);
}

static void print_summary(const struct replay *replay)
{
    double seconds = seconds_since(replay->start_ns);
    wipe_progress(replay);
    if (options_has(replay->call->options, "json")) {
        print_summary_json(replay, seconds);
        return;
    }
    fprintf(stderr, "%llu events, %llu matches, %.2f s, %.0f events/s\n",
            (unsigned long long)replay->events, (unsigned long long)replay->matches, seconds,
            per_second(replay->events, seconds));
    fprintf(stderr, "rules: %zu loaded, %zu inactive, %zu rejected%s\n",
            engine_count_state(replay->engine, ENGINE_RULE_LOADED),
            engine_count_state(replay->engine, ENGINE_RULE_INACTIVE), count_rejected(replay),
            count_rejected(replay) > 0 ? " (why, says: creance rules check --any-source)" : "");
    if (replay->bad_events > 0 || replay->files_bad > 0 || replay->incomplete > 0)
        fprintf(stderr, "not judged: %llu unreadable events, %zu of %zu files bad or cut off; "
                        "incomplete verdicts: %llu\n",
                (unsigned long long)replay->bad_events, replay->files_bad, replay->logs.count,
                (unsigned long long)replay->incomplete);
}

static RESULT print_top(const struct replay *replay)
{
    size_t count = engine_rule_count(replay->engine);
    struct rule_costs costs = {.rows = calloc(count + 1, sizeof costs.rows[0]), .count = count,
                               .measured = engine_measured(replay->engine)};
    if (costs.rows == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const struct engine_rule *rule = engine_rule(replay->engine, i);
        costs.rows[i] = (struct rule_cost){
            .title = *rule->title != '\0' ? rule->title : rule->file,
            .id = rule->id,
            .file = rule->file,
            .account = engine_account(replay->engine, i),
        };
    }
    struct result result =
        rule_costs_print(&costs, output_is_json(replay->call->output) ? 0 : TOP_SHOWN,
                         replay->call->output);
    free(costs.rows);
    return result;
}

static enum cli_exit replay_all(struct replay *replay)
{
    if (engine_count_state(replay->engine, ENGINE_RULE_LOADED) == 0) {
        verb_error("not one rule could be loaded; why, says: creance rules check --any-source");
        return CLI_INPUT;
    }
    replay->event = engine_event_new(replay->engine);
    struct result result = replay->event == NULL ? result_fail(ERROR_MEMORY)
                           : replay->is_top ? engine_measure(replay->engine, 1, clock_thread_ns)
                                            : RESULT_OK;
    if (!result_is_ok(result)) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    replay->start_ns = clock_boottime_ns(clock_system());
    for (size_t i = 0; i < replay->logs.count; i++) {
        if (replay->logs.files[i].fd >= 0 && !output_is_closed(replay->call->output))
            replay_file(replay, &replay->logs.files[i]);
    }
    print_summary(replay);
    if (replay->is_top && !result_is_ok(print_top(replay)))
        verb_error("memory is out: what rules cost cannot be shown");
    engine_event_free(replay->event);
    if (replay->files_bad > 0 || replay->bad_events > 0)
        return CLI_INPUT;
    return replay->incomplete > 0 ? CLI_FINDING : CLI_GOOD;
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct replay *replay = context;
    replay->place = place;
    enum cli_exit code = rule_input_load(&replay->input, false, place, &replay->engine);
    if (code == CLI_GOOD)
        code = replay_all(replay);
    engine_free(replay->engine);
    return code;
}

/* --- the parent ------------------------------------------------------------------------------- */

/* "linux//auditd", "windows/process_creation": product, category and service. */
static bool split_source(struct replay *replay, const char *text)
{
    const char **words[] = {&replay->source.product, &replay->source.category,
                            &replay->source.service};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strcspn(text, "/");
        if (!string_format(replay->source_words[i], LIMIT_NAME_BYTES, "%.*s", (int)size, text))
            return false;
        *words[i] = replay->source_words[i];
        text += size;
        text += *text == '/' && i + 1 < sizeof words / sizeof words[0] ? 1 : 0;
    }
    replay->options.source = &replay->source;
    return *text == '\0';
}

static enum cli_exit read_options(struct replay *replay)
{
    const struct options *options = replay->call->options;
    const char *format = options_value(options, "format", log_format_name(LOG_ANY));
    if (!log_format_find(format, &replay->options.format))
        return verb_usage_error(replay->call, "--format %s: there is no such format", format);
    const char *source = options_value(options, "source", NULL);
    if (source != NULL && !split_source(replay, source))
        return verb_usage_error(replay->call,
                                "--source %s: expected PRODUCT/CATEGORY/SERVICE, each of which "
                                "may be left out", source);
    return CLI_GOOD;
}

static enum cli_exit run(const struct call *call)
{
    if (!options_has(call->options, "rules"))
        return verb_usage_error(call, "--rules PATH is missing: which rules shall be run?");
    struct replay replay = {.call = call};
    replay.is_top = options_has(call->options, "top");
    replay.has_progress = isatty(STDERR_FILENO) == 1;
    replay.is_shared_terminal = replay.has_progress && output_is_terminal(call->output);
    enum cli_exit code = read_options(&replay);
    if (code != CLI_GOOD)
        return code;
    code = rule_input_open(call, "rules", &replay.input);
    if (code == CLI_GOOD)
        code = rule_input_require_files(&replay.input);
    for (size_t i = 0; code == CLI_GOOD && i < rule_folder_problem_count(replay.input.folder);
         i++) {
        const struct rule_problem *problem = rule_folder_problem(replay.input.folder, i);
        verb_error("%s is not run: %s", problem->file, problem->reason);
    }
    if (code == CLI_GOOD)
        code = log_input_open(call, &replay.logs);
    replay.files_bad = replay.logs.unreadable;
    if (code == CLI_GOOD)
        code = worker_run(call, work, &replay);
    log_input_close(&replay.logs);
    rule_input_close(&replay.input);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"rules", "PATH", true, "a rule or a folder of rules to run"},
    {"top", NULL, false, "show what each rule costs, instead of what it matches"},
    {"format", "NAME", false, "what the logs are, where their content does not say it"},
    {"source", "P/C/S", false, "their log source: product/category/service"},
    {0},
};

const struct verb verb_replay = {
    .name = "replay",
    .summary = "run rules over recordings and logs",
    .words = "FILE...",
    .words_min = 1,
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help =
        "Judges recorded events by Sigma rules, in a sandbox, with the engine that runs live.\n"
        "Files, folders of logs, or \"-\" for standard input; what they are, their content says:\n"
        "recordings and other JSON, Windows event logs (EVTX, XML), Sysmon for Linux, auditd\n"
        "logs, or lines of text. They may be compressed by zstd.\n"
        "docs/replay.md says how events find their rules.\n"
        "\n"
        "One line per match, for people on a terminal; in a pipe, or with --json, an object\n"
        "{\"file\", \"event\", \"rule\": {\"id\", \"title\", \"level\", \"tags\", ...}, "
        "\"fields\"}, where\n"
        "event is the line (of EVTX: the record), from 0. Standard error has the progress and a\n"
        "summary; with --json that is its last line, {\"summary\": {...}}.\n"
        "\n"
        "--top shows what `creance rules top` does, with every event measured; with --json for\n"
        "all rules that cost anything.\n"
        "\n"
        "--format is auto (by content), json, evtx, xml, audit or text. --source says to which\n"
        "log source all events belong (linux//sshd, windows/process_creation), \"*\" for any.\n"
        "\n"
        "Events that cannot be read, and logs that are corrupt or cut off, are said and cost\n"
        "themselves only. Exit codes: 0 everything was judged, 1 a verdict is incomplete, 3 some\n"
        "input was bad.\n"
        "\n"
        "Examples:\n"
        "  creance replay --rules content recording.jsonl\n"
        "  creance replay --rules sigma/rules --rules mine.yml --json day1.jsonl.zst day2.jsonl\n"
        "  creance replay --rules sigma/rules/windows Security.evtx\n"
        "  creance replay --top --rules /etc/creance/rules day.jsonl\n"
        "  creance record | creance replay --rules content -\n"
        "  creance replay --rules sigma/rules --source linux//sshd /var/log/auth.log\n",
    .output_default = OUTPUT_JSON_WHEN_PIPED,
    .run = run,
};
