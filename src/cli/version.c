// SPDX-License-Identifier: Apache-2.0
#include "cli/verb.h"
#include "schema/schema.h"

static enum cli_exit run(const struct call *call)
{
    if (output_is_json(call->output))
        output_json(call->output, json_pack("{s:s, s:i}", "version", CREANCE_VERSION,
                                            "schema", SCHEMA_VERSION));
    else
        output_line(call->output, "creance %s (event schema %d)", CREANCE_VERSION, SCHEMA_VERSION);
    return CLI_GOOD;
}

const struct verb verb_version = {
    .name = "version",
    .summary = "which version this is",
    .words = "",
    .help = "Prints the version of the program and of the event schema.\n\n"
            "Examples:\n"
            "  creance version\n"
            "  creance version --json\n",
    .run = run,
};
