// SPDX-License-Identifier: Apache-2.0
#include "engine/fold.h"

#include "tests/unit.h"

#include <string.h>

static void texts_fold(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", ""},
        {"ABCxyz[@`{", "abcxyz[@`{"},
        {"A LONG LINE OF MORE THAN SIXTEEN BYTES Z", "a long line of more than sixteen bytes z"},
        {"0123456789abcdeF\xc3\x84X", "0123456789abcdef\xc3\xa4x"},
        {"\xce\xa9\xd0\x96", "\xcf\x89\xd0\xb6"},             /* Greek and Cyrillic */
        {"\xe2\x84\xaa", "k"},                                 /* the Kelvin sign shrinks */
        {"\xc8\xba", "\xe2\xb1\xa5"},                          /* and this one grows */
        {"\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"},              /* beyond 16 bits */
        {"A\xff\xc3Z\xe2\x84", "a\xff\xc3z\xe2\x84"},          /* not UTF-8: kept */
        {"\xc0\xaf\xed\xa0\x80", "\xc0\xaf\xed\xa0\x80"},      /* overlong, half of a pair */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint8_t out[128];
        const char *text = CASES[i][0];
        size_t size = fold_text((const uint8_t *)text, strlen(text), out);
        assert_true(size <= fold_capacity(strlen(text)));
        assert_int_equal(size, strlen(CASES[i][1]));
        assert_memory_equal(out, CASES[i][1], size);
    }
}

static void every_code_point_fits_its_room_and_folds_once(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        uint8_t text[4];
        uint8_t folded[16];
        uint8_t again[16];
        uint32_t decoded;
        size_t size = fold_encode(code, text);
        size_t length = fold_decode(text, size, &decoded);
        if (code >= 0xD800 && code < 0xE000) {
            assert_int_equal(length, 0);
            continue;
        }
        assert_int_equal(length, size);
        assert_int_equal(decoded, code);
        size_t folded_size = fold_text(text, size, folded);
        assert_true(folded_size <= size + size / 2);
        assert_int_equal(fold_text(folded, folded_size, again), folded_size);
        assert_memory_equal(folded, again, folded_size);
    }
}

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    static const char TEXT[] = "a\xff\xc3\xa4\xe2\x84z\xf5";
    uint8_t out[sizeof TEXT];
    assert_true(fold_sanitize((const uint8_t *)TEXT, sizeof TEXT - 1, out));
    assert_memory_equal(out, "a?\xc3\xa4??z?", sizeof TEXT - 1);
    assert_false(fold_sanitize((const uint8_t *)"\xc3\xa4z", 3, out));
    /* Longer than need be, and behind the last code point. */
    uint32_t code;
    assert_int_equal(fold_decode((const uint8_t *)"\xe0\x80\x80", 3, &code), 0);
    assert_int_equal(fold_decode((const uint8_t *)"\xf4\x90\x80\x80", 4, &code), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_fold),
        cmocka_unit_test(every_code_point_fits_its_room_and_folds_once),
        cmocka_unit_test(what_is_not_utf8_is_replaced),
    };
    return unit_run("engine-fold", tests);
}
