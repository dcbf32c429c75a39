// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Counters of this process, in a page that outlives it when the supervisor gave one.
 * The table is counters.def.
 */
#include "base/result.h"

#include <stdint.h>

enum counter {
#define COUNTER(id, kind, doc) COUNTER_##id,
#include "base/counters.def"
    COUNTER_COUNT
};

struct counter_row {
    const char *name;
    bool is_loss;
    const char *doc;
};

/* Row of the table; `counter` is below COUNTER_COUNT. */
const struct counter_row *counter_row(enum counter counter);

/* Until counters_attach() the counters live in this process only (command line, tests). */
RESULT counters_create(int *ret_fd);
RESULT counters_attach(int fd);

void counter_add(enum counter counter, uint64_t amount);
/* For counters that mirror a number kept elsewhere. */
void counter_set(enum counter counter, uint64_t value);
uint64_t counter_get(enum counter counter);

/* Another process's page, read-only. */
struct counters_view;
RESULT counters_map(int fd, struct counters_view **ret_view);
void counters_unmap(struct counters_view *view); /* NULL is allowed */
uint64_t counters_read(const struct counters_view *view, enum counter counter);
