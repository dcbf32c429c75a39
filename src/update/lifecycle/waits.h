// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What a release waits for, and until when at least. The reasons are the table waits.def. */
#include "update/lifecycle/steady_time.h"

#include <stdbool.h>

enum wait {
#define WAIT(id, word, text) WAIT_##id,
#include "update/lifecycle/waits.def"
    WAIT_COUNT
};

struct waits {
    uint32_t reasons; /* bits 1 << WAIT_x; 0: it waits for nothing */
    /* Not before this, as far as time decides. Where is_time_known is false, something else does
     * (evidence, a halt that may be renewed, the administrator). */
    struct steady_time earliest;
    bool is_time_known;
};

static inline void waits_until(struct waits *waits, enum wait reason, struct steady_time at)
{
    waits->reasons |= 1u << reason;
    if (at.s > waits->earliest.s)
        waits->earliest = at;
}

static inline void waits_on_others(struct waits *waits, enum wait reason)
{
    waits->reasons |= 1u << reason;
    waits->is_time_known = false;
}

/* Nothing to wait for, from now on. */
static inline struct waits waits_none(struct steady_time now)
{
    return (struct waits){.earliest = now, .is_time_known = true};
}

/* One word, as in JSON, and one sentence, for people. Never NULL. */
const char *wait_word(enum wait wait);
const char *wait_text(enum wait wait);
