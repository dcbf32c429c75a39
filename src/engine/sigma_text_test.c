// SPDX-License-Identifier: Apache-2.0
#include "engine/sigma_text.h"

#include "tests/unit.h"

#include <string.h>

/* Units as a text: '*' and '?' for wildcards, '~' for the dash, plain ones in '<>'. */
static void show(const struct sigma_text *text, char *out)
{
    size_t at = 0;
    for (size_t i = 0; i < text->count; i++) {
        uint16_t unit = text->units[i];
        bool is_marked = unit == '*' || unit == '?';
        if (is_marked)
            out[at++] = '<';
        out[at++] = unit == UNIT_ANY    ? '*'
                    : unit == UNIT_ONE  ? '?'
                    : unit == UNIT_DASH ? '~'
                                        : (char)unit;
        if (is_marked)
            out[at++] = '>';
    }
    out[at] = '\0';
}

static void escapes_are_those_of_the_specification(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"a*b?", "a*b?"},     {"a\\*b", "a<*>b"},   {"a\\b", "a\\b"},      {"a\\\\b", "a\\b"},
        {"a\\\\*", "a\\*"},   {"a\\\\\\*", "a\\<*>"}, {"a\\\\\\\\b", "a\\\\b"},
        {"a\\\\\\b", "a\\\\b"}, {"a\\", "a\\"},     {"\\?", "<?>"},        {"", ""},
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct sigma_text text;
        char shown[64];
        assert_true(sigma_text_parse(arena, CASES[i][0], strlen(CASES[i][0]), &text));
        show(&text, shown);
        assert_string_equal(shown, CASES[i][1]);
    }
    arena_free(arena);
}

static void dashes_begin_words(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"-a /b", "~a ~b"}, {"a-b", "a-b"}, {" - ", " - "}, {"--x", "-~x"},
        {"*-x", "*~x"},     {"/", "/"},     {"\xc3\xa4-x", "\xc3\xa4-x"},
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct sigma_text text;
        char shown[64];
        assert_true(sigma_text_parse(arena, CASES[i][0], strlen(CASES[i][0]), &text));
        sigma_text_windash(&text);
        show(&text, shown);
        assert_string_equal(shown, CASES[i][1]);
    }
    arena_free(arena);
}

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct sigma_text text;
        char shown[64];
        assert_true(sigma_text_plain(arena, CASES[i][0], strlen(CASES[i][0]), &text));
        assert_true(sigma_text_base64(arena, &text, 0, false, &text));
        show(&text, shown);
        assert_string_equal(shown, CASES[i][1]);
    }
    arena_free(arena);
}

static void utf16_has_both_orders(void **state)
{
    (void)state;
    static const uint16_t LITTLE[] = {0x61, 0x00, 0xE4, 0x00, 0x3D, 0xD8, 0x00, 0xDE, UNIT_ANY};
    static const uint16_t BIG[] = {0x00, 0x61, 0x00, 0xE4, 0xD8, 0x3D, 0xDE, 0x00, UNIT_ANY};
    static const char TEXT[] = "a\xc3\xa4\xf0\x9f\x98\x80*";
    struct arena *arena = arena_new(1 << 20);
    struct sigma_text text;
    assert_true(sigma_text_parse(arena, TEXT, sizeof TEXT - 1, &text));
    assert_true(sigma_text_encode(arena, &text, ENCODING_UTF16LE));
    assert_int_equal(text.count, sizeof LITTLE / sizeof LITTLE[0]);
    assert_memory_equal(text.units, LITTLE, sizeof LITTLE);
    assert_true(sigma_text_parse(arena, TEXT, sizeof TEXT - 1, &text));
    assert_true(sigma_text_encode(arena, &text, ENCODING_UTF16BE));
    assert_memory_equal(text.units, BIG, sizeof BIG);
    assert_true(sigma_text_parse(arena, "a", 1, &text));
    assert_true(sigma_text_encode(arena, &text, ENCODING_UTF16_BOM));
    assert_int_equal(text.count, 4);
    assert_int_equal(text.units[0], 0xFF);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_those_of_the_specification),
        cmocka_unit_test(dashes_begin_words),
        cmocka_unit_test(base64_is_that_of_rfc_4648),
        cmocka_unit_test(utf16_has_both_orders),
    };
    return unit_run("engine-sigma-text", tests);
}
