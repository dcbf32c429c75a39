// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The comparison of `creance content diff`, for verbs that must not pass a removal either. */
#include "cli/verb.h"

/* Prints what `new` takes away from `old`. CLI_FINDING: something; where `reason` is NULL, what to
 * do is said. An empty reason is wrong usage. */
enum cli_exit content_diff_between(const struct call *call, const char *old, const char *new,
                                   const char *reason);
