// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the state of updates: what is taken is sound, comes back from its own encoding, and
 * stays sound whatever happens to it next (the bytes behind it are events).
 */
#include "update/slots/update_state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct update_state again(const struct update_state *state)
{
    static uint8_t encoded[LIMIT_UPDATE_STATE_BYTES];
    struct writer writer = writer_of(encoded, sizeof encoded);
    require(result_is_ok(update_state_encode(state, &writer)));
    struct reader reader = reader_of(encoded, writer.at);
    struct update_state decoded;
    require(result_is_ok(update_state_decode(&reader, &decoded)));
    require(result_is_ok(reader_end(&reader)));
    return decoded;
}

static void live_on(struct update_state *state, struct reader *reader)
{
    const struct lifecycle_policy policy = lifecycle_policy_default();
    struct steady_time now = state->clock.at;
    uint8_t type, release, more;
    while (state->stream_count > 0 && result_is_ok(reader_u8(reader, &type))
           && result_is_ok(reader_u8(reader, &release)) && result_is_ok(reader_u8(reader, &more))) {
        struct lifecycle *stream = &state->streams[release % state->stream_count];
        const struct lifecycle_release *known = &stream->releases[release % LIMIT_RELEASES];
        struct lifecycle_event event = {
            .type = (enum lifecycle_event_type)(type % LIFECYCLE_EVENT_COUNT),
            .release = known->name,
            .version = known->version,
            .failure = (enum lifecycle_failure)(more % LIFECYCLE_FAILURE_COUNT),
            .engine = more,
            .is_urgent = (more & 1u) != 0,
        };
        if (event.type == LIFECYCLE_EVENT_OFFERED) {
            event.release.bytes[3] = more;
            event.version += more;
        }
        now = steady_after(now, (uint32_t)more * 600);
        struct lifecycle_actions actions;
        lifecycle_step(&policy, stream, &event, now, &actions);
        require(lifecycle_is_sound(stream));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(data, size);
    struct update_state state;
    if (!result_is_ok(update_state_decode(&reader, &state)))
        return 0;
    struct update_state decoded = again(&state);
    require(decoded.stream_count == state.stream_count);
    live_on(&decoded, &reader);
    (void)again(&decoded);
    return 0;
}
