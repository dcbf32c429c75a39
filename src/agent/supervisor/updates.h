// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the administrator set about updates when the agent started; nothing remote changes it. */
#include "update/lifecycle/admission.h"

struct update_settings {
    struct admission_policy admission;
    struct lifecycle_policy lifecycle;
    uint32_t shadow_s; /* of judging beside the active engine */
};

struct update_settings update_settings_default(void);

/* "age=86400,urgent=21600,full=259200,bake=14400,shadow=600,...": seconds. ERROR_FORMAT or
 * ERROR_LIMIT, with `why`; then *settings is as it was. */
RESULT update_settings_parse(const char *text, struct update_settings *settings,
                             struct explanation *why);
