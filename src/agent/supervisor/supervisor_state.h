// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the parts of the supervisor share: supervisor.c (the loop, children, messages), rules.c
 * (which rule sources go to which engine), engines.c (carries out engine_slots.h) and updates.c,
 * trials.c, probes.c (the hands of update/road). Nobody else includes this.
 */
#include "agent/supervisor/engine_slots.h"
#include "agent/supervisor/resources.h"
#include "agent/supervisor/supervision.h"
#include "agent/supervisor/supervisor.h"
#include "base/clock.h"

#include <sys/types.h>

enum { NOTICES_MAX = 32 };

/* Sealed rule sources and their number. fd -1: none. */
struct rules {
    int fd;
    uint64_t number;
};

/* What one engine was given, and what it said of it. */
struct engine_rules {
    uint64_t pack;       /* number of the sources */
    engine_load load;    /* and of the release */
    uint64_t generation; /* of the two together: what the engine reports */
    bool is_unsent;
    struct message_rules_loaded loaded;
};

/* One engine's process, beside what engine_slots.h knows of it. */
struct engine_process {
    int release; /* sealed; -1: the factory set */
    struct message_duty duty;
    bool is_duty_unsent;
    bool follows; /* put its place where the other one's is, once its process is gone */
    struct engine_rules rules;
    bool are_switches_unsent; /* of rules that the breaker holds off */
};

struct running_child {
    pid_t pid; /* 0: none */
    int socket;
    enum channel_phase phase;
    bool said_hello;
    bool is_end_ordered; /* by the supervisor itself */
    bool has_hung;       /* and was killed for it */
};

struct arrivals;
struct halt_news;
struct road_offer;
struct updates;

struct supervisor {
    const struct supervisor_options *options;
    struct resources resources;
    struct supervision supervision;
    struct tree tree;
    struct running_child children[ROLE_COUNT];
    struct engine_slots slots;
    struct engine_process engines[ENGINE_SLOTS];
    struct updates *updates; /* NULL: out of memory; the factory set runs */
    struct arrivals *arrivals; /* NULL: nothing is fetched */
    struct rules candidate;  /* rule folders: on offer, not yet loaded by the active engine */
    struct rules good;       /* loaded by an active engine before */
    int processes;           /* /proc */
    uint64_t pack_number;
    uint64_t generation;
    uint32_t boot_level;     /* enum boot_level */
    struct message notices[NOTICES_MAX]; /* for control, which may be down */
    size_t notice_count;
    uint64_t next_missed_runs_ns;
    int signals;
    bool is_stopping;
};

/* --- supervisor.c ----------------------------------------------------------------------------- */

static inline uint64_t now_ns(void) { return clock_boottime_ns(clock_system()); }

void say(const char *format, ...) PRINTF_LIKE(1, 2);
void notice(struct supervisor *supervisor, enum notice notice, enum role role, uint64_t first,
            uint64_t second);
void step(struct supervisor *supervisor, enum supervision_event_type type, enum role role,
          uint64_t value);
void publish(struct supervisor *supervisor);
/* An `enum boot_level`, carried out: base probes only, or no probe and no engine at all. */
void set_boot_level(struct supervisor *supervisor, uint32_t level);
/* Ends a child's process on purpose; nobody is blamed. */
void end_child(struct supervisor *supervisor, enum role role);

/* How many probes are missing, for the counter and whoever reads the log. */
void supervisor_count_probes(struct supervisor *supervisor);

/* Starts a child that supervision does not keep running: it ends by itself. */
RESULT launch_child(struct supervisor *supervisor, enum role role, struct explanation *why);

/* --- arrivals.c ------------------------------------------------------------------------------- */

/* Before the first child is started, and after the last has ended. Never fails: without it nothing
 * is fetched. */
void arrivals_open(struct supervisor *supervisor);
void arrivals_close(struct supervisor *supervisor);
/* Each turn; what is due each second is done each second. */
void arrivals_work(struct supervisor *supervisor);
void arrivals_ready(struct supervisor *supervisor, enum role role);
/* A message of the updater or of creance-ticket. */
void arrivals_take(struct supervisor *supervisor, const struct message *message);
void arrivals_ticket_ended(struct supervisor *supervisor);

/* --- rules.c ---------------------------------------------------------------------------------- */

/* To each engine what it has not got yet: rules that are off, release, rule sources. */
void rules_send(struct supervisor *supervisor);
void rules_take_offer(struct supervisor *supervisor, const struct message *message);
void rules_take_loaded(struct supervisor *supervisor, unsigned slot,
                       const struct message_rules_loaded *loaded);
/* Two engines died loading what this slot has. */
void rules_drop(struct supervisor *supervisor, unsigned slot);
/* What the active engine has loaded is what status shows. */
void rules_show(struct supervisor *supervisor);

/* --- engines.c -------------------------------------------------------------------------------- */

/* `release`: sealed memory for the engine that is started, if one is; -1: the factory set. */
void engines_carry_out(struct supervisor *supervisor, const struct engine_orders *orders,
                       int release);
void engines_loaded(struct supervisor *supervisor, unsigned slot);
void engines_stands(struct supervisor *supervisor, unsigned slot, uint64_t position);
/* After supervision has been told. */
void engines_ended(struct supervisor *supervisor, unsigned slot);
/* Where it waited for the end of the process before: see engine_process.follows. */
void engines_follow(struct supervisor *supervisor, unsigned slot);
/* Duties that could not be sent before. */
void engines_send(struct supervisor *supervisor);

/* --- updates.c, trials.c, probes.c ------------------------------------------------------------ */

/* Opens the road: before anything that arrived is touched. Never fails: without it the factory set
 * runs. */
void updates_open(struct supervisor *supervisor);
void updates_close(struct supervisor *supervisor);
/* Each turn; what is due each second is done each second. */
void updates_work(struct supervisor *supervisor);
/* Whether the end of this engine is the fault of a release that is not proven. */
bool updates_is_candidate(const struct supervisor *supervisor, unsigned slot);
/* The trial is ready, has a verdict, ended. */
void updates_trial_ready(struct supervisor *supervisor);
void updates_trial_verdict(struct supervisor *supervisor,
                           const struct message_trial_verdict *verdict);
void updates_trial_ended(struct supervisor *supervisor, int wait_status);
/* An engine that ran `load` ended by itself or was killed because it hung; or refused to load. */
void updates_engine_ended(struct supervisor *supervisor, engine_load load, int wait_status,
                          bool has_hung);
void updates_engine_refused(struct supervisor *supervisor, unsigned slot);
void updates_engine_loaded(struct supervisor *supervisor, unsigned slot);
void updates_switched(struct supervisor *supervisor);
/* A further loader says how a probe fared, or ended; the sensor ended by itself. */
void updates_probe_loaded(struct supervisor *supervisor, const struct message_probe *message);
void updates_probes_ended(struct supervisor *supervisor, int wait_status);
void updates_sensor_ended(struct supervisor *supervisor);

/* What arrivals.c found, for the road. ERROR_STATE, with `why`, where the release is refused. */
RESULT updates_offer(struct supervisor *supervisor, const struct road_offer *offer, int sealed,
                     struct explanation *why);
/* Takes back all that came on the road. Only a planted mistake does this: no release has it. */
#ifdef CREANCE_FAULTS
void updates_give_up(struct supervisor *supervisor);
#else
static inline void updates_give_up(struct supervisor *supervisor) { (void)supervisor; }
#endif
void updates_halts(struct supervisor *supervisor, const struct halt_news *news);
/* `is_change`: others were in force before, so numbers of lists begin anew. */
void updates_set_partners(struct supervisor *supervisor, unsigned partner_bits,
                          uint8_t lift_quorum, bool is_change);
void updates_set_log_silent(struct supervisor *supervisor, bool is_silent);
