// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an audit log. Targets: log_audit.c, audit_record.c, audit_event.c.
 */
#include "content/fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_log(LOG_audit, data, size);
    return 0;
}
