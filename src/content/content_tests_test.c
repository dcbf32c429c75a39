// SPDX-License-Identifier: Apache-2.0
#include "content/content_tests.h"

#include "base/bytes.h"
#include "content/bundle_join.h"
#include "content/bundle_sources.h"
#include "content/content_settings.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

#define MANIFEST(kind)                                                                    \
    "name: example\nkind: " kind "\nversion: 3\nschema: 1\nengine_level: 1\nsteps: 1000\n" \
    "steps_per_rule: 500\nmemory_mib: 8\n"
#define HEAD(title) "title: " title "\nlogsource:\n    category: process_creation\n"
#define RULE_TEXT \
    HEAD("A") "detection:\n    x:\n        Image|endswith: /evil\n    condition: x\n"
#define GOOD_TEXT "{\"match\": true, \"event\": {\"Image\": \"/bin/evil\"}}\n"

static const char RULE[] = RULE_TEXT;
static const char GOOD[] = GOOD_TEXT;
static const char OTHER_RULE[] =
    HEAD("B") "detection:\n    x:\n        Image: /b\n    condition: x\n";

enum { SAID_MAX = 64 };

struct said {
    size_t count;
    char rows[SAID_MAX][512]; /* "check file:line reason" */
};

struct fixture {
    uint8_t *data;
    size_t size;
    struct bundle bundle;
    struct engine *engine;
    struct said said;
};

static void say(void *context, const struct content_finding *finding)
{
    struct said *said = context;
    assert_true(said->count < SAID_MAX);
    (void)string_format(said->rows[said->count++], sizeof said->rows[0], "%s %.*s:%u %s",
                        finding->check, (int)finding->file.size,
                        (const char *)finding->file.data, (unsigned)finding->line,
                        finding->reason);
}

/* `files` are names and contents by turns, ended by NULL. */
static struct fixture *open_bundle(const char *kind, const char *const *files)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct bundle_sources *sources = calloc(1, sizeof *sources);
    struct explanation why = {""};
    char manifest[512];
    assert_non_null(fixture);
    assert_non_null(sources);
    (void)string_format(manifest, sizeof manifest, MANIFEST("%s"), kind);
    assert_ok(bundle_sources_add(sources, BUNDLE_MANIFEST_FILE, strdup(manifest),
                                 strlen(manifest)));
    for (; files[0] != NULL; files += 2)
        assert_ok(bundle_sources_add(sources, files[0], strdup(files[1]), strlen(files[1])));
    if (!result_is_ok(bundle_build(sources, &fixture->data, &fixture->size, &why)))
        fail_msg("%s", why.text);
    bundle_sources_free(sources);
    assert_ok(bundle_open(fixture->data, fixture->size, &fixture->bundle, NULL));
    return fixture;
}

static struct fixture *open_rules(const char *const *files)
{
    struct fixture *fixture = open_bundle("rules", files);
    struct bytes pack = fixture->bundle.sections[BUNDLE_DETECTIONS];
    assert_ok(engine_load(NULL, pack.data, pack.size, &fixture->engine, NULL));
    return fixture;
}

static void close_bundle(struct fixture *fixture)
{
    engine_free(fixture->engine);
    free(fixture->data);
    free(fixture);
}

static struct content_check check_of(struct fixture *fixture)
{
    return (struct content_check){.engine = fixture->engine, .bundle = &fixture->bundle,
                                  .prefix = "", .say = say, .context = &fixture->said};
}

/* What content_check_tests() says of the files, in any order: each of `expected` once, no more. */
static void expect(const char *const *files, const char *const *expected)
{
    struct fixture *fixture = open_rules(files);
    struct content_check check = check_of(fixture);
    struct content_test_counts counts;
    assert_ok(content_check_tests(&check, &counts, NULL));
    size_t count = 0;
    for (; expected[count] != NULL; count++) {
        bool is_said = false;
        for (size_t i = 0; i < fixture->said.count; i++)
            is_said = is_said || strstr(fixture->said.rows[i], expected[count]) != NULL;
        if (!is_said)
            fail_msg("\"%s\" was not said; the first thing said is \"%s\"", expected[count],
                     fixture->said.rows[0]);
    }
    if (fixture->said.count != count)
        fail_msg("%zu findings, the last is \"%s\"", fixture->said.count,
                 fixture->said.count > 0 ? fixture->said.rows[fixture->said.count - 1] : "");
    assert_int_equal(counts.findings, count);
    close_bundle(fixture);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

static void test_tests(void **state)
{
    (void)state;
    static const char BOTH[] =
        GOOD_TEXT "\n{\"match\": false, \"event\": {\"Image\": \"/bin/good\"}}";
    static const char BAD[] = GOOD_TEXT "{\"match\": true, \"event\": {\"Image\": \"/bin/good\"}}\n"
                                   "{\"match\": false, \"event\": {\"Image\": \"/evil\"}}\n"
                                   "{\"match\": false}\n{\n{\"match\": 1, \"event\": {}}\n";
    static const char OTHER[] = GOOD_TEXT "{\"match\": false, \"event\": {\"category\": "
                                     "\"file_event\", \"Image\": \"/bin/evil\"}}\n";
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", BOTH), NONE);
    expect(LIST("rules/a.yml", RULE), LIST("tests rules/a.yml:0 there are no tests"));
    expect(LIST("rules/a.yaml", RULE, "rules/a.tests.jsonl",
                "{\"match\": false, \"event\": {\"Image\": \"/bin/good\"}}"),
           LIST("rules/a.yaml:0 not one of its tests expects a match"));
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", BAD),
           LIST("rules/a.tests.jsonl:2 the rule does not match",
                "rules/a.tests.jsonl:3 the rule matches",
                "rules/a.tests.jsonl:4 expected", "rules/a.tests.jsonl:5 ",
                "rules/a.tests.jsonl:6 expected"));
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", GOOD, "rules/b.tests.jsonl", GOOD),
           LIST("rules/b.tests.jsonl:0 there is no rule"));
    /* Another rule's match is not this one's. */
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", GOOD, "rules/b.yml",
                OTHER_RULE, "rules/b.tests.jsonl", GOOD),
           LIST("rules/b.tests.jsonl:1 the rule does not match"));
    /* An event may say its own log source. */
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", OTHER), NONE);
}

static void test_places(void **state)
{
    (void)state;
    expect(LIST("rules/a.yml", "title: [\n"), LIST("load rules/a.yml:", "tests rules/a.yml:0"));
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", GOOD, "exceptions/b.yml", RULE),
           LIST("load exceptions/b.yml:1 a document of this kind"));
    expect(LIST("rules/a.yml", RULE, "rules/a.tests.jsonl", GOOD, "ioc/b.yml", RULE),
           LIST("load ioc/b.yml:1 a document of this kind"));
}

#define COUNTING_TEXT \
    HEAD("A") "name: base\ndetection:\n    x:\n        Image|endswith: /evil\n    condition: x\n" \
              "---\ntitle: C\ncorrelation:\n    type: event_count\n    rules: [base]\n"     \
              "    group-by: [User]\n    timespan: 1m\n    condition:\n        gte: 2\n"
static const char COUNTING[] = COUNTING_TEXT;

#define E(time) \
    "{\"Image\": \"/evil\", \"User\": \"u\", \"@timestamp\": \"2026-01-01T00:00:" time "Z\"}"
#define TOO_FAR "{\"Image\": \"/evil\", \"User\": \"u\", \"@timestamp\": \"2026-01-01T00:05:00Z\"}"

/* Each test begins with nothing remembered, and times count within it. */
static void test_correlations(void **state)
{
    (void)state;
    static const char LINES[] = "{\"match\": false, \"events\": [" E("01") "]}\n"
                                "{\"match\": false, \"event\": " E("02") "}\n"
                                "{\"match\": true, \"events\": [" E("01") ", " E("30") "]}\n"
                                "{\"match\": false, \"event\": " E("31") "}\n"
                                "{\"match\": false, \"events\": [" E("01") "]}\n"
                                "{\"match\": false, \"events\": [" E("01") "," TOO_FAR "]}\n";
    expect(LIST("rules/a.yml", COUNTING, "rules/a.tests.jsonl", LINES), NONE);
}

static void test_prefix(void **state)
{
    (void)state;
    struct fixture *fixture = open_bundle("rules", LIST("rules/a.yml", RULE,
                                                        "rules/a.tests.jsonl", GOOD));
    struct bundle_pack packs[] = {{"one/", fixture->bundle.sections[BUNDLE_DETECTIONS]},
                                  {"two/", fixture->bundle.sections[BUNDLE_DETECTIONS]}};
    size_t size;
    assert_ok(bundle_join_size(packs, 2, &size, NULL));
    uint8_t *joined = malloc(size);
    assert_ok(bundle_join(packs, 2, joined, size, &size, NULL));
    assert_ok(engine_load(NULL, joined, size, &fixture->engine, NULL));
    struct content_check check = check_of(fixture);
    struct content_test_counts counts;
    check.prefix = "two/";
    assert_ok(content_check_tests(&check, &counts, NULL));
    assert_int_equal(counts.findings, 0);
    assert_int_equal(counts.positive, 1);
    check.prefix = "three/";
    assert_ok(content_check_tests(&check, &counts, NULL));
    assert_string_equal(fixture->said.rows[0], "tests rules/a.yml:0 there is no rule in the file");
    free(joined);
    close_bundle(fixture);
}

/* On a host, rules for other log sources are not tested: they are not evaluated either. */
static void test_inactive(void **state)
{
    (void)state;
    static const char WINDOWS[] =
        "title: W\nlogsource:\n    product: windows\ndetection:\n    x:\n"
        "        Image: a\n    condition: x\n";
    struct fixture *fixture = open_bundle("rules", LIST("rules/a.yml", WINDOWS));
    struct bytes pack = fixture->bundle.sections[BUNDLE_DETECTIONS];
    struct engine_options options = {0};
    options.sources = engine_native_sources(&options.source_count);
    assert_ok(engine_load(&options, pack.data, pack.size, &fixture->engine, NULL));
    struct content_check check = check_of(fixture);
    struct content_test_counts counts;
    assert_ok(content_check_tests(&check, &counts, NULL));
    assert_int_equal(counts.findings, 0);
    assert_int_equal(counts.inactive, 1);
    close_bundle(fixture);
}

static size_t fill(const char *detection, const char *tests, struct said *ret_said)
{
    char rule[2048];
    (void)string_format(rule, sizeof rule, HEAD("A") "detection:\n%s", detection);
    struct fixture *fixture = open_rules(LIST("rules/a.yml", rule, "rules/a.tests.jsonl", tests));
    struct content_check check = check_of(fixture);
    struct content_field_counts first, second;
    assert_int_equal(engine_count_state(fixture->engine, ENGINE_RULE_LOADED), 1);
    assert_ok(content_check_fields(&check, 1, &first, NULL));
    *ret_said = fixture->said;
    assert_ok(content_check_fields(&check, 1, &second, NULL));
    assert_int_equal(first.events, second.events);
    assert_int_equal(first.findings, second.findings);
    assert_true(first.events > 20);
    close_bundle(fixture);
    return (size_t)first.findings;
}

static void test_fields(void **state)
{
    (void)state;
    struct said said;
    assert_int_equal(fill("    x:\n        Image|endswith: /evil\n    condition: x\n", GOOD, &said),
                     0);
    /* null-field: a rule that is true of everything that is not known */
    assert_int_equal(fill("    x:\n        Image: /good\n    condition: not x\n", GOOD, &said), 2);
    assert_non_null(strstr(said.rows[0], "every field absent"));
    assert_non_null(strstr(said.rows[1], "every field blank"));
    assert_int_equal(fill("    x:\n        User: null\n    condition: x\n",
                          "{\"match\": true, \"event\": {\"Image\": \"/a\"}}", &said),
                     1);
}

static void test_settings(void **state)
{
    (void)state;
    struct explanation why = {""};
    struct probe_set probes;
    struct fixture *fixture =
        open_bundle("probes", LIST("probes/a.yml", "probes: [exec, exit]\n"));
    assert_ok(content_probes_read(&fixture->bundle, &probes, &why));
    assert_int_equal(probes.words[0], 1 | 4);
    assert_int_equal(probes.words[1], 0);
    close_bundle(fixture);
    fixture = open_bundle("probes", LIST("probes/a.yml", "probes:\n    - exec\n    - magic\n"));
    assert_error(content_probes_read(&fixture->bundle, &probes, &why), ERROR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "probes/a.yml:3: "));
    close_bundle(fixture);
    fixture = open_bundle("probes", LIST("probes/a.yml", "probes: []\n"));
    assert_error(content_probes_read(&fixture->bundle, &probes, &why), ERROR_FORMAT);
    close_bundle(fixture);

    static const char NAMED[] = "id: 0a0a0a0a-0000-4000-8000-000000000001\n" RULE_TEXT;
    struct fixture *rules = open_rules(LIST("rules/a.yml", NAMED));
    size_t off, unknown;
    static const char OFF[] = "disabled: [0a0a0a0a-0000-4000-8000-000000000001, other]\n";
    fixture = open_bundle("policy", LIST("policy/a.yml", OFF));
    assert_ok(content_policy_apply(&fixture->bundle, rules->engine, NULL, &off, &unknown, &why));
    assert_int_equal(off, 1);
    assert_int_equal(unknown, 1);
    assert_true(engine_rule(rules->engine, 0)->is_disabled);
    assert_error(content_policy_apply(&rules->bundle, rules->engine, NULL, &off, &unknown, &why),
                 ERROR_STATE);
    close_bundle(rules);
    close_bundle(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tests),       cmocka_unit_test(test_places),
        cmocka_unit_test(test_correlations), cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_inactive),    cmocka_unit_test(test_fields),
        cmocka_unit_test(test_settings),
    };
    return unit_run("content_tests", tests);
}
