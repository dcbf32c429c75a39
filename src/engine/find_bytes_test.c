// SPDX-License-Identifier: Apache-2.0
#include "engine/find_bytes.h"

#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

/* All texts of two letters, at every size around the width of a step, against memmem(). */
static void parts_are_found_where_memmem_finds_them(void **state)
{
    (void)state;
    uint64_t seed = 1;
    size_t found = 0;
    for (unsigned round = 0; round < 200000; round++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t size = (seed >> 33) % 70;
        size_t part_size = (seed >> 40) % 9;
        uint8_t *text = malloc(size + FIND_PADDING); /* exactly what may be read */
        uint8_t part[8];
        uint64_t bits = seed ^ seed >> 17;
        for (size_t i = 0; i < size + FIND_PADDING; i++)
            text[i] = "ab"[bits >> (i % 61) & 1];
        for (size_t i = 0; i < part_size; i++)
            part[i] = "ab"[seed >> (50 + i) & 1];
        const uint8_t *expected = part_size == 0 ? text : memmem(text, size, part, part_size);
        assert_ptr_equal(find_bytes(text, size, part, part_size), expected);
        found += expected != NULL;
        free(text);
    }
    assert_true(found > 1000 && found < 199000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_where_memmem_finds_them)};
    return unit_run("engine-find_bytes", tests);
}
