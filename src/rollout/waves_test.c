// SPDX-License-Identifier: Apache-2.0
#include "rollout/waves.h"

#include "base/fault.h"
#include "tests/unit.h"

#include <math.h>

enum { HOSTS = 100000, MINUTE_S = 60, HOUR_S = 60 * MINUTE_S, PAIRS = 24 };

static const struct waves PLAN = {
    .count = 4,
    .waves = {{10000, 0, HOUR_S},
              {100000, HOUR_S, HOUR_S},
              {300000, 2 * HOUR_S, HOUR_S},
              {0, 6 * HOUR_S, 0}}, /* its share is set where it matters: it takes what is left */
};
static const struct waves_started STARTED = {
    .started = 4,
    .at = {{1000}, {1000 + HOUR_S}, {1000 + 4 * HOUR_S}, {1000 + 9 * HOUR_S}},
};

/* What that plan says, worked out by hand: corners of (seconds after 1000, hosts in a million). */
static const struct {
    uint32_t at_s, ppm;
} CORNERS[] = {
    {0, 10000},           {HOUR_S, 10000},      {2 * HOUR_S, 110000},   {4 * HOUR_S, 110000},
    {6 * HOUR_S, 410000}, {9 * HOUR_S, 410000}, {15 * HOUR_S, 1000000}, {20 * HOUR_S, 1000000},
};

static struct waves plan(void)
{
    struct waves waves = PLAN;
    waves.waves[3].share_ppm = 1;
    return waves;
}

static struct release_name release(unsigned number)
{
    struct release_name name = {{0}};
    name.bytes[number % RELEASE_NAME_BYTES] = (uint8_t)(1 + number / RELEASE_NAME_BYTES);
    return name;
}

static double by_hand_ppm(uint32_t at_s)
{
    size_t i = 0;
    while (at_s >= CORNERS[i + 1].at_s)
        i++;
    double part = (double)(at_s - CORNERS[i].at_s) / (CORNERS[i + 1].at_s - CORNERS[i].at_s);
    return CORNERS[i].ppm + part * ((double)CORNERS[i + 1].ppm - CORNERS[i].ppm);
}

/* How far the hosts that are offered are from the plan, at the worst minute; in a million. */
static double farthest_from_plan_ppm(const struct waves_started *started)
{
    static uint64_t draws[HOSTS];
    struct waves waves = plan();
    double farthest = 0;
    for (uint64_t host = 0; host < HOSTS; host++)
        draws[host] = wave_draw(host, release(7));
    for (uint32_t at_s = 0; at_s < 16 * HOUR_S; at_s += MINUTE_S) {
        uint64_t limit = wave_limit(&waves, started, (struct steady_time){1000 + at_s});
        unsigned offered = 0;
        for (uint64_t host = 0; host < HOSTS; host++)
            offered += draws[host] < limit;
        double distance = fabs(offered * 1e6 / HOSTS - by_hand_ppm(at_s));
        farthest = distance > farthest ? distance : farthest;
    }
    return farthest;
}

/* Of the first waves (a tenth) of two releases: how far membership goes together, -1 to 1. */
static double correlation(struct release_name one, struct release_name other)
{
    uint64_t limit = UINT64_MAX / 10;
    double both = 0, in_one = 0, in_other = 0;
    for (uint64_t host = 0; host < HOSTS; host++) {
        bool is_in_one = wave_draw(host, one) < limit, is_in_other = wave_draw(host, other) < limit;
        in_one += is_in_one;
        in_other += is_in_other;
        both += is_in_one && is_in_other;
    }
    double p = in_one / HOSTS, q = in_other / HOSTS;
    return (both / HOSTS - p * q) / sqrt(p * (1 - p) * q * (1 - q));
}

static double strongest_correlation(void)
{
    double strongest = 0;
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        double found = fabs(correlation(release(pair), release(pair + 1)));
        strongest = found > strongest ? found : strongest;
    }
    return strongest;
}

static void what_is_offered_follows_the_plan_within_one_percent(void **state)
{
    (void)state;
    double farthest_ppm = farthest_from_plan_ppm(&STARTED);
    print_message("# at most %.0f hosts in a million away from the plan\n", farthest_ppm);
    assert_true(farthest_ppm < 10000);
    struct waves waves = plan();
    for (uint32_t at_s = 0; at_s < 16 * HOUR_S; at_s += MINUTE_S) {
        double planned = wave_planned_ppm(&waves, &STARTED, (struct steady_time){1000 + at_s});
        assert_true(fabs(planned - by_hand_ppm(at_s)) <= 2);
    }
}

/* 100,000 hosts: chance alone gives 0.0032 in one of three pairs, more than 0.016 in none. */
static void first_waves_of_two_releases_have_nothing_to_do_with_each_other(void **state)
{
    (void)state;
    double strongest = strongest_correlation();
    print_message("# strongest correlation of %d pairs: %.4f\n", PAIRS, strongest);
    assert_true(strongest < 0.016);
}

static void neighbouring_hosts_are_spread_evenly(void **state)
{
    (void)state;
    enum { PARTS = 256, SHIFTS = 3 };
    static const unsigned SHIFT[SHIFTS] = {0, 24, 46};
    for (unsigned shift = 0; shift < SHIFTS; shift++) {
        double square = 0;
        unsigned in_part[PARTS] = {0};
        for (uint64_t host = 0; host < HOSTS; host++)
            in_part[wave_draw(host << SHIFT[shift], release(3)) >> 56]++;
        for (unsigned i = 0; i < PARTS; i++)
            square += pow(in_part[i] - (double)HOSTS / PARTS, 2) / ((double)HOSTS / PARTS);
        assert_true(square < 360); /* chi-square with 255 degrees: 1 in 50,000 */
    }
}

static void a_turn_is_the_first_second_of_its_offer(void **state)
{
    (void)state;
    struct waves waves = plan();
    for (uint64_t host = 0; host < HOSTS; host++) {
        uint64_t draw = wave_draw(host, release(1));
        struct wave_turn turn = wave_turn(&waves, draw);
        uint32_t at_s = STARTED.at[turn.wave].s + turn.after_s;
        assert_true(turn.after_s <= waves.waves[turn.wave].spread_s);
        assert_true(wave_is_offered(&waves, &STARTED, draw, (struct steady_time){at_s}));
        at_s -= turn.after_s != 0;
        assert_int_equal(wave_is_offered(&waves, &STARTED, draw, (struct steady_time){at_s}),
                         turn.after_s == 0);
    }
}

static void a_wave_waits_for_those_before_it(void **state)
{
    (void)state;
    struct waves waves = plan();
    struct waves_started started = {0};
    assert_true(wave_may_start(&waves, &started, (struct steady_time){1000}));
    assert_int_equal(wave_planned_ppm(&waves, &started, (struct steady_time){1000}), 0);
    started = (struct waves_started){.started = 2, .at = {{1000}, {1000 + HOUR_S}}};
    struct steady_time over = {1000 + 3 * HOUR_S};
    assert_false(wave_may_start(&waves, &started, (struct steady_time){over.s - 1}));
    assert_true(wave_may_start(&waves, &started, over));
    assert_false(wave_may_start(&waves, &started, (struct steady_time){500})); /* taken back */
    assert_false(wave_may_start(&waves, &STARTED, (struct steady_time){1000 + 20 * HOUR_S}));
    /* Somebody starts the third too early: it offers nothing until the second is through. */
    started = (struct waves_started){.started = 3, .at = {{1000}, {2000}, {2001}}};
    uint32_t half_ppm = wave_planned_ppm(&waves, &started, (struct steady_time){2000 + HOUR_S / 2});
    assert_in_range(half_ppm, 59999, 60000);
}

static void senseless_plans_are_refused(void **state)
{
    (void)state;
    struct waves waves = plan();
    assert_ok(waves_check(&waves, NULL));
    waves.waves[2].share_ppm = 0;
    assert_error(waves_check(&waves, NULL), ERROR_FORMAT);
    waves.waves[2].share_ppm = RING_PPM;
    assert_error(waves_check(&waves, NULL), ERROR_FORMAT);
    waves.waves[2].share_ppm = UINT32_MAX;
    assert_error(waves_check(&waves, NULL), ERROR_FORMAT);
    waves = plan();
    waves.count = 0;
    assert_error(waves_check(&waves, NULL), ERROR_FORMAT);
    waves.count = WAVES_MAX + 1;
    assert_error(waves_check(&waves, NULL), ERROR_FORMAT);
}

/* The mistakes of others, rebuilt: the tests above must see each of them. */
static void planted_faults_are_found(void **state)
{
    (void)state;
#ifndef CREANCE_FAULTS
    print_message("# skip: built without planted faults\n");
    skip();
#else
    fault_planted = FAULT_WAVES_IGNORED;
    double ignored_ppm = farthest_from_plan_ppm(&STARTED);
    fault_planted = FAULT_WAVES_NOT_RELATIVE;
    double not_relative_ppm = farthest_from_plan_ppm(&STARTED);
    fault_planted = FAULT_WAVES_WITHOUT_RELEASE;
    double without_release = strongest_correlation();
    fault_planted = FAULT_NONE;
    print_message("# waves ignored: %.0f, not relative: %.0f hosts in a million away from the "
                  "plan; without the release: correlation %.2f\n",
                  ignored_ppm, not_relative_ppm, without_release);
    assert_true(ignored_ppm > 100000);
    assert_true(not_relative_ppm > 100000);
    assert_true(without_release > 0.99);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_offered_follows_the_plan_within_one_percent),
        cmocka_unit_test(first_waves_of_two_releases_have_nothing_to_do_with_each_other),
        cmocka_unit_test(neighbouring_hosts_are_spread_evenly),
        cmocka_unit_test(a_turn_is_the_first_second_of_its_offer),
        cmocka_unit_test(a_wave_waits_for_those_before_it),
        cmocka_unit_test(senseless_plans_are_refused),
        cmocka_unit_test(planted_faults_are_found),
    };
    return unit_run("rollout/waves", tests);
}
