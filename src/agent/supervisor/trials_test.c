// SPDX-License-Identifier: Apache-2.0
/* What the trial's process says counts for what it was started with, and for nothing else. */
#include "agent/supervisor/updates_state.h"
#include "agent/trial.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <unistd.h>

static unsigned launches, passes, environments, failures, unread;
static struct release_name passed;

/* --- the rest of the supervisor --------------------------------------------------------------- */

void say(const char *format, ...) { (void)format; }

void tell(struct updates *updates, unsigned stream, enum lifecycle_event_type type,
          struct release_name name)
{
    (void)updates;
    (void)stream;
    passes += type == LIFECYCLE_EVENT_TRIAL_PASSED;
    environments += type == LIFECYCLE_EVENT_ENVIRONMENT;
    passed = name;
}

void tell_failed(struct updates *updates, unsigned stream, struct release_name name,
                 enum lifecycle_failure failure)
{
    (void)updates;
    (void)stream;
    (void)name;
    (void)failure;
    failures++;
}

struct release_name release_name_in(const struct lifecycle_release *release)
{
    return release->name;
}

engine_load load_with(const struct updates *updates, unsigned stream, struct release_name name)
{
    (void)updates;
    (void)stream;
    return name.bytes[0];
}

RESULT seal_with(const struct updates *updates, unsigned stream, int release, int *ret_sealed)
{
    (void)updates;
    (void)stream;
    *ret_sealed = fcntl(release, F_DUPFD_CLOEXEC, 0);
    return RESULT_OK;
}

void engines_carry_out(struct supervisor *supervisor, const struct engine_orders *orders,
                       int release)
{
    (void)supervisor;
    (void)orders;
    (void)release;
}

void end_child(struct supervisor *supervisor, enum role role)
{
    supervisor->children[role].is_end_ordered = supervisor->children[role].pid != 0;
}

RESULT launch_child(struct supervisor *supervisor, enum role role, struct explanation *why)
{
    (void)why;
    launches++;
    supervisor->children[role] = (struct running_child){.pid = 42, .socket = -1};
    return RESULT_OK;
}

RESULT resources_new_trial(struct resources *resources)
{
    (void)resources;
    return RESULT_OK;
}

void probes_take_read(struct supervisor *supervisor, bool is_good, const struct probe_set *set)
{
    (void)set;
    supervisor->updates->probes.is_reading = false;
    unread += !is_good;
}

void probes_try(struct supervisor *supervisor, const struct probe_set *set)
{
    (void)supervisor;
    (void)set;
}

void probes_stop_trial(struct supervisor *supervisor) { (void)supervisor; }

/* --- tests ------------------------------------------------------------------------------------ */

static const struct lifecycle_release ONE = {.name = {{1}}}, OTHER = {.name = {{2}}};
static const struct message_trial_verdict GOOD = {.verdict = TRIAL_PASSED};

static int set_up(void **state)
{
    static struct updates updates;
    static struct supervisor supervisor;
    updates = (struct updates){.trying = {.waiting = -1, .release = -1}};
    supervisor = (struct supervisor){.updates = &updates, .good = {.fd = -1},
                                     .candidate = {.fd = -1}};
    launches = passes = environments = failures = unread = 0;
    *state = &supervisor;
    return 0;
}

static void start(struct supervisor *supervisor, const struct lifecycle_release *release)
{
    int sealed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const struct road_load load = {.stream = 0, .release = release, .sealed = sealed};
    trials_start(supervisor, &load);
    close(sealed);
}

/* The process is gone: what waits has its turn. */
static void expect_other_is_tried(struct supervisor *supervisor)
{
    assert_int_equal(passes + environments + failures, 0);
    supervisor->children[ROLE_trial] = (struct running_child){.socket = -1};
    trials_work(supervisor);
    updates_trial_verdict(supervisor, &GOOD);
    assert_int_equal(passes, 1);
    assert_true(release_name_equal(passed, OTHER.name));
    trials_stop(supervisor, 0);
}

static void a_trial_that_was_stopped_says_nothing_of_the_next(void **state)
{
    struct supervisor *supervisor = *state;
    start(supervisor, &ONE);
    assert_int_equal(launches, 1);
    trials_stop(supervisor, 0);
    start(supervisor, &OTHER);
    assert_int_equal(launches, 1); /* it waits */
    updates_trial_ready(supervisor);
    updates_trial_verdict(supervisor, &GOOD);
    expect_other_is_tried(supervisor);
    assert_int_equal(launches, 2);
}

static void a_reading_that_was_overdue_says_nothing_of_what_waits(void **state)
{
    struct supervisor *supervisor = *state;
    supervisor->updates->probes.is_reading = true;
    supervisor->children[ROLE_trial] = (struct running_child){.pid = 42, .socket = -1};
    start(supervisor, &OTHER);
    assert_int_equal(launches, 0);
    supervisor->updates->trying.launched_ns = now_ns();
    trials_work(supervisor);
    assert_int_equal(unread, 0);
    supervisor->updates->trying.launched_ns = 0; /* with the start of the host */
    trials_work(supervisor);
    assert_int_equal(unread, 1);
    assert_true(supervisor->children[ROLE_trial].is_end_ordered);
    updates_trial_verdict(supervisor, &GOOD);
    expect_other_is_tried(supervisor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_trial_that_was_stopped_says_nothing_of_the_next, set_up),
        cmocka_unit_test_setup(a_reading_that_was_overdue_says_nothing_of_what_waits, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
