// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Planted faults, for tests that must see a containment hold: compiled only into test builds
 * (meson option `faults`); in a release every call is nothing.
 *
 * A fault is named by words in an event or a rule, so that a test needs no other way into a
 * sandboxed process: a command line that holds "creance-fault-crash" crashes the engine that judges
 * it, "creance-fault-hang" hangs it.
 *
 * Faults in pure functions are chosen by the test that calls them: fault_planted. Those of a whole
 * supervisor by the environment it is started with: CREANCE_FAULT=breaker-off.
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
    /* the supervisor's; the word behind each plants it (fault_plant) */
    FAULT_BREAKER_OFF,               /* breaker-off: no rule is ever switched off alone */
    FAULT_BREAKER_HASTY,             /* breaker-hasty: a rule is tried again after seconds */
};

#ifdef CREANCE_FAULTS
#include <stdlib.h>
#include <string.h>

extern enum fault fault_planted; /* by a test, in its own process */

static inline bool fault_is_planted(enum fault fault) { return fault_planted == fault; }

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

/* For a rule that has just matched, by its title. */
void fault_in_rule(struct bytes title);

/* In the main function of a supervisor: plants what CREANCE_FAULT names. */
void fault_plant(void);
#else
static inline bool fault_is_planted(enum fault fault)
{
    (void)fault;
    return false;
}

static inline void fault_in_engine(struct bytes text) { (void)text; }
static inline void fault_in_rule(struct bytes title) { (void)title; }
static inline void fault_plant(void) {}
#endif
