// SPDX-License-Identifier: Apache-2.0
/*
 * Model of one host: admission and lifecycle, with a lying server, a power cut at any step and a
 * thief who holds some keys of each role. tests/model/model.py runs it; the table in
 * docs/security.md says in words what the asserts here say.
 *
 * Two releases: GENUINE (version 1: the vendor's, may fail in any way) and MALICIOUS (version 2:
 * the thief's, looks healthy in every trial, may call itself urgent). Time is counted in ticks: MIN
 * is the least age of a release (of an urgent one: its own floor), FULL the one where the lines are
 * silent. What takes a free number of ticks (trials, shadows, bakes, back-offs) happens or not.
 *
 * ON(state, event) and GO(state) are the table of lifecycle.def: model.py compares them, so that
 * neither can change without the other. What is saved before it is carried out cannot be lost by a
 * power cut; what was not saved has not happened: a cut is STARTED or STARTED_BADLY at any moment.
 *
 * -DBROKEN_x takes one safeguard away; model.py sees that a claim then fails.
 */
mtype:state = { FREE, VERIFIED, ADMITTED, TRIAL, SHADOW, PROBATION, GOOD, REJECTED, ROLLED_BACK,
                BARRED };
mtype:event = { OFFERED, ADMIT, REFUSE, TRIAL_PASSED, SHADOW_PASSED, FAILED, ENVIRONMENT,
                DISK_STARTED, RECALL, WITHDRAW, ALLOW, SUPERSEDED, TICK, STARTED, STARTED_BADLY,
                STORM_BEGAN, STORM_ENDED, MEMORY_SHORT, MEMORY_EASED, ENGINE_CHANGED,
                ANCHORS_CHANGED };

#define GENUINE 0
#define MALICIOUS 1
#define RELEASES 2
#define FACTORY 2 /* what runs where nothing else does */
#define MIN 2
#define FULL 3
#define PARTNERS 3
#define VERSION(r) (r + 1)

/* --- the thief ------------------------------------------------------------------------------ */
byte keys_release;  /* of the two that sign releases (targets, tickets) */
byte keys_witness;  /* of the two that cosign checkpoints */
byte keys_partner;  /* of the three that may halt */
bool key_evidence;  /* of the one that signs evidence of a ring's health */

/* --- one step: who gets what, and where it leads ------------------------------------------- */
byte r;
mtype:event ev;
bool excused;
mtype:state to;
bool moves;
bool is_calm; /* nothing fails and nobody lies any more */

/* --- the host ------------------------------------------------------------------------------- */
mtype:state st[RELEASES];
byte age[RELEASES];      /* ticks since the host's own first sight */
byte log_age[RELEASES];  /* what the checkpoints prove */
byte seen[RELEASES];     /* the same failure in a row */
bool passed[RELEASES];   /* the trial, since it was admitted last */
bool asked[RELEASES];    /* to start from disk */
bool baked[RELEASES];
bool delayed[RELEASES];
bool evidence[RELEASES]; /* the host holds evidence that the ring before is well with it */
byte halts[RELEASES];    /* partners whose last list, as this host knows it, halts it */
byte runs = FACTORY;     /* what really runs */
byte floor;
bool pressure;
bool urgent;             /* MALICIOUS says that it is */
byte highest;            /* the highest version that was active: for the asserts */
bool recalled;           /* GENUINE was, by partners: for the asserts */
bool fresh;              /* a list of every partner came within the last tick */
bool silent;             /* none came for longer */
byte took[RELEASES];     /* the age at which it was admitted last: for the asserts */
bool took_blind[RELEASES]; /* and whether the lines were silent then */

#ifdef BROKEN_THRESHOLD
#define NEEDED_KEYS 1
#else
#define NEEDED_KEYS 2
#endif
#define ON(s, e) st[r] == s && ev == e
#define GO(s) to = s
#define STAY(s) moves = false /* in the state in which it is */
#define IS_PUBLIC(r) (log_age[r] > 0 && !(r == MALICIOUS && keys_witness >= 2))
#define ON_WAY(r) (st[r] == ADMITTED || st[r] == TRIAL || st[r] == SHADOW)
#define OTHER(r) (1 - r)
#ifdef BROKEN_ROAD
#define ROAD_FREE(r) true
#else
/* Only the thief calls his release urgent: what is urgent crosses the way of the other one. */
#define GOES_FIRST(r) (r == MALICIOUS && urgent && !delayed[r])
#define ROAD_FREE(r) (VERSION(r) >= floor && (GOES_FIRST(r) || (st[OTHER(r)] != PROBATION && \
                      (!ON_WAY(OTHER(r)) || (st[OTHER(r)] == ADMITTED && delayed[OTHER(r)])))))
#endif
#ifdef BROKEN_RECALL
#define RECALL_PARTNERS 1
#else
#define RECALL_PARTNERS 2
#endif

inline enter() {
    if
    :: to == ADMITTED ->
        took[r] = (st[r] == VERIFIED -> age[r] : took[r]);
        took_blind[r] = (st[r] == VERIFIED -> silent : took_blind[r]);
        delayed[r] = delayed[r] || st[r] == TRIAL || st[r] == SHADOW;
        if
        :: ON_WAY(OTHER(r)) -> st[OTHER(r)] = VERIFIED; passed[OTHER(r)] = false
        :: else
        fi
    :: to == VERIFIED
    :: else -> delayed[r] = false
    fi;
    if
    :: to == PROBATION ->
        assert(st[r] == SHADOW && passed[r]);
        assert(VERSION(r) >= highest);
        highest = VERSION(r);
#ifndef BROKEN_FLOOR
        floor = VERSION(r);
#endif
        if
        :: VERSION(OTHER(r)) < VERSION(r) && st[OTHER(r)] != GOOD -> forget(OTHER(r))
        :: else
        fi
    :: to == GOOD -> assert(asked[r] && baked[r]); seen[r] = 0
    :: else
    fi;
    passed[r] = to == SHADOW && st[r] == TRIAL;
    asked[r] = false;
    baked[r] = false;
    st[r] = to;
    if
    :: to == FREE -> forget(r)
    :: else
    fi
}

inline forget(x) {
    st[x] = FREE;
    age[x] = 0;
    seen[x] = 0;
    evidence[x] = false;
    delayed[x] = false;
    passed[x] = false;
    took[x] = 0;
    took_blind[x] = false
}

inline count_failure() {
    seen[r] = (seen[r] < 2 -> seen[r] + 1 : 2)
}

/* The table. `excused`: whether the pressure explains this failure. */
inline step() {
    to = FREE;
    moves = true;
    if
    :: ON(FREE, OFFERED) -> GO(VERIFIED)
    :: ON(VERIFIED, ADMIT) ->
        if
        :: ROAD_FREE(r) -> GO(ADMITTED)
        :: else -> moves = false
        fi
    :: ON(ADMITTED, TICK) ->
        if
        :: !pressure -> GO(TRIAL)
        :: moves = false /* back-off, switches of this day */
        fi
    :: ON(TRIAL, TRIAL_PASSED) -> GO(SHADOW)
    :: ON(SHADOW, SHADOW_PASSED) ->
        if
        :: GO(PROBATION)
        :: !is_calm -> GO(ADMITTED) /* enough switches for this day */
        fi
    :: ON(PROBATION, TICK) ->
        if
        :: !asked[r] -> STAY(PROBATION); baked[r] = true; asked[r] = true
        :: !is_calm -> moves = false /* not yet */
        fi
    :: ON(PROBATION, DISK_STARTED) ->
        if
        :: baked[r] && asked[r] -> GO(GOOD)
        :: else -> moves = false
        fi
    :: ON(TRIAL, FAILED) ->
        count_failure();
        if
        :: seen[r] >= 2 -> GO(BARRED)
        :: else -> GO(REJECTED)
        fi
    :: ON(SHADOW, FAILED) ->
        if
        :: excused -> GO(ADMITTED)
        :: else -> count_failure(); GO(REJECTED)
        fi
    :: ON(PROBATION, FAILED) ->
        if
#ifdef BROKEN_BACK
        :: STAY(PROBATION)
#else
        :: excused -> STAY(PROBATION)
        :: else -> count_failure(); GO(ROLLED_BACK)
#endif
        fi
    :: ON(GOOD, FAILED) ->
        if
        :: excused -> STAY(GOOD)
        :: else -> count_failure(); GO(ROLLED_BACK)
        fi
    :: ON(TRIAL, STARTED_BADLY) ->
        count_failure();
        if
        :: seen[r] >= 2 -> GO(BARRED)
        :: else -> GO(REJECTED)
        fi
    :: ON(SHADOW, STARTED_BADLY) -> count_failure(); GO(REJECTED)
    :: ON(PROBATION, STARTED_BADLY) -> count_failure(); GO(ROLLED_BACK)
    :: ON(PROBATION, RECALL) -> GO(ROLLED_BACK)
    :: ON(GOOD, RECALL) -> GO(ROLLED_BACK)
    :: ON(PROBATION, WITHDRAW) -> GO(ROLLED_BACK)
    :: ON(GOOD, WITHDRAW) -> GO(ROLLED_BACK)
    :: ON(ADMITTED, REFUSE) -> GO(VERIFIED)
    :: ON(TRIAL, REFUSE) -> GO(VERIFIED)
    :: ON(SHADOW, REFUSE) -> GO(VERIFIED)
    :: ON(TRIAL, ENVIRONMENT) -> GO(ADMITTED)
    :: ON(SHADOW, ENVIRONMENT) -> GO(ADMITTED)
    :: ON(TRIAL, TICK) ->
        if
        :: GO(ADMITTED) /* overdue */
        :: moves = false
        fi
    :: ON(SHADOW, TICK) ->
        if
        :: GO(ADMITTED)
        :: moves = false
        fi
    :: ON(TRIAL, MEMORY_SHORT) -> GO(ADMITTED)
    :: ON(SHADOW, MEMORY_SHORT) -> GO(ADMITTED)
    :: ON(TRIAL, STARTED) -> GO(ADMITTED)
    :: ON(SHADOW, STARTED) -> GO(ADMITTED)
    :: ON(PROBATION, STARTED) -> STAY(PROBATION); asked[r] = false
    :: ON(TRIAL, ENGINE_CHANGED) -> GO(ADMITTED)
    :: ON(SHADOW, ENGINE_CHANGED) -> GO(ADMITTED)
    :: ON(VERIFIED, SUPERSEDED) -> GO(FREE)
    :: ON(PROBATION, SUPERSEDED) -> GO(FREE)
    :: ON(GOOD, SUPERSEDED) -> GO(FREE)
    :: ON(REJECTED, SUPERSEDED) -> GO(FREE)
    :: ON(ROLLED_BACK, SUPERSEDED) -> GO(FREE)
    :: ON(BARRED, SUPERSEDED) -> GO(FREE)
    :: ON(REJECTED, TICK) ->
        if
        :: GO(VERIFIED) /* its back-off has passed */
        :: moves = false
        fi
    :: ON(ROLLED_BACK, TICK) ->
        if
        :: GO(VERIFIED)
        :: moves = false
        fi
    :: ON(REJECTED, ALLOW) -> GO(VERIFIED)
    :: ON(ROLLED_BACK, ALLOW) -> GO(VERIFIED)
    :: ON(BARRED, ALLOW) -> GO(VERIFIED)
    :: ON(BARRED, ENGINE_CHANGED) -> GO(VERIFIED)
    :: ON(VERIFIED, ANCHORS_CHANGED) -> GO(FREE)
    :: ON(ADMITTED, ANCHORS_CHANGED) -> GO(FREE)
    :: ON(TRIAL, ANCHORS_CHANGED) -> GO(FREE)
    :: ON(SHADOW, ANCHORS_CHANGED) -> GO(FREE)
    :: ON(REJECTED, ANCHORS_CHANGED) -> GO(FREE)
    :: else -> moves = false
    fi;
    if
    :: moves -> enter()
    :: else
    fi
}

/* What should run: in probation, else the newest good one, else the factory set. */
inline wanted(out) {
    out = FACTORY;
    if
    :: st[GENUINE] == GOOD -> out = GENUINE
    :: else
    fi;
    if
    :: st[MALICIOUS] == GOOD -> out = MALICIOUS
    :: else
    fi;
    if
    :: st[GENUINE] == PROBATION -> out = GENUINE
    :: st[MALICIOUS] == PROBATION -> out = MALICIOUS
    :: else
    fi
}

/* --- admission ------------------------------------------------------------------------------ */
#ifdef BROKEN_SILENCE
#define NEEDED_AGE MIN /* silence of the lines changes nothing */
#define IS_NEWS true
#else
#define NEEDED_AGE (silent -> FULL : MIN)
#define IS_NEWS (fresh || silent)
#endif
#ifdef BROKEN_EVIDENCE
#define AGE_HOLDS(r) (evidence[r] || (age[r] >= NEEDED_AGE && log_age[r] >= NEEDED_AGE))
#else
#ifdef BROKEN_FIRST_SIGHT
#define AGE_HOLDS(r) (log_age[r] >= NEEDED_AGE) /* the log alone */
#else
#define AGE_HOLDS(r) (age[r] >= NEEDED_AGE && log_age[r] >= NEEDED_AGE)
#endif
#endif
#ifdef BROKEN_HALTS
#define NOT_HALTED(r) true
#else
#define NOT_HALTED(r) (halts[r] == 0)
#endif
#define ADMITS(r) (NOT_HALTED(r) && IS_NEWS && evidence[r] && AGE_HOLDS(r))

/* --- what is claimed (docs/security.md) ------------------------------------------------------ */
#define IS_ACTIVE(r) (st[r] == PROBATION || st[r] == GOOD)
inline claims() {
    /* Fewer keys than the threshold make nothing active, whatever else is stolen. */
    assert(!IS_ACTIVE(MALICIOUS) || keys_release >= 2);
    /* Nobody is faster than the least age by the host's own first sight. */
    assert(!IS_ACTIVE(MALICIOUS) || took[MALICIOUS] >= MIN);
    assert(!IS_ACTIVE(GENUINE) || took[GENUINE] >= MIN);
    /* While one partner is honest and its lines are open, what is public and bad is halted. */
    assert(!IS_ACTIVE(MALICIOUS) || keys_witness >= 2 || keys_partner >= PARTNERS
           || (took_blind[MALICIOUS] && took[MALICIOUS] >= FULL));
    /* One partner's key, stolen, stops a release from spreading; it takes nothing back. */
    assert(!recalled || keys_partner >= 2);
    /* What runs is proven here, or what came with the program. */
    assert(runs == FACTORY || IS_ACTIVE(runs));
    /* At most one release is on its way, at most one in probation. */
    assert(!(ON_WAY(GENUINE) && ON_WAY(MALICIOUS)));
    assert(!(st[GENUINE] == PROBATION && st[MALICIOUS] == PROBATION));
}

/* --- what can happen -------------------------------------------------------------------------- */

/* A tick: all grows older; partners look at the log; the server lets lists through or not. */
inline tick_pass() {
    age[0] = (st[0] != FREE && age[0] < FULL -> age[0] + 1 : age[0]);
    age[1] = (st[1] != FREE && age[1] < FULL -> age[1] + 1 : age[1]);
    log_age[0] = (log_age[0] > 0 && log_age[0] < FULL -> log_age[0] + 1 : log_age[0]);
    log_age[1] = (log_age[1] > 0 && log_age[1] < FULL -> log_age[1] + 1 : log_age[1]);
    if
    :: true -> /* the lines are open: lists of all partners arrive */
        fresh = true;
        silent = false;
        if
        :: IS_PUBLIC(MALICIOUS) && keys_partner < PARTNERS ->
            halts[MALICIOUS] = (PARTNERS - keys_partner > 1 -> 2 : 1) /* the honest ones */
        :: else
        fi;
        if
        :: keys_partner > 0 -> halts[GENUINE] = (keys_partner > 1 -> 2 : 1) /* the thief's */
        :: halts[GENUINE] = 0
        fi
    :: true -> /* the server withholds them */
        silent = !fresh;
        fresh = false
    fi;
    ev = TICK
}

/* What the server offers, if its signatures hold. */
inline offer() {
    if
    :: st[r] == FREE && VERSION(r) > floor && (r == GENUINE || keys_release >= NEEDED_KEYS) ->
        log_age[r] = (log_age[r] == 0 -> 1 : log_age[r]);
        /* witnesses that are stolen prove any age at once */
        log_age[r] = (keys_witness >= 2 -> FULL : log_age[r]);
        if
        :: r == MALICIOUS -> urgent = true
        :: urgent = urgent && r != MALICIOUS
        fi;
        ev = OFFERED
    :: else -> first = 1; last = 0 /* nothing */
    fi
}

/* Something happens to release r. */
inline choose_release_event() {
    first = r;
    last = r;
    if
    :: offer()
    :: st[r] == VERIFIED && ADMITS(r) -> ev = ADMIT
    :: ON_WAY(r) && !ADMITS(r) -> ev = REFUSE
    :: st[r] == TRIAL -> ev = TRIAL_PASSED
    :: st[r] == SHADOW -> ev = SHADOW_PASSED
    :: st[r] == PROBATION -> ev = DISK_STARTED
    :: r == GENUINE || runs == MALICIOUS -> /* malice looks healthy until it is active */
        ev = FAILED;
        excused = pressure
    :: st[r] == TRIAL || st[r] == SHADOW -> ev = ENVIRONMENT
    :: IS_ACTIVE(r) && halts[r] >= RECALL_PARTNERS ->
        ev = RECALL;
        recalled = recalled || r == GENUINE
    :: IS_ACTIVE(r) -> ev = WITHDRAW
    :: st[r] == REJECTED || st[r] == ROLLED_BACK || st[r] == BARRED -> ev = ALLOW
    :: st[r] != FREE && (r == GENUINE || key_evidence || age[r] >= MIN) ->
        evidence[r] = true;
        first = 1;
        last = 0
    fi
}

/* Something happens to the host: every release gets it. */
inline choose_host_event() {
    first = 0;
    last = RELEASES - 1;
    if
    :: tick_pass()
    :: ev = STARTED
    :: ev = STARTED_BADLY
    :: !pressure -> pressure = true; ev = MEMORY_SHORT
    :: pressure -> pressure = false; ev = MEMORY_EASED
    :: ev = ENGINE_CHANGED
    :: ev = ANCHORS_CHANGED;
       floor = (st[MALICIOUS] == GOOD -> 2 : (st[GENUINE] == GOOD -> 1 : 0));
       highest = floor
    fi
}

/* Nothing fails and nobody lies any more: what carries a release on. */
inline choose_calm_event() {
    first = r;
    last = r;
    is_calm = true;
    pressure = false;
    if
    :: st[r] == TRIAL -> ev = TRIAL_PASSED
    :: st[r] == SHADOW -> ev = SHADOW_PASSED
    :: st[r] == PROBATION && !asked[r] -> ev = TICK
    :: st[r] == PROBATION && asked[r] -> ev = DISK_STARTED
    :: else -> first = 1; last = 0
    fi
}

/* The chosen event for each release from first to last; then what runs follows the state. */
inline carry_out() {
    must_leave = (ev == FAILED && !excused && first == last && runs == r -> r : FACTORY);
    r = first;
    do
    :: r <= last && last < RELEASES && first <= last -> step(); r++
    :: else -> break
    od;
    wanted(runs);
    assert(must_leave == FACTORY || runs != must_leave); /* what fails while it runs is gone */
    must_leave = FACTORY;
    claims();
    r = 0;
    to = FREE;
    moves = false;
    excused = false;
    first = 0;
    last = 0;
    ev = TICK
}

/* Which keys the thief holds: every combination, or (FEW) those at the edges. */
inline steal() {
#ifdef FEW
    if
    :: keys_release = 1; keys_witness = 2; keys_partner = 3; key_evidence = true
    :: keys_release = 2; keys_witness = 1; keys_partner = 1; key_evidence = true
    :: keys_release = 2; keys_witness = 2; keys_partner = 0; key_evidence = false
    fi
#else
    select(keys_release : 0 .. 2);
    select(keys_witness : 0 .. 2);
    select(keys_partner : 0 .. 3);
    if
    :: key_evidence = true
    :: key_evidence = false
    fi
#endif
}

active proctype host() {
    byte first, last, turn, must_leave;
    steal();
    st[0] = FREE;
    st[1] = FREE;
    ev = TICK;
    to = FREE;
    do
    :: atomic {
           if
           :: r = GENUINE; choose_release_event()
           :: r = MALICIOUS; choose_release_event()
           :: choose_host_event()
           fi;
           carry_out()
       }
    :: break
    od;
    /* However it went: left alone, the host is in a good state soon. */
    atomic {
        do
        :: turn < 2 * 4 -> r = turn % RELEASES; choose_calm_event(); carry_out(); turn++
        :: else -> break
        od;
        assert(runs == FACTORY || st[runs] == GOOD);
        assert(st[GENUINE] != PROBATION && st[MALICIOUS] != PROBATION)
    }
}
