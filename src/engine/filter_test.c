// SPDX-License-Identifier: Apache-2.0
/* Filters and placeholders: what documents of a pack say about rules of other files. */
#include "engine/engine.h"

#include "base/bytes.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

struct file {
    const char *name;
    const char *text;
};

static struct engine *load(const struct file *files, size_t count,
                           const struct engine_options *options)
{
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    struct engine *engine = NULL;
    struct explanation why = {.text = ""};
    for (size_t i = 0; i < count; i++)
        assert_ok(pack_writer_add(writer, files[i].name, files[i].text, strlen(files[i].text)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    pack_writer_free(writer);
    if (!result_is_ok(engine_load(options, pack, size, &engine, &why)))
        fail_msg("load failed: %s", why.text);
    free(pack);
    return engine;
}

static void note(void *context, size_t rule)
{
    (void)rule;
    ++*(unsigned *)context;
}

static unsigned count_matches(struct engine *engine, const char *json)
{
    struct engine_event *event = engine_event_new(engine);
    unsigned matches = 0;
    assert_ok(engine_event_from_json(event, json, strlen(json), NULL));
    engine_eval(engine, event, note, NULL, &matches);
    engine_event_free(event);
    return matches;
}

#define RULE(id, category) \
    "title: Rule " id "\nid: id-" id "\nname: name-" id "\nlogsource: {product: p, category: " \
    category "}\ndetection: {selection: {a: x}, condition: selection}\n"
#define FILTER(source, rules, condition) \
    "title: Exception\nid: f\nlogsource: {" source "}\nfilter:\n    rules: " rules "\n" \
    "    selection: {user|startswith: adm_}\n    other: {user: root}\n" \
    "    condition: " condition "\n"
#define ADMIN "{\"product\": \"p\", \"category\": \"c\", \"a\": \"x\", \"user\": \"adm_joe\"}"
#define JOE "{\"product\": \"p\", \"category\": \"c\", \"a\": \"x\", \"user\": \"joe\"}"

/* How many of two rules of category c match ADMIN, and JOE, with a filter from another file. */
static void check(const char *filter, unsigned admin, unsigned joe, const char *reason)
{
    /* Read before the rules as well as after them. */
    for (unsigned i = 0; i < 2; i++) {
        struct file files[] = {{"m1", RULE("1", "c")}, {"m2", RULE("2", "c")},
                               {i == 0 ? "a" : "z", filter}};
        struct engine *engine = load(files, 3, NULL);
        const struct engine_rule *row = engine_rule(engine, i == 0 ? 0 : 2);
        assert_int_equal(row->kind, ENGINE_KIND_FILTER);
        if (count_matches(engine, ADMIN) != admin || count_matches(engine, JOE) != joe
            || strstr(row->reason, reason) == NULL
            || (reason[0] == '\0' && row->reason[0] != '\0'))
            fail_msg("%s\nadmin %u, joe %u, %s", filter, count_matches(engine, ADMIN),
                     count_matches(engine, JOE), row->reason);
        engine_free(engine);
    }
}

static void filters_take_away(void **state)
{
    (void)state;
    check(FILTER("product: p, category: c", "[id-1]", "not selection"), 1, 2, "");
    check(FILTER("product: p, category: c", "[name-2, id-1]", "not selection"), 0, 2, "");
    check(FILTER("product: p", "any", "not 1 of *"), 0, 2, "");
    check(FILTER("category: c", "id-1", "not (selection or other)"), 1, 2, "");
    check(FILTER("category: c", "[id-1]", "selection"), 2, 1, "an exception says 'not'");
    check(FILTER("category: d", "any", "not selection"), 2, 2, "none of the rules");
    check(FILTER("product: p, service: s", "any", "not selection"), 2, 2, "none of the rules");
    check(FILTER("category: c", "[id-3]", "not selection"), 2, 2, "none of the rules");
}

static void a_faulty_filter_costs_itself_only(void **state)
{
    (void)state;
    check(FILTER("category: c", "[]", "not selection"), 2, 2, "has no 'rules'");
    check(FILTER("category: c", "[{}]", "not selection"), 2, 2, "expected an id");
    check(FILTER("category: c", "any", "not select"), 2, 2, "condition names 'select'");
    check(FILTER("", "any", "not selection"), 2, 2, "names no product");
    check("title: E\nlogsource: {category: c}\nfilter: {rules: any, s: {a|re: '(?=x)'}, "
          "condition: not s}\n", 2, 2, "linear time");
    check("title: E\nlogsource: {category: c}\nfilter: x\n", 2, 2, "expected a map");
    struct file files[] = {{"a", "---\n" RULE("1", "c") "---\n" FILTER("category: c", "any", "(")}};
    struct engine *engine = load(files, 1, NULL);
    assert_int_equal(engine_rule(engine, 1)->line, 15);
    assert_int_equal(engine_rule(engine, 1)->state, ENGINE_RULE_REJECTED);
    engine_free(engine);
    struct file indented[] = {{"a", "  title: E\n  logsource: {category: c}\n"
                                    "  filter: {rules: any, s: {a: x}, condition: not s}\n"}};
    engine = load(indented, 1, NULL);
    assert_non_null(strstr(engine_rule(engine, 0)->reason, "start of a line"));
    engine_free(engine);
}

#define EXPAND(value) \
    "title: T\nlogsource: {category: c}\ndetection: {s: {a|" value "}, condition: s}\n"

static void placeholders_stand_for_values(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"eve", "mallory"};
    const char *names[] = {NAMES[0], NAMES[1]};
    struct engine_placeholder option = {"names", names, 2};
    struct engine_options options = {.placeholders = &option, .placeholder_count = 1};
    static const struct {
        const char *rule;
        const char *value;
        unsigned expected;
    } CASES[] = {
        {EXPAND("expand: '%servers%'"), "srv7", 1},
        {EXPAND("expand: '%servers%'"), "DB1", 1},
        {EXPAND("expand: '%servers%'"), "web", 0},
        {EXPAND("expand: '%names%'"), "Mallory", 1},
        {EXPAND("contains|expand: '%names%@%servers%.org'"), "xx eve@db1.org", 1},
        {EXPAND("contains|expand: '%names%@%servers%.org'"), "xx eve@eve.org", 0},
        {EXPAND("expand: ['%names%', '%servers%', z]"), "z", 1},
        {EXPAND("contains|all|expand: ['%names%', '%servers%']"), "eve at db1", 1},
        {EXPAND("contains|all|expand: ['%names%', '%servers%']"), "eve at home", 0},
        {EXPAND("expand: '\\%plain%names%'"), "%plaineve", 1},
        {EXPAND("expand: '100% of it'"), "100% of it", 1},
        {EXPAND("expand: 7"), "7", 1},
        {EXPAND("cidr|expand: '%nets%'"), "10.1.2.3", 1},
        {"title: T\nlogsource: {category: c}\ndetection: {s: {a: '%names%'}, condition: s}\n",
         "%names%", 1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct file files[] = {{"a", CASES[i].rule},
                               {"b", "placeholders:\n    servers: ['srv*', 'db?']\n"
                                     "    nets: 10.0.0.0/8\n"}};
        char json[256];
        struct engine *engine = load(files, 2, &options);
        string_format(json, sizeof json, "{\"category\": \"c\", \"a\": \"%s\"}", CASES[i].value);
        if (engine_rule(engine, 0)->state != ENGINE_RULE_LOADED
            || count_matches(engine, json) != CASES[i].expected)
            fail_msg("%s of %s: %s", CASES[i].rule, CASES[i].value,
                     engine_rule(engine, 0)->reason);
        engine_free(engine);
    }
}

static void faults_of_placeholders_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
    } CASES[] = {
        {EXPAND("expand: '%nobody%'"), "unresolved placeholder '%nobody%'"},
        {EXPAND("expand: '%a%%a%%a%%a%%a%%a%%a%%a%%a%'"), "more than 8 placeholders"},
        {EXPAND("expand: '%a%%a%%a%%a%%a%%a%%a%%a%'"), "LIMIT_RULE_VALUES"},
        {"placeholders: [x]\n", "expected a map"},
        {"placeholders: {x: [[]]}\n", "is a list"},
        {"placeholders: {x: []}\n", "has no values"},
        {"  placeholders: {x: y}\n", "start of a line"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct file files[] = {{"a", CASES[i].text}, {"b", "placeholders: {a: [1, 2, 3, 4]}\n"}};
        struct engine *engine = load(files, 2, NULL);
        const struct engine_rule *rule = engine_rule(engine, 0);
        if (rule->state != ENGINE_RULE_REJECTED || strstr(rule->reason, CASES[i].reason) == NULL)
            fail_msg("%s: %s", CASES[i].text, rule->reason);
        engine_free(engine);
    }
}

static void a_file_says_what_events_call_fields(void **state)
{
    (void)state;
    struct file files[] = {
        {"a", EXPAND("contains: x")},
        {"b", "field-names:\n    win.data.*: '*'\n    Alpha: a\n    unheard: of\n---\n"
              "field-names: {win.*: a}\n---\nfield-names: [a]\n---\nfield-names: {b: [c]}\n"}};
    struct engine *engine = load(files, 2, NULL);
    assert_int_equal(engine_rule(engine, 1)->kind, ENGINE_KIND_FIELD_NAMES);
    assert_int_equal(engine_rule(engine, 1)->state, ENGINE_RULE_LOADED);
    for (size_t i = 2; i < 5; i++)
        assert_int_equal(engine_rule(engine, i)->state, ENGINE_RULE_REJECTED);
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"Alpha\": \"axb\"}"), 1);
    assert_int_equal(
        count_matches(engine, "{\"category\": \"c\", \"win\": {\"data\": {\"a\": \"x\"}}}"), 1);
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"beta\": \"axb\"}"), 0);
    engine_free(engine);
}

#define FOREIGN(path, more) \
    {path, "title: Foreign\nid: " path "\nname: " path "\nlogsource: {category: c}\n" more \
           "detection: {selection: {exe: x}, condition: selection}\n"}
static void a_mapping_renames_the_fields_of_its_folder(void **state)
{
    (void)state;
    struct file files[] = {
        FOREIGN("a/deep/rule", ""), FOREIGN("b/rule", ""), FOREIGN("rule", ""),
        {"a/reference", "title: Reference\nlogsource: {category: c}\n"
                        "detection: {selection: {exe|fieldref: cmd}, condition: selection}\n"},
        {"a/many", "title: Many\nlogsource: {category: c}\ncorrelation: {type: value_count, rules: "
                   "[a/deep/rule], group-by: [usr], timespan: 1h, condition: {gte: 2, field: cmd}, "
                   "generate: true}\n"},
        {"a/map", "name: Ours\npriority: 10\ntransformations:\n  - {id: one, type: "
                  "field_name_mapping, mapping: {exe: Other}, rule_conditions: "
                  "[{type: logsource, category: d}]}\n  - {type: field_name_mapping, "
                  "mapping: {exe: Image, cmd: Line, usr: User}}\n"}};
    struct engine *engine = load(files, sizeof files / sizeof files[0], NULL);
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        const struct engine_rule *row = engine_rule(engine, i);
        if (row->state != ENGINE_RULE_LOADED)
            fail_msg("%s: %s", row->file, row->reason);
    }
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"Image\": \"x\"}"), 1);
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"exe\": \"x\"}"), 2);
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"Other\": \"x\"}"), 0);
    /* The rule and the one with a reference; then the correlation too. */
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"Image\": \"x\", \"User\": "
                                           "\"u\", \"Line\": \"x\"}"), 2);
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"Image\": \"x\", \"User\": "
                                           "\"u\", \"Line\": \"y\"}"), 2);
    engine_free(engine);
}

static void faults_of_mappings_are_told(void **state)
{
    (void)state;
#define STEP(rest) "transformations: [{type: field_name_mapping, " rest "}]\n"
    static const struct {
        const char *text;
        const char *reason;
    } CASES[] = {
        {"transformations: {}\n", "is a map"},
        {"transformations: [{type: drop_detection_item}]\n", "'drop_detection_item'"},
        {"transformations: [x]\n", "is of the type ''"},
        {"vars: {}\ntransformations: []\n", "'vars'"},
        {STEP("mapping: {a: [b, c]}"), "a list"},
        {STEP("mapping: {a: b|contains}"), "expected one name"},
        {STEP("mapping: []"), "no 'mapping'"},
        {STEP("mapping: {a: b}, field_name_conditions: []"), "field_name_conditions"},
        {STEP("mapping: {a: b}, rule_conditions: [{type: tag, tag: x}]"), "logsource"},
        {STEP("mapping: {a: b}, rule_conditions: [{type: logsource, colour: x}]"), "colour"},
        {"  transformations: []\n", "start of a line"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct file files[] = {{"a", CASES[i].text}};
        struct engine *engine = load(files, 1, NULL);
        const struct engine_rule *rule = engine_rule(engine, 0);
        if (rule->state != ENGINE_RULE_REJECTED || strstr(rule->reason, CASES[i].reason) == NULL)
            fail_msg("%s: %s", CASES[i].text, rule->reason);
        engine_free(engine);
    }
}

static void too_many_mappings_are_none(void **state)
{
    (void)state;
    static char text[65 * 64] = "transformations:\n";
    for (size_t i = 0; i < 64; i++)
        string_format(text + strlen(text), sizeof text - strlen(text),
                      "- {type: field_name_mapping, mapping: {exe: m%zu}}\n", i);
    struct file files[] = {{"a", text}, {"b", STEP("mapping: {exe: more}")},
                           FOREIGN("rule", "")};
    struct engine *engine = load(files, 3, NULL);
    assert_non_null(strstr(engine_rule(engine, 0)->reason, "none of them"));
    assert_non_null(strstr(engine_rule(engine, 1)->reason, "none of them"));
    assert_int_equal(count_matches(engine, "{\"category\": \"c\", \"exe\": \"x\"}"), 1);
    engine_free(engine);
    engine = load(files, 1, NULL);
    assert_string_equal(engine_rule(engine, 0)->reason, "");
    engine_free(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_take_away),
        cmocka_unit_test(a_faulty_filter_costs_itself_only),
        cmocka_unit_test(placeholders_stand_for_values),
        cmocka_unit_test(faults_of_placeholders_are_told),
        cmocka_unit_test(a_file_says_what_events_call_fields),
        cmocka_unit_test(a_mapping_renames_the_fields_of_its_folder),
        cmocka_unit_test(faults_of_mappings_are_told),
        cmocka_unit_test(too_many_mappings_are_none),
    };
    return unit_run("engine-filter", tests);
}
