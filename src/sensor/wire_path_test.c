// SPDX-License-Identifier: Apache-2.0
#include "sensor/wire_path.h"

#include "tests/unit.h"

#include <string.h>

#define BYTES(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void joins(struct bytes components, struct bytes name, const char *expected)
{
    char out[64];
    size_t length = 0;
    assert_ok(wire_path_join(components, name, out, sizeof(out), &length));
    assert_string_equal(out, expected);
    assert_int_equal(length, strlen(expected));
}

static void test_join(void **state)
{
    (void)state;
    joins(BYTES(""), BYTES(""), "/");
    joins(BYTES("passwd\0etc\0"), BYTES(""), "/etc/passwd");
    joins(BYTES("etc\0"), BYTES("passwd"), "/etc/passwd");
    joins(BYTES(""), BYTES("/tmp//a/./b/"), "/tmp/a/b");
    joins(BYTES("b\0a\0"), BYTES("../../../c"), "/c");
    joins(BYTES("b\0a\0"), BYTES(".."), "/a");
    joins(BYTES("a\0"), BYTES("..."), "/a/...");
    joins(BYTES("memfd:a/b\0"), BYTES(""), "/memfd:a/b");
}

static void test_refuses(void **state)
{
    (void)state;
    char out[8];
    size_t length = 0;
    assert_error(wire_path_join(BYTES("etc"), BYTES(""), out, sizeof(out), &length), ERROR_FORMAT);
    assert_error(wire_path_join(BYTES("a\0\0"), BYTES(""), out, sizeof(out), &length),
                 ERROR_FORMAT);
    assert_ok(wire_path_join(BYTES("a\0"), BYTES("bcde"), out, sizeof(out), &length));
    assert_string_equal(out, "/a/bcde");
    assert_error(wire_path_join(BYTES("a\0"), BYTES("bcdef"), out, sizeof(out), &length),
                 ERROR_LIMIT);
    assert_string_equal(out, "/a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_refuses),
    };
    return unit_run("wire_path", tests);
}
