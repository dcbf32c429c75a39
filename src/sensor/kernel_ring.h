// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The reader's side of a BPF_MAP_TYPE_RINGBUF map, by its shared memory alone.
 *
 * Layout (kernel: Documentation/bpf/ringbuf.rst, kernel/bpf/ringbuf.c): one page with the reader's
 * position, one with the writer's, then the data area, which the kernel maps twice in a row so
 * that every record is contiguous. Positions only grow. A record is a header (u32 length with the
 * bits BUSY and DISCARD, u32 of the kernel's own) and the sample, together rounded up to 8 bytes.
 *
 * Why our own and not libbpf's: after the maps are in memory no system call is needed (the sandbox
 * has no bpf()), and the position is in our hands: the sensor frees a record only after its event
 * is in the event ring. Although the writer is the kernel, every length is checked.
 */
#include "base/reader.h"

enum { KERNEL_RING_HEADER_BYTES = 8 };
#define KERNEL_RING_BUSY (UINT32_C(1) << 31)
#define KERNEL_RING_DISCARD (UINT32_C(1) << 30)

struct kernel_ring;

struct kernel_record {
    struct bytes sample; /* in the ring itself; the kernel may reuse it after kernel_ring_done() */
    uint64_t after;      /* position behind it */
};

/* Maps the ring behind `fd`, whose data area has `size` bytes (the map's max_entries, a power of
 * two and whole pages). The descriptor stays the caller's; poll it for POLLIN. Reading starts
 * at the reader's position that the memory holds. */
RESULT kernel_ring_open(int fd, size_t size, struct kernel_ring **ret_ring);
void kernel_ring_close(struct kernel_ring *ring); /* NULL is allowed */

/* Goes on at `position`, where a predecessor is known to have arrived. Positions that lie before
 * the reader's or behind the writer's, or that are no multiple of 8, are refused: ERROR_STATE,
 * nothing changes. */
RESULT kernel_ring_seek(struct kernel_ring *ring, uint64_t position);

/* The next record; discarded ones are passed over. Does not free anything. ERROR_AGAIN: nothing
 * complete is there. ERROR_FORMAT: the memory makes no sense; the ring then stands at the
 * writer's position and what lay between is lost. */
RESULT kernel_ring_next(struct kernel_ring *ring, struct kernel_record *ret_record);

/* Gives everything before `position` (a kernel_record.after) back to the kernel. */
void kernel_ring_done(struct kernel_ring *ring, uint64_t position);

/* Where kernel_ring_next() reads next. */
uint64_t kernel_ring_position(const struct kernel_ring *ring);
/* Bytes between there and the writer. */
uint64_t kernel_ring_waiting(const struct kernel_ring *ring);
