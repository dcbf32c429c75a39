// SPDX-License-Identifier: Apache-2.0
#include "update/slots/update_state.h"

#include <string.h>

bool steady_is_boot(const struct steady_base *base, const uint8_t boot_id[BOOT_ID_BYTES])
{
    return memcmp(base->boot_id, boot_id, BOOT_ID_BYTES) == 0;
}

struct steady_time steady_now(const struct steady_base *base, uint32_t boottime_s,
                              const uint8_t boot_id[BOOT_ID_BYTES])
{
    uint32_t passed_s = boottime_s;
    if (steady_is_boot(base, boot_id))
        passed_s = boottime_s > base->boottime_s ? boottime_s - base->boottime_s : 0;
    return steady_after(base->at, passed_s);
}

void steady_rebase(struct steady_base *base, uint32_t boottime_s,
                   const uint8_t boot_id[BOOT_ID_BYTES])
{
    base->at = steady_now(base, boottime_s, boot_id);
    base->boottime_s = boottime_s;
    for (size_t i = 0; i < BOOT_ID_BYTES; i++)
        base->boot_id[i] = boot_id[i];
}

RESULT update_state_encode(const struct update_state *state, struct writer *writer)
{
    GUARD(writer_u32(writer, state->clock.at.s));
    GUARD(writer_u32(writer, state->clock.boottime_s));
    GUARD(writer_copy(writer, state->clock.boot_id, sizeof state->clock.boot_id));
    GUARD(boot_guard_encode(&state->guard, writer));
    GUARD(halts_encode(&state->halts, writer));
    GUARD(writer_u8(writer, state->stream_count));
    for (size_t i = 0; i < state->stream_count && i < LIMIT_STREAMS; i++)
        GUARD(lifecycle_encode(&state->streams[i], writer));
    return RESULT_OK;
}

RESULT update_state_decode(struct reader *reader, struct update_state *ret_state)
{
    struct update_state state = {0};
    GUARD(reader_u32(reader, &state.clock.at.s));
    GUARD(reader_u32(reader, &state.clock.boottime_s));
    GUARD(reader_copy(reader, state.clock.boot_id, sizeof state.clock.boot_id));
    GUARD(boot_guard_decode(reader, &state.guard));
    GUARD(halts_decode(reader, &state.halts));
    GUARD(reader_u8(reader, &state.stream_count));
    if (state.stream_count > LIMIT_STREAMS)
        return result_fail(ERROR_FORMAT);
    for (size_t i = 0; i < state.stream_count; i++)
        GUARD(lifecycle_decode(reader, &state.streams[i]));
    *ret_state = state;
    return RESULT_OK;
}
