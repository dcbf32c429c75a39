// SPDX-License-Identifier: Apache-2.0
/* A scenario file of anybody's. */
#include "sim/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario scenario = scenario_default();
    struct explanation why;
    result_ignore(scenario_read((struct bytes){data, size}, &scenario, &why));
    return 0;
}
