// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The sensor's work in user space: kernel records in, events out. A library: it knows no process,
 * no message and no sandbox; the program around it polls, calls sensor_step() and sensor_tick(),
 * and says how it is.
 *
 * It may be killed at any instruction. Everything that counts lies in memory that outlives it
 * (kernel ring, event ring, process table), and each record is dealt with in this order: the table
 * learns, the event is appended with the kernel ring's position behind the record as its `source`,
 * the kernel gets its memory back. The successor goes on behind the source of the last event: no
 * event is lost, none comes twice.
 */
#include "base/clock.h"
#include "base/result.h"

struct sensor;

struct sensor_config {
    int kernel_ring_fd; /* BPF_MAP_TYPE_RINGBUF */
    size_t kernel_ring_bytes;
    /* Names the kernel ring for ever (a number drawn or a time taken when its map was made), so
     * that the position of an older ring is never taken for one of this ring. */
    uint64_t kernel_ring_epoch;
    int kernel_counters_fd; /* array of sensor/wire.h, mappable; -1: none */
    int snapshot_fd;        /* iterator over the running processes; -1: none */
    int event_ring_fd;      /* writable, nobody else writes */
    int process_table_fd;   /* writable, nobody else writes */
    const char *users_path; /* "/etc/passwd"; must outlive the sensor */
    const char *boot_id;    /* at least 8 hex digits of /proc/sys/kernel/random/boot_id */
    const struct clock *clock;
};

/* Maps everything, finds the predecessor's place, and reads the snapshot into the process table;
 * afterwards the descriptors may be closed. Of system calls the rest needs: mmap'd memory, clocks,
 * stat/open/read of users_path. `why` may be NULL. */
RESULT sensor_open(const struct sensor_config *config, struct sensor **ret_sensor,
                   struct explanation *why);
void sensor_close(struct sensor *sensor); /* NULL is allowed */

/* Deals with at most `limit` records (and processes of the first snapshot); true when more wait. */
bool sensor_step(struct sensor *sensor, unsigned limit);

/* What is done about once a second: clock, names of users, kernel counters, and an event for each
 * loss counter of this process that grew. Call it as often as you like. */
void sensor_tick(struct sensor *sensor);

/* Bytes that wait in the kernel ring. */
uint64_t sensor_waiting(const struct sensor *sensor);
