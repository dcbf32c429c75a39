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

struct table {
    void *rows;
    uint32_t count;
    uint32_t capacity;
};

/* An empty table, whose rows may be taken the address of (but not be read). */
void table_init(struct table *table);

/* Room for `count` zeroed rows more; `ret_first` is the index of the first. ERROR_MEMORY over the
 * budget or when memory is out: the table is then unchanged. */
RESULT table_add(struct table *table, struct budget *budget, size_t row_bytes, size_t count,
                 uint32_t *ret_first);
void table_free(struct table *table);

/* Accounts for memory that is held elsewhere. */
RESULT budget_take(struct budget *budget, size_t bytes);

/* The rows of `table` as an array of `type`. */
#define TABLE_ROWS(table, type) ((type *)(table).rows)
