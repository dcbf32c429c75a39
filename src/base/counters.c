// SPDX-License-Identifier: Apache-2.0
#include "base/counters.h"

#include "base/shared_memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static const struct counter_row ROWS[COUNTER_COUNT] = {
#define KIND_IS_LOSS_LOSS true
#define KIND_IS_LOSS_COUNT false
#define COUNTER(id, kind, doc) [COUNTER_##id] = {#id, KIND_IS_LOSS_##kind, doc},
#include "base/counters.def"
};

struct counters_view {
    _Atomic uint64_t values[COUNTER_COUNT];
};

_Static_assert(sizeof(struct counters_view) <= 4096, "the counters of a process fill one page");

static struct counters_view own_values;
static struct counters_view *counters = &own_values;

const struct counter_row *counter_row(enum counter counter)
{
    if ((unsigned)counter >= COUNTER_COUNT)
        abort();
    return &ROWS[counter];
}

RESULT counters_create(int *ret_fd)
{
    return shared_memory_create("creance-counters", sizeof(struct counters_view), ret_fd);
}

RESULT counters_attach(int fd)
{
    void *page = mmap(NULL, sizeof own_values, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return result_from_errno();
    counters = page;
    return RESULT_OK;
}

void counter_add(enum counter counter, uint64_t amount)
{
    atomic_fetch_add_explicit(&counters->values[counter], amount, memory_order_relaxed);
}

void counter_set(enum counter counter, uint64_t value)
{
    atomic_store_explicit(&counters->values[counter], value, memory_order_relaxed);
}

uint64_t counter_get(enum counter counter) { return counters_read(counters, counter); }

RESULT counters_map(int fd, struct counters_view **ret_view)
{
    void *page = mmap(NULL, sizeof own_values, PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return result_from_errno();
    *ret_view = page;
    return RESULT_OK;
}

void counters_unmap(struct counters_view *view)
{
    if (view != NULL)
        (void)munmap(view, sizeof *view);
}

uint64_t counters_read(const struct counters_view *view, enum counter counter)
{
    return atomic_load_explicit(&view->values[counter], memory_order_relaxed);
}
