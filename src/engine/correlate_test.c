// SPDX-License-Identifier: Apache-2.0
/*
 * Correlations by what they answer to a sequence of events. An event is "time rule user number":
 * the time in seconds, which of the rules A, B, C it matches, and two fields; "-" leaves one out.
 */
#include "engine/engine.h"

#include "base/bytes.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE(name) \
    "title: " name "\nid: id-" name "\nname: " name "\nlogsource: {category: c}\n" \
    "detection: {s: {a|contains: " name "}, condition: s}\n---\n"
#define RULES BASE("A") BASE("B") BASE("C")

static struct engine *load_with(const char *yaml, const struct engine_options *options)
{
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    struct engine *engine = NULL;
    struct explanation why = {.text = ""};
    assert_ok(pack_writer_add(writer, "test.yml", yaml, strlen(yaml)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    pack_writer_free(writer);
    if (!result_is_ok(engine_load(options, pack, size, &engine, &why)))
        fail_msg("load failed: %s", why.text);
    free(pack);
    return engine;
}

/* All of RULES and one correlation, "title: K" and the section `body`. */
static struct engine *load(const char *body)
{
    char yaml[4096];
    string_format(yaml, sizeof yaml, "%stitle: K\nid: id-K\ncorrelation: {%s}\n", RULES, body);
    struct engine *engine = load_with(yaml, NULL);
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        const struct engine_rule *rule = engine_rule(engine, i);
        if (rule->state != ENGINE_RULE_LOADED)
            fail_msg("%s: %s: %s", body, rule->title, rule->reason);
    }
    return engine;
}

struct answer {
    const struct engine *engine;
    char text[512];
    unsigned event;
};

/* "2K " for a match of K by event number 2. */
static void note(void *context, size_t rule)
{
    struct answer *answer = context;
    size_t used = strlen(answer->text);
    string_format(answer->text + used, sizeof answer->text - used, "%u%s ", answer->event,
                  engine_rule(answer->engine, rule)->title);
}

static void put_field(FILE *out, const char *name, const char *value)
{
    if (value != NULL && strcmp(value, "-") != 0)
        fprintf(out, ", \"%s\": \"%s\"", name, value);
}

static void feed(struct engine *engine, struct engine_event *event, const char *text,
                 struct answer *answer)
{
    char copy[64];
    char *rest = copy;
    char *line = NULL;
    size_t size = 0;
    assert_true(string_copy(copy, sizeof copy, text));
    const char *time = strsep(&rest, " ");
    const char *rule = strsep(&rest, " ");
    const char *user = strsep(&rest, " ");
    const char *number = strsep(&rest, " ");
    FILE *out = open_memstream(&line, &size);
    fprintf(out, "{\"category\": \"c\"");
    if (strcmp(time, "-") != 0)
        fprintf(out, ", \"ts\": %s", time);
    put_field(out, "a", rule);
    put_field(out, "user", user);
    put_field(out, "n", number);
    fprintf(out, "}");
    fclose(out);
    assert_ok(engine_event_from_json(event, line, size, NULL));
    engine_eval(engine, event, note, NULL, answer);
    answer->event++;
    free(line);
}

/* Feeds events that are separated by ';'. */
static void feed_all(struct engine *engine, const char *events, struct answer *answer)
{
    char *copy = strdup(events);
    char *rest = copy;
    struct engine_event *event = engine_event_new(engine);
    answer->engine = engine;
    for (const char *one; (one = strsep(&rest, ";")) != NULL;)
        feed(engine, event, one, answer);
    engine_event_free(event);
    free(copy);
}

static void check(const char *body, const char *events, const char *expected)
{
    struct engine *engine = load(body);
    struct answer answer = {.event = 0};
    feed_all(engine, events, &answer);
    if (strcmp(answer.text, expected) != 0)
        fail_msg("%s\nof %s\ngave '%s', expected '%s'", body, events, answer.text, expected);
    engine_free(engine);
}

#define BY_USER "group-by: [user], timespan: 10s, "

static void events_are_counted(void **state)
{
    (void)state;
#define COUNT "type: event_count, rules: [A], " BY_USER
    check(COUNT "condition: {gte: 3}", "1 A u;2 A u;3 A u;4 A u", "2K ");
    check(COUNT "condition: {gt: 2}", "1 A u;2 B u;3 A u;4 A v;5 A u", "1B 4K ");
    /* Ten seconds after the first it still counts, eleven after it does not. */
    check(COUNT "condition: {gte: 2}", "1 A u;11 A u", "1K ");
    check(COUNT "condition: {gte: 2}", "1 A u;12 A u", "");
    /* Once it was false it is reported again. */
    check(COUNT "condition: {gte: 2}", "1 A u;2 A u;3 A u;30 A u;31 A u", "1K 4K ");
    check(COUNT "condition: {gte: 1}", "1 A u;2 A u;30 A u", "0K 2K ");
    check(COUNT "condition: {gt: 1, lte: 3}", "1 A u;2 A u;3 A u;4 A u;5 A u", "1K ");
    check(COUNT "condition: {eq: 2}", "1 A u;2 A u;3 A u", "1K ");
    check(COUNT "condition: {lt: 2}", "1 A u;2 A u", "0K ");
    check(COUNT "condition: {neq: 1}", "1 A u;2 A u", "1K ");
    /* Without the field there is no group; case tells groups apart. */
    check(COUNT "condition: {gte: 2}", "1 A -;2 A -;3 A u;4 A U;5 A U", "4K ");
    check("type: event_count, rules: [A], timespan: 10s, condition: {gte: 2}", "1 A u;2 A v",
          "1K ");
    check("type: event_count, rules: [id-A, B], " BY_USER "condition: {gte: 2}",
          "1 A u;2 AB u;3 B u", "1K ");
    /* One event counts once. */
    check("type: event_count, rules: [A, B], " BY_USER "condition: {gte: 2}", "1 AB u;2 AB u",
          "1K ");
}

static void time_is_that_of_the_events(void **state)
{
    (void)state;
    /* What comes late is put in its place, or is too late. */
    check(COUNT "condition: {gte: 3}", "5 A u;9 A u;4 A u", "2K ");
    check(COUNT "condition: {gte: 3}", "1 A u;20 A u;2 A u;21 A u;15 A u", "4K ");
    struct engine *engine = load(COUNT "condition: {gte: 3}");
    struct answer answer = {.event = 0};
    feed_all(engine, "100 A u;1 A u;2 A v;- A u;101 A u", &answer);
    assert_string_equal(answer.text, "4K ");
    assert_int_equal(engine_correlation_counts(engine).late_events, 1);
    engine_free(engine);
}

static void values_are_counted_and_summed_up(void **state)
{
    (void)state;
#define VALUES(type) "type: " type ", rules: [A], " BY_USER
    check(VALUES("value_count") "condition: {field: n, gte: 3}",
          "1 A u x;2 A u y;3 A u x;4 A v z;5 A u z", "4K ");
    check(VALUES("value_count") "condition: {field: n, gte: 2}", "1 A u x;9 A u x;12 A u y", "2K ");
    check(VALUES("value_count") "condition: {field: n, gte: 2}", "1 A u x;12 A u y", "");
    check(VALUES("value_count") "condition: {field: n, gte: 2}", "1 A u x;2 A u -", "");
    check(VALUES("value_count") "condition: {field: [n, a], gte: 2}", "1 A u x;2 AA u x", "1K ");
    check(VALUES("value_sum") "condition: {field: n, gt: 10}", "1 A u 5;2 A u 5.5;3 B u 9",
          "1K 2B ");
    check(VALUES("value_sum") "condition: {field: n, gt: 10}", "1 A u 5;12 A u 6;13 A u x;14 A u 5",
          "3K ");
    check(VALUES("value_sum") "condition: {field: n, lt: -3}", "1 A u -1;2 A u -3", "1K ");
    check(VALUES("value_avg") "condition: {field: n, gte: 4}", "1 A u 3;2 A u 5;3 A u 1", "1K ");
    check(VALUES("value_avg") "condition: {field: n, gte: 4}", "1 A u 0;12 A u 5", "1K ");
    check(VALUES("value_median") "condition: {field: n, gt: 4}", "1 A u 3;2 A u 5;3 A u 9", "2K ");
    check(VALUES("value_percentile") "condition: {field: n, percentile: 75, gte: 8}",
          "1 A u 1;2 A u 9;3 A u 1;4 A u 1;5 A u 8", "1K 4K ");
    check(VALUES("value_percentile") "condition: {field: n, percentile: 0, lte: 1}",
          "1 A u 2;2 A u 9;3 A u 1", "2K ");
    check(VALUES("value_percentile") "condition: {field: n, percentile: 50, eq: 2}",
          "1 A u 1;2 A u 2;3 A u 3", "2K ");
    check(VALUES("value_percentile") "condition: {field: n, percentile: 50, neq: 2}",
          "1 A u 2;2 A u 1", "1K ");
    check(VALUES("value_percentile") "condition: {field: n, percentile: 50, neq: 2}", "1 A u 3",
          "0K ");
    /* Without a percentile: how many percent have the event's own value. */
    check(VALUES("value_percentile") "condition: {field: n, lte: 25}",
          "1 A u x;2 A u x;3 A u x;4 A u y;5 A u y", "3K ");
    check(VALUES("value_percentile") "condition: {field: n, lt: 50}",
          "1 A u y;2 A u x;3 A u x;4 A u y;13 A u z;14 A u z", "4K ");
}

static void rules_come_together_in_time(void **state)
{
    (void)state;
#define TOGETHER "type: temporal, rules: [A, B, C], " BY_USER
    check(TOGETHER, "1 C u;2 A u;3 B v;4 B u;5 A u", "3K ");
    check(TOGETHER, "1 C u;2 A u;12 B u", "");
    check(TOGETHER, "1 C u;2 A u;10 C u;12 B u", "3K ");
    check(TOGETHER, "1 ABC u", "0K ");
    check(TOGETHER "condition: {gte: 2}", "1 C u;2 A u;3 B u", "1K ");
    check(TOGETHER "condition: A and (B or C)", "1 B u;2 C u;3 A u", "2K ");
    check(TOGETHER "condition: A and not B", "1 B u;2 A u;12 A u", "2K ");
}

static void rules_come_in_order(void **state)
{
    (void)state;
#define ORDERED "type: temporal_ordered, rules: [A, B, C], " BY_USER
    check(ORDERED, "1 A u;2 B u;3 C u", "2K ");
    check(ORDERED, "1 B u;2 A u;3 C u", "");
    check(ORDERED, "1 A u;2 C u;3 B u", "");
    check(ORDERED, "1 A u;2 C u;3 B u;4 C u", "3K ");
    check(ORDERED, "1 A u;2 B u;12 C u", "");
    check(ORDERED, "1 A u;5 A u;6 B u;13 C u", "3K ");
    /* The chain that began last is not the one that B ended. */
    check(ORDERED, "1 A u;2 B u;5 A u;12 C u", "");
    check(ORDERED, "1 A u;2 B v;3 C u", "");
    /* One event is one step. */
    check(ORDERED, "1 ABC u;2 ABC u;3 ABC u", "2K ");
    check(ORDERED "condition: {gte: 2}", "1 B u;2 A u;3 B u", "2K ");
    /* B happened before A although it came after it. */
    check(ORDERED, "5 A u;3 B u;6 C u", "");
}

static void rules_that_feed_are_silent_unless_told(void **state)
{
    (void)state;
    check(COUNT "condition: {gte: 2}", "1 A u;2 A u;3 B u", "1K 2B ");
    check(COUNT "condition: {gte: 2}, generate: true", "1 A u;2 A u", "0A 1A 1K ");
    struct engine *engine = load(COUNT "condition: {gte: 2}");
    struct answer answer = {.event = 0};
    assert_int_equal(engine_rule_disable(engine, engine_rule(engine, 3)->digest, true), 1);
    feed_all(engine, "1 A u;2 A u", &answer);
    assert_string_equal(answer.text, "0A 1A ");
    engine_free(engine);
}

static void correlations_feed_correlations(void **state)
{
    (void)state;
    static const char YAML[] = RULES
        "title: Outer\ncorrelation:\n    type: temporal_ordered\n    rules: [inner, B]\n"
        "    group-by: [user]\n    timespan: 10s\n---\n"
        "title: Inner\nname: inner\ncorrelation: {type: event_count, rules: [A], "
        "group-by: [user], timespan: 5s, condition: {gte: 2}}\n";
    struct engine *engine = load_with(YAML, NULL);
    struct answer answer = {.event = 0};
    feed_all(engine, "1 A u;2 A u;3 B v;4 B u;30 A u;31 A u;32 A u;33 A u;34 A u;35 A u;36 A u;"
                     "37 A u;38 A u;39 A u;40 A u;41 A u;42 A u;43 B u", &answer);
    /* Inner goes on holding while it is fed, so the second B, long after it began, counts too. */
    assert_string_equal(answer.text, "3Outer 17Outer ");
    engine_free(engine);
}

static void aliases_name_fields_by_rule(void **state)
{
    (void)state;
    static const char YAML[] = RULES
        "title: Pair\nname: pair\ncorrelation:\n    type: temporal\n    rules: [A, B]\n"
        "    group-by: [who]\n    timespan: 10s\n    aliases:\n"
        "        who: {A: user, id-B: n}\n---\n"
        "title: Pairs\ncorrelation: {type: event_count, rules: [pair], group-by: [who], "
        "timespan: 1h, condition: {gte: 2}, generate: true}\n";
    struct engine *engine = load_with(YAML, NULL);
    struct answer answer = {.event = 0};
    feed_all(engine, "1 A u x;2 B x v;3 B x u;100 A u x;101 B x u", &answer);
    assert_string_equal(answer.text, "2Pair 4Pair 4Pairs ");
    engine_free(engine);
}

static const struct {
    const char *body;
    enum engine_rule_state state;
    const char *reason;
} FAULTS[] = {
    {"type: event, rules: [A]", ENGINE_RULE_REJECTED, "has type 'event'"},
    {"type: event_count", ENGINE_RULE_REJECTED, "names no 'rules'"},
    {"type: event_count, rules: [A, A]", ENGINE_RULE_REJECTED, "names 'A' twice"},
    {"type: event_count, rules: [A, {}]", ENGINE_RULE_REJECTED, "expected text"},
    {"type: event_count, rules: [A]", ENGINE_RULE_REJECTED, "'timespan' is ''"},
    {"type: event_count, rules: [A], timespan: 5", ENGINE_RULE_REJECTED, "'timespan' is '5'"},
    {"type: event_count, rules: [A], timespan: 0s", ENGINE_RULE_REJECTED, "'timespan' is"},
    {"type: event_count, rules: [A], timespan: 9999d", ENGINE_RULE_REJECTED, "'timespan' is"},
    {"type: event_count, rules: [A], timespan: 5x", ENGINE_RULE_REJECTED, "'timespan' is"},
    {"type: event_count, rules: [A], timespan: 5s", ENGINE_RULE_REJECTED, "has no condition"},
    {"type: event_count, rules: [A], timespan: 5s, condition: {}", ENGINE_RULE_REJECTED,
     "has none of gt"},
    {"type: event_count, rules: [A], timespan: 5s, condition: {gte: x}", ENGINE_RULE_REJECTED,
     "expected a number"},
    {"type: event_count, rules: [A], timespan: 5s, condition: {gte: .inf}",
     ENGINE_RULE_REJECTED, "expected a number"},
    {"type: event_count, rules: [A], timespan: 5s, condition: {ge: 1}", ENGINE_RULE_REJECTED,
     "has 'ge'"},
    {"type: event_count, rules: [A], timespan: 5s, condition: {gte: 1, field: x}",
     ENGINE_RULE_REJECTED, "expected none"},
    {"type: value_sum, rules: [A], timespan: 5s, condition: {gte: 1}", ENGINE_RULE_REJECTED,
     "expected 'field' with one"},
    {"type: value_percentile, rules: [A], timespan: 5s, "
     "condition: {gte: 1, field: n, percentile: 101}", ENGINE_RULE_REJECTED, "0 to 100"},
    {"type: temporal, rules: [A, B], timespan: 5s, condition: A and D", ENGINE_RULE_REJECTED,
     "condition names 'D'"},
    {"type: temporal, rules: [A, D], timespan: 5s", ENGINE_RULE_REJECTED,
     "names 'D', which is the id or name of no rule here"},
    {"type: temporal, rules: [A, id-A], timespan: 5s", ENGINE_RULE_REJECTED,
     "by its id and by its name"},
    {"type: temporal, rules: [A, id-K], timespan: 5s", ENGINE_RULE_REJECTED,
     "in turn depends on this one"},
    {"type: temporal, rules: [A, bad], timespan: 5s", ENGINE_RULE_REJECTED,
     "which is rejected"},
    {"type: temporal, rules: [A, twin], timespan: 5s", ENGINE_RULE_REJECTED,
     "of several rules"},
    {"type: temporal, rules: [A, away], timespan: 5s", ENGINE_RULE_INACTIVE,
     "which is inactive"},
    {"type: event_count, rules: [A, away], timespan: 5s, condition: {gte: 1}",
     ENGINE_RULE_LOADED, "in force without 'away'"},
    {"type: temporal, rules: [A, B], timespan: 5s, group-by: [x], aliases: {x: {A: y}}",
     ENGINE_RULE_REJECTED, "aliases has no field"},
    {"type: temporal, rules: [A, B], timespan: 5s, generate: maybe", ENGINE_RULE_REJECTED,
     "'generate' is 'maybe'"},
};

static void faults_are_told(void **state)
{
    (void)state;
    static const struct engine_source SOURCES[] = {{"", "c", ""}};
    struct engine_options options = {.sources = SOURCES, .source_count = 1};
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        char yaml[4096];
        string_format(yaml, sizeof yaml,
                      "%stitle: Bad\nname: bad\nlogsource: {category: c}\ndetection: {}\n---\n"
                      "title: Off\nname: away\nlogsource: {category: d}\n"
                      "detection: {s: {a: b}, condition: s}\n---\n%s%s"
                      "title: K\nid: id-K\ncorrelation: {%s}\n", RULES,
                      BASE("twin"), BASE("twin"), FAULTS[i].body);
        struct engine *engine = load_with(yaml, &options);
        const struct engine_rule *rule = engine_rule(engine, engine_rule_count(engine) - 1);
        assert_int_equal(rule->kind, ENGINE_KIND_CORRELATION);
        if (rule->state != FAULTS[i].state || strstr(rule->reason, FAULTS[i].reason) == NULL)
            fail_msg("%s: state %d, \"%s\"", FAULTS[i].body, rule->state, rule->reason);
        if (rule->line < 15)
            fail_msg("%s: line %u", FAULTS[i].body, rule->line);
        engine_free(engine);
    }
}

/* A chain of `count` correlations, the last of the file the first of the chain. */
static void long_chains_are_refused(void **state)
{
    (void)state;
    char *yaml = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&yaml, &size);
    fputs(RULES, out);
    for (unsigned i = 0; i < 40; i++)
        fprintf(out, "title: T%u\nname: t%u\ncorrelation: {type: event_count, rules: [t%u], "
                "timespan: 5s, condition: {gte: 1}}\n---\n", i, i, i + 1);
    fputs("title: T\nname: t40\ncorrelation: {type: event_count, rules: [A], timespan: 5s, "
          "condition: {gte: 1}}\n", out);
    fclose(out);
    struct engine *engine = load_with(yaml, NULL);
    assert_int_equal(engine_rule(engine, 3)->state, ENGINE_RULE_REJECTED);
    assert_int_equal(engine_rule(engine, 43)->state, ENGINE_RULE_LOADED);
    engine_free(engine);
    free(yaml);
}

static void what_is_remembered_has_a_limit(void **state)
{
    (void)state;
    struct engine_options options = {.correlation_bytes = 1};
    char yaml[4096];
    string_format(yaml, sizeof yaml,
                  "%stitle: K\ncorrelation: {type: event_count, rules: [A], group-by: [user], "
                  "timespan: 1d, condition: {gte: 3}}\n---\n"
                  "title: S\ncorrelation: {type: value_percentile, rules: [B], group-by: [user], "
                  "timespan: 1d, condition: {field: n, lt: 0}}\n", RULES);
    struct engine *engine = load_with(yaml, &options);
    struct engine_event *event = engine_event_new(engine);
    struct answer answer = {.engine = engine};
    feed(engine, event, "1 A first", &answer);
    feed(engine, event, "2 A first", &answer);
    for (unsigned i = 0; i < 1000; i++) {
        char text[64];
        string_format(text, sizeof text, "%u A other%u", 3 + i, i);
        feed(engine, event, text, &answer);
    }
    feed(engine, event, "2000 A first", &answer);
    assert_string_equal(answer.text, "");
    struct engine_correlation_counts counts = engine_correlation_counts(engine);
    assert_int_equal(counts.evicted_groups + counts.groups, 1002);
    assert_int_equal(counts.evicted_events + counts.events, 1003);
    assert_true(counts.groups <= 64);
    /* One group alone makes room by its own oldest events, with their tallies. */
    for (unsigned i = 0; i < 1000; i++) {
        char text[64];
        string_format(text, sizeof text, "%u B one %u", 3000 - i % 7, i % 90);
        feed(engine, event, text, &answer);
    }
    assert_true(engine_correlation_counts(engine).events <= 64);
    /* What is over is not missed. */
    counts = engine_correlation_counts(engine);
    for (unsigned i = 0; i < 200; i++) {
        char text[64];
        string_format(text, sizeof text, "%u A late%u", 200000 + i * 100000, i);
        feed(engine, event, text, &answer);
    }
    assert_int_equal(engine_correlation_counts(engine).evicted_groups, counts.evicted_groups);
    engine_event_free(event);
    engine_free(engine);
}

/* `count` events of rule A one second apart, of one user or of as many, with the same value. */
static void feed_many(struct engine *engine, struct answer *answer, unsigned time, unsigned count,
                      const char *user, bool are_users)
{
    struct engine_event *event = engine_event_new(engine);
    answer->engine = engine;
    for (unsigned i = 0; i < count; i++) {
        char text[64];
        string_format(text, sizeof text, "%u A %s%u x", time + i, user, are_users ? i : 0);
        feed(engine, event, text, answer);
    }
    engine_event_free(event);
}

#define LARGE "title: K\ncorrelation: {type: event_count, rules: [A], group-by: [user], " \
    "timespan: 1000s, condition: {gte: 1000}}\n---\n"

/* Events that come late are put back to their place, but not at any price. */
static void late_events_find_a_place(void **state)
{
    (void)state;
    struct engine *engine = load_with(RULES LARGE, NULL);
    struct answer answer = {.event = 0};
    feed_many(engine, &answer, 1000, 200, "u", true);
    feed_many(engine, &answer, 500, 1, "late", true);
    feed_many(engine, &answer, 1000, 200, "one", false);
    feed_many(engine, &answer, 500, 1, "one", false);
    assert_int_equal(engine_correlation_counts(engine).events, 402);
    assert_int_equal(engine_correlation_counts(engine).groups, 202);
    engine_free(engine);
}

/* With room for 64 events: whose events go when there is none left. */
static void room_is_made_by_the_oldest(void **state)
{
    (void)state;
    struct engine_options options = {.correlation_bytes = 1};
    struct engine *engine = load_with(RULES LARGE, &options);
    struct answer answer = {.event = 0};
    /* Groups whose time is over are not missed. */
    feed_many(engine, &answer, 1, 20, "a", false);
    feed_many(engine, &answer, 1, 20, "b", false);
    feed_many(engine, &answer, 1, 20, "c", false);
    feed_many(engine, &answer, 5000, 50, "d", false);
    assert_int_equal(engine_correlation_counts(engine).evicted_events, 0);
    /* The oldest group that asks for room itself takes it from the next. */
    feed_many(engine, &answer, 5040, 14, "e", false);
    feed_many(engine, &answer, 5000, 1, "d", false);
    assert_int_equal(engine_correlation_counts(engine).evicted_groups, 1);
    assert_int_equal(engine_correlation_counts(engine).evicted_events, 14);
    engine_free(engine);
}

/* In few buckets: groups of two correlations by the same user, and the same value in each. */
static void groups_and_values_are_kept_apart(void **state)
{
    (void)state;
    struct engine_options options = {.correlation_bytes = 1};
    struct engine *engine = load_with(
        RULES "title: V\ncorrelation: {type: value_count, rules: [A], group-by: [user], "
        "timespan: 1000s, condition: {gte: 2, field: n}}\n---\n"
        "title: W\ncorrelation: {type: value_count, rules: [A], group-by: [user], "
        "timespan: 1000s, condition: {gte: 3, field: n}}\n", &options);
    struct answer answer = {.event = 0};
    feed_many(engine, &answer, 1, 30, "u", true);
    feed_many(engine, &answer, 50, 30, "u", true);
    assert_string_equal(answer.text, "");
    assert_int_equal(engine_correlation_counts(engine).groups, 60);
    engine_free(engine);
}

/* An event that is two groups' counts once in each; a correlation that goes on to hold feeds only
 * temporal ones. */
static void each_feeds_once(void **state)
{
    (void)state;
    check("type: event_count, rules: [A, B], group-by: [who], timespan: 10s, aliases: {who: "
          "{A: user, B: n}}, condition: {gte: 2}", "1 AB u v;2 AB u v", "1K ");
    struct engine *engine = load_with(
        RULES "title: I\nname: inner\ncorrelation: {type: event_count, rules: [A], timespan: 10s, "
        "condition: {gte: 2}}\n---\n"
        "title: K\ncorrelation: {type: event_count, rules: [inner], timespan: 10s, "
        "condition: {gte: 2}}\n", NULL);
    struct answer answer = {.event = 0};
    feed_all(engine, "1 A u;2 A u;3 A u", &answer);
    assert_string_equal(answer.text, "");
    engine_free(engine);
}

/* Beyond what the threshold asks for nothing is kept of a flood. */
static void floods_are_kept_small(void **state)
{
    (void)state;
    struct engine *engine = load(COUNT "condition: {gte: 3}");
    struct answer answer = {.event = 0};
    struct engine_event *event = engine_event_new(engine);
    answer.engine = engine;
    for (unsigned i = 0; i < 1000; i++)
        feed(engine, event, "5 A u", &answer);
    assert_string_equal(answer.text, "2K ");
    assert_int_equal(engine_correlation_counts(engine).events, 4);
    assert_int_equal(engine_correlation_counts(engine).evicted_events, 0);
    engine_event_free(event);
    engine_free(engine);
}

/* Memory of correlations that stay the same is taken over; of others it is not. */
static void state_is_adopted(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *before;
        const char *after;
    } CASES[] = {
        {COUNT "condition: {gte: 3}", "1 A u;2 A u;3 A u;5 A v;6 A v", "7 A u;8 A v"},
        {VALUES("value_count") "condition: {field: n, gte: 2}", "1 A u x;2 A v x", "3 A u y"},
        {VALUES("value_sum") "condition: {field: n, gte: 9}", "1 A u 8", "3 A u 1"},
        {VALUES("value_median") "condition: {field: n, gte: 5}", "1 A u 1;2 A u 6", "3 A u 5"},
        {VALUES("value_percentile") "condition: {field: n, lte: 25}", "1 A u x;2 A u x;3 A u x",
         "4 A u y"},
        {TOGETHER, "1 A u;2 C u", "3 B u"},
        {ORDERED, "1 A u;2 B u", "3 C u"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct engine *old = load(CASES[i].body);
        struct answer answer = {.event = 0};
        feed_all(old, CASES[i].before, &answer);
        struct answer expected = answer;
        feed_all(old, CASES[i].after, &expected);
        engine_free(old);

        old = load(CASES[i].body);
        struct answer again = {.event = 0};
        feed_all(old, CASES[i].before, &again);
        struct engine *fresh = load(CASES[i].body);
        engine_adopt_state(fresh, old);
        assert_int_equal(engine_correlation_counts(fresh).events,
                         engine_correlation_counts(old).events);
        engine_free(old);
        feed_all(fresh, CASES[i].after, &again);
        if (strcmp(again.text, expected.text) != 0 || strcmp(again.text, answer.text) == 0)
            fail_msg("%s: '%s', expected '%s'", CASES[i].body, again.text, expected.text);
        engine_free(fresh);
    }
    struct engine *old = load(COUNT "condition: {gte: 2}");
    struct engine *other = load(COUNT "condition: {gte: 3}");
    struct answer answer = {.event = 0};
    feed_all(old, "1 A u", &answer);
    engine_adopt_state(other, old);
    assert_int_equal(engine_correlation_counts(other).events, 0);
    engine_free(old);
    engine_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_counted),
        cmocka_unit_test(time_is_that_of_the_events),
        cmocka_unit_test(values_are_counted_and_summed_up),
        cmocka_unit_test(rules_come_together_in_time),
        cmocka_unit_test(rules_come_in_order),
        cmocka_unit_test(rules_that_feed_are_silent_unless_told),
        cmocka_unit_test(correlations_feed_correlations),
        cmocka_unit_test(aliases_name_fields_by_rule),
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(long_chains_are_refused),
        cmocka_unit_test(what_is_remembered_has_a_limit),
        cmocka_unit_test(late_events_find_a_place),
        cmocka_unit_test(room_is_made_by_the_oldest),
        cmocka_unit_test(groups_and_values_are_kept_apart),
        cmocka_unit_test(each_feeds_once),
        cmocka_unit_test(floods_are_kept_small),
        cmocka_unit_test(state_is_adopted),
    };
    return unit_run("engine-correlate", tests);
}
