// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * `creance rules list` of the running agent: what became of each rule there.
 */
#include "cli/verb.h"

enum cli_exit rules_list_live(const struct call *call);
