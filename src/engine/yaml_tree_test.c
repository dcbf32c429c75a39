// SPDX-License-Identifier: Apache-2.0
#include "engine/yaml_tree.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "engine/yaml_scalar.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* Reads the first document of `text`. */
static struct result read_text(const char *text, struct arena *arena,
                               struct yaml_document *document, struct yaml_fault *fault)
{
    struct yaml_reader *reader = yaml_reader_new(bytes_of(text));
    assert_non_null(reader);
    struct result result = yaml_next(reader, arena, document, fault);
    yaml_reader_free(reader);
    return result;
}

static void a_tree_has_lines_and_columns(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    struct yaml_document document;
    struct yaml_fault fault;
    assert_ok(read_text("a: 1\nb:\n  - x\n  - 'y'\n", arena, &document, &fault));
    const struct yaml_node *b = yaml_get(document.root, "b");
    assert_non_null(b);
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->key->line, 2);
    assert_string_equal(b->first->next->text, "y");
    assert_int_equal(b->first->next->line, 4);
    assert_int_equal(b->first->next->column, 5);
    assert_int_equal(yaml_get(document.root, "a")->kind, YAML_INTEGER);
    assert_null(yaml_get(document.root, "c"));
    arena_free(arena);
}

static void documents_are_read_one_by_one(void **state)
{
    (void)state;
    static const char TEXT[] = "# head\na: \xc3\xa4\n---\nb: 2\n...\n# between\n---\nc: 3";
    struct arena *arena = arena_new(MIB);
    struct yaml_reader *reader = yaml_reader_new(bytes_of(TEXT));
    struct yaml_document document;
    struct yaml_fault fault;
    assert_ok(yaml_next(reader, arena, &document, &fault));
    assert_non_null(yaml_get(document.root, "a"));
    assert_int_equal(document.text.size, strlen("# head\na: \xc3\xa4\n"));
    assert_ok(yaml_next(reader, arena, &document, &fault));
    assert_non_null(yaml_get(document.root, "b"));
    assert_int_equal(document.line, 3);
    assert_memory_equal(document.text.data, "---\nb: 2\n", 9);
    assert_ok(yaml_next(reader, arena, &document, &fault));
    assert_non_null(yaml_get(document.root, "c"));
    assert_ptr_equal(document.text.data + document.text.size, TEXT + strlen(TEXT));
    assert_error(yaml_next(reader, arena, &document, &fault), ERROR_NOT_FOUND);
    yaml_reader_free(reader);
    arena_free(arena);
}

static void plain_scalars_have_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum yaml_kind kind;
        const char *number;
    } CASES[] = {
        {"", YAML_NULL, ""},          {"~", YAML_NULL, ""},
        {"null", YAML_NULL, ""},      {"nULL", YAML_STRING, ""},
        {"yes", YAML_BOOL, "true"},   {"Off", YAML_BOOL, "false"},
        {"y", YAML_STRING, ""},       {"0", YAML_INTEGER, "0"},
        {"-17", YAML_INTEGER, "-17"}, {"+1_000", YAML_INTEGER, "1000"},
        {"0x1F", YAML_INTEGER, "31"}, {"010", YAML_INTEGER, "8"},
        {"0b101", YAML_INTEGER, "5"}, {"1:30", YAML_INTEGER, "90"},
        {"08", YAML_STRING, ""},      {"1:60", YAML_STRING, ""},
        {"1.5", YAML_FLOAT, ""},      {".5", YAML_FLOAT, ""},
        {"1e3", YAML_STRING, ""},     {"1.0e+3", YAML_FLOAT, ""},
        {"-.inf", YAML_FLOAT, ""},    {"1.2.3", YAML_STRING, ""},
        {"-", YAML_STRING, ""},       {".", YAML_STRING, ""},
        {"_1", YAML_STRING, ""},      {"0x", YAML_STRING, ""},
        {"18446744073709551616", YAML_INTEGER, ""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char number[YAML_NUMBER_BYTES];
        enum yaml_kind kind = yaml_resolve(CASES[i].text, strlen(CASES[i].text), number);
        if (kind != CASES[i].kind || strcmp(number, CASES[i].number) != 0)
            fail_msg("'%s' became %s '%s'", CASES[i].text, yaml_kind_name(kind), number);
    }
}

static void faults_have_a_place_and_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum error error;
        unsigned line;
        const char *reason;
    } CASES[] = {
        {"a: 1\nb: 2\na: 3\n", ERROR_FORMAT, 3,
         "key 'a' is there twice in one map (first in line 1)"},
        {"a: [1\nb: 2", ERROR_FORMAT, 2, "not valid YAML"},
        {"a: &x [1]\nb: *x\n", ERROR_FORMAT, 2, "repeats a list or a map"},
        {"a: &x\n  b: *x\n", ERROR_FORMAT, 2, "repeats a list or a map"},
        {"a: *x\n", ERROR_FORMAT, 1, "has no anchor"},
        {"a: \x80\n", ERROR_FORMAT, 1, "not YAML text"},
        {"a: \x01\n", ERROR_FORMAT, 1, "not YAML text"},
        {"[1, 2]: 3\n", ERROR_FORMAT, 1, "where a key is expected"},
        {"a: !!python/object:os.system {}\n", ERROR_FORMAT, 1, "is not one that rules may use"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct arena *arena = arena_new(MIB);
        struct yaml_document document;
        struct yaml_fault fault = {0};
        assert_error(read_text(CASES[i].text, arena, &document, &fault), CASES[i].error);
        if (fault.line != CASES[i].line || strstr(fault.why.text, CASES[i].reason) == NULL)
            fail_msg("case %zu: line %u, \"%s\"", i, fault.line, fault.why.text);
        arena_free(arena);
    }
}

static void an_alias_of_a_value_is_that_value(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    struct yaml_document document;
    struct yaml_fault fault;
    assert_ok(read_text("a: &x 0x10\nb: *x\n", arena, &document, &fault));
    assert_string_equal(yaml_get(document.root, "b")->text, "16");
    assert_int_equal(yaml_get(document.root, "b")->kind, YAML_INTEGER);
    arena_free(arena);
}

static void hostile_texts_meet_a_limit(void **state)
{
    (void)state;
    enum { SIZE = 512 * KIB };
    char *text = malloc(SIZE + 1);
    struct yaml_document document;
    struct yaml_fault fault = {0};
    struct arena *arena = arena_new(64 * MIB);
    memset(text, '[', SIZE);
    text[SIZE] = '\0';
    assert_error(read_text(text, arena, &document, &fault), ERROR_LIMIT);

    for (size_t i = 0; i < SIZE; i++)
        text[i] = i == 0 ? '[' : ",1"[i % 2];
    assert_error(read_text(text, arena, &document, &fault), ERROR_LIMIT);

    for (size_t i = 0; i + 16 < SIZE; i += 16)
        string_format(text + i, 17, "k%07zu: 12345\n", i);
    assert_error(read_text(text, arena, &document, &fault), ERROR_LIMIT);
    arena_free(arena);

    arena = arena_new(2 * KIB);
    assert_error(read_text(text, arena, &document, &fault), ERROR_MEMORY);
    arena_free(arena);
    free(text);
}

static void an_empty_file_has_no_document(void **state)
{
    (void)state;
    struct arena *arena = arena_new(MIB);
    struct yaml_document document;
    struct yaml_fault fault;
    assert_error(read_text("", arena, &document, &fault), ERROR_NOT_FOUND);
    assert_error(read_text("# only a remark\n", arena, &document, &fault), ERROR_NOT_FOUND);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_has_lines_and_columns),
        cmocka_unit_test(documents_are_read_one_by_one),
        cmocka_unit_test(plain_scalars_have_types),
        cmocka_unit_test(faults_have_a_place_and_a_reason),
        cmocka_unit_test(an_alias_of_a_value_is_that_value),
        cmocka_unit_test(hostile_texts_meet_a_limit),
        cmocka_unit_test(an_empty_file_has_no_document),
    };
    return unit_run("engine-yaml", tests);
}
