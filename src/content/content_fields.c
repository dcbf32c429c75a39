// SPDX-License-Identifier: Apache-2.0
/* Each field of each rule, filled with what nobody expects. */
#include "base/bytes.h"
#include "base/fault.h"
#include "content/content_line.h"
#include "content/content_subjects.h"
#include "content/content_tests.h"
#include "schema/schema.h"

#include <stdlib.h>
#include <string.h>

enum filling { FILL_AS_IS, FILL_ABSENT, FILL_BLANK, FILL_LONGEST, FILL_RANDOM, FILL_COUNT };
static const char *const FILLING_NAMES[FILL_COUNT] = {"as it is", "absent", "blank",
                                                      "as long as it may be", "random"};

enum { EVERY_FIELD = CONTENT_VALUES_MAX };

struct filling_work {
    const struct content_check *check;
    struct content_field_counts *counts;
    struct content_line_room room;
    struct engine_event *event;
    struct content_values values; /* of the event that the rule matches */
    uint8_t *filled;              /* LIMIT_RULE_VALUE_BYTES */
    uint64_t random;
    const struct content_subject *subject;
    bool is_matched;
};

static uint64_t next_random(struct filling_work *work)
{
    work->random ^= work->random << 13;
    work->random ^= work->random >> 7;
    work->random ^= work->random << 17;
    return work->random;
}

static void take_match(void *context, size_t index)
{
    struct filling_work *work = context;
    if (string_equal(engine_rule(work->check->engine, index)->file, work->subject->engine_file))
        work->is_matched = true;
}

static size_t limit_of(const char *name)
{
    enum event_field field;
    if (schema_find_field(name, &field) && schema_field(field)->limit > 0
        && schema_field(field)->limit < LIMIT_RULE_VALUE_BYTES)
        return schema_field(field)->limit;
    return LIMIT_RULE_VALUE_BYTES;
}

/* The value again and again, so that what finds it goes on finding it; or noise. */
static struct bytes fill(struct filling_work *work, const struct content_value *value,
                         enum filling filling)
{
    static const uint8_t NOTHING = 0;
    size_t size = limit_of(value->name);
    if (filling == FILL_AS_IS)
        return value->text;
    if (filling == FILL_BLANK)
        return (struct bytes){&NOTHING, 0};
    if (filling == FILL_RANDOM)
        size = next_random(work) % size;
    for (size_t i = 0; i < size; i++) {
        if (filling == FILL_RANDOM)
            work->filled[i] = (uint8_t)next_random(work);
        else
            work->filled[i] = value->text.size > 0 ? value->text.data[i % value->text.size] : 'a';
    }
    return (struct bytes){work->filled, size};
}

static bool is_source_word(const char *name)
{
    return string_equal(name, "product") || string_equal(name, "category")
           || string_equal(name, "service");
}

static RESULT add_source(struct filling_work *work)
{
    const char *words[3] = {"", "", ""};
    static const char *const NAMES[3] = {"product", "category", "service"};
    char kept[3][LIMIT_NAME_BYTES];
    bool is_own = false;
    for (size_t i = 0; i < work->values.count; i++) {
        for (size_t n = 0; n < 3; n++) {
            struct bytes text = work->values.rows[i].text;
            if (!string_equal(work->values.rows[i].name, NAMES[n]) || text.size >= sizeof kept[n])
                continue;
            bytes_copy(kept[n], sizeof kept[n], text.data, text.size);
            kept[n][text.size] = '\0';
            words[n] = kept[n];
            is_own = true;
        }
    }
    const struct engine_rule *rule = work->subject->rule;
    return engine_event_add_source(work->event, is_own ? words[0] : rule->product,
                                   is_own ? words[1] : rule->category,
                                   is_own ? words[2] : rule->service);
}

/* Values that cannot be put in are left out: the limits of an event hold here, too. */
static void make_event(struct filling_work *work, size_t which, enum filling filling)
{
    engine_event_begin(work->event);
    result_ignore(add_source(work)); /* as below */
    for (size_t i = 0; i < work->values.count; i++) {
        const struct content_value *value = &work->values.rows[i];
        enum filling here = which == EVERY_FIELD || which == i ? filling : FILL_AS_IS;
        if (is_source_word(value->name) || here == FILL_ABSENT)
            continue;
        struct bytes text = fill(work, value, here);
        result_ignore(engine_event_add(work->event, value->name, text.data, text.size));
    }
}

static void judge(struct filling_work *work, size_t which, enum filling filling)
{
    make_event(work, which, filling);
    work->is_matched = false;
    struct engine_verdict verdict =
        engine_eval(work->check->engine, work->event, take_match, NULL, work);
    work->counts->events++;
    char reason[256];
    const char *field = which == EVERY_FIELD ? "every field" : work->values.rows[which].name;
    bool is_unknown = which == EVERY_FIELD && (filling == FILL_BLANK || filling == FILL_ABSENT);
    if (verdict.is_incomplete)
        (void)string_format(reason, sizeof reason,
                            "with %s %s the verdict is incomplete: it costs more than %d steps",
                            field, FILLING_NAMES[filling], LIMIT_RULE_STEPS);
    else if (is_unknown && work->is_matched)
        (void)string_format(reason, sizeof reason,
                            "it matches an event with %s %s: it would match whatever is not known",
                            field, FILLING_NAMES[filling]);
    else
        return;
    content_say(work->check, &work->counts->findings, "fields", work->subject->file, 0, reason);
}

/* --- which events ----------------------------------------------------------------------------- */

static bool has_value(const struct content_values *values, const char *name)
{
    for (size_t i = 0; i < values->count; i++) {
        if (string_equal(values->rows[i].name, name))
            return true;
    }
    return false;
}

/* The fields that this host's events of the rule's kind have, beyond those of the test. */
static void add_native_fields(struct filling_work *work)
{
    struct content_values *values = &work->values;
    const char *category = work->subject->rule->category;
    uint64_t fields = 0;
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
        const struct schema_kind *kind = schema_kind((enum event_kind)i);
        if (*category == '\0' || string_equal(kind->categories[0], category)
            || string_equal(kind->categories[1], category))
            fields |= kind->fields;
    }
    for (unsigned i = 0; i < FIELD_COUNT && values->count < CONTENT_VALUES_MAX; i++) {
        const char *name = schema_field((enum event_field)i)->sigma[0];
        if ((fields >> i & 1) != 0 && *name != '\0' && !has_value(values, name))
            values->rows[values->count++] = (struct content_value){name, {NULL, 0}};
    }
}

/* The first event that the rule must match; false: there is none. */
static bool find_event(struct filling_work *work)
{
    struct bytes rest = work->subject->lines;
    struct bytes text, event;
    struct content_line line;
    while (content_next_line(&rest, &text)) {
        if (!result_is_ok(content_line_read(&work->room, text, &line, NULL)) || !line.is_match)
            continue;
        if (line.is_sequence && !content_line_next(&line, &event))
            continue;
        if (!line.is_sequence)
            event = line.events;
        return result_is_ok(content_line_values(&work->room, event, &work->values, NULL));
    }
    return false;
}

static void fill_subject(struct filling_work *work, const struct content_subject *subject)
{
    work->subject = subject;
    if (subject->rule == NULL || !subject->is_active || !find_event(work))
        return;
    if (work->check->at != NULL)
        work->check->at(work->check->context, subject->file, 0);
    add_native_fields(work);
    for (unsigned filling = FILL_ABSENT; filling < FILL_COUNT; filling++) {
        for (size_t i = 0; i < work->values.count; i++) {
            if (!is_source_word(work->values.rows[i].name))
                judge(work, i, (enum filling)filling);
        }
        judge(work, EVERY_FIELD, (enum filling)filling);
    }
}

RESULT content_check_fields(const struct content_check *check, uint64_t seed,
                            struct content_field_counts *ret_counts, struct explanation *why)
{
    struct content_subjects subjects;
    uint64_t ignored = 0; /* what is wrong with the files, content_check_tests() has said */
    struct content_check quiet = *check;
    *ret_counts = (struct content_field_counts){.events = 0};
    if (fault_is_planted(FAULT_CHECK_FIELDS_OFF))
        return RESULT_OK;
    struct filling_work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    quiet.say = content_say_nothing;
    struct result result = content_subjects_find(&quiet, &subjects, &ignored, why);
    if (!result_is_ok(result)) {
        free(work);
        return result;
    }
    *work = (struct filling_work){.check = check, .counts = ret_counts,
                                  .event = engine_event_new(check->engine),
                                  .filled = malloc(LIMIT_RULE_VALUE_BYTES),
                                  .random = seed | 1};
    if (work->event == NULL || work->filled == NULL)
        result = explain(why, ERROR_MEMORY, "memory is out");
    for (size_t i = 0; result_is_ok(result) && i < subjects.count; i++)
        fill_subject(work, &subjects.rows[i]);
    engine_event_free(work->event);
    free(work->filled);
    content_line_room_free(&work->room);
    content_subjects_free(&subjects);
    free(work);
    return result;
}
