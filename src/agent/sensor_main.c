// SPDX-License-Identifier: Apache-2.0
/*
 * creance-sensor: kernel records into events. Runs as its own user in a sandbox that can read
 * /etc (for the names of users) and nothing else; needs no bpf() call.
 */
#include "agent/child.h"
#include "base/counters.h"
#include "base/limits.h"
#include "base/bytes.h"
#include "base/sandbox.h"
#include "sensor/sensor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECORDS_PER_TURN = 512, /* the engine hears of them after a turn: about a millisecond */
    /* The programs wake us for urgent kinds and for a well filled ring; this is for the rest. */
    IDLE_WAIT_MS = 50,
    /* After it has woken us, the kernel's side does not do so again for a while (wake_gap_ns of the
     * loader): then we look once more ourselves, so that nothing waits for longer. A little later
     * than that while, else each event of a busy host would be looked for twice. */
    BUSY_WAIT_MS = 8,
    BOOT_ID_TEXT_BYTES = 40,
};

static void enter_sandbox(void)
{
    const struct sandbox_folder folder = {
        .fd = -1, .path = "/etc", .allow = SANDBOX_ALLOW_READ_FILES};
    const struct sandbox_profile profile = {.name = "creance-sensor",
                                            .allow = SANDBOX_ALLOW_READ_FILES,
                                            .folders = &folder,
                                            .folder_count = 1};
    struct explanation why;
    if (result_is_ok(sandbox_enter(&profile, &why)))
        return;
    fprintf(stderr, "creance-sensor: %s\n", why.text);
    exit(EXIT_FAILURE);
}

static struct sensor *open_sensor(const struct child *child)
{
    static char boot_id[BOOT_ID_TEXT_BYTES]; /* the sensor keeps a view of it */
    (void)string_format(boot_id, sizeof boot_id, "%016lx%016lx",
                        (unsigned long)child->start.boot_id_high,
                        (unsigned long)child->start.boot_id_low);
    const struct sensor_config config = {
        .kernel_ring_fd = child->grants[GRANT_kernel_ring],
        .kernel_ring_bytes = LIMIT_KERNEL_RING_BYTES,
        .kernel_ring_epoch = child->start.kernel_epoch,
        .kernel_counters_fd = child->grants[GRANT_kernel_counters],
        .snapshot_fd = child->grants[GRANT_kernel_snapshot],
        .event_ring_fd = child->grants[GRANT_event_ring_writer],
        .process_table_fd = child->grants[GRANT_process_table_writer],
        .users_path = "/etc/passwd",
        .boot_id = boot_id,
        .clock = clock_system(),
    };
    struct sensor *sensor;
    struct explanation why = {"it was not granted what it needs"};
    if (result_is_ok(sensor_open(&config, &sensor, &why)))
        return sensor;
    fprintf(stderr, "creance-sensor: %s\n", why.text);
    exit(EXIT_FAILURE);
}

static void wake(int eventfd)
{
    const uint64_t one = 1;
    ssize_t written = write(eventfd, &one, sizeof one);
    (void)written; /* EAGAIN: the reader has been woken already */
}

int main(void)
{
    struct child child;
    child_start(&child, ROLE_sensor);
    enter_sandbox();
    struct sensor *sensor = open_sensor(&child);
    child_ready(&child);

    uint64_t announced = 0;
    int wait_ms = 0;
    for (;;) {
        struct pollfd waits[] = {
            {.fd = child.socket, .events = POLLIN},
            {.fd = child.grants[GRANT_kernel_ring], .events = POLLIN},
        };
        (void)poll(waits, 2, wait_ms);
        bool is_more = sensor_step(sensor, RECORDS_PER_TURN);
        sensor_tick(sensor);
        uint64_t events = counter_get(COUNTER_sensor_events);
        wait_ms = is_more ? 0 : events != announced ? BUSY_WAIT_MS : IDLE_WAIT_MS;
        if (events != announced) {
            announced = events;
            wake(child.grants[GRANT_wake_engine]);
        }
        child_heartbeat(&child, events);
        struct message message;
        /* Only `stop` comes to a sensor, and that does not return. */
        result_ignore(child_receive(&child, &message));
    }
}
