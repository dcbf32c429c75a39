// SPDX-License-Identifier: Apache-2.0
#include "agent/rules_report.h"

#include "base/bytes.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ROW_TEXT_BYTES = 1024,
    /* What rules cost begins here, on a page of its own. */
    COSTS_AT = RULES_REPORT_BYTES - 2 * MIB,
};
_Static_assert(sizeof(struct rules_costs) <= RULES_REPORT_BYTES - COSTS_AT,
               "what rules cost fits behind the report");

/* Layout: this head, then rows. A reader takes it only when generation and its copy behind it
 * agree, which a writer that died in the middle did not reach. */
struct report_head {
    _Atomic uint64_t generation;
    _Atomic uint64_t generation_again;
    uint32_t rows;
    uint32_t left_out;
    uint64_t bytes;
};

static RESULT write_text(struct writer *writer, const char *text)
{
    size_t length = strlen(text);
    return writer_sized(writer, text, length < ROW_TEXT_BYTES ? length : ROW_TEXT_BYTES);
}

static RESULT write_tags(struct writer *writer, const struct engine_rule *rule)
{
    char joined[ROW_TEXT_BYTES];
    joined[0] = '\0';
    for (size_t i = 0, at = 0; i < rule->tag_count; i++) {
        (void)string_format(joined + at, sizeof joined - at, "%s%s", i == 0 ? "" : ",",
                            rule->tags[i]);
        at = strlen(joined);
    }
    return write_text(writer, joined);
}

static RESULT write_row(struct writer *writer, const struct engine_rule *rule)
{
    GUARD(writer_copy(writer, rule->digest, sizeof rule->digest));
    GUARD(writer_u8(writer, (uint8_t)rule->state));
    GUARD(writer_u32(writer, rule->line));
    GUARD(write_text(writer, rule->file));
    GUARD(write_text(writer, rule->id));
    GUARD(write_text(writer, rule->title));
    GUARD(write_text(writer, rule->level));
    GUARD(write_tags(writer, rule));
    return write_text(writer, rule->reason);
}

RESULT rules_report_write(int fd, uint64_t generation, const struct engine *engine)
{
    uint8_t *memory =
        mmap(NULL, RULES_REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return result_from_errno();
    struct report_head *head = (struct report_head *)(void *)memory;
    atomic_store(&head->generation_again, 0);
    atomic_store(&head->generation, generation);
    struct writer writer =
        writer_of(memory + sizeof *head, COSTS_AT - sizeof *head);
    head->rows = 0;
    head->left_out = 0;
    for (size_t i = 0; i < engine_rule_count(engine); i++) {
        size_t before = writer.at;
        if (head->left_out == 0 && result_is_ok(write_row(&writer, engine_rule(engine, i)))) {
            head->rows++;
        } else {
            writer.at = before;
            head->left_out++;
        }
    }
    head->bytes = writer.at;
    atomic_store(&head->generation_again, generation);
    (void)munmap(memory, RULES_REPORT_BYTES);
    return RESULT_OK;
}

static RESULT read_row(struct reader *reader, struct rule_report_row *row)
{
    GUARD(reader_copy(reader, row->digest, sizeof row->digest));
    GUARD(reader_u8(reader, &row->state));
    GUARD(reader_u32(reader, &row->line));
    GUARD(reader_sized(reader, ROW_TEXT_BYTES, &row->file));
    GUARD(reader_sized(reader, ROW_TEXT_BYTES, &row->id));
    GUARD(reader_sized(reader, ROW_TEXT_BYTES, &row->title));
    GUARD(reader_sized(reader, ROW_TEXT_BYTES, &row->level));
    GUARD(reader_sized(reader, ROW_TEXT_BYTES, &row->tags));
    GUARD(reader_sized(reader, ROW_TEXT_BYTES, &row->reason));
    return row->state <= ENGINE_RULE_REJECTED ? RESULT_OK : result_fail(ERROR_FORMAT);
}

/* Reads from a private copy: the engine could change the memory under the reader. */
static RESULT copy_report(int fd, uint64_t generation, struct report_head *ret_head,
                          uint8_t **ret_rows)
{
    uint8_t *memory = mmap(NULL, RULES_REPORT_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return result_from_errno();
    const struct report_head *head = (const struct report_head *)(void *)memory;
    struct result result = RESULT_OK;
    ret_head->rows = head->rows;
    ret_head->left_out = head->left_out;
    ret_head->bytes = head->bytes;
    uint8_t *rows = NULL;
    if (atomic_load(&head->generation) != generation
        || atomic_load(&head->generation_again) != generation)
        result = result_fail(ERROR_AGAIN);
    else if (ret_head->bytes > COSTS_AT - sizeof *head)
        result = result_fail(ERROR_FORMAT);
    else if ((rows = malloc(ret_head->bytes + 1)) == NULL)
        result = result_fail(ERROR_MEMORY);
    else
        bytes_copy(rows, ret_head->bytes, memory + sizeof *head, ret_head->bytes);
    (void)munmap(memory, RULES_REPORT_BYTES);
    *ret_rows = rows;
    return result;
}

RESULT rules_report_read(int fd, uint64_t generation, rule_report_visitor *visit, void *context,
                         uint32_t *ret_left_out)
{
    struct report_head head;
    uint8_t *rows;
    GUARD(copy_report(fd, generation, &head, &rows));
    struct reader reader = reader_of(rows, head.bytes);
    struct result result = RESULT_OK;
    for (uint32_t i = 0; i < head.rows && result_is_ok(result); i++) {
        struct rule_report_row row;
        result = read_row(&reader, &row);
        if (result_is_ok(result))
            visit(context, &row);
    }
    if (result_is_ok(result))
        result = reader_end(&reader);
    if (result_is_ok(result))
        *ret_left_out = head.left_out;
    free(rows);
    return result;
}

/* --- what rules cost -------------------------------------------------------------------------- */

RESULT rules_costs_map(int fd, struct rules_costs **ret_costs)
{
    void *memory = mmap(NULL, sizeof(struct rules_costs), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                        COSTS_AT);
    if (memory == MAP_FAILED)
        return result_from_errno();
    *ret_costs = memory;
    return RESULT_OK;
}

void rules_costs_write(struct rules_costs *costs, uint64_t generation, const struct engine *engine)
{
    struct engine_measured measured = engine_measured(engine);
    if (costs->generation == generation && costs->measured.events == measured.events)
        return;
    size_t count = engine_rule_count(engine);
    costs->generation = 0;
    atomic_thread_fence(memory_order_seq_cst);
    for (size_t i = 0; i < count && i < LIMIT_FLIGHT_RULES; i++)
        costs->rows[i] = engine_account(engine, i);
    costs->measured = measured;
    atomic_thread_fence(memory_order_seq_cst);
    costs->generation = generation;
}

RESULT rules_costs_read(int fd, uint64_t generation, struct rules_costs **ret_costs)
{
    const struct rules_costs *memory =
        mmap(NULL, sizeof *memory, PROT_READ, MAP_SHARED, fd, COSTS_AT);
    if (memory == MAP_FAILED)
        return result_from_errno();
    struct result result = result_fail(ERROR_AGAIN);
    /* A number that is torn is a wrong number for a moment; nothing is decided by it. */
    if (memory->generation == generation) {
        *ret_costs = malloc(sizeof **ret_costs);
        result = *ret_costs == NULL ? result_fail(ERROR_MEMORY) : RESULT_OK;
    }
    if (result_is_ok(result))
        bytes_copy(*ret_costs, sizeof **ret_costs, memory, sizeof *memory);
    (void)munmap((void *)(uintptr_t)memory, sizeof *memory);
    return result;
}
