// SPDX-License-Identifier: Apache-2.0
#include "agent/control/rules_watch.h"

#include "base/bytes.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t bench_now(void *context) { return *(uint64_t *)context; }

struct bench {
    char path[64];
    int vendor, local;
    uint64_t now_ns;
    struct clock clock;
    struct rules_watch *watch;
};

static int make_folder(struct bench *bench, const char *name)
{
    char path[128];
    string_format(path, sizeof path, "%s/%s", bench->path, name);
    assert_int_equal(mkdir(path, 0700), 0);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void put(int folder, const char *name, const char *text)
{
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    string_copy(bench->path, sizeof bench->path, "/tmp/rules-watch-XXXXXX");
    assert_non_null(mkdtemp(bench->path));
    bench->vendor = make_folder(bench, "vendor");
    bench->local = make_folder(bench, "local");
    bench->now_ns = 1000 * NS_PER_S;
    bench->clock = (struct clock){bench_now, bench_now, &bench->now_ns};
    bench->watch = rules_watch_new(bench->vendor, bench->local, &bench->clock);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    rules_watch_free(bench->watch);
    static const char *const NAMES[] = {"a.yml", "b.yml", "c.txt"};
    for (size_t i = 0; i < 3; i++) {
        unlinkat(bench->vendor, NAMES[i], 0);
        unlinkat(bench->local, NAMES[i], 0);
    }
    int root = open(bench->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unlinkat(root, "vendor", AT_REMOVEDIR);
    unlinkat(root, "local", AT_REMOVEDIR);
    close(root);
    rmdir(bench->path);
    close(bench->vendor);
    close(bench->local);
    free(bench);
    return 0;
}

/* Moves time on until a pack comes, for at most ten seconds; -1: none came. */
static int wait_pack(struct bench *bench, size_t *ret_size)
{
    for (unsigned i = 0; i < 100; i++) {
        int pack = -1;
        struct explanation why;
        struct result result = rules_watch_work(bench->watch, &pack, ret_size, &why);
        if (result_is_ok(result))
            return pack;
        assert_int_equal(result.error, ERROR_AGAIN);
        bench->now_ns += 100 * (uint64_t)NS_PER_MS;
    }
    return -1;
}

static size_t count_files(int pack, size_t size)
{
    uint8_t *data = mmap(NULL, size, PROT_READ, MAP_SHARED, pack, 0);
    assert_true(data != MAP_FAILED);
    struct pack_reader reader;
    struct pack_file file;
    size_t count = 0;
    assert_ok(pack_reader_open(data, size, &reader));
    while (result_is_ok(pack_reader_next(&reader, &file))) {
        bool is_vendor = file.name.size > 7 && memcmp(file.name.data, "vendor/", 7) == 0;
        bool is_local = file.name.size > 6 && memcmp(file.name.data, "local/", 6) == 0;
        assert_true(is_vendor || is_local);
        count++;
    }
    munmap(data, size);
    close(pack);
    return count;
}

/* Files in the next pack; fails where none comes. */
static size_t wait_files(struct bench *bench)
{
    size_t size = 0;
    int pack = wait_pack(bench, &size);
    assert_true(pack >= 0);
    return count_files(pack, size);
}

static void the_first_pack_comes_at_once_and_cannot_be_changed(void **state)
{
    struct bench *bench = *state;
    put(bench->vendor, "a.yml", "title: a\n");
    put(bench->local, "b.yml", "title: b\n");
    put(bench->local, "c.txt", "no rule\n");
    int pack = -1;
    size_t size = 0;
    assert_ok(rules_watch_work(bench->watch, &pack, &size, NULL));
    assert_int_equal(fcntl(pack, F_GET_SEALS),
                     F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(write(pack, "x", 1), -1);
    assert_int_equal(count_files(pack, size), 2);
    assert_int_equal(rules_watch_file_count(bench->watch), 2);
}

static void only_changes_bring_a_new_pack(void **state)
{
    struct bench *bench = *state;
    size_t size = 0;
    put(bench->vendor, "a.yml", "title: a\n");
    assert_int_equal(wait_files(bench), 1);
    assert_int_equal(wait_pack(bench, &size), -1);
    put(bench->vendor, "a.yml", "title: a\n"); /* touched, but the same bytes */
    assert_int_equal(wait_pack(bench, &size), -1);
    put(bench->vendor, "a.yml", "title: other\n");
    assert_int_equal(wait_files(bench), 1);
    put(bench->local, "b.yml", "title: b\n");
    assert_int_equal(wait_files(bench), 2);
    unlinkat(bench->vendor, "a.yml", 0);
    assert_int_equal(wait_files(bench), 1);
}

static void a_pack_that_could_not_be_handed_on_comes_again(void **state)
{
    struct bench *bench = *state;
    size_t size = 0;
    put(bench->vendor, "a.yml", "title: a\n");
    close(wait_pack(bench, &size));
    rules_watch_again(bench->watch);
    assert_int_equal(wait_files(bench), 1);
}

static void no_folders_make_an_empty_pack(void **state)
{
    struct bench *bench = *state;
    rules_watch_free(bench->watch);
    bench->watch = rules_watch_new(-1, -1, &bench->clock);
    assert_int_equal(wait_files(bench), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_pack_comes_at_once_and_cannot_be_changed),
        TEST(only_changes_bring_a_new_pack),
        TEST(a_pack_that_could_not_be_handed_on_comes_again),
        TEST(no_folders_make_an_empty_pack),
    };
    return unit_run("rules_watch", tests);
}
