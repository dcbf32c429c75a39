// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the hands of the update road share: updates.c (the road, what runs), trials.c (what is tried
 * beside it) and probes.c (the stream of probe sets). Nobody else includes this.
 */
#include "agent/release_set.h"
#include "agent/supervisor/pressure.h"
#include "agent/supervisor/supervisor_state.h"
#include "base/bytes.h"
#include "sensor/probe_set.h"
#include "update/road/road.h"

enum {
    STREAM_PROBES = BUNDLE_PROBES - 1,
    STREAM_COUNT = BUNDLE_KIND_COUNT,
    QUEUE_MAX = 16,
    PROBE_SETS_KNOWN = 4,
};
static_assert((int)STREAM_COUNT <= (int)LIMIT_STREAMS, "each kind of bundle has a stream");

struct queued {
    unsigned stream;
    struct lifecycle_event event;
};

/* A release in sealed memory, or (factory name, -1) none. */
struct held {
    struct release_name name;
    int sealed;
};

/* What the active engine and the shadow had used when the shadow began to judge. */
struct shadow_base {
    uint64_t since_ns;
    uint64_t matches[ENGINE_SLOTS];
    uint64_t cpu_ticks[ENGINE_SLOTS];
};

/* What is being tried beside what runs; the name of the factory set: nothing. */
struct trying {
    unsigned stream;
    struct release_name name;
    engine_load load; /* of the engines that run it with what else runs here */
    bool is_shadow;
    bool is_judging;  /* the shadow */
    struct shadow_base base;
    int waiting; /* sealed: for the trial's process, which is busy; -1: nothing waits */
    int release; /* sealed: what that process gets; -1: none */
    uint64_t launched_ns; /* that process */
    bool has_verdict;
};

struct known_probe_set {
    struct release_name name;
    struct probe_set set;
};

/* The stream of probe sets (probes.c). */
struct probes {
    struct held active;         /* what the road wants to run */
    bool is_read;               /* and `wanted` is what it names */
    struct probe_set wanted;    /* beside the base */
    struct probe_set given_up;  /* of them: their loading failed, and is not tried again for ever */
    struct probe_set loading;   /* by a loader that runs; empty: none does */
    bool is_trial;              /* it only tries */
    uint64_t since_ns;
    bool has_refused;           /* the kernel refused one */
    struct known_probe_set known[PROBE_SETS_KNOWN];
    unsigned next_known;
    bool is_reading;            /* a trial's process reads this one: */
    struct release_name reading;
    unsigned read_failures;     /* in a row; the host may be short of what it needs */
    uint64_t next_read_ns;
    bool is_from_disk;          /* to see whether its slot still says the same */
};

struct updates {
    struct road *road;
    int folder;   /* of the slots; -1: none */
    int installs; /* what the administrator hands over and orders; -1: none */
    bool are_orders_damaged; /* and that was said */
    struct queued queue[QUEUE_MAX];
    size_t queued;
    uint64_t next_second_ns;
    struct pressure pressure;
    bool is_over_budget;    /* the active engine was killed for the memory that it holds */
    unsigned counted_slot;  /* whose matches were counted last */
    struct held runs[BUNDLE_ENGINE_KINDS]; /* what the road wants engines to run */
    struct trying trying;
    struct probes probes;
    /* started anew, to see whether it starts from its slot */
    bool is_from_disk;
    unsigned from_disk_stream;
    struct release_name from_disk;
};

/* --- updates.c -------------------------------------------------------------------------------- */

/* Tells the road, in the next turn: hands may not call it. */
void tell_later(struct updates *updates, unsigned stream, struct lifecycle_event event);
void tell_failed(struct updates *updates, unsigned stream, struct release_name name,
                 enum lifecycle_failure failure);
void tell(struct updates *updates, unsigned stream, enum lifecycle_event_type type,
          struct release_name name);

struct release_name release_name_in(const struct lifecycle_release *release); /* NULL: factory */

/* A copy of the descriptor, in place of the one before. False: there are no more descriptors. */
bool held_take(struct held *held, const struct road_load *load);

/* What engines run with this release in place of the one of its stream; 0: the factory sets. */
engine_load load_with(const struct updates *updates, unsigned stream, struct release_name name);
/* The same as sealed memory, -1 for the factory sets. */
RESULT seal_with(const struct updates *updates, unsigned stream, int release, int *ret_sealed);

/* The release of this stream that is active and not proven yet; false: there is none. */
bool find_probation(const struct supervisor *supervisor, unsigned stream,
                    struct release_name *ret_name);

/* What an engine, or a trial, died of. */
enum lifecycle_failure failure_of(int wait_status, bool has_hung);

/* --- trials.c --------------------------------------------------------------------------------- */

void trials_start(struct supervisor *supervisor, const struct road_load *load);
void trials_shadow(struct supervisor *supervisor, const struct road_load *load);
void trials_stop(struct supervisor *supervisor, unsigned stream);
/* It is active now, or what was tried is given up. */
void trials_forget(struct updates *updates);
bool trials_is_trying(const struct updates *updates);
void trials_engine_loaded(struct supervisor *supervisor);
void trials_work(struct supervisor *supervisor);
/* Starts the trial's process with `release` (sealed; stays the caller's). */
RESULT trials_launch(struct supervisor *supervisor, int release, struct explanation *why);

/* --- probes.c --------------------------------------------------------------------------------- */

void probes_open(struct supervisor *supervisor);
void probes_close(struct supervisor *supervisor);
/* The trial's process has read a probe set that is tried: now the kernel is asked. */
void probes_try(struct supervisor *supervisor, const struct probe_set *set);
void probes_stop_trial(struct supervisor *supervisor);
void probes_activate(struct supervisor *supervisor, const struct road_load *load, bool is_anew);
/* The process that read the active probe set has a verdict, or has ended without. */
void probes_take_read(struct supervisor *supervisor, bool is_good, const struct probe_set *set);
void probes_work(struct supervisor *supervisor);
