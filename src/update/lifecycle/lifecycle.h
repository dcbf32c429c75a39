// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The life of releases on one host: a pure function of (state, event, time), without I/O, clock or
 * allocation. The supervisor runs it on a host, the simulator for millions of them; the model
 * checker runs its model (tests/model). One `struct lifecycle` for each stream of releases (rules,
 * probe set, policy, agent).
 *
 *   offered -> VERIFIED -> ADMITTED -> TRIAL -> SHADOW -> PROBATION -> GOOD
 *                 ^           ^__________|________|           |         |
 *                 |                      |  (host's reasons)  v         v
 *                 |<--- back-off --- REJECTED, BARRED    ROLLED_BACK ---'
 *                 `<--- back-off -----------------------------'
 *
 * lifecycle.def is the table of states, events and transitions. Beyond it always holds:
 * - At most one release is in ADMITTED, TRIAL or SHADOW, at most one in PROBATION.
 * - What runs is the release in PROBATION, else the newest good one, else the factory set. The
 *   factory set is no release: nothing can change or bar it.
 * - No version below one that was active here becomes active but by going back to a good one,
 *   unless the trust anchors changed (then the newest good one counts: a thief's huge version
 *   number must not lock a host).
 * - No more than policy.switches_per_day switches forward within any 24 hours. Ways back are free.
 * - An urgent release does not wait for another one's way or bake; it passes every stage itself.
 * - Pressure (alert storm, memory) never changes what runs. It cuts enforcement and groups alerts.
 *
 * Admission is not decided here: the caller asks admission_decide() for each release that is
 * VERIFIED, ADMITTED, TRIAL or SHADOW at each tick and tells the answer as ADMIT or REFUSE.
 *
 * Crash safety: carry the actions out in the order of their bits. SAVE writes the state (slots.h)
 * before anything else happens; after a start, decode it and tell STARTED (or STARTED_BADLY): the
 * actions of that step bring everything back to where the state says it is.
 *
 * Size: 376 bytes. Eight releases of 40 bytes (three good ones, one on its way, four that wait,
 * failed or are barred) with names of 16 bytes that nobody can forge; 8.5 million hosts are 3.2 GB.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "update/lifecycle/release_name.h"
#include "update/lifecycle/waits.h"

enum {
    PRESSURE_STORM = 1,  /* alerts far above the host's normal */
    PRESSURE_MEMORY = 2, /* the host is short of memory */
};

enum lifecycle_state {
#define LIFECYCLE_STATE(id, word, text) LIFECYCLE_##id,
#include "update/lifecycle/lifecycle.def"
    LIFECYCLE_STATE_COUNT
};

enum lifecycle_event_type {
#define LIFECYCLE_EVENT(id, scope, text) LIFECYCLE_EVENT_##id,
#include "update/lifecycle/lifecycle.def"
    LIFECYCLE_EVENT_COUNT
};

enum lifecycle_failure {
#define LIFECYCLE_FAILURE(id, word, bar_after, excuse, text) LIFECYCLE_FAILURE_##id,
#include "update/lifecycle/lifecycle.def"
    LIFECYCLE_FAILURE_COUNT
};

enum lifecycle_action {
#define LIFECYCLE_ACTION(id, text) LIFECYCLE_ACTION_##id,
#include "update/lifecycle/lifecycle.def"
    LIFECYCLE_ACTION_COUNT
};

enum lifecycle_refusal {
#define LIFECYCLE_REFUSAL(id, text) LIFECYCLE_REFUSAL_##id,
#include "update/lifecycle/lifecycle.def"
    LIFECYCLE_REFUSAL_COUNT
};

enum { LIFECYCLE_ENCODED_MAX = 512 };

/* One release. Read it; only lifecycle_step() writes it. */
struct lifecycle_release {
    struct release_name name;
    uint64_t version;
    struct steady_time first_seen;
    struct steady_time since; /* when it came into its state */
    uint32_t engine;          /* BARRED: the engine version that shall not have it again */
    uint8_t state;            /* enum lifecycle_state */
    uint8_t failure;          /* the last one: enum lifecycle_failure */
    uint8_t seen;             /* how often in a row it was that one */
    bool is_urgent : 1;
    bool is_disk_asked : 1;   /* PROBATION: START_FROM_DISK was said */
    bool is_delayed : 1;      /* ADMITTED: back from a try that the host could not make */
    uint8_t attempts : 5;     /* the back-off doubles with each */
};

struct lifecycle {
    struct lifecycle_release releases[LIMIT_RELEASES];
    uint64_t version_floor; /* the highest version that was active here */
    uint64_t version_closed; /* unknown releases up to this version are refused: at least the
                                floor, and what was forgotten after it had failed */
    struct steady_time switches[LIMIT_SWITCHES_PER_DAY]; /* the last ones, a ring */
    uint32_t engine;        /* version of the engine that runs */
    uint8_t switch_count;   /* how many of `switches` are set */
    uint8_t switch_next;
    uint8_t pressure;       /* PRESSURE_ bits */
};

/* Local settings; nothing remote changes them. lifecycle_policy_default() has the defaults. */
struct lifecycle_policy {
    uint32_t trial_max_s;   /* a trial that has said nothing for so long is ended and made again */
    uint32_t shadow_max_s;  /* the same for a shadow */
    uint32_t bake_s;        /* of running well in probation */
    uint32_t retry_first_s; /* the first back-off; doubled with each further failure */
    uint32_t retry_max_s;
    uint8_t switches_per_day; /* 1 .. LIMIT_SWITCHES_PER_DAY */
};

struct lifecycle_event {
    enum lifecycle_event_type type;
    struct release_name release;    /* events of scope RELEASE */
    uint64_t version;               /* OFFERED */
    bool is_urgent;                 /* OFFERED */
    enum lifecycle_failure failure; /* FAILED */
    uint32_t engine;                /* ENGINE_CHANGED */
};

/* What to do now; bits 1 << LIFECYCLE_ACTION_x, lowest first. */
struct lifecycle_actions {
    uint32_t todo;
    struct release_name subject; /* of STOP_TRIAL, STAGE, START_TRIAL, START_SHADOW, SETTLE, SAY */
    struct release_name running; /* of ACTIVATE and START_FROM_DISK; may be the factory's */
    struct release_name fallback; /* what runs when that fails now */
    enum lifecycle_refusal refusal; /* why an event of scope RELEASE changed nothing */
};

enum lifecycle_enforcement {
    LIFECYCLE_ENFORCE_FULL,
    LIFECYCLE_ENFORCE_CUT, /* in probation and under pressure: budgets are cut, alerts grouped */
};

struct lifecycle_policy lifecycle_policy_default(void);

/* A host that knows nothing but its factory set. `version_floor` is 0, or what could be saved of a
 * lost state (the highest version found in a slot). */
void lifecycle_init(struct lifecycle *state, uint32_t engine, uint64_t version_floor);

/* One step. Any event is allowed in any state; what means nothing there changes nothing. */
void lifecycle_step(const struct lifecycle_policy *policy, struct lifecycle *state,
                    const struct lifecycle_event *event, struct steady_time now,
                    struct lifecycle_actions *ret_actions);

/* NULL where the name is not known. */
const struct lifecycle_release *lifecycle_find(const struct lifecycle *state,
                                               struct release_name name);

/* What should run, and what would if that were not there: NULL is the factory set. */
const struct lifecycle_release *lifecycle_running(const struct lifecycle *state);
const struct lifecycle_release *lifecycle_fallback(const struct lifecycle *state);

enum lifecycle_enforcement lifecycle_enforcement(const struct lifecycle *state);

/* How many known releases are newer than this version (for hosts that stay behind on purpose). */
unsigned lifecycle_newer(const struct lifecycle *state, uint64_t version);

/* What keeps a release from going on, the host's own reasons only (admission has its own). */
struct waits lifecycle_waits(const struct lifecycle_policy *policy, const struct lifecycle *state,
                             const struct lifecycle_release *release, struct steady_time now);

/* Whether what must always hold (see above) does. False after a decoding means damage. */
bool lifecycle_is_sound(const struct lifecycle *state);

/* The state as bytes and back. Decoding takes bytes from anywhere: ERROR_FORMAT where they are not
 * a sound state, ERROR_UNSUPPORTED where a later version of Creance wrote them. */
RESULT lifecycle_encode(const struct lifecycle *state, struct writer *writer);
RESULT lifecycle_decode(struct reader *reader, struct lifecycle *ret_state);

/* Words of lifecycle.def. Never NULL. */
const char *lifecycle_state_word(enum lifecycle_state state);
const char *lifecycle_state_text(enum lifecycle_state state);
const char *lifecycle_event_word(enum lifecycle_event_type type);
const char *lifecycle_failure_word(enum lifecycle_failure failure);
const char *lifecycle_failure_text(enum lifecycle_failure failure);
const char *lifecycle_refusal_text(enum lifecycle_refusal refusal);
