// SPDX-License-Identifier: Apache-2.0
#include "content/recording.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

static int file_of(const void *data, size_t size)
{
    int fd = memfd_create("recording", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Lines that could be read; `ret_end` is how it ended. */
static size_t count_lines(int fd, struct result *ret_end, struct explanation *why)
{
    struct recording *recording;
    *ret_end = recording_open(fd, "test", &recording, why);
    if (!result_is_ok(*ret_end))
        return 0;
    size_t count = 0;
    struct recording_line line;
    while (result_is_ok(*ret_end = recording_next(recording, &line, why))) {
        assert_int_equal(line.number, count);
        count++;
    }
    assert_error(recording_next(recording, &line, why), ret_end->error);
    recording_close(recording);
    return count;
}

static void expect_line(struct recording *recording, uint64_t number, const char *text)
{
    struct recording_line line;
    assert_ok(recording_next(recording, &line, NULL));
    assert_int_equal(line.number, number);
    assert_int_equal(line.text.size, strlen(text));
    assert_memory_equal(line.text.data, text, strlen(text));
}

static void lines_are_numbered_and_blank_ones_count(void **state)
{
    (void)state;
    int fd = file_of("one\n\ntwo\r\nthree", 15);
    struct recording *recording;
    assert_ok(recording_open(fd, "test", &recording, NULL));
    expect_line(recording, 0, "one");
    expect_line(recording, 1, "");
    expect_line(recording, 2, "two\r");
    expect_line(recording, 3, "three");
    struct recording_line line;
    assert_error(recording_next(recording, &line, NULL), ERROR_NOT_FOUND);
    recording_close(recording);
    close(fd);
}

static void an_empty_recording_has_no_line(void **state)
{
    (void)state;
    struct result end;
    int fd = file_of("", 0);
    assert_int_equal(count_lines(fd, &end, NULL), 0);
    assert_int_equal(end.error, ERROR_NOT_FOUND);
    close(fd);
}

static void a_line_at_the_limit_is_read_and_a_longer_one_passed_over(void **state)
{
    (void)state;
    size_t size = 2 * (size_t)LIMIT_RECORD_LINE_BYTES + 7;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'a', size);
    text[LIMIT_RECORD_LINE_BYTES] = '\n';            /* line 0: exactly the limit */
    text[2 * LIMIT_RECORD_LINE_BYTES + 2] = '\n';    /* line 1: one more */
    int fd = file_of(text, size);
    struct recording *recording;
    assert_ok(recording_open(fd, "test", &recording, NULL));
    struct recording_line line;
    assert_ok(recording_next(recording, &line, NULL));
    assert_int_equal(line.text.size, LIMIT_RECORD_LINE_BYTES);
    assert_error(recording_next(recording, &line, NULL), ERROR_LIMIT);
    assert_int_equal(line.number, 1);
    expect_line(recording, 2, "aaaa");
    assert_error(recording_next(recording, &line, NULL), ERROR_NOT_FOUND);
    recording_close(recording);
    close(fd);
    free(text);
}

enum { LINES = 50000 };

/* Many numbered lines; free() it. */
static char *make_text(size_t *ret_size)
{
    char *text = malloc(LINES * 16);
    assert_non_null(text);
    size_t size = 0;
    for (unsigned i = 0; i < LINES; i++) {
        string_format(text + size, 16, "line %u\n", i);
        size += strlen(text + size);
    }
    *ret_size = size;
    return text;
}

static size_t compress_frame(char *target, size_t capacity, const char *text, size_t size)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    /* As the zstd program does it; without, a changed byte can pass for text. */
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t packed = ZSTD_compress2(context, target, capacity, text, size);
    assert_false(ZSTD_isError(packed));
    ZSTD_freeCCtx(context);
    return packed;
}

/* The text as two frames of zstd; free() it. */
static char *make_compressed(size_t *ret_size)
{
    size_t size;
    char *text = make_text(&size);
    size_t half = size / 2;
    size_t capacity = 2 * ZSTD_compressBound(size);
    char *packed = malloc(capacity);
    assert_non_null(packed);
    size_t first = compress_frame(packed, capacity, text, half);
    size_t second =
        compress_frame(packed + first, capacity - first, text + half, size - half);
    free(text);
    *ret_size = first + second;
    return packed;
}

static void compressed_recordings_are_recognised_and_may_have_many_frames(void **state)
{
    (void)state;
    size_t size;
    char *packed = make_compressed(&size);
    struct result end;
    int fd = file_of(packed, size);
    assert_int_equal(count_lines(fd, &end, NULL), LINES);
    assert_int_equal(end.error, ERROR_NOT_FOUND);
    close(fd);
    free(packed);
}

static void a_compressed_recording_that_is_cut_off_never_ends_well(void **state)
{
    (void)state;
    size_t size;
    char *packed = make_compressed(&size);
    unsigned ended_well = 0;
    for (size_t cut = 4; cut < size; cut += 1 + size / 100) {
        struct result end;
        struct explanation why;
        int fd = file_of(packed, cut);
        assert_true(count_lines(fd, &end, &why) < LINES);
        ended_well += end.error == ERROR_NOT_FOUND;
        close(fd);
    }
    assert_int_equal(ended_well, 0);
    free(packed);
}

static void corrupt_data_is_said_and_what_came_before_it_is_read(void **state)
{
    (void)state;
    size_t size;
    char *packed = make_compressed(&size);
    memset(packed + size - size / 4, 0xff, 64);
    struct result end;
    struct explanation why;
    int fd = file_of(packed, size);
    size_t lines = count_lines(fd, &end, &why);
    assert_in_range(lines, LINES / 2 - 1, LINES);
    assert_int_equal(end.error, ERROR_FORMAT);
    assert_non_null(strstr(why.text, "test: the compressed data is corrupt"));
    close(fd);
    free(packed);
}

static void other_formats_are_named(void **state)
{
    (void)state;
    struct result end;
    struct explanation why;
    int fd = file_of("\x1f\x8b\x08\0\0\0\0\0\0", 9);
    count_lines(fd, &end, &why);
    assert_int_equal(end.error, ERROR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "gzip"));
    close(fd);
    fd = file_of("PK\x03\x04", 4);
    count_lines(fd, &end, &why);
    assert_int_equal(end.error, ERROR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "zip"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_numbered_and_blank_ones_count),
        cmocka_unit_test(an_empty_recording_has_no_line),
        cmocka_unit_test(a_line_at_the_limit_is_read_and_a_longer_one_passed_over),
        cmocka_unit_test(compressed_recordings_are_recognised_and_may_have_many_frames),
        cmocka_unit_test(a_compressed_recording_that_is_cut_off_never_ends_well),
        cmocka_unit_test(corrupt_data_is_said_and_what_came_before_it_is_read),
        cmocka_unit_test(other_formats_are_named),
    };
    return unit_run("content/recording", tests);
}
