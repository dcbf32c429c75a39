// SPDX-License-Identifier: Apache-2.0
/*
 * What a kernel refuses costs that probe only. The refusal is made up: this program's own
 * syscall(), which libbpf finds before the C library's, answers for the kernel.
 */
#include "sensor/loader.h"

#include "base/bytes.h"
#include "sensor/probe_set.h"

#include "tests/unit.h"

#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Program that does not load; "" for all of them, NULL for none; and the reason. */
static const char *refused;
static int refused_errno;

static bool is_refused(long number, long command, long data)
{
    if (number != SYS_bpf || command != BPF_PROG_LOAD || refused == NULL)
        return false;
    union bpf_attr *attributes = (void *)(uintptr_t)data;
    /* libbpf tries programs of its own first, to find out what the kernel can do. */
    bool is_ours = attributes->prog_type == BPF_PROG_TYPE_TRACING
                   || attributes->prog_type == BPF_PROG_TYPE_TRACEPOINT;
    if (*refused != '\0' ? !string_equal(attributes->prog_name, refused) : !is_ours)
        return false;
    if (attributes->log_level > 0 && attributes->log_size > 0)
        (void)string_format((char *)(uintptr_t)attributes->log_buf, attributes->log_size,
                            "0: (b7) r0 = 0\nthis kernel does not like it\nprocessed 1 insns\n\n");
    return true;
}

/* The C library declares it with "...", whose arguments nobody may read beyond those passed. */
long answer_for_kernel(long number, long a, long b, long c, long d, long e,
                       long f) __asm__("syscall");
long answer_for_kernel(long number, long a, long b, long c, long d, long e, long f)
{
    static long (*real)(long, long, long, long, long, long, long);
    if (is_refused(number, a, b)) {
        errno = refused_errno;
        return -1;
    }
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, a, b, c, d, e, f);
}

static struct result load(const char *program, int with_errno, struct loaded *loaded,
                          struct explanation *why)
{
    struct loader_settings settings = LOADER_SETTINGS_DEFAULT;
    settings.ring_bytes = 64 * KIB;
    refused = program;
    refused_errno = with_errno;
    struct result result = loader_load(&settings, loaded, why);
    refused = NULL;
    return result;
}

static void test_one_refused(void **state)
{
    (void)state;
    struct loaded loaded;
    assert_ok(load("process_exit", EINVAL, &loaded, NULL));
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        const struct probe_status *status = &loaded.probes[i];
        bool is_it = string_equal(probe_row(i)->program, "process_exit");
        assert_int_equal(status->state == PROBE_REFUSED, is_it);
        assert_int_equal(loaded.links[i] >= 0, status->state == PROBE_ATTACHED);
        if (is_it) {
            assert_int_equal(status->system_errno, EINVAL);
            assert_string_equal(status->detail, "this kernel does not like it");
        }
    }
    assert_int_equal(loaded.probes[PROBE_exec].state, PROBE_ATTACHED);
    assert_int_equal(loaded.probes[PROBE_snapshot_plain].state, PROBE_SPARE);
    assert_true(loaded.missing_count >= 1);
    assert_true(loaded.ring >= 0 && loaded.counters >= 0 && loaded.ignored >= 0);
    loader_close(&loaded);
}

/* Several probes share a program: one that is wanted does not go with one that is left out. */
static void test_left_out_costs_no_other(void **state)
{
    (void)state;
    struct loaded loaded;
    struct loader_settings settings = LOADER_SETTINGS_DEFAULT;
    settings.ring_bytes = 64 * KIB;
    settings.probes = PROBE_SET_NONE;
    probe_set_add(&settings.probes, PROBE_exit);
    probe_set_add(&settings.probes, PROBE_unlinkat_end);
    refused = "process_exit";
    refused_errno = EINVAL;
    assert_ok(loader_load(&settings, &loaded, NULL));
    refused = NULL;
    assert_int_equal(loaded.probes[PROBE_exit].state, PROBE_REFUSED);
    assert_int_equal(loaded.probes[PROBE_rename_end].state, PROBE_LEFT_OUT);
    assert_int_equal(loaded.probes[PROBE_unlinkat_end].state, PROBE_ATTACHED);
    loader_close(&loaded);
}

static void test_snapshot_falls_back(void **state)
{
    (void)state;
    struct loaded loaded;
    assert_ok(load("snapshot_full", EACCES, &loaded, NULL));
    assert_int_equal(loaded.probes[PROBE_snapshot].state, PROBE_REFUSED);
    assert_int_equal(loaded.probes[PROBE_snapshot_plain].state, PROBE_ATTACHED);
    int file = -1;
    assert_ok(loader_snapshot_open(loaded.links[PROBE_snapshot_plain], &file));
    close(file);
    loader_close(&loaded);
}

static void test_all_refused(void **state)
{
    (void)state;
    struct loaded loaded;
    struct explanation why = {""};
    assert_error(load("", EINVAL, &loaded, &why), ERROR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "this kernel does not like it"));
    assert_int_equal(loaded.attached_count, 0);
    for (unsigned i = 0; i < PROBE_COUNT; i++)
        assert_int_equal(loaded.links[i], -1);
    loader_close(&loaded);
    assert_error(load("", EPERM, &loaded, &why), ERROR_UNSUPPORTED);
    loader_close(&loaded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_refused),
        cmocka_unit_test(test_left_out_costs_no_other),
        cmocka_unit_test(test_snapshot_falls_back),
        cmocka_unit_test(test_all_refused),
    };
    struct loader_system system;
    loader_look(&system);
    if (!system.may_load || !system.has_btf) {
        printf("1..0 # SKIP eBPF programs cannot be loaded here: %s\n",
               system.may_load ? "the kernel has no BTF" : "needs CAP_BPF and CAP_PERFMON");
        return 0;
    }
    return unit_run("loader_refusal", tests);
}
