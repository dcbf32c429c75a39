// SPDX-License-Identifier: Apache-2.0
/*
 * Works on files and connects without a system call for either: through io_uring.
 * bypass-io-uring file|network plain|worker|poll: who does the work in the kernel; the call that
 * submits it, a worker thread, or a thread that polls (then nothing is called at all).
 */
#include "bypass.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 4 };

struct ring {
    int descriptor;
    unsigned flags; /* of each entry */
    struct io_uring_params params;
    uint8_t *submitted; /* the two rings lie in one mapping (since Linux 5.4) */
    struct io_uring_sqe *entries;
};

static atomic_uint *field(struct ring *ring, uint32_t offset)
{
    return (atomic_uint *)(void *)(ring->submitted + offset);
}

static struct ring ring_open(const char *worker)
{
    struct ring ring = {0};
    if (string_equal(worker, "poll")) {
        ring.params.flags = IORING_SETUP_SQPOLL;
        ring.params.sq_thread_idle = 1000;
    }
    if (string_equal(worker, "worker"))
        ring.flags = IOSQE_ASYNC;
    ring.descriptor = (int)syscall(SYS_io_uring_setup, ENTRIES, &ring.params);
    if (ring.descriptor < 0)
        bypass_refused("io_uring");
    size_t size = ring.params.cq_off.cqes + ring.params.cq_entries * sizeof(struct io_uring_cqe);
    int protection = PROT_READ | PROT_WRITE;
    ring.submitted = mmap(NULL, size, protection, MAP_SHARED, ring.descriptor, IORING_OFF_SQ_RING);
    ring.entries = mmap(NULL, ENTRIES * sizeof(struct io_uring_sqe), protection, MAP_SHARED,
                        ring.descriptor, IORING_OFF_SQES);
    if (ring.submitted == MAP_FAILED || ring.entries == MAP_FAILED)
        trigger_fail("mapping the rings");
    return ring;
}

/* Does one operation and waits for its result. */
static int ring_do(struct ring *ring, struct io_uring_sqe entry)
{
    const struct io_sqring_offsets *sq = &ring->params.sq_off;
    const struct io_cqring_offsets *cq = &ring->params.cq_off;
    unsigned tail = atomic_load(field(ring, sq->tail));
    unsigned index = tail & atomic_load(field(ring, sq->ring_mask));
    entry.flags = (uint8_t)ring->flags;
    ring->entries[index] = entry;
    atomic_store(field(ring, sq->array) + index, index);
    atomic_store(field(ring, sq->tail), tail + 1);
    unsigned head = atomic_load(field(ring, cq->head));
    while (atomic_load(field(ring, cq->tail)) == head) {
        long result = syscall(SYS_io_uring_enter, ring->descriptor, 1, 1,
                              IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0);
        if (result < 0 && errno != EINTR)
            trigger_fail("io_uring_enter");
    }
    const struct io_uring_cqe *results = (void *)(ring->submitted + cq->cqes);
    int result = results[head & atomic_load(field(ring, cq->ring_mask))].res;
    atomic_store(field(ring, cq->head), head + 1);
    if (result < 0) {
        errno = -result;
        trigger_fail("an operation of io_uring");
    }
    return result;
}

static uint64_t pointer(const void *memory) { return (uint64_t)(uintptr_t)memory; }

static void work_on_files(struct ring *ring)
{
    static const char text[] = "written through io_uring\n";
    trigger_enter_folder();
    int file = ring_do(ring, (struct io_uring_sqe){.opcode = IORING_OP_OPENAT,
                                                   .fd = AT_FDCWD,
                                                   .addr = pointer("made"),
                                                   .len = 0600,
                                                   .open_flags = O_WRONLY | O_CREAT});
    ring_do(ring, (struct io_uring_sqe){.opcode = IORING_OP_WRITE,
                                        .fd = file,
                                        .addr = pointer(text),
                                        .len = sizeof text - 1});
    bypass_file("create", "file_create", trigger_path("made"), bypass_inode("made"));
    ring_do(ring, (struct io_uring_sqe){.opcode = IORING_OP_RENAMEAT,
                                        .fd = AT_FDCWD,
                                        .addr = pointer("made"),
                                        .len = (uint32_t)AT_FDCWD,
                                        .addr2 = pointer("renamed")});
    bypass_file("rename", "file_rename", trigger_path("renamed"), 0);
    ring_do(ring, (struct io_uring_sqe){.opcode = IORING_OP_UNLINKAT,
                                        .fd = AT_FDCWD,
                                        .addr = pointer("renamed")});
    bypass_file("delete", "file_delete", trigger_path("renamed"), 0);
    trigger_leave();
}

static void tell_connection(const char *fact, const char *kind, uint16_t port)
{
    trigger_fact(fact, kind);
    trigger_process();
    trigger_text("destination_address", "127.0.0.1");
    trigger_number("destination_port", port);
    trigger_end();
}

static void work_on_network(struct ring *ring)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connector = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || connector < 0 || bind(listener, (struct sockaddr *)&address, size) != 0
        || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        trigger_fail("listening");
    ring_do(ring, (struct io_uring_sqe){.opcode = IORING_OP_CONNECT,
                                        .fd = connector,
                                        .addr = pointer(&address),
                                        .off = size});
    tell_connection("connect", "network_connect", ntohs(address.sin_port));
    ring_do(ring, (struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = listener});
    tell_connection("accept", "network_accept", ntohs(address.sin_port));
}

int main(int count, char *arguments[])
{
    if (count != 3) {
        fputs("usage: bypass-io-uring file|network plain|worker|poll\n", stderr);
        return 2;
    }
    struct ring ring = ring_open(arguments[2]);
    if (string_equal(arguments[1], "file"))
        work_on_files(&ring);
    else
        work_on_network(&ring);
    return 0;
}
