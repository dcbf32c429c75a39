// SPDX-License-Identifier: Apache-2.0
#include "rollout/report.h"

#include "base/bytes.h"
#include "rollout/fleet.h"
#include "update/signature/signature.h"
#include "update/ticket/places.h"

#include <string.h>

static const char MAGIC[8] = {'C', 'R', 'E', 'R', 'P', 'R', 'T', '1'};
static const char DOMAIN[32] = REPORT_DOMAIN;

static_assert((int)METRIC_COUNT <= (int)REPORT_METRICS_MAX, "a report has room for every metric");
static_assert((int)REPORT_SIGNATURE_BYTES == (int)ED25519_SIGNATURE_BYTES,
              "reports are signed by Ed25519");
static_assert(sizeof MAGIC + REPORT_HOST_BYTES + REPORT_DIGEST_BYTES + 2 * sizeof(uint32_t)
                      + 2 * sizeof(uint64_t) + 4 * sizeof(uint32_t)
                      + REPORT_METRICS_MAX * sizeof(uint32_t)
                  == REPORT_BODY_BYTES,
              "the fields of a report fill its body");

/* What holds for every report, whoever wrote it. */
static RESULT check_facts(const struct report *report, struct explanation *why)
{
    if (report->windows == 0 || report->window_s == 0)
        return explain(why, ERROR_FORMAT, "a health report covers at least one window of a second");
    if (report->ring >= FLEET_RINGS_MAX)
        return explain(why, ERROR_FORMAT, "a health report names ring %u; there are at most %d",
                       report->ring, FLEET_RINGS_MAX);
    if ((report->numbers.present & ~(uint32_t)METRICS_REPORTED) != 0)
        return explain(why, ERROR_FORMAT,
                       "a health report has numbers that this version does not know");
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        if ((report->numbers.present >> i & 1) == 0 && report->numbers.values[i] != 0)
            return explain(why, ERROR_FORMAT, "a health report has a number for %s that it says "
                           "it has not", metric_facts((enum metric)i)->word);
    }
    return RESULT_OK;
}

static RESULT write_body(const struct report *report, struct writer *writer)
{
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    GUARD(writer_copy(writer, report->host.bytes, REPORT_HOST_BYTES));
    GUARD(writer_copy(writer, report->release, REPORT_DIGEST_BYTES));
    GUARD(writer_u32(writer, report->ring));
    GUARD(writer_u32(writer, report->numbers.present));
    GUARD(writer_u64(writer, report->since_s));
    GUARD(writer_u64(writer, report->until_s));
    GUARD(writer_u32(writer, report->ran_s));
    GUARD(writer_u32(writer, report->windows));
    GUARD(writer_u32(writer, report->window_s));
    GUARD(writer_u32(writer, 0));
    for (unsigned i = 0; i < REPORT_METRICS_MAX; i++)
        GUARD(writer_u32(writer, i < METRIC_COUNT ? report->numbers.values[i] : 0));
    return RESULT_OK;
}

RESULT report_message(const struct report *report, uint8_t out[REPORT_MESSAGE_BYTES],
                      struct explanation *why)
{
    GUARD(check_facts(report, why));
    struct writer writer = writer_of(out, REPORT_MESSAGE_BYTES);
    GUARD(writer_copy(&writer, DOMAIN, sizeof DOMAIN));
    return write_body(report, &writer);
}

RESULT report_encode(const struct report *report, const uint8_t signature[REPORT_SIGNATURE_BYTES],
                     uint8_t out[REPORT_BYTES], struct explanation *why)
{
    GUARD(check_facts(report, why));
    struct writer writer = writer_of(out, REPORT_BYTES);
    GUARD(write_body(report, &writer));
    return writer_copy(&writer, signature, REPORT_SIGNATURE_BYTES);
}

static RESULT read_numbers(struct reader *reader, struct report *report, struct explanation *why)
{
    uint32_t beyond = 0;
    for (unsigned i = 0; i < REPORT_METRICS_MAX; i++) {
        uint32_t value;
        GUARD(reader_u32(reader, &value));
        if (i < METRIC_COUNT)
            report->numbers.values[i] = value;
        else
            beyond |= value;
    }
    if (beyond != 0)
        return explain(why, ERROR_FORMAT,
                       "a health report has numbers that this version does not know");
    return RESULT_OK;
}

static RESULT read_body(struct reader *reader, struct report *report, struct explanation *why)
{
    struct bytes magic;
    uint32_t zero;
    GUARD(reader_view(reader, sizeof MAGIC, &magic));
    if (memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return explain(why, ERROR_FORMAT, "this is no health report: it does not begin with %.8s",
                       MAGIC);
    GUARD(reader_copy(reader, report->host.bytes, REPORT_HOST_BYTES));
    GUARD(reader_copy(reader, report->release, REPORT_DIGEST_BYTES));
    GUARD(reader_u32(reader, &report->ring));
    GUARD(reader_u32(reader, &report->numbers.present));
    GUARD(reader_u64(reader, &report->since_s));
    GUARD(reader_u64(reader, &report->until_s));
    GUARD(reader_u32(reader, &report->ran_s));
    GUARD(reader_u32(reader, &report->windows));
    GUARD(reader_u32(reader, &report->window_s));
    GUARD(reader_u32(reader, &zero));
    if (zero != 0)
        return explain(why, ERROR_FORMAT,
                       "a health report says something that this version does not know");
    GUARD(read_numbers(reader, report, why));
    return check_facts(report, why);
}

RESULT report_decode(const void *data, size_t size, struct report *ret_report,
                     uint8_t ret_signature[REPORT_SIGNATURE_BYTES], struct explanation *why)
{
    struct report report = {0};
    struct bytes signature;
    if (size != REPORT_BYTES)
        return explain(why, ERROR_FORMAT, "a health report has %d bytes, this has %zu",
                       REPORT_BYTES, size);
    struct reader reader = reader_of(data, size);
    GUARD(read_body(&reader, &report, why));
    GUARD(reader_view(&reader, REPORT_SIGNATURE_BYTES, &signature));
    GUARD(reader_end(&reader));
    if (ret_signature != NULL)
        bytes_copy(ret_signature, REPORT_SIGNATURE_BYTES, signature.data, signature.size);
    *ret_report = report;
    return RESULT_OK;
}

RESULT report_check(const void *data, size_t size, const uint8_t *key, struct report *ret_report,
                    struct explanation *why)
{
    struct report report;
    uint8_t message[REPORT_MESSAGE_BYTES], signature[REPORT_SIGNATURE_BYTES];
    GUARD(report_decode(data, size, &report, signature, why));
    GUARD(report_message(&report, message, why));
    if (!ed25519_verify(key, message, sizeof message, signature))
        return explain(why, ERROR_FORMAT,
                       "a health report is not signed by the host that it names");
    *ret_report = report;
    return RESULT_OK;
}
