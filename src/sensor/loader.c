// SPDX-License-Identifier: Apache-2.0
#include "sensor/loader.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "sensor/loader_attach.h"
#include "sensor/probe_set.h"
#include "sensor/wire.h"

/* Written by bpftool; it holds the programs themselves. */
#include "sensor_bpf.skel.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERIFIER_LOG_BYTES = 4 * MIB };

static const enum probe_how probe_hows[PROBE_COUNT] = {
#define PROBE(id, program, how, target, shows, is_required, doc) PROBE_##how,
#include "sensor/probes.def"
};

/* What libbpf prints goes nowhere: what matters comes back as status. */
static int print_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

static bool probe_uses(enum probe probe, const struct bpf_program *program)
{
    return string_equal(probe_row(probe)->program, bpf_program__name(program));
}

/* Of test builds: the programs that a changed verifier refuses. */
static bool is_spoilt(const struct loader_settings *settings, const char *name)
{
    static const char *const SOME[] = {"snapshot_full", "file_open_end", "network_connect_end"};
    if (fault_is_planted(FAULT_VERIFIER_REFUSES_ALL))
        return true;
    if (fault_is_planted(FAULT_VERIFIER_REFUSES_ADDED) && settings->is_addition)
        return string_equal(name, "file_open_end");
    for (size_t i = 0; i < sizeof SOME / sizeof SOME[0]; i++) {
        if (fault_is_planted(FAULT_VERIFIER_REFUSES_SOME) && string_equal(SOME[i], name))
            return true;
    }
    return false;
}

/* Has them begin with a read of a register that nobody wrote: no verifier takes that. The refusal,
 * its error and its words are the kernel's. */
static int spoil_programs(const struct loader_settings *settings, struct sensor_bpf *object)
{
    static const struct bpf_insn READ_UNWRITTEN = {
        .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_9};
    struct bpf_program *program;
    bpf_object__for_each_program(program, object->obj)
    {
        if (!is_spoilt(settings, bpf_program__name(program)))
            continue;
        size_t count = bpf_program__insn_cnt(program);
        struct bpf_insn *spoilt = calloc(count, sizeof *spoilt);
        if (spoilt == NULL)
            return -ENOMEM;
        bytes_copy(spoilt, count * sizeof *spoilt, bpf_program__insns(program),
                   count * sizeof *spoilt);
        spoilt[0] = READ_UNWRITTEN;
        int failure = bpf_program__set_insns(program, spoilt, count);
        free(spoilt);
        if (failure != 0)
            return failure;
    }
    return 0;
}

/* Opens the object with our settings; nothing is in the kernel yet. NULL with errno. */
static struct sensor_bpf *object_open(const struct loader_settings *settings)
{
    struct sensor_bpf *object = sensor_bpf__open();
    if (object == NULL)
        return NULL;
    int processors = libbpf_num_possible_cpus();
    __u32 rows = processors > 0 ? (__u32)processors : 1;
    object->rodata->setting_wake_fill_bytes = settings->wake_fill_bytes;
    object->rodata->setting_wake_gap_ns = settings->wake_gap_ns;
    if (bpf_map__set_max_entries(object->maps.records, settings->ring_bytes) != 0
        || bpf_map__set_max_entries(object->maps.scratch_of_cpu, rows) != 0
        || bpf_map__set_max_entries(object->maps.named_call_of_cpu, rows) != 0
        || spoil_programs(settings, object) != 0) {
        sensor_bpf__destroy(object);
        return NULL;
    }
    return object;
}

/* The last line that the verifier wrote about the matter itself. */
static void last_line(const char *log, char *out, size_t capacity)
{
    size_t end = strlen(log);
    while (end > 0) {
        while (end > 0 && log[end - 1] == '\n')
            end--;
        size_t start = end;
        while (start > 0 && log[start - 1] != '\n')
            start--;
        const char *line = log + start;
        bool is_statistic = string_starts_with(line, "processed ")
                            || string_starts_with(line, "stack depth ")
                            || string_starts_with(line, "verification time ");
        if (end > start && !is_statistic) {
            (void)string_format(out, capacity, "%.*s", (int)(end - start), line);
            return;
        }
        end = start;
    }
    (void)string_format(out, capacity, "the kernel gave no reason");
}

/* Loads one program alone. PROBE_UNTRIED in ret_status: it loads. */
static RESULT program_try(const struct loader_settings *settings, const char *name, char *log,
                          struct probe_status *ret_status)
{
    struct loader_settings small = *settings;
    small.ring_bytes = 64 * KIB;
    struct sensor_bpf *object = object_open(&small);
    if (object == NULL)
        return result_from_errno();
    struct bpf_program *program;
    log[0] = '\0';
    bpf_object__for_each_program(program, object->obj)
    {
        bool is_it = string_equal(bpf_program__name(program), name);
        bpf_program__set_autoload(program, is_it);
        if (is_it)
            bpf_program__set_log_buf(program, log, VERIFIER_LOG_BYTES);
    }
    *ret_status = (struct probe_status){.state = PROBE_UNTRIED};
    int failure = sensor_bpf__load(object);
    if (failure != 0) {
        ret_status->state = PROBE_REFUSED;
        ret_status->system_errno = -failure;
        last_line(log, ret_status->detail, sizeof(ret_status->detail));
    }
    sensor_bpf__destroy(object);
    return RESULT_OK;
}

/* Something was refused: tries each program alone and marks the probes of those that fail. */
static RESULT programs_try_each(const struct loader_settings *settings, struct loaded *loaded)
{
    char *log = malloc(VERIFIER_LOG_BYTES);
    if (log == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = RESULT_OK;
    for (unsigned probe = 0; probe < PROBE_COUNT && result_is_ok(result); probe++) {
        struct probe_status *status = &loaded->probes[probe];
        if (status->state == PROBE_LEFT_OUT)
            continue;
        const char *program = probe_row(probe)->program;
        bool is_known = false;
        for (unsigned other = 0; other < probe && !is_known; other++) {
            is_known = loaded->probes[other].state != PROBE_LEFT_OUT
                       && string_equal(probe_row(other)->program, program);
            if (is_known)
                *status = loaded->probes[other];
        }
        if (!is_known)
            result = program_try(settings, program, log, status);
    }
    free(log);
    return result;
}

/* The second snapshot is there for kernels that refuse the first. */
static void spare_snapshot(struct loaded *loaded)
{
    if (loaded->probes[PROBE_snapshot].state == PROBE_UNTRIED)
        loaded->probes[PROBE_snapshot_plain].state = PROBE_SPARE;
}

/* What boot guard or probe set do not want is not even given to the verifier. */
static void leave_out(const struct loader_settings *settings, struct loaded *loaded)
{
    for (unsigned probe = 0; probe < PROBE_COUNT; probe++) {
        bool is_base = probe_is_base(probe);
        bool is_wanted = settings->is_addition ? !is_base && probe_set_has(&settings->probes, probe)
                                               : is_base || probe_set_has(&settings->probes, probe);
        if (!is_wanted)
            loaded->probes[probe].state = PROBE_LEFT_OUT;
    }
}

/* Programs that join others write into the maps of those. */
static int join_maps(const struct loader_maps *maps, struct sensor_bpf *object)
{
    const struct {
        struct bpf_map *map;
        int fd;
    } SHARED[] = {{object->maps.records, maps->ring},
                  {object->maps.counters, maps->counters},
                  {object->maps.ignored_processes, maps->ignored}};
    for (size_t i = 0; i < sizeof SHARED / sizeof SHARED[0]; i++) {
        int failure = SHARED[i].fd < 0 ? 0 : bpf_map__reuse_fd(SHARED[i].map, SHARED[i].fd);
        if (failure != 0)
            return failure;
    }
    return 0;
}

/* Loads the programs of all probes that are still untried. */
static int object_load(const struct loader_settings *settings, const struct loaded *loaded,
                       struct sensor_bpf **ret_object)
{
    struct sensor_bpf *object = object_open(settings);
    if (object == NULL)
        return errno != 0 ? -errno : -ENOMEM;
    struct bpf_program *program;
    bpf_object__for_each_program(program, object->obj)
    {
        bool is_wanted = false;
        for (unsigned probe = 0; probe < PROBE_COUNT; probe++)
            is_wanted |= loaded->probes[probe].state == PROBE_UNTRIED && probe_uses(probe, program);
        bpf_program__set_autoload(program, is_wanted);
    }
    int failure = join_maps(&settings->maps, object);
    if (failure == 0)
        failure = sensor_bpf__load(object);
    if (failure == 0)
        *ret_object = object;
    else
        sensor_bpf__destroy(object);
    return failure;
}

static void attach_all(struct sensor_bpf *object, struct loaded *loaded)
{
    int events_folder = -1;
    /* Without it each probe of a system call says so itself. */
    result_ignore(loader_events_open(&events_folder));
    for (unsigned probe = 0; probe < PROBE_COUNT; probe++) {
        struct probe_status *status = &loaded->probes[probe];
        if (status->state != PROBE_UNTRIED)
            continue;
        const struct probe_row *row = probe_row(probe);
        const struct bpf_program *program =
            bpf_object__find_program_by_name(object->obj, row->program);
        if (program == NULL)
            abort(); /* probes.def names a program that does not exist */
        loader_attach(program, probe_hows[probe], row->target, events_folder, status,
                      &loaded->links[probe]);
    }
    if (events_folder >= 0)
        close(events_folder);
}

static RESULT take_map(const struct bpf_map *map, int *ret_fd)
{
    *ret_fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3);
    return *ret_fd < 0 ? result_from_errno() : RESULT_OK;
}

static RESULT take_maps(struct sensor_bpf *object, struct loaded *loaded)
{
    GUARD(take_map(object->maps.records, &loaded->ring));
    GUARD(take_map(object->maps.counters, &loaded->counters));
    return take_map(object->maps.ignored_processes, &loaded->ignored);
}

static void loaded_clear(struct loaded *loaded)
{
    *loaded = (struct loaded){.ring = -1, .counters = -1, .ignored = -1};
    for (unsigned probe = 0; probe < PROBE_COUNT; probe++)
        loaded->links[probe] = -1;
}

static void loaded_sum_up(struct loaded *loaded)
{
    for (unsigned probe = 0; probe < PROBE_COUNT; probe++) {
        enum probe_state state = loaded->probes[probe].state;
        loaded->attached_count += state == PROBE_ATTACHED;
        loaded->missing_count += state != PROBE_ATTACHED && state != PROBE_SPARE;
    }
}

/* Why nothing works, in the order in which people can mend it. */
static RESULT explain_refusal(struct explanation *why, int failure, const char *detail)
{
    struct loader_system system;
    loader_look(&system);
    if (!system.may_load)
        return explain(why, ERROR_UNSUPPORTED,
                       "eBPF programs were not loaded: this needs CAP_BPF and CAP_PERFMON (root)");
    if (!system.has_btf)
        return explain(why, ERROR_UNSUPPORTED,
                       "eBPF programs were not loaded: /sys/kernel/btf/vmlinux cannot be read; the "
                       "kernel must be built with CONFIG_DEBUG_INFO_BTF, as Debian's are");
    return explain(why, ERROR_UNSUPPORTED, "eBPF programs were not loaded by Linux %s: %s%s%s",
                   system.kernel, strerror(failure), *detail != '\0' ? "; " : "", detail);
}

RESULT loader_load(const struct loader_settings *settings, struct loaded *ret_loaded,
                   struct explanation *why)
{
    loaded_clear(ret_loaded);
    libbpf_set_print(print_nothing);
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    spare_snapshot(ret_loaded);
    leave_out(settings, ret_loaded);
    struct sensor_bpf *object = NULL;
    int failure = object_load(settings, ret_loaded, &object);
    if (failure == -EPERM)
        return explain_refusal(why, EPERM, "");
    if (failure != 0 && fault_is_planted(FAULT_PROBES_ALL_OR_NONE))
        return explain_refusal(why, -failure, "");
    if (failure != 0) {
        if (ret_loaded->probes[PROBE_snapshot_plain].state == PROBE_SPARE)
            ret_loaded->probes[PROBE_snapshot_plain].state = PROBE_UNTRIED;
        GUARD(programs_try_each(settings, ret_loaded));
        spare_snapshot(ret_loaded);
        failure = object_load(settings, ret_loaded, &object);
    }
    if (object == NULL)
        return explain_refusal(why, -failure, "");
    attach_all(object, ret_loaded);
    struct result result = take_maps(object, ret_loaded);
    sensor_bpf__destroy(object);
    loaded_sum_up(ret_loaded);
    if (!result_is_ok(result))
        return explain_errno(why, "descriptors of the eBPF maps could not be copied");
    if (ret_loaded->attached_count == 0 && !settings->is_addition)
        return explain_refusal(why, ret_loaded->probes[PROBE_exec].system_errno,
                               ret_loaded->probes[PROBE_exec].detail);
    return RESULT_OK;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void loader_close(struct loaded *loaded)
{
    for (unsigned probe = 0; probe < PROBE_COUNT; probe++)
        close_one(&loaded->links[probe]);
    close_one(&loaded->ring);
    close_one(&loaded->counters);
    close_one(&loaded->ignored);
}
