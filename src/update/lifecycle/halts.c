// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/halts.h"

#include "base/mix.h"

enum {
    ENCODED_MAGIC = 0x544c4148, /* "HALT" */
    ENCODED_VERSION = 1,
};

/* When the partner began to say this, if its list said it before too. */
static struct steady_time since_when(const struct halt_list *list, struct release_name release,
                                     bool is_lift, struct steady_time now)
{
    for (size_t i = 0; i < list->count; i++)
        if (release_name_equal(list->halts[i].release, release)
            && list->halts[i].is_lift == is_lift)
            return list->halts[i].since;
    return now;
}

enum halt_verdict halts_take(struct halts *halts, const struct halt_news *news,
                             struct steady_time now)
{
    if (news->partner >= LIMIT_PARTNERS || !halts->lists[news->partner].is_partner)
        return HALT_NOT_ASKED;
    struct halt_list *known = &halts->lists[news->partner];
    if (news->number <= known->number)
        return HALT_OLD;
    if (news->count > LIMIT_HALTS || news->lifetime_s == 0
        || news->lifetime_s > HALTS_LIFETIME_MAX_S)
        return HALT_UNSOUND;
    struct halt_list list = {
        .is_partner = true,
        .number = news->number,
        .seen_at = now,
        .lifetime_s = news->lifetime_s,
        .count = news->count,
    };
    bool is_over = steady_since(known->seen_at, now) >= known->lifetime_s;
    for (size_t i = 0; i < news->count; i++) {
        struct release_name release = news->halts[i].release;
        bool is_lift = news->halts[i].is_lift;
        list.halts[i].release = release;
        list.halts[i].is_lift = is_lift;
        list.halts[i].since = is_over ? now : since_when(known, release, is_lift, now);
    }
    *known = list;
    return HALT_TAKEN;
}

void halts_renumber(struct halts *halts)
{
    for (size_t i = 0; i < LIMIT_PARTNERS; i++)
        halts->lists[i].number = 0;
}

/* What one list says of a release; NULL: nothing. A list that lifts what it halts only lifts it. */
static const struct halt *halt_in(const struct halt_list *list, struct release_name release)
{
    const struct halt *found = NULL;
    for (size_t i = 0; i < list->count; i++)
        if (release_name_equal(list->halts[i].release, release)
            && (found == NULL || list->halts[i].is_lift))
            found = &list->halts[i];
    return found;
}

struct halt_view halts_of(const struct halts *halts, struct release_name release,
                          struct steady_time now)
{
    struct halt_view view = {0};
    struct steady_time first = {UINT32_MAX}, second = {UINT32_MAX};
    unsigned lifting = 0;
    for (unsigned partner = 0; partner < LIMIT_PARTNERS; partner++) {
        const struct halt_list *list = &halts->lists[partner];
        if (!list->is_partner)
            continue;
        uint32_t age_s = steady_since(list->seen_at, now);
        if (list->number == 0 || age_s >= HALTS_SILENCE_S)
            view.silent |= (uint8_t)(1u << partner);
        if (list->number == 0 || age_s >= HALTS_FRESH_S)
            view.stale |= (uint8_t)(1u << partner);
        const struct halt *halt = age_s < list->lifetime_s ? halt_in(list, release) : NULL;
        if (halt == NULL)
            continue;
        if (halt->is_lift) {
            lifting++;
            continue;
        }
        view.halting++;
        if (halt->since.s < first.s) {
            second = first;
            first = halt->since;
        } else if (halt->since.s < second.s) {
            second = halt->since;
        }
    }
    if (halts->lift_quorum != 0 && lifting >= halts->lift_quorum)
        view.halting = 0;
    if (view.halting >= HALTS_RECALL_PARTNERS)
        view.recall_from = second;
    return view;
}

struct steady_time halts_recall_at(const struct halt_view *view, uint64_t host,
                                   struct release_name release)
{
    uint64_t mixed = host;
    for (size_t i = 0; i < RELEASE_NAME_BYTES; i++)
        mixed = mixed * 31 + release.bytes[i];
    return steady_after(view->recall_from, (uint32_t)(mix64(mixed) % HALTS_RECALL_SPREAD_S));
}

static struct result encode_list(const struct halt_list *list, struct writer *writer)
{
    GUARD(writer_u8(writer, list->is_partner));
    GUARD(writer_u64(writer, list->number));
    GUARD(writer_u32(writer, list->seen_at.s));
    GUARD(writer_u32(writer, list->lifetime_s));
    GUARD(writer_u8(writer, list->count));
    for (size_t i = 0; i < list->count; i++) {
        const struct halt *halt = &list->halts[i];
        GUARD(writer_copy(writer, halt->release.bytes, sizeof halt->release.bytes));
        GUARD(writer_u32(writer, halt->since.s));
        GUARD(writer_u8(writer, halt->is_lift));
    }
    return RESULT_OK;
}

RESULT halts_encode(const struct halts *halts, struct writer *writer)
{
    GUARD(writer_u32(writer, ENCODED_MAGIC));
    GUARD(writer_u16(writer, ENCODED_VERSION));
    GUARD(writer_u8(writer, halts->lift_quorum));
    for (size_t i = 0; i < LIMIT_PARTNERS; i++)
        GUARD(encode_list(&halts->lists[i], writer));
    return RESULT_OK;
}

static struct result read_bool(struct reader *reader, bool *ret_value)
{
    uint8_t value;
    GUARD(reader_u8(reader, &value));
    if (value > 1)
        return result_fail(ERROR_FORMAT);
    *ret_value = value != 0;
    return RESULT_OK;
}

static struct result decode_list(struct reader *reader, struct halt_list *list)
{
    GUARD(read_bool(reader, &list->is_partner));
    GUARD(reader_u64(reader, &list->number));
    GUARD(reader_u32(reader, &list->seen_at.s));
    GUARD(reader_u32(reader, &list->lifetime_s));
    GUARD(reader_u8(reader, &list->count));
    if (list->count > LIMIT_HALTS || list->lifetime_s > HALTS_LIFETIME_MAX_S)
        return result_fail(ERROR_FORMAT);
    for (size_t i = 0; i < list->count; i++) {
        struct halt *halt = &list->halts[i];
        GUARD(reader_copy(reader, halt->release.bytes, sizeof halt->release.bytes));
        GUARD(reader_u32(reader, &halt->since.s));
        GUARD(read_bool(reader, &halt->is_lift));
    }
    return RESULT_OK;
}

RESULT halts_decode(struct reader *reader, struct halts *ret_halts)
{
    struct halts halts = {0};
    uint32_t magic;
    uint16_t version;
    GUARD(reader_u32(reader, &magic));
    GUARD(reader_u16(reader, &version));
    if (magic != ENCODED_MAGIC)
        return result_fail(ERROR_FORMAT);
    if (version != ENCODED_VERSION)
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(reader_u8(reader, &halts.lift_quorum));
    for (size_t i = 0; i < LIMIT_PARTNERS; i++)
        GUARD(decode_list(reader, &halts.lists[i]));
    *ret_halts = halts;
    return RESULT_OK;
}
