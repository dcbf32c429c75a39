// SPDX-License-Identifier: Apache-2.0
/* rollout-histories FIRST COUNT: random histories of rollouts by seed; exit code 1 at the first
 * that is broken. CREANCE_FAULT=WORD plants one of base/fault.def. */
#include "base/bytes.h"
#include "base/fault.h"
#include "tests/rollout/rollouts.h"

#include <stdio.h>

int main(int count, char **arguments)
{
    uint64_t first, histories;
    if (count != 3 || !result_is_ok(number_parse(arguments[1], UINT64_MAX, &first))
        || !result_is_ok(number_parse(arguments[2], UINT32_MAX, &histories))) {
        fprintf(stderr, "usage: rollout-histories FIRST COUNT\n");
        return 2;
    }
    fault_plant();
    return rollouts_run_all(first, histories) ? 0 : 1;
}
