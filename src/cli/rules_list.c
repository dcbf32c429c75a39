// SPDX-License-Identifier: Apache-2.0
/*
 * `creance rules list`: of folders (--path) here; of the running agent in rules_live.c.
 */
#include "cli/rule_input.h"

#include "base/bytes.h"
#include "cli/rules_live.h"

struct list {
    const struct call *call;
    struct rule_input input;
};

static json_t *list_object(const struct engine_rule *rule)
{
    json_t *object = rule_object(rule);
    if (object != NULL) {
        json_object_set_new(object, "state", json_string(rule_state_name(rule->state)));
        json_object_set_new(object, "reason", output_json_text(rule->reason));
    }
    return object;
}

static RESULT add_row(struct table *table, const struct engine_rule *rule)
{
    char tags[256] = "";
    for (size_t i = 0; i < rule->tag_count; i++) {
        size_t at = 0;
        while (tags[at] != '\0')
            at++;
        if (!string_format(tags + at, sizeof tags - at, "%s%s", at > 0 ? " " : "", rule->tags[i]))
            break;
    }
    const char *const cells[] = {rule_state_name(rule->state), rule->level,
                                 *rule->title != '\0' ? rule->title : rule->file, tags};
    return table_add(table, rule_state_colour(rule->state), cells);
}

static enum cli_exit print_table(struct output *output, const struct engine *engine)
{
    static const char *const TITLES[] = {"STATE", "LEVEL", "RULE", "TAGS"};
    struct table *table = table_new(4, TITLES);
    struct result result = table != NULL ? RESULT_OK : result_fail(ERROR_MEMORY);
    for (size_t i = 0; i < engine_rule_count(engine) && result_is_ok(result); i++)
        result = add_row(table, engine_rule(engine, i));
    if (result_is_ok(result))
        table_print(table, output);
    table_free(table);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("memory is out: the list is incomplete");
    return CLI_UNAVAILABLE;
}

static enum cli_exit work(void *context, struct worker_place *place)
{
    struct list *list = context;
    struct output *output = list->call->output;
    struct engine *engine = NULL;
    enum cli_exit code = rule_input_load(&list->input, true, place, &engine);
    if (code == CLI_GOOD && output_is_json(output)) {
        for (size_t i = 0; i < engine_rule_count(engine); i++)
            output_json(output, list_object(engine_rule(engine, i)));
    } else if (code == CLI_GOOD) {
        code = print_table(output, engine);
    }
    engine_free(engine);
    return code;
}

static enum cli_exit list_paths(const struct call *call)
{
    struct list list = {.call = call};
    enum cli_exit code = rule_input_open(call, "path", &list.input);
    if (code == CLI_GOOD)
        code = rule_input_require_files(&list.input);
    for (size_t i = 0; code == CLI_GOOD && i < rule_folder_problem_count(list.input.folder); i++) {
        const struct rule_problem *problem = rule_folder_problem(list.input.folder, i);
        verb_error("%s is not listed: %s", problem->file, problem->reason);
    }
    if (code == CLI_GOOD)
        code = worker_run(call, work, &list);
    rule_input_close(&list.input);
    return code;
}

static enum cli_exit run(const struct call *call)
{
    if (options_has(call->options, "path"))
        return list_paths(call);
    return rules_list_live(call);
}

static const struct option_row OPTIONS[] = {
    {"path", "PATH", true, "list the rules of this file or folder instead of the agent's"},
    {0},
};

const struct verb verb_rules_list = {
    .name = "rules list",
    .summary = "rules with their state, level and tags",
    .words = "",
    .options = OPTIONS,
    .help = "Lists the rules of the running agent, or those of files and folders (--path). Why a\n"
            "rule is inactive or rejected is told by `creance rules check`.\n"
            "\n"
            "Examples:\n"
            "  creance rules list\n"
            "  creance rules list --path /etc/creance/rules\n"
            "  creance rules list --path content --json | grep '\"level\":\"high\"'\n",
    .run = run,
};
