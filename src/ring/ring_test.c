// SPDX-License-Identifier: Apache-2.0
#include "ring/ring.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/shared_memory.h"
#include "tests/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RING_BYTES = 64 * 1024 };

struct fixture {
    int ring;
    int readonly;
    int cursor;
    uint8_t *buffer;
};

static struct fixture setup(void)
{
    struct fixture fixture;
    assert_ok(ring_create(RING_BYTES, 77, &fixture.ring));
    assert_ok(shared_memory_reopen_readonly(fixture.ring, &fixture.readonly));
    assert_ok(ring_cursor_create(&fixture.cursor));
    fixture.buffer = malloc(LIMIT_RING_RECORD_BYTES);
    assert_non_null(fixture.buffer);
    return fixture;
}

static void teardown(struct fixture *fixture)
{
    close(fixture->ring);
    close(fixture->readonly);
    close(fixture->cursor);
    free(fixture->buffer);
}

static struct ring_writer *open_writer(int fd, uint64_t expected_sequence)
{
    struct ring_writer *writer;
    struct ring_position last;
    assert_ok(ring_writer_open(fd, &writer, &last));
    assert_true(last.sequence == expected_sequence);
    return writer;
}

static void records_arrive_in_order_and_whole(void **state)
{
    (void)state;
    struct fixture fixture = setup();
    struct ring_writer *writer = open_writer(fixture.ring, 0);
    struct ring_reader *reader;
    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    assert_true(ring_reader_epoch(reader) == 77);
    struct ring_record record;
    assert_error(ring_reader_next(reader, fixture.buffer, &record), ERROR_AGAIN);
    /* More than the ring holds, so that records wrap at every possible place. */
    for (unsigned i = 1; i < 4000; i++) {
        char payload[256];
        size_t size = i % sizeof payload;
        memset(payload, (int)(i & 0xFF), sizeof payload);
        assert_ok(ring_writer_append(writer, payload, size, i * 10));
        assert_ok(ring_reader_next(reader, fixture.buffer, &record));
        assert_true(record.sequence == i && record.source == i * 10 && record.size == size);
        assert_memory_equal(fixture.buffer, payload, size);
        ring_reader_done(reader);
    }
    assert_true(ring_reader_lost(reader) == 0);
    ring_reader_close(reader);
    ring_writer_close(writer);
    teardown(&fixture);
}

static void a_slow_reader_counts_exactly_what_it_missed(void **state)
{
    (void)state;
    struct fixture fixture = setup();
    struct ring_writer *writer = open_writer(fixture.ring, 0);
    struct ring_reader *reader;
    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    uint64_t seen = 0;
    struct ring_record record;
    for (unsigned i = 1; i <= 5000; i++) {
        assert_ok(ring_writer_append(writer, &i, sizeof i, 0));
        if (i % 1777 != 0)
            continue;
        assert_ok(ring_reader_next(reader, fixture.buffer, &record));
        ring_reader_done(reader);
        seen++;
    }
    while (result_is_ok(ring_reader_next(reader, fixture.buffer, &record))) {
        ring_reader_done(reader);
        seen++;
    }
    assert_true(record.sequence == 5000);
    assert_true(ring_reader_lost(reader) > 0);
    assert_true(seen + ring_reader_lost(reader) == 5000);
    ring_reader_close(reader);
    ring_writer_close(writer);
    teardown(&fixture);
}

static void a_successor_goes_on_at_the_record_in_flight(void **state)
{
    (void)state;
    struct fixture fixture = setup();
    struct ring_writer *writer = open_writer(fixture.ring, 0);
    for (unsigned i = 1; i <= 3; i++)
        assert_ok(ring_writer_append(writer, &i, sizeof i, 0));
    struct ring_reader *reader;
    struct ring_record record;
    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    assert_ok(ring_reader_next(reader, fixture.buffer, &record));
    ring_reader_done(reader);
    assert_ok(ring_reader_next(reader, fixture.buffer, &record));
    ring_reader_close(reader); /* dies with record 2 in flight */

    struct ring_cursor *cursor;
    assert_ok(ring_cursor_map(fixture.cursor, &cursor));
    assert_true(ring_cursor_look(cursor).in_flight == 2);
    assert_true(ring_cursor_look(cursor).sequence == 1);

    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    assert_ok(ring_reader_next(reader, fixture.buffer, &record));
    assert_true(record.sequence == 2);
    ring_reader_close(reader); /* dies on it again: the supervisor has it passed over */

    ring_cursor_skip(cursor, 2);
    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    assert_ok(ring_reader_next(reader, fixture.buffer, &record));
    assert_true(record.sequence == 3);
    assert_true(ring_reader_lost(reader) == 0);
    ring_reader_close(reader);
    ring_cursor_unmap(cursor);
    ring_writer_close(writer);
    teardown(&fixture);
}

static void a_killed_writer_leaves_no_gap_and_no_double(void **state)
{
    (void)state;
    struct fixture fixture = setup();
    struct ring_reader *reader;
    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    uint64_t expected = 0;
    for (unsigned round = 0; round < 100; round++) {
        pid_t child = fork();
        if (child == 0) {
            struct ring_writer *writer;
            struct ring_position last;
            if (!result_is_ok(ring_writer_open(fixture.ring, &writer, &last)))
                _exit(1);
            for (uint64_t source = last.source + 1;; source++) {
                if (!result_is_ok(ring_writer_append(writer, &source, sizeof source, source)))
                    _exit(1);
                if (source % 16 == 0)
                    usleep(20);
            }
        }
        usleep(1000 + round * 37);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        struct ring_record record;
        while (result_is_ok(ring_reader_next(reader, fixture.buffer, &record))) {
            uint64_t source;
            bytes_copy(&source, sizeof source, fixture.buffer, sizeof source);
            assert_true(source == record.sequence);
            expected = record.sequence;
            ring_reader_done(reader);
        }
    }
    struct ring_writer *writer = open_writer(fixture.ring, expected);
    ring_writer_close(writer);
    ring_reader_close(reader);
    teardown(&fixture);
}

static void nonsense_in_the_ring_is_refused(void **state)
{
    (void)state;
    struct fixture fixture = setup();
    struct ring_writer *writer = open_writer(fixture.ring, 0);
    assert_ok(ring_writer_append(writer, "abcdefgh", 8, 0));
    struct ring_reader *reader;
    struct ring_record record;
    assert_ok(ring_reader_open(fixture.readonly, fixture.cursor, &reader));
    uint32_t huge = UINT32_MAX;
    assert_int_equal(pwrite(fixture.ring, &huge, sizeof huge, 4096), sizeof huge);
    assert_error(ring_reader_next(reader, fixture.buffer, &record), ERROR_FORMAT);
    assert_error(ring_reader_next(reader, fixture.buffer, &record), ERROR_AGAIN);
    assert_ok(ring_writer_append(writer, "abcdefgh", 8, 0));
    assert_ok(ring_reader_next(reader, fixture.buffer, &record));
    ring_reader_done(reader);
    assert_true(ring_reader_lost(reader) == 1);
    ring_reader_close(reader);
    ring_writer_close(writer);
    teardown(&fixture);
}

static void a_readonly_descriptor_cannot_be_written(void **state)
{
    (void)state;
    struct fixture fixture = setup();
    struct ring_writer *writer;
    struct ring_position last;
    struct result result = ring_writer_open(fixture.readonly, &writer, &last);
    assert_int_equal(result.error, ERROR_SYSTEM);
    teardown(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_arrive_in_order_and_whole),
        cmocka_unit_test(a_slow_reader_counts_exactly_what_it_missed),
        cmocka_unit_test(a_successor_goes_on_at_the_record_in_flight),
        cmocka_unit_test(a_killed_writer_leaves_no_gap_and_no_double),
        cmocka_unit_test(nonsense_in_the_ring_is_refused),
        cmocka_unit_test(a_readonly_descriptor_cannot_be_written),
    };
    return unit_run("ring/ring", tests);
}
