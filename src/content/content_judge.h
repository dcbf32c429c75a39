// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One line of tests against the rules of one file: what `creance rules test`, `creance content
 * check` and a host's trial have in common. content_tests.h has the form of a line.
 */
#include "content/content_line.h"
#include "engine/engine.h"

struct content_judge {
    struct engine *engine;
    struct engine_event *event;
    struct content_line_room room;
    uint64_t now_ns; /* of the test at hand */
};

/* ERROR_MEMORY. Close it in any case. */
RESULT content_judge_open(struct engine *engine, struct content_judge *ret_judge);
void content_judge_close(struct content_judge *judge);

/* Whose rules must match or must not. */
struct content_judged_rule {
    const char *file;               /* as the engine calls it */
    const struct engine_rule *rule; /* whose log source events take that name none */
    bool has_correlations;          /* each test then begins with nothing remembered */
};

struct content_judgement {
    bool is_test; /* the line could be read */
    bool must_match;
    bool is_matched;
};

/* ERROR_FORMAT and ERROR_LIMIT, with `why`: the line is no test, or its verdict is incomplete;
 * ret_judgement->is_test and must_match are right then, too. ERROR_MEMORY. */
RESULT content_judge_line(struct content_judge *judge, const struct content_judged_rule *rule,
                          struct bytes line, struct content_judgement *ret_judgement,
                          struct explanation *why);
