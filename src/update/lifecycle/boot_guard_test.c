// SPDX-License-Identifier: Apache-2.0
#include "update/lifecycle/boot_guard.h"

#include "tests/unit.h"

/* A host: its guard, its time, what it would run, and what the last step said. */
struct host {
    struct boot_guard guard;
    struct boot_guard_actions actions;
    struct steady_time now;
    uint64_t fingerprint;
};

static void tell(struct host *host, enum boot_guard_event_type type, bool is_new_boot)
{
    const struct boot_guard_event event = {type, is_new_boot, host->fingerprint};
    boot_guard_step(&host->guard, &event, host->now, &host->actions);
}

static void boot(struct host *host)
{
    tell(host, BOOT_GUARD_START, true);
    assert_true(host->actions.save && host->actions.is_level_new);
}

static void pass(struct host *host, uint32_t seconds)
{
    host->now = steady_after(host->now, seconds);
    tell(host, BOOT_GUARD_TICK, false);
}

static void change(struct host *host)
{
    host->fingerprint++;
    tell(host, BOOT_GUARD_CHANGE, false);
    assert_true(host->actions.save);
}

/* Booted and calm at NORMAL. */
static struct host calm_host(void)
{
    struct host host = {.now = {50}, .fingerprint = 77};
    boot(&host);
    pass(&host, BOOT_GUARD_CALM_S);
    assert_true(host.actions.save);
    return host;
}

static void a_host_that_crashes_by_itself_changes_nothing(void **state)
{
    (void)state;
    struct host host = calm_host();
    for (unsigned i = 0; i < 100; i++) {
        boot(&host); /* and dies at once, twice in a row */
        assert_false(host.actions.is_counted);
        boot(&host);
        assert_false(host.actions.is_counted);
        boot(&host);
        assert_false(host.actions.is_counted);
        pass(&host, BOOT_GUARD_CALM_S);
    }
    assert_int_equal(host.guard.level, BOOT_LEVEL_NORMAL);
}

/* What was calm for days and crashes the host at its next boot, and at each one after it. */
static void a_boot_loop_counts_although_nothing_changed(void **state)
{
    (void)state;
    struct host host = calm_host();
    pass(&host, 5 * DAY_S);
    tell(&host, BOOT_GUARD_STOP, false);
    unsigned boots = 0;
    for (; host.guard.level < BOOT_LEVEL_FACTORY && boots < 100; boots++)
        boot(&host);
    assert_int_equal(boots, 1 + BOOT_GUARD_LOOP + 1);
    pass(&host, BOOT_GUARD_CALM_S);
    assert_int_equal(host.guard.level, BOOT_LEVEL_LAST_GOOD);
}

static void two_more_boots_reach_a_host_without_our_probes(void **state)
{
    (void)state;
    struct host host = calm_host();
    change(&host); /* panics from here on, whatever content runs */
    boot(&host);
    assert_true(host.actions.is_counted);
    assert_int_equal(host.guard.level, BOOT_LEVEL_LAST_GOOD);
    boot(&host);
    assert_int_equal(host.guard.level, BOOT_LEVEL_FACTORY);
    boot(&host);
    assert_int_equal(host.guard.level, BOOT_LEVEL_BEACON);
    boot(&host);
    assert_int_equal(host.guard.level, BOOT_LEVEL_BEACON);
    assert_int_equal(host.guard.counted, 4);
}

static void another_kernel_is_a_change_too(void **state)
{
    (void)state;
    struct host host = calm_host();
    host.fingerprint = 5; /* the first start with it is armed, the second one counts it */
    boot(&host);
    assert_false(host.actions.is_counted);
    boot(&host);
    assert_true(host.actions.is_counted);
}

static void calm_and_good_order_disarm(void **state)
{
    (void)state;
    struct host host = calm_host();
    change(&host);
    pass(&host, BOOT_GUARD_CALM_S - 1);
    boot(&host);
    assert_true(host.actions.is_counted);
    host = calm_host();
    change(&host);
    pass(&host, BOOT_GUARD_CALM_S);
    boot(&host); /* a power cut long after the change */
    assert_false(host.actions.is_counted);
    host = calm_host();
    change(&host);
    tell(&host, BOOT_GUARD_STOP, false);
    boot(&host); /* rebooted in good order, right after the change */
    assert_false(host.actions.is_counted);
    boot(&host); /* but it was never calm with it: now it counts */
    assert_true(host.actions.is_counted);
}

static void a_restarted_agent_is_no_boot_and_calms_nothing(void **state)
{
    (void)state;
    struct host host = calm_host();
    change(&host);
    for (unsigned i = 0; i < 10; i++) {
        tell(&host, BOOT_GUARD_START, false);
        assert_false(host.actions.is_counted);
    }
    boot(&host);
    assert_true(host.actions.is_counted);
}

static void after_calm_it_climbs_back(void **state)
{
    (void)state;
    struct host host = calm_host();
    change(&host);
    boot(&host);
    boot(&host);
    assert_int_equal(host.guard.level, BOOT_LEVEL_FACTORY);
    pass(&host, BOOT_GUARD_CALM_S);
    assert_true(host.actions.save && host.actions.is_level_new);
    assert_int_equal(host.guard.level, BOOT_LEVEL_LAST_GOOD);
    pass(&host, BOOT_GUARD_CALM_S);
    assert_int_equal(host.guard.level, BOOT_LEVEL_NORMAL);
    pass(&host, BOOT_GUARD_CALM_S);
    boot(&host);
    assert_false(host.actions.is_counted);
}

/* Lives at a level that is well and climbs whenever it may; NORMAL crashes. Boots that counted. */
static uint32_t crashes_in(struct host *host, uint32_t days)
{
    uint32_t before = host->guard.counted;
    for (uint32_t minute = 0; minute < days * 24 * 60; minute++) {
        pass(host, 60);
        if (host->guard.level == BOOT_LEVEL_NORMAL)
            boot(host);
    }
    return host->guard.counted - before;
}

static void climbs_that_end_badly_become_rare_and_end(void **state)
{
    (void)state;
    struct host host = calm_host();
    change(&host);
    boot(&host);
    assert_int_equal(crashes_in(&host, 100), BOOT_GUARD_CLIMBS_MAX);
    assert_int_equal(boot_guard_calm_s(&host.guard), 0);
    assert_int_equal(crashes_in(&host, 100), 0);
    /* Something else to run is worth a try again. */
    change(&host);
    assert_true(boot_guard_calm_s(&host.guard) != 0);
    tell(&host, BOOT_GUARD_RESET, false);
    assert_int_equal(host.guard.level, BOOT_LEVEL_NORMAL);
}

static void the_state_survives_its_encoding(void **state)
{
    (void)state;
    struct host host = calm_host();
    change(&host);
    boot(&host);
    uint8_t data[BOOT_GUARD_ENCODED_MAX];
    struct writer writer = writer_of(data, sizeof data);
    assert_ok(boot_guard_encode(&host.guard, &writer));
    struct reader reader = reader_of(data, writer.at);
    struct boot_guard decoded;
    assert_ok(boot_guard_decode(&reader, &decoded));
    assert_ok(reader_end(&reader));
    assert_memory_equal(&decoded, &host.guard, sizeof decoded);
    for (size_t size = 0; size < writer.at; size++) {
        reader = reader_of(data, size);
        assert_error(boot_guard_decode(&reader, &decoded), ERROR_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_that_crashes_by_itself_changes_nothing),
        cmocka_unit_test(a_boot_loop_counts_although_nothing_changed),
        cmocka_unit_test(two_more_boots_reach_a_host_without_our_probes),
        cmocka_unit_test(another_kernel_is_a_change_too),
        cmocka_unit_test(calm_and_good_order_disarm),
        cmocka_unit_test(a_restarted_agent_is_no_boot_and_calms_nothing),
        cmocka_unit_test(after_calm_it_climbs_back),
        cmocka_unit_test(climbs_that_end_badly_become_rare_and_end),
        cmocka_unit_test(the_state_survives_its_encoding),
    };
    return unit_run("update/boot_guard", tests);
}
