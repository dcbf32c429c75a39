// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a Windows event log. Targets: log_evtx.c, log_binary_xml.c, log_binary_value.c.
 */
#include "content/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_log(LOG_evtx, data, size);
    return 0;
}
