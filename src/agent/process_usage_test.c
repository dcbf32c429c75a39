// SPDX-License-Identifier: Apache-2.0
#include "agent/process_usage.h"

#include "base/limits.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder in place of /proc whose meminfo says this. */
static struct memory_usage usage_of(const char *text)
{
    char folder[] = "/tmp/creance-meminfo-XXXXXX";
    assert_non_null(mkdtemp(folder));
    int processes = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = openat(processes, "meminfo", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    struct memory_usage usage = memory_usage_read(processes);
    assert_int_equal(unlinkat(processes, "meminfo", 0), 0);
    close(processes);
    assert_int_equal(rmdir(folder), 0);
    return usage;
}

static void rows_are_found_by_their_names(void **state)
{
    (void)state;
    struct memory_usage usage = usage_of("MemTotal:       24618632 kB\nMemFree:  1 kB\n"
                                         "MemAvailable:   1024 kB\nBuffers: 5 kB\n");
    assert_true(usage.total_bytes == UINT64_C(24618632) * 1024);
    assert_int_equal(usage.available_bytes, MIB);
    assert_int_equal(usage_of("MemTotal: 8 kB\nMemAvailable: 0 kB\n").total_bytes, 8192);
}

/* What is not said is not known: it must not be taken for a host without any memory. */
static void what_is_missing_is_not_known(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "MemTotal: 8 kB\n",
        "MemTotal: 8 kB\nMemAvailable:\n",
        "MemTotal: 8 kB\nMemAvailable: many kB\n",
        "MemAvailable: 8 kB\n",
        "MemTotal: kB\nMemAvailable: 8 kB\n",
        "MemTotal: 99999999999999999999 kB\nMemAvailable: 8 kB\n",
        "nothing",
        "",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        assert_int_equal(usage_of(TEXTS[i]).total_bytes, 0);
    assert_int_equal(memory_usage_read(-1).total_bytes, 0);
}

static void this_host_has_memory(void **state)
{
    (void)state;
    int processes = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct memory_usage usage = memory_usage_read(processes);
    assert_true(usage.total_bytes > 0 && usage.available_bytes <= usage.total_bytes);
    close(processes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_their_names),
        cmocka_unit_test(what_is_missing_is_not_known),
        cmocka_unit_test(this_host_has_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
