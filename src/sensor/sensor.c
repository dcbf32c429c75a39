// SPDX-License-Identifier: Apache-2.0
#include "sensor/sensor.h"

#include "base/counters.h"
#include "base/limits.h"
#include "ring/ring.h"
#include "sensor/kernel_ring.h"
#include "sensor/normalise.h"
#include "sensor/process_table.h"
#include "sensor/users.h"
#include "sensor/wire.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    FREE_EVERY_RECORDS = 64, /* each release costs a shared cache line */
    KERNEL_COUNTERS_BYTES = WIRE_COUNTER_CPUS * WIRE_COUNTER_SLOT_COUNT * 8,
    SNAPSHOT_BUFFER_BYTES = 2 * WIRE_RECORD_BYTES,
};

/* What is noted in the process table over the sensor's death. */
enum {
    NOTE_RING_EPOCH = 0,    /* the kernel ring that `source` speaks of ... */
    NOTE_RING_SEQUENCE = 1, /* ... from this event on */
    NOTE_LOSS_TOLD = 8,     /* + counter: what events told so far */
};
_Static_assert((int)NOTE_LOSS_TOLD + (int)COUNTER_COUNT <= (int)PROCESS_TABLE_NOTES,
               "each counter has its note");

struct sensor {
    const struct clock *clock;
    struct kernel_ring *kernel_ring;
    struct ring_writer *writer;
    struct process_table *table;
    struct users *users;
    struct normaliser *normaliser;
    const _Atomic uint64_t *kernel_counters; /* NULL: none */
    uint64_t position;      /* of the kernel ring: everything before it is dealt with */
    uint64_t last_sequence; /* that a predecessor left in the event ring */
    uint64_t tick_ns;       /* next tick */
    unsigned announce_at;   /* next slot to look at for process_running events */
    bool is_announcing;
    bool is_settling;       /* the snapshot is to be compared with the table ... */
    uint64_t settle_after;  /* ... when the kernel ring is read up to here */
    uint64_t snapshot_ns;
    struct event event;
    uint8_t encoded[LIMIT_EVENT_BYTES];
};

/* --- start ----------------------------------------------------------------------------------- */

static uint64_t wall_offset(const struct clock *clock)
{
    return clock_wall_ns(clock) - clock_boottime_ns(clock);
}

static RESULT map_kernel_counters(struct sensor *sensor, int fd)
{
    if (fd < 0)
        return RESULT_OK;
    void *memory = mmap(NULL, KERNEL_COUNTERS_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return result_from_errno();
    sensor->kernel_counters = memory;
    return RESULT_OK;
}

/* Goes where the predecessor stopped. Its last event speaks of this kernel ring when it was
 * written after the note about this ring. */
static void take_place(struct sensor *sensor, uint64_t epoch, struct ring_position last)
{
    struct process_table *table = sensor->table;
    if (process_table_note(table, NOTE_RING_EPOCH) != epoch) {
        process_table_set_note(table, NOTE_RING_SEQUENCE, last.sequence + 1);
        process_table_set_note(table, NOTE_RING_EPOCH, epoch);
    } else if (last.sequence >= process_table_note(table, NOTE_RING_SEQUENCE)) {
        /* Refused only where the ring was freed further than that, by records without event. */
        result_ignore(kernel_ring_seek(sensor->kernel_ring, last.source));
    }
    sensor->position = kernel_ring_position(sensor->kernel_ring);
    sensor->last_sequence = last.sequence;
}

static RESULT open_parts(struct sensor *sensor, const struct sensor_config *config,
                         struct ring_position *ret_last, struct explanation *why)
{
    struct result result =
        kernel_ring_open(config->kernel_ring_fd, config->kernel_ring_bytes, &sensor->kernel_ring);
    if (!result_is_ok(result))
        return explain(why, result.error, "The kernel ring (%zu bytes) cannot be mapped: %s.",
                       config->kernel_ring_bytes, result_text(result));
    result = process_table_open(config->process_table_fd, &sensor->table);
    if (!result_is_ok(result))
        return explain(why, result.error, "The process table cannot be opened: %s.",
                       result_text(result));
    result = ring_writer_open(config->event_ring_fd, &sensor->writer, ret_last);
    if (!result_is_ok(result))
        return explain(why, result.error, "The event ring cannot be opened for writing: %s.",
                       result_text(result));
    result = map_kernel_counters(sensor, config->kernel_counters_fd);
    if (!result_is_ok(result))
        return explain(why, result.error, "The kernel's counters cannot be mapped: %s.",
                       result_text(result));
    GUARD(users_open(config->users_path, &sensor->users));
    return normaliser_new(sensor->table, sensor->users, config->boot_id, &sensor->normaliser);
}

/* --- the snapshot ---------------------------------------------------------------------------- */

static void take_snapshot_record(struct sensor *sensor, struct bytes record, bool is_first)
{
    struct process_key key;
    bool is_new;
    if (!result_is_ok(normalise_snapshot(sensor->normaliser, record, &key, &is_new))) {
        counter_add(COUNTER_sensor_malformed, 1);
        return;
    }
    counter_add(COUNTER_sensor_snapshot_processes, 1);
    const struct process_info *info = process_table_get(sensor->table, key);
    if (info == NULL)
        return;
    process_table_set_seen(sensor->table, info, sensor->snapshot_ns);
    /* Who appears in a later snapshot only is told of by the kernel's own records. */
    if (!is_first && is_new)
        process_table_set_announced(sensor->table, info, 1);
}

/* Takes the whole records from the front of the buffer; returns the bytes that they had. */
static RESULT take_snapshot_records(struct sensor *sensor, const uint8_t *data, size_t size,
                                    bool is_first, size_t *ret_taken)
{
    size_t at = 0;
    while (size - at >= sizeof(struct wire_header)) {
        struct wire_header header;
        struct reader reader = reader_of(data + at, size - at);
        GUARD(reader_copy(&reader, &header, sizeof header));
        if (header.size < sizeof header || header.size > WIRE_RECORD_BYTES)
            return result_fail(ERROR_FORMAT); /* where the next one begins is not known */
        if (header.size > size - at)
            break;
        take_snapshot_record(sensor, (struct bytes){data + at, header.size}, is_first);
        at += header.size;
    }
    *ret_taken = at;
    return RESULT_OK;
}

static RESULT read_stream(struct sensor *sensor, int fd, bool is_first, uint8_t *buffer)
{
    size_t held = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + held, SNAPSHOT_BUFFER_BYTES - held);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue; /* the iterator says EAGAIN after long runs without output */
        if (got < 0)
            return result_from_errno();
        if (got == 0)
            return held == 0 ? RESULT_OK : result_fail(ERROR_FORMAT);
        held += (size_t)got;
        size_t taken;
        GUARD(take_snapshot_records(sensor, buffer, held, is_first, &taken));
        memmove(buffer, buffer + taken, held - taken);
        held -= taken;
    }
}

/* What fails here costs knowledge of older processes, not the sensor; it is counted. */
static void take_snapshot(struct sensor *sensor, int fd, bool is_first)
{
    if (fd < 0)
        return;
    uint8_t *buffer = malloc(SNAPSHOT_BUFFER_BYTES);
    sensor->snapshot_ns = clock_boottime_ns(sensor->clock);
    struct result result = buffer == NULL ? result_fail(ERROR_MEMORY)
                                          : read_stream(sensor, fd, is_first, buffer);
    free(buffer);
    if (!result_is_ok(result)) {
        counter_add(COUNTER_sensor_snapshot_failed, 1);
        return;
    }
    sensor->is_settling = true;
    sensor->settle_after =
        kernel_ring_position(sensor->kernel_ring) + kernel_ring_waiting(sensor->kernel_ring);
}

/* Processes of the table that the snapshot did not show have ended, once all that the kernel
 * had said until then is read: their exits were lost. */
static void settle(struct sensor *sensor)
{
    unsigned used = process_table_used(sensor->table);
    for (unsigned slot = 0; slot < used; slot++) {
        struct process_info info;
        if (result_is_ok(process_table_read(sensor->table, slot, &info)) && info.end_ns == 0
            && info.known_ns < sensor->snapshot_ns && info.seen_ns < sensor->snapshot_ns)
            process_table_end(sensor->table, info.key, sensor->snapshot_ns);
    }
    sensor->is_settling = false;
}

RESULT sensor_open(const struct sensor_config *config, struct sensor **ret_sensor,
                   struct explanation *why)
{
    struct sensor *sensor = calloc(1, sizeof *sensor);
    if (sensor == NULL)
        return explain(why, ERROR_MEMORY, "There is no memory for the sensor.");
    sensor->clock = config->clock;
    struct ring_position last;
    struct result result = open_parts(sensor, config, &last, why);
    if (!result_is_ok(result)) {
        sensor_close(sensor);
        return result;
    }
    normaliser_set_wall_offset(sensor->normaliser, wall_offset(sensor->clock));
    take_place(sensor, config->kernel_ring_epoch, last);
    take_snapshot(sensor, config->snapshot_fd, last.sequence == 0);
    sensor->is_announcing = true;
    *ret_sensor = sensor;
    return RESULT_OK;
}

void sensor_close(struct sensor *sensor)
{
    if (sensor == NULL)
        return;
    normaliser_free(sensor->normaliser);
    users_close(sensor->users);
    if (sensor->kernel_counters != NULL)
        (void)munmap((void *)(uintptr_t)sensor->kernel_counters, KERNEL_COUNTERS_BYTES);
    ring_writer_close(sensor->writer);
    process_table_close(sensor->table);
    kernel_ring_close(sensor->kernel_ring);
    free(sensor);
}

/* --- events ---------------------------------------------------------------------------------- */

/* Appends sensor->event; everything of the kernel ring before `source` is then dealt with. */
static RESULT append(struct sensor *sensor, uint64_t source)
{
    struct writer writer = writer_of(sensor->encoded, sizeof sensor->encoded);
    GUARD(event_encode(&sensor->event, &writer));
    GUARD(ring_writer_append(sensor->writer, sensor->encoded, writer.at, source));
    counter_add(COUNTER_sensor_events, 1);
    return RESULT_OK;
}

/* A process that ran when the first sensor started. The number of its event is noted in its slot
 * before the event is written: a successor sees from it whether it was. */
static void announce(struct sensor *sensor, const struct process_info *copy)
{
    const struct process_info *info = process_table_get(sensor->table, copy->key);
    if (info == NULL)
        return;
    normalise_running(sensor->normaliser, info, &sensor->event);
    process_table_set_announced(sensor->table, info, ring_writer_sequence(sensor->writer) + 1);
    if (!result_is_ok(append(sensor, sensor->position)))
        counter_add(COUNTER_sensor_malformed, 1);
}

static unsigned announce_some(struct sensor *sensor, unsigned limit)
{
    unsigned done = 0;
    unsigned used = process_table_used(sensor->table);
    while (done < limit && sensor->announce_at < used) {
        struct process_info info;
        unsigned slot = sensor->announce_at++;
        if (!result_is_ok(process_table_read(sensor->table, slot, &info)))
            continue;
        bool is_told = info.announced != 0 && info.announced <= sensor->last_sequence;
        if ((info.flags & PROCESS_FROM_SNAPSHOT) == 0 || is_told || info.end_ns != 0)
            continue;
        announce(sensor, &info);
        done++;
    }
    sensor->is_announcing = sensor->announce_at < used;
    return done;
}

static void take_record(struct sensor *sensor, const struct kernel_record *record)
{
    struct result result = normalise(sensor->normaliser, record->sample, &sensor->event);
    if (result_is_ok(result))
        result = append(sensor, record->after);
    if (!result_is_ok(result))
        counter_add(COUNTER_sensor_malformed, 1);
    sensor->position = record->after;
}

bool sensor_step(struct sensor *sensor, unsigned limit)
{
    unsigned done = sensor->is_announcing ? announce_some(sensor, limit) : 0;
    if (sensor->is_announcing)
        return true;
    bool has_more = true;
    for (; done < limit; done++) {
        struct kernel_record record;
        struct result result = kernel_ring_next(sensor->kernel_ring, &record);
        if (result.error == ERROR_AGAIN) {
            has_more = false;
            break;
        }
        if (result_is_ok(result)) {
            take_record(sensor, &record);
        } else {
            counter_add(COUNTER_sensor_malformed, 1);
            sensor->position = kernel_ring_position(sensor->kernel_ring);
        }
        if (done % FREE_EVERY_RECORDS == FREE_EVERY_RECORDS - 1)
            kernel_ring_done(sensor->kernel_ring, sensor->position);
    }
    /* Also over discarded records at the end, which belong to nobody. */
    if (!has_more)
        sensor->position = kernel_ring_position(sensor->kernel_ring);
    kernel_ring_done(sensor->kernel_ring, sensor->position);
    if (sensor->is_settling && sensor->position >= sensor->settle_after)
        settle(sensor);
    return has_more;
}

/* --- each second ----------------------------------------------------------------------------- */

static uint64_t sum_kernel_counter(const struct sensor *sensor, enum wire_counter counter)
{
    uint64_t sum = 0;
    for (unsigned cpu = 0; cpu < WIRE_COUNTER_CPUS; cpu++)
        sum += atomic_load_explicit(
            &sensor->kernel_counters[cpu * WIRE_COUNTER_SLOT_COUNT + counter],
            memory_order_relaxed);
    return sum;
}

static void mirror_kernel_counters(const struct sensor *sensor)
{
    if (sensor->kernel_counters == NULL)
        return;
    uint64_t process = sum_kernel_counter(sensor, WIRE_COUNTER_FULL_PROCESS);
    uint64_t file = sum_kernel_counter(sensor, WIRE_COUNTER_FULL_FILE);
    uint64_t network = sum_kernel_counter(sensor, WIRE_COUNTER_FULL_NETWORK);
    uint64_t call = sum_kernel_counter(sensor, WIRE_COUNTER_FULL_CALL);
    counter_set(COUNTER_kernel_events, sum_kernel_counter(sensor, WIRE_COUNTER_RECORDS));
    counter_set(COUNTER_kernel_ring_full, process + file + network + call);
    counter_set(COUNTER_kernel_ring_full_process, process);
    counter_set(COUNTER_kernel_ring_full_file, file);
    counter_set(COUNTER_kernel_ring_full_network, network);
    counter_set(COUNTER_kernel_ring_full_call, call);
    counter_set(COUNTER_kernel_repeated, sum_kernel_counter(sensor, WIRE_COUNTER_REPEATED));
    counter_set(COUNTER_kernel_read_failed, sum_kernel_counter(sensor, WIRE_COUNTER_READ_FAILED));
    counter_set(COUNTER_kernel_map_full, sum_kernel_counter(sensor, WIRE_COUNTER_MAP_FULL));
}

/* One event per loss counter that grew. Told first and noted then: a death between the two tells
 * a loss twice, which is better than never. */
static void tell_losses(struct sensor *sensor, uint64_t now_ns)
{
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_row *row = counter_row((enum counter)i);
        uint64_t value = counter_get((enum counter)i);
        uint64_t told = process_table_note(sensor->table, NOTE_LOSS_TOLD + i);
        if (!row->is_loss || value == told)
            continue;
        /* A smaller one began anew: the counters' memory was replaced. */
        uint64_t count = value > told ? value - told : value;
        if (count > 0) {
            normalise_loss(sensor->normaliser, row->name, count, now_ns, &sensor->event);
            if (!result_is_ok(append(sensor, sensor->position)))
                continue; /* not told, so not noted: the next tick tries again */
        }
        process_table_set_note(sensor->table, NOTE_LOSS_TOLD + i, value);
    }
}

void sensor_tick(struct sensor *sensor)
{
    uint64_t now_ns = clock_boottime_ns(sensor->clock);
    if (now_ns < sensor->tick_ns)
        return;
    sensor->tick_ns = now_ns + NS_PER_S;
    normaliser_set_wall_offset(sensor->normaliser, wall_offset(sensor->clock));
    users_refresh(sensor->users);
    mirror_kernel_counters(sensor);
    tell_losses(sensor, now_ns);
}

uint64_t sensor_waiting(const struct sensor *sensor)
{
    return kernel_ring_waiting(sensor->kernel_ring);
}
