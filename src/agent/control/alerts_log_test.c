// SPDX-License-Identifier: Apache-2.0
/*
 * Alerts into the log over a disk that fails, fills up and cuts writes short, and over the death of
 * the writer at any point.
 */
#include "agent/control/alerts_log.h"

#include "base/bytes.h"
#include "base/counters.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- a disk that can be broken ---------------------------------------------------------------- */

struct bad_disk {
    int append_errno;    /* appends fail with it */
    size_t append_most;  /* of the next append only so many bytes are written; 0: all */
    int truncate_errno;
    int open_errno;
    int rename_errno;
};

static struct result bad_open(void *context, int folder, const char *name, int *ret_file)
{
    struct bad_disk *bad = context;
    if (bad->open_errno != 0)
        return (struct result){ERROR_SYSTEM, bad->open_errno};
    return disk_system()->open(NULL, folder, name, ret_file);
}

static struct result bad_append(void *context, int file, const void *data, size_t size,
                                size_t *ret_written)
{
    struct bad_disk *bad = context;
    if (bad->append_most != 0) {
        size_t most = bad->append_most < size ? bad->append_most : size;
        bad->append_most = 0;
        bad->append_errno = ENOSPC; /* as a full disk does it: a cut write, then none */
        return disk_system()->append(NULL, file, data, most, ret_written);
    }
    if (bad->append_errno != 0)
        return (struct result){ERROR_SYSTEM, bad->append_errno};
    return disk_system()->append(NULL, file, data, size, ret_written);
}

static struct result bad_truncate(void *context, int file, uint64_t size)
{
    struct bad_disk *bad = context;
    if (bad->truncate_errno != 0)
        return (struct result){ERROR_SYSTEM, bad->truncate_errno};
    return disk_system()->truncate(NULL, file, size);
}

static struct result bad_rename(void *context, int folder, const char *from, const char *to)
{
    struct bad_disk *bad = context;
    if (bad->rename_errno != 0)
        return (struct result){ERROR_SYSTEM, bad->rename_errno};
    return disk_system()->rename(NULL, folder, from, to);
}

/* --- the bench -------------------------------------------------------------------------------- */

static uint64_t bench_now(void *context) { return *(uint64_t *)context; }

struct bench {
    char folder_path[64];
    int folder;
    uint64_t now_ns;
    struct clock clock;
    struct bad_disk bad;
    struct disk disk;
    int ring_fd, cursor_fd;
    struct ring_writer *writer;
    struct ring_reader *reader;
    struct alert_host host;
    struct log_file *file;
    struct alerts_log *log;
    struct rule_hits *hits;
    struct flood_limits limits;
};

static void start(struct bench *bench)
{
    struct log_file_options file = {.disk = &bench->disk, .clock = &bench->clock,
                                    .folder = bench->folder, .name = "alerts.jsonl", .files = 3};
    assert_ok(ring_reader_open(bench->ring_fd, bench->cursor_fd, &bench->reader));
    bench->file = log_file_new(&file);
    assert_non_null(bench->file);
    struct alerts_log_options options = {.readers = {bench->reader}, .file = bench->file,
                                         .clock = &bench->clock, .host = &bench->host,
                                         .hits = bench->hits,
                                         .limits = bench->limits};
    bench->log = alerts_log_new(&options);
    assert_non_null(bench->log);
}

/* As after kill -9: nothing is finished. */
static void kill_it(struct bench *bench)
{
    alerts_log_free(bench->log);
    log_file_free(bench->file);
    ring_reader_close(bench->reader);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    string_copy(bench->folder_path, sizeof bench->folder_path, "/tmp/alerts-log-XXXXXX");
    assert_non_null(mkdtemp(bench->folder_path));
    bench->folder = open(bench->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(bench->folder >= 0);
    bench->now_ns = 1000 * NS_PER_S;
    bench->clock = (struct clock){bench_now, bench_now, &bench->now_ns};
    bench->disk = *disk_system();
    bench->disk.open = bad_open;
    bench->disk.append = bad_append;
    bench->disk.truncate = bad_truncate;
    bench->disk.rename = bad_rename;
    bench->disk.context = &bench->bad;
    assert_ok(ring_create(65536 * 8, 7, &bench->ring_fd));
    assert_ok(ring_cursor_create(&bench->cursor_fd));
    bench->hits = rule_hits_new();
    struct ring_position last;
    assert_ok(ring_writer_open(bench->ring_fd, &bench->writer, &last));
    start(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    kill_it(bench);
    ring_writer_close(bench->writer);
    rule_hits_free(bench->hits);
    close(bench->ring_fd);
    close(bench->cursor_fd);
    static const char *const NAMES[] = {"alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"};
    for (size_t i = 0; i < 3; i++)
        unlinkat(bench->folder, NAMES[i], 0);
    close(bench->folder);
    rmdir(bench->folder_path);
    free(bench);
    return 0;
}

static struct bytes view(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* Puts the alert of event `sequence` into the ring, as one that stands for `count` matches. */
static void raise_flood(struct bench *bench, uint64_t sequence, const char *executable,
                        uint64_t count)
{
    uint8_t encoded[4096];
    struct writer event_writer = writer_of(encoded, sizeof encoded);
    struct event event;
    event_init(&event, EVENT_process_start, 5, 1700000000 * NS_PER_S);
    event_set_text(&event, FIELD_process_executable, executable, strlen(executable));
    event_set_text(&event, FIELD_process_arguments, "x \"y\" \xff", 7);
    event_set_number(&event, FIELD_user_id, 0);
    assert_ok(event_encode(&event, &event_writer));
    struct alert alert = {.rule_digest = {1, 2, 3}, .epoch = 7,
                          .sequence = sequence, .count = count,
                          .rule_id = view("11111111-2222-3333-4444-555555555555"),
                          .rule_title = view("A title"), .rule_level = view("high"),
                          .rule_file = view("vendor/x.yml"),
                          .rule_tags = view("attack.t1059.004,attack.execution,car.2013"),
                          .event = {encoded, event_writer.at}};
    uint8_t record[8192];
    struct writer writer = writer_of(record, sizeof record);
    assert_ok(alert_encode(&alert, &writer));
    assert_ok(ring_writer_append(bench->writer, record, writer.at, 0));
}

static void raise_alert(struct bench *bench, uint64_t sequence, const char *executable)
{
    raise_flood(bench, sequence, executable, 1);
}

struct lines {
    size_t count, broken, groups;
    uint64_t second; /* number of the event of the second alert */
    uint64_t grouped;
    char ids[256][ALERT_ID_BYTES];
    json_t *last;
};

/* What a reader of the log sees: every line is JSON or stands alone as broken. */
static struct lines read_name(struct bench *bench, const char *name)
{
    struct lines lines = {0};
    int file = openat(bench->folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return lines;
    FILE *stream = fdopen(file, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stream)) > 0) {
        json_t *object = json_loadb(line, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
        if (object == NULL) {
            lines.broken++;
            continue;
        }
        json_t *group = json_object_get(json_object_get(object, "creance"), "group");
        if (group != NULL) {
            lines.groups++;
            lines.grouped += (uint64_t)json_integer_value(json_object_get(group, "count"));
        } else {
            assert_true(alert_line_id(line, (size_t)size, lines.ids[lines.count % 256]));
            json_t *event = json_object_get(json_object_get(object, "creance"), "event");
            if (lines.count == 1)
                lines.second = (uint64_t)json_integer_value(json_object_get(event, "sequence"));
            lines.count++;
        }
        json_decref(lines.last);
        lines.last = object;
    }
    free(line);
    fclose(stream);
    return lines;
}

static struct lines read_log(struct bench *bench)
{
    struct lines lines = read_name(bench, "alerts.jsonl");
    json_decref(lines.last);
    lines.last = NULL;
    for (size_t i = 0; i < lines.count; i++) {
        for (size_t k = i + 1; k < lines.count; k++)
            assert_string_not_equal(lines.ids[i], lines.ids[k]);
    }
    return lines;
}

static void work(struct bench *bench)
{
    while (alerts_log_work(bench->log, 16)) {
    }
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_alert_is_one_ecs_line(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/usr/bin/nc");
    work(bench);
    struct lines lines = read_name(bench, "alerts.jsonl");
    assert_int_equal(lines.count, 1);
    const char *kind, *rule, *executable, *arguments, *technique, *action, *time;
    int severity;
    assert_int_equal(json_unpack(lines.last,
                                 "{s:s, s:{s:s, s:s, s:i}, s:{s:s}, s:{s:s, s:s}, "
                                 "s:{s:{s:{s:[s]}}}}",
                                 "@timestamp", &time, "event", "kind", &kind, "action", &action,
                                 "severity", &severity, "rule", "name", &rule, "process",
                                 "executable", &executable, "command_line", &arguments, "threat",
                                 "technique", "subtechnique", "id", &technique),
                     0);
    assert_string_equal(time, "2023-11-14T22:13:20.000000Z");
    assert_string_equal(kind, "alert");
    assert_string_equal(action, "exec");
    assert_int_equal(severity, 73);
    assert_string_equal(rule, "A title");
    assert_string_equal(executable, "/usr/bin/nc");
    assert_string_equal(arguments, "x \"y\" \xef\xbf\xbd");
    assert_string_equal(technique, "T1059.004");
    json_decref(lines.last);
    struct stat status;
    assert_int_equal(fstatat(bench->folder, "alerts.jsonl", &status, 0), 0);
    assert_int_equal(status.st_mode & 0777 & ~0640, 0);
}

static void a_double_is_dropped_also_by_a_successor(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    raise_alert(bench, 1, "/a");
    raise_alert(bench, 2, "/a");
    work(bench);
    assert_int_equal(read_log(bench).count, 2);
    kill_it(bench);
    start(bench);
    raise_alert(bench, 2, "/a"); /* an engine that died judges its event again */
    raise_alert(bench, 3, "/a");
    work(bench);
    assert_int_equal(read_log(bench).count, 3);
}

static void a_record_killed_between_line_and_done_is_not_written_twice(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    /* The line is written, the cursor not moved: what a death between the two leaves. */
    int cursor_before = -1;
    assert_ok(ring_cursor_create(&cursor_before));
    work(bench);
    kill_it(bench);
    close(bench->cursor_fd);
    bench->cursor_fd = cursor_before;
    start(bench);
    work(bench);
    assert_int_equal(read_log(bench).count, 1);
}

static void a_full_disk_keeps_alerts_in_the_ring_and_tears_no_line(void **state)
{
    struct bench *bench = *state;
    uint64_t failed = counter_get(COUNTER_control_log_failed);
    raise_alert(bench, 1, "/a");
    work(bench);
    bench->bad.append_most = 40;
    raise_alert(bench, 2, "/a");
    raise_alert(bench, 3, "/a");
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.broken, 0);
    struct alerts_log_state now = alerts_log_state(bench->log);
    assert_int_equal(now.written.system_errno, ENOSPC);
    assert_true(now.failing_since_wall_ns != 0);
    assert_true(now.waiting_bytes > 0);
    assert_true(counter_get(COUNTER_control_log_failed) > failed);
    /* It is tried again each second, not at each call. */
    failed = counter_get(COUNTER_control_log_failed);
    work(bench);
    assert_true(counter_get(COUNTER_control_log_failed) == failed);
    bench->now_ns += NS_PER_S;
    work(bench);
    assert_true(counter_get(COUNTER_control_log_failed) == failed + 1);
    bench->bad = (struct bad_disk){0};
    bench->now_ns += NS_PER_S;
    work(bench);
    assert_int_equal(read_log(bench).count, 3);
    assert_true(alerts_log_state(bench->log).failing_since_wall_ns == 0);
}

static void half_a_line_that_cannot_be_taken_back_stands_alone(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    work(bench);
    bench->bad = (struct bad_disk){.append_most = 40, .truncate_errno = EPERM};
    raise_alert(bench, 2, "/a");
    work(bench);
    bench->bad.append_errno = 0; /* there is room again, but truncating stays forbidden */
    bench->now_ns += NS_PER_S;
    work(bench);
    raise_alert(bench, 3, "/a");
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 3);
    assert_int_equal(lines.broken, 1);
}

static void a_torn_last_line_of_a_dead_writer_is_cut_off(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    work(bench);
    kill_it(bench);
    int file = openat(bench->folder, "alerts.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(file, "{\"@timestamp\":\"20", 17), 17);
    close(file);
    start(bench);
    raise_alert(bench, 2, "/a");
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 2);
    assert_int_equal(lines.broken, 0);
}

static void a_read_only_log_loses_nothing_that_the_ring_holds(void **state)
{
    struct bench *bench = *state;
    kill_it(bench);
    bench->bad.open_errno = EROFS;
    start(bench);
    for (uint64_t i = 1; i <= 20; i++)
        raise_alert(bench, i, "/a");
    work(bench);
    assert_int_equal(alerts_log_state(bench->log).written.system_errno, EROFS);
    bench->bad.open_errno = 0;
    bench->now_ns += NS_PER_S;
    work(bench);
    assert_int_equal(read_log(bench).count, 20);
}

/* Number of the oldest record that a reader who comes now can have. */
static uint64_t oldest_in_ring(const struct bench *bench)
{
    static uint8_t buffer[LIMIT_RING_RECORD_BYTES];
    int cursor = -1;
    struct ring_reader *reader = NULL;
    struct ring_record record;
    assert_ok(ring_cursor_create(&cursor));
    assert_ok(ring_reader_open(bench->ring_fd, cursor, &reader));
    assert_ok(ring_reader_next(reader, buffer, &record));
    ring_reader_close(reader);
    close(cursor);
    return record.sequence;
}

static void the_alert_in_hand_survives_a_ring_that_came_round(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    bench->bad.append_errno = ENOSPC;
    work(bench);
    uint64_t written = 1;
    while (written < 4000)
        raise_alert(bench, ++written, "/a"); /* more than 512 KiB */
    uint64_t oldest = oldest_in_ring(bench);
    bench->bad.append_errno = 0;
    bench->now_ns += NS_PER_S;
    work(bench);
    struct lines lines = read_name(bench, "alerts.jsonl");
    json_decref(lines.last);
    uint64_t lost = counter_get(COUNTER_control_alerts_lost);
    assert_true(lost > 0);
    assert_true(lines.count + lost == written);
    assert_true(lines.second == oldest); /* behind the one in hand the lost ones are missing */
}

static void floods_become_groups_that_count_everything(void **state)
{
    struct bench *bench = *state;
    kill_it(bench);
    bench->limits = (struct flood_limits){.singles_per_minute = 5, .group_seconds = 10};
    start(bench);
    for (uint64_t i = 1; i <= 30; i++)
        raise_alert(bench, i, "/loud");
    raise_alert(bench, 31, "/quiet");
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 6);
    assert_int_equal(lines.groups, 0);
    bench->now_ns += 10 * NS_PER_S;
    work(bench);
    lines = read_log(bench);
    assert_int_equal(lines.groups, 1);
    assert_int_equal(lines.grouped, 25);
}

static void what_the_engine_counted_is_grouped_whatever_the_settings(void **state)
{
    struct bench *bench = *state;
    kill_it(bench); /* each alert is to be written by itself */
    bench->limits = (struct flood_limits){.singles_per_minute = 0, .group_seconds = 10};
    start(bench);
    uint8_t digest[32] = {1, 2, 3};
    uint64_t hits;
    raise_flood(bench, 1, "/loud", 5000);
    raise_flood(bench, 1, "/loud", 5000); /* judged again by a successor */
    raise_flood(bench, 2, "/loud", 70);
    raise_alert(bench, 3, "/loud");
    work(bench);
    bench->now_ns += 10 * NS_PER_S;
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.groups, 1);
    assert_int_equal(lines.grouped, 5070);
    assert_true(rule_hits_get(bench->hits, digest, &hits));
    assert_int_equal(hits, 5071);
    /* More pairs than there are places: groups are written to make room, and none is lost. */
    for (uint64_t i = 0; i < 700; i++) {
        char executable[32];
        string_format(executable, sizeof executable, "/loud/%d", (int)i);
        raise_flood(bench, 10 + i, executable, 2);
        if (i % 50 == 0)
            work(bench);
    }
    work(bench);
    bench->now_ns += 10 * NS_PER_S;
    work(bench);
    assert_int_equal(read_log(bench).grouped, 5070 + 1400);
}

static void a_group_that_died_with_its_process_is_said(void **state)
{
    struct bench *bench = *state;
    kill_it(bench);
    bench->limits = (struct flood_limits){.singles_per_minute = 1, .group_seconds = 10};
    start(bench);
    for (uint64_t i = 1; i <= 8; i++)
        raise_alert(bench, i, "/loud");
    work(bench);
    kill_it(bench);
    start(bench);
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.groups, 1);
    assert_int_equal(lines.grouped, 7);
}

static void rotation_keeps_whole_lines_and_so_many_files(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    work(bench);
    log_file_set_limits(bench->file, log_file_size(bench->file) * 2 + 100, 3);
    for (uint64_t i = 2; i <= 5; i++)
        raise_alert(bench, i, "/a");
    work(bench);
    static const char *const NAMES[] = {"alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"};
    static const size_t COUNTS[] = {1, 2, 2};
    for (size_t i = 0; i < 3; i++) {
        struct lines lines = read_name(bench, NAMES[i]);
        assert_int_equal(lines.count, COUNTS[i]);
        json_decref(lines.last);
    }
    /* Where rotating fails, the file grows on. */
    bench->bad.rename_errno = EROFS;
    for (uint64_t i = 6; i <= 9; i++)
        raise_alert(bench, i, "/a");
    work(bench);
    struct lines lines = read_name(bench, "alerts.jsonl");
    assert_int_equal(lines.count, 5);
    json_decref(lines.last);
}

static void a_log_that_somebody_moves_or_empties_is_begun_anew(void **state)
{
    struct bench *bench = *state;
    raise_alert(bench, 1, "/a");
    work(bench);
    assert_int_equal(renameat(bench->folder, "alerts.jsonl", bench->folder, "alerts.jsonl.1"), 0);
    bench->now_ns += NS_PER_S;
    raise_alert(bench, 2, "/a");
    work(bench);
    assert_int_equal(read_log(bench).count, 1);
    int file = openat(bench->folder, "alerts.jsonl", O_WRONLY | O_TRUNC | O_CLOEXEC);
    close(file);
    bench->now_ns += NS_PER_S;
    raise_alert(bench, 3, "/a");
    work(bench);
    struct lines lines = read_log(bench);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.broken, 0);
}

static void nonsense_in_the_ring_is_counted_and_passed_over(void **state)
{
    struct bench *bench = *state;
    uint64_t malformed = counter_get(COUNTER_control_alerts_malformed);
    assert_ok(ring_writer_append(bench->writer, "nonsense", 8, 0));
    raise_alert(bench, 1, "/a");
    work(bench);
    assert_int_equal(read_log(bench).count, 1);
    assert_true(counter_get(COUNTER_control_alerts_malformed) == malformed + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_alert_is_one_ecs_line),
        TEST(a_double_is_dropped_also_by_a_successor),
        TEST(a_record_killed_between_line_and_done_is_not_written_twice),
        TEST(a_full_disk_keeps_alerts_in_the_ring_and_tears_no_line),
        TEST(half_a_line_that_cannot_be_taken_back_stands_alone),
        TEST(a_torn_last_line_of_a_dead_writer_is_cut_off),
        TEST(a_read_only_log_loses_nothing_that_the_ring_holds),
        TEST(the_alert_in_hand_survives_a_ring_that_came_round),
        TEST(floods_become_groups_that_count_everything),
        TEST(what_the_engine_counted_is_grouped_whatever_the_settings),
        TEST(a_group_that_died_with_its_process_is_said),
        TEST(rotation_keeps_whole_lines_and_so_many_files),
        TEST(a_log_that_somebody_moves_or_empties_is_begun_anew),
        TEST(nonsense_in_the_ring_is_counted_and_passed_over),
    };
    return unit_run("alerts_log", tests);
}
