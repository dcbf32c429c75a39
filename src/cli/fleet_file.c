// SPDX-License-Identifier: Apache-2.0
#include "cli/fleet_file.h"

#include "base/bytes.h"
#include "base/keyed_hash.h"
#include "base/limits.h"
#include "content/recording.h"

#include <jansson.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

static const char *const MEMBERS[FLEET_WORDS] = {"kernel", "distribution", "architecture", "role"};
/* What has a number in struct fleet_host. */
static const uint32_t WORDS_MAX[FLEET_WORDS] = {UINT16_MAX, UINT16_MAX, UINT8_MAX, UINT16_MAX};

/* Words of one kind, found by a table of open addresses: place + 1, 0 where nothing is. */
struct words {
    char **texts;
    uint32_t count, capacity;
    uint32_t *table;
    uint32_t table_size; /* a power of two, at most half full */
};

struct line_id {
    uint64_t id;
    uint64_t line;
};

struct fleet_file {
    struct fleet_host *hosts;
    struct line_id *ids; /* to find those that stand twice */
    uint32_t count, capacity;
    struct words words[FLEET_WORDS];
};

/* --- words ------------------------------------------------------------------------------------ */

static uint64_t hash_of(const char *text)
{
    uint64_t hash[2];
    const struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    keyed_hash(&bytes, 1, hash);
    return hash[0];
}

static uint32_t *place_of(const struct words *words, const char *text)
{
    uint64_t at = hash_of(text);
    for (;; at++) {
        uint32_t *place = &words->table[at & (words->table_size - 1)];
        if (*place == 0 || string_equal(words->texts[*place - 1], text))
            return place;
    }
}

static RESULT grow(struct words *words)
{
    enum { FIRST = 64 };
    uint32_t capacity = words->capacity == 0 ? FIRST : 2 * words->capacity;
    char **texts = realloc(words->texts, capacity * sizeof *texts);
    if (texts == NULL)
        return result_fail(ERROR_MEMORY);
    words->texts = texts;
    words->capacity = capacity;
    uint32_t *table = calloc(2 * (size_t)capacity, sizeof *table);
    if (table == NULL)
        return result_fail(ERROR_MEMORY);
    free(words->table);
    words->table = table;
    words->table_size = 2 * capacity;
    for (uint32_t i = 0; i < words->count; i++)
        *place_of(words, words->texts[i]) = i + 1;
    return RESULT_OK;
}

static RESULT number_of(struct words *words, const char *text, uint32_t max, uint32_t *ret_number)
{
    if (words->count == words->capacity)
        GUARD(grow(words));
    uint32_t *place = place_of(words, text);
    if (*place == 0) {
        if (words->count == max)
            return result_fail(ERROR_LIMIT);
        words->texts[words->count] = strdup(text);
        if (words->texts[words->count] == NULL)
            return result_fail(ERROR_MEMORY);
        *place = ++words->count;
    }
    *ret_number = *place - 1;
    return RESULT_OK;
}

/* --- lines ------------------------------------------------------------------------------------ */

static RESULT text_of(const json_t *object, const char *member, const char **ret_text,
                      struct explanation *why)
{
    const json_t *value = json_object_get(object, member);
    *ret_text = json_string_value(value);
    size_t size = json_string_length(value);
    if (*ret_text != NULL && size > 0 && size <= LIMIT_NAME_BYTES && strlen(*ret_text) == size)
        return RESULT_OK;
    return explain(why, ERROR_FORMAT, "\"%s\" %s; expected a text of 1 to %d bytes", member,
                   value == NULL ? "is missing" : "is none", LIMIT_NAME_BYTES);
}

static RESULT take_words(struct fleet_file *fleet, const json_t *object,
                         uint32_t numbers[FLEET_WORDS], struct explanation *why)
{
    for (unsigned kind = 0; kind < FLEET_WORDS; kind++) {
        const char *text;
        GUARD(text_of(object, MEMBERS[kind], &text, why));
        struct result result =
            number_of(&fleet->words[kind], text, WORDS_MAX[kind], &numbers[kind]);
        if (result.error == ERROR_LIMIT)
            return explain(why, ERROR_LIMIT, "\"%s\": the fleet has more than %u of them",
                           MEMBERS[kind], WORDS_MAX[kind]);
        GUARD(result);
    }
    return RESULT_OK;
}

static RESULT make_room(struct fleet_file *fleet)
{
    enum { FIRST = 1024 };
    if (fleet->count < fleet->capacity)
        return RESULT_OK;
    if (fleet->count >= LIMIT_FLEET_HOSTS)
        return result_fail(ERROR_LIMIT);
    uint32_t capacity = fleet->capacity == 0 ? FIRST : 2 * fleet->capacity;
    if (capacity > LIMIT_FLEET_HOSTS)
        capacity = LIMIT_FLEET_HOSTS;
    struct fleet_host *hosts = realloc(fleet->hosts, capacity * sizeof *hosts);
    if (hosts == NULL)
        return result_fail(ERROR_MEMORY);
    fleet->hosts = hosts;
    struct line_id *ids = realloc(fleet->ids, capacity * sizeof *ids);
    if (ids == NULL)
        return result_fail(ERROR_MEMORY);
    fleet->ids = ids;
    fleet->capacity = capacity;
    return RESULT_OK;
}

/* The same in each run, so that a plan stands: 64 bits of SHA-256. */
static uint64_t id_of(const char *text)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint64_t id;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)text, strlen(text));
    SHA256Final(digest, &context);
    bytes_copy(&id, sizeof id, digest, sizeof id);
    return id;
}

static RESULT take_host(struct fleet_file *fleet, const json_t *object, uint64_t line,
                        struct explanation *why)
{
    const char *id;
    uint32_t numbers[FLEET_WORDS] = {0};
    if (!json_is_object(object))
        return explain(why, ERROR_FORMAT, "no object; expected {\"id\": ..., \"kernel\": ...}");
    GUARD(text_of(object, "id", &id, why));
    GUARD(take_words(fleet, object, numbers, why));
    struct result result = make_room(fleet);
    if (result.error == ERROR_LIMIT)
        return explain(why, ERROR_LIMIT, "there are more than %d hosts", LIMIT_FLEET_HOSTS);
    GUARD(result);
    bool is_volunteer = json_is_true(json_object_get(object, "volunteer"));
    bool is_protected = json_is_true(json_object_get(object, "protected"));
    fleet->ids[fleet->count] = (struct line_id){id_of(id), line};
    fleet->hosts[fleet->count] = (struct fleet_host){
        .id = fleet->ids[fleet->count].id,
        .kernel = (uint16_t)numbers[FLEET_KERNEL],
        .distribution = (uint16_t)numbers[FLEET_DISTRIBUTION],
        .role = (uint16_t)numbers[FLEET_ROLE],
        .architecture = (uint8_t)numbers[FLEET_ARCHITECTURE],
        .flags = (uint8_t)((is_volunteer ? FLEET_VOLUNTEER : 0)
                           | (is_protected ? FLEET_PROTECTED : 0)),
    };
    fleet->count++;
    return RESULT_OK;
}

static RESULT take_line(struct fleet_file *fleet, const struct recording_line *line,
                        struct explanation *why)
{
    json_error_t error;
    json_t *object = json_loadb((const char *)line->text.data, line->text.size,
                                JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        return explain(why, ERROR_FORMAT, "no JSON: %s", error.text);
    struct result result = take_host(fleet, object, line->number + 1, why);
    json_decref(object);
    if (result.error == ERROR_MEMORY)
        return explain(why, ERROR_MEMORY, "memory is out");
    return result;
}

static int by_id(const void *a, const void *b)
{
    const struct line_id *one = a, *other = b;
    if (one->id != other->id)
        return one->id < other->id ? -1 : 1;
    return one->line < other->line ? -1 : one->line > other->line;
}

static RESULT check_ids(const struct fleet_file *fleet, const char *name, struct explanation *why)
{
    qsort(fleet->ids, fleet->count, sizeof *fleet->ids, by_id);
    for (uint32_t i = 1; i < fleet->count; i++)
        if (fleet->ids[i].id == fleet->ids[i - 1].id)
            return explain(why, ERROR_FORMAT, "%s: the hosts in lines %llu and %llu have one id; "
                                              "expected one that no other host has", name,
                           (unsigned long long)fleet->ids[i - 1].line,
                           (unsigned long long)fleet->ids[i].line);
    return RESULT_OK;
}

static RESULT read_all(struct fleet_file *fleet, struct recording *recording, const char *name,
                       struct explanation *why)
{
    for (;;) {
        struct recording_line line;
        struct explanation reason = {""};
        struct result result = recording_next(recording, &line, &reason);
        if (result.error == ERROR_NOT_FOUND)
            break;
        if (result.error == ERROR_LIMIT)
            return explain(why, ERROR_LIMIT, "%s:%llu: the line is longer than %d bytes", name,
                           (unsigned long long)line.number + 1, LIMIT_RECORD_LINE_BYTES);
        if (!result_is_ok(result))
            return explain(why, result.error, "%s", reason.text);
        if (recording_line_is_blank(&line))
            continue;
        result = take_line(fleet, &line, &reason);
        if (!result_is_ok(result))
            return explain(why, result.error, "%s:%llu: %s", name,
                           (unsigned long long)line.number + 1, reason.text);
    }
    if (fleet->count == 0)
        return explain(why, ERROR_FORMAT, "%s: there is no host in it; expected one JSON object "
                                          "on each line", name);
    return check_ids(fleet, name, why);
}

RESULT fleet_file_read(int fd, const char *name, struct fleet_file **ret_fleet,
                       struct explanation *why)
{
    struct recording *recording = NULL;
    struct fleet_file *fleet = calloc(1, sizeof *fleet);
    if (fleet == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = recording_open(fd, name, &recording, why);
    if (result_is_ok(result))
        result = read_all(fleet, recording, name, why);
    recording_close(recording);
    if (result_is_ok(result))
        *ret_fleet = fleet;
    else
        fleet_file_free(fleet);
    return result;
}

void fleet_file_free(struct fleet_file *fleet)
{
    if (fleet == NULL)
        return;
    for (unsigned kind = 0; kind < FLEET_WORDS; kind++) {
        for (uint32_t i = 0; i < fleet->words[kind].count; i++)
            free(fleet->words[kind].texts[i]);
        free(fleet->words[kind].texts);
        free(fleet->words[kind].table);
    }
    free(fleet->hosts);
    free(fleet->ids);
    free(fleet);
}

const struct fleet_host *fleet_file_hosts(const struct fleet_file *fleet, uint32_t *ret_count)
{
    *ret_count = fleet->count;
    return fleet->hosts;
}

uint32_t fleet_file_words(const struct fleet_file *fleet, enum fleet_word kind)
{
    return fleet->words[kind].count;
}

const char *fleet_file_word(const struct fleet_file *fleet, enum fleet_word kind, uint32_t number)
{
    return number < fleet->words[kind].count ? fleet->words[kind].texts[number] : "?";
}
