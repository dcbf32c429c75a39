// SPDX-License-Identifier: Apache-2.0
#include "content/log_source.h"

#include "base/bytes.h"
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

struct program_row {
    const char *program;
    const char *product;
    const char *service;
};
static const struct program_row PROGRAMS[] = {
#define LOG_PROGRAM(program, product, service) {program, product, service},
#include "content/log_source.def"
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* --- lines of text ---------------------------------------------------------------------------- */

/* The next word of `left`, which it is taken off; empty at the end. */
static struct bytes take_word(struct bytes *left)
{
    while (left->size > 0 && left->data[0] == ' ')
        *left = (struct bytes){left->data + 1, left->size - 1};
    struct bytes word = {left->data, 0};
    while (word.size < left->size && left->data[word.size] != ' ')
        word.size++;
    *left = (struct bytes){left->data + word.size, left->size - word.size};
    return word;
}

/* "sshd[123]:" or "kernel:" without what stands behind the name; empty where it is no such word. */
static struct bytes program_of(struct bytes word)
{
    if (word.size < 2 || word.data[word.size - 1] != ':')
        return (struct bytes){NULL, 0};
    const uint8_t *bracket = memchr(word.data, '[', word.size);
    size_t size = bracket != NULL ? (size_t)(bracket - word.data) : word.size - 1;
    return (struct bytes){word.data, size};
}

/* "%FACILITY-SEVERITY-MNEMONIC:" */
static bool is_cisco_code(struct bytes word)
{
    size_t dashes = 0;
    for (size_t i = 1; i + 1 < word.size; i++) {
        uint8_t c = word.data[i];
        bool is_named = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!is_named && c != '-')
            return false;
        dashes += c == '-';
    }
    return word.size > 5 && word.data[0] == '%' && word.data[word.size - 1] == ':' && dashes >= 2;
}

RESULT log_source_of_text(struct bytes line, struct log_fields *fields)
{
    enum { WORDS = 12 }; /* in front of them stand date, host and counters */
    for (unsigned i = 0; i < WORDS && line.size > 0; i++) {
        struct bytes word = take_word(&line);
        if (is_cisco_code(word))
            return log_fields_add_source(fields, "cisco", "*", "*");
        struct bytes program = program_of(word);
        for (size_t n = 0; program.size > 0 && n < COUNT_OF(PROGRAMS); n++) {
            if (bytes_equal_text(program, PROGRAMS[n].program))
                GUARD(log_fields_add_source(fields, PROGRAMS[n].product, "",
                                            PROGRAMS[n].service));
        }
        if (fields->source_count > 0)
            return RESULT_OK;
    }
    return log_fields_add_source(fields, "*", "*", "*");
}

/* --- time ------------------------------------------------------------------------------------- */

static void set_time(const struct log_fields *fields, struct engine_event *event)
{
    static const char *const NAMES[] = {"SystemTime", "UtcTime", "@timestamp", "EventTime",
                                        "timestamp", "time"};
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        const struct bytes *text = log_fields_find(fields, NAMES[i]);
        uint64_t time_ns;
        if (text != NULL && engine_parse_time(text->data, text->size, &time_ns)) {
            engine_event_set_time(event, time_ns);
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
        if (field->value.data == NULL)
            GUARD(engine_event_add_null(event, field->name));
        else
            GUARD(engine_event_add(event, field->name, field->value.data, field->value.size));
    }
    set_time(fields, event);
    return RESULT_OK;
}
