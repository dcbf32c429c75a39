// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * All that a host remembers of updates, as one piece: it is saved as one (slots.h), so that no
 * crash leaves one half newer than the other.
 */
#include "update/lifecycle/boot_guard.h"
#include "update/lifecycle/halts.h"
#include "update/lifecycle/lifecycle.h"

enum { BOOT_ID_BYTES = 16 };

/* Where steady time stood when the state was saved, and the boot in which that was. */
struct steady_base {
    struct steady_time at;
    uint32_t boottime_s;
    uint8_t boot_id[BOOT_ID_BYTES];
};

struct update_state {
    struct steady_base clock;
    struct boot_guard guard;
    struct halts halts;
    uint8_t stream_count;
    struct lifecycle streams[LIMIT_STREAMS];
};

/* Steady time now, from the kernel's boot time and boot id. */
struct steady_time steady_now(const struct steady_base *base, uint32_t boottime_s,
                              const uint8_t boot_id[BOOT_ID_BYTES]);

/* Whether the base was saved in this boot. */
bool steady_is_boot(const struct steady_base *base, const uint8_t boot_id[BOOT_ID_BYTES]);

/* Moves the base to now; do it before each save. */
void steady_rebase(struct steady_base *base, uint32_t boottime_s,
                   const uint8_t boot_id[BOOT_ID_BYTES]);

/* As bytes and back; decoding takes bytes from anywhere (ERROR_FORMAT, ERROR_UNSUPPORTED). */
RESULT update_state_encode(const struct update_state *state, struct writer *writer);
RESULT update_state_decode(struct reader *reader, struct update_state *ret_state);
