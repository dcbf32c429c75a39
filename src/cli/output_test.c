// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

struct capture {
    FILE *file;
    struct output *output;
};

static struct capture capture_open(bool json)
{
    struct capture capture = {.file = tmpfile()};
    assert_non_null(capture.file);
    capture.output = output_new(capture.file, json, OUTPUT_TEXT);
    assert_non_null(capture.output);
    return capture;
}

static void capture_expect(struct capture *capture, const char *expected)
{
    char text[1024] = {0};
    assert_ok(output_flush(capture->output));
    rewind(capture->file);
    size_t size = fread(text, 1, sizeof text - 1, capture->file);
    text[size] = '\0';
    assert_string_equal(text, expected);
    output_free(capture->output);
    fclose(capture->file);
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    struct capture capture = capture_open(false);
    output_line(capture.output,
                "a\033[2Jb\nc\x7f \xc2\x9b \xe2\x80\xae \xff \xc3\xa9 \xe2\x82\xac");
    capture_expect(&capture, "a\\x1b[2Jb\\x0ac\\x7f \\xc2\\x9b \\xe2\\x80\\xae \\xff "
                             "\xc3\xa9 \xe2\x82\xac\n");
}

static void a_table_is_aligned(void **state)
{
    (void)state;
    const char *const titles[] = {"A", "B"};
    const char *const cells[] = {"l\xc3\xa4nger", "x\ty"};
    struct table *table = table_new(2, titles);
    assert_non_null(table);
    assert_ok(table_add(table, COLOUR_RED, cells));
    struct capture capture = capture_open(false);
    table_print(table, capture.output);
    capture_expect(&capture, "A       B\nl\xc3\xa4nger  x\\x09y\n");
    table_free(table);
}

static void json_replaces_what_is_not_utf8(void **state)
{
    (void)state;
    struct capture capture = capture_open(true);
    output_json(capture.output,
                json_pack("{s:o}", "a", output_json_bytes("x\xff\xed\xa0\x80y\0z", 8)));
    capture_expect(&capture,
                   "{\"a\":\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\\u0000z\"}\n");
}

static void a_failed_write_is_reported_and_a_gone_reader_is_closed(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    struct output *output = output_new(full, false, OUTPUT_TEXT);
    output_line(output, "x");
    assert_error(output_flush(output), ERROR_SYSTEM);
    assert_error(output_flush(output), ERROR_SYSTEM); /* it stays failed */
    output_free(output);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(a_table_is_aligned),
        cmocka_unit_test(json_replaces_what_is_not_utf8),
        cmocka_unit_test(a_failed_write_is_reported_and_a_gone_reader_is_closed),
    };
    return unit_run("cli/output", tests);
}
