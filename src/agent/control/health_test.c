// SPDX-License-Identifier: Apache-2.0
/*
 * What `creance status` says about a tree and counters that are made by hand.
 */
#include "agent/control/health.h"

#include "base/bytes.h"
#include "sensor/loader.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t bench_now(void *context) { return *(uint64_t *)context; }

/* A disk that takes everything and keeps nothing: the agent's log is not looked at here. */
static struct result null_open(void *context, int folder, const char *name, int *ret_file)
{
    (void)context;
    (void)folder;
    (void)name;
    *ret_file = open("/dev/null", O_RDWR | O_CLOEXEC);
    return RESULT_OK;
}

struct bench {
    uint64_t now_ns;
    struct clock clock;
    struct disk disk;
    int tree_fd, counters_fd;
    struct tree_page *page;
    struct tree tree;
    uint64_t *counters; /* of the sensor, writable */
    struct counters_view *view;
    struct log_file *file;
    struct agent_log *log;
    struct alert_host host;
    struct health *health;
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench->now_ns = 1000 * NS_PER_S;
    bench->clock = (struct clock){bench_now, bench_now, &bench->now_ns};
    bench->disk = *disk_system();
    bench->disk.open = null_open;
    assert_ok(tree_create(&bench->tree_fd));
    assert_ok(tree_map(bench->tree_fd, true, &bench->page));
    assert_ok(counters_create(&bench->counters_fd));
    bench->counters =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bench->counters_fd, 0);
    assert_true(bench->counters != MAP_FAILED);
    assert_ok(counters_map(bench->counters_fd, &bench->view));
    struct log_file_options file = {.disk = &bench->disk, .clock = &bench->clock, .folder = -1,
                                    .name = "agent.jsonl", .files = 1};
    bench->file = log_file_new(&file);
    bench->log = agent_log_new(bench->file, &bench->clock);
    struct health_options options = {.clock = &bench->clock, .tree = bench->page, .processes = -1,
                                     .log = bench->log, .host = &bench->host, .sandbox = "none"};
    options.counters[ROLE_sensor] = bench->view;
    bench->health = health_new(&options);
    /* All is well. */
    bench->tree = (struct tree){.started_boottime_ns = 900 * NS_PER_S, .rules_generation = 1,
                                .rules_loaded = 5, .probe_count = PROBE_COUNT};
    for (unsigned role = 0; role < ROLE_COUNT; role++)
        bench->tree.children[role].state = CHILD_RUNNING;
    for (unsigned i = 0; i < PROBE_COUNT; i++)
        bench->tree.probes[i].state = PROBE_ATTACHED;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    health_free(bench->health);
    agent_log_free(bench->log);
    log_file_free(bench->file);
    counters_unmap(bench->view);
    munmap(bench->counters, 4096);
    close(bench->counters_fd);
    close(bench->tree_fd);
    free(bench);
    return 0;
}

static void pass_seconds(struct bench *bench, unsigned seconds)
{
    tree_publish(bench->page, &bench->tree);
    for (unsigned i = 0; i < seconds; i++) {
        bench->now_ns += NS_PER_S;
        health_work(bench->health);
    }
}

/* The state, and whether some reason of that kind holds the words. */
static void expect(struct bench *bench, const char *state, const char *what, const char *words)
{
    json_t *status = health_status(bench->health);
    assert_non_null(status);
    assert_string_equal(json_string_value(json_object_get(status, "state")), state);
    bool is_found = what == NULL;
    size_t at;
    json_t *reason;
    json_array_foreach(json_object_get(status, "reasons"), at, reason)
    {
        const char *text = json_string_value(json_object_get(reason, "text"));
        if (what != NULL && strcmp(json_string_value(json_object_get(reason, "what")), what) == 0
            && strstr(text, words) != NULL)
            is_found = true;
        assert_true(what != NULL || strcmp(text, "") != 0);
    }
    if (!is_found)
        fail_msg("no %s \"%s\" in %s", what, words,
                 json_dumps(json_object_get(status, "reasons"), 0));
    json_decref(status);
}

static void all_well_is_healthy(void **state)
{
    struct bench *bench = *state;
    pass_seconds(bench, 3);
    expect(bench, "healthy", NULL, NULL);
}

static void no_sensor_is_blind(void **state)
{
    struct bench *bench = *state;
    bench->tree.children[ROLE_sensor].state = CHILD_WAITING;
    pass_seconds(bench, 1);
    expect(bench, "blind", "blind", "creance-sensor is waiting");
    bench->tree.children[ROLE_sensor].state = CHILD_RUNNING;
    bench->tree.is_blind = 1;
    pass_seconds(bench, 1);
    expect(bench, "blind", "blind", "nothing is seen");
}

static void a_start_is_no_alarm(void **state)
{
    struct bench *bench = *state;
    bench->tree.started_boottime_ns = bench->now_ns;
    bench->tree.children[ROLE_sensor].state = CHILD_STARTING;
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "just been started");
}

static void no_engine_and_no_rules_are_degraded(void **state)
{
    struct bench *bench = *state;
    bench->tree.children[ROLE_engine].state = CHILD_WAITING;
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "creance-engine is waiting");
    bench->tree.children[ROLE_engine].state = CHILD_RUNNING;
    bench->tree.rules_loaded = 0;
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "No rule is loaded");
    bench->tree.rules_generation = 0;
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "not loaded any rules yet");
}

static void one_death_is_a_note_and_three_are_degraded(void **state)
{
    struct bench *bench = *state;
    pass_seconds(bench, 1);
    bench->tree.children[ROLE_engine].restarts = 1;
    pass_seconds(bench, 1);
    expect(bench, "healthy", "note", "creance-engine was replaced");
    bench->tree.children[ROLE_engine].restarts = 3;
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "creance-engine was replaced");
    pass_seconds(bench, 301);
    expect(bench, "healthy", NULL, NULL);
}

static void lost_events_are_degraded_for_a_minute_and_cut_ones_a_note(void **state)
{
    struct bench *bench = *state;
    bench->counters[COUNTER_engine_events_lost] = 5; /* of old: no news */
    pass_seconds(bench, 2);
    expect(bench, "healthy", NULL, NULL);
    bench->counters[COUNTER_sensor_truncated] = 1;
    pass_seconds(bench, 1);
    expect(bench, "healthy", "note", "sensor_truncated grows, now 1");
    bench->counters[COUNTER_engine_events_lost] = 6;
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "engine_events_lost grows, now 6");
    pass_seconds(bench, 61);
    expect(bench, "healthy", NULL, NULL);
}

static void a_probe_that_failed_is_degraded_one_that_is_absent_is_not(void **state)
{
    struct bench *bench = *state;
    bench->tree.probes[PROBE_fork].state = PROBE_ABSENT;
    pass_seconds(bench, 1);
    expect(bench, "healthy", NULL, NULL);
    bench->tree.probes[PROBE_exit] =
        (struct tree_probe){.state = PROBE_REFUSED, .error = EINVAL, .reason = "R9 !read_ok"};
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded",
           "Probe exit could not be attached (Invalid argument; R9 !read_ok)");
    bench->tree.probes[PROBE_exec] = bench->tree.probes[PROBE_exit]; /* nothing goes without it */
    pass_seconds(bench, 1);
    expect(bench, "blind", "blind", "Probe exec could not be attached");
}

static void a_log_and_a_configuration_that_fail_are_degraded(void **state)
{
    struct bench *bench = *state;
    struct health_facts *facts = health_facts(bench->health);
    facts->alerts.failing_since_wall_ns = 1;
    facts->alerts.written = (struct result){ERROR_SYSTEM, ENOSPC};
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "No space left on device");
    facts->alerts.failing_since_wall_ns = 0;
    string_copy(facts->configuration_failure.text, EXPLANATION_BYTES, "creance.yaml:3: nonsense");
    pass_seconds(bench, 1);
    expect(bench, "degraded", "degraded", "creance.yaml:3: nonsense");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_well_is_healthy),
        TEST(no_sensor_is_blind),
        TEST(a_start_is_no_alarm),
        TEST(no_engine_and_no_rules_are_degraded),
        TEST(one_death_is_a_note_and_three_are_degraded),
        TEST(lost_events_are_degraded_for_a_minute_and_cut_ones_a_note),
        TEST(a_probe_that_failed_is_degraded_one_that_is_absent_is_not),
        TEST(a_log_and_a_configuration_that_fail_are_degraded),
    };
    return unit_run("health", tests);
}
