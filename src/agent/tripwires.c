// SPDX-License-Identifier: Apache-2.0
#include "agent/tripwires.h"

#include "base/bytes.h"

#include <string.h>

#define TRIPWIRE(name, id, title, level, tag, field, value, command_line)                     \
    {"factory/" #name ".yml",                                                                 \
     "title: " title "\nid: " id "\nstatus: stable\nlevel: " level "\ntags: [" tag "]\n"       \
     "logsource: {product: linux, category: process_creation}\n"                              \
     "detection:\n  selection:\n    " field ": '" value "'\n  condition: selection\n",         \
     command_line},

static const struct tripwire TRIPWIRES[] = {
#include "agent/tripwires.def"
};

enum { COUNT = sizeof TRIPWIRES / sizeof TRIPWIRES[0] };

const struct tripwire *tripwires(size_t *ret_count)
{
    *ret_count = COUNT;
    return TRIPWIRES;
}

struct looking {
    const struct engine *engine;
    const char *file;
    bool is_found;
};

static void take_match(void *context, size_t rule)
{
    struct looking *looking = context;
    if (strcmp(engine_rule(looking->engine, rule)->file, looking->file) == 0)
        looking->is_found = true;
}

static RESULT fires(struct engine *engine, struct engine_event *event,
                    const struct tripwire *tripwire, bool *ret_fires)
{
    struct looking looking = {engine, tripwire->name, false};
    engine_event_begin(event);
    GUARD(engine_event_add_source(event, "linux", "process_creation", ""));
    GUARD(engine_event_add(event, "CommandLine", tripwire->command_line,
                           strlen(tripwire->command_line)));
    (void)engine_eval(engine, event, take_match, NULL, &looking);
    *ret_fires = looking.is_found;
    return RESULT_OK;
}

RESULT tripwires_check(struct engine *engine, const char **ret_silent)
{
    *ret_silent = NULL;
    struct engine_event *event = engine_event_new(engine);
    if (event == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = RESULT_OK;
    for (size_t i = 0; i < COUNT && result_is_ok(result) && *ret_silent == NULL; i++) {
        bool does_fire = false;
        result = fires(engine, event, &TRIPWIRES[i], &does_fire);
        if (!does_fire)
            *ret_silent = TRIPWIRES[i].name;
    }
    engine_event_free(event);
    return result;
}
