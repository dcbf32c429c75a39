// SPDX-License-Identifier: Apache-2.0
#include "content/bundle.h"

#include "base/bytes.h"
#include "content/bundle_join.h"
#include "content/bundle_sources.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

#define MANIFEST(kind)                                                                   \
    "name: example\nkind: " kind "\nversion: 3\nschema: 1\nengine_level: 1\nsteps: 100\n" \
    "steps_per_rule: 50\nmemory_mib: 8\nignore: [README.md]\n"
#define RULE                                                                                \
    "title: A\nlogsource:\n    product: linux\ndetection:\n    x:\n        Image: /a\n" \
    "    condition: x\n"

static void add(struct bundle_sources *sources, const char *name, const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;
    assert_ok(bundle_sources_add(sources, name, copy, text != NULL ? strlen(text) : 0));
}

static struct bundle_sources *sources_new(const char *manifest)
{
    struct bundle_sources *sources = calloc(1, sizeof *sources);
    assert_non_null(sources);
    add(sources, BUNDLE_MANIFEST_FILE, manifest);
    return sources;
}

static RESULT build(struct bundle_sources *sources, uint8_t **data, size_t *size,
                    struct explanation *why)
{
    struct result result = bundle_build(sources, data, size, why);
    bundle_sources_free(sources);
    return result;
}

static void example(uint8_t **data, size_t *size)
{
    struct bundle_sources *sources = sources_new(MANIFEST("rules"));
    add(sources, "rules/b.yml", RULE);
    add(sources, "README.md", NULL);
    add(sources, "rules/a.tests.jsonl", "{\"match\": true, \"event\": {}}\n");
    add(sources, "exceptions/a.yml", "title: E\n");
    add(sources, "rules/a.yml", RULE);
    assert_ok(build(sources, data, size, NULL));
}

static void test_round(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    struct bundle bundle;
    example(&data, &size);
    assert_ok(bundle_open(data, size, &bundle, NULL));
    assert_string_equal(bundle.facts.name, "example");
    assert_int_equal(bundle.facts.kind, BUNDLE_RULES);
    assert_int_equal(bundle.facts.version, 3);
    assert_int_equal(bundle.facts.cost.memory_bytes, 8 * MIB);
    assert_int_equal(bundle.file_counts[BUNDLE_DETECTIONS], 3);
    assert_int_equal(bundle.file_counts[BUNDLE_TESTS], 1);
    struct pack_reader files = bundle_files(&bundle, BUNDLE_DETECTIONS);
    struct pack_file file;
    static const char *const NAMES[] = {"exceptions/a.yml", "rules/a.yml", "rules/b.yml"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(pack_reader_next(&files, &file));
        assert_memory_equal(file.name.data, NAMES[i], file.name.size);
    }
    assert_error(pack_reader_next(&files, &file), ERROR_NOT_FOUND);
    files = bundle_files(&bundle, BUNDLE_SETTINGS);
    assert_error(pack_reader_next(&files, &file), ERROR_NOT_FOUND);
    free(data);
}

/* The engine's pack is a view: what hosts load is what was hashed. */
static void test_engine_loads_the_view(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    struct bundle bundle;
    struct engine *engine;
    struct explanation why = {""};
    example(&data, &size);
    assert_ok(bundle_open(data, size, &bundle, NULL));
    struct bytes pack = bundle.sections[BUNDLE_DETECTIONS];
    assert_true(pack.data > data && pack.data + pack.size <= data + size);
    assert_ok(engine_load(NULL, pack.data, pack.size, &engine, &why));
    assert_int_equal(engine_count_state(engine, ENGINE_RULE_LOADED), 2);
    assert_ok(bundle_check_cost(&bundle, engine, &why));
    struct bundle lies = bundle;
    lies.facts.cost.steps = engine_cost(engine).steps - 1;
    assert_error(bundle_check_cost(&lies, engine, &why), ERROR_LIMIT);
    lies = bundle;
    lies.facts.cost.steps_per_rule = engine_cost(engine).steps_max - 1;
    assert_error(bundle_check_cost(&lies, engine, &why), ERROR_LIMIT);
    lies = bundle;
    lies.facts.cost.memory_bytes = engine_cost(engine).memory_bytes - 1;
    assert_error(bundle_check_cost(&lies, engine, &why), ERROR_LIMIT);
    engine_free(engine);
    free(data);
}

static void test_order_of_sources_is_nothing(void **state)
{
    (void)state;
    uint8_t *data[2];
    size_t sizes[2];
    example(&data[0], &sizes[0]);
    struct bundle_sources *sources = calloc(1, sizeof *sources);
    assert_non_null(sources);
    add(sources, "rules/a.yml", RULE);
    add(sources, "exceptions/a.yml", "title: E\n");
    add(sources, "rules/a.tests.jsonl", "{\"match\": true, \"event\": {}}\n");
    add(sources, "rules/b.yml", RULE);
    add(sources, BUNDLE_MANIFEST_FILE, MANIFEST("rules"));
    assert_ok(build(sources, &data[1], &sizes[1], NULL));
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(data[0], data[1], sizes[0]);
    free(data[0]);
    free(data[1]);
}

static void test_every_length(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    struct bundle bundle;
    example(&data, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct explanation why = {""};
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        bytes_copy(copy, cut + 1, data, cut);
        assert_false(result_is_ok(bundle_open(copy, cut, &bundle, &why)));
        assert_true(*why.text != '\0');
        free(copy);
    }
    free(data);
}

/* What in the head may be otherwise and still be a bundle: lower levels and other words. */
static bool is_free(size_t at)
{
    return (at >= 12 && at < 32) || (at >= 40 && at < 84) || (at >= 88 && at < 96)
           || at >= BUNDLE_HEAD_BYTES;
}

/* Each byte is either refused or part of a text, which the reader cannot judge. */
static void test_every_byte(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    example(&data, &size);
    for (size_t at = 0; at < size; at++) {
        for (unsigned turn = 1; turn < 256; turn *= 2) {
            struct bundle bundle;
            struct pack_file file;
            struct explanation why = {""};
            data[at] ^= (uint8_t)turn;
            bool is_refused = !result_is_ok(bundle_open(data, size, &bundle, &why));
            if (!is_refused && !is_free(at))
                fail_msg("byte %zu of the head may be changed by %#x", at, turn);
            assert_true(!is_refused || *why.text != '\0');
            for (unsigned i = 0; !is_refused && i < BUNDLE_SECTION_COUNT; i++) {
                struct pack_reader files = bundle_files(&bundle, (enum bundle_section)i);
                while (result_is_ok(pack_reader_next(&files, &file)))
                    assert_true(bundle_path_is_valid(file.name));
            }
            data[at] ^= (uint8_t)turn;
        }
    }
    free(data);
}

static void test_bad_sources(void **state)
{
    (void)state;
    static const struct {
        const char *manifest;
        const char *file;
        const char *said;
    } CASES[] = {
        {MANIFEST("rules"), NULL, "nothing in it"},
        {MANIFEST("rules"), "policy/a.yml", "no place in a bundle of kind rules"},
        {MANIFEST("policy"), "rules/a.yml", "no place in a bundle of kind policy"},
        {MANIFEST("ioc"), "exceptions/a.yml", "no place"},
        {MANIFEST("exceptions"), "exceptions/a.tests.jsonl", "no place"},
        {MANIFEST("rules"), "rules/a.txt", "no place"},
        {MANIFEST("rules"), "rules/a:b.yml", "names of files"},
        {MANIFEST("rules"), "rules/../a.yml", "names of files"},
        {"kind: rules\n", "rules/a.yml", "\"name\" is missing"},
        {"name: a\nkind: rule\n", "rules/a.yml", "content.yaml:2: kind must be"},
        {"name: A\n", "rules/a.yml", "content.yaml:1: name must be"},
        {"name: a\ncolour: red\n", "rules/a.yml", "content.yaml:2: colour"},
        {"name: a\nversion: 0\n", "rules/a.yml", "content.yaml:2: version"},
        {"name: a\nversion: -1\n", "rules/a.yml", "content.yaml:2: version"},
        {"name: a\nschema: 2\n", "rules/a.yml", "content.yaml:2: schema"},
        {"name: a\nengine_level: 2\n", "rules/a.yml", "content.yaml:2: engine_level"},
        {"name: a\nsteps_per_rule: 20001\n", "rules/a.yml", "content.yaml:2: steps_per_rule"},
        {"name: a\nname: b\n", "rules/a.yml", "content.yaml:2"},
        {"- a\n", "rules/a.yml", "content.yaml:1"},
        {"", "rules/a.yml", "content.yaml:1"},
        {"name: [\n", "rules/a.yml", "content.yaml:"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint8_t *data = NULL;
        size_t size;
        struct explanation why = {""};
        struct bundle_sources *sources = sources_new(CASES[i].manifest);
        if (CASES[i].file != NULL)
            add(sources, CASES[i].file, RULE);
        if (result_is_ok(build(sources, &data, &size, &why)))
            fail_msg("case %zu was built", i);
        if (strstr(why.text, CASES[i].said) == NULL)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, why.text, CASES[i].said);
    }
    uint8_t *data;
    size_t size;
    struct explanation why;
    struct bundle_sources *sources = sources_new(MANIFEST("rules"));
    add(sources, "rules/a.yml", RULE);
    add(sources, "notes", NULL);
    assert_error(build(sources, &data, &size, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "notes has no place"));
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"a", "rules/a b.yml", "a/b/c+d_e-f.1", "-/_"};
    static const char *const BAD[] = {"", "/a", "a/", "a//b", ".a", "a/.b", "..", "a/../b", " a",
                                      "a/ b", "a\\b", "a:b", "\xc3\xa4", "a\nb", "\033[1m"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_true(bundle_path_is_valid((struct bytes){(const uint8_t *)GOOD[i],
                                                        strlen(GOOD[i])}));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(bundle_path_is_valid((struct bytes){(const uint8_t *)BAD[i],
                                                         strlen(BAD[i])}));
    assert_false(bundle_path_is_valid((struct bytes){(const uint8_t *)"a\0b", 3}));
}

/* What a newer publisher sends says so, and is no damage. */
static void test_newer(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    struct bundle bundle;
    struct explanation why;
    example(&data, &size);
    static const struct {
        size_t at;
        uint8_t value;
        const char *said;
    } CASES[] = {{8, 200, "of kind 200"}, {12, 2, "event schema 2"}, {16, 2, "engine level 2"},
                 {20, 7, "target 7"}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint8_t kept = data[CASES[i].at];
        data[CASES[i].at] = CASES[i].value;
        assert_error(bundle_open(data, size, &bundle, &why), ERROR_UNSUPPORTED);
        assert_non_null(strstr(why.text, CASES[i].said));
        data[CASES[i].at] = kept;
    }
    free(data);
}

static struct bytes small_pack(const char *const *names, uint8_t **data)
{
    struct pack_writer *pack = pack_writer_new();
    size_t size;
    assert_non_null(pack);
    for (; *names != NULL; names++)
        assert_ok(pack_writer_add(pack, *names, RULE, sizeof RULE - 1));
    assert_ok(pack_writer_finish(pack, data, &size));
    pack_writer_free(pack);
    return (struct bytes){*data, size};
}

static void test_join(void **state)
{
    (void)state;
    uint8_t *first, *second;
    struct bundle_pack packs[] = {
        {"b/", small_pack((const char *const[]){"x.yml", "z.yml", NULL}, &first)},
        {"", small_pack((const char *const[]){"/etc/l.yml", "b/y.yml", NULL}, &second)},
        {"empty/", {NULL, 0}},
    };
    size_t size, used;
    struct explanation why;
    assert_ok(bundle_join_size(packs, 3, &size, NULL));
    uint8_t *out = malloc(size);
    assert_non_null(out);
    assert_ok(bundle_join(packs, 3, out, size, &used, NULL));
    assert_int_equal(used, size);
    static const char *const NAMES[] = {"/etc/l.yml", "b/x.yml", "b/y.yml", "b/z.yml"};
    struct pack_reader files;
    struct pack_file file;
    assert_ok(pack_reader_open(out, used, &files));
    for (size_t i = 0; i < 4; i++) {
        assert_ok(pack_reader_next(&files, &file));
        assert_int_equal(file.name.size, strlen(NAMES[i]));
        assert_memory_equal(file.name.data, NAMES[i], file.name.size);
    }
    assert_error(pack_reader_next(&files, &file), ERROR_NOT_FOUND);
    for (size_t capacity = 0; capacity < size; capacity++)
        assert_error(bundle_join(packs, 3, out, capacity, &used, &why), ERROR_LIMIT);
    packs[2] = packs[0];
    assert_error(bundle_join(packs, 3, out, size, &used, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "b/x.yml"));
    packs[2] = (struct bundle_pack){"c/", {first, 20}};
    assert_error(bundle_join(packs, 3, out, size, &used, &why), ERROR_FORMAT);
    free(out);
    free(first);
    free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_engine_loads_the_view),
        cmocka_unit_test(test_order_of_sources_is_nothing),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_join),
    };
    return unit_run("bundle", tests);
}
