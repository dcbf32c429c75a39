// SPDX-License-Identifier: Apache-2.0
#include "agent/flight.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/shared_memory.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

struct flight {
    _Atomic uint32_t rule; /* its row and one; 0: none */
    uint32_t reserved[7];
    struct rule_digest digests[LIMIT_FLIGHT_RULES];
};

bool rule_digest_equal(const struct rule_digest *a, const struct rule_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

RESULT flight_create(int *ret_fd)
{
    return shared_memory_create("creance-flight", sizeof(struct flight), ret_fd);
}

RESULT flight_map(int fd, struct flight **ret_flight)
{
    void *page = mmap(NULL, sizeof(struct flight), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return result_from_errno();
    *ret_flight = page;
    return RESULT_OK;
}

void flight_name(struct flight *flight, size_t row, const uint8_t digest[32])
{
    if (row < LIMIT_FLIGHT_RULES)
        bytes_copy(flight->digests[row].bytes, sizeof flight->digests[row].bytes, digest, 32);
}

void flight_enter(struct flight *flight, size_t row)
{
    atomic_store_explicit(&flight->rule, row < LIMIT_FLIGHT_RULES ? (uint32_t)row + 1 : 0,
                          memory_order_release);
}

void flight_leave(struct flight *flight)
{
    atomic_store_explicit(&flight->rule, 0, memory_order_release);
}

bool flight_look(const struct flight *flight, struct rule_digest *ret_rule)
{
    uint32_t rule = atomic_load(&flight->rule);
    if (rule == 0 || rule > LIMIT_FLIGHT_RULES)
        return false;
    *ret_rule = flight->digests[rule - 1];
    return true;
}
