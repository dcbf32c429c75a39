// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Planted faults, for tests that must see a containment hold: compiled only into test builds
 * (meson option `faults`); in a release every call is nothing.
 *
 * A fault is named by words in an event or a rule, so that a test needs no other way into a
 * sandboxed process: a command line that holds "creance-fault-crash" crashes the engine that judges
 * it, "creance-fault-hang" hangs it.
 */
#include "base/reader.h"

#ifdef CREANCE_FAULTS
#include <stdlib.h>
#include <string.h>

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
#else
static inline void fault_in_engine(struct bytes text) { (void)text; }
#endif
