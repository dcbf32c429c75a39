// SPDX-License-Identifier: Apache-2.0
#include "engine/rows.h"

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

void rows_init(struct rows *rows) { *rows = (struct rows){.data = &no_rows}; }

RESULT rows_add(struct rows *rows, struct budget *budget, size_t row_bytes, size_t count,
                uint32_t *ret_first)
{
    if (count > UINT32_MAX / 2 - rows->count)
        return result_fail(ERROR_MEMORY);
    uint32_t needed = rows->count + (uint32_t)count;
    if (needed > rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? FIRST_ROWS : 2 * rows->capacity;
        if (capacity < needed)
            capacity = needed;
        GUARD(budget_take(budget, (capacity - rows->capacity) * row_bytes));
        void *data =
            reallocarray(rows->capacity == 0 ? NULL : rows->data, capacity, row_bytes);
        if (data == NULL)
            return result_fail(ERROR_MEMORY);
        rows->data = data;
        rows->capacity = capacity;
    }
    if (count > 0)
        memset((uint8_t *)rows->data + rows->count * row_bytes, 0, count * row_bytes);
    *ret_first = rows->count;
    rows->count = needed;
    return RESULT_OK;
}

void rows_free(struct rows *rows)
{
    if (rows->capacity > 0)
        free(rows->data);
    rows_init(rows);
}
