// SPDX-License-Identifier: Apache-2.0
#include "engine/table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROWS = 64 };

RESULT budget_take(struct budget *budget, size_t bytes)
{
    if (bytes > budget->limit_bytes - budget->used_bytes)
        return result_fail(ERROR_MEMORY);
    budget->used_bytes += bytes;
    return RESULT_OK;
}

/* What tables without rows point at: arithmetic on NULL is undefined. */
static max_align_t no_rows;

void table_init(struct table *table) { *table = (struct table){.rows = &no_rows}; }

RESULT table_add(struct table *table, struct budget *budget, size_t row_bytes, size_t count,
                 uint32_t *ret_first)
{
    if (count > UINT32_MAX / 2 - table->count)
        return result_fail(ERROR_MEMORY);
    uint32_t needed = table->count + (uint32_t)count;
    if (needed > table->capacity) {
        uint32_t capacity = table->capacity == 0 ? FIRST_ROWS : 2 * table->capacity;
        if (capacity < needed)
            capacity = needed;
        GUARD(budget_take(budget, (capacity - table->capacity) * row_bytes));
        void *rows =
            reallocarray(table->capacity == 0 ? NULL : table->rows, capacity, row_bytes);
        if (rows == NULL)
            return result_fail(ERROR_MEMORY);
        table->rows = rows;
        table->capacity = capacity;
    }
    if (count > 0)
        memset((uint8_t *)table->rows + table->count * row_bytes, 0, count * row_bytes);
    *ret_first = table->count;
    table->count = needed;
    return RESULT_OK;
}

void table_free(struct table *table)
{
    if (table->capacity > 0)
        free(table->rows);
    table_init(table);
}
