// SPDX-License-Identifier: Apache-2.0
#include "sensor/loader.h"

#include <stdlib.h>

static const struct probe_row probe_rows[PROBE_COUNT] = {
#define PROBE(id, program, how, target, shows, is_required, doc)                                   \
    {#id, #program, target, shows, is_required, doc},
#include "sensor/probes.def"
};

_Static_assert(EVENT_KIND_COUNT <= 32, "probe_row.shows is a 32-bit mask");

const struct probe_row *probe_row(enum probe probe)
{
    if ((unsigned)probe >= PROBE_COUNT)
        abort();
    return &probe_rows[probe];
}

bool probe_is_base(enum probe probe)
{
    return probe_row(probe)->is_required || probe == PROBE_snapshot
           || probe == PROBE_snapshot_plain;
}

const struct blind_spot *blind_spots(size_t *ret_count)
{
    static const struct blind_spot rows[] = {
#define BLIND_SPOT(id, shows, doc) {#id, shows, doc},
#include "sensor/blind_spots.def"
    };
    *ret_count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const struct technique *techniques(size_t *ret_count)
{
    static const struct technique rows[] = {
#define TECHNIQUE(kind, id, name) {EVENT_##kind, id, name},
#include "sensor/techniques.def"
    };
    *ret_count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const char *probe_state_name(enum probe_state state)
{
    static const char *const names[PROBE_STATE_COUNT] = {
        [PROBE_UNTRIED] = "untried", [PROBE_ATTACHED] = "attached", [PROBE_SPARE] = "spare",
        [PROBE_ABSENT] = "absent",   [PROBE_REFUSED] = "refused",   [PROBE_FAILED] = "failed",
        [PROBE_LEFT_OUT] = "left out",
    };
    if ((unsigned)state >= PROBE_STATE_COUNT)
        abort();
    return names[state];
}
