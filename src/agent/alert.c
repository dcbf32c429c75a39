// SPDX-License-Identifier: Apache-2.0
#include "agent/alert.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <sha2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- alerts ---------------------------------------------------------------------------------------- */

static RESULT write_text(struct writer *writer, struct bytes text)
{
    size_t kept = text.size < ALERT_TEXT_BYTES ? text.size : ALERT_TEXT_BYTES;
    return writer_sized(writer, text.data, kept);
}

RESULT alert_encode(const struct alert *alert, struct writer *writer)
{
    GUARD(writer_copy(writer, alert->rule_digest, sizeof alert->rule_digest));
    GUARD(writer_u64(writer, alert->epoch));
    GUARD(writer_u64(writer, alert->sequence));
    GUARD(writer_u8(writer, alert->is_incomplete ? 1 : 0));
    GUARD(write_text(writer, alert->rule_id));
    GUARD(write_text(writer, alert->rule_title));
    GUARD(write_text(writer, alert->rule_level));
    GUARD(write_text(writer, alert->rule_file));
    GUARD(write_text(writer, alert->rule_tags));
    return writer_sized(writer, alert->event.data, alert->event.size);
}

RESULT alert_decode(const void *data, size_t size, struct alert *ret_alert)
{
    struct reader reader = reader_of(data, size);
    struct alert alert;
    uint8_t is_incomplete;
    GUARD(reader_copy(&reader, alert.rule_digest, sizeof alert.rule_digest));
    GUARD(reader_u64(&reader, &alert.epoch));
    GUARD(reader_u64(&reader, &alert.sequence));
    GUARD(reader_u8(&reader, &is_incomplete));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_id));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_title));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_level));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_file));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_tags));
    GUARD(reader_sized(&reader, LIMIT_EVENT_BYTES, &alert.event));
    GUARD(reader_end(&reader));
    if (is_incomplete > 1)
        return result_fail(ERROR_FORMAT);
    alert.is_incomplete = is_incomplete == 1;
    *ret_alert = alert;
    return RESULT_OK;
}

void alert_id(const struct alert *alert, char out[ALERT_ID_BYTES])
{
    uint8_t named[sizeof alert->rule_digest + 2 * sizeof(uint64_t)];
    struct writer writer = writer_of(named, sizeof named);
    result_ignore(writer_copy(&writer, alert->rule_digest, sizeof alert->rule_digest)); /* fits */
    result_ignore(writer_u64(&writer, alert->epoch));
    result_ignore(writer_u64(&writer, alert->sequence));
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, named, sizeof named);
    SHA256Final(digest, &context);
    hex_encode(digest, (ALERT_ID_BYTES - 1) / 2, out);
}

/* --- the rules report -------------------------------------------------------------------------------- */

/* Layout: this head, then rows. A reader takes it only when generation and its copy behind it agree,
 * which a writer that died in the middle did not reach. */
struct report_head {
    _Atomic uint64_t generation;
    _Atomic uint64_t generation_again;
    uint32_t rows;
    uint32_t left_out;
    uint64_t bytes;
};

RESULT rules_report_create(int *ret_fd)
{
    int fd = memfd_create("creance-rules-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return result_from_errno();
    if (ftruncate(fd, RULES_REPORT_BYTES) != 0) {
        struct result failure = result_from_errno();
        close(fd);
        return failure;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

static struct bytes text_of(const char *text)
{
    size_t length = strlen(text);
    return (struct bytes){(const uint8_t *)text,
                          length < ALERT_TEXT_BYTES ? length : ALERT_TEXT_BYTES};
}

static RESULT write_tags(struct writer *writer, const struct engine_rule *rule)
{
    char joined[ALERT_TEXT_BYTES];
    joined[0] = '\0';
    for (size_t i = 0, at = 0; i < rule->tag_count; i++) {
        (void)string_format(joined + at, sizeof joined - at, "%s%s", i == 0 ? "" : ",",
                            rule->tags[i]);
        at = strlen(joined);
    }
    return write_text(writer, text_of(joined));
}

static RESULT write_row(struct writer *writer, const struct engine_rule *rule)
{
    GUARD(writer_copy(writer, rule->digest, sizeof rule->digest));
    GUARD(writer_u8(writer, (uint8_t)rule->state));
    GUARD(writer_u32(writer, rule->line));
    GUARD(write_text(writer, text_of(rule->file)));
    GUARD(write_text(writer, text_of(rule->id)));
    GUARD(write_text(writer, text_of(rule->title)));
    GUARD(write_text(writer, text_of(rule->level)));
    GUARD(write_tags(writer, rule));
    return write_text(writer, text_of(rule->reason));
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
        writer_of(memory + sizeof *head, RULES_REPORT_BYTES - sizeof *head);
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
    GUARD(reader_sized(reader, ALERT_TEXT_BYTES, &row->file));
    GUARD(reader_sized(reader, ALERT_TEXT_BYTES, &row->id));
    GUARD(reader_sized(reader, ALERT_TEXT_BYTES, &row->title));
    GUARD(reader_sized(reader, ALERT_TEXT_BYTES, &row->level));
    GUARD(reader_sized(reader, ALERT_TEXT_BYTES, &row->tags));
    GUARD(reader_sized(reader, ALERT_TEXT_BYTES, &row->reason));
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
    else if (ret_head->bytes > RULES_REPORT_BYTES - sizeof *head)
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
