// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The detections of tripwires.def: as rule files, and whether a loaded engine still has them. */
#include "engine/engine.h"

struct tripwire {
    const char *name; /* of its file: "factory/NAME.yml" */
    const char *rule; /* Sigma */
    const char *command_line;
};

const struct tripwire *tripwires(size_t *ret_count);

/* Names one that does not fire on its own event; *ret_silent NULL: all do. ERROR_MEMORY. */
RESULT tripwires_check(struct engine *engine, const char **ret_silent);
