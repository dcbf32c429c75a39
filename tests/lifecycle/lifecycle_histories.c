// SPDX-License-Identifier: Apache-2.0
/* lifecycle-histories FIRST COUNT: random histories by seed; exit code 1 at the first broken. */
#include "base/bytes.h"
#include "tests/lifecycle/histories.h"

#include <stdio.h>

int main(int count, char **arguments)
{
    uint64_t first, histories;
    if (count != 3 || !result_is_ok(number_parse(arguments[1], UINT64_MAX, &first))
        || !result_is_ok(number_parse(arguments[2], UINT32_MAX, &histories))) {
        fprintf(stderr, "usage: lifecycle-histories FIRST COUNT\n");
        return 2;
    }
    bool is_good = histories_run(first, histories);
    if (is_good)
        printf("# %llu histories from seed %llu: all invariants hold\n",
               (unsigned long long)histories, (unsigned long long)first);
    return is_good ? 0 : 1;
}
