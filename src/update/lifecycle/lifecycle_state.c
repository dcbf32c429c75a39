// SPDX-License-Identifier: Apache-2.0
/* What a lifecycle's state is as bytes, in words, and when it is sound. */
#include "update/lifecycle/lifecycle.h"

enum {
    ENCODED_MAGIC = 0x434c4643, /* "CFLC" */
    ENCODED_VERSION = 1,
    FLAG_URGENT = 1,
    FLAG_DISK_ASKED = 2,
    FLAG_DELAYED = 4,
    FLAGS_ALL = 7,
};

const char *lifecycle_state_word(enum lifecycle_state state)
{
    static const char *const WORDS[] = {
#define LIFECYCLE_STATE(id, word, text) word,
#include "update/lifecycle/lifecycle.def"
    };
    return state < LIFECYCLE_STATE_COUNT ? WORDS[state] : "?";
}

const char *lifecycle_state_text(enum lifecycle_state state)
{
    static const char *const TEXTS[] = {
#define LIFECYCLE_STATE(id, word, text) text,
#include "update/lifecycle/lifecycle.def"
    };
    return state < LIFECYCLE_STATE_COUNT ? TEXTS[state] : "?";
}

const char *lifecycle_event_word(enum lifecycle_event_type type)
{
    static const char *const WORDS[] = {
#define LIFECYCLE_EVENT(id, scope, text) #id,
#include "update/lifecycle/lifecycle.def"
    };
    return type < LIFECYCLE_EVENT_COUNT ? WORDS[type] : "?";
}

const char *lifecycle_failure_word(enum lifecycle_failure failure)
{
    static const char *const WORDS[] = {
#define LIFECYCLE_FAILURE(id, word, bar_after, excuse, text) word,
#include "update/lifecycle/lifecycle.def"
    };
    return failure < LIFECYCLE_FAILURE_COUNT ? WORDS[failure] : "?";
}

const char *lifecycle_failure_text(enum lifecycle_failure failure)
{
    static const char *const TEXTS[] = {
#define LIFECYCLE_FAILURE(id, word, bar_after, excuse, text) text,
#include "update/lifecycle/lifecycle.def"
    };
    return failure < LIFECYCLE_FAILURE_COUNT ? TEXTS[failure] : "?";
}

const char *lifecycle_refusal_text(enum lifecycle_refusal refusal)
{
    static const char *const TEXTS[] = {
#define LIFECYCLE_REFUSAL(id, text) text,
#include "update/lifecycle/lifecycle.def"
    };
    return refusal < LIFECYCLE_REFUSAL_COUNT ? TEXTS[refusal] : "?";
}

const char *wait_word(enum wait wait)
{
    static const char *const WORDS[] = {
#define WAIT(id, word, text) word,
#include "update/lifecycle/waits.def"
    };
    return wait < WAIT_COUNT ? WORDS[wait] : "?";
}

const char *wait_text(enum wait wait)
{
    static const char *const TEXTS[] = {
#define WAIT(id, word, text) text,
#include "update/lifecycle/waits.def"
    };
    return wait < WAIT_COUNT ? TEXTS[wait] : "?";
}

/* Whether one record is such as only lifecycle_step() leaves behind. */
static bool is_release_sound(const struct lifecycle_release *release)
{
    if (release->state >= LIFECYCLE_STATE_COUNT || release->failure >= LIFECYCLE_FAILURE_COUNT)
        return false;
    if (release->state == LIFECYCLE_FREE)
        return true;
    return !release_name_is_factory(release->name) && release->version != 0;
}

bool lifecycle_is_sound(const struct lifecycle *state)
{
    unsigned on_way = 0, probation = 0, good = 0;
    for (size_t i = 0; i < LIMIT_RELEASES; i++) {
        const struct lifecycle_release *release = &state->releases[i];
        if (!is_release_sound(release))
            return false;
        on_way += release->state == LIFECYCLE_ADMITTED || release->state == LIFECYCLE_TRIAL
                  || release->state == LIFECYCLE_SHADOW;
        probation += release->state == LIFECYCLE_PROBATION;
        good += release->state == LIFECYCLE_GOOD;
        for (size_t j = 0; j < i; j++) {
            const struct lifecycle_release *other = &state->releases[j];
            bool are_both = release->state != LIFECYCLE_FREE && other->state != LIFECYCLE_FREE;
            if (are_both && (release_name_equal(release->name, other->name)
                             || release->version == other->version))
                return false;
        }
    }
    return on_way <= 1 && probation <= 1 && good <= LIMIT_RELEASES_GOOD
           && state->version_closed >= state->version_floor
           && state->switch_count <= LIMIT_SWITCHES_PER_DAY
           && state->switch_next < LIMIT_SWITCHES_PER_DAY
           && (state->pressure & ~(PRESSURE_STORM | PRESSURE_MEMORY)) == 0;
}

static struct result encode_release(const struct lifecycle_release *release,
                                    struct writer *writer)
{
    uint8_t flags = (uint8_t)((release->is_urgent ? FLAG_URGENT : 0)
                              | (release->is_disk_asked ? FLAG_DISK_ASKED : 0)
                              | (release->is_delayed ? FLAG_DELAYED : 0));
    GUARD(writer_copy(writer, release->name.bytes, sizeof release->name.bytes));
    GUARD(writer_u64(writer, release->version));
    GUARD(writer_u32(writer, release->first_seen.s));
    GUARD(writer_u32(writer, release->since.s));
    GUARD(writer_u32(writer, release->engine));
    GUARD(writer_u8(writer, release->state));
    GUARD(writer_u8(writer, release->failure));
    GUARD(writer_u8(writer, release->seen));
    GUARD(writer_u8(writer, flags));
    return writer_u8(writer, release->attempts);
}

RESULT lifecycle_encode(const struct lifecycle *state, struct writer *writer)
{
    GUARD(writer_u32(writer, ENCODED_MAGIC));
    GUARD(writer_u16(writer, ENCODED_VERSION));
    GUARD(writer_u64(writer, state->version_floor));
    GUARD(writer_u64(writer, state->version_closed));
    GUARD(writer_u32(writer, state->engine));
    GUARD(writer_u8(writer, state->pressure));
    GUARD(writer_u8(writer, state->switch_count));
    GUARD(writer_u8(writer, state->switch_next));
    for (size_t i = 0; i < LIMIT_SWITCHES_PER_DAY; i++)
        GUARD(writer_u32(writer, state->switches[i].s));
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        GUARD(encode_release(&state->releases[i], writer));
    return RESULT_OK;
}

static struct result decode_release(struct reader *reader, struct lifecycle_release *release)
{
    uint8_t flags, attempts;
    GUARD(reader_copy(reader, release->name.bytes, sizeof release->name.bytes));
    GUARD(reader_u64(reader, &release->version));
    GUARD(reader_u32(reader, &release->first_seen.s));
    GUARD(reader_u32(reader, &release->since.s));
    GUARD(reader_u32(reader, &release->engine));
    GUARD(reader_u8(reader, &release->state));
    GUARD(reader_u8(reader, &release->failure));
    GUARD(reader_u8(reader, &release->seen));
    GUARD(reader_u8(reader, &flags));
    GUARD(reader_u8(reader, &attempts));
    if ((flags & ~FLAGS_ALL) != 0 || attempts > 31u)
        return result_fail(ERROR_FORMAT);
    release->is_urgent = (flags & FLAG_URGENT) != 0;
    release->is_disk_asked = (flags & FLAG_DISK_ASKED) != 0;
    release->is_delayed = (flags & FLAG_DELAYED) != 0;
    release->attempts = attempts & 31u;
    return RESULT_OK;
}

RESULT lifecycle_decode(struct reader *reader, struct lifecycle *ret_state)
{
    struct lifecycle state = {0};
    uint32_t magic;
    uint16_t version;
    GUARD(reader_u32(reader, &magic));
    GUARD(reader_u16(reader, &version));
    if (magic != ENCODED_MAGIC)
        return result_fail(ERROR_FORMAT);
    if (version != ENCODED_VERSION)
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(reader_u64(reader, &state.version_floor));
    GUARD(reader_u64(reader, &state.version_closed));
    GUARD(reader_u32(reader, &state.engine));
    GUARD(reader_u8(reader, &state.pressure));
    GUARD(reader_u8(reader, &state.switch_count));
    GUARD(reader_u8(reader, &state.switch_next));
    for (size_t i = 0; i < LIMIT_SWITCHES_PER_DAY; i++)
        GUARD(reader_u32(reader, &state.switches[i].s));
    for (size_t i = 0; i < LIMIT_RELEASES; i++)
        GUARD(decode_release(reader, &state.releases[i]));
    if (!lifecycle_is_sound(&state))
        return result_fail(ERROR_FORMAT);
    *ret_state = state;
    return RESULT_OK;
}
