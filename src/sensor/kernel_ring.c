// SPDX-License-Identifier: Apache-2.0
#include "sensor/kernel_ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct kernel_ring {
    _Atomic uint64_t *consumer;       /* what the kernel may overwrite ends here */
    const _Atomic uint64_t *producer; /* the kernel's position */
    const uint8_t *data;              /* `size` bytes, seen twice in a row */
    size_t size;
    size_t page_size;
    uint64_t at;
};

_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "the kernel's positions are longs");

static uint64_t producer_position(const struct kernel_ring *ring)
{
    return atomic_load_explicit(ring->producer, memory_order_acquire);
}

RESULT kernel_ring_open(int fd, size_t size, struct kernel_ring **ret_ring)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    if (size < page_size || (size & (size - 1)) != 0 || size > (SIZE_MAX - page_size) / 2)
        return result_fail(ERROR_FORMAT);
    struct kernel_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        return result_fail(ERROR_MEMORY);
    void *consumer = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (consumer == MAP_FAILED) {
        struct result failure = result_from_errno();
        free(ring);
        return failure;
    }
    void *producer =
        mmap(NULL, page_size + 2 * size, PROT_READ, MAP_SHARED, fd, (off_t)page_size);
    if (producer == MAP_FAILED) {
        struct result failure = result_from_errno();
        (void)munmap(consumer, page_size);
        free(ring);
        return failure;
    }
    *ring = (struct kernel_ring){
        .consumer = consumer,
        .producer = producer,
        .data = (const uint8_t *)producer + page_size,
        .size = size,
        .page_size = page_size,
    };
    ring->at = atomic_load_explicit(ring->consumer, memory_order_relaxed);
    *ret_ring = ring;
    return RESULT_OK;
}

void kernel_ring_close(struct kernel_ring *ring)
{
    if (ring == NULL)
        return;
    (void)munmap((void *)ring->consumer, ring->page_size);
    (void)munmap((void *)(uintptr_t)ring->producer, ring->page_size + 2 * ring->size);
    free(ring);
}

RESULT kernel_ring_seek(struct kernel_ring *ring, uint64_t position)
{
    if (position < ring->at || position > producer_position(ring) || position % 8 != 0)
        return result_fail(ERROR_STATE);
    ring->at = position;
    return RESULT_OK;
}

RESULT kernel_ring_next(struct kernel_ring *ring, struct kernel_record *ret_record)
{
    uint64_t producer = producer_position(ring);
    for (;;) {
        if (ring->at == producer)
            return result_fail(ERROR_AGAIN);
        uint64_t left = producer - ring->at;
        if (left > ring->size || left < KERNEL_RING_HEADER_BYTES || ring->at % 8 != 0)
            break;
        const uint8_t *record = ring->data + (ring->at & (ring->size - 1));
        uint32_t header = atomic_load_explicit((const _Atomic uint32_t *)(const void *)record,
                                               memory_order_acquire);
        if ((header & KERNEL_RING_BUSY) != 0)
            return result_fail(ERROR_AGAIN);
        uint64_t length = header & ~(KERNEL_RING_BUSY | KERNEL_RING_DISCARD);
        uint64_t whole = (length + KERNEL_RING_HEADER_BYTES + 7) & ~UINT64_C(7);
        if (whole > left)
            break;
        ring->at += whole;
        if ((header & KERNEL_RING_DISCARD) != 0)
            continue;
        ret_record->sample = (struct bytes){record + KERNEL_RING_HEADER_BYTES, length};
        ret_record->after = ring->at;
        return RESULT_OK;
    }
    ring->at = producer;
    return result_fail(ERROR_FORMAT);
}

void kernel_ring_done(struct kernel_ring *ring, uint64_t position)
{
    atomic_store_explicit(ring->consumer, position, memory_order_release);
}

uint64_t kernel_ring_position(const struct kernel_ring *ring) { return ring->at; }

uint64_t kernel_ring_waiting(const struct kernel_ring *ring)
{
    uint64_t producer = producer_position(ring);
    return producer > ring->at ? producer - ring->at : 0;
}
