// SPDX-License-Identifier: Apache-2.0
#include "agent/alert.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <sha2.h>

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
    GUARD(writer_u64(writer, alert->count));
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
    GUARD(reader_u64(&reader, &alert.count));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_id));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_title));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_level));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_file));
    GUARD(reader_sized(&reader, ALERT_TEXT_BYTES, &alert.rule_tags));
    GUARD(reader_sized(&reader, LIMIT_EVENT_BYTES, &alert.event));
    GUARD(reader_end(&reader));
    if (is_incomplete > 1 || alert.count == 0)
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
