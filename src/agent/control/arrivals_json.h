// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The part of `content status` about what arrives over the network. */
#include "agent/tree.h"

#include <jansson.h>

/* {on, metadata, log, ...} with words, and `text`: one sentence for people. NULL: out of memory. */
json_t *arrivals_json(const struct tree_arrivals *arrivals);
