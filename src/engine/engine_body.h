// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What an engine is made of, for engine.c and load.c. */
#include "engine/correlate.h"
#include "engine/engine.h"
#include "engine/match.h"
#include "engine/meter.h"

struct engine {
    struct program program;
    struct matcher *matcher;
    struct correlator *correlator; /* NULL: there are no correlations */
    struct rows rows; /* struct engine_rule */
    struct meter *meter; /* NULL: nothing is measured */
    size_t states[ENGINE_RULE_REJECTED + 1];
};

/* saved.c: fills an engine whose program was begun with the tables of a saved one, and checks them;
 * on failure it is half full, and is to be freed. saved_check.c: the second part. */
RESULT saved_read(struct engine *engine, const void *data, size_t size);
RESULT saved_check(const struct engine *engine);

/* load.c: what engine_load() does; on failure the engine may be half full, and is to be freed. */
RESULT load_rules(struct engine *engine, const struct engine_options *options, const void *pack,
                  size_t size, struct explanation *why);
