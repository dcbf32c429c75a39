// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The part of `status` about engines and updates, from the supervisor's page. */
#include "agent/tree.h"

#include <jansson.h>

/* What of PRESSURE_ bits is set, as words: ["memory", "alerts"]. */
json_t *pressure_json(uint32_t bits);

/* {boot_level, enforcement, pressure, engines: [{name, use}], switches, releases: [...]}, with the
 * words of docs/content-status.md. NULL: out of memory. */
json_t *updates_json(const struct tree *tree);
