// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"
#include "cli/rule_input.h"
#include "cli/rules_lint.h"

#include <stdlib.h>
#include <string.h>

/* One document or file that is not in force, or not wholly. */
struct problem {
    const char *file;
    unsigned line; /* 0: the file as a whole */
    const char *id;
    const char *title;
    const char *field;
    enum engine_rule_state state;
    const char *reason;
};

struct check {
    const struct call *call;
    struct rule_input input;
    struct problem *problems;
    size_t problem_count;
    size_t problem_capacity;
    size_t findings; /* of --lint */
};

static int by_place(const void *a, const void *b)
{
    const struct problem *left = a;
    const struct problem *right = b;
    int order = strcmp(left->file, right->file);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static RESULT gather(struct check *check, const struct engine *engine)
{
    size_t rules = engine != NULL ? engine_rule_count(engine) : 0;
    size_t files = rule_folder_problem_count(check->input.folder);
    check->problem_capacity = rules + files + 1;
    check->problems = calloc(check->problem_capacity, sizeof *check->problems);
    if (check->problems == NULL)
        return result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < rules; i++) {
        const struct engine_rule *rule = engine_rule(engine, i);
        if (*rule->reason != '\0')
            check->problems[check->problem_count++] =
                (struct problem){rule->file,  rule->line,  rule->id,    rule->title,
                                 rule->field, rule->state, rule->reason};
    }
    for (size_t i = 0; i < files; i++) {
        const struct rule_problem *file = rule_folder_problem(check->input.folder, i);
        check->problems[check->problem_count++] =
            (struct problem){file->file, 0, "", "", "", ENGINE_RULE_REJECTED, file->reason};
    }
    qsort(check->problems, check->problem_count, sizeof *check->problems, by_place);
    return RESULT_OK;
}

/* One finding of the linter: its reason is a copy that lives as long as this process. */
static RESULT add_finding(void *context, const struct engine_rule *rule, const char *field,
                          const char *reason)
{
    struct check *check = context;
    if (check->problem_count == check->problem_capacity) {
        size_t larger = 2 * check->problem_capacity;
        struct problem *moved = reallocarray(check->problems, larger, sizeof *moved);
        if (moved == NULL)
            return result_fail(ERROR_MEMORY);
        check->problems = moved;
        check->problem_capacity = larger;
    }
    char *copy = strdup(reason);
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    check->problems[check->problem_count++] = (struct problem){
        rule->file, rule->line, rule->id, rule->title, field, ENGINE_RULE_LOADED, copy};
    check->findings++;
    return RESULT_OK;
}

static RESULT lint(struct check *check, const struct engine *engine)
{
    GUARD(rules_lint(engine, add_finding, check));
    qsort(check->problems, check->problem_count, sizeof *check->problems, by_place);
    return RESULT_OK;
}

static size_t count_state(const struct check *check, enum engine_rule_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < check->problem_count; i++)
        count += check->problems[i].state == state;
    return count;
}

static void print_json(const struct check *check, size_t loaded)
{
    struct output *output = check->call->output;
    for (size_t i = 0; i < check->problem_count; i++) {
        const struct problem *problem = &check->problems[i];
        output_json(output,
                    json_pack("{s:o, s:i, s:o, s:o, s:s, s:o, s:o}", "file",
                              output_json_text(problem->file), "line", (int)problem->line, "id",
                              output_json_text(problem->id), "title",
                              output_json_text(problem->title), "state",
                              rule_state_name(problem->state), "field",
                              output_json_text(problem->field), "reason",
                              output_json_text(problem->reason)));
    }
    output_json(output,
                json_pack("{s:I, s:I, s:I, s:I}", "loaded", (json_int_t)loaded, "inactive",
                          (json_int_t)count_state(check, ENGINE_RULE_INACTIVE), "rejected",
                          (json_int_t)count_state(check, ENGINE_RULE_REJECTED), "files",
                          (json_int_t)rule_folder_file_count(check->input.folder)));
}

/* What people must act on, one line each, as compilers do it. */
static void print_faults(const struct check *check)
{
    struct output *output = check->call->output;
    for (size_t i = 0; i < check->problem_count; i++) {
        const struct problem *problem = &check->problems[i];
        bool is_rejected = problem->state == ENGINE_RULE_REJECTED;
        char line[32] = "";
        if (problem->state == ENGINE_RULE_INACTIVE)
            continue;
        if (problem->line > 0)
            (void)string_format(line, sizeof line, ":%u", problem->line);
        output_part(output, is_rejected ? COLOUR_RED : COLOUR_YELLOW, "%s",
                    is_rejected ? "rejected" : "note");
        output_line(output, "%s %s%s: %s%s%s", is_rejected ? "" : "    ", problem->file, line,
                    problem->title, *problem->title != '\0' ? ": " : "", problem->reason);
    }
}

static int by_reason(const void *a, const void *b)
{
    const struct problem *left = a;
    const struct problem *right = b;
    return strcmp(left->reason, right->reason);
}

/* Whole collections are about other systems: why they are inactive is told once per reason.
 * Changes the order of the problems. */
static void print_inactive(struct check *check)
{
    qsort(check->problems, check->problem_count, sizeof *check->problems, by_reason);
    size_t same = 0;
    for (size_t i = 0; i < check->problem_count; i++) {
        const struct problem *problem = &check->problems[i];
        bool is_last = i + 1 == check->problem_count
                       || by_reason(problem, &check->problems[i + 1]) != 0;
        same += problem->state == ENGINE_RULE_INACTIVE;
        if (is_last && same > 0) {
            output_part(check->call->output, COLOUR_DIM, "inactive");
            output_line(check->call->output, " %zu rules: %s", same, problem->reason);
        }
        same = is_last ? 0 : same;
    }
}

static void print_text(struct check *check, size_t loaded)
{
    print_faults(check);
    print_inactive(check);
    output_line(check->call->output, "%zu loaded, %zu inactive, %zu rejected, from %zu files",
                loaded, count_state(check, ENGINE_RULE_INACTIVE),
                count_state(check, ENGINE_RULE_REJECTED),
                rule_folder_file_count(check->input.folder));
}

static enum cli_exit report(struct check *check, const struct engine *engine)
{
    size_t loaded = engine != NULL ? engine_count_state(engine, ENGINE_RULE_LOADED) : 0;
    struct result result = gather(check, engine);
    if (result_is_ok(result) && engine != NULL && options_has(check->call->options, "lint"))
        result = lint(check, engine);
    if (result_is_ok(result) && output_is_json(check->call->output))
        print_json(check, loaded);
    else if (result_is_ok(result))
        print_text(check, loaded);
    size_t rejected = count_state(check, ENGINE_RULE_REJECTED);
    free(check->problems);
    if (!result_is_ok(result)) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    return rejected > 0 || check->findings > 0 ? CLI_FINDING : CLI_GOOD;
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct check *check = context;
    struct engine *engine = NULL;
    bool is_native = !options_has(check->call->options, "any-source");
    enum cli_exit code = rule_input_load(&check->input, is_native, place, &engine);
    if (code == CLI_GOOD)
        code = report(check, engine);
    engine_free(engine);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    struct check check = {.call = call};
    enum cli_exit code = rule_input_open(call, NULL, &check.input);
    if (code == CLI_GOOD && rule_folder_file_count(check.input.folder) == 0) {
        /* The rows say it all; where there are none, a sentence does. */
        if (rule_folder_problem_count(check.input.folder) > 0) {
            (void)report(&check, NULL);
            code = CLI_INPUT;
        } else {
            code = rule_input_require_files(&check.input);
        }
    } else if (code == CLI_GOOD) {
        code = worker_run(call, work, &check);
    }
    rule_input_close(&check.input);
    return code;
}

static const struct option_row OPTIONS[] = {
    {"any-source", NULL, false, "take every log source as supplied, not only this host's events"},
    {"lint", NULL, false, "SigmaHQ's conventions too, and ids, names and titles that are double"},
    {0},
};

const struct verb verb_rules_check = {
    .name = "rules check",
    .summary = "which rules would not be in force here, and why",
    .words = "PATH...",
    .words_min = 1,
    .words_max = OPTIONS_ANY_WORDS,
    .options = OPTIONS,
    .help =
        "Loads Sigma rules as the engine does, in a sandbox, and lists those that are not\n"
        "in force: inactive (they are about log sources that this host's events do not\n"
        "have) or rejected (they are faulty, or ask for what we cannot do). Loaded rules are\n"
        "listed where they name a field that no event of this host has. PATH is a rule or a\n"
        "folder; in folders all *.yml and *.yaml below are taken.\n"
        "\n"
        "Inactive rules are counted by reason; --json names each.\n"
        "\n"
        "With --json: one object per such rule (file, line, id, title,\n"
        "state, field, reason), then one with the counts (loaded, inactive, rejected,\n"
        "files). Exit codes: 0 none was rejected (with --lint: and nothing was found), 1 some\n"
        "were, 3 no rule file could be read.\n"
        "\n"
        "Examples:\n"
        "  creance rules check /etc/creance/rules\n"
        "  creance rules check --json sigma/rules/linux | tail -1\n"
        "  creance rules check --any-source sigma/rules/windows\n"
        "  creance rules check --lint content/rules\n",
    .run = run,
};
