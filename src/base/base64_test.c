// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include "tests/unit.h"

#include <string.h>

static struct bytes text_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* RFC 4648, Section 10. */
static void the_examples_of_the_rfc_hold_both_ways(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char encoded[16];
        uint8_t decoded[16];
        size_t size;
        base64_encode((const uint8_t *)CASES[i][0], strlen(CASES[i][0]), encoded);
        assert_string_equal(encoded, CASES[i][1]);
        assert_ok(base64_decode(text_of(CASES[i][1]), decoded, sizeof decoded, &size));
        assert_int_equal(size, strlen(CASES[i][0]));
        assert_memory_equal(decoded, CASES[i][0], size);
    }
}

static void every_byte_value_survives(void **state)
{
    (void)state;
    uint8_t all[256], decoded[256];
    char encoded[BASE64_TEXT_BYTES(sizeof all) + 1];
    size_t size;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    base64_encode(all, sizeof all, encoded);
    assert_int_equal(strlen(encoded), BASE64_TEXT_BYTES(sizeof all));
    assert_ok(base64_decode(text_of(encoded), decoded, sizeof decoded, &size));
    assert_memory_equal(all, decoded, sizeof all);
}

static void what_has_another_text_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "Zg",   "Zg=",   "Zg===", "=",    "====", "Zh==",     "Zm9=", "Zg==Zg==",
        "Zm9v\n", "Zm 9", "Zm-v",  "Zm_v", "Z===", "Zg==\n\n\n\n", "=Zm9", "Zm=v",
    };
    uint8_t decoded[64];
    size_t size;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_error(base64_decode(text_of(BAD[i]), decoded, sizeof decoded, &size),
                     ERROR_FORMAT);
    assert_error(base64_decode(text_of("Zm9v"), decoded, 2, &size), ERROR_LIMIT);
    assert_ok(base64_decode_loosely(text_of("Zh=="), decoded, sizeof decoded, &size));
    assert_int_equal(size, 1);
    assert_int_equal(decoded[0], 'f');
    assert_error(base64_decode_loosely(text_of("Z==="), decoded, sizeof decoded, &size),
                 ERROR_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_hold_both_ways),
        cmocka_unit_test(every_byte_value_survives),
        cmocka_unit_test(what_has_another_text_is_refused),
    };
    return unit_run("base64", tests);
}
