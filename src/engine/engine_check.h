// SPDX-License-Identifier: Apache-2.0
#pragma once
/* For tests: the engine without its shortcut, to compare with. */
#include "engine/engine.h"

/* From now on every rule of an event's log sources is evaluated, whatever a scan would find. */
void engine_evaluate_all(struct engine *engine, bool is_all);
