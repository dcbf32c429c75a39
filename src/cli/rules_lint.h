// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What readers of rules expect beyond what the engine needs: the conventions of SigmaHQ (rule,
 * title and file name conventions), and that no two rules share an id, a name or a title.
 */
#include "engine/engine.h"

/* Called for each finding; `reason` lives until it returns. */
typedef RESULT rules_lint_note(void *context, const struct engine_rule *rule, const char *field,
                               const char *reason);

/* Looks at all rows but the rejected ones. ERROR_MEMORY, or what note() gave. */
RESULT rules_lint(const struct engine *engine, rules_lint_note *note, void *context);
