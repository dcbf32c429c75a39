// SPDX-License-Identifier: Apache-2.0
/*
 * `creance content check`: would hosts take it, and should they? The parent opens everything, the
 * worker loads the content with the engine that hosts run.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "cli/content_input.h"
#include "content/bundle_join.h"
#include "content/content_settings.h"
#include "content/content_tests.h"
#include "content/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BENIGN_MAX = 64, WITH_MAX = BUNDLE_PACKS_MAX - 1, PER_MILLION = 1000000,
       CPU_SECONDS_MAX = 86400 };

struct benign {
    const char *name;
    int fd;
};

struct content_check_verb {
    const struct call *call;
    struct content_input input;
    struct content_input with[WITH_MAX]; /* what hosts have beside it */
    size_t with_count;
    struct benign benign[BENIGN_MAX];
    size_t benign_count;
    uint64_t seed;

    /* the worker's own */
    struct worker_place *place;
    struct engine *engine;
    uint8_t *joined;
    struct table *table; /* findings, for people; NULL with --json */
    uint64_t findings;
    uint64_t *rule_matches; /* in benign recordings, by row */
    uint64_t load_ms;    /* of processor time: other work on the machine does not count */
};

/* --- what is wrong ---------------------------------------------------------------------------- */

static void say(void *context, const struct content_finding *finding)
{
    struct content_check_verb *verb = context;
    verb->findings++;
    if (output_is_json(verb->call->output)) {
        output_json(verb->call->output,
                    json_pack("{s:s, s:o, s:I, s:o}", "check", finding->check, "file",
                              output_json_bytes(finding->file.data, finding->file.size), "line",
                              (json_int_t)finding->line, "reason",
                              output_json_text(finding->reason)));
        return;
    }
    char place[LIMIT_PATH_BYTES + 32];
    char line[32] = "";
    if (finding->line > 0)
        (void)string_format(line, sizeof line, ":%" PRIu64, finding->line);
    (void)string_format(place, sizeof place, "%.*s%s", (int)finding->file.size,
                        (const char *)finding->file.data, line);
    const char *const cells[] = {finding->check, place, finding->reason};
    if (!result_is_ok(table_add(verb->table, COLOUR_RED, cells)))
        verb_error("memory is out: %s: %s", place, finding->reason);
}

static void PRINTF_LIKE(4, 5) find(struct content_check_verb *verb, const char *check,
                                   const char *file, const char *format, ...)
{
    char reason[EXPLANATION_BYTES];
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    bool is_there = vasprintf(&text, format, arguments) >= 0;
    va_end(arguments);
    (void)string_copy(reason, sizeof reason, is_there ? text : "memory is out");
    free(is_there ? text : NULL);
    const struct content_finding finding = {
        check, {(const uint8_t *)file, strlen(file)}, 0, reason, false};
    say(verb, &finding);
}

static void at(void *context, struct bytes file, uint64_t line)
{
    struct content_check_verb *verb = context;
    (void)string_format(verb->place->task, sizeof verb->place->task, "%.*s", (int)file.size,
                        (const char *)file.data);
    verb->place->line = line;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* What the engine gets: this bundle's view, or a join with what hosts have beside it. */
static enum cli_exit choose_pack(struct content_check_verb *verb, struct bytes *ret_pack)
{
    struct bundle_pack packs[BUNDLE_PACKS_MAX] = {
        {"", verb->input.bundle.sections[BUNDLE_DETECTIONS]}};
    char prefixes[WITH_MAX][BUNDLE_NAME_BYTES + 16];
    struct explanation why;
    size_t size = 0;
    *ret_pack = packs[0].pack;
    if (verb->with_count == 0)
        return CLI_GOOD;
    for (size_t i = 0; i < verb->with_count; i++) {
        enum cli_exit code = content_input_open(&verb->with[i], verb->place);
        if (code != CLI_GOOD)
            return code;
        (void)string_format(prefixes[i], sizeof prefixes[i], "%s@%zu/",
                            verb->with[i].bundle.facts.name, i + 1);
        packs[i + 1] = (struct bundle_pack){prefixes[i],
                                            verb->with[i].bundle.sections[BUNDLE_DETECTIONS]};
    }
    struct result result = bundle_join_size(packs, verb->with_count + 1, &size, &why);
    if (result_is_ok(result)) {
        verb->joined = malloc(size);
        result = verb->joined == NULL
                     ? explain(&why, ERROR_MEMORY, "memory is out")
                     : bundle_join(packs, verb->with_count + 1, verb->joined, size, &size, &why);
    }
    *ret_pack = (struct bytes){verb->joined, size};
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("%s", why.text);
    return CLI_INPUT;
}

/* What is meant for hosts of ours must be of use there: a log source that no host has, or a field
 * that no event has, is a mistake of the author or a bundle for somebody else. */
static void find_useless(struct content_check_verb *verb)
{
    for (size_t i = 0; i < engine_rule_count(verb->engine); i++) {
        const struct engine_rule *rule = engine_rule(verb->engine, i);
        if (rule->state == ENGINE_RULE_REJECTED || *rule->reason == '\0')
            continue;
        const struct content_finding finding = {
            "target", {(const uint8_t *)rule->file, strlen(rule->file)}, rule->line, rule->reason,
            false};
        say(verb, &finding);
    }
}

/* The limit of memory is the one that the bundle states: hosts give it no more. */
static enum cli_exit load(struct content_check_verb *verb)
{
    const struct bundle *bundle = &verb->input.bundle;
    struct engine_options options = {.memory_limit_bytes =
                                         (size_t)bundle->facts.cost.memory_bytes};
    struct bytes pack;
    struct explanation why;
    enum cli_exit code = choose_pack(verb, &pack);
    if (code != CLI_GOOD)
        return code;
    if (pack.size == 0)
        return CLI_GOOD;
    if (verb->with_count > 0 || bundle->facts.kind != BUNDLE_RULES)
        options.memory_limit_bytes = 0;
    if (bundle->facts.target == BUNDLE_TARGET_LINUX)
        options.sources = engine_native_sources(&options.source_count);
    if (fault_is_planted(FAULT_CHECK_COST_OFF))
        options.memory_limit_bytes = SIZE_MAX;
    worker_at(verb->place, "loading the rules");
    clock_t start = clock();
    struct result result = engine_load(&options, pack.data, pack.size, &verb->engine, &why);
    verb->load_ms = (uint64_t)(clock() - start) * MS_PER_S / CLOCKS_PER_SEC;
    if (!result_is_ok(result)) {
        find(verb, "load", verb->input.path, "%s", why.text);
        return CLI_GOOD;
    }
    if (bundle->facts.target == BUNDLE_TARGET_LINUX && !fault_is_planted(FAULT_CHECK_TARGET_OFF))
        find_useless(verb);
    if (verb->with_count == 0 && !result_is_ok(bundle_check_cost(bundle, verb->engine, &why)))
        find(verb, "cost", verb->input.path, "%s", why.text);
    if (verb->load_ms > verb->input.manifest.load_ms_max
        && !fault_is_planted(FAULT_CHECK_COST_OFF))
        find(verb, "cost", verb->input.path, "loading took %" PRIu64 " ms, at most %u are allowed",
             verb->load_ms, verb->input.manifest.load_ms_max);
    return CLI_GOOD;
}

/* --- benign recordings ------------------------------------------------------------------------ */

static void count_match(void *context, size_t rule)
{
    struct content_check_verb *verb = context;
    verb->rule_matches[rule]++;
}

struct benign_counts {
    uint64_t events;
    uint64_t matches;
    uint64_t incomplete;
    uint64_t unreadable;
};

static enum cli_exit replay_file(struct content_check_verb *verb, const struct benign *file,
                                 struct engine_event *event, struct benign_counts *counts)
{
    struct log_options options = {.format = LOG_ANY};
    struct log *log = NULL;
    struct log_entry entry = {0};
    struct explanation why;
    worker_at(verb->place, file->name);
    struct result result = log_open(file->fd, file->name, &options, &log, &why);
    while (result_is_ok(result) && result_is_ok(result = log_next(log, event, &entry, &why))) {
        verb->place->line = entry.number + 1;
        if (entry.is_unreadable) {
            counts->unreadable++;
            continue;
        }
        struct engine_verdict verdict =
            engine_eval(verb->engine, event, count_match, NULL, verb);
        counts->events++;
        counts->matches += verdict.matches;
        counts->incomplete += verdict.is_incomplete;
    }
    log_close(log);
    if (result.error == ERROR_NOT_FOUND)
        return CLI_GOOD;
    verb_error("%s", why.text);
    return CLI_INPUT;
}

static void name_loudest(struct content_check_verb *verb)
{
    size_t loudest = 0;
    for (size_t i = 0; i < engine_rule_count(verb->engine); i++) {
        if (verb->rule_matches[i] > verb->rule_matches[loudest])
            loudest = i;
    }
    const struct engine_rule *rule = engine_rule(verb->engine, loudest);
    find(verb, "benign", rule->file, "\"%s\" matched %" PRIu64 " times, most of all rules",
         rule->title, verb->rule_matches[loudest]);
}

static enum cli_exit replay_benign(struct content_check_verb *verb, struct benign_counts *counts)
{
    struct engine_event *event = engine_event_new(verb->engine);
    verb->rule_matches = calloc(engine_rule_count(verb->engine) + 1, sizeof *verb->rule_matches);
    enum cli_exit code = event != NULL && verb->rule_matches != NULL ? CLI_GOOD : CLI_UNAVAILABLE;
    for (size_t i = 0; code == CLI_GOOD && i < verb->benign_count; i++)
        code = replay_file(verb, &verb->benign[i], event, counts);
    engine_event_free(event);
    if (code != CLI_GOOD)
        return code;
    uint64_t allowed =
        counts->events * verb->input.manifest.false_positives_per_million / PER_MILLION;
    if (counts->matches > allowed) {
        find(verb, "benign", verb->input.path,
             "%" PRIu64 " matches in %" PRIu64 " benign events, %" PRIu64 " are allowed "
             "(%u in a million)",
             counts->matches, counts->events, allowed,
             verb->input.manifest.false_positives_per_million);
        name_loudest(verb);
    }
    if (counts->incomplete > 0)
        find(verb, "benign", verb->input.path,
             "%" PRIu64 " verdicts are incomplete: the event costs more steps than are allowed",
             counts->incomplete);
    if (counts->events == 0 && verb->benign_count > 0)
        find(verb, "benign", verb->input.path, "there is no event in the benign recordings");
    return CLI_GOOD;
}

/* --- all of it -------------------------------------------------------------------------------- */

static RESULT nothing(void *context, const char *id, struct explanation *why)
{
    (void)context;
    (void)id;
    (void)why;
    return RESULT_OK;
}

static void check_settings(struct content_check_verb *verb)
{
    const struct bundle *bundle = &verb->input.bundle;
    struct explanation why;
    struct probe_set probes;
    size_t off;
    size_t unknown = 0;
    struct result result = RESULT_OK;
    if (bundle->facts.kind == BUNDLE_PROBES)
        result = content_probes_read(bundle, &probes, &why);
    else if (bundle->facts.kind == BUNDLE_POLICY && verb->engine != NULL)
        result = content_policy_apply(bundle, verb->engine, NULL, &off, &unknown, &why);
    else if (bundle->facts.kind == BUNDLE_POLICY)
        result = content_policy_read(bundle, nothing, NULL, &why);
    if (fault_is_planted(FAULT_CHECK_SETTINGS_OFF))
        return;
    if (!result_is_ok(result))
        find(verb, "settings", verb->input.path, "%s", why.text);
    if (unknown > 0)
        find(verb, "settings", verb->input.path,
             "%zu ids are of no rule that --with names: a misspelt one would switch nothing off",
             unknown);
}

struct check_counts {
    struct content_test_counts tests;
    struct content_field_counts fields;
    struct benign_counts benign;
};

static enum cli_exit check_rules(struct content_check_verb *verb, struct check_counts *counts)
{
    const struct content_check check = {.engine = verb->engine, .bundle = &verb->input.bundle,
                                        .prefix = "", .say = say, .at = at, .context = verb};
    struct explanation why;
    if (verb->engine == NULL)
        return CLI_GOOD;
    if (!result_is_ok(content_check_tests(&check, &counts->tests, &why))
        || !result_is_ok(content_check_fields(&check, verb->seed, &counts->fields, &why))) {
        verb_error("%s", why.text);
        return CLI_UNAVAILABLE;
    }
    return replay_benign(verb, &counts->benign);
}

static void print_summary(const struct content_check_verb *verb,
                          const struct check_counts *counts)
{
    struct output *output = verb->call->output;
    const struct bundle_facts *facts = &verb->input.bundle.facts;
    struct engine_cost cost = {0};
    if (verb->engine != NULL)
        cost = engine_cost(verb->engine);
    if (output_is_json(output)) {
        output_json(
            output,
            json_pack("{s:{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}",
                      "summary", "name", facts->name, "version", (json_int_t)facts->version,
                      "findings", (json_int_t)verb->findings, "positive_tests",
                      (json_int_t)counts->tests.positive, "negative_tests",
                      (json_int_t)counts->tests.negative, "filled_events",
                      (json_int_t)counts->fields.events, "benign_events",
                      (json_int_t)counts->benign.events, "benign_matches",
                      (json_int_t)counts->benign.matches, "steps", (json_int_t)cost.steps,
                      "steps_max", (json_int_t)cost.steps_max, "memory_bytes",
                      (json_int_t)cost.memory_bytes, "load_ms",
                      (json_int_t)verb->load_ms));
        return;
    }
    if (verb->findings > 0)
        table_print(verb->table, output);
    output_line(output, "%u rule files; tests: %" PRIu64 " positive, %" PRIu64
                        " negative; %" PRIu64 " events with odd fields; %" PRIu64
                        " matches in %" PRIu64 " benign events",
                counts->tests.rule_files, counts->tests.positive, counts->tests.negative,
                counts->fields.events, counts->benign.matches, counts->benign.events);
    output_line(output, "cost: %" PRIu64 " of %" PRIu64 " steps, %u of %u for one rule, %" PRIu64
                        " of %" PRIu64 " KiB, loaded in %" PRIu64 " ms",
                cost.steps, facts->cost.steps, cost.steps_max, facts->cost.steps_per_rule,
                cost.memory_bytes / KIB, facts->cost.memory_bytes / KIB,
                verb->load_ms);
    output_part(output, verb->findings == 0 ? COLOUR_GREEN : COLOUR_RED, "%s",
                verb->findings == 0 ? "good" : "not to be published");
    output_line(output, ": %s %" PRIu64 ", %" PRIu64 " findings", facts->name, facts->version,
                verb->findings);
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    static const char *const TITLES[] = {"CHECK", "WHERE", "WHAT"};
    struct content_check_verb *verb = context;
    struct check_counts counts = {0};
    verb->place = place;
    verb->table = table_new(3, TITLES);
    enum cli_exit code = content_input_open(&verb->input, place);
    if (code == CLI_GOOD)
        code = load(verb);
    if (code == CLI_GOOD)
        code = check_rules(verb, &counts);
    if (code == CLI_GOOD) {
        check_settings(verb);
        print_summary(verb, &counts);
        code = verb->findings > 0 ? CLI_FINDING : CLI_GOOD;
    }
    table_free(verb->table);
    free(verb->rule_matches);
    engine_free(verb->engine);
    free(verb->joined);
    return code;
}

/* --- the parent ------------------------------------------------------------------------------- */

static enum cli_exit open_benign(struct content_check_verb *verb)
{
    size_t count = options_count(verb->call->options, "benign");
    if (count > BENIGN_MAX)
        return verb_usage_error(verb->call, "at most %d recordings with --benign", BENIGN_MAX);
    for (size_t i = 0; i < count; i++) {
        struct benign *file = &verb->benign[i];
        file->name = options_value_at(verb->call->options, "benign", i);
        file->fd = open(file->name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        if (file->fd < 0) {
            verb_error("%s: cannot be opened: %s", file->name, strerror(errno));
            return CLI_INPUT;
        }
        verb->benign_count++;
    }
    return CLI_GOOD;
}

static enum cli_exit open_with(struct content_check_verb *verb)
{
    size_t count = options_count(verb->call->options, "with");
    enum cli_exit code = CLI_GOOD;
    if (count > WITH_MAX)
        return verb_usage_error(verb->call, "at most %d with --with", WITH_MAX);
    for (; code == CLI_GOOD && verb->with_count < count; verb->with_count++)
        code = content_input_read(options_value_at(verb->call->options, "with", verb->with_count),
                                  &verb->with[verb->with_count]);
    return code;
}

/* Content that never comes to an end is killed, and the place named. The worker inherits it; the
 * parent itself needs next to none. */
static enum cli_exit limit_time(const struct call *call)
{
    uint64_t seconds;
    const char *text = options_value(call->options, "cpu-seconds", "600");
    if (!result_is_ok(number_parse(text, CPU_SECONDS_MAX, &seconds)) || seconds == 0)
        return verb_usage_error(call, "--cpu-seconds takes a number from 1 to %d",
                                CPU_SECONDS_MAX);
    /* SIGXCPU, which says what it is, comes before the SIGKILL of the second number. */
    struct rlimit limit = {seconds, seconds + 10};
    if (fault_is_planted(FAULT_CHECK_TIME_OFF) || setrlimit(RLIMIT_CPU, &limit) == 0)
        return CLI_GOOD;
    verb_error("processor time cannot be limited: %s", strerror(errno));
    return CLI_UNAVAILABLE;
}

static enum cli_exit run(const struct call *call)
{
    struct content_check_verb *verb = calloc(1, sizeof *verb);
    if (verb == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    verb->call = call;
    enum cli_exit code = CLI_GOOD;
    if (!result_is_ok(number_parse(options_value(call->options, "seed", "1"), UINT64_MAX,
                                   &verb->seed)))
        code = verb_usage_error(call, "--seed takes a number");
    if (code == CLI_GOOD)
        code = limit_time(call);
    if (code == CLI_GOOD)
        code = content_input_read(options_word(call->options, 0), &verb->input);
    if (code == CLI_GOOD)
        code = open_with(verb);
    if (code == CLI_GOOD)
        code = open_benign(verb);
    if (code == CLI_GOOD)
        code = worker_run(call, work, verb);
    for (size_t i = 0; i < verb->benign_count; i++)
        close(verb->benign[i].fd);
    for (size_t i = 0; i < verb->with_count; i++)
        content_input_close(&verb->with[i]);
    content_input_close(&verb->input);
    free(verb);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"benign", "FILE", true, "a recording in which nothing bad happened"},
    {"with", "CONTENT", true, "a bundle or folder that hosts have beside it"},
    {"cpu-seconds", "NUMBER", false, "of processor time, then it has failed; 600"},
    {"seed", "NUMBER", false, "for the random values of fields; 1"},
    {NULL, NULL, false, NULL},
};

const struct verb verb_content_check = {
    .name = "content check",
    .summary = "hold a bundle to all that hosts and people expect of it",
    .words = "FILE|DIR",
    .words_min = 1,
    .words_max = 1,
    .options = OPTIONS,
    .help =
        "Loads the content with the engine that hosts run, in a sandbox, and\n"
        "  - matches each rule's own tests; a rule without tests does not ship;\n"
        "  - makes each field of each rule blank, absent, as long as it may be and random;\n"
        "  - replays the recordings of --benign against the budget in content.yaml;\n"
        "  - holds steps, memory and loading time to what content.yaml states.\n"
        "Whatever is over a limit is an error, not a warning.\n"
        "\n"
        "With --json: one object per finding {check, file, line, reason}, then {\"summary\"}.\n"
        "Exit codes: 0 good, 1 findings, 3 this is no content.\n"
        "\n"
        "Examples:\n"
        "  creance content check content\n"
        "  creance content check creance-rules.bundle --benign day.jsonl.zst\n"
        "  creance content check exceptions.bundle --with creance-rules.bundle\n",
    .run = run,
};
