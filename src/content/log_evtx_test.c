// SPDX-License-Identifier: Apache-2.0
#include "content/log_evtx.h"

#include "base/bytes.h"
#include "content/fake_evtx.h"
#include "content/log_binary_value.h"
#include "tests/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A log of these bytes, opened. */
struct source {
    int fd;
    struct recording *recording;
    struct log_evtx *evtx; /* NULL: `end` says why it could not be opened */
    struct log_fields fields;
    struct log_entry entry;
    struct result end;
    struct explanation why;
};

static void open_source(const uint8_t *data, size_t size, struct source *source)
{
    *source = (struct source){.fd = memfd_create("log", MFD_CLOEXEC)};
    assert_true(source->fd >= 0);
    assert_int_equal(write(source->fd, data, size), size);
    assert_int_equal(lseek(source->fd, 0, SEEK_SET), 0);
    assert_ok(log_fields_init(&source->fields));
    assert_ok(recording_open(source->fd, "test", &source->recording, NULL));
    source->end = log_evtx_new(source->recording, "test", &source->evtx, &source->why);
}

static bool next(struct source *source)
{
    log_fields_reset(&source->fields);
    if (result_is_ok(source->end))
        source->end = log_evtx_next(source->evtx, &source->fields, &source->entry, &source->why);
    return result_is_ok(source->end);
}

static void close_source(struct source *source)
{
    log_fields_free(&source->fields);
    log_evtx_free(source->evtx);
    recording_close(source->recording);
    close(source->fd);
}

/* What a log gave. */
struct reading {
    unsigned good;
    unsigned unreadable;
    struct result end;
    struct explanation why;
};

static struct reading read_log(const uint8_t *data, size_t size)
{
    struct source source;
    struct reading reading = {.good = 0};
    open_source(data, size, &source);
    while (next(&source)) {
        reading.good += !source.entry.is_unreadable;
        reading.unreadable += source.entry.is_unreadable;
    }
    reading.end = source.end;
    reading.why = source.why;
    close_source(&source);
    return reading;
}

static void expect_field(const struct log_fields *fields, const char *name, const char *expected)
{
    const struct bytes *value = log_fields_find(fields, name);
    if (value == NULL || !bytes_equal_text(*value, expected))
        fail_msg("%s: '%.*s', expected '%s'", name, value == NULL ? 0 : (int)value->size,
                 value == NULL ? "" : (const char *)value->data, expected);
}

/* One record whose elements hold a value of `type`, as text; NULL: it cannot be read. */
static void expect_text(uint8_t type, const void *data, size_t size, const char *expected)
{
    struct fake_evtx log;
    struct source source;
    struct fake_value value = {type, data, (uint16_t)size};
    fake_evtx_create(&log);
    fake_evtx_add(&log, (const struct fake_value[2]){value, value});
    fake_evtx_finish(&log);
    open_source(log.data, FAKE_EVTX_BYTES, &source);
    assert_true(next(&source));
    assert_int_equal(source.entry.is_unreadable, expected == NULL);
    if (expected != NULL) {
        expect_field(&source.fields, "First", expected);
        expect_field(&source.fields, "Data", expected);
        expect_field(&source.fields, "Provider_Name", "Test");
        expect_field(&source.fields, "EventID", "7");
        expect_field(&source.fields, "Channel", "Test/Log");
    }
    close_source(&source);
    fake_evtx_free(&log);
}

#define EXPECT_TEXT(type, bytes, expected) expect_text(type, bytes, sizeof(bytes) - 1, expected)

static void each_type_becomes_the_text_that_windows_writes(void **state)
{
    (void)state;
    EXPECT_TEXT(BINARY_NULL, "", "");
    EXPECT_TEXT(BINARY_STRING, "a\0\xe4\0\x3d\xd8\x00\xde\0\0", "a\xc3\xa4\xf0\x9f\x98\x80");
    EXPECT_TEXT(BINARY_STRING, "\x3d\xd8z\0", "\xef\xbf\xbdz");
    EXPECT_TEXT(BINARY_ANSI_STRING, "x\xe4\0", "x\xc3\xa4");
    EXPECT_TEXT(BINARY_INT8, "\xff", "-1");
    EXPECT_TEXT(BINARY_UINT8, "\xff", "255");
    EXPECT_TEXT(BINARY_INT16, "\xfe\xff", "-2");
    EXPECT_TEXT(BINARY_UINT16, "\xfe\xff", "65534");
    EXPECT_TEXT(BINARY_INT32, "\x00\x00\x00\x80", "-2147483648");
    EXPECT_TEXT(BINARY_UINT32, "\x01\0\0\0", "1");
    EXPECT_TEXT(BINARY_INT64, "\xff\xff\xff\xff\xff\xff\xff\xff", "-1");
    EXPECT_TEXT(BINARY_UINT64, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
    EXPECT_TEXT(BINARY_REAL32, "\0\0\xc0\x3f", "1.5");
    EXPECT_TEXT(BINARY_REAL64, "\0\0\0\0\0\0\xf8\xbf", "-1.5");
    EXPECT_TEXT(BINARY_BOOL, "\x01\0\0\0", "true");
    EXPECT_TEXT(BINARY_BOOL, "\0\0\0\0", "false");
    EXPECT_TEXT(BINARY_BYTES, "\x01\xab", "01AB");
    EXPECT_TEXT(BINARY_GUID, "\x1e\x23\x97\x01\x36\xb7\x23\x69\x64\x5e\x3b\0\0\0\0\x01",
                "{0197231E-B736-6923-645E-3B0000000001}");
    EXPECT_TEXT(BINARY_SIZE, "\xe7\x03\0\0", "0x3e7");
    EXPECT_TEXT(BINARY_HEX32, "\xff\xff\x1f\0", "0x1fffff");
    EXPECT_TEXT(BINARY_HEX64, "\xe7\x03\0\0\0\0\0\0", "0x3e7");
    EXPECT_TEXT(BINARY_FILETIME, "\x80\xdf\xbb\x3f\x59\x9f\xdb\x01",
                "2025-03-27T20:46:00.7744384Z");
    EXPECT_TEXT(BINARY_SYSTEMTIME, "\xea\x07\x0b\0\x03\0\x19\0\x02\0\x03\0\x04\0\x05\0",
                "2026-11-25T02:03:04.005Z");
    EXPECT_TEXT(BINARY_SID, "\x01\x02\0\0\0\0\0\x05\x20\0\0\0\x20\x02\0\0", "S-1-5-32-544");
}

static void values_of_a_wrong_size_or_type_cost_the_record(void **state)
{
    (void)state;
    EXPECT_TEXT(BINARY_UINT32, "\x01\0\0", NULL);
    EXPECT_TEXT(BINARY_STRING, "abc", NULL);
    EXPECT_TEXT(BINARY_GUID, "\x01", NULL);
    EXPECT_TEXT(BINARY_SID, "\x01\x02\0\0\0\0\0\x05\x20\0\0\0", NULL);
    EXPECT_TEXT(BINARY_SID, "\x01\xff\0\0\0\0\0\x05", NULL);
    EXPECT_TEXT(BINARY_SIZE, "123456789", NULL);
    EXPECT_TEXT(0x7f, "\x01", NULL);
    EXPECT_TEXT(BINARY_XML, "\x01\x02", NULL);
    EXPECT_TEXT(BINARY_ARRAY | BINARY_UINT32, "\x01\0\0\0\x01", NULL);
}

static void several_values_are_several_fields(void **state)
{
    (void)state;
    static const struct fake_value VALUES[2] = {
        {BINARY_ARRAY | BINARY_STRING, "a\0\0\0b\0\0\0c\0", 10},
        {BINARY_ARRAY | BINARY_UINT16, "\x01\0\x02\0", 4},
    };
    struct fake_evtx log;
    struct source source;
    fake_evtx_create(&log);
    fake_evtx_add(&log, VALUES);
    fake_evtx_add(&log, VALUES);
    fake_evtx_finish(&log);
    open_source(log.data, FAKE_EVTX_BYTES, &source);
    for (uint64_t number = 0; number < 2; number++) { /* the second uses the first's template */
        assert_true(next(&source));
        assert_int_equal(source.entry.number, number);
        assert_false(source.entry.is_unreadable);
        char text[64] = "";
        for (uint32_t i = 0; i < source.fields.count; i++) {
            const struct log_field *field = &source.fields.items[i];
            size_t size = strlen(text);
            if (string_equal(field->name, "First") || string_equal(field->name, "Data"))
                (void)string_format(text + size, sizeof text - size, "%.*s ",
                                    (int)field->value.size, (const char *)field->value.data);
        }
        assert_string_equal(text, "a b c 1 2 ");
    }
    assert_false(next(&source));
    assert_error(source.end, ERROR_NOT_FOUND);
    close_source(&source);
    fake_evtx_free(&log);
}

static void make_log(struct fake_evtx *log, unsigned records)
{
    static const struct fake_value VALUES[2] = {{BINARY_UINT8, "\x01", 1},
                                                {BINARY_UINT8, "\x02", 1}};
    fake_evtx_create(log);
    for (unsigned i = 0; i < records; i++)
        fake_evtx_add(log, VALUES);
    fake_evtx_finish(log);
}

static void lost_records_are_counted(void **state)
{
    (void)state;
    struct fake_evtx log;
    make_log(&log, 5);
    log.chunk.data[log.record_at] = 'x'; /* the last one has no mark any more */
    struct reading reading = read_log(log.data, FAKE_EVTX_BYTES);
    assert_int_equal(reading.good, 4);
    assert_int_equal(reading.unreadable, 1);
    assert_error(reading.end, ERROR_NOT_FOUND);
    memset(log.chunk.data + log.template_at, 0xff, 16); /* all use it */
    memset(log.chunk.data + log.template_at + 20, 0xff, 4);
    reading = read_log(log.data, FAKE_EVTX_BYTES);
    assert_int_equal(reading.good, 0);
    assert_int_equal(reading.unreadable, 5);
    memset(log.chunk.data, 0xff, 8); /* no chunk at all */
    reading = read_log(log.data, FAKE_EVTX_BYTES);
    assert_int_equal(reading.good, 0);
    assert_int_equal(reading.unreadable, 1);
    assert_error(reading.end, ERROR_NOT_FOUND);
    fake_evtx_free(&log);
}

static void a_log_that_is_cut_off_says_so(void **state)
{
    (void)state;
    struct fake_evtx log;
    make_log(&log, 3);
    struct reading reading = read_log(log.data, FAKE_EVTX_CHUNK_AT + log.record_at + 10);
    assert_int_equal(reading.good, 2);
    assert_int_equal(reading.unreadable, 1);
    assert_error(reading.end, ERROR_FORMAT);
    assert_non_null(strstr(reading.why.text, "cut off"));
    reading = read_log(log.data, 100);
    assert_error(reading.end, ERROR_FORMAT);
    log.data[38] = 4; /* a version to come */
    reading = read_log(log.data, FAKE_EVTX_BYTES);
    assert_error(reading.end, ERROR_UNSUPPORTED);
    assert_non_null(strstr(reading.why.text, "4.1"));
    fake_evtx_free(&log);
}

static void unused_chunks_are_passed_over(void **state)
{
    (void)state;
    struct fake_evtx log;
    make_log(&log, 2);
    size_t chunk = FAKE_EVTX_BYTES - FAKE_EVTX_CHUNK_AT;
    size_t size = FAKE_EVTX_BYTES + 2 * chunk;
    uint8_t *data = test_calloc(1, size);
    bytes_copy(data, size, log.data, FAKE_EVTX_BYTES);
    bytes_copy(data + FAKE_EVTX_BYTES + chunk, chunk, log.chunk.data, chunk);
    struct reading reading = read_log(data, size);
    assert_int_equal(reading.good, 4);
    assert_int_equal(reading.unreadable, 0);
    assert_error(reading.end, ERROR_NOT_FOUND);
    test_free(data);
    fake_evtx_free(&log);
}

/* A template that holds an instance of itself must end, not the process. */
static void a_template_in_itself_is_refused(void **state)
{
    (void)state;
    struct fake_evtx log;
    make_log(&log, 1);
    struct writer writer = writer_of(log.chunk.data + log.template_at + 24, 64);
    for (unsigned i = 0; i < 2; i++) { /* each instance: no values */
        assert_ok(writer_u8(&writer, 0x0c));
        assert_ok(writer_u8(&writer, 1));
        assert_ok(writer_u32(&writer, 0));
        assert_ok(writer_u32(&writer, (uint32_t)log.template_at));
        assert_ok(writer_u32(&writer, 0));
    }
    struct reading reading = read_log(log.data, FAKE_EVTX_BYTES);
    assert_int_equal(reading.unreadable, 1);
    fake_evtx_free(&log);
}

/* Every byte flipped, and every length: something is said, nothing breaks. */
static void no_byte_is_trusted(void **state)
{
    (void)state;
    struct fake_evtx log;
    make_log(&log, 2);
    size_t end = FAKE_EVTX_CHUNK_AT + log.chunk.at;
    for (size_t i = FAKE_EVTX_CHUNK_AT + 512; i < end; i++) {
        log.data[i] ^= 0xff;
        struct reading reading = read_log(log.data, FAKE_EVTX_BYTES);
        assert_true(reading.good + reading.unreadable >= 2);
            log.data[i] ^= 0xff;
        reading = read_log(log.data, i);
        assert_error(reading.end, ERROR_FORMAT);
        }
    fake_evtx_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_becomes_the_text_that_windows_writes),
        cmocka_unit_test(values_of_a_wrong_size_or_type_cost_the_record),
        cmocka_unit_test(several_values_are_several_fields),
        cmocka_unit_test(lost_records_are_counted),
        cmocka_unit_test(a_log_that_is_cut_off_says_so),
        cmocka_unit_test(unused_chunks_are_passed_over),
        cmocka_unit_test(a_template_in_itself_is_refused),
        cmocka_unit_test(no_byte_is_trusted),
    };
    return unit_run("content/log_evtx", tests);
}
