// SPDX-License-Identifier: Apache-2.0
#include "sim/sim.h"

#include "sim/host.h"
#include "sim/random.h"
#include "sim/world.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static struct sim_result run(const char *const *pairs, uint64_t seed, uint32_t off)
{
    struct sim_options options = {.scenario = scenario_default(), .seed = seed, .off = off};
    struct sim_result result;
    struct explanation why = {""};
    assert_ok(scenario_set(&options.scenario, "hosts", "1000", NULL));
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        assert_ok(scenario_set(&options.scenario, pairs[i], pairs[i + 1], &why));
    assert_ok(sim_run(&options, &result, &why));
    return result;
}

static void the_same_seed_gives_the_same_result(void **state)
{
    (void)state;
    static const char *const PAIRS[] = {"fault", "host", "fault_at", "late", NULL};
    struct sim_result first = run(PAIRS, 7, 0), again = run(PAIRS, 7, 0), other = run(PAIRS, 8, 0);
    assert_true(first.digest == again.digest);
    assert_int_equal(first.harmed, again.harmed);
    assert_int_equal(first.minutes, again.minutes);
    assert_memory_equal(first.harmed_by_minute, again.harmed_by_minute,
                        first.minutes * sizeof *first.harmed_by_minute);
    assert_true(first.digest != other.digest);
    sim_result_free(&first);
    sim_result_free(&again);
    sim_result_free(&other);
}

static void everybody_at_once_is_everybody_harmed(void **state)
{
    (void)state;
    static const char *const PAIRS[] = {"fault", "host", NULL};
    struct sim_result staged = run(PAIRS, 1, 0);
    struct sim_result at_once =
        run(PAIRS, 1, SIM_OFF_RINGS | SIM_OFF_AGE | SIM_OFF_BOOT_GUARD | SIM_OFF_TRIAL
                          | SIM_OFF_HALTS | SIM_OFF_GATES);
    assert_int_equal(staged.harmed_beyond_first_ring, 0);
    assert_int_equal(staged.hands, 0);
    assert_true(at_once.harmed > 900 && at_once.hands > 900);
    sim_result_free(&staged);
    sim_result_free(&at_once);
}

/* What a packed host gives back is what it was given. */
static void packing_loses_nothing(void **state)
{
    (void)state;
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    for (unsigned i = 1; i < SIM_RELEASES_MAX; i++)
        memset(world->releases[i].name.bytes, (int)i, RELEASE_NAME_BYTES);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct lifecycle life, back;
        struct host host = {0};
        memset(&life, 0, sizeof life);
        memset(&back, 0, sizeof back);
        lifecycle_init(&life, 3, sim_below(sim_random(seed, 0, SIM_WORLD, 0), 40));
        for (unsigned i = 0; i < LIMIT_RELEASES; i++) {
            uint64_t draw = sim_random(seed, i, SIM_WORLD, 1);
            struct lifecycle_release *release = &life.releases[i];
            if (draw % 3 == 0)
                continue;
            release->version = 1 + (draw >> 8) % (SIM_RELEASES_MAX - 1);
            release->name = world->releases[release->version].name;
            release->first_seen.s = (uint32_t)(draw >> 32);
            release->since.s = (uint32_t)(draw >> 16);
            release->engine = (uint8_t)(draw >> 12);
            release->state = (uint8_t)(1 + draw % (LIFECYCLE_STATE_COUNT - 1));
            release->failure = (uint8_t)(draw % LIFECYCLE_FAILURE_COUNT);
            release->seen = (uint8_t)(draw >> 20);
            release->is_urgent = draw >> 21 & 1;
            release->is_disk_asked = draw >> 22 & 1;
            release->is_delayed = draw >> 23 & 1;
            release->attempts = draw >> 24 & 31;
        }
        life.pressure = PRESSURE_STORM;
        life.switch_count = life.switch_next = 3;
        life.switches[2].s = (uint32_t)seed;
        host_pack(&life, &host);
        host_unpack(world, &host, &back);
        assert_memory_equal(&life, &back, sizeof life);
    }
    free(world);
}

/* Each closed form of time against walking through it second by second (here: by half minutes). */
static void presence_is_what_a_walk_through_time_sees(void **state)
{
    (void)state;
    enum { STEP_S = 30, DAYS = 20 };
    for (unsigned kind = 0; kind < 4; kind++) {
        struct presence host = {
            .phase_s = 40 * PRESENCE_DAY_S + 5400 * kind, .length_s = PRESENCE_DAY_S, .cycle = 1,
            .days = 1, .poll_s = 900, .poll_phase_s = 420, .boot_every_s = 10 * PRESENCE_DAY_S};
        if (kind != 0) {
            host.cycle = kind == 3 ? 9 : 7;
            host.days = kind == 3 ? 1 : 5;
            host.length_s = 7 * 3600;
            host.is_asleep = kind == 1;
        }
        uint32_t steady_s = presence_steady_s(&host, 0), last_s = 0;
        bool has_polled = false;
        for (uint32_t at_s = 0; at_s < DAYS * PRESENCE_DAY_S; at_s += STEP_S) {
            bool is_on = presence_is_on(&host, at_s);
            assert_int_equal(presence_steady_s(&host, at_s), steady_s);
            if (is_on && (at_s + host.poll_phase_s) % host.poll_s == 0) {
                has_polled = true;
                last_s = at_s;
            }
            uint32_t found_s;
            if (has_polled) {
                assert_true(presence_last_poll(&host, at_s, &found_s));
                assert_int_equal(found_s, last_s);
            }
            assert_int_equal(presence_next_on(&host, at_s) == at_s, is_on);
            if (is_on)
                assert_int_equal(presence_when_steady(&host, steady_s, at_s), at_s);
            if (is_on || host.is_asleep)
                steady_s += STEP_S;
        }
    }
}

static void bad_scenarios_are_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } ROWS[] = {
        {"hosts = 0\n", "line 1: hosts = 0: expected a number from 1 to 20000000"},
        {"\n# x\nfault = bang\n", "line 3: fault = bang: expected one of none, engine"},
        {"falt = none\n", "did you mean \"fault\"?"},
        {"fault none\n", "expected key = value"},
        {"fault = \x01\n", "no plain text"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct scenario scenario = scenario_default();
        struct explanation why;
        struct bytes text = {(const uint8_t *)ROWS[i].text, strlen(ROWS[i].text)};
        assert_error(scenario_read(text, &scenario, &why), ERROR_FORMAT);
        assert_non_null(strstr(why.text, ROWS[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_result),
        cmocka_unit_test(everybody_at_once_is_everybody_harmed),
        cmocka_unit_test(packing_loses_nothing),
        cmocka_unit_test(presence_is_what_a_walk_through_time_sees),
        cmocka_unit_test(bad_scenarios_are_refused_in_words),
    };
    return unit_run("sim/sim", tests);
}
