// SPDX-License-Identifier: Apache-2.0
#include "content/log_source.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>

struct channel_row {
    const char *channel;
    const char *product;
    const char *service;
};
static const struct channel_row CHANNELS[] = {
#define LOG_CHANNEL(channel, product, service) {channel, product, service},
#include "content/log_source.def"
};

struct provider_row {
    const char *provider;
    const char *channel;
};
static const struct provider_row PROVIDERS[] = {
#define LOG_PROVIDER(provider, channel) {provider, channel},
#include "content/log_source.def"
};

struct category_row {
    const char *product;
    const char *service;
    uint32_t id;
    const char *field; /* "": always */
    const char *value;
    const char *category;
};
static const struct category_row CATEGORIES[] = {
#define LOG_CATEGORY_IF(product, service, id, field, value, category) \
    {product, service, id, field, value, category},
#include "content/log_source.def"
};

struct field_row {
    const char *product;
    const char *service; /* "": any */
    uint32_t id;         /* 0: any */
    const char *name;
    const char *sigma;
};
static const struct field_row FIELDS[] = {
#define LOG_FIELD(product, service, id, name, sigma) {product, service, id, name, sigma},
#include "content/log_source.def"
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* --- time ------------------------------------------------------------------------------------- */

/* `digits` digits at *at as a number; -1 where they are not there. */
static int64_t take_digits(struct bytes text, size_t *at, size_t digits)
{
    int64_t number = 0;
    if (text.size - *at < digits)
        return -1;
    for (size_t i = 0; i < digits; i++, (*at)++) {
        uint8_t c = text.data[*at];
        if (c < '0' || c > '9')
            return -1;
        number = number * 10 + (c - '0');
    }
    return number;
}

static bool take_mark(struct bytes text, size_t *at, const char *marks)
{
    if (*at >= text.size || text.data[*at] == 0 || strchr(marks, text.data[*at]) == NULL)
        return false;
    (*at)++;
    return true;
}

/* Behind the point: nanoseconds; further digits are passed over. */
static uint64_t take_fraction(struct bytes text, size_t *at)
{
    uint64_t ns = 0;
    uint64_t worth = NS_PER_S / 10;
    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
        ns += worth * (uint64_t)(text.data[*at] - '0');
        worth /= 10;
    }
    return ns;
}

/* Days since 1970 of a date of the Gregorian calendar, from the day count of whole years that begin
 * in March. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1
           - 719468;
}

/* "+02:00" or "-0230" in seconds; 0 where there is none. */
static int64_t take_offset(struct bytes text, size_t *at)
{
    bool is_west = *at < text.size && text.data[*at] == '-';
    if (!take_mark(text, at, "+-"))
        return 0;
    int64_t hours = take_digits(text, at, 2);
    take_mark(text, at, ":");
    int64_t minutes = take_digits(text, at, 2);
    if (hours < 0 || minutes < 0)
        return 0;
    int64_t seconds = 60 * (60 * hours + minutes);
    return is_west ? -seconds : seconds;
}

static uint64_t calendar_time(struct bytes text)
{
    size_t at = 0;
    int64_t year = take_digits(text, &at, 4);
    bool holds = year >= 1970 && take_mark(text, &at, "-/");
    int64_t month = holds ? take_digits(text, &at, 2) : -1;
    holds = holds && take_mark(text, &at, "-/");
    int64_t day = holds ? take_digits(text, &at, 2) : -1;
    holds = holds && take_mark(text, &at, "T ");
    int64_t hour = holds ? take_digits(text, &at, 2) : -1;
    holds = holds && take_mark(text, &at, ":");
    int64_t minute = holds ? take_digits(text, &at, 2) : -1;
    holds = holds && take_mark(text, &at, ":");
    int64_t second = holds ? take_digits(text, &at, 2) : -1;
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || minute < 0 || second < 0)
        return 0;
    uint64_t fraction_ns = take_mark(text, &at, ".,") ? take_fraction(text, &at) : 0;
    int64_t seconds = 86400 * days_of(year, month, day) + 3600 * hour + 60 * minute + second
                      - take_offset(text, &at);
    return seconds <= 0 ? 0 : (uint64_t)seconds * NS_PER_S + fraction_ns;
}

uint64_t log_source_time(struct bytes text)
{
    enum { SECOND_DIGITS = 10 }; /* until the year 2286 */
    size_t at = 0;
    int64_t seconds = take_digits(text, &at, SECOND_DIGITS);
    if (seconds <= 0)
        return calendar_time(text);
    if (at == text.size)
        return (uint64_t)seconds * NS_PER_S;
    /* a fraction, or milliseconds (13 digits), or finer */
    (void)take_mark(text, &at, ".");
    uint64_t fraction_ns = take_fraction(text, &at);
    return at == text.size ? (uint64_t)seconds * NS_PER_S + fraction_ns : 0;
}

static void set_time(const struct log_fields *fields, struct engine_event *event)
{
    static const char *const NAMES[] = {"SystemTime", "UtcTime", "@timestamp", "EventTime",
                                        "timestamp", "time"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        const struct bytes *text = log_fields_find(fields, NAMES[i]);
        uint64_t wall_ns = text != NULL ? log_source_time(*text) : 0;
        if (wall_ns != 0) {
            engine_event_set_time(event, wall_ns);
            return;
        }
    }
}

/* --- where it comes from ---------------------------------------------------------------------- */

/* Copies a short word; false where it is absent or too long. */
static bool copy_word(const struct bytes *word, char out[LIMIT_NAME_BYTES])
{
    if (word == NULL || word->size >= LIMIT_NAME_BYTES || memchr(word->data, 0, word->size) != NULL)
        return false;
    bytes_copy(out, LIMIT_NAME_BYTES, word->data, word->size);
    out[word->size] = '\0';
    return true;
}

static RESULT add_source(struct engine_event *event, const struct engine_source *source)
{
    return engine_event_add_source(event, source->product, source->category, source->service);
}

/* The words in the event itself; false where it has none. */
static bool has_own_words(const struct log_fields *fields, struct engine_event *event,
                          struct result *ret_result)
{
    char words[3][LIMIT_NAME_BYTES] = {"", "", ""};
    bool has_product = copy_word(log_fields_find(fields, "product"), words[0]);
    bool has_category = copy_word(log_fields_find(fields, "category"), words[1]);
    bool has_service = copy_word(log_fields_find(fields, "service"), words[2]);
    if (!has_product && !has_category && !has_service)
        return false;
    *ret_result = engine_event_add_source(event, words[0], words[1], words[2]);
    return true;
}

/* Our own recordings name the kind of event in ECS's words. */
static RESULT add_own_kind(const struct log_fields *fields, struct engine_event *event)
{
    const struct bytes *category = log_fields_find(fields, "event.category");
    const struct bytes *action = log_fields_find(fields, "event.action");
    bool is_known = false;
    for (unsigned i = 0; category != NULL && action != NULL && i < EVENT_KIND_COUNT; i++) {
        const struct schema_kind *kind = schema_kind((enum event_kind)i);
        if (!bytes_equal_text(*category, kind->ecs_category)
            || !bytes_equal_text(*action, kind->ecs_action))
            continue;
        for (size_t n = 0; n < COUNT_OF(kind->categories) && kind->categories[n][0] != '\0'; n++) {
            GUARD(engine_event_add_source(event, "linux", kind->categories[n], ""));
            is_known = true;
        }
    }
    return is_known ? RESULT_OK : engine_event_add_source(event, "", "", "");
}

static const char *find_channel(const struct log_fields *fields, char room[LIMIT_NAME_BYTES])
{
    if (copy_word(log_fields_find(fields, "Channel"), room) && room[0] != '\0')
        return room;
    const struct bytes *provider = log_fields_find(fields, "Provider_Name");
    for (size_t i = 0; provider != NULL && i < COUNT_OF(PROVIDERS); i++) {
        if (bytes_equal_text_uncased(*provider, PROVIDERS[i].provider))
            return PROVIDERS[i].channel;
    }
    return NULL;
}

static bool says(const struct log_fields *fields, const struct category_row *row)
{
    if (row->field[0] == '\0')
        return true;
    const struct bytes *value = log_fields_find(fields, row->field);
    return value != NULL && bytes_equal_text(*value, row->value);
}

static RESULT add_categories(const struct log_fields *fields, const struct channel_row *channel,
                             uint64_t id, struct engine_event *event)
{
    bool has_one = false;
    for (size_t i = 0; i < COUNT_OF(CATEGORIES); i++) {
        const struct category_row *row = &CATEGORIES[i];
        if ((row->id != 0 && row->id != id) || !string_equal(row->service, channel->service)
            || !string_equal(row->product, channel->product) || !says(fields, row))
            continue;
        GUARD(engine_event_add_source(event, row->product, row->category, row->service));
        has_one = true;
    }
    return has_one ? RESULT_OK
                   : engine_event_add_source(event, channel->product, "", channel->service);
}

static RESULT add_second_names(struct log_fields *fields, const struct channel_row *channel,
                               uint64_t id)
{
    for (size_t i = 0; i < COUNT_OF(FIELDS); i++) {
        const struct field_row *row = &FIELDS[i];
        if ((row->id != 0 && row->id != id)
            || (row->service[0] != '\0' && !string_equal(row->service, channel->service))
            || !string_equal(row->product, channel->product))
            continue;
        const struct bytes *value = log_fields_find(fields, row->name);
        if (value != NULL && log_fields_find(fields, row->sigma) == NULL)
            GUARD(log_fields_add_view(fields, row->sigma, *value));
    }
    return RESULT_OK;
}

/* NXLog and what was exported through it (Security-Datasets) call two fields their own way. */
static RESULT add_shipper_names(struct log_fields *fields)
{
    static const char *const NAMES[][2] = {{"SourceName", "Provider_Name"},
                                           {"Hostname", "Computer"}};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        const struct bytes *value = log_fields_find(fields, NAMES[i][0]);
        if (value != NULL && log_fields_find(fields, NAMES[i][1]) == NULL)
            GUARD(log_fields_add_view(fields, NAMES[i][1], *value));
    }
    return RESULT_OK;
}

/* By channel and event id; false where it is no event of Windows' kind. */
static bool has_channel(struct log_fields *fields, struct engine_event *event,
                        struct result *ret_result)
{
    char room[LIMIT_NAME_BYTES];
    const struct bytes *id_text = log_fields_find(fields, "EventID");
    uint64_t id = 0;
    if (id_text == NULL || !bytes_to_number(*id_text, UINT32_MAX, &id))
        return false;
    *ret_result = add_shipper_names(fields);
    const char *name = find_channel(fields, room);
    if (name == NULL && log_fields_find(fields, "Provider_Name") == NULL)
        return false;
    bool is_known = false;
    for (size_t i = 0; name != NULL && i < COUNT_OF(CHANNELS) && result_is_ok(*ret_result); i++) {
        if (!bytes_equal_text_uncased(bytes_of(name), CHANNELS[i].channel))
            continue;
        if (!is_known)
            *ret_result = add_second_names(fields, &CHANNELS[i], id);
        if (result_is_ok(*ret_result))
            *ret_result = add_categories(fields, &CHANNELS[i], id, event);
        is_known = true;
    }
    /* a channel that Sigma has no service for is still Windows', and so is a trace without one */
    if (!is_known && result_is_ok(*ret_result))
        *ret_result = engine_event_add_source(event, "windows", "", "");
    return true;
}

static RESULT add_sources(struct log_fields *fields, const struct engine_source *said,
                          struct engine_event *event)
{
    struct result result = RESULT_OK;
    if (said != NULL)
        return add_source(event, said);
    if (has_own_words(fields, event, &result))
        return result;
    for (size_t i = 0; i < fields->source_count; i++)
        GUARD(add_source(event, &fields->sources[i]));
    if (fields->source_count > 0 || has_channel(fields, event, &result))
        return result;
    return add_own_kind(fields, event);
}

RESULT log_source_route(struct log_fields *fields, const struct engine_source *said,
                        struct engine_event *event)
{
    engine_event_begin(event);
    GUARD(add_sources(fields, said, event));
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct log_field *field = &fields->items[i];
        GUARD(engine_event_add(event, field->name, field->value.data, field->value.size));
    }
    set_time(fields, event);
    return RESULT_OK;
}
