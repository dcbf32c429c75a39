// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What became of each rule that the engine loaded, in memory that the engine writes and control
 * reads for `creance rules list`. Bytes from a process that reads content: control copies them and
 * reads the copy with the bounded reader. The supervisor makes the memory (RULES_REPORT_BYTES).
 */
#include "base/limits.h"
#include "base/reader.h"
#include "engine/engine.h"

struct rule_report_row {
    uint8_t digest[32];
    uint8_t state; /* enum engine_rule_state */
    uint32_t line;
    struct bytes file, id, title, level, tags, reason;
};

/* What rules cost (engine_measure()), at the end of the same memory; rows as in the report. */
struct rules_costs {
    uint64_t generation; /* of the rules; 0: none yet, or being changed */
    struct engine_measured measured;
    struct engine_account rows[LIMIT_FLIGHT_RULES];
};

/* For the engine: to be written by rules_costs_write() from time to time. */
RESULT rules_costs_map(int fd, struct rules_costs **ret_costs);
void rules_costs_write(struct rules_costs *costs, uint64_t generation,
                       const struct engine *engine);

/* A copy for who reads; free() it. ERROR_AGAIN: there are none of this generation. */
RESULT rules_costs_read(int fd, uint64_t generation, struct rules_costs **ret_costs);

/* Writes all rows; called by the engine before it says rules_loaded. Rows that do not fit are left
 * out and the count of the rows left out is kept in the report. */
RESULT rules_report_write(int fd, uint64_t generation, const struct engine *engine);

/* Reads the report of `generation`: calls `visit` for each row. ERROR_AGAIN: it holds another
 * generation. ERROR_FORMAT: it makes no sense. */
typedef void rule_report_visitor(void *context, const struct rule_report_row *row);
RESULT rules_report_read(int fd, uint64_t generation, rule_report_visitor *visit, void *context,
                         uint32_t *ret_left_out);
