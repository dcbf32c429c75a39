// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * For tests: the kernel's side of the sensor, made of a memfd and of records built by hand.
 * Failures abort.
 */
#include "sensor/wire.h"

#include <stdbool.h>
#include <stddef.h>

/* A ring as the kernel lays it out. A memfd cannot be mapped twice in a row by one mmap, so its
 * data area is there twice, and written twice. */
struct fake_ring {
    int fd;
    uint8_t *memory;
    size_t size; /* of the data area */
};

void fake_ring_create(struct fake_ring *ring, size_t size);
void fake_ring_free(struct fake_ring *ring);

/* Appends a record with `flags` (KERNEL_RING_BUSY, KERNEL_RING_DISCARD); false when the reader has
 * not freed enough. The position behind the record goes to *ret_after (may be NULL). */
bool fake_ring_push(struct fake_ring *ring, const void *data, size_t size, uint32_t flags,
                    uint64_t *ret_after);
uint64_t fake_ring_consumer(const struct fake_ring *ring);
uint64_t fake_ring_producer(const struct fake_ring *ring);
void fake_ring_set_producer(struct fake_ring *ring, uint64_t position);
/* Overwrites bytes at a position: headers, for malformed rings. */
void fake_ring_poke(struct fake_ring *ring, uint64_t position, const void *data, size_t size);

/* A record under construction; `fixed` bytes are the struct, texts follow. */
struct fake_record {
    uint32_t size;
    _Alignas(8) uint8_t data[WIRE_RECORD_BYTES];
};

/* Starts a record of a kind: zeros, header with size, kind, time, process; uid and gid `user`. */
struct wire_header *fake_begin(struct fake_record *record, enum wire_kind kind, size_t fixed,
                               struct wire_identity process, uint64_t time_ns);
/* Appends bytes, or an absolute path as components; gives what to store in the struct. */
struct wire_text fake_bytes(struct fake_record *record, const void *data, size_t size);
struct wire_text fake_string(struct fake_record *record, const char *text);
struct wire_text fake_path(struct fake_record *record, const char *path);

/* Whole records. `arguments` has `arguments_size` bytes with their NULs. */
void fake_exec(struct fake_record *record, struct wire_identity process,
               struct wire_identity parent, uint64_t time_ns, const char *executable,
               const char *arguments, size_t arguments_size);
void fake_fork(struct fake_record *record, struct wire_identity process,
               struct wire_identity parent, uint64_t time_ns);
void fake_exit(struct fake_record *record, struct wire_identity process, uint64_t time_ns,
               uint32_t status);

static inline struct wire_identity fake_identity(uint32_t tgid, uint64_t start_ns)
{
    return (struct wire_identity){.start_boottime_ns = start_ns, .tgid = tgid};
}
