// SPDX-License-Identifier: Apache-2.0
#include "agent/control/alert_tail.h"

#include "base/bytes.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench {
    char path[64];
    int folder;
    struct log_file *log;
    unsigned written;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    string_copy(bench->path, sizeof bench->path, "/tmp/alert-tail-XXXXXX");
    assert_non_null(mkdtemp(bench->path));
    bench->folder = open(bench->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct log_file_options options = {.disk = disk_system(), .clock = clock_system(),
                                       .folder = bench->folder, .name = "alerts.jsonl",
                                       .files = 4};
    bench->log = log_file_new(&options);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    static const char *const NAMES[] = {"alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2",
                                        "alerts.jsonl.3"};
    for (size_t i = 0; i < 4; i++)
        unlinkat(bench->folder, NAMES[i], 0);
    log_file_free(bench->log);
    close(bench->folder);
    rmdir(bench->path);
    free(bench);
    return 0;
}

/* Lines {"n":0}, {"n":1}, ... */
static void write_lines(struct bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char line[64];
        string_format(line, sizeof line, "{\"n\":%u}\n", bench->written++);
        assert_ok(log_file_append(bench->log, line, strlen(line)));
    }
}

/* Takes what is there; asserts that the numbers go up one by one from *next. */
static enum alert_tail_state take(struct alert_tail *tail, unsigned *next)
{
    enum alert_tail_state state;
    do {
        struct line_queue queue = {0};
        struct explanation why = {""};
        state = alert_tail_fill(tail, &queue, &why);
        if (state == ALERT_TAIL_FAILED)
            fail_msg("%s", why.text);
        for (size_t at = 0; at < queue.size;) {
            const char *line = queue.data + at;
            size_t size = (size_t)((const char *)memchr(line, '\n', queue.size - at) - line);
            json_t *object = json_loadb(line, size, 0, NULL);
            int number = -1;
            assert_int_equal(json_unpack(object, "{s:{s:i}}", "alert", "n", &number), 0);
            assert_int_equal(number, *next);
            (*next)++;
            json_decref(object);
            at += size + 1;
        }
        line_queue_free(&queue);
    } while (state == ALERT_TAIL_MORE);
    return state;
}

static void the_last_lines_are_told_over_several_files(void **state)
{
    struct bench *bench = *state;
    write_lines(bench, 1);
    log_file_set_limits(bench->log, 100, 4); /* about a dozen lines each */
    write_lines(bench, 29);
    static const unsigned LASTS[] = {0, 1, 2, 7, 20, 30, 1000};
    for (size_t i = 0; i < sizeof LASTS / sizeof LASTS[0]; i++) {
        unsigned next = LASTS[i] > 30 ? 0 : 30 - LASTS[i];
        struct alert_tail *tail = alert_tail_new(bench->folder, bench->log, LASTS[i], false);
        assert_int_equal(take(tail, &next), ALERT_TAIL_END);
        assert_int_equal(next, 30);
        alert_tail_free(tail);
    }
}

static void a_follower_misses_nothing_over_rotations(void **state)
{
    struct bench *bench = *state;
    unsigned next = 0;
    struct alert_tail *tail = alert_tail_new(bench->folder, bench->log, 10, true);
    assert_int_equal(take(tail, &next), ALERT_TAIL_WAITING); /* there is no file yet */
    write_lines(bench, 3);
    assert_int_equal(take(tail, &next), ALERT_TAIL_WAITING);
    assert_int_equal(next, 3);
    log_file_set_limits(bench->log, 100, 4);
    for (unsigned i = 0; i < 20; i++) {
        write_lines(bench, i);
        assert_int_equal(take(tail, &next), ALERT_TAIL_WAITING);
        assert_int_equal(next, bench->written);
    }
    alert_tail_free(tail);
}

static void a_follower_from_now_on_sees_nothing_old(void **state)
{
    struct bench *bench = *state;
    write_lines(bench, 5);
    unsigned next = 5;
    struct alert_tail *tail = alert_tail_new(bench->folder, bench->log, 0, true);
    assert_int_equal(take(tail, &next), ALERT_TAIL_WAITING);
    assert_int_equal(next, 5);
    write_lines(bench, 2);
    assert_int_equal(take(tail, &next), ALERT_TAIL_WAITING);
    assert_int_equal(next, 7);
    alert_tail_free(tail);
}

static void torn_lines_are_passed_over(void **state)
{
    struct bench *bench = *state;
    write_lines(bench, 1);
    assert_ok(log_file_append(bench->log, "{\"n\":\n", 6));
    write_lines(bench, 1);
    unsigned next = 0;
    struct alert_tail *tail = alert_tail_new(bench->folder, bench->log, 10, false);
    assert_int_equal(take(tail, &next), ALERT_TAIL_END);
    assert_int_equal(next, 2);
    alert_tail_free(tail);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_last_lines_are_told_over_several_files),
        TEST(a_follower_misses_nothing_over_rotations),
        TEST(a_follower_from_now_on_sees_nothing_old),
        TEST(torn_lines_are_passed_over),
    };
    return unit_run("alert_tail", tests);
}
