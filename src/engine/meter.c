// SPDX-License-Identifier: Apache-2.0
#include "engine/meter.h"

#include <stdlib.h>

enum { CALIBRATIONS = 64 };

struct meter {
    engine_clock *clock;
    unsigned every;
    unsigned left;     /* events until the next one that is measured */
    uint64_t clock_ns; /* what asking the clock takes */
    uint64_t last_ns;
    struct engine_measured measured;
    size_t count;
    struct engine_account accounts[];
};

struct meter *meter_new(size_t count, unsigned every, engine_clock *clock)
{
    struct meter *meter = calloc(1, sizeof *meter + count * sizeof meter->accounts[0]);
    if (meter == NULL)
        return NULL;
    meter->clock = clock;
    meter->every = every;
    meter->left = 1;
    meter->count = count;
    meter->clock_ns = UINT64_MAX;
    for (size_t i = 0; i < CALIBRATIONS; i++) {
        uint64_t before = clock();
        uint64_t took = clock() - before;
        meter->clock_ns = took < meter->clock_ns ? took : meter->clock_ns;
    }
    return meter;
}

void meter_free(struct meter *meter) { free(meter); }

/* Since the last call, without what the clock itself takes. */
static uint64_t lap(struct meter *meter)
{
    uint64_t now_ns = meter->clock();
    uint64_t took_ns = now_ns - meter->last_ns;
    meter->last_ns = now_ns;
    return took_ns > meter->clock_ns ? took_ns - meter->clock_ns : 0;
}

bool meter_event(struct meter *meter)
{
    meter->measured.events++;
    if (--meter->left > 0)
        return false;
    meter->left = meter->every;
    meter->measured.measured++;
    meter->last_ns = meter->clock();
    return true;
}

void meter_enter(struct meter *meter)
{
    uint64_t ns = lap(meter);
    meter->measured.scan_ns += ns;
    meter->measured.ns += ns;
}

void meter_leave(struct meter *meter, size_t row)
{
    uint64_t ns = lap(meter);
    meter->measured.ns += ns;
    meter->accounts[row].evaluations++;
    meter->accounts[row].ns += ns;
}

void meter_end(struct meter *meter) { meter_enter(meter); }

void meter_skip(struct meter *meter) { meter->last_ns = meter->clock(); }

void meter_match(struct meter *meter, size_t row) { meter->accounts[row].matches++; }

struct engine_account meter_account(const struct meter *meter, size_t row)
{
    struct engine_account none = {.matches = 0};
    return row < meter->count ? meter->accounts[row] : none;
}

struct engine_measured meter_measured(const struct meter *meter) { return meter->measured; }
