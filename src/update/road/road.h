// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The update road of one host, put together: slots, boot guard, halts, admission and one lifecycle
 * for each stream. The supervisor feeds it what it sees and lends it hands; the road decides, saves
 * before it acts, and finds its place again after a crash at any instruction.
 *
 * Order of a step: decide on a copy; where something new shall run, tell the boot guard; save;
 * then move the hands. Where saving fails, nothing goes forward (the step has not happened); ways
 * back are gone all the same, and saved as soon as the disk allows.
 *
 * A release is staged when it is offered, so that it waits for its age on disk, and is read from
 * its slot into sealed memory, and hashed there, each time that a hand gets it.
 */
#include "base/clock.h"
#include "update/lifecycle/admission.h"
#include "update/slots/slots.h"

/* What a hand works on: a release in sealed memory, or (release NULL, sealed -1) the factory set.
 * `sealed` is the road's: a hand that keeps it makes a copy (dup). */
struct road_load {
    unsigned stream;
    const struct lifecycle_release *release;
    int sealed;
};

/* What the supervisor does when the road says so; none of them may call the road. */
struct road_hands {
    void (*start_trial)(void *context, const struct road_load *load);
    void (*start_shadow)(void *context, const struct road_load *load);
    void (*stop_trial)(void *context, unsigned stream); /* of trial or shadow */
    /* Run this from now on; keep what ran before warm until `settle`. */
    void (*activate)(void *context, const struct road_load *load);
    /* Start an engine anew with this load and let it take over: DISK_STARTED or FAILED. */
    void (*start_from_disk)(void *context, const struct road_load *load);
    void (*settle)(void *context, unsigned stream);
    void (*set_level)(void *context, enum boot_level level);
    /* Something that people should read, a whole sentence. */
    void (*say)(void *context, const char *text);
    void *context;
};

struct road_options {
    const struct disk *disk;
    int folder; /* of the slots; stays the caller's */
    const struct clock *clock;
    struct road_hands hands;
    uint8_t boot_id[BOOT_ID_BYTES];
    uint64_t host;        /* a number of this host's own that never changes: spreads recalls */
    uint64_t fingerprint; /* of what does not come on this road: kernel, program */
    uint32_t engine;      /* engine version */
    uint8_t stream_count; /* 1 .. LIMIT_STREAMS */
    struct lifecycle_policy lifecycle;
    struct admission_policy admission;
};

/* What the updater has verified about a release; it says so again after each start and refresh. */
struct road_offer {
    unsigned stream;
    struct release_digest digest;
    uint64_t version;
    bool is_urgent, takes_away;
    uint32_t log_age_s, healthy_rings;
};

/* One release, for `creance content status`. */
struct road_status {
    unsigned stream;
    struct lifecycle_release release;
    struct waits waits;
    struct wall_time earliest; /* by this host's wall clock; where waits.is_time_known */
};

struct road;

/*
 * Opens the slots, counts the boot, and has the hands run what shall run. It always ends with a
 * running host: where the slots cannot be used, the factory sets run and `say` says why (*ret_road
 * is then a road that takes no offer). Fails only where memory is short.
 */
RESULT road_open(const struct road_options *options, struct road **ret_road);

/* The agent stops in good order. Frees the road; NULL is allowed. */
void road_close(struct road *road);

/* A verified release in sealed memory. ERROR_STATE with a sentence where it is refused. */
RESULT road_offer(struct road *road, const struct road_offer *offer, int sealed,
                  struct explanation *why);

/* What is known of a release beside its bytes is not saved: says it again, after a start, of one
 * that the road knows. ERROR_NOT_FOUND: it does not, or no longer. */
RESULT road_know(struct road *road, const struct road_offer *offer);

/* A verified list of halts. */
enum halt_verdict road_halts(struct road *road, const struct halt_news *news);

/* Who may halt (by place), and how many lift a halt: from the trust anchors, after road_open(). */
void road_set_partners(struct road *road, unsigned partner_bits, uint8_t lift_quorum);

/* Whether the log is silent (admission.h), and the policies when they change. */
void road_set_log_silent(struct road *road, bool is_silent);
void road_set_policy(struct road *road, const struct admission_policy *policy);

/* What became of a release (scope RELEASE of lifecycle.def, but OFFERED, ADMIT and REFUSE), or of
 * the host (ANCHORS_CHANGED; `stream` is then any: all streams get it). */
void road_tell(struct road *road, unsigned stream, const struct lifecycle_event *event);

/* The pressure that the host is under now (PRESSURE_ bits), as often as one likes: what was saved
 * before a start may be over. It holds also where the disk cannot be written. */
void road_set_pressure(struct road *road, unsigned bits);

/* Time has passed: once a second. */
void road_tick(struct road *road);

/* The administrator: back to the normal level. */
void road_reset_level(struct road *road);

enum boot_level road_level(const struct road *road);
enum lifecycle_enforcement road_enforcement(const struct road *road, unsigned stream);
/* Fills at most `count` entries and returns how many there are. */
size_t road_status(const struct road *road, struct road_status *entries, size_t count);
