// SPDX-License-Identifier: Apache-2.0
#include "agent/update/halt_list.h"

#include "base/bytes.h"
#include "update/log/lines.h"
#include "update/log/note.h"

#include <string.h>

enum { DIGEST_DIGITS = 64 };

static int digit_of(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The name of a release is the first half of its digest; all of it must be one. */
static RESULT read_digest(struct bytes text, struct release_name *ret_name)
{
    if (text.size != DIGEST_DIGITS)
        return result_fail(ERROR_FORMAT);
    for (size_t i = 0; i < DIGEST_DIGITS / 2; i++) {
        int high = digit_of(text.data[2 * i]), low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return result_fail(ERROR_FORMAT);
        if (i < RELEASE_NAME_BYTES)
            ret_name->bytes[i] = (uint8_t)(high * 16 + low);
    }
    return RESULT_OK;
}

static RESULT read_number(struct reader *reader, const char *word, uint64_t limit,
                          uint64_t *ret_number)
{
    struct bytes rest;
    GUARD(line_take_named(reader, word, &rest));
    return line_number(rest, limit, ret_number);
}

static RESULT read_halts(struct reader *reader, struct halt_news *news)
{
    while (reader_left(reader) > 0) {
        struct bytes rest;
        bool is_lift = !result_is_ok(line_take_named(reader, "halt", &rest));
        if (is_lift)
            GUARD(line_take_named(reader, "lift", &rest));
        if (news->count == LIMIT_HALTS)
            return result_fail(ERROR_LIMIT);
        news->halts[news->count].is_lift = is_lift;
        GUARD(read_digest(rest, &news->halts[news->count].release));
        news->count++;
    }
    return RESULT_OK;
}

static RESULT read_text(struct bytes text, const struct trust_partner *partner,
                        struct halt_news *news)
{
    struct reader reader = reader_of(text.data, text.size);
    struct bytes line;
    uint64_t lifetime_s;
    GUARD(line_take(&reader, &line));
    if (!line_is(line, "creance-halts/v1"))
        return result_fail(ERROR_UNSUPPORTED);
    GUARD(line_take_named(&reader, "partner", &line));
    if (!line_is(line, partner->name))
        return result_fail(ERROR_FORMAT);
    GUARD(read_number(&reader, "number", INT64_MAX, &news->number));
    GUARD(read_number(&reader, "lifetime", HALTS_LIFETIME_MAX_S, &lifetime_s));
    news->lifetime_s = (uint32_t)lifetime_s;
    return read_halts(&reader, news);
}

RESULT halt_list_read(struct bytes whole, const struct trust_partner *partner, uint8_t place,
                      struct halt_news *ret_news, struct explanation *why)
{
    struct note note;
    struct note_key key;
    struct note_times times;
    struct halt_news news = {.partner = place};
    const struct bytes text = {(const uint8_t *)partner->key, strlen(partner->key)};
    GUARD(note_key_parse(text, &key, why));
    GUARD(note_parse(whole, &note, why));
    GUARD(note_verify(&note, &key, &times, why));
    struct result result = read_text(note.text, partner, &news);
    if (!result_is_ok(result))
        return explain(why, result.error, "it is signed by %s and no list of halts of version 1 "
                       "with at most %d rows", partner->name, LIMIT_HALTS);
    *ret_news = news;
    return RESULT_OK;
}
