// SPDX-License-Identifier: Apache-2.0
/* gate-statistics FIRST COUNT: the gate's statistics against brute force; exit code 1 where what is
 * stated does not hold. */
#include "base/bytes.h"
#include "tests/rollout/gate_trials.h"

#include <stdio.h>

int main(int count, char **arguments)
{
    uint64_t first, trials;
    if (count != 3 || !result_is_ok(number_parse(arguments[1], UINT64_MAX, &first))
        || !result_is_ok(number_parse(arguments[2], UINT32_MAX, &trials))) {
        fprintf(stderr, "usage: gate-statistics FIRST COUNT\n");
        return 2;
    }
    bool is_good = trials_of_good_releases(first, (uint32_t)trials);
    is_good = trials_of_bad_releases(first, (uint32_t)trials) && is_good;
    is_good = trials_of_openings(first, (uint32_t)trials) && is_good;
    return is_good ? 0 : 1;
}
