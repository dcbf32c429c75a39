// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The releases of this host (agent/tree.h) in the words of update/lifecycle: for `creance content
 * status`, and in the agent's log whenever one comes to another state, which `creance content
 * history` shows.
 */
#include "agent/control/agent_log.h"
#include "agent/tree.h"

#include <jansson.h>

/* One release as JSON: {stream, stream_number, version, name, state, text, running, waits,
 * earliest, failure, attempts, urgent}. NULL: memory is out. */
json_t *release_json(const struct tree *tree, uint32_t index);
/* The rest: {running, boot_level, boot_text, enforcement, pressure, held, pinned, switches}. */
json_t *releases_json(const struct tree *tree);

/* What was said already. Begins as zeros. */
struct releases_said {
    bool has_looked;
    uint32_t boot_level;
    uint32_t count;
    struct tree_release rows[TREE_RELEASES_MAX];
};

/* Says what has changed since the last call. */
void releases_say(struct releases_said *said, const struct tree *tree, struct agent_log *log);
