// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Arrays that grow while rules are loaded, under one limit for all of them. What is loaded refers
 * to rows by index, never by address.
 */
#include "base/result.h"

#include <stdint.h>

struct budget {
    size_t used_bytes;
    size_t limit_bytes;
};

struct rows {
    void *data;
    uint32_t count;
    uint32_t capacity;
};

/* None yet; their address may be taken, but not read. */
void rows_init(struct rows *rows);

/* Room for `count` zeroed rows more; `ret_first` is the index of the first. ERROR_MEMORY over the
 * budget or when memory is out: nothing is then changed. */
RESULT rows_add(struct rows *rows, struct budget *budget, size_t row_bytes, size_t count,
                uint32_t *ret_first);
void rows_free(struct rows *rows);

/* Accounts for memory that is held elsewhere. */
RESULT budget_take(struct budget *budget, size_t bytes);

/* The rows as an array of `type`. */
#define ROWS_OF(rows, type) ((type *)(rows).data)
