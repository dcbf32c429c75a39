// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as lines of text, with events of Sysmon for Linux in them.
 */
#include "content/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_log(LOG_text, data, size);
    return 0;
}
