// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/boot_guard.h"

#include "base/fault.h"

enum {
    ENCODED_MAGIC = 0x44525547, /* "GURD" */
    ENCODED_VERSION = 1,
};

const char *boot_level_word(enum boot_level level)
{
    static const char *const WORDS[] = {
#define BOOT_LEVEL(id, word, text) word,
#include "update/lifecycle/boot_guard.def"
    };
    return level < BOOT_LEVEL_COUNT ? WORDS[level] : "?";
}

const char *boot_level_text(enum boot_level level)
{
    static const char *const TEXTS[] = {
#define BOOT_LEVEL(id, word, text) text,
#include "update/lifecycle/boot_guard.def"
    };
    return level < BOOT_LEVEL_COUNT ? TEXTS[level] : "?";
}

static void arm(struct boot_guard *state, uint64_t fingerprint, struct steady_time now)
{
    if (fingerprint != state->fingerprint)
        state->bad_climbs = 0; /* something else is to run: climbing is worth a try again */
    state->fingerprint = fingerprint;
    state->since = now;
    state->is_armed = true;
}

static void start(struct boot_guard *state, const struct boot_guard_event *event,
                  struct steady_time now, struct boot_guard_actions *actions)
{
    bool has_ended_early = event->is_new_boot && state->is_armed;
    if (event->is_new_boot && !state->is_armed)
        state->early_ends = 0;
    else if (has_ended_early && state->early_ends < BOOT_GUARD_LOOP)
        state->early_ends++;
    bool is_loop = state->early_ends >= BOOT_GUARD_LOOP;
    bool is_counted = has_ended_early && (state->is_changed || is_loop);
    if (is_counted && !fault_is_planted(FAULT_BOOT_GUARD_OFF)) {
        state->counted += state->counted < UINT32_MAX;
        if (state->is_climbing && state->bad_climbs < BOOT_GUARD_CLIMBS_MAX)
            state->bad_climbs++;
        if (state->level < BOOT_LEVEL_BEACON)
            state->level++;
        actions->is_counted = true;
    }
    actions->is_level_new = true;
    /* In the same boot an armed start goes on as one: who restarts the agent calms nothing. */
    bool goes_on = !event->is_new_boot && state->is_armed && state->is_changed;
    arm(state, event->fingerprint, now);
    state->is_changed = goes_on || state->level != BOOT_LEVEL_NORMAL
                        || event->fingerprint != state->calm_fingerprint;
    state->is_climbing = state->is_climbing && !event->is_new_boot;
}

uint32_t boot_guard_calm_s(const struct boot_guard *state)
{
    if (state->level != BOOT_LEVEL_NORMAL && state->bad_climbs >= BOOT_GUARD_CLIMBS_MAX)
        return 0;
    /* 10 minutes, 2 hours, a day */
    return state->bad_climbs == 0   ? (uint32_t)BOOT_GUARD_CALM_S
           : state->bad_climbs == 1 ? 12 * (uint32_t)BOOT_GUARD_CALM_S
                                    : (uint32_t)DAY_S;
}

static void tick(struct boot_guard *state, const struct boot_guard_event *event,
                 struct steady_time now, struct boot_guard_actions *actions)
{
    uint32_t calm_s = steady_since(state->since, now);
    if (state->is_armed && calm_s >= BOOT_GUARD_CALM_S) {
        state->early_ends = 0;
        state->is_armed = false;
        state->is_changed = false;
        state->is_climbing = false;
        if (state->level == BOOT_LEVEL_NORMAL) {
            /* What runs now: a release may have been rolled back since the start. */
            state->fingerprint = event->fingerprint;
            state->calm_fingerprint = event->fingerprint;
            state->bad_climbs = 0;
        }
        actions->save = true;
    }
    uint32_t needed_s = boot_guard_calm_s(state);
    if (state->level == BOOT_LEVEL_NORMAL || needed_s == 0 || calm_s < needed_s)
        return;
    state->level--;
    arm(state, state->fingerprint, now);
    state->is_changed = true;
    state->is_climbing = true;
    actions->save = true;
    actions->is_level_new = true;
}

void boot_guard_step(struct boot_guard *state, const struct boot_guard_event *event,
                     struct steady_time now, struct boot_guard_actions *ret_actions)
{
    *ret_actions = (struct boot_guard_actions){.save = event->type != BOOT_GUARD_TICK};
    switch (event->type) {
    case BOOT_GUARD_START:
        start(state, event, now, ret_actions);
        break;
    case BOOT_GUARD_CHANGE:
        arm(state, event->fingerprint, now);
        state->is_changed = true;
        break;
    case BOOT_GUARD_TICK:
        tick(state, event, now, ret_actions);
        break;
    case BOOT_GUARD_STOP:
        state->is_armed = false;
        break;
    case BOOT_GUARD_RESET:
        ret_actions->is_level_new = state->level != BOOT_LEVEL_NORMAL;
        state->level = BOOT_LEVEL_NORMAL;
        state->bad_climbs = 0;
        arm(state, state->fingerprint, now);
        state->is_changed = true;
        state->is_climbing = false;
        break;
    }
}

RESULT boot_guard_encode(const struct boot_guard *state, struct writer *writer)
{
    unsigned flags = (state->is_armed ? 1u : 0) | (state->is_changed ? 2u : 0)
                     | (state->is_climbing ? 4u : 0) | state->early_ends * 8u;
    GUARD(writer_u32(writer, ENCODED_MAGIC));
    GUARD(writer_u16(writer, ENCODED_VERSION));
    GUARD(writer_u64(writer, state->calm_fingerprint));
    GUARD(writer_u64(writer, state->fingerprint));
    GUARD(writer_u32(writer, state->since.s));
    GUARD(writer_u32(writer, state->counted));
    GUARD(writer_u8(writer, state->level));
    GUARD(writer_u8(writer, state->bad_climbs));
    return writer_u8(writer, (uint8_t)flags);
}

RESULT boot_guard_decode(struct reader *reader, struct boot_guard *ret_state)
{
    struct boot_guard state = {0};
    uint32_t magic;
    uint16_t version;
    uint8_t flags;
    GUARD(reader_u32(reader, &magic));
    GUARD(reader_u16(reader, &version));
    if (magic != ENCODED_MAGIC)
        return result_fail(ERROR_FORMAT);
    if (version != ENCODED_VERSION)
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(reader_u64(reader, &state.calm_fingerprint));
    GUARD(reader_u64(reader, &state.fingerprint));
    GUARD(reader_u32(reader, &state.since.s));
    GUARD(reader_u32(reader, &state.counted));
    GUARD(reader_u8(reader, &state.level));
    GUARD(reader_u8(reader, &state.bad_climbs));
    GUARD(reader_u8(reader, &flags));
    if (state.level >= BOOT_LEVEL_COUNT || state.bad_climbs > BOOT_GUARD_CLIMBS_MAX
        || flags / 8 > BOOT_GUARD_LOOP)
        return result_fail(ERROR_FORMAT);
    state.is_armed = (flags & 1u) != 0;
    state.is_changed = (flags & 2u) != 0;
    state.is_climbing = (flags & 4u) != 0;
    state.early_ends = flags / 8;
    *ret_state = state;
    return RESULT_OK;
}
