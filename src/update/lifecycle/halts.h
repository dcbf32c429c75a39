// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Halts: any partner that this host trusts (vendor, platform vendor, customer, regulator) may stop
 * the spread of a release by naming it in its list. Pure; signatures and log proofs of a list are
 * checked by others before it comes here.
 *
 * - Each partner numbers its lists; a list replaces the one before only with a higher number.
 * - A list runs out `lifetime_s` after this host first had it, on the steady clock. A halt that is
 *   not renewed is over: nobody can stop protection for ever.
 * - "Fresh" is a list whose number rose within HALTS_FRESH_S. Without one a release waits, for
 *   somebody may be withholding a halt; after a day of that: alarm, and the full age decides
 *   (admission.h). So a halt has all but six hours of a release's age to arrive.
 * - A list may also lift: when `lift_quorum` partners lift a release, no halt of it counts.
 * - Content that is active leaves only when two partners halt it (a recall), at a moment that
 *   differs from host to host.
 */
#include "base/limits.h"
#include "base/reader.h"
#include "update/lifecycle/release_name.h"
#include "update/lifecycle/steady_time.h"

enum {
    HALTS_FRESH_S = 6 * 60 * 60,     /* an older list may lack the halt that matters now */
    HALTS_SILENCE_S = DAY_S,         /* without a new list: the partner counts as silent */
    HALTS_LIFETIME_MAX_S = WEEK_S,   /* no list halts for longer without being renewed */
    HALTS_RECALL_PARTNERS = 2,
    HALTS_RECALL_SPREAD_S = 60 * 60, /* a recall reaches the hosts over this time */
    HALTS_ENCODED_MAX = 8 * KIB,
};

struct halt {
    struct release_name release;
    struct steady_time since; /* when this host first saw this partner halt (or lift) it */
    bool is_lift;
};

/* What a partner said last. */
struct halt_list {
    bool is_partner; /* the trust anchors name this partner */
    uint64_t number; /* of its newest list; 0: none yet */
    struct steady_time seen_at;
    uint32_t lifetime_s;
    uint8_t count;
    struct halt halts[LIMIT_HALTS];
};

struct halts {
    struct halt_list lists[LIMIT_PARTNERS]; /* by the partner's place in the trust anchors */
    uint8_t lift_quorum; /* how many partners lift a halt of another one; 0: none can */
};

/* A list as it arrived, verified. */
struct halt_news {
    uint8_t partner;
    uint64_t number;
    uint32_t lifetime_s;
    uint8_t count;
    struct {
        struct release_name release;
        bool is_lift;
    } halts[LIMIT_HALTS];
};

enum halt_verdict {
    HALT_TAKEN,
    HALT_OLD,       /* its number is not above the one that is known */
    HALT_NOT_ASKED, /* the trust anchors name no such partner */
    HALT_UNSOUND,   /* too many entries, or a lifetime of 0 or above HALTS_LIFETIME_MAX_S */
};

/* Takes a list. HALT_TAKEN: save `halts` (halts_encode) before acting on it. */
enum halt_verdict halts_take(struct halts *halts, const struct halt_news *news,
                             struct steady_time now);

/* The trust anchors changed: numbers begin anew, so that a thief's huge number does not silence a
 * partner for good. What is halted stays so until its list runs out. */
void halts_renumber(struct halts *halts);

/* What all partners say of one release now. */
struct halt_view {
    uint8_t halting;        /* partners that halt it; 0 where the halts are lifted */
    uint8_t stale;          /* bits 1 << partner: no list for HALTS_FRESH_S */
    uint8_t silent;         /* bits 1 << partner: no list for HALTS_SILENCE_S, or never */
    struct steady_time recall_from; /* with halting >= 2: since when two partners halt it */
};
struct halt_view halts_of(const struct halts *halts, struct release_name release,
                          struct steady_time now);

/* When this host (a number of its own that never changes) takes back an active release that two
 * partners halt: `recall_from` and a part of HALTS_RECALL_SPREAD_S. */
struct steady_time halts_recall_at(const struct halt_view *view, uint64_t host,
                                   struct release_name release);

/* As bytes and back; decoding takes bytes from anywhere (ERROR_FORMAT, ERROR_UNSUPPORTED). */
RESULT halts_encode(const struct halts *halts, struct writer *writer);
RESULT halts_decode(struct reader *reader, struct halts *ret_halts);
