// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as JSON: an object a line, or over several.
 */
#include "content/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_log(LOG_json, data, size);
    return 0;
}
