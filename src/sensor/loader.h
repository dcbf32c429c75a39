// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Loads and attaches our eBPF programs, each of which is a probe that costs only itself when this
 * kernel does not take it (sensor/probes.def), and hands out what keeps them alive: descriptors.
 *
 * A program stays attached as long as anybody holds the descriptor of its link, in whichever
 * process: the one that called loader_load() may pass them on and end. When the last holder
 * closes them (or is killed), nothing of ours is left in the kernel.
 */
#include "base/limits.h"
#include "base/result.h"
#include "schema/schema.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum probe {
#define PROBE(id, ...) PROBE_##id,
#include "sensor/probes.def"
    PROBE_COUNT
};

enum probe_state {
    PROBE_UNTRIED = 0,
    PROBE_ATTACHED,
    PROBE_SPARE,   /* not needed, because another one that shows more is attached */
    PROBE_ABSENT,  /* this kernel has no such place to attach to */
    PROBE_REFUSED, /* the kernel did not load the program: see detail */
    PROBE_FAILED,  /* loaded, but attaching failed: see system_errno */
    PROBE_LEFT_OUT, /* on purpose: loader_settings.probes */
    PROBE_STATE_COUNT
};

struct probe_row {
    const char *name;    /* "exec" */
    const char *program; /* function name of the program, as bpftool shows it */
    const char *target;  /* "sched_process_exec" */
    uint32_t shows;      /* bit EVENT_x is set where it is needed for that kind */
    bool is_required;
    const char *doc; /* what is not seen without it */
};

/* What is not seen on any kernel (sensor/blind_spots.def). */
struct blind_spot {
    const char *name;
    uint32_t shows; /* bit EVENT_x is set for each kind that is incomplete because of it */
    const char *doc;
};
const struct blind_spot *blind_spots(size_t *ret_count);

/* What a kind of event helps to see (sensor/techniques.def). */
struct technique {
    enum event_kind kind;
    const char *id; /* of MITRE ATT&CK: "T1055.008" */
    const char *name;
};
const struct technique *techniques(size_t *ret_count);

/* The row of a probe, a name for a state ("attached"); numbers above the table abort. */
const struct probe_row *probe_row(enum probe probe);
const char *probe_state_name(enum probe_state state);
/* Required, or the snapshot: loaded on a host that boots badly, and whatever a probe set says. */
bool probe_is_base(enum probe probe);

enum { PROBE_DETAIL_BYTES = 256 };
struct probe_status {
    enum probe_state state;
    int system_errno;                /* 0 where attached or spare */
    char detail[PROBE_DETAIL_BYTES]; /* what the verifier said last, or which step failed */
};

/* A set of probes, in two numbers, so that it fits into a message (probe_set.h). */
enum { PROBE_SET_WORDS = 2 };
static_assert(PROBE_COUNT <= 64 * PROBE_SET_WORDS, "a probe set has a bit for each probe");
struct probe_set {
    uint64_t words[PROBE_SET_WORDS];
};

/* The maps of programs that are attached already, for others that join them. */
struct loader_maps {
    int ring, counters, ignored; /* -1: none */
};

struct loader_settings {
    uint32_t ring_bytes;      /* of the kernel ring: a power of two, at least 64 KiB */
    uint32_t wake_fill_bytes; /* the reader is woken when the ring holds more than this ... */
    uint64_t wake_gap_ns;     /* ... or by a process start, if not woken for so long;
                                 by most others, after half as long again */
    struct probe_set probes;  /* what is loaded, beside the base (probe_is_base()) */
    bool is_addition;         /* nothing but `probes`, with `maps`: the base is attached already */
    struct loader_maps maps;
};
#define LOADER_SETTINGS_DEFAULT                                                            \
    ((struct loader_settings){.ring_bytes = LIMIT_KERNEL_RING_BYTES,                       \
                              .wake_fill_bytes = 64 * KIB,                                 \
                              .wake_gap_ns = UINT64_C(5000000),                            \
                              .probes = {{UINT64_MAX, UINT64_MAX}},                        \
                              .maps = {-1, -1, -1}})

/* What is loaded. All descriptors are close-on-exec, and -1 where there is none. */
struct loaded {
    int ring;     /* the kernel ring: records of sensor/wire.h */
    int counters; /* can be mapped read-only: LOADER_COUNTERS_BYTES, see enum wire_counter */
    int ignored;  /* map of process ids whose file events are not reported */
    int links[PROBE_COUNT]; /* of the attached probes; closing one detaches it */
    struct probe_status probes[PROBE_COUNT];
    unsigned attached_count;
    unsigned missing_count; /* neither attached nor spare */
};

/*
 * Loads and attaches everything of the settings that this kernel takes. Succeeds when at least one
 * program is attached, or for an addition; how each fared is in ret_loaded->probes, also on
 * failure. Needs CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN) and the kernel's BTF. Takes about 0.2
 * s; up to some seconds where a program is refused, because then each is tried alone.
 */
RESULT loader_load(const struct loader_settings *settings, struct loaded *ret_loaded,
                   struct explanation *why);

/* Closes every descriptor; what nobody else holds is detached, which takes about a second. */
void loader_close(struct loaded *loaded);

/* A new descriptor from which read(2) gives one record (struct wire_exec) for each process that
 * runs; the end of the file is the end of the snapshot. Read with at least WIRE_RECORD_BYTES;
 * a record may be split between two reads. `link` is that of PROBE_snapshot or, where that is not
 * attached, of PROBE_snapshot_plain; any holder of the link may call it. */
RESULT loader_snapshot_open(int link, int *ret_fd);

/* How many runs of the programs behind these links (-1: skip) the kernel left out because of
 * recursion, since they were loaded; each program counts once. Needs CAP_SYS_ADMIN. */
RESULT loader_missed_runs(const int *links, size_t count, uint64_t *ret_total);

/* Lets the file events of a process pass unreported (counted), or reports them again. */
RESULT loader_ignore(int ignored, uint32_t tgid, bool ignore);

/* --- what a kernel offers, before anything is installed -------------------------------------- */
enum { SYSTEM_TEXT_BYTES = 256 };
struct loader_system {
    char kernel[SYSTEM_TEXT_BYTES];           /* release */
    char security_modules[SYSTEM_TEXT_BYTES]; /* active ones, comma separated; "" where unknown */
    bool has_btf;                             /* /sys/kernel/btf/vmlinux can be read */
    bool may_load;                            /* we have the capabilities */
};

/* Looks, without loading anything. Never fails: what cannot be found out is said as absent. */
void loader_look(struct loader_system *ret_system);
