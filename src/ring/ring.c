// SPDX-License-Identifier: Apache-2.0
#include "ring/ring.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/shared_memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Layout of the memory: one page with the words below, then `capacity` bytes of records. Positions
 * count bytes since the ring was made and never wrap; position & (capacity - 1) is the place.
 * Records start at multiples of 8:
 *
 *     u32 size | u32 check | u64 sequence | u64 source | payload, padded to 8 | u64 length
 *
 * The closing word is the length of the whole record, so that a new writer finds the last record
 * by walking back from `committed`. Only the record that `reserved` and `committed` disagree about
 * can be torn, and nobody reads it.
 */
enum {
    PAGE_BYTES = 4096,
    RECORD_HEAD_BYTES = 24,
    RECORD_TAIL_BYTES = 8,
    RECORD_CHECK = 0x43524E43, /* "CNRC": a reader that is not at a record's start sees it */
};
static const uint64_t RING_MAGIC = UINT64_C(0x31474E49524E5243); /* "CRNRING1" */

struct ring_head {
    uint64_t magic;
    uint64_t capacity;
    uint64_t epoch;
    _Atomic uint64_t reserved;  /* bytes below it minus capacity may be overwritten any moment */
    _Atomic uint64_t committed; /* bytes below it are whole records */
};

struct ring_memory {
    struct ring_head *head;
    uint8_t *data;
    uint64_t capacity; /* checked once; the head's copy is never believed again */
};

struct ring_writer {
    struct ring_memory memory;
    uint64_t position;
    uint64_t sequence;
};

struct ring_cursor {
    _Atomic uint64_t position;
    _Atomic uint64_t sequence; /* last record dealt with; 0: none yet */
    _Atomic uint64_t in_flight;
    _Atomic uint64_t lost;
    _Atomic uint64_t skip; /* pass over this record */
};

struct ring_reader {
    struct ring_memory memory;
    struct ring_cursor *cursor;
    struct ring_cursor own_cursor; /* where there is no cursor page */
    uint64_t next_position;
    uint64_t next_sequence;
};

/* --- memory --------------------------------------------------------------------------------- */

RESULT ring_create(size_t capacity, uint64_t epoch, int *ret_fd)
{
    if (capacity < PAGE_BYTES || (capacity & (capacity - 1)) != 0)
        return result_fail(ERROR_LIMIT);
    int fd;
    GUARD(shared_memory_create("creance-ring", PAGE_BYTES + capacity, &fd));
    struct ring_head head = {.magic = RING_MAGIC, .capacity = capacity, .epoch = epoch};
    if (pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head) {
        struct result failure = result_from_errno();
        close(fd);
        return failure;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

RESULT ring_cursor_create(int *ret_fd)
{
    return shared_memory_create("creance-cursor", PAGE_BYTES, ret_fd);
}

static RESULT map_ring(int fd, int protection, struct ring_memory *ret_memory)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return result_from_errno();
    uint64_t size = (uint64_t)status.st_size;
    if (size < 2 * PAGE_BYTES)
        return result_fail(ERROR_FORMAT);
    uint64_t capacity = size - PAGE_BYTES;
    if ((capacity & (capacity - 1)) != 0)
        return result_fail(ERROR_FORMAT);
    void *memory = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return result_from_errno();
    struct ring_head *head = memory;
    if (head->magic != RING_MAGIC || head->capacity != capacity) {
        (void)munmap(memory, size);
        return result_fail(ERROR_FORMAT);
    }
    *ret_memory = (struct ring_memory){head, (uint8_t *)memory + PAGE_BYTES, capacity};
    return RESULT_OK;
}

static void unmap_ring(struct ring_memory *memory)
{
    (void)munmap(memory->head, memory->capacity + PAGE_BYTES);
}

/* Copies between the ring and a buffer, in two parts where the place wraps. */
static void copy_in(struct ring_memory *memory, uint64_t position, const void *data, size_t size)
{
    size_t place = (size_t)(position & (memory->capacity - 1));
    size_t first = memory->capacity - place < size ? memory->capacity - place : size;
    bytes_copy(memory->data + place, memory->capacity - place, data, first);
    bytes_copy(memory->data, memory->capacity, (const uint8_t *)data + first, size - first);
}

static void copy_out(const struct ring_memory *memory, uint64_t position, void *data, size_t size)
{
    size_t place = (size_t)(position & (memory->capacity - 1));
    size_t first = memory->capacity - place < size ? memory->capacity - place : size;
    bytes_copy(data, size, memory->data + place, first);
    bytes_copy((uint8_t *)data + first, size - first, memory->data, size - first);
}

static uint64_t record_length(size_t size)
{
    return RECORD_HEAD_BYTES + (((uint64_t)size + 7) & ~UINT64_C(7)) + RECORD_TAIL_BYTES;
}

struct record_head {
    uint32_t size;
    uint32_t check;
    uint64_t sequence;
    uint64_t source;
};
_Static_assert(sizeof(struct record_head) == RECORD_HEAD_BYTES, "no padding");

/* --- the writer ------------------------------------------------------------------------------- */

/* What the writer before left: walks back over one record from `committed`. */
static RESULT find_last(struct ring_writer *writer, struct ring_position *ret_last)
{
    *ret_last = (struct ring_position){0, 0};
    uint64_t committed = atomic_load(&writer->memory.head->committed);
    if (committed == 0)
        return RESULT_OK;
    uint64_t length;
    copy_out(&writer->memory, committed - RECORD_TAIL_BYTES, &length, sizeof length);
    if (length < record_length(0) || length > record_length(LIMIT_RING_RECORD_BYTES)
        || length > committed)
        return result_fail(ERROR_FORMAT);
    struct record_head head;
    copy_out(&writer->memory, committed - length, &head, sizeof head);
    if (head.check != RECORD_CHECK || record_length(head.size) != length)
        return result_fail(ERROR_FORMAT);
    *ret_last = (struct ring_position){head.sequence, head.source};
    return RESULT_OK;
}

RESULT ring_writer_open(int fd, struct ring_writer **ret_writer, struct ring_position *ret_last)
{
    struct ring_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = map_ring(fd, PROT_READ | PROT_WRITE, &writer->memory);
    if (!result_is_ok(result)) {
        free(writer);
        return result;
    }
    struct ring_position last;
    result = find_last(writer, &last);
    if (!result_is_ok(result)) {
        ring_writer_close(writer);
        return result;
    }
    writer->position = atomic_load(&writer->memory.head->committed);
    writer->sequence = last.sequence;
    *ret_writer = writer;
    *ret_last = last;
    return RESULT_OK;
}

void ring_writer_close(struct ring_writer *writer)
{
    if (writer == NULL)
        return;
    unmap_ring(&writer->memory);
    free(writer);
}

RESULT ring_writer_append(struct ring_writer *writer, const void *data, size_t size,
                          uint64_t source)
{
    uint64_t length = record_length(size);
    if (size > LIMIT_RING_RECORD_BYTES || length > writer->memory.capacity / 2)
        return result_fail(ERROR_LIMIT);
    struct ring_head *head = writer->memory.head;
    uint64_t position = writer->position;

    /* Readers must see the reservation before any byte of it changes. */
    atomic_store_explicit(&head->reserved, position + length, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);

    struct record_head record = {(uint32_t)size, RECORD_CHECK, writer->sequence + 1, source};
    copy_in(&writer->memory, position, &record, sizeof record);
    copy_in(&writer->memory, position + sizeof record, data, size);
    copy_in(&writer->memory, position + length - RECORD_TAIL_BYTES, &length, sizeof length);

    atomic_store_explicit(&head->committed, position + length, memory_order_release);
    writer->position = position + length;
    writer->sequence++;
    return RESULT_OK;
}

uint64_t ring_writer_sequence(const struct ring_writer *writer) { return writer->sequence; }

/* --- readers ---------------------------------------------------------------------------------- */

RESULT ring_cursor_map(int cursor_fd, struct ring_cursor **ret_cursor)
{
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, cursor_fd, 0);
    if (page == MAP_FAILED)
        return result_from_errno();
    *ret_cursor = page;
    return RESULT_OK;
}

void ring_cursor_unmap(struct ring_cursor *cursor)
{
    if (cursor != NULL)
        (void)munmap(cursor, PAGE_BYTES);
}

struct ring_cursor_view ring_cursor_look(const struct ring_cursor *cursor)
{
    return (struct ring_cursor_view){
        .sequence = atomic_load(&cursor->sequence),
        .in_flight = atomic_load(&cursor->in_flight),
        .lost = atomic_load(&cursor->lost),
    };
}

void ring_cursor_skip(struct ring_cursor *cursor, uint64_t sequence)
{
    atomic_store(&cursor->skip, sequence);
}

void ring_cursor_follow(struct ring_cursor *to, const struct ring_cursor *from)
{
    /* The place before the number: a number that is too high for its place counts no loss. */
    uint64_t position = atomic_load(&from->position);
    atomic_store(&to->sequence, atomic_load(&from->sequence));
    atomic_store(&to->position, position);
    atomic_store(&to->in_flight, 0);
}

/* Whether all bytes from `position` on are still those that the writer committed there. */
static bool is_intact(const struct ring_memory *memory, uint64_t position)
{
    atomic_thread_fence(memory_order_acquire);
    uint64_t reserved = atomic_load_explicit(&memory->head->reserved, memory_order_relaxed);
    return reserved <= position || reserved - position <= memory->capacity;
}

/* The last record is always intact while the writer stands still, and is found like the writer
 * finds it; used where the reader has no place or has lost it. */
static uint64_t newest_position(const struct ring_memory *memory)
{
    return atomic_load_explicit(&memory->head->committed, memory_order_acquire);
}

RESULT ring_reader_open(int ring_fd, int cursor_fd, struct ring_reader **ret_reader)
{
    struct ring_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return result_fail(ERROR_MEMORY);
    struct result result = map_ring(ring_fd, PROT_READ, &reader->memory);
    if (!result_is_ok(result)) {
        free(reader);
        return result;
    }
    reader->cursor = &reader->own_cursor;
    if (cursor_fd >= 0) {
        result = ring_cursor_map(cursor_fd, &reader->cursor);
        if (!result_is_ok(result)) {
            reader->cursor = &reader->own_cursor;
            ring_reader_close(reader);
            return result;
        }
        /* What the predecessor died on is known by now; until the first record this one is
         * innocent. */
        atomic_store(&reader->cursor->in_flight, 0);
    } else {
        atomic_store(&reader->own_cursor.position, newest_position(&reader->memory));
    }
    *ret_reader = reader;
    return RESULT_OK;
}

void ring_reader_close(struct ring_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->cursor != &reader->own_cursor)
        ring_cursor_unmap(reader->cursor);
    unmap_ring(&reader->memory);
    free(reader);
}

uint64_t ring_reader_epoch(const struct ring_reader *reader) { return reader->memory.head->epoch; }

uint64_t ring_reader_sequence(const struct ring_reader *reader)
{
    return atomic_load(&reader->cursor->sequence);
}

uint64_t ring_reader_lost(const struct ring_reader *reader)
{
    return atomic_load(&reader->cursor->lost);
}

uint64_t ring_reader_waiting(const struct ring_reader *reader)
{
    uint64_t committed = newest_position(&reader->memory);
    uint64_t position = atomic_load(&reader->cursor->position);
    return committed > position ? committed - position : 0;
}

/* Copies the record at `position` and checks it; ERROR_AGAIN: overrun while copying. */
static RESULT copy_record(const struct ring_memory *memory, uint64_t position, uint64_t committed,
                          void *buffer, struct record_head *ret_head)
{
    copy_out(memory, position, ret_head, sizeof *ret_head);
    bool makes_sense = ret_head->check == RECORD_CHECK && ret_head->size <= LIMIT_RING_RECORD_BYTES
                       && record_length(ret_head->size) <= committed - position;
    if (makes_sense)
        copy_out(memory, position + sizeof *ret_head, buffer, ret_head->size);
    if (!is_intact(memory, position))
        return result_fail(ERROR_AGAIN);
    return makes_sense ? RESULT_OK : result_fail(ERROR_FORMAT);
}

/* The writer came round: goes to a record that is intact for a good while yet, by walking back
 * from the newest over whole records until half of the ring is passed. */
static uint64_t recover_position(const struct ring_memory *memory)
{
    uint64_t committed = newest_position(memory);
    uint64_t position = committed;
    while (position > 0 && committed - position < memory->capacity / 2) {
        uint64_t length;
        copy_out(memory, position - RECORD_TAIL_BYTES, &length, sizeof length);
        if (length < record_length(0) || length > position || !is_intact(memory, position - length))
            break;
        position -= length;
    }
    return position;
}

/* Finds the next intact record; counts what was overrun on the way. */
static RESULT take_record(struct ring_reader *reader, void *buffer, struct record_head *ret_head)
{
    for (unsigned attempt = 0; attempt < 8; attempt++) {
        uint64_t committed = newest_position(&reader->memory);
        uint64_t position = atomic_load_explicit(&reader->cursor->position, memory_order_relaxed);
        if (position == committed)
            return result_fail(ERROR_AGAIN);
        bool is_possible = position < committed && position % 8 == 0
                           && is_intact(&reader->memory, position);
        struct result result = result_fail(ERROR_AGAIN);
        if (is_possible)
            result = copy_record(&reader->memory, position, committed, buffer, ret_head);
        if (result_is_ok(result)) {
            reader->next_position = position + record_length(ret_head->size);
            return RESULT_OK;
        }
        bool is_nonsense = result.error == ERROR_FORMAT;
        atomic_store(&reader->cursor->position,
                     is_nonsense ? committed : recover_position(&reader->memory));
        if (is_nonsense)
            return result;
    }
    return result_fail(ERROR_AGAIN);
}

/* A gap in the numbers is what was lost; nothing is lost before the first record of a fresh
 * reader, except for one that follows a predecessor (its cursor page knows the last number). */
static void count_lost(struct ring_reader *reader, uint64_t sequence)
{
    uint64_t last = atomic_load_explicit(&reader->cursor->sequence, memory_order_relaxed);
    bool is_fresh_viewer = last == 0 && reader->cursor == &reader->own_cursor;
    if (!is_fresh_viewer && sequence > last + 1)
        atomic_fetch_add(&reader->cursor->lost, sequence - last - 1);
}

RESULT ring_reader_next(struct ring_reader *reader, void *buffer, struct ring_record *ret_record)
{
    for (;;) {
        struct record_head head;
        GUARD(take_record(reader, buffer, &head));
        count_lost(reader, head.sequence);
        reader->next_sequence = head.sequence;
        if (head.sequence == atomic_load_explicit(&reader->cursor->skip, memory_order_relaxed)) {
            ring_reader_done(reader);
            continue;
        }
        /* What was lost is counted once: a successor that takes this record again starts from
         * the number before it. */
        atomic_store_explicit(&reader->cursor->sequence, head.sequence - 1, memory_order_relaxed);
        atomic_store_explicit(&reader->cursor->in_flight, head.sequence, memory_order_release);
        *ret_record = (struct ring_record){head.sequence, head.source, head.size};
        return RESULT_OK;
    }
}

void ring_reader_done(struct ring_reader *reader)
{
    /* The number before the place: a reader killed between the two takes the record once more,
     * which is harmless, and does not count it as lost. */
    struct ring_cursor *cursor = reader->cursor;
    atomic_store_explicit(&cursor->sequence, reader->next_sequence, memory_order_release);
    atomic_store_explicit(&cursor->position, reader->next_position, memory_order_release);
    atomic_store_explicit(&cursor->in_flight, 0, memory_order_release);
}
