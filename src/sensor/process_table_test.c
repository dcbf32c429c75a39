// SPDX-License-Identifier: Apache-2.0
#include "sensor/process_table.h"

#include "base/bytes.h"
#include "base/counters.h"
#include "tests/unit.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct process_key key(uint32_t pid, uint64_t start_ns)
{
    return (struct process_key){.pid = pid, .start_ns = start_ns};
}

static struct process_table *fresh(int *ret_fd)
{
    struct process_table *table;
    assert_ok(process_table_create(ret_fd));
    assert_ok(process_table_open(*ret_fd, &table));
    return table;
}

static void add(struct process_table *table, struct process_key own, struct process_key parent,
                const char *executable)
{
    struct process_info *info = process_table_begin(table, own, own.start_ns, NULL);
    info->parent = parent;
    process_set_executable(info, executable, strlen(executable));
    process_table_commit(table, info);
}

static void assert_executable(const struct process_info *info, const char *expected)
{
    assert_int_equal(info->executable_size, strlen(expected));
    assert_memory_equal(info->executable, expected, info->executable_size);
}

static void readers_see_what_was_written(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    struct process_table *view;
    assert_ok(process_table_map(fd, &view));
    add(table, key(1, 10), key(0, 0), "/sbin/init");
    add(table, key(20, 200), key(1, 10), "/bin/sh");
    add(table, key(300, 3000), key(20, 200), "/usr/bin/id");

    struct process_info info;
    assert_ok(process_table_find(view, key(20, 200), &info));
    assert_executable(&info, "/bin/sh");
    assert_true(info.login_user_id == PROCESS_NO_LOGIN);
    assert_error(process_table_find(view, key(20, 201), &info), ERROR_NOT_FOUND);
    assert_error(process_table_find(view, key(0, 0), &info), ERROR_NOT_FOUND);
    assert_ok(process_table_find_pid(view, 300, &info));
    assert_executable(&info, "/usr/bin/id");
    process_table_end(table, key(300, 3000), 4000);
    assert_error(process_table_find_pid(view, 300, &info), ERROR_NOT_FOUND);
    assert_ok(process_table_find(view, key(300, 3000), &info));
    assert_true(info.end_ns == 4000);

    struct process_info ancestors[8];
    assert_int_equal(process_table_ancestors(view, info.parent, ancestors, 8), 2);
    assert_executable(&ancestors[0], "/bin/sh");
    assert_executable(&ancestors[1], "/sbin/init");
    assert_int_equal(process_table_ancestors(view, info.parent, ancestors, 1), 1);
    process_table_close(view);
    process_table_close(table);
    close(fd);
}

static void texts_are_cut_and_flagged(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    char text[2000];
    memset(text, 'x', sizeof text);
    struct process_info *info = process_table_begin(table, key(5, 5), 5, NULL);
    process_set_executable(info, text, PROCESS_EXECUTABLE_BYTES);
    process_set_arguments(info, text, PROCESS_ARGUMENTS_BYTES + 1);
    process_set_control_group(info, text, sizeof text);
    process_set_container(info, text, sizeof text);
    process_set_name(info, text, sizeof text);
    process_table_commit(table, info);
    struct process_info copy;
    assert_ok(process_table_find(table, key(5, 5), &copy));
    assert_int_equal(copy.flags, PROCESS_ARGUMENTS_CUT | PROCESS_CONTROL_GROUP_CUT);
    assert_int_equal(copy.executable_size, PROCESS_EXECUTABLE_BYTES);
    assert_int_equal(copy.arguments_size, PROCESS_ARGUMENTS_BYTES);
    assert_int_equal(copy.name_size, PROCESS_NAME_BYTES);
    assert_int_equal(copy.container_size, PROCESS_CONTAINER_BYTES);

    struct process_info *child = process_table_begin(table, key(6, 6), 6, &copy);
    process_inherit(child, &copy);
    process_table_commit(table, child);
    assert_ok(process_table_find(table, key(6, 6), &copy));
    assert_int_equal(copy.arguments_size, PROCESS_ARGUMENTS_BYTES);
    assert_int_equal(copy.flags, PROCESS_ARGUMENTS_CUT | PROCESS_CONTROL_GROUP_CUT);
    process_table_close(table);
    close(fd);
}

static void a_pid_that_comes_again_ends_the_other_one(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    add(table, key(77, 100), key(0, 0), "/old");
    add(table, key(77, 200), key(0, 0), "/new");
    struct process_info info;
    assert_ok(process_table_find(table, key(77, 100), &info));
    assert_true(info.end_ns == 200);
    assert_executable(&info, "/old");
    assert_ok(process_table_find_pid(table, 77, &info));
    assert_executable(&info, "/new");
    process_table_close(table);
    close(fd);
}

/* Ended processes make room first, the one that ended longest ago before the others; those with
 * living children stay. */
static void ended_processes_are_replaced_in_order(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    uint64_t evicted = counter_get(COUNTER_sensor_table_evicted);
    add(table, key(1, 1), key(0, 0), "/maker");
    add(table, key(2, 2), key(1, 1), "/daemon");
    process_table_end(table, key(1, 1), 3);
    add(table, key(2, 2), key(1, 1), "/executes");
    uint32_t pid = 3;
    for (; pid <= LIMIT_PROCESS_ENDED + 3; pid++) {
        add(table, key(pid, pid), key(2, 2), "/short");
        process_table_end(table, key(pid, pid), pid);
    }
    unsigned used = process_table_used(table);
    assert_int_equal(used, LIMIT_PROCESS_ENDED + 3);
    struct process_info info;
    assert_ok(process_table_find(table, key(3, 3), &info));
    for (unsigned i = 0; i < 40000; i++, pid++) {
        add(table, key(pid, pid), key(2, 2), "/short");
        process_table_end(table, key(pid, pid), pid);
        uint32_t gone = pid - LIMIT_PROCESS_ENDED - 1;
        assert_error(process_table_find(table, key(gone, gone), &info), ERROR_NOT_FOUND);
        assert_ok(process_table_find(table, key(gone + 1, gone + 1), &info));
    }
    assert_int_equal(process_table_used(table), used);
    assert_ok(process_table_find(table, key(1, 1), &info));
    assert_ok(process_table_find(table, key(2, 2), &info));
    assert_true(counter_get(COUNTER_sensor_table_evicted) == evicted);
    /* The maker is free to go once its last child is gone. */
    process_table_end(table, key(2, 2), pid);
    for (unsigned i = 0; i < LIMIT_PROCESS_ENDED + 8; i++, pid++) {
        add(table, key(pid, pid), key(0, 0), "/short");
        process_table_end(table, key(pid, pid), pid);
    }
    assert_error(process_table_find(table, key(1, 1), &info), ERROR_NOT_FOUND);
    process_table_close(table);
    close(fd);
}

static void a_table_full_of_living_ones_drops_leaves_and_counts(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    uint64_t evicted = counter_get(COUNTER_sensor_table_evicted);
    add(table, key(1, 1), key(0, 0), "/sbin/init");
    for (uint32_t pid = 2; pid <= LIMIT_PROCESS_SLOTS + 1000; pid++)
        add(table, key(pid, pid), key(1, 1), "/sleeper");
    assert_int_equal(process_table_used(table), LIMIT_PROCESS_SLOTS);
    assert_true(counter_get(COUNTER_sensor_table_evicted) == evicted + 1000);
    struct process_info info;
    assert_ok(process_table_find(table, key(1, 1), &info));
    assert_error(process_table_find(table, key(2, 2), &info), ERROR_NOT_FOUND);
    unsigned found = 0;
    for (uint32_t pid = 1; pid <= LIMIT_PROCESS_SLOTS + 1000; pid++)
        found += result_is_ok(process_table_find(table, key(pid, pid), &info));
    assert_int_equal(found, LIMIT_PROCESS_SLOTS);
    process_table_close(table);
    close(fd);
}

static void a_successor_knows_what_its_predecessor_knew(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    add(table, key(1, 1), key(0, 0), "/sbin/init");
    add(table, key(2, 2), key(1, 1), "/torn");
    add(table, key(3, 3), key(1, 1), "/ended");
    process_table_end(table, key(3, 3), 9);
    process_table_set_note(table, 5, 55);
    /* Dies while it writes. */
    struct process_info *info = process_table_begin(table, key(2, 2), 20, NULL);
    process_set_executable(info, "/half", 5);
    struct process_table *view;
    assert_ok(process_table_map(fd, &view));
    struct process_info copy;
    assert_error(process_table_find(view, key(2, 2), &copy), ERROR_NOT_FOUND);
    process_table_close(table);

    assert_ok(process_table_open(fd, &table));
    assert_null(process_table_get(table, key(2, 2)));
    assert_error(process_table_find(view, key(2, 2), &copy), ERROR_NOT_FOUND);
    assert_executable(process_table_get(table, key(1, 1)), "/sbin/init");
    assert_true(process_table_get(table, key(3, 3))->end_ns == 9);
    assert_true(process_table_note(table, 5) == 55);
    add(table, key(4, 4), key(1, 1), "/next");
    assert_int_equal(process_table_used(table), 3); /* the torn slot is used again */
    assert_ok(process_table_find(view, key(4, 4), &copy));
    assert_executable(&copy, "/next");
    process_table_close(view);
    process_table_close(table);
    close(fd);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* One change to a table of processes whose texts all say the same number. */
static void change(struct process_table *table, uint64_t *seed)
{
    uint32_t pid = (uint32_t)(next_random(seed) % 3000) + 1;
    uint64_t start = next_random(seed) % 4 + 1;
    if (next_random(seed) % 4 == 0) {
        process_table_end(table, key(pid, start), 5);
        return;
    }
    char text[600];
    memset(text, 'a' + (int)((pid + start) % 26), sizeof text);
    struct process_info *info = process_table_begin(table, key(pid, start), start, NULL);
    info->parent = key((uint32_t)(next_random(seed) % 3000) + 1, 1);
    process_set_executable(info, text, PROCESS_EXECUTABLE_BYTES);
    process_set_arguments(info, text, sizeof text);
    process_table_commit(table, info);
}

/* What a writer is killed in. */
static void churn(int fd, uint64_t seed)
{
    struct process_table *table;
    if (!result_is_ok(process_table_open(fd, &table)))
        _exit(3);
    for (;;)
        change(table, &seed);
}

/* The index finds exactly what the slots hold. */
static unsigned check_index(const struct process_table *view)
{
    unsigned found = 0;
    for (unsigned slot = 0; slot < process_table_used(view); slot++) {
        struct process_info info;
        struct process_info other;
        if (!result_is_ok(process_table_read(view, slot, &info)))
            continue;
        assert_ok(process_table_find(view, info.key, &other));
        assert_memory_equal(&info, &other, sizeof info);
        found++;
    }
    return found;
}

/* Pids that share a place in the index, and come and go. */
static void the_index_survives_churn(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    uint64_t seed = 9;
    for (unsigned i = 0; i < 30000; i++)
        change(table, &seed);
    assert_true(check_index(table) > 3000);
    process_table_close(table);
    assert_ok(process_table_open(fd, &table));
    for (unsigned i = 0; i < 30000; i++)
        change(table, &seed);
    assert_true(check_index(table) > 3000);
    process_table_close(table);
    close(fd);
}

/* Every copy that a reader gets is of one piece. */
static unsigned check_copies(const struct process_table *view)
{
    unsigned found = 0;
    for (unsigned slot = 0; slot < process_table_used(view); slot++) {
        struct process_info info;
        if (!result_is_ok(process_table_read(view, slot, &info)))
            continue;
        uint8_t expected = (uint8_t)('a' + (int)((info.key.pid + info.key.start_ns) % 26));
        assert_int_equal(info.executable[0], expected);
        assert_int_equal(info.executable[info.executable_size - 1], expected);
        assert_int_equal(info.arguments[info.arguments_size - 1], expected);
        found++;
    }
    return found;
}

static void killed_writers_leave_nothing_torn(void **state)
{
    (void)state;
    int fd;
    struct process_table *view;
    assert_ok(process_table_create(&fd));
    assert_ok(process_table_map(fd, &view));
    uint64_t seed = 1;
    unsigned found = 0;
    for (unsigned round = 0; round < 60; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            churn(fd, round);
        struct timespec delay = {0, (long)(next_random(&seed) % 12000000)};
        nanosleep(&delay, NULL);
        (void)check_copies(view);
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        found = check_copies(view);
    }
    assert_true(found > 100);
    struct process_table *table;
    assert_ok(process_table_open(fd, &table));
    assert_true(check_index(view) > 100);
    process_table_close(table);
    process_table_close(view);
    close(fd);
}

/* A reader must survive whatever a writer put there. */
static void lying_memory_harms_no_reader(void **state)
{
    (void)state;
    int fd;
    struct process_table *table = fresh(&fd);
    for (uint32_t pid = 1; pid < 200; pid++)
        add(table, key(pid, 1), key(pid % 199 + 1, 1), "/loop");
    process_table_close(table);
    off_t size = lseek(fd, 0, SEEK_END);
    uint8_t *memory =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    struct process_table *view;
    assert_ok(process_table_map(fd, &view));
    struct process_info ancestors[LIMIT_ANCESTORS];
    assert_int_equal(process_table_ancestors(view, key(5, 1), ancestors, LIMIT_ANCESTORS),
                     LIMIT_ANCESTORS);
    uint64_t seed = 3;
    for (unsigned round = 0; round < 40; round++) {
        enum { FRONT_BYTES = 4096 + 4 * 32768 + 200 * 2048 };
        for (unsigned i = 0; i < 4000; i++)
            memory[24 + next_random(&seed) % (FRONT_BYTES - 24)] = (uint8_t)next_random(&seed);
        for (uint32_t pid = 1; pid < 20; pid++)
            (void)process_table_ancestors(view, key(pid, 1), ancestors, LIMIT_ANCESTORS);
        for (unsigned slot = 0; slot < 200; slot++) {
            struct process_info info;
            if (result_is_ok(process_table_read(view, slot, &info)))
                assert_true(info.arguments_size <= PROCESS_ARGUMENTS_BYTES);
        }
    }
    process_table_close(view);
    /* And a successor takes what can be taken. */
    assert_ok(process_table_open(fd, &table));
    add(table, key(9999, 9), key(1, 1), "/after");
    assert_executable(process_table_get(table, key(9999, 9)), "/after");
    process_table_close(table);
    (void)munmap(memory, (size_t)size);
    close(fd);
}

static void ids_are_told_in_hex(void **state)
{
    (void)state;
    char text[PROCESS_ID_BYTES];
    assert_int_equal(process_id_format("0a1b2c3d-rest", key(4711, 255), text), 16);
    assert_string_equal(text, "0a1b2c3d-1267-ff");
    assert_true(process_id_format("0a1b2c3d", key(UINT32_MAX, UINT64_MAX), text)
                < PROCESS_ID_BYTES);
    assert_string_equal(text, "0a1b2c3d-ffffffff-ffffffffffffffff");
    (void)process_id_format("0a1b2c3d", key(0, 0), text);
    assert_string_equal(text, "0a1b2c3d-0-0");
}

static void other_memory_is_refused(void **state)
{
    (void)state;
    int fd = memfd_create("other", MFD_CLOEXEC);
    struct process_table *table;
    assert_error(process_table_open(fd, &table), ERROR_FORMAT);
    assert_error(process_table_map(-1, &table), ERROR_SYSTEM);
    int good;
    assert_ok(process_table_create(&good));
    off_t size = lseek(good, 0, SEEK_END);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_error(process_table_map(fd, &table), ERROR_FORMAT);
    close(good);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_was_written),
        cmocka_unit_test(texts_are_cut_and_flagged),
        cmocka_unit_test(a_pid_that_comes_again_ends_the_other_one),
        cmocka_unit_test(ended_processes_are_replaced_in_order),
        cmocka_unit_test(a_table_full_of_living_ones_drops_leaves_and_counts),
        cmocka_unit_test(a_successor_knows_what_its_predecessor_knew),
        cmocka_unit_test(the_index_survives_churn),
        cmocka_unit_test(killed_writers_leave_nothing_torn),
        cmocka_unit_test(lying_memory_harms_no_reader),
        cmocka_unit_test(ids_are_told_in_hex),
        cmocka_unit_test(other_memory_is_refused),
    };
    return unit_run("process_table", tests);
}
