// SPDX-License-Identifier: Apache-2.0
#include "agent/tree.h"

#include "base/bytes.h"
#include "base/shared_memory.h"

#include <stdatomic.h>
#include <sys/mman.h>

struct tree_page {
    _Atomic uint64_t sequence; /* odd while the writer is in between */
    struct tree tree;
};

RESULT tree_create(int *ret_fd)
{
    return shared_memory_create("creance-tree", sizeof(struct tree_page), ret_fd);
}

RESULT tree_map(int fd, bool writable, struct tree_page **ret_page)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *page = mmap(NULL, sizeof(struct tree_page), protection, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return result_from_errno();
    *ret_page = page;
    return RESULT_OK;
}

void tree_publish(struct tree_page *page, const struct tree *tree)
{
    atomic_fetch_add(&page->sequence, 1);
    page->tree = *tree;
    atomic_fetch_add(&page->sequence, 1);
}

RESULT tree_read(const struct tree_page *page, struct tree *ret_tree)
{
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        uint64_t before = atomic_load(&page->sequence);
        *ret_tree = page->tree;
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && before == atomic_load(&page->sequence))
            return RESULT_OK;
    }
    return result_fail(ERROR_AGAIN);
}

void tree_set_probe(struct tree *tree, uint32_t probe, uint32_t state, uint32_t error,
                    const char *reason)
{
    struct tree_probe *row = &tree->probes[probe];
    *row = (struct tree_probe){.state = state, .error = error};
    (void)string_copy(row->reason, sizeof row->reason, reason); /* cut: its start is the matter */
}

void tree_add_period(struct tree *tree, unsigned slot, uint64_t from)
{
    if (tree->period_count == TREE_PERIODS_MAX) {
        for (size_t i = 1; i < TREE_PERIODS_MAX; i++)
            tree->periods[i - 1] = tree->periods[i];
        tree->period_count--;
    }
    tree->periods[tree->period_count++] = (struct tree_period){from, slot};
}

unsigned tree_period_slot(const struct tree *tree, uint64_t sequence)
{
    for (size_t i = tree->period_count; i > 0 && i <= TREE_PERIODS_MAX; i--)
        if (tree->periods[i - 1].from <= sequence)
            return (unsigned)tree->periods[i - 1].slot;
    return tree->period_count == 0 ? 0 : ENGINE_SLOTS;
}

const char *child_state_name(enum child_state state)
{
    static const char *const NAMES[] = {"down", "starting", "running", "waiting", "done"};
    return (unsigned)state < sizeof NAMES / sizeof NAMES[0] ? NAMES[state] : "unknown";
}
