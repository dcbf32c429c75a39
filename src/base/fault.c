// SPDX-License-Identifier: Apache-2.0
/* Only in test builds (meson option `faults`). */
#include "base/fault.h"

#include "base/limits.h"

enum fault fault_planted = FAULT_NONE;

/* As a leak does: without an end, used, and ended by whoever refuses first. */
static void eat_memory(void)
{
    for (;;) {
        enum { BITE_BYTES = 4 * MIB };
        void *bite = malloc(BITE_BYTES);
        if (bite == NULL)
            abort(); /* as most code does that cannot go on */
        memset(bite, 1, BITE_BYTES);
    }
}

void fault_in_rule(struct bytes title)
{
    fault_in_engine(title);
    if (fault_is_named(title, "creance-fault-memory"))
        eat_memory();
}

void fault_plant(void)
{
    static const struct {
        const char *name;
        enum fault fault;
    } FAULTS[] = {
        {"breaker-off", FAULT_BREAKER_OFF},
        {"breaker-hasty", FAULT_BREAKER_HASTY},
    };
    const char *name = getenv("CREANCE_FAULT");
    for (size_t i = 0; name != NULL && i < sizeof FAULTS / sizeof FAULTS[0]; i++)
        if (strcmp(name, FAULTS[i].name) == 0)
            fault_planted = FAULTS[i].fault;
}
