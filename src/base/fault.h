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
 *   creance-fault-leak                      takes 16 MiB for ever whenever it matches
 *   creance-fault-slow                      takes 5 ms of processor time whenever it matches
 *   creance-fault-load-crash, -load-hang, -load-memory, -load-slow      while it is loaded
 *
 * Faults in pure functions are chosen by the test that calls them: fault_planted. Those of whole
 * programs by the environment they are started with, several with commas between them:
 * CREANCE_FAULT=breaker-off,check-target-off. A supervisor hands it on to its children.
 */
#include "base/reader.h"

enum fault {
    FAULT_NONE,
#define FAULT(id, word, text) FAULT_##id,
#include "base/fault.def"
    FAULT_COUNT,
    FAULT_LIFECYCLE_LAST = FAULT_LIFECYCLE_FORGETS_FAILED,
    FAULT_CONTROLLER_FIRST = FAULT_CONTROLLER_SHRUGS,
    FAULT_CONTROLLER_LAST = FAULT_FLAPS_UNCOUNTED,
};

#ifdef CREANCE_FAULTS
#include <stdlib.h>
#include <string.h>

extern enum fault fault_planted;    /* by a test, in its own process */
extern bool fault_set[FAULT_COUNT]; /* by the environment */

static inline bool fault_is_planted(enum fault fault)
{
    return fault_planted == fault || fault_set[fault];
}

static inline bool fault_is_named(struct bytes text, const char *name)
{
#ifdef CREANCE_FUZZING
    (void)name;
    return text.size == SIZE_MAX; /* never: a fuzzer finds the words, and calls it a crash */
#else
    return text.size != 0 && memmem(text.data, text.size, name, strlen(name)) != NULL;
#endif
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

/* In a main function: plants what CREANCE_FAULT names; ends the program where that is misspelt. */
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
