// SPDX-License-Identifier: Apache-2.0
#include "cli/rule_input.h"

#include <stdlib.h>

static enum cli_exit collect(const struct call *call, const char *option,
                             struct rule_folder *folder)
{
    size_t count = option != NULL ? options_count(call->options, option)
                                  : options_word_count(call->options);
    for (size_t i = 0; i < count; i++) {
        const char *path = option != NULL ? options_value_at(call->options, option, i)
                                          : options_word(call->options, i);
        struct explanation why;
        struct result result = rule_folder_add_path(folder, path, &why);
        if (!result_is_ok(result)) {
            verb_error("%s", why.text);
            return result.error == ERROR_MEMORY ? CLI_UNAVAILABLE : CLI_INPUT;
        }
    }
    return CLI_GOOD;
}

enum cli_exit rule_input_open(const struct call *call, const char *option,
                              struct rule_input *ret_input)
{
    *ret_input = (struct rule_input){.folder = rule_folder_new()};
    if (ret_input->folder == NULL) {
        verb_error("memory is out");
        return CLI_UNAVAILABLE;
    }
    enum cli_exit code = collect(call, option, ret_input->folder);
    if (code != CLI_GOOD)
        return code;
    if (!result_is_ok(rule_folder_pack(ret_input->folder, &ret_input->pack,
                                       &ret_input->pack_size))) {
        verb_error("the rules cannot be packed: memory is out");
        return CLI_UNAVAILABLE;
    }
    return CLI_GOOD;
}

void rule_input_close(struct rule_input *input)
{
    rule_folder_free(input->folder);
    free(input->pack);
}

enum cli_exit rule_input_require_files(const struct rule_input *input)
{
    if (rule_folder_file_count(input->folder) > 0)
        return CLI_GOOD;
    const struct rule_problem *problem = rule_folder_problem(input->folder, 0);
    if (problem != NULL)
        verb_error("no rule file could be read; %s: %s", problem->file, problem->reason);
    else
        verb_error("there is no rule file (*.yml, *.yaml) in the folders given");
    return CLI_INPUT;
}

enum cli_exit rule_input_load(const struct rule_input *input, bool for_native_sources,
                              struct worker_place *place, struct engine **ret_engine)
{
    worker_at(place, "reading the rules");
    struct engine_options options = {0};
    if (for_native_sources)
        options.sources = engine_native_sources(&options.source_count);
    struct explanation why = {"no reason was given"};
    struct result result =
        engine_load(&options, input->pack, input->pack_size, ret_engine, &why);
    if (result_is_ok(result))
        return CLI_GOOD;
    verb_error("the rules cannot be loaded: %s", why.text);
    return CLI_INPUT;
}

const char *rule_state_name(enum engine_rule_state state)
{
    switch (state) {
    case ENGINE_RULE_LOADED:
        return "loaded";
    case ENGINE_RULE_INACTIVE:
        return "inactive";
    case ENGINE_RULE_REJECTED:
        break;
    }
    return "rejected";
}

enum output_colour rule_state_colour(enum engine_rule_state state)
{
    switch (state) {
    case ENGINE_RULE_LOADED:
        return COLOUR_NONE;
    case ENGINE_RULE_INACTIVE:
        return COLOUR_DIM;
    case ENGINE_RULE_REJECTED:
        break;
    }
    return COLOUR_RED;
}

json_t *rule_object(const struct engine_rule *rule)
{
    json_t *tags = json_array();
    for (size_t i = 0; i < rule->tag_count; i++)
        json_array_append_new(tags, output_json_text(rule->tags[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "id", output_json_text(rule->id),
                     "title", output_json_text(rule->title), "level",
                     output_json_text(rule->level), "status", output_json_text(rule->status),
                     "tags", tags, "file", output_json_text(rule->file), "line",
                     (int)rule->line);
}
