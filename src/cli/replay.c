// SPDX-License-Identifier: Apache-2.0
/*
 * `creance replay`: runs rules over recordings. The parent opens everything, the worker parses.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/match_fields.h"
#include "cli/rule_input.h"
#include "content/recording.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BAD_LINES_SHOWN = 10, CLOCK_EVERY_EVENTS = 256 };
static const uint64_t PROGRESS_EVERY_NS = NS_PER_S / 2;

struct replay_file {
    const char *name;
    int fd;
};

struct replay {
    const struct call *call;
    struct rule_input input;
    struct replay_file *files;
    size_t file_count;
    size_t unreadable; /* files that could not be opened, or ended badly */
    bool has_progress; /* standard error is a terminal */
    bool is_shared_terminal; /* and so is standard output: the progress line is wiped first */

    /* the worker's own */
    struct worker_place *place;
    struct engine *engine;
    struct engine_event *event;
    const char *file; /* being read */
    struct recording_line line;
    json_t *fields; /* of the line; made at its first match */
    uint64_t events;
    uint64_t matches;
    uint64_t bad_lines;
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

static void note_bad_line(struct replay *replay, const char *why)
{
    wipe_progress(replay);
    if (replay->bad_lines < BAD_LINES_SHOWN)
        verb_error("%s:%llu: %s; the line was passed over", replay->file,
                   (unsigned long long)replay->line.number + 1, why);
    else if (replay->bad_lines == BAD_LINES_SHOWN)
        verb_error("more bad lines follow; they are counted, not shown");
    replay->bad_lines++;
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
    output_line(output, " %s:%llu  %s  %s", replay->file,
                (unsigned long long)replay->line.number + 1,
                *rule->title != '\0' ? rule->title : rule->file,
                match_fields_gist(replay->fields));
}

static void take_match(void *context, size_t index)
{
    struct replay *replay = context;
    const struct engine_rule *rule = engine_rule(replay->engine, index);
    replay->matches++;
    if (replay->fields == NULL)
        replay->fields = match_fields(replay->line.text);
    if (replay->is_shared_terminal)
        wipe_progress(replay);
    if (output_is_json(replay->call->output))
        output_json(replay->call->output,
                    json_pack("{s:o, s:I, s:o, s:O}", "file", output_json_text(replay->file),
                              "event", (json_int_t)replay->line.number, "rule",
                              rule_object(rule), "fields", replay->fields));
    else
        print_match_text(replay, rule);
}

/* Before a rule is evaluated: should it be our end, the parent can name it. */
static void trace_rule(void *context, size_t index)
{
    struct replay *replay = context;
    const struct engine_rule *rule = engine_rule(replay->engine, index);
    (void)string_copy(replay->place->rule, sizeof replay->place->rule, rule->title);
}

static void judge_line(struct replay *replay)
{
    struct bytes text = replay->line.text;
    struct explanation why;
    if (!result_is_ok(engine_event_from_json(replay->event, (const char *)text.data, text.size,
                                             &why))) {
        note_bad_line(replay, why.text);
        return;
    }
    replay->events++;
    struct engine_verdict verdict =
        engine_eval(replay->engine, replay->event, take_match, trace_rule, replay);
    if (verdict.is_incomplete) {
        wipe_progress(replay);
        if (replay->incomplete++ < BAD_LINES_SHOWN)
            verb_error("%s:%llu: the verdict is incomplete: this event costs more than %d steps",
                       replay->file, (unsigned long long)replay->line.number + 1,
                       LIMIT_EVALUATION_STEPS);
    }
    replay->place->rule[0] = '\0';
    if (verdict.matches > 0)
        result_ignore(output_flush(replay->call->output)); /* noticed by output_is_closed() */
    json_decref(replay->fields);
    replay->fields = NULL;
}

/* --- recordings ------------------------------------------------------------------------------- */

static RESULT replay_lines(struct replay *replay, struct recording *recording,
                           struct explanation *why)
{
    while (!output_is_closed(replay->call->output)) {
        struct result result = recording_next(recording, &replay->line, why);
        replay->place->line = replay->line.number + 1;
        if (result.error == ERROR_NOT_FOUND)
            return RESULT_OK;
        if (result.error == ERROR_LIMIT)
            note_bad_line(replay, why->text);
        else if (!result_is_ok(result))
            return result;
        else if (!recording_line_is_blank(&replay->line))
            judge_line(replay);
        show_progress(replay);
    }
    return RESULT_OK;
}

static void replay_file(struct replay *replay, const struct replay_file *file)
{
    replay->file = file->name;
    replay->line = (struct recording_line){0};
    worker_at(replay->place, file->name);
    struct explanation why;
    struct recording *recording = NULL;
    struct result result = recording_open(file->fd, file->name, &recording, &why);
    if (result_is_ok(result)) {
        result = replay_lines(replay, recording, &why);
        replay->bytes += recording_bytes(recording);
    }
    recording_close(recording);
    if (!result_is_ok(result)) {
        wipe_progress(replay);
        verb_error("%s", why.text);
        replay->unreadable++;
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
        (json_int_t)replay->file_count, "files_bad", (json_int_t)replay->unreadable, "events",
        (json_int_t)replay->events, "matches", (json_int_t)replay->matches, "lines_bad",
        (json_int_t)replay->bad_lines, "incomplete", (json_int_t)replay->incomplete, "bytes",
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
    if (output_is_json(replay->call->output)) {
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
    if (replay->bad_lines > 0 || replay->unreadable > 0 || replay->incomplete > 0)
        fprintf(stderr, "not judged: %llu bad lines, %zu of %zu files bad or cut off; incomplete "
                        "verdicts: %llu\n",
                (unsigned long long)replay->bad_lines, replay->unreadable, replay->file_count,
                (unsigned long long)replay->incomplete);
}

static enum cli_exit replay_all(struct replay *replay)
{
    if (engine_count_state(replay->engine, ENGINE_RULE_LOADED) == 0) {
        verb_error("not one rule could be loaded; why, says: creance rules check --any-source");
        return CLI_INPUT;
    }
    replay->event = engine_event_new(replay->engine);
    if (replay->event == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    replay->start_ns = clock_boottime_ns(clock_system());
    for (size_t i = 0; i < replay->file_count; i++) {
        if (replay->files[i].fd >= 0 && !output_is_closed(replay->call->output))
            replay_file(replay, &replay->files[i]);
    }
    print_summary(replay);
    engine_event_free(replay->event);
    if (replay->unreadable > 0 || replay->bad_lines > 0)
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

static int open_recording(const char *name)
{
    struct stat status;
    int fd = string_equal(name, "-") ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        errno = EISDIR;
        fd = -1;
    }
    if (fd < 0)
        verb_error("%s: cannot be opened: %s", name, strerror(errno));
    return fd;
}

/* A recording that cannot be opened costs itself only. */
static enum cli_exit open_recordings(struct replay *replay)
{
    const struct options *options = replay->call->options;
    replay->file_count = options_word_count(options);
    replay->files = calloc(replay->file_count, sizeof *replay->files);
    if (replay->files == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    worker_allow_many_files();
    for (size_t i = 0; i < replay->file_count; i++) {
        const char *name = options_word(options, i);
        replay->files[i] = (struct replay_file){name, open_recording(name)};
        replay->unreadable += replay->files[i].fd < 0;
    }
    return replay->unreadable == replay->file_count ? CLI_INPUT : CLI_GOOD;
}

static void close_recordings(struct replay *replay)
{
    for (size_t i = 0; replay->files != NULL && i < replay->file_count; i++) {
        if (replay->files[i].fd > STDIN_FILENO)
            close(replay->files[i].fd);
    }
    free(replay->files);
}

static enum cli_exit run(const struct call *call)
{
    if (!options_has(call->options, "rules"))
        return verb_usage_error(call, "--rules PATH is missing: which rules shall be run?");
    struct replay replay = {.call = call};
    replay.has_progress = isatty(STDERR_FILENO) == 1;
    replay.is_shared_terminal = replay.has_progress && output_is_terminal(call->output);
    enum cli_exit code = rule_input_open(call, "rules", &replay.input);
    if (code == CLI_GOOD)
        code = rule_input_require_files(&replay.input);
    for (size_t i = 0; code == CLI_GOOD && i < rule_folder_problem_count(replay.input.folder);
         i++) {
        const struct rule_problem *problem = rule_folder_problem(replay.input.folder, i);
        verb_error("%s is not run: %s", problem->file, problem->reason);
    }
    if (code == CLI_GOOD)
        code = open_recordings(&replay);
    if (code == CLI_GOOD)
        code = worker_run(call, work, &replay);
    close_recordings(&replay);
    rule_input_close(&replay.input);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"rules", "PATH", true, "a rule or a folder of rules to run"},
    {0},
};

const struct verb verb_replay = {
    .name = "replay",
    .summary = "run rules over recordings of events",
    .words = "FILE...",
    .words_min = 1,
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help =
        "Judges recorded events by Sigma rules, in a sandbox, with the engine that runs live.\n"
        "A recording has one JSON object per line: fields under their Sigma or ECS names, and\n"
        "`product`, `category`, `service` for the log source. It may be compressed by zstd\n"
        "(recognised by its content); \"-\" is standard input.\n"
        "\n"
        "One line per match; a summary goes to standard error. With --json each match is an\n"
        "object {\"file\", \"event\": line from 0, \"rule\": {\"id\", \"title\", \"level\", "
        "\"tags\",\n"
        "...}, \"fields\"}, and the last line of standard error is {\"summary\": {...}}.\n"
        "\n"
        "Lines that are not JSON objects, and recordings that are corrupt or cut off, are said\n"
        "and cost themselves only. Exit codes: 0 everything was judged, 1 a verdict is\n"
        "incomplete, 3 some input was bad.\n"
        "\n"
        "Examples:\n"
        "  creance replay --rules content recording.jsonl\n"
        "  creance replay --rules sigma/rules --rules mine.yml --json day1.jsonl.zst day2.jsonl\n"
        "  creance record | creance replay --rules content -\n",
    .run = run,
};
