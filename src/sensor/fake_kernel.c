// SPDX-License-Identifier: Apache-2.0
#include "sensor/fake_kernel.h"

#include "base/bytes.h"
#include "sensor/kernel_ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096 };

static _Atomic uint64_t *position_word(const struct fake_ring *ring, unsigned page)
{
    return (_Atomic uint64_t *)(void *)(ring->memory + page * PAGE_BYTES);
}

static uint8_t *data_of(const struct fake_ring *ring) { return ring->memory + 2 * PAGE_BYTES; }

void fake_ring_create(struct fake_ring *ring, size_t size)
{
    size_t whole = 2 * PAGE_BYTES + 2 * size;
    ring->size = size;
    ring->fd = memfd_create("fake-kernel-ring", MFD_CLOEXEC);
    if (ring->fd < 0 || ftruncate(ring->fd, (off_t)whole) != 0)
        abort();
    ring->memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
    if (ring->memory == MAP_FAILED)
        abort();
}

void fake_ring_free(struct fake_ring *ring)
{
    (void)munmap(ring->memory, 2 * PAGE_BYTES + 2 * ring->size);
    (void)close(ring->fd);
}

uint64_t fake_ring_consumer(const struct fake_ring *ring)
{
    return atomic_load(position_word(ring, 0));
}

uint64_t fake_ring_producer(const struct fake_ring *ring)
{
    return atomic_load(position_word(ring, 1));
}

void fake_ring_set_producer(struct fake_ring *ring, uint64_t position)
{
    atomic_store(position_word(ring, 1), position);
}

void fake_ring_poke(struct fake_ring *ring, uint64_t position, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        size_t place = (size_t)((position + i) & (ring->size - 1));
        data_of(ring)[place] = bytes[i];
        data_of(ring)[place + ring->size] = bytes[i];
    }
}

bool fake_ring_push(struct fake_ring *ring, const void *data, size_t size, uint32_t flags,
                    uint64_t *ret_after)
{
    uint64_t producer = fake_ring_producer(ring);
    uint64_t whole = (size + KERNEL_RING_HEADER_BYTES + 7) & ~UINT64_C(7);
    if (producer + whole - fake_ring_consumer(ring) > ring->size)
        return false;
    uint32_t word = (uint32_t)size | flags;
    uint8_t header[KERNEL_RING_HEADER_BYTES] = {0};
    bytes_copy(header, sizeof header, &word, sizeof word);
    fake_ring_poke(ring, producer, header, sizeof header);
    fake_ring_poke(ring, producer + KERNEL_RING_HEADER_BYTES, data, size);
    fake_ring_set_producer(ring, producer + whole);
    if (ret_after != NULL)
        *ret_after = producer + whole;
    return true;
}

/* --- records --------------------------------------------------------------------------------- */

struct wire_header *fake_begin(struct fake_record *record, enum wire_kind kind, size_t fixed,
                               struct wire_identity process, uint64_t time_ns)
{
    memset(record->data, 0, fixed);
    record->size = (uint32_t)fixed;
    struct wire_header *header = (struct wire_header *)(void *)record->data;
    header->size = record->size;
    header->kind = (uint16_t)kind;
    header->time_ns = time_ns;
    header->tid = process.tgid;
    header->process = process;
    return header;
}

struct wire_text fake_bytes(struct fake_record *record, const void *data, size_t size)
{
    struct wire_text text = {(uint16_t)record->size, (uint16_t)size};
    bytes_copy(record->data + record->size, sizeof record->data - record->size, data, size);
    record->size += (uint32_t)size;
    ((struct wire_header *)(void *)record->data)->size = record->size;
    return text;
}

struct wire_text fake_string(struct fake_record *record, const char *text)
{
    return fake_bytes(record, text, strlen(text));
}

struct wire_text fake_path(struct fake_record *record, const char *path)
{
    struct wire_text whole = {(uint16_t)record->size, 0};
    size_t end = strlen(path);
    while (end > 0) {
        size_t start = end;
        while (path[start - 1] != '/')
            start--;
        if (end > start) {
            (void)fake_bytes(record, path + start, end - start);
            (void)fake_bytes(record, "", 1);
        }
        end = start - 1;
    }
    whole.length = (uint16_t)(record->size - whole.offset);
    return whole;
}

void fake_exec(struct fake_record *record, struct wire_identity process,
               struct wire_identity parent, uint64_t time_ns, const char *executable,
               const char *arguments, size_t arguments_size)
{
    (void)fake_begin(record, WIRE_EXEC, sizeof(struct wire_exec), process, time_ns);
    struct wire_exec *exec = (struct wire_exec *)(void *)record->data;
    exec->process.parent = parent;
    exec->process.login_uid = UINT32_MAX;
    exec->process.mount_namespace = 11;
    exec->process.pid_namespace = 12;
    exec->process.network_namespace = 13;
    exec->process.user_namespace = 14;
    const char *slash = strrchr(executable, '/');
    bytes_copy(exec->process.comm, sizeof exec->process.comm, slash + 1,
               strnlen(slash + 1, sizeof exec->process.comm - 1));
    exec->executable = fake_path(record, executable);
    exec->directory = fake_path(record, "/home/ada");
    exec->arguments = fake_bytes(record, arguments, arguments_size);
    exec->arguments_total = (uint32_t)arguments_size;
}

void fake_fork(struct fake_record *record, struct wire_identity process,
               struct wire_identity parent, uint64_t time_ns)
{
    (void)fake_begin(record, WIRE_FORK, sizeof(struct wire_fork), process, time_ns);
    struct wire_fork *fork = (struct wire_fork *)(void *)record->data;
    fork->process.parent = parent;
    fork->process.login_uid = UINT32_MAX;
    fork->forked_by = parent;
}

void fake_exit(struct fake_record *record, struct wire_identity process, uint64_t time_ns,
               uint32_t status)
{
    (void)fake_begin(record, WIRE_EXIT, sizeof(struct wire_exit), process, time_ns);
    struct wire_exit *end = (struct wire_exit *)(void *)record->data;
    end->status = status;
}
