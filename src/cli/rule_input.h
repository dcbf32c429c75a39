// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Rules as the offline verbs take them: collected from paths by the parent, loaded in the worker.
 */
#include "cli/verb.h"
#include "cli/worker.h"
#include "content/rule_folder.h"
#include "engine/engine.h"

struct rule_input {
    struct rule_folder *folder; /* which files were not taken, and why */
    uint8_t *pack;
    size_t pack_size;
};

/* Collects the paths that are the values of `option`, or the words where `option` is NULL. Says
 * what is wrong and gives CLI_INPUT where one of them cannot be read, CLI_UNAVAILABLE when memory
 * is out. Close it in any case. */
enum cli_exit rule_input_open(const struct call *call, const char *option,
                              struct rule_input *ret_input);
void rule_input_close(struct rule_input *input);

/* Says that there is no rule file and gives CLI_INPUT, or gives CLI_GOOD. */
enum cli_exit rule_input_require_files(const struct rule_input *input);

/* In the worker: loads them, for this host's own log sources only or for all. Says what is wrong
 * and gives CLI_INPUT where nothing can be loaded at all. */
enum cli_exit rule_input_load(const struct rule_input *input, bool for_native_sources,
                              struct worker_place *place, struct engine **ret_engine);

/* "loaded", "inactive" or "rejected". */
const char *rule_state_name(enum engine_rule_state state);
enum output_colour rule_state_colour(enum engine_rule_state state);
/* {"id", "title", "level", "status", "tags", "file", "line"}; NULL: out of memory. */
json_t *rule_object(const struct engine_rule *rule);
