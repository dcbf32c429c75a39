// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

/* Loads one file of rules. */
static struct engine *load(const char *yaml, const struct engine_options *options)
{
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    struct engine *engine = NULL;
    struct explanation why = {.text = ""};
    assert_ok(pack_writer_add(writer, "test.yml", yaml, strlen(yaml)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    pack_writer_free(writer);
    struct result result = engine_load(options, pack, size, &engine, &why);
    free(pack);
    if (!result_is_ok(result))
        fail_msg("load failed: %s", why.text);
    return engine;
}

static void count_match(void *context, size_t rule)
{
    (void)rule;
    ++*(unsigned *)context;
}

static bool json_matches(struct engine *engine, const char *json)
{
    struct engine_event *event = engine_event_new(engine);
    struct explanation why = {.text = ""};
    unsigned matches = 0;
    assert_non_null(event);
    if (!result_is_ok(engine_event_from_json(event, json, strlen(json), &why)))
        fail_msg("%s: %s", json, why.text);
    struct engine_verdict verdict = engine_eval(engine, event, count_match, NULL, &matches);
    assert_false(verdict.is_incomplete);
    assert_int_equal(verdict.matches, matches);
    engine_event_free(event);
    return matches > 0;
}

#define HEAD "title: T\nlogsource: {category: c}\ndetection:\n"

/* A detection (in flow style, one line per name) and an event's fields. */
static void check(const char *detection, const char *condition, const char *fields, bool expected)
{
    char yaml[2048];
    char json[1024];
    string_format(yaml, sizeof yaml, HEAD "  %s\n  condition: %s\n", detection, condition);
    string_format(json, sizeof json, "{\"category\": \"c\"%s%s}", fields[0] == '\0' ? "" : ", ",
                  fields);
    struct engine *engine = load(yaml, NULL);
    if (engine_rule(engine, 0)->state != ENGINE_RULE_LOADED)
        fail_msg("%s: %s", detection, engine_rule(engine, 0)->reason);
    if (json_matches(engine, json) != expected)
        fail_msg("%s / %s / %s: expected %d", detection, condition, json, expected);
    engine_free(engine);
}

/* Whether a value matches, by the specification's words on values and modifiers. */
static const struct {
    const char *detection;
    const char *fields;
    bool expected;
} VALUES[] = {
    {"s: {a: Word}", "\"a\": \"wORD\"", true},
    {"s: {a: word}", "\"a\": \"words\"", false},
    {"s: {a: word}", "\"b\": \"word\"", false},
    {"s: {a: w*d}", "\"a\": \"weird\"", true},
    {"s: {a: w?rd}", "\"a\": \"w\xc3\xb6rd\"", true},
    {"s: {a: w?rd}", "\"a\": \"wrd\"", false},
    {"s: {a: 'w\\*d'}", "\"a\": \"w*d\"", true},
    {"s: {a: 'w\\*d'}", "\"a\": \"wd\"", false},
    {"s: {a: 'c:\\\\*'}", "\"a\": \"C:\\\\x\"", true},
    {"s: {a: 'c:\\x'}", "\"a\": \"C:\\\\x\"", true},
    {"s: {a: 'x\\\\\\*'}", "\"a\": \"x\\\\*\"", true},
    {"s: {a: 'x\\\\\\*'}", "\"a\": \"x\\\\y\"", false},
    {"s: {a: '*'}", "\"a\": \"\"", true},
    {"s: {a: ''}", "\"a\": \"\"", true},
    {"s: {a: ''}", "\"a\": \"x\"", false},
    {"s: {a: ''}", "\"b\": \"x\"", false},
    {"s: {a: null}", "\"b\": 1", true},
    {"s: {a: null}", "\"a\": null", true},
    {"s: {a: null}", "\"a\": \"\"", false},
    {"s: {a|exists: true}", "\"a\": null", true},
    {"s: {a: ''}", "\"a\": null", false},
    {"s: {a: '*'}", "\"a\": null", false},
    {"s: {a|re: '.*'}", "\"a\": null", false},
    {"s: {a|fieldref: b}", "\"a\": null, \"b\": null", false},
    {"s: {a: [x, null]}", "\"b\": 1", true},
    {"s: {a: 10}", "\"a\": 10", true},
    {"s: {a: 0x10}", "\"a\": \"16\"", true},
    {"s: {a: true}", "\"a\": true", true},
    {"s: {a: [x, y]}", "\"a\": [\"q\", \"Y\"]", true},
    {"s: {a.b: x}", "\"a\": {\"b\": \"x\"}", true},
    {"s: {a: x, b: y}", "\"a\": \"x\"", false},
    {"s: [{a: x}, {b: y}]", "\"b\": \"y\"", true},
    {"s: {a: \xc3\x84}", "\"a\": \"\\u00e4\"", true},
    {"s: {a|contains: or}", "\"a\": \"WORDS\"", true},
    {"s: {a|contains|all: [or, ds]}", "\"a\": \"words\"", true},
    {"s: {a|contains|all: [or, xs]}", "\"a\": \"words\"", false},
    {"s: {a|startswith: wo}", "\"a\": \"words\"", true},
    {"s: {a|startswith: or}", "\"a\": \"words\"", false},
    {"s: {a|endswith: [xx, ds]}", "\"a\": \"words\"", true},
    {"s: {a|endswith: /id}", "\"a\": \"/usr/bin/id\"", true},
    {"s: {a|endswith: /id}", "\"a\": \"/usr/bin/pid\"", false},
    {"s: {a|endswith: bin/id}", "\"a\": \"/usr/sbin/id\"", true},
    {"s: {a|cased: Word}", "\"a\": \"word\"", false},
    {"s: {a|contains|cased: Wor}", "\"a\": \"aWord\"", true},
    {"s: {a|re: 'w.rd$'}", "\"a\": \"a word\"", true},
    {"s: {a|re: 'W.rd'}", "\"a\": \"word\"", false},
    {"s: {a|re|i: 'W.rd'}", "\"a\": \"word\"", true},
    {"s: {a|re: '^b'}", "\"a\": \"a\\nb\"", false},
    {"s: {a|re|m: '^b'}", "\"a\": \"a\\nb\"", true},
    {"s: {a|re: 'a.b'}", "\"a\": \"a\\nb\"", false},
    {"s: {a|re|s: 'a.b'}", "\"a\": \"a\\nb\"", true},
    {"s: {a|re: '^$'}", "\"a\": \"\"", true},
    {"s: {a|windash|contains: 'x*y -k'}", "\"a\": \"x1y \\u2014k\"", true},
    {"s: {a|windash|contains: 'x*y -k'}", "\"a\": \"x1y \\u2010k\"", false},
    {"s: {a|windash|contains: 'x*y -k'}", "\"a\": \"x1y \\u2018k\"", false},
    {"s: {a|cidr: 10.0.0.0/8}", "\"a\": \"10.200.3.4\"", true},
    {"s: {a|cidr: 10.0.0.0/9}", "\"a\": \"10.200.3.4\"", false},
    {"s: {a|cidr: 'fe80::/10'}", "\"a\": \"febf::1\"", true},
    {"s: {a|cidr: 'fe80::/10'}", "\"a\": \"fec0::1\"", false},
    {"s: {a|cidr: '::/0'}", "\"a\": \"1.2.3.4\"", false},
    {"s: {a|gt: 5}", "\"a\": 6", true},
    {"s: {a|gte: 5}", "\"a\": \"5\"", true},
    {"s: {a|lt: 5.5}", "\"a\": 5.4", true},
    {"s: {a|lte: 5}", "\"a\": 6", false},
    {"s: {a|lt: 5}", "\"a\": \"abc\"", false},
    {"s: {a|exists: true}", "\"a\": \"\"", true},
    {"s: {a|exists: false}", "\"b\": 1", true},
    {"s: {a|neq: x}", "\"a\": \"y\"", true},
    {"s: {a|neq: x}", "\"a\": \"X\"", false},
    {"s: {a|fieldref: b}", "\"a\": \"x\", \"b\": \"X\"", true},
    {"s: {a|fieldref: b}", "\"a\": \"x\", \"b\": \"y\"", false},
    {"s: {a|fieldref|endswith: b}", "\"a\": \"xy\", \"b\": \"Y\"", true},
    {"s: {a|contains|windash: ' -x'}", "\"a\": \"q /X\"", true},
    {"s: {a|contains|windash: ' -x'}", "\"a\": \"q \xe2\x80\x94x\"", true},
    {"s: {a|contains|windash: ' a-x'}", "\"a\": \"q a/x\"", false},
    {"s: {a|base64: foobar}", "\"a\": \"Zm9vYmFy\"", true},
    {"s: {a|base64offset|contains: /bin/bash}", "\"a\": \"xL2Jpbi9iYXNox\"", true},
    {"s: {a|base64offset|contains: /bin/bash}", "\"a\": \"x9iaW4vYmFzax\"", true},
    {"s: {a|base64offset|contains: /bin/bash}", "\"a\": \"xvYmluL2Jhc2x\"", true},
    {"s: {a|wide|base64offset|contains: ping}", "\"a\": \"cABpAG4AZw\"", true},
    {"s: {a|minute: 30}", "\"a\": \"2026-11-24T02:30:00Z\"", true},
    {"s: {a|hour: 2}", "\"a\": \"2026-11-24 02:30:00\"", true},
    {"s: {a|week: 53}", "\"a\": \"2027-01-03\"", true},
    {"s: {a|week: 1}", "\"a\": \"2024-12-30\"", true},
    {"s: [one, two]", "\"x\": \"number TWO!\"", true},
    {"s: {'|all': [one, two]}", "\"x\": \"one\", \"y\": \"two\"", true},
    {"s: {'|all': [one, two]}", "\"x\": \"one\"", false},
};

static void values_match_as_specified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++)
        check(VALUES[i].detection, "s", VALUES[i].fields, VALUES[i].expected);
}

static void conditions_bind_as_specified(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        bool expected;
    } CASES[] = {
        {"yes1 or no1 and no1", true},   {"(yes1 or no1) and no1", false},
        {"not no1 and yes1", true},      {"not (no1 or yes1)", false},
        {"1 of yes*", true},             {"all of yes*", true},
        {"all of them", false},          {"1 of them", true},
        {"any of no*", false},           {"not 1 of no*", true},
        {"all of *1", false},            {"1 of _hidden", true},
        {"not not yes1", true},          {"yes1 and not no1 and yes2", true},
        {"[no1, yes1]", true},           {"all of yes1", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        check("yes1: {a: x}\n  yes2: {b: y}\n  no1: {a: y}\n  _hidden: {a: x}",
              CASES[i].condition, "\"a\": \"x\", \"b\": \"y\"", CASES[i].expected);
}

#define CONDITION(condition, reason) \
    {HEAD "  s: {a: b}\n  condition: " condition "\n", 5, reason}
#define TEN "abcdefghij"
#define LONG TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define NAME(last) TEN TEN TEN TEN TEN TEN TEN TEN TEN last
#define DEEP "((((((((((((((((((((((((((((((((((((((((s))))))))))))))))))))))))))))))))))))))))"

static const struct {
    const char *yaml;
    unsigned line;
    const char *reason;
} FAULTS[] = {
    {HEAD "  selection: {a: b}\n  filter: {a: c}\n  condition: selection2\n", 6,
     "condition names 'selection2', but the detection has only: selection, filter"},
    {HEAD "  s: {a: b}\n  condition: 1 of x*\n", 5, "which fits no detection"},
    {HEAD "  s: {a: b}\n  condition: s and\n", 5, "condition ends where"},
    {HEAD "  s: {a: b}\n  condition: (s\n", 5, "where ')' is expected"},
    {HEAD "  s: {a: b}\n  condition: s s\n", 5, "has 's' where 'and', 'or'"},
    {HEAD "  s: {a: b}\n  condition: s | count() > 3\n", 5, "aggregation"},
    {HEAD "  s: {a: b}\n  condition: 2 of s*\n", 5, "'2 of'"},
    CONDITION("2 s", "names '2'"),
    CONDITION("2x", "names '2x'"),
    CONDITION("1 s", "names '1'"),
    CONDITION("1 of", "behind 'of'"),
    CONDITION("1 of (s)", "behind 'of'"),
    CONDITION(")", "has ')' where"),
    CONDITION("and", "has 'and' where"),
    CONDITION("s and or", "has 'or' where"),
    CONDITION("not of", "has 'of' where"),
    CONDITION("[]", "list of conditions is empty"),
    CONDITION("[s, x]", "names 'x'"),
    CONDITION("[[s]]", "expected text"),
    CONDITION("{s: s}", "expected text"),
    CONDITION("[~]", "expected text"),
    CONDITION(LONG, "word of 130 bytes"),
    CONDITION("s and " LONG, "word of 130 bytes"),
    CONDITION("not " LONG, "word of 130 bytes"),
    CONDITION("(" LONG ")", "word of 130 bytes"),
    CONDITION("1 " LONG, "word of 130 bytes"),
    CONDITION("1 of " LONG, "word of 130 bytes"),
    CONDITION(DEEP, "nested more than"),
    {HEAD "  " NAME("a") ": {a: b}\n  " NAME("b") ": {a: b}\n  " NAME("c") ": {a: b}\n"
          "  condition: s\n", 7, " ..."},
    {HEAD "  s: {a: b}\n", 3, "no 'condition'"},
    {HEAD "  s: {a|foo: b}\n  condition: s\n", 4, "modifier 'foo' is not known"},
    {HEAD "  s: {a|re|cidr: b}\n  condition: s\n", 4, "exclude each other"},
    {HEAD "  s: {a|i: b}\n  condition: s\n", 4, "for regular expressions"},
    {HEAD "  s: {a|re: '(?=x)y'}\n  condition: s\n", 4, "linear time"},
    {HEAD "  s: {a|re: '(x)\\1'}\n  condition: s\n", 4, "linear time"},
    {HEAD "  s: {a|expand: '%servers%'}\n  condition: s\n", 4,
     "unresolved placeholder '%servers%'"},
    {HEAD "  s: {a|cidr: 10.0.0.0/33}\n  condition: s\n", 4, "is no network"},
    {HEAD "  s: {a|gt: x}\n  condition: s\n", 4, "expected a number"},
    {HEAD "  s: {a|gt: .inf}\n  condition: s\n", 4, "expected a number"},
    {HEAD "  s: {a|hour: 1.5}\n  condition: s\n", 4, "expected a number"},
    {HEAD "  s: {a: []}\n  condition: s\n", 4, "list of values is empty"},
    {HEAD "  s: {a: {b: c}}\n  condition: s\n", 4, "a map stands where a value"},
    {HEAD "  s: {a: b, a: c}\n  condition: s\n", 4, "twice in one map"},
    {"title: T\ndetection: {s: {a: b}, condition: s}\n", 1, "no 'logsource'"},
    {"title: T\nlogsource: {}\ndetection: {s: {a: b}, condition: s}\n", 2, "names no product"},
    {"action: global\ntitle: T\n", 1, "'action' documents"},
    {"title: T\nlevel: bad\n", 2, "'level' is 'bad'"},
    {"---\n---\n", 1, "the file is empty"},
    {"- a\n", 1, "is a list; expected a map"},
    {"", 1, "the file is empty"},
};

static void faults_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        struct engine *engine = load(FAULTS[i].yaml, NULL);
        const struct engine_rule *rule = engine_rule(engine, 0);
        if (rule->state != ENGINE_RULE_REJECTED || rule->line != FAULTS[i].line
            || strstr(rule->reason, FAULTS[i].reason) == NULL)
            fail_msg("case %zu: state %d, line %u, \"%s\"", i, rule->state, rule->line,
                     rule->reason);
        engine_free(engine);
    }
}

static void long_conditions_are_refused(void **state)
{
    (void)state;
    char yaml[10000] = HEAD "  s: {a: b}\n  condition: s";
    while (strlen(yaml) < sizeof yaml - 10)
        string_copy(yaml + strlen(yaml), 10, " or s");
    struct engine *engine = load(yaml, NULL);
    assert_non_null(strstr(engine_rule(engine, 0)->reason, "LIMIT_CONDITION_BYTES"));
    engine_free(engine);
}

/* Longer than what the memory of log sources holds. */
static void long_words_of_sources_are_no_others(void **state)
{
    (void)state;
    check("s: {a: b}", "s", "\"a\": \"b\", \"product\": \"" LONG "\"", true);
    check("s: {a: b}", "s", "\"a\": \"b\", \"service\": \"" LONG "\"", true);
    struct engine *engine = load(HEAD "  s: {a: b}\n  condition: s\n", NULL);
    assert_false(json_matches(engine, "{\"category\": \"" LONG "\", \"a\": \"b\"}"));
    engine_free(engine);
}

static void what_may_be_of_any_source_is_for_keywords(void **state)
{
    (void)state;
    struct engine *engine = load(HEAD "  s: [needle]\n  condition: s\n---\n"
                                 HEAD "  s: {message: needle}\n  condition: s\n", NULL);
    struct engine_event *event = engine_event_new(engine);
    unsigned matches = 0;
    engine_event_begin(event);
    assert_ok(engine_event_add_source(event, "*", "*", "*"));
    assert_ok(engine_event_add(event, "message", "needle", 6));
    engine_eval(engine, event, count_match, NULL, &matches);
    assert_int_equal(matches, 1);
    engine_event_free(event);
    engine_free(engine);
}

static void sources_are_subsets(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        const char *event;
        bool expected;
    } CASES[] = {
        {"{product: linux}", "{\"product\": \"linux\", \"category\": \"c\", \"a\": 1}", true},
        {"{product: linux, category: c}", "{\"product\": \"linux\", \"a\": 1}", false},
        {"{product: linux, service: x}", "{\"product\": \"linux\", \"service\": \"y\", \"a\": 1}",
         false},
        {"{category: c}", "{\"product\": \"any\", \"category\": \"c\", \"a\": 1}", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char yaml[512];
        string_format(yaml, sizeof yaml,
                 "title: T\nlogsource: %s\ndetection: {s: {a: 1}, condition: s}\n",
                 CASES[i].source);
        struct engine *engine = load(yaml, NULL);
        if (json_matches(engine, CASES[i].event) != CASES[i].expected)
            fail_msg("case %zu", i);
        engine_free(engine);
    }
}

static void rules_for_other_sources_are_inactive(void **state)
{
    (void)state;
    struct engine_options options = {0};
    options.sources = engine_native_sources(&options.source_count);
    struct engine *engine = load(
        "title: A\nlogsource: {product: windows}\ndetection: {s: {a: 1}, condition: s}\n---\n"
        "title: B\nlogsource: {product: linux}\ndetection: {s: [word], condition: s}\n---\n"
        "title: C\nlogsource: {product: linux, category: process_creation}\n"
        "detection: {s: {Image: x}, condition: s}\n",
        &options);
    assert_int_equal(engine_rule_count(engine), 3);
    assert_int_equal(engine_rule(engine, 0)->state, ENGINE_RULE_INACTIVE);
    assert_non_null(strstr(engine_rule(engine, 0)->reason, "product 'windows'"));
    assert_int_equal(engine_rule(engine, 1)->state, ENGINE_RULE_INACTIVE);
    assert_int_equal(engine_rule(engine, 2)->state, ENGINE_RULE_LOADED);
    assert_int_equal(engine_count_state(engine, ENGINE_RULE_INACTIVE), 2);
    assert_memory_not_equal(engine_rule(engine, 0)->digest, engine_rule(engine, 1)->digest, 32);
    engine_free(engine);
}

static void native_events_answer_to_sigma_and_ecs_names(void **state)
{
    (void)state;
    struct engine *engine = load(
        "title: A\nlogsource: {product: linux, category: process_creation}\ndetection:\n"
        "  s: {Image|endswith: /id, process.command_line|contains: ' -u', UserId: 0}\n"
        "  condition: s\n",
        NULL);
    struct event native;
    event_init(&native, EVENT_process_start, 1, 2);
    event_set_text(&native, FIELD_process_executable, "/usr/bin/id", 11);
    event_set_text(&native, FIELD_process_arguments, "id -u", 5);
    event_set_number(&native, FIELD_user_id, 0);
    struct engine_event *event = engine_event_new(engine);
    unsigned matches = 0;
    engine_event_from_native(event, &native);
    engine_eval(engine, event, count_match, NULL, &matches);
    assert_int_equal(matches, 1);
    event_set_number(&native, FIELD_user_id, 7);
    engine_event_from_native(event, &native);
    engine_eval(engine, event, count_match, NULL, &matches);
    assert_int_equal(matches, 1);
    engine_event_free(event);
    assert_true(json_matches(engine,
                             "{\"event\": {\"category\": \"process\", \"action\": \"exec\"}, "
                             "\"process\": {\"executable\": \"/bin/id\", \"command_line\": "
                             "\"id -u\"}, \"user\": {\"id\": 0}}"));
    engine_free(engine);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "", "{", "[]", "1", "{\"a\": }", "{\"a\": 1,}", "{\"a\" 1}", "{\"a\": 1} x", "{\"a\": \"",
        "{\"a\": \"\\x\"}", "{\"a\": \"\\u12\"}", "{\"a\": 01}", "{\"a\": 1.}", "{\"a\": tru}",
        "{\"a\": \"\n\"}", "\x01\x02", "{\"a\": [1, 2}", "{a: 1}",
    };
    struct engine *engine = load(HEAD "  s: {a: b}\n  condition: s\n", NULL);
    struct engine_event *event = engine_event_new(engine);
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        struct explanation why = {.text = ""};
        if (engine_event_from_json(event, LINES[i], strlen(LINES[i]), &why).error != ERROR_FORMAT
            || why.text[0] == '\0')
            fail_msg("'%s' was taken", LINES[i]);
    }
    char deep[4096];
    memset(deep, '[', sizeof deep);
    assert_error(engine_event_from_json(event, deep, sizeof deep, NULL), ERROR_FORMAT);
    string_format(deep, 6, "{\"a\":");
    deep[5] = '[';
    assert_error(engine_event_from_json(event, deep, sizeof deep, NULL), ERROR_LIMIT);
    engine_event_free(event);
    engine_free(engine);
}

static void a_costly_rule_is_stopped_alone(void **state)
{
    (void)state;
    struct engine *engine = load(
        HEAD "  s: {a: '*?a?a?a?a?a?a?a?a?b*'}\n  n: {a: x}\n  condition: not n and s\n---\n"
        HEAD "  s: {a|startswith: aaa}\n  condition: s\n", NULL);
    enum { SIZE = 3 * MIB };
    char *line = malloc(SIZE);
    static const char START[] = "{\"category\": \"c\", \"a\": \"";
    memset(line, 'a', SIZE);
    for (size_t i = 0; i < sizeof START - 1; i++)
        line[i] = START[i];
    line[SIZE - 2] = '"';
    line[SIZE - 1] = '}';
    struct engine_event *event = engine_event_new(engine);
    unsigned matches = 0;
    assert_ok(engine_event_from_json(event, line, SIZE, NULL));
    struct engine_verdict verdict = engine_eval(engine, event, count_match, NULL, &matches);
    assert_true(verdict.is_incomplete);
    assert_int_equal(verdict.candidates, 2);
    assert_int_equal(matches, 1);
    engine_event_free(event);
    engine_free(engine);
    free(line);
}

/* A value of `size` bytes and others, for rules that spend their steps at every place. */
static struct engine_verdict judge_large(struct engine *engine, size_t size, unsigned *matches)
{
    static const char START[] = "{\"category\": \"c\", \"a\": [\"ac\", \"";
    static const char END[] = "\", \"ac\"], \"b\": \"aa\", \"c\": \"aa\"}";
    size_t line_size = sizeof START - 1 + size + sizeof END - 1;
    char *line = malloc(line_size);
    memset(line, 'a', line_size);
    bytes_copy(line, line_size, START, sizeof START - 1);
    bytes_copy(line + sizeof START - 1 + size, sizeof END - 1, END, sizeof END - 1);
    struct engine_event *event = engine_event_new(engine);
    assert_ok(engine_event_from_json(event, line, line_size, NULL));
    *matches = 0;
    struct engine_verdict verdict = engine_eval(engine, event, count_match, NULL, matches);
    engine_event_free(event);
    free(line);
    return verdict;
}

#define COSTLY "'*?a?a?a?a?a?a?a?a?b*'"
static void steps_end_wherever_a_rule_is(void **state)
{
    (void)state;
    static const char *const DETECTIONS[] = {
        "s: {a: " COSTLY "}", "s: [" COSTLY "]", "s: {a|re: 'a+b'}", "s: {a|fieldref: b}",
        "s: {a|contains: [aaaa, aaaaa, aaaaaa, aaaaaaa, aaaaaaaa]}",
    };
    unsigned matches;
    for (size_t i = 0; i < sizeof DETECTIONS / sizeof DETECTIONS[0]; i++) {
        char yaml[1024];
        string_format(yaml, sizeof yaml, HEAD "  %s\n  n: {x: y}\n  condition: s or n\n",
                      DETECTIONS[i]);
        struct engine *engine = load(yaml, NULL);
        struct engine_verdict verdict = judge_large(engine, 3 * MIB, &matches);
        if (!verdict.is_incomplete || matches > 0)
            fail_msg("%s: %u matches", DETECTIONS[i], matches);
        engine_free(engine);
    }
    /* The first part takes all steps but a few, the second what is left. */
    struct engine *engine = load(
        HEAD "  n: {a|cased|contains: zz}\n  k: [q1, q2, q3, q4, q5, q6, q7, q8, q9, r1, r2, r3, "
        "r4, r5, r6, r7, r8]\n  condition: not n and k\n---\n"
        HEAD "  n: {a|cased|contains: zz}\n  s: {b|contains: [aa, q2, q3, q4, q5]}\n"
        "  condition: not n and s\n", NULL);
    for (size_t left = 0; left < 16; left++) {
        (void)judge_large(engine, (LIMIT_RULE_STEPS - left) * 64, &matches);
        assert_true(matches <= 1);
    }
    engine_free(engine);
}

/* Rules that all spend what they may have: in the end the event has no steps left. */
static void steps_of_an_event_end(void **state)
{
    (void)state;
    enum { RULES = 2 * LIMIT_EVALUATION_STEPS / LIMIT_RULE_STEPS };
    static const char RULE[] = HEAD "  s: {a: " COSTLY "}\n  condition: s\n---\n";
    static const char CHEAP[] = HEAD "  s: {b: aa}\n  condition: s\n---\n";
    size_t size = sizeof CHEAP + RULES * sizeof RULE;
    char *yaml = calloc(1, size);
    string_copy(yaml, size, CHEAP);
    for (size_t i = 0; i < RULES; i++)
        string_copy(yaml + sizeof CHEAP - 1 + i * (sizeof RULE - 1), sizeof RULE, RULE);
    struct engine *engine = load(yaml, NULL);
    unsigned matches;
    struct engine_verdict verdict = judge_large(engine, 3 * MIB, &matches);
    assert_true(verdict.is_incomplete);
    assert_true(verdict.candidates < RULES);
    assert_int_equal(matches, 1);
    engine_free(engine);
    free(yaml);
}

static void scans_lose_no_match(void **state)
{
    (void)state;
    /* Texts whose cases differ in length, and expressions with parts that are optional. */
    static const struct {
        const char *detection;
        const char *fields;
    } CASES[] = {
        {"s: {a|contains: kelvin}", "\"a\": \"\u212aelvin\""},
        {"s: {a|contains: \xe2\xb1\xa5x}", "\"a\": \"\u023aX\""},
        {"s: {a|re: 'abc?d'}", "\"a\": \"abd\""},
        {"s: {a|re: 'ab\xc3\xa4?d'}", "\"a\": \"abd\""},
        {"s: {a|re: 'ab(cd)?e{0,1}f'}", "\"a\": \"abf\""},
        {"s: {a|re|i: 'mask'}", "\"a\": \"ma\u017fk\""},
        {"s: {a|re: 'ab|cd'}", "\"a\": \"xcd\""},
        {"s: {a|re: '[]ab]+\\x41'}", "\"a\": \"]A\""},
        {"s: {a|re: '(?:ab|c)\\.exe'}", "\"a\": \"c.exe\""},
        {"s: {a|endswith: '\\'}", "\"a\": \"c:\\\\\""},
        {"s: {a|endswith: 'b\\c d'}", "\"a\": \"A\\\\B\\\\C D\""},
        {"s: {a: '/x/'}", "\"a\": \"/X/\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        check(CASES[i].detection, "s", CASES[i].fields, true);
}

static void a_cpu_without_vectorscan_evaluates_every_rule(void **state)
{
    (void)state;
    struct engine_options options = {.is_without_scanner = true};
    struct engine *engine = load(HEAD "  s: {a|contains: word, b|endswith: /id}\n"
                                 "  condition: s\n---\n"
                                 HEAD "  s: {a|re: w.rd}\n  condition: s\n", &options);
    assert_int_equal(engine_rule(engine, 0)->state, ENGINE_RULE_LOADED);
    assert_int_equal(engine_rule(engine, 1)->state, ENGINE_RULE_REJECTED);
    assert_non_null(strstr(engine_rule(engine, 1)->reason, "need a CPU with SSSE3"));
    assert_true(json_matches(engine, "{\"category\": \"c\", \"a\": \"WORD\", \"b\": \"/id\"}"));
    assert_false(json_matches(engine, "{\"category\": \"c\", \"a\": \"x\", \"b\": \"/id\"}"));
    engine_free(engine);
}

static void too_little_memory_is_an_error(void **state)
{
    (void)state;
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    static const char RULE[] = HEAD "  s: {a: b}\n  condition: s\n";
    assert_ok(pack_writer_add(writer, "a", RULE, strlen(RULE)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    for (size_t limit = 1; limit < 3000; limit += 7) {
        struct engine_options options = {.memory_limit_bytes = limit};
        struct engine *engine;
        struct explanation why = {.text = ""};
        assert_error(engine_load(&options, pack, size, &engine, &why), ERROR_MEMORY);
        assert_non_null(strstr(why.text, "may have"));
    }
    struct engine *engine;
    assert_error(engine_load(NULL, pack, size - 1, &engine, NULL), ERROR_FORMAT);
    pack_writer_free(writer);
    free(pack);
}

static void rules_that_never_match_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        bool is_told;
    } CASES[] = {
        {"s and not s", true},          {"(s or t) and not (s or t)", false},
        {"t and (s and not s)", true},  {"t or (s and not s)", false},
        {"s and not t", false},         {"all of them and not 1 of s", true},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char yaml[512];
        string_format(yaml, sizeof yaml, HEAD "  s: {a: x}\n  t: {a: y}\n  condition: %s\n",
                      CASES[i].condition);
        struct engine *engine = load(yaml, NULL);
        bool is_told = strstr(engine_rule(engine, 0)->reason, "never match") != NULL;
        if (is_told != CASES[i].is_told)
            fail_msg("%s: %s", CASES[i].condition, engine_rule(engine, 0)->reason);
        engine_free(engine);
    }
}

static void events_are_built_value_by_value(void **state)
{
    (void)state;
    struct engine *engine = load(
        "title: A\nlogsource: {product: windows, category: c, service: s}\n"
        "detection: {x: {a|contains: needle, b: [one, two]}, condition: x}\n---\n"
        "title: B\nlogsource: {category: d}\ndetection: {x: {a|contains: needle}, condition: x}\n",
        NULL);
    struct engine_event *event = engine_event_new(engine);
    enum { SIZE = 300 * KIB };
    char *text = calloc(1, SIZE);
    memset(text, 'x', SIZE);
    for (unsigned round = 0; round < 2; round++) {
        unsigned matches = 0;
        engine_event_begin(event);
        assert_ok(engine_event_add_source(event, "windows", "c", "s"));
        assert_ok(engine_event_add(event, "a", "the Needle", 10));
        assert_ok(engine_event_add(event, "b", "TWO", 3));
        /* What grows must not lose what is there. */
        assert_ok(engine_event_add(event, "a", text, SIZE));
        for (unsigned i = 0; i < 500; i++)
            assert_ok(engine_event_add(event, "b", "zero", 4));
        assert_ok(engine_event_add_source(event, "", "d", ""));
        engine_event_set_time(event, 77);
        assert_int_equal(engine_event_time(event), 77);
        engine_eval(engine, event, count_match, NULL, &matches);
        assert_int_equal(matches, 2);
        struct bytes found;
        assert_true(engine_event_text(event, "a", &found));
        assert_int_equal(found.size, 10);
        assert_memory_equal(found.data, "the Needle", 10);
        assert_false(engine_event_text(event, "other", &found));
        engine_event_clear_sources(event);
        engine_eval(engine, event, count_match, NULL, &matches);
        assert_int_equal(matches, 2);
    }
    struct result full = RESULT_OK;
    for (unsigned i = 0; i < 2 * LIMIT_EVENT_VALUES && result_is_ok(full); i++)
        full = engine_event_add(event, "b", "", 0);
    assert_error(full, ERROR_LIMIT);
    assert_error(engine_event_add(event, "b", text, LIMIT_RECORD_LINE_BYTES + 1), ERROR_LIMIT);
    free(text);
    engine_event_free(event);
    engine_free(engine);
}

static void events_may_call_fields_otherwise(void **state)
{
    (void)state;
    static const struct engine_alias ALIASES[] = {
        {"win.data.*", "*"}, {"old.*", "new.*"}, {"EventNumber", "EventID"}, {"none", "unheard"}};
    static const char *const FIELDS[] = {"Channel"};
    struct engine_options options = {.aliases = ALIASES, .alias_count = 4, .fields = FIELDS,
                                     .field_count = 1};
    struct engine *engine = load(
        HEAD "  s: {Image: x, new.name: y, EventID: 7}\n  condition: s\n", &options);
#define OTHERS "\"old.name\": \"y\", \"EventNumber\": 7, \"category\": \"c\""
    assert_true(json_matches(engine, "{\"win\": {\"data\": {\"Image\": \"x\"}}, " OTHERS "}"));
    assert_false(json_matches(engine, "{\"win\": {\"dat\": {\"Image\": \"x\"}}, " OTHERS "}"));
    struct engine_event *event = engine_event_new(engine);
    struct bytes found;
    engine_event_begin(event);
    assert_ok(engine_event_add(event, "win.data.Channel", "Security", 8));
    assert_true(engine_event_text(event, "Channel", &found));
    assert_int_equal(found.size, 8);
    engine_event_free(event);
    engine_free(engine);
}

static void a_fault_in_an_alias_is_told(void **state)
{
    (void)state;
    static const struct engine_alias ALIAS = {"win.*", "x"};
    struct engine_options options = {.aliases = &ALIAS, .alias_count = 1};
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    struct engine *engine;
    struct explanation why = {.text = ""};
    assert_ok(pack_writer_finish(writer, &pack, &size));
    assert_error(engine_load(&options, pack, size, &engine, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "'win.*' stands for 'x'"));
    pack_writer_free(writer);
    free(pack);
}

static void a_rule_can_be_switched_off(void **state)
{
    (void)state;
    struct engine *engine = load(HEAD "  s: {a: x}\n  condition: s\n---\n"
                                 HEAD "  s: {a: [x, y]}\n  condition: s\n", NULL);
    static const char EVENT[] = "{\"category\": \"c\", \"a\": \"x\"}";
    uint8_t unknown[32] = {0};
    assert_int_equal(engine_rule_disable(engine, unknown, true), 0);
    assert_int_equal(engine_rule_disable(engine, engine_rule(engine, 0)->digest, true), 1);
    assert_true(engine_rule(engine, 0)->is_disabled);
    assert_false(engine_rule(engine, 1)->is_disabled);
    struct engine_event *event = engine_event_new(engine);
    unsigned matches = 0;
    assert_ok(engine_event_from_json(event, EVENT, strlen(EVENT), NULL));
    engine_eval(engine, event, count_match, NULL, &matches);
    assert_int_equal(matches, 1);
    assert_int_equal(engine_rule_disable(engine, engine_rule(engine, 0)->digest, false), 1);
    engine_eval(engine, event, count_match, NULL, &matches);
    assert_int_equal(matches, 3);
    engine_event_free(event);
    engine_free(engine);
}

static uint64_t fake_ns;
static uint64_t fake_clock(void) { return fake_ns += 7; }

static void spend(void *context, size_t rule)
{
    (void)context;
    (void)rule;
    fake_ns += 1000000; /* the sink's time is nobody's cost */
}

static void costs_are_measured_by_rule(void **state)
{
    (void)state;
    struct engine *engine = load(HEAD "  s: {a: x}\n  condition: s\n---\n"
                                 HEAD "  s: {b: y}\n  condition: s\n", NULL);
    struct engine_event *event = engine_event_new(engine);
    static const char EVENT[] = "{\"category\": \"c\", \"a\": \"x\"}";
    assert_ok(engine_event_from_json(event, EVENT, strlen(EVENT), NULL));
    assert_int_equal(engine_measured(engine).events, 0);
    assert_ok(engine_measure(engine, 4, fake_clock));
    for (size_t i = 0; i < 10; i++)
        engine_eval(engine, event, spend, NULL, NULL);
    struct engine_measured measured = engine_measured(engine);
    assert_int_equal(measured.events, 10);
    assert_int_equal(measured.measured, 3); /* the first, the fifth, the ninth */
    assert_int_equal(measured.ns, 0);       /* the clock's own time is taken off */
    assert_int_equal(engine_account(engine, 0).matches, 10);
    assert_int_equal(engine_account(engine, 0).evaluations, 3);
    assert_int_equal(engine_account(engine, 1).matches, 0);
    assert_int_equal(engine_account(engine, 1).evaluations, 0);
    engine_event_free(event);
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_match_as_specified),
        cmocka_unit_test(conditions_bind_as_specified),
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(long_conditions_are_refused),
        cmocka_unit_test(long_words_of_sources_are_no_others),
        cmocka_unit_test(what_may_be_of_any_source_is_for_keywords),
        cmocka_unit_test(sources_are_subsets),
        cmocka_unit_test(rules_for_other_sources_are_inactive),
        cmocka_unit_test(native_events_answer_to_sigma_and_ecs_names),
        cmocka_unit_test(what_is_no_object_is_refused),
        cmocka_unit_test(a_costly_rule_is_stopped_alone),
        cmocka_unit_test(steps_end_wherever_a_rule_is),
        cmocka_unit_test(steps_of_an_event_end),
        cmocka_unit_test(scans_lose_no_match),
        cmocka_unit_test(a_cpu_without_vectorscan_evaluates_every_rule),
        cmocka_unit_test(too_little_memory_is_an_error),
        cmocka_unit_test(rules_that_never_match_are_told),
        cmocka_unit_test(events_are_built_value_by_value),
        cmocka_unit_test(events_may_call_fields_otherwise),
        cmocka_unit_test(a_fault_in_an_alias_is_told),
        cmocka_unit_test(a_rule_can_be_switched_off),
        cmocka_unit_test(costs_are_measured_by_rule),
    };
    return unit_run("engine", tests);
}
