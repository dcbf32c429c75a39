// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a policy: who has all witnesses is a quorum, and more witnesses never are less. */
#include "update/log/policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tlog_policy *policy;
    struct explanation why = {""};
    if (!result_is_ok(tlog_policy_parse((struct bytes){data, size}, &policy, &why))) {
        require(*why.text != '\0');
        return 0;
    }
    require(tlog_policy_witness_count(policy) <= LIMIT_POLICY_ROWS);
    require(tlog_policy_is_quorum(policy, UINT32_MAX));
    require(tlog_policy_is_quorum(policy, 0) == tlog_policy_needs_nobody(policy));
    uint32_t set = 0;
    bool was_quorum = false;
    for (size_t i = 0; i < tlog_policy_witness_count(policy); i++) {
        set |= UINT32_C(1) << i;
        bool is_quorum = tlog_policy_is_quorum(policy, set);
        require(is_quorum || !was_quorum);
        was_quorum = is_quorum;
    }
    tlog_policy_free(policy);
    return 0;
}
