// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Planted faults, for tests that must see a containment hold: compiled only into test builds
 * (meson option `faults`); in a release every call is nothing.
 *
 * A fault is named by words in an event or a rule, so that a test needs no other way into a
 * sandboxed process: a command line that holds "creance-fault-crash" crashes the engine that judges
 * it, "creance-fault-hang" hangs it. The title of a rule may say
 *   creance-fault-crash, -hang, -memory     when it matches
 *   creance-fault-late-30                   crash when it matches 30 s after the first match
 *   creance-fault-slow                      takes 5 ms of processor time whenever it matches
 *   creance-fault-load-crash, -load-hang, -load-memory, -load-slow      while it is loaded
 *
 * Faults in pure functions are chosen by the test that calls them: fault_planted. Those of whole
 * programs by the environment they are started with, several with commas between them:
 * CREANCE_FAULT=breaker-off,check-target-off. A supervisor hands it on to its children.
 */
#include "base/reader.h"

/* Each takes one safeguard away. The lifecycle's property tests must find every one of its own. */
enum fault {
    FAULT_NONE,
    FAULT_LIFECYCLE_NO_FLOOR,        /* what was active does not close older versions */
    FAULT_LIFECYCLE_EARLY_GOOD,      /* good without its bake time */
    FAULT_LIFECYCLE_NO_DISK_START,   /* good without having been asked to start from disk */
    FAULT_LIFECYCLE_PRESSURE_BLAMES, /* pressure is no excuse */
    FAULT_LIFECYCLE_BARS_AT_ONCE,    /* one failure in a trial bars */
    FAULT_LIFECYCLE_NEVER_BARS,
    FAULT_LIFECYCLE_SWITCHES_FREELY, /* no limit per day */
    FAULT_LIFECYCLE_CROWDED_ROAD,    /* several releases on their way at once */
    FAULT_LIFECYCLE_FORGETS_TO_SAVE,
    FAULT_LIFECYCLE_RETRIES_AT_ONCE, /* no back-off */
    FAULT_LIFECYCLE_STAYS,           /* a failure in probation changes nothing */
    FAULT_LIFECYCLE_FORGETS_FAILED,  /* what was forgotten after it failed may come again */
    FAULT_LIFECYCLE_LAST = FAULT_LIFECYCLE_FORGETS_FAILED,
    /* Small mistakes of the engine, which the reference evaluator must find. */
    FAULT_ENGINE_CUTS_CHARACTERS,    /* a wildcard may end inside of a character */
    FAULT_ENGINE_ALL_IS_ANY,
    FAULT_ENGINE_FORGETS_CASED,
    FAULT_ENGINE_MEANS_HIDDEN,       /* "them" means names with an underscore too */
    FAULT_ENGINE_TWO_OFFSETS,        /* base64offset makes two texts instead of three */
    FAULT_ENGINE_LTE_IS_LT,
    FAULT_ENGINE_PREFIX_BIT,         /* the last bit of a network that is no whole byte */
    FAULT_ENGINE_WEEK,               /* all of January is in this year's weeks */
    FAULT_ENGINE_WRONG_WITNESS,      /* long values are looked for with one wrong byte */
    FAULT_ENGINE_SCANNER_REFUSES,    /* not a mistake: Vectorscan's, which must change no verdict */
    /* of whole programs; the word behind each plants it (fault_plant) */
    FAULT_BREAKER_OFF,               /* breaker-off: no rule is ever switched off alone */
    FAULT_ALERT_LIMIT_OFF,           /* alert-limit-off: a rule may fill the alert ring */
    FAULT_BREAKER_HASTY,             /* breaker-hasty: a rule is tried again after seconds */
    /* not safeguards but the mistakes of others, rebuilt, for tests/incidents */
    FAULT_ENGINE_FIELDS_UNCHECKED,   /* fields-unchecked: a field that no event has is read by its
                                        position behind those that are there (channel-file-291) */
    FAULT_ENGINE_BUDGET_OFF,         /* engine-budget-off: no steps are counted */
    FAULT_ENGINE_BACKTRACKS,         /* regex-backtracks: in time that grows with a power (regex) */
    /* what `content check` and the trial hold content to, each switched off */
    FAULT_CHECK_TARGET_OFF,          /* check-target-off */
    FAULT_CHECK_TESTS_OFF,           /* check-tests-off: loading is enough */
    FAULT_CHECK_FIELDS_OFF,          /* check-fields-off */
    FAULT_CHECK_COST_OFF,            /* check-cost-off: ceilings of a bundle and of this host */
    FAULT_CHECK_TIME_OFF,            /* check-time-off: no limit of processor time */
    FAULT_CHECK_SETTINGS_OFF,        /* check-settings-off */
    FAULT_UPDATES_BLIND,             /* updates-blind: no failure of a release is noticed */
    /* what arrives, and who handles it */
    FAULT_LINK_LIES,                 /* link-lies: it cuts off what came, in silence */
    FAULT_UPDATER_LIES,              /* updater-lies: it offers what nobody signed */
    FAULT_TICKET_HANGS,              /* ticket-hangs */
    FAULT_TICKET_CRASHES,            /* ticket-crashes */
    FAULT_SUPERVISOR_HASHES_NOT,     /* supervisor-hashes-not: it believes the updater */
    FAULT_TRIAL_TRIPWIRE_OFF,        /* trial-tripwire-off: a silent tripwire stops nothing */
    FAULT_TRIAL_OFF,                 /* trial-off: there is no trial */
    FAULT_AGE_BY_WALL,               /* age-by-wall: ages go by the clock that can be set */
    FAULT_BOOT_GUARD_OFF,            /* boot-guard-off: no boot ever counts */
    /* what happens to hosts */
    FAULT_PANIC_PROBES,              /* panic-probes: the kernel panics some seconds after probes
                                        beyond the base ones were loaded */
    FAULT_PROBES_REFUSED,            /* probes-refused: the kernel takes no further program */
    FAULT_PROBES_CRASH,              /* probes-crash: their loader crashes */
    FAULT_CLOCK_AHEAD,               /* clock-ahead: the wall clock is ten years ahead */
    FAULT_CLOCK_BEHIND,              /* clock-behind: and ten years behind */
    /* of the hub, which the simulator must find */
    FAULT_HUB_SHRUGS,                /* hub-shrugs: a gate is breached and nothing happens */
    FAULT_HUB_HASTY,                 /* hub-hasty: missing reports count as healthy */
    FAULT_HUB_TELLS_NOBODY,          /* hub-tells-nobody: a halt reaches no host */
    /* of the rollout's code, which its own tests and the simulator must find */
    FAULT_WAVES_IGNORED,             /* waves-ignored: a start offers to all hosts of the ring */
    FAULT_WAVES_WITHOUT_RELEASE,     /* waves-without-release: the same hosts go first each time */
    FAULT_WAVES_NOT_RELATIVE,        /* waves-not-relative: a wave's time counts from the first's */
    FAULT_GATE_SHRUGS,               /* gate-shrugs: a breach is found and nothing is done */
    FAULT_GATE_MISSING_IS_WELL,      /* gate-missing-is-well: who lacks a number is not bad */
    FAULT_GATE_SILENCE_IS_WELL,      /* gate-silence-is-well: who says nothing is not bad */
    FAULT_GATE_ONE_HALTS,            /* gate-one-halts: one host is enough */
    FAULT_GATE_FORGETS_SIZES,        /* gate-forgets-sizes: as if as many hosts had the release as
                                        have it not */
    FAULT_GATE_PEEKS,                /* gate-peeks: a test for one look is made at each look */
    FAULT_COUNT
};
_Static_assert(FAULT_COUNT <= 128, "fault_set has 128 bits");

#ifdef CREANCE_FAULTS
#include <stdlib.h>
#include <string.h>

extern enum fault fault_planted; /* by a test, in its own process */
extern uint64_t fault_set[2];     /* by the environment: bit fault % 64 of word fault / 64 */

static inline bool fault_is_planted(enum fault fault)
{
    return fault_planted == fault || (fault_set[fault / 64] >> fault % 64 & 1) != 0;
}

static inline bool fault_is_named(struct bytes text, const char *name)
{
    return text.size != 0 && memmem(text.data, text.size, name, strlen(name)) != NULL;
}

static inline void fault_in_engine(struct bytes text)
{
    if (fault_is_named(text, "creance-fault-crash"))
        abort();
    while (fault_is_named(text, "creance-fault-hang"))
        ;
}

/* For a rule that has just matched, and one that is being loaded, by its title. */
void fault_in_rule(struct bytes title);
void fault_in_loading(struct bytes title);
/* What a backtracking matcher does with .*.*.*= and a text that has none. */
void fault_backtrack(struct bytes text);

/* In a main function: plants what CREANCE_FAULT names. */
void fault_plant(void);
/* In a process of root's: the kernel panics, where panic-probes is planted. */
void fault_panic(void);
/* "CREANCE_FAULT=..." for a child's environment, or NULL. */
char *fault_environment(void);
#else
static inline bool fault_is_planted(enum fault fault)
{
    (void)fault;
    return false;
}

static inline void fault_in_engine(struct bytes text) { (void)text; }
static inline void fault_in_rule(struct bytes title) { (void)title; }
static inline void fault_in_loading(struct bytes title) { (void)title; }
static inline void fault_backtrack(struct bytes text) { (void)text; }
static inline void fault_plant(void) {}
static inline void fault_panic(void) {}
static inline char *fault_environment(void) { return NULL; }
#endif
