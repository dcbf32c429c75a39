// SPDX-License-Identifier: Apache-2.0
#include "rollout/waves.h"

#include "base/fault.h"
#include "base/mix.h"

typedef unsigned __int128 wide; /* a draw times a time or a share */

RESULT waves_check(const struct waves *waves, struct explanation *why)
{
    if (waves->count == 0 || waves->count > WAVES_MAX)
        return explain(why, ERROR_FORMAT, "the plan has %u waves; expected 1 to %d", waves->count,
                       WAVES_MAX);
    uint64_t sum_ppm = 0;
    for (unsigned i = 0; i < waves->count; i++) {
        sum_ppm += waves->waves[i].share_ppm;
        if (waves->waves[i].share_ppm == 0)
            return explain(why, ERROR_FORMAT, "wave %u of the plan has no hosts; expected a share "
                                              "of at least one in a million", i + 1);
    }
    if (sum_ppm > RING_PPM)
        return explain(why, ERROR_FORMAT, "the waves of the plan add up to %llu hosts in a million "
                                          "of their ring; expected at most %d",
                       (unsigned long long)sum_ppm, RING_PPM);
    return RESULT_OK;
}

uint64_t wave_draw(uint64_t host, struct release_name release)
{
    uint64_t draw = mix64(host);
    if (!fault_is_planted(FAULT_WAVES_WITHOUT_RELEASE)) {
        for (size_t half = 0; half < 2; half++) {
            uint64_t word = 0;
            for (size_t i = 0; i < RELEASE_NAME_BYTES / 2; i++)
                word = word << 8 | release.bytes[half * RELEASE_NAME_BYTES / 2 + i];
            draw = mix64(draw ^ word);
        }
    }
    return draw == UINT64_MAX ? draw - 1 : draw;
}

/* The first draw behind the waves before this one: their shares of all draws. */
static uint64_t wave_begin(const struct waves *waves, unsigned wave)
{
    uint64_t before_ppm = 0;
    for (unsigned i = 0; i < wave; i++)
        before_ppm += waves->waves[i].share_ppm;
    return wave >= waves->count ? UINT64_MAX
                                : (uint64_t)((wide)before_ppm * UINT64_MAX / RING_PPM);
}

struct wave_turn wave_turn(const struct waves *waves, uint64_t draw)
{
    unsigned wave = 0;
    while (wave + 1 < waves->count && draw >= wave_begin(waves, wave + 1))
        wave++;
    uint64_t begin = wave_begin(waves, wave), width = wave_begin(waves, wave + 1) - begin;
    uint32_t spread_s = waves->waves[wave].spread_s;
    if (spread_s == 0)
        return (struct wave_turn){.wave = (uint8_t)wave};
    /* The first second at which wave_limit() is above the draw. */
    wide seconds = ((wide)(draw - begin) + 1) * spread_s;
    return (struct wave_turn){.wave = (uint8_t)wave,
                              .after_s = (uint32_t)((seconds + width - 1) / width)};
}

static uint32_t wave_lasts_s(const struct waves_started *started, unsigned wave,
                             struct steady_time now)
{
    unsigned from = fault_is_planted(FAULT_WAVES_NOT_RELATIVE) ? 0 : wave;
    return steady_since(started->at[from], now);
}

uint64_t wave_limit(const struct waves *waves, const struct waves_started *started,
                    struct steady_time now)
{
    if (started->started != 0 && fault_is_planted(FAULT_WAVES_IGNORED))
        return UINT64_MAX;
    unsigned count = started->started < waves->count ? started->started : waves->count;
    for (unsigned wave = 0; wave < count; wave++) {
        uint32_t spread_s = waves->waves[wave].spread_s;
        uint32_t lasts_s = wave_lasts_s(started, wave, now);
        if (lasts_s >= spread_s)
            continue;
        uint64_t begin = wave_begin(waves, wave), width = wave_begin(waves, wave + 1) - begin;
        return begin + (uint64_t)((wide)width * lasts_s / spread_s);
    }
    return wave_begin(waves, count);
}

bool wave_is_offered(const struct waves *waves, const struct waves_started *started, uint64_t draw,
                     struct steady_time now)
{
    return draw < wave_limit(waves, started, now);
}

uint32_t wave_planned_ppm(const struct waves *waves, const struct waves_started *started,
                          struct steady_time now)
{
    uint64_t limit = wave_limit(waves, started, now);
    return limit == UINT64_MAX ? RING_PPM : (uint32_t)((wide)limit * RING_PPM / UINT64_MAX);
}

bool wave_may_start(const struct waves *waves, const struct waves_started *started,
                    struct steady_time now)
{
    if (started->started >= waves->count)
        return false;
    if (started->started == 0)
        return true;
    unsigned last = started->started - 1u;
    uint64_t needed_s = (uint64_t)waves->waves[last].spread_s + waves->waves[last].pause_s;
    return wave_limit(waves, started, now) >= wave_begin(waves, started->started)
           && steady_since(started->at[last], now) >= needed_s;
}
