// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The rollout controller: what becomes of one release in a fleet, as a pure function of what it
 * was, what happened, and the time. The hub and the simulator carry out what it answers; it decides
 * nothing that controller.def does not say.
 *
 * - A ring begins when the gate of the ring before it says healthy, the release is old enough,
 *   people other than the one who started it have approved, and all waves before are through.
 * - Who says nothing is not healthy: while the gate of a started ring has been silent for longer
 *   than `verdict_fresh_s`, nothing starts and nothing is offered.
 * - Held (paused, halted, a change freeze, the flap alarm, a silent gate) means that hosts which do
 *   not have the release are not offered it, from that second on. Time that passes while held does
 *   not count for waves: what goes on later goes on where it was; two waves never fall together.
 * - One host's report pauses. A halt by the gate takes `halt_hosts_min` of them; a halt by a person
 *   or by one partner takes nobody else. Halts stay: what follows a halt is another release.
 * - Content that is active leaves by a recall of two partners, or by a rollback: the content from
 *   before as a new release with a higher version, which travels the same road with a rollout of
 *   its own. Hosts are never asked to take an older version.
 * - Every answer has one row for the record of decisions, with who, what, when and on which
 *   evidence; what was refused has one too. rollout_report.h makes an auditor's report of them.
 *
 * Who somebody is, whether a partner's signature holds, and that a verdict is the gate's, the
 * caller has verified. Pure; no clock, no allocation; states are of fixed size and plain bytes.
 */
#include "base/limits.h"
#include "base/result.h"
#include "rollout/flap_alarm.h"
#include "rollout/fleet.h"
#include "rollout/gate.h"
#include "rollout/waves.h"

enum {
    CONTROLLER_NAME_BYTES = 40,   /* of a person or partner, with its end */
    CONTROLLER_REASON_BYTES = 320,
    CONTROLLER_DIGEST_BYTES = 32, /* SHA-256 of evidence */
    CONTROLLER_APPROVALS_MAX = 2,
    CONTROLLER_WINDOWS = 32,      /* change freezes that may overlap */
};

enum controller_state {
#define CONTROLLER_STATE(id, word, text) CONTROLLER_##id,
#include "rollout/controller.def"
    CONTROLLER_STATE_COUNT
};

enum controller_event_type {
#define CONTROLLER_EVENT(id, word, by, text) CONTROLLER_EVENT_##id,
#include "rollout/controller.def"
    CONTROLLER_EVENT_COUNT
};

/* Bits 1 << action of `todo`; to be carried out in this order. */
enum controller_action {
#define CONTROLLER_ACTION(id, word, text) CONTROLLER_ACTION_##id,
#include "rollout/controller.def"
    CONTROLLER_ACTION_COUNT
};

enum controller_refusal {
#define CONTROLLER_REFUSAL(id, text) CONTROLLER_REFUSAL_##id,
#include "rollout/controller.def"
    CONTROLLER_REFUSAL_COUNT
};

enum controller_wait {
#define CONTROLLER_WAIT(id, word, text) CONTROLLER_WAIT_##id,
#include "rollout/controller.def"
    CONTROLLER_WAIT_COUNT
};

/* --- what is wanted ------------------------------------------------------------------------- */

struct controller_ring {
    uint32_t age_s;     /* of the release, before the ring begins; evidence never shortens it */
    uint8_t approvals;  /* of people who did not start it: 0 .. CONTROLLER_APPROVALS_MAX */
    struct waves waves;
};

struct controller_policy {
    uint8_t ring_count; /* 1 .. FLEET_RINGS_MAX */
    struct controller_ring rings[FLEET_RINGS_MAX];
    uint32_t urgent_age_s;     /* an urgent release waits at most so long; but takes an approval */
    uint32_t verdict_fresh_s;  /* gates look at least so often */
    uint32_t halt_hosts_min;   /* at least 2: nobody halts alone */
    uint8_t recall_partners;   /* at least 2 */
    bool is_review_by_another; /* what a gate paused is not resumed by who started it */
    uint32_t recall_spread_s;  /* hosts go back over so long */
    struct flap_policy flaps;
};

/* Four rings with waves of 10, 30 and 60 % over an hour, two and six; the first one after a day,
 * for hosts take nothing younger; the second with a second person's approval, the third after two
 * days, the last after three. */
extern const struct controller_policy CONTROLLER_POLICY_DEFAULT;
/* ERROR_FORMAT and the sentence: what is senseless. All else here takes only what was checked. */
RESULT controller_policy_check(const struct controller_policy *policy, struct explanation *why);

/* --- what is -------------------------------------------------------------------------------- */

enum controller_by {
    CONTROLLER_BY_NOBODY,
    CONTROLLER_BY_PERSON,
    CONTROLLER_BY_PARTNER,
    CONTROLLER_BY_GATE,
    CONTROLLER_BY_CALENDAR,
    CONTROLLER_BY_COUNT
};

/* Names have letters, digits and ._-@ and end with a zero; people are told apart by them. */
struct controller_who {
    uint8_t by;      /* enum controller_by */
    uint8_t partner; /* of a partner: its place in the trust anchors, below LIMIT_PARTNERS */
    char name[CONTROLLER_NAME_BYTES];
};

struct controller_who controller_person(const char *name);
struct controller_who controller_partner(uint8_t partner, const char *name);

/* What a gate has said of a ring. */
struct controller_verdict {
    struct steady_time at;
    uint8_t event;      /* enum controller_event_type; 0: nothing yet */
    uint8_t metric;     /* of a halt or pause, else METRIC_COUNT */
    uint32_t hosts;     /* that it is about */
    uint32_t bad_hosts; /* independent ones that were bad in that metric */
    uint32_t upper_ppm; /* fewer than that are bad, as sure as the gate's policy says */
    uint8_t digest[CONTROLLER_DIGEST_BYTES]; /* of its reports: a promotion's `reports_root` */
};

struct controller_ring_state {
    struct waves_started waves; /* in seconds of the rollout's own time (`ran_s`) */
    struct steady_time started_at;
    struct controller_verdict verdict;
    uint8_t approval_count;
    bool is_asked;
    char approved_by[CONTROLLER_APPROVALS_MAX][CONTROLLER_NAME_BYTES];
};

/* What all rollouts of one stream of releases share. Zeroed at first. */
struct controller_stream {
    struct flap_alarm alarm;
    uint64_t version_opened;   /* the highest that has or had a rollout */
    uint64_t version_promised; /* the highest that a rollback was told to have */
};

/* What is rolled out. */
struct controller_plan {
    struct release_name release;
    uint64_t version;
    struct release_name before; /* what hosts go back to; all zero: nothing but the factory set */
    struct release_name restores; /* of a rollback: whose content it brings back; else all zero */
    struct steady_time published_at;
    bool is_urgent;
};

struct controller {
    struct controller_plan plan;
    uint8_t state;         /* enum controller_state */
    uint8_t ring;          /* the furthest that was started */
    uint8_t recalls;       /* bits 1 << partner that asked */
    bool is_begun;         /* the first ring was started */
    bool is_gate_paused;   /* a gate paused it, not only a person */
    bool is_silence_told;
    bool was_held;         /* after the last step */
    uint32_t windows;      /* change freezes that hold now, a bit each */
    uint32_t raises;       /* of the flap alarm that were seen */
    struct steady_time ran_at; /* of the last step */
    uint32_t ran_s;        /* for which it was not held, until then: its own time */
    uint32_t decisions;    /* rows so far */
    char started_by[CONTROLLER_NAME_BYTES];
    struct controller_ring_state rings[FLEET_RINGS_MAX];
};

/* ERROR_STATE: the version is not above all that the stream has seen; hosts would refuse it, and a
 * rollback with it would roll back nothing. Nothing is changed then. */
RESULT controller_open(struct controller_stream *stream, const struct controller_plan *plan,
                       struct steady_time now, struct controller *ret_state,
                       struct explanation *why);

/* --- what happens --------------------------------------------------------------------------- */

struct controller_event {
    uint8_t type;           /* enum controller_event_type */
    uint8_t ring;           /* of VERDICT_ and APPROVE */
    uint8_t window;         /* of FREEZE and THAW: below CONTROLLER_WINDOWS */
    struct controller_who who;
    struct controller_verdict verdict; /* of VERDICT_; `at` and `event` are set by the step */
    char reason[CONTROLLER_REASON_BYTES]; /* why, for people; "" */
};

/* What a gate decided, as an event. `digest`: SHA-256 of the reports it counted. */
struct controller_event controller_verdict_event(uint8_t ring, const struct gate *gate,
                                                 const struct gate_decision *decision,
                                                 const uint8_t digest[CONTROLLER_DIGEST_BYTES]);

/* One row of the record of decisions. Rows of a rollout are numbered from 1 without a gap. */
struct controller_decision {
    uint32_t number;
    struct lifecycle_time at;
    uint8_t event, from, to, refusal;
    uint8_t ring, wave;
    uint32_t todo;
    struct controller_who who;
    struct controller_verdict verdict; /* that it rests on; of a new ring: of the ring before it */
    uint8_t approval_count;            /* of the ring that begins */
    char approved_by[CONTROLLER_APPROVALS_MAX][CONTROLLER_NAME_BYTES];
    uint64_t version;             /* of a rollback: what it must be published as, at least */
    struct release_name restores; /* of a rollback: whose content */
    char reason[CONTROLLER_REASON_BYTES];
};

struct controller_actions {
    uint32_t todo; /* bits 1 << enum controller_action; never without a row */
    bool has_row;
    struct controller_decision row; /* to be logged before `todo` is carried out */
    enum controller_refusal refusal;
};

/* `now.steady` decides; the wall clock is only written down. */
void controller_step(const struct controller_policy *policy, struct controller_stream *stream,
                     struct controller *state, const struct controller_event *event,
                     struct lifecycle_time now, struct controller_actions *ret_actions);

/* Draws (wave_draw) of the ring that are offered the release at `now` are those below it; 0: nobody
 * who does not have it yet. */
uint64_t controller_offers(const struct controller_policy *policy,
                           const struct controller_stream *stream, const struct controller *state,
                           uint8_t ring, struct steady_time now);

/* Why it does not go on at `now`. */
enum controller_wait controller_waits(const struct controller_policy *policy,
                                      const struct controller_stream *stream,
                                      const struct controller *state, struct steady_time now);

const char *controller_state_word(enum controller_state state);
const char *controller_state_text(enum controller_state state);
const char *controller_event_word(enum controller_event_type type);
const char *controller_event_text(enum controller_event_type type);
const char *controller_action_word(enum controller_action action);
const char *controller_refusal_text(enum controller_refusal refusal);
const char *controller_wait_word(enum controller_wait wait);
const char *controller_wait_text(enum controller_wait wait);
