// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a document of Windows events in XML. Targets: log_xml.c, log_element.c.
 */
#include "content/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_log(LOG_xml, data, size);
    return 0;
}
