// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a correlation (or filter) beside three rules and, behind a byte 0xFF, as a sequence
 * of events of five bytes each: time step, rules that match, user, number, what to do. Memory is
 * scarce, so that groups and events are evicted all the time; now and then a new engine takes over.
 */
#include "base/bytes.h"
#include "engine/engine.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE(name) \
    "title: " name "\nid: id-" name "\nname: " name "\nlogsource: {category: c}\n" \
    "detection: {s: {a|contains: " name "}, condition: s}\n---\n"

enum { EVENT_BYTES = 5, MEMORY_BYTES = 16 * 1024, MOST_EVENTS = 2000 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void make_pack(const uint8_t *data, size_t size, uint8_t **ret_pack, size_t *ret_size)
{
    static const char RULES[] = BASE("A") BASE("B") BASE("C");
    struct pack_writer *writer = pack_writer_new();
    require(writer != NULL);
    require(result_is_ok(pack_writer_add(writer, "a.yml", RULES, strlen(RULES))));
    require(result_is_ok(pack_writer_add(writer, "b.yml", data, size)));
    require(result_is_ok(pack_writer_finish(writer, ret_pack, ret_size)));
    pack_writer_free(writer);
}

static struct engine *load(const uint8_t *pack, size_t size)
{
    struct engine_options options = {.correlation_bytes = MEMORY_BYTES};
    struct engine *engine = NULL;
    return result_is_ok(engine_load(&options, pack, size, &engine, NULL)) ? engine : NULL;
}

static void count_match(void *context, size_t rule)
{
    (void)rule;
    ++*(unsigned *)context;
}

static void judge(struct engine *engine, struct engine_event *event, const uint8_t *bytes,
                  uint64_t *time_ns)
{
    char text[16];
    unsigned matches = 0;
    /* Mostly forward, sometimes back, sometimes without a time. */
    *time_ns += (uint64_t)bytes[0] * 100000000u;
    if ((bytes[4] & 7) == 1 && *time_ns > 20000000000u)
        *time_ns -= 20000000000u;
    engine_event_begin(event);
    engine_event_set_time(event, (bytes[4] & 7) == 2 ? 0 : *time_ns);
    require(result_is_ok(engine_event_add_source(event, "", "c", "")));
    string_format(text, sizeof text, "%s%s%s", (bytes[1] & 1) != 0 ? "A" : "",
                  (bytes[1] & 2) != 0 ? "B" : "", (bytes[1] & 4) != 0 ? "C" : "");
    require(result_is_ok(engine_event_add(event, "a", text, strlen(text))));
    string_format(text, sizeof text, "u%u", bytes[2]);
    require(result_is_ok(engine_event_add(event, "user", text, strlen(text))));
    string_format(text, sizeof text, "%d", (int)bytes[3] - 100);
    require(result_is_ok(engine_event_add(event, "n", text, strlen(text))));
    struct engine_verdict verdict = engine_eval(engine, event, count_match, NULL, &matches);
    require(verdict.matches == matches && matches <= engine_rule_count(engine));
}

/* Each event is remembered by few correlations, each at most once per rule. */
static void check_counts(const struct engine *engine)
{
    struct engine_correlation_counts counts = engine_correlation_counts(engine);
    require(counts.groups <= MEMORY_BYTES && counts.events <= MEMORY_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *separator = size == 0 ? NULL : memchr(data, 0xFF, size);
    size_t text_size = separator == NULL ? size : (size_t)(separator - data);
    size_t at = separator == NULL ? size : text_size + 1;
    uint8_t *pack;
    size_t pack_size;
    uint64_t time_ns = 1;
    make_pack(data, text_size, &pack, &pack_size);
    struct engine *engine = load(pack, pack_size);
    struct engine_event *event = engine == NULL ? NULL : engine_event_new(engine);
    for (unsigned i = 0; event != NULL && size - at >= EVENT_BYTES && i < MOST_EVENTS;
         i++, at += EVENT_BYTES) {
        judge(engine, event, data + at, &time_ns);
        check_counts(engine);
        if ((data[at + 4] & 31) != 3)
            continue;
        struct engine *next = load(pack, pack_size);
        require(next != NULL);
        engine_adopt_state(next, engine);
        require(engine_correlation_counts(next).events
                <= engine_correlation_counts(engine).events);
        engine_event_free(event);
        engine_free(engine);
        engine = next;
        event = engine_event_new(engine);
    }
    engine_event_free(event);
    engine_free(engine);
    free(pack);
    return 0;
}
