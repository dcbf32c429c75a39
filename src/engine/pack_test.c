// SPDX-License-Identifier: Apache-2.0
#include "engine/pack.h"

#include "base/limits.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static void example(uint8_t **ret_data, size_t *ret_size)
{
    struct pack_writer *writer = pack_writer_new();
    assert_non_null(writer);
    assert_ok(pack_writer_add(writer, "b.yml", "two", 3));
    assert_ok(pack_writer_add(writer, "a.yml", "one", 3));
    assert_ok(pack_writer_add(writer, "c.yml", "", 0));
    assert_error(pack_writer_add(writer, "a.yml", "again", 5), ERROR_STATE);
    assert_ok(pack_writer_finish(writer, ret_data, ret_size));
    pack_writer_free(writer);
}

static void files_come_back_sorted(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    example(&data, &size);
    struct pack_reader reader;
    struct pack_file file;
    assert_ok(pack_reader_open(data, size, &reader));
    static const char *const NAMES[] = {"a.yml", "b.yml", "c.yml"};
    static const char *const CONTENTS[] = {"one", "two", ""};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(pack_reader_next(&reader, &file));
        assert_int_equal(file.name.size, 5);
        assert_memory_equal(file.name.data, NAMES[i], 5);
        assert_int_equal(file.content.size, strlen(CONTENTS[i]));
        assert_memory_equal(file.content.data, CONTENTS[i], file.content.size);
    }
    assert_error(pack_reader_next(&reader, &file), ERROR_NOT_FOUND);
    free(data);
}

static struct result read_all(const uint8_t *data, size_t size)
{
    struct pack_reader reader;
    struct pack_file file;
    GUARD(pack_reader_open(data, size, &reader));
    struct result result;
    do {
        result = pack_reader_next(&reader, &file);
    } while (result_is_ok(result));
    return result;
}

static void truncated_and_longer_packs_are_refused(void **state)
{
    (void)state;
    uint8_t *data;
    size_t size;
    example(&data, &size);
    for (size_t kept = 0; kept < size; kept++) {
        uint8_t *copy = malloc(kept + 1);
        for (size_t i = 0; i < kept; i++)
            copy[i] = data[i];
        assert_error(read_all(copy, kept), ERROR_FORMAT);
        free(copy);
    }
    uint8_t *longer = calloc(1, size + 1);
    for (size_t i = 0; i < size; i++)
        longer[i] = data[i];
    assert_error(read_all(longer, size + 1), ERROR_FORMAT);
    free(longer);
    free(data);
}

static void unsorted_names_are_refused(void **state)
{
    (void)state;
    static const uint8_t DOUBLE[] = "CREPACK1\2\0\0\0\1\0\0\0a\0\0\0\0\1\0\0\0a\0\0\0";
    assert_error(read_all(DOUBLE, sizeof DOUBLE), ERROR_FORMAT);
    static const uint8_t SORTED[] = "CREPACK1\2\0\0\0\1\0\0\0a\0\0\0\0\1\0\0\0b\0\0\0";
    assert_error(read_all(SORTED, sizeof SORTED), ERROR_NOT_FOUND);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct pack_writer *writer = pack_writer_new();
    uint8_t *large = calloc(1, LIMIT_RULE_FILE_BYTES + 1);
    assert_error(pack_writer_add(writer, "a", large, LIMIT_RULE_FILE_BYTES + 1), ERROR_LIMIT);
    assert_ok(pack_writer_add(writer, "a", large, LIMIT_RULE_FILE_BYTES));
    free(large);
    pack_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_back_sorted),
        cmocka_unit_test(truncated_and_longer_packs_are_refused),
        cmocka_unit_test(unsorted_names_are_refused),
        cmocka_unit_test(limits_are_kept),
    };
    return unit_run("engine-pack", tests);
}
