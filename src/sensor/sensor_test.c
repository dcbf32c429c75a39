// SPDX-License-Identifier: Apache-2.0
#include "sensor/sensor.h"

#include "base/bytes.h"
#include "base/counters.h"
#include "base/limits.h"
#include "ring/ring.h"
#include "schema/event.h"
#include "sensor/fake_kernel.h"
#include "sensor/kernel_ring.h"
#include "sensor/process_table.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KERNEL_RING_BYTES = 64 * KIB, EVENT_RING_BYTES = 8 * MIB, SNAPSHOT_PROCESSES = 300 };

static uint64_t now_ns;
static uint64_t fake_boottime(void *context) { return context == NULL ? now_ns : 0; }
static uint64_t fake_wall(void *context) { return context == NULL ? now_ns + 1000 : 0; }
static const struct clock FAKE_CLOCK = {fake_boottime, fake_wall, NULL};

struct fixture {
    struct fake_ring kernel;
    int counters_fd;
    uint64_t *counters;
    int snapshot_fd;
    int event_fd;
    int table_fd;
    struct ring_reader *reader;
    uint64_t epoch;
    struct fake_record record;
    struct event event;
    uint8_t buffer[LIMIT_RING_RECORD_BYTES];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    now_ns = 1000000;
    fixture->epoch = 1;
    fake_ring_create(&fixture->kernel, KERNEL_RING_BYTES);
    size_t counters_bytes = WIRE_COUNTER_CPUS * WIRE_COUNTER_SLOT_COUNT * 8;
    fixture->counters_fd = memfd_create("fake-counters", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fixture->counters_fd, (off_t)counters_bytes), 0);
    fixture->counters = mmap(NULL, counters_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                             fixture->counters_fd, 0);
    assert_ptr_not_equal(fixture->counters, MAP_FAILED);
    fixture->snapshot_fd = memfd_create("fake-snapshot", MFD_CLOEXEC);
    assert_true(fixture->snapshot_fd >= 0);
    assert_ok(ring_create(EVENT_RING_BYTES, 1, &fixture->event_fd));
    assert_ok(process_table_create(&fixture->table_fd));
    assert_ok(ring_reader_open(fixture->event_fd, -1, &fixture->reader));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ring_reader_close(fixture->reader);
    fake_ring_free(&fixture->kernel);
    (void)munmap(fixture->counters, WIRE_COUNTER_CPUS * WIRE_COUNTER_SLOT_COUNT * 8);
    close(fixture->counters_fd);
    close(fixture->snapshot_fd);
    close(fixture->event_fd);
    close(fixture->table_fd);
    free(fixture);
    return 0;
}

static struct sensor *start(struct fixture *fixture)
{
    const struct sensor_config config = {
        .kernel_ring_fd = fixture->kernel.fd,
        .kernel_ring_bytes = KERNEL_RING_BYTES,
        .kernel_ring_epoch = fixture->epoch,
        .kernel_counters_fd = fixture->counters_fd,
        .snapshot_fd = fixture->snapshot_fd,
        .event_ring_fd = fixture->event_fd,
        .process_table_fd = fixture->table_fd,
        .users_path = "/nonexistent/passwd",
        .boot_id = "0a1b2c3d",
        .clock = &FAKE_CLOCK,
    };
    if (fixture->snapshot_fd >= 0)
        assert_int_equal(lseek(fixture->snapshot_fd, 0, SEEK_SET), 0);
    struct sensor *sensor;
    struct explanation why;
    struct result result = sensor_open(&config, &sensor, &why);
    if (!result_is_ok(result))
        fail_msg("%s", why.text);
    return sensor;
}

/* A file event whose inode is its number. */
static bool push_file(struct fixture *fixture, uint64_t number, uint32_t flags)
{
    (void)fake_begin(&fixture->record, WIRE_FILE_WRITE, sizeof(struct wire_file),
                     fake_identity(1, 1), now_ns);
    struct wire_file *file = (struct wire_file *)(void *)fixture->record.data;
    file->inode = number;
    struct wire_text text = fake_path(&fixture->record, "/tmp/some/where");
    file->base = text;
    return fake_ring_push(&fixture->kernel, fixture->record.data, fixture->record.size, flags,
                          NULL);
}

/* The next event; false when there is none. */
static bool take(struct fixture *fixture)
{
    struct ring_record record;
    struct result result = ring_reader_next(fixture->reader, fixture->buffer, &record);
    if (result.error == ERROR_AGAIN)
        return false;
    assert_ok(result);
    assert_ok(event_decode(fixture->buffer, record.size, &fixture->event));
    ring_reader_done(fixture->reader);
    return true;
}

static void take_file(struct fixture *fixture, uint64_t number)
{
    assert_true(take(fixture));
    assert_int_equal(fixture->event.kind, EVENT_file_write);
    assert_int_equal(fixture->event.values[FIELD_file_inode].number, number);
}

static void put_snapshot(struct fixture *fixture, unsigned count)
{
    for (uint32_t pid = 1; pid <= count; pid++) {
        fake_exec(&fixture->record, fake_identity(pid, pid), fake_identity(pid - 1, pid - 1),
                  now_ns, "/usr/sbin/daemon", "daemon\0--now", 13);
        ((struct wire_header *)(void *)fixture->record.data)->kind = WIRE_SNAPSHOT;
        ssize_t size = (ssize_t)fixture->record.size;
        assert_int_equal(write(fixture->snapshot_fd, fixture->record.data, (size_t)size), size);
    }
}

static void records_become_events(void **state)
{
    struct fixture *fixture = *state;
    struct sensor *sensor = start(fixture);
    assert_false(sensor_step(sensor, 100));
    for (uint64_t i = 1; i <= 10; i++)
        assert_true(push_file(fixture, i, i == 4 ? KERNEL_RING_DISCARD : 0));
    assert_true(sensor_waiting(sensor) > 0);
    assert_true(sensor_step(sensor, 3));
    for (uint64_t i = 1; i <= 3; i++)
        take_file(fixture, i);
    assert_false(take(fixture));
    assert_false(sensor_step(sensor, 100));
    for (uint64_t i = 5; i <= 10; i++)
        take_file(fixture, i);
    assert_true(fake_ring_consumer(&fixture->kernel) == fake_ring_producer(&fixture->kernel));
    assert_true(sensor_waiting(sensor) == 0);
    sensor_close(sensor);
}

static void malformed_records_are_counted_and_passed(void **state)
{
    struct fixture *fixture = *state;
    struct sensor *sensor = start(fixture);
    uint64_t before = counter_get(COUNTER_sensor_malformed);
    assert_true(push_file(fixture, 1, 0));
    assert_true(fake_ring_push(&fixture->kernel, "nonsense", 8, 0, NULL));
    assert_true(push_file(fixture, 2, 0));
    assert_false(sensor_step(sensor, 100));
    take_file(fixture, 1);
    take_file(fixture, 2);
    assert_true(counter_get(COUNTER_sensor_malformed) == before + 1);
    /* A ring that makes no sense: all that lies in it is lost, and it goes on. */
    uint32_t header = 0x3fffffff;
    uint64_t place = fake_ring_producer(&fixture->kernel);
    assert_true(push_file(fixture, 3, 0));
    fake_ring_poke(&fixture->kernel, place, &header, sizeof header);
    assert_false(sensor_step(sensor, 100));
    assert_true(push_file(fixture, 4, 0));
    assert_false(sensor_step(sensor, 100));
    take_file(fixture, 4);
    assert_true(counter_get(COUNTER_sensor_malformed) == before + 2);
    sensor_close(sensor);
}

/* The predecessor appended an event and died before it gave the kernel its memory back. */
static void what_is_in_the_event_ring_does_not_come_again(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 1; i <= 6; i++)
        assert_true(push_file(fixture, i, 0));
    uint64_t consumer = fake_ring_consumer(&fixture->kernel);
    struct sensor *sensor = start(fixture);
    assert_true(sensor_step(sensor, 4));
    /* A loss event is the last record: it must not lose the place. */
    counter_add(COUNTER_kernel_missed, 3);
    sensor_tick(sensor);
    sensor_close(sensor);
    *(_Atomic uint64_t *)(void *)fixture->kernel.memory = consumer;

    sensor = start(fixture);
    assert_false(sensor_step(sensor, 100));
    sensor_tick(sensor);
    sensor_close(sensor);
    for (uint64_t i = 1; i <= 4; i++)
        take_file(fixture, i);
    bool is_told = false;
    while (take(fixture) && fixture->event.kind == EVENT_sensor_loss)
        is_told = true;
    assert_true(is_told);
    assert_int_equal(fixture->event.values[FIELD_file_inode].number, 5);
    take_file(fixture, 6);
    while (take(fixture))
        assert_int_equal(fixture->event.kind, EVENT_sensor_loss);
}

static void the_place_of_another_kernel_ring_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 1; i <= 5; i++)
        assert_true(push_file(fixture, i, 0));
    struct sensor *sensor = start(fixture);
    assert_false(sensor_step(sensor, 100));
    sensor_close(sensor);
    fake_ring_free(&fixture->kernel);
    fake_ring_create(&fixture->kernel, KERNEL_RING_BYTES);
    fixture->epoch = 2;
    for (uint64_t i = 6; i <= 20; i++)
        assert_true(push_file(fixture, i, 0));
    /* Dies before its first event, twice: the note alone must not make the old place good. */
    sensor_close(start(fixture));
    sensor_close(start(fixture));
    sensor = start(fixture);
    assert_false(sensor_step(sensor, 100));
    sensor_close(sensor);
    for (uint64_t i = 1; i <= 20; i++)
        take_file(fixture, i);
    assert_false(take(fixture));
}

static unsigned take_losses(struct fixture *fixture, const char *name, uint64_t *ret_count)
{
    unsigned events = 0;
    *ret_count = 0;
    while (take(fixture)) {
        assert_int_equal(fixture->event.kind, EVENT_sensor_loss);
        struct bytes text = fixture->event.values[FIELD_loss_counter].text;
        if (text.size != strlen(name) || memcmp(text.data, name, text.size) != 0)
            continue;
        events++;
        *ret_count += fixture->event.values[FIELD_loss_count].number;
    }
    return events;
}

static void losses_are_told_once_a_second(void **state)
{
    struct fixture *fixture = *state;
    struct sensor *sensor = start(fixture);
    uint64_t count;
    sensor_tick(sensor);
    (void)take_losses(fixture, "", &count); /* of the tests before */
    fixture->counters[WIRE_COUNTER_FULL_FILE] = 5;
    fixture->counters[511 * WIRE_COUNTER_SLOT_COUNT + WIRE_COUNTER_FULL_FILE] = 2;
    fixture->counters[WIRE_COUNTER_RECORDS] = 77;
    sensor_tick(sensor);
    assert_int_equal(take_losses(fixture, "kernel_ring_full_file", &count), 0);
    now_ns += NS_PER_S;
    sensor_tick(sensor);
    assert_int_equal(take_losses(fixture, "kernel_ring_full_file", &count), 1);
    assert_true(count == 7); /* the sum over all processors */
    assert_true(counter_get(COUNTER_kernel_events) == 77);
    now_ns += NS_PER_S;
    sensor_tick(sensor);
    assert_int_equal(take_losses(fixture, "kernel_ring_full_file", &count), 0);
    sensor_close(sensor);
    /* A successor knows what was told. */
    fixture->counters[WIRE_COUNTER_FULL_FILE] = 6;
    sensor = start(fixture);
    sensor_tick(sensor);
    assert_int_equal(take_losses(fixture, "kernel_ring_full_file", &count), 1);
    assert_true(count == 1);
    sensor_close(sensor);
}

static void what_runs_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    put_snapshot(fixture, SNAPSHOT_PROCESSES);
    uint64_t told = 0;
    for (unsigned i = 0; i < 100 && told < SNAPSHOT_PROCESSES; i++) {
        struct sensor *sensor = start(fixture);
        (void)sensor_step(sensor, 7);
        sensor_close(sensor);
        while (take(fixture)) {
            assert_int_equal(fixture->event.kind, EVENT_process_running);
            assert_int_equal(fixture->event.incomplete, 0);
            assert_int_equal(fixture->event.values[FIELD_process_pid].number, ++told);
        }
    }
    assert_int_equal(told, SNAPSHOT_PROCESSES);
    struct sensor *sensor = start(fixture);
    (void)sensor_step(sensor, 1000);
    assert_false(sensor_step(sensor, 1000));
    assert_false(take(fixture));
    sensor_close(sensor);
}

/* Started again: who is no longer there has ended, once the kernel's own word is read. */
static void who_is_gone_is_marked(void **state)
{
    struct fixture *fixture = *state;
    put_snapshot(fixture, 20);
    struct sensor *sensor = start(fixture);
    while (sensor_step(sensor, 1000))
        ;
    sensor_close(sensor);
    while (take(fixture))
        ;
    assert_int_equal(ftruncate(fixture->snapshot_fd, 0), 0);
    assert_int_equal(lseek(fixture->snapshot_fd, 0, SEEK_SET), 0);
    now_ns += NS_PER_S;
    put_snapshot(fixture, 18); /* 19 ended with its exit in the ring, 20 in silence */
    fake_exit(&fixture->record, fake_identity(19, 19), now_ns - 10, 0);
    assert_true(fake_ring_push(&fixture->kernel, fixture->record.data, fixture->record.size, 0,
                               NULL));
    sensor = start(fixture);
    struct process_table *view;
    struct process_info info;
    assert_ok(process_table_map(fixture->table_fd, &view));
    assert_ok(process_table_find(view, (struct process_key){20, 20, 0}, &info));
    assert_true(info.end_ns == 0);
    while (sensor_step(sensor, 1000))
        ;
    assert_true(take(fixture));
    assert_int_equal(fixture->event.kind, EVENT_process_exit);
    assert_int_equal(fixture->event.incomplete, 0);
    assert_ok(process_table_find(view, (struct process_key){19, 19, 0}, &info));
    assert_true(info.end_ns == now_ns - 10);
    assert_ok(process_table_find(view, (struct process_key){20, 20, 0}, &info));
    assert_true(info.end_ns == now_ns);
    assert_ok(process_table_find(view, (struct process_key){18, 18, 0}, &info));
    assert_true(info.end_ns == 0);
    process_table_close(view);
    sensor_close(sensor);
}

static void a_broken_snapshot_is_counted(void **state)
{
    struct fixture *fixture = *state;
    put_snapshot(fixture, 3);
    assert_int_equal(write(fixture->snapshot_fd, "torn", 4), 4);
    uint64_t before = counter_get(COUNTER_sensor_snapshot_failed);
    struct sensor *sensor = start(fixture);
    assert_true(counter_get(COUNTER_sensor_snapshot_failed) == before + 1);
    while (sensor_step(sensor, 1000))
        ;
    unsigned told = 0;
    while (take(fixture))
        told++;
    assert_int_equal(told, 3); /* what could be read is used */
    sensor_close(sensor);
}

/* --- killed at any instruction --------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static pid_t start_child(struct fixture *fixture, unsigned limit)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    struct sensor *sensor = start(fixture);
    for (;;) {
        (void)sensor_step(sensor, limit);
        now_ns += NS_PER_S; /* so that each tick counts */
        counter_add(COUNTER_kernel_missed, 1);
        sensor_tick(sensor);
    }
}

/* Record `number` of a row of lives: fork, exec, a file, exit; then the next process. */
static bool push_life(struct fixture *fixture, uint64_t number)
{
    uint64_t life = number / 4 + 1;
    struct wire_identity process = fake_identity((uint32_t)(1000 + life % 500), 5000 + life);
    switch (number % 4) {
    case 0:
        fake_fork(&fixture->record, process, fake_identity(1, 1), now_ns);
        break;
    case 1:
        fake_exec(&fixture->record, process, fake_identity(1, 1), now_ns, "/usr/bin/id", "id", 3);
        break;
    case 2:
        (void)fake_begin(&fixture->record, WIRE_FILE_DELETE, sizeof(struct wire_file), process,
                         now_ns);
        break;
    default:
        fake_exit(&fixture->record, process, now_ns, 0);
        break;
    }
    return fake_ring_push(&fixture->kernel, fixture->record.data, fixture->record.size, 0, NULL);
}

static void check_life(const struct event *event, uint64_t number)
{
    static const enum event_kind KINDS[] = {EVENT_process_fork, EVENT_process_start,
                                            EVENT_file_delete, EVENT_process_exit};
    assert_int_equal(event->kind, KINDS[number % 4]);
    assert_int_equal(event->values[FIELD_process_start_time].number, 5000 + number / 4 + 1);
    /* However often its slot was torn, the table knows the process and its parent. */
    assert_int_equal(event->incomplete, 0);
    const char *expected = number % 4 == 0 ? "/usr/sbin/daemon" : "/usr/bin/id";
    struct bytes text = event->values[FIELD_process_executable].text;
    assert_true(event_has(event, FIELD_process_executable));
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

/* What came out so far: the records of lives without a gap, each process of the snapshot once. */
struct account {
    uint64_t records;
    uint64_t losses;
    unsigned running[SNAPSHOT_PROCESSES + 1];
};

static void check_events(struct fixture *fixture, struct account *account)
{
    while (take(fixture)) {
        switch (fixture->event.kind) {
        case EVENT_process_running:
            account->running[fixture->event.values[FIELD_process_pid].number]++;
            break;
        case EVENT_sensor_loss:
            account->losses++;
            break;
        default:
            check_life(&fixture->event, account->records++);
            break;
        }
    }
    assert_int_equal(ring_reader_lost(fixture->reader), 0);
}

static void killed_sensors_lose_and_double_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account account = {0};
    put_snapshot(fixture, SNAPSHOT_PROCESSES);
    uint64_t seed = 4;
    uint64_t pushed = 0;
    for (unsigned round = 0; round < 200; round++) {
        pid_t child = start_child(fixture, (unsigned)(next_random(&seed) % 100) + 1);
        uint64_t turns = next_random(&seed) % 40;
        for (uint64_t i = 0; i < turns; i++) {
            while (next_random(&seed) % 50 != 0 && push_life(fixture, pushed)) {
                pushed++;
                if (next_random(&seed) % 16 == 0)
                    (void)fake_ring_push(&fixture->kernel, "nonsense", 8, 0, NULL);
            }
            check_events(fixture, &account);
        }
        struct timespec delay = {0, (long)(next_random(&seed) % 2000000)};
        nanosleep(&delay, NULL);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        check_events(fixture, &account);
    }
    struct sensor *sensor = start(fixture);
    while (sensor_step(sensor, 1000))
        ;
    sensor_close(sensor);
    check_events(fixture, &account);
    assert_true(pushed > 400); /* few on a busy machine */
    assert_int_equal(account.records, pushed);
    for (unsigned pid = 1; pid <= SNAPSHOT_PROCESSES; pid++)
        assert_int_equal(account.running[pid], 1);
    print_message("# %lu records, %lu loss events over 200 kills\n", (unsigned long)pushed,
                  (unsigned long)account.losses);
}

static void what_cannot_be_opened_is_explained(void **state)
{
    struct fixture *fixture = *state;
    struct sensor_config config = {
        .kernel_ring_fd = -1, .kernel_ring_bytes = KERNEL_RING_BYTES, .kernel_counters_fd = -1,
        .snapshot_fd = -1, .event_ring_fd = fixture->event_fd,
        .process_table_fd = fixture->table_fd, .users_path = "/etc/passwd",
        .boot_id = "0a1b2c3d", .clock = &FAKE_CLOCK,
    };
    struct sensor *sensor;
    struct explanation why = {""};
    assert_error(sensor_open(&config, &sensor, &why), ERROR_SYSTEM);
    assert_non_null(strstr(why.text, "kernel ring"));
    config.kernel_ring_fd = fixture->kernel.fd;
    config.process_table_fd = fixture->event_fd;
    assert_error(sensor_open(&config, &sensor, &why), ERROR_FORMAT);
    assert_non_null(strstr(why.text, "process table"));
    config.process_table_fd = fixture->table_fd;
    config.event_ring_fd = fixture->table_fd;
    assert_error(sensor_open(&config, &sensor, NULL), ERROR_FORMAT);
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(records_become_events),
        FIXTURE_TEST(malformed_records_are_counted_and_passed),
        FIXTURE_TEST(what_is_in_the_event_ring_does_not_come_again),
        FIXTURE_TEST(the_place_of_another_kernel_ring_is_not_taken),
        FIXTURE_TEST(losses_are_told_once_a_second),
        FIXTURE_TEST(what_runs_is_told_once),
        FIXTURE_TEST(who_is_gone_is_marked),
        FIXTURE_TEST(a_broken_snapshot_is_counted),
        FIXTURE_TEST(killed_sensors_lose_and_double_nothing),
        FIXTURE_TEST(what_cannot_be_opened_is_explained),
    };
    return unit_run("sensor", tests);
}
