// SPDX-License-Identifier: Apache-2.0
#include "base/reader.h"

#include "tests/unit.h"

static void reads_back_what_was_written(void **state)
{
    (void)state;
    uint8_t buffer[64];
    struct writer writer = writer_of(buffer, sizeof buffer);
    assert_ok(writer_u8(&writer, 0xAB));
    assert_ok(writer_u16(&writer, 0xBEEF));
    assert_ok(writer_u32(&writer, 0xDEADBEEF));
    assert_ok(writer_u64(&writer, UINT64_C(0x0123456789ABCDEF)));
    assert_ok(writer_sized(&writer, "falcon", 6));

    struct reader reader = reader_of(buffer, writer.at);
    uint8_t byte;
    uint16_t half;
    uint32_t word;
    uint64_t number;
    struct bytes text;
    assert_ok(reader_u8(&reader, &byte));
    assert_ok(reader_u16(&reader, &half));
    assert_ok(reader_u32(&reader, &word));
    assert_ok(reader_u64(&reader, &number));
    assert_ok(reader_sized(&reader, 6, &text));
    assert_int_equal(byte, 0xAB);
    assert_int_equal(half, 0xBEEF);
    assert_int_equal(word, 0xDEADBEEF);
    assert_true(number == UINT64_C(0x0123456789ABCDEF));
    assert_int_equal(text.size, 6);
    assert_memory_equal(text.data, "falcon", 6);
    assert_ok(reader_end(&reader));
}

static void every_truncation_is_refused_and_moves_nothing(void **state)
{
    (void)state;
    const uint8_t buffer[12] = {8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct bytes text;
    for (size_t size = 0; size < sizeof buffer; size++) {
        struct reader reader = reader_of(buffer, size);
        assert_error(reader_sized(&reader, 64, &text), ERROR_FORMAT);
        assert_int_equal(reader.at, 0);
    }
    struct reader reader = reader_of(buffer, sizeof buffer);
    assert_ok(reader_sized(&reader, 64, &text));
}

static void lengths_over_the_limit_are_refused(void **state)
{
    (void)state;
    const uint8_t buffer[8] = {4, 0, 0, 0, 1, 2, 3, 4};
    struct bytes text;
    struct reader reader = reader_of(buffer, sizeof buffer);
    assert_error(reader_sized(&reader, 3, &text), ERROR_LIMIT);
    const uint8_t huge[8] = {0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4};
    reader = reader_of(huge, sizeof huge);
    assert_error(reader_sized(&reader, SIZE_MAX, &text), ERROR_FORMAT);
}

static void bytes_left_over_are_an_error(void **state)
{
    (void)state;
    struct reader reader = reader_of("ab", 2);
    uint8_t byte;
    assert_ok(reader_u8(&reader, &byte));
    assert_error(reader_end(&reader), ERROR_FORMAT);
}

static void a_full_writer_writes_nothing(void **state)
{
    (void)state;
    uint8_t buffer[5];
    struct writer writer = writer_of(buffer, sizeof buffer);
    assert_error(writer_sized(&writer, "ab", 2), ERROR_LIMIT);
    assert_int_equal(writer.at, 0);
    assert_ok(writer_sized(&writer, "a", 1));
    assert_error(writer_u8(&writer, 1), ERROR_LIMIT);
}

static void nothing_has_no_room(void **state)
{
    (void)state;
    struct reader reader = reader_of(NULL, 5);
    struct writer writer = writer_of(NULL, 5);
    uint8_t byte;
    assert_error(reader_u8(&reader, &byte), ERROR_FORMAT);
    assert_error(writer_u8(&writer, 1), ERROR_LIMIT);
    assert_error(writer_sized(&writer, "", (size_t)UINT32_MAX + 1), ERROR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_was_written),
        cmocka_unit_test(every_truncation_is_refused_and_moves_nothing),
        cmocka_unit_test(lengths_over_the_limit_are_refused),
        cmocka_unit_test(bytes_left_over_are_an_error),
        cmocka_unit_test(a_full_writer_writes_nothing),
        cmocka_unit_test(nothing_has_no_room),
    };
    return unit_run("base/reader", tests);
}
