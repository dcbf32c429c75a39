// SPDX-License-Identifier: Apache-2.0
#include "rollout/promotion.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "rollout/binomial.h"
#include "rollout/gate.h"
#include "update/ticket/places.h"

#include <math.h>
#include <sha256.h>
#include <string.h>

#define WHAT "promotion"

enum { PPM = 1000000, RESERVED_BYTES = 16, DIGEST_BYTES = 32 };

static const char MAGIC[8] = {'C', 'R', 'E', 'P', 'R', 'O', 'M', '1'};
static const char DOMAIN[32] = PROMOTION_DOMAIN;
static const char SAMPLE_DOMAIN[32] = "creance promotion sample, 1.";

static_assert(sizeof MAGIC + 8 * sizeof(uint32_t) + sizeof(uint64_t) + 3 * (size_t)DIGEST_BYTES
                      + RESERVED_BYTES
                  == PROMOTION_BODY_BYTES,
              "the fields of a promotion fill its body");
static_assert(PROMOTION_BODY_BYTES + PLACES_BYTES == (int)PROMOTION_HEAD_BYTES,
              "a head is these two");
static_assert(LIMIT_ROSTER_HOSTS <= 1 << 24, "no way to a root is longer than 24 hashes");
static_assert(PROMOTION_HEAD_BYTES + ROSTER_BYTES
                      + PROMOTION_SAMPLE_MAX
                            * (REPORT_BYTES + 4 + ROSTER_HOST_BYTES + 2 * 24 * MERKLE_HASH_BYTES)
                  <= LIMIT_PROMOTION_BYTES,
              "the largest promotion is within its limit");

/* --- the head --------------------------------------------------------------------------------- */

/* What holds for every promotion, whoever wrote it. */
static RESULT check_facts(const struct promotion *promotion, struct explanation *why)
{
    if (promotion->ring >= FLEET_RINGS_MAX)
        return explain(why, ERROR_FORMAT, "the promotion names ring %u; there are at most %d",
                       promotion->ring, FLEET_RINGS_MAX);
    if (promotion->hosts == 0 || promotion->hosts > LIMIT_ROSTER_HOSTS
        || promotion->bad > promotion->hosts || promotion->reports > promotion->hosts
        || promotion->reports < promotion->hosts - promotion->bad || promotion->reports == 0)
        return explain(why, ERROR_FORMAT,
                       "the promotion is about %u hosts, %u of them bad, with %u reports: every "
                       "host without a report is a bad one",
                       promotion->hosts, promotion->bad, promotion->reports);
    if (promotion->unsure_ppm == 0 || promotion->unsure_ppm >= PPM || promotion->upper_ppm > PPM)
        return explain(why, ERROR_FORMAT, "the promotion's bound is none");
    double upper = binomial_upper(promotion->hosts, promotion->bad,
                                  (double)promotion->unsure_ppm / PPM);
    if (promotion->upper_ppm + 1.0 < upper * PPM) /* 1: what arithmetic may differ by */
        return explain(why, ERROR_FORMAT,
                       "the promotion says that fewer than %u hosts in a million are bad, its %u "
                       "of %u show %.0f",
                       promotion->upper_ppm, promotion->bad, promotion->hosts, upper * PPM);
    return RESULT_OK;
}

static RESULT write_body(const struct promotion *promotion, struct writer *writer)
{
    static const uint8_t ZEROS[RESERVED_BYTES];
    GUARD(writer_copy(writer, MAGIC, sizeof MAGIC));
    GUARD(writer_u32(writer, promotion->ring));
    GUARD(writer_u32(writer, promotion->hosts));
    GUARD(writer_u32(writer, promotion->bad));
    GUARD(writer_u32(writer, promotion->reports));
    GUARD(writer_u32(writer, promotion->soak_s));
    GUARD(writer_u32(writer, promotion->upper_ppm));
    GUARD(writer_u32(writer, promotion->unsure_ppm));
    GUARD(writer_u32(writer, 0));
    GUARD(writer_u64(writer, promotion->made_s));
    GUARD(writer_copy(writer, promotion->release, sizeof promotion->release));
    GUARD(writer_copy(writer, promotion->roster, sizeof promotion->roster));
    GUARD(writer_copy(writer, promotion->reports_root.bytes, MERKLE_HASH_BYTES));
    return writer_copy(writer, ZEROS, sizeof ZEROS);
}

RESULT promotion_message(const struct promotion *promotion, uint8_t out[PROMOTION_MESSAGE_BYTES],
                         struct explanation *why)
{
    GUARD(check_facts(promotion, why));
    struct writer writer = writer_of(out, PROMOTION_MESSAGE_BYTES);
    GUARD(writer_copy(&writer, DOMAIN, sizeof DOMAIN));
    return write_body(promotion, &writer);
}

RESULT promotion_head_encode(const struct promotion *promotion,
                             const struct ticket_signature *signatures, size_t count,
                             uint8_t out[PROMOTION_HEAD_BYTES], struct explanation *why)
{
    GUARD(check_facts(promotion, why));
    struct writer writer = writer_of(out, PROMOTION_HEAD_BYTES);
    GUARD(write_body(promotion, &writer));
    return places_write(&writer, signatures, count, WHAT, why);
}

static RESULT read_body(struct reader *reader, struct promotion *promotion,
                        struct explanation *why)
{
    struct bytes magic, reserved;
    uint32_t zero;
    GUARD(reader_view(reader, sizeof MAGIC, &magic));
    if (memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return explain(why, ERROR_FORMAT, "this is no promotion: it does not begin with %.8s",
                       MAGIC);
    GUARD(reader_u32(reader, &promotion->ring));
    GUARD(reader_u32(reader, &promotion->hosts));
    GUARD(reader_u32(reader, &promotion->bad));
    GUARD(reader_u32(reader, &promotion->reports));
    GUARD(reader_u32(reader, &promotion->soak_s));
    GUARD(reader_u32(reader, &promotion->upper_ppm));
    GUARD(reader_u32(reader, &promotion->unsure_ppm));
    GUARD(reader_u32(reader, &zero));
    GUARD(reader_u64(reader, &promotion->made_s));
    GUARD(reader_copy(reader, promotion->release, sizeof promotion->release));
    GUARD(reader_copy(reader, promotion->roster, sizeof promotion->roster));
    GUARD(reader_copy(reader, promotion->reports_root.bytes, MERKLE_HASH_BYTES));
    GUARD(reader_view(reader, RESERVED_BYTES, &reserved));
    if (zero != 0 || !places_is_zero(reserved))
        return explain(why, ERROR_FORMAT,
                       "the promotion says something that this version does not know");
    return check_facts(promotion, why);
}

/* Moves the reader behind the head. */
static RESULT read_head(struct reader *reader, struct promotion *promotion,
                        struct ticket_signature signatures[TICKET_SIGNATURES_MAX],
                        size_t *ret_count, struct explanation *why)
{
    if (reader_left(reader) < PROMOTION_HEAD_BYTES)
        return explain(why, ERROR_FORMAT, "a promotion has more than %d bytes, this has %zu",
                       PROMOTION_HEAD_BYTES, reader_left(reader));
    GUARD(read_body(reader, promotion, why));
    return places_read(reader, signatures, ret_count, WHAT, why);
}

RESULT promotion_head_decode(const void *data, size_t size, struct promotion *ret_promotion,
                             struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                             size_t *ret_count, struct explanation *why)
{
    struct promotion promotion = {0};
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX] = {0};
    size_t count = 0;
    struct reader reader = reader_of(data, size);
    GUARD(read_head(&reader, &promotion, signatures, &count, why));
    if (ret_signatures != NULL)
        bytes_copy(ret_signatures, sizeof signatures, signatures, sizeof signatures);
    *ret_promotion = promotion;
    *ret_count = count;
    return RESULT_OK;
}

/* --- the sample ------------------------------------------------------------------------------- */

/* The next number of a row that follows from the promotion, evenly below `bound`: the remainder of
 * 64 bits is uneven by less than one part in 2^40. */
static uint32_t draw(const uint8_t seed[DIGEST_BYTES], uint32_t number, uint32_t bound)
{
    uint8_t input[DIGEST_BYTES + sizeof number], output[DIGEST_BYTES];
    uint64_t drawn = 0;
    SHA2_CTX context;
    struct writer writer = writer_of(input, sizeof input);
    /* Both fit: the sizes are above. */
    result_ignore(writer_copy(&writer, seed, DIGEST_BYTES));
    result_ignore(writer_u32(&writer, number));
    SHA256Init(&context);
    SHA256Update(&context, input, sizeof input);
    SHA256Final(output, &context);
    for (unsigned i = 0; i < sizeof drawn; i++)
        drawn = drawn << 8 | output[i];
    return (uint32_t)(drawn % bound);
}

static void seed_of(const struct promotion *promotion, uint8_t out[DIGEST_BYTES])
{
    uint8_t input[sizeof SAMPLE_DOMAIN + 2 * sizeof(uint32_t) + 3 * (size_t)DIGEST_BYTES];
    struct writer writer = writer_of(input, sizeof input);
    SHA2_CTX context;
    /* All fit: the sizes are above. */
    result_ignore(writer_copy(&writer, SAMPLE_DOMAIN, sizeof SAMPLE_DOMAIN));
    result_ignore(writer_u32(&writer, promotion->ring));
    result_ignore(writer_u32(&writer, promotion->reports));
    result_ignore(writer_copy(&writer, promotion->release, DIGEST_BYTES));
    result_ignore(writer_copy(&writer, promotion->roster, DIGEST_BYTES));
    result_ignore(writer_copy(&writer, promotion->reports_root.bytes, DIGEST_BYTES));
    SHA256Init(&context);
    SHA256Update(&context, input, sizeof input);
    SHA256Final(out, &context);
}

/* Keeps `out` in order and each place in it once. */
static size_t insert(uint32_t out[PROMOTION_SAMPLE_MAX], size_t count, uint32_t place)
{
    size_t at = 0;
    while (at < count && out[at] < place)
        at++;
    if (at < count && out[at] == place)
        return count;
    for (size_t i = count; i > at; i--)
        out[i] = out[i - 1];
    out[at] = place;
    return count + 1;
}

size_t promotion_sample(const struct promotion *promotion, uint32_t out[PROMOTION_SAMPLE_MAX])
{
    uint8_t seed[DIGEST_BYTES];
    size_t count = 0;
    if (promotion->reports <= PROMOTION_SAMPLE_MAX) {
        for (; count < promotion->reports; count++)
            out[count] = (uint32_t)count;
        return count;
    }
    seed_of(promotion, seed);
    for (uint32_t i = 0; i < 2 * PROMOTION_PAIRS; i++) {
        bool is_pair = i < PROMOTION_PAIRS;
        uint32_t place = draw(seed, i, promotion->reports - (is_pair ? 1 : 0));
        count = insert(out, count, place);
        if (is_pair)
            count = insert(out, count, place + 1);
    }
    return count;
}

/* One report of the sample and what leads to it. */
struct row {
    struct bytes report_bytes, host_bytes;
    uint32_t index; /* in the roster */
    struct roster_host host;
    struct report report;
};

struct sample {
    const struct promotion *promotion;
    const struct roster *roster;
    bool has_last;
    struct row last;
    uint8_t keys[PROMOTION_SAMPLE_MAX][ROSTER_KEY_BYTES];
    size_t count;
    uint32_t bad;
};

/* The entry `leaf` is the one of `index` in the tree, by the hashes that the reader has next. */
static RESULT check_way(struct reader *reader, uint32_t index, uint32_t size, struct bytes entry,
                        const struct merkle_hash *root, const char *what, struct explanation *why)
{
    struct merkle_range ranges[MERKLE_PROOF_MAX];
    struct merkle_proof proof;
    if (!result_is_ok(merkle_inclusion_ranges(index, size, ranges, &proof.count)))
        return explain(why, ERROR_FORMAT, "the promotion names place %u of %u %s", index, size,
                       what);
    for (size_t i = 0; i < proof.count; i++) {
        struct bytes hash;
        if (!result_is_ok(reader_view(reader, MERKLE_HASH_BYTES, &hash)))
            return explain(why, ERROR_FORMAT, "the promotion is cut off within its sample");
        GUARD(merkle_hash_take(hash, &proof.hashes[i]));
    }
    struct merkle_hash leaf = merkle_leaf(entry);
    if (!result_is_ok(merkle_verify_inclusion(index, size, &leaf, &proof, root)))
        return explain(why, ERROR_FORMAT, "place %u is not shown to be one of the %u %s", index,
                       size, what);
    return RESULT_OK;
}

static RESULT read_row(struct reader *reader, const struct sample *sample, uint32_t place,
                       struct row *row, struct explanation *why)
{
    if (!result_is_ok(reader_view(reader, REPORT_BYTES, &row->report_bytes))
        || !result_is_ok(reader_u32(reader, &row->index))
        || !result_is_ok(reader_view(reader, ROSTER_HOST_BYTES, &row->host_bytes)))
        return explain(why, ERROR_FORMAT, "the promotion is cut off within its sample");
    GUARD(check_way(reader, row->index, sample->roster->hosts, row->host_bytes,
                    &sample->roster->root, "hosts of the roster", why));
    GUARD(check_way(reader, place, sample->promotion->reports, row->report_bytes,
                    &sample->promotion->reports_root, "reports", why));
    GUARD(roster_host_decode(row->host_bytes, &row->host, why));
    return report_check(row->report_bytes.data, row->report_bytes.size, row->host.key,
                        &row->report, why);
}

/* Its host is another one than those before it: places in the roster, ids and keys. */
static RESULT check_once(struct sample *sample, const struct row *row, struct explanation *why)
{
    bool is_again =
        sample->has_last
        && (row->index <= sample->last.index
            || memcmp(row->host.id.bytes, sample->last.host.id.bytes, REPORT_HOST_BYTES) <= 0);
    for (size_t i = 0; i < sample->count; i++)
        is_again |= memcmp(sample->keys[i], row->host.key, ROSTER_KEY_BYTES) == 0;
    if (is_again && !fault_is_planted(FAULT_PROMOTION_HOST_TWICE))
        return explain(why, ERROR_STATE, "the promotion counts host %u of the roster twice, or its "
                       "reports are out of order", row->index);
    bytes_copy(sample->keys[sample->count++], ROSTER_KEY_BYTES, row->host.key, ROSTER_KEY_BYTES);
    sample->last = *row;
    sample->has_last = true;
    return RESULT_OK;
}

bool promotion_report_is_bad(const struct report *report)
{
    uint32_t limits[METRIC_COUNT];
    for (unsigned i = 0; i < METRIC_COUNT; i++)
        limits[i] = metric_facts((enum metric)i)->limit;
    return metrics_bad(&report->numbers, limits) != 0;
}

static RESULT check_row(struct sample *sample, const struct row *row, struct explanation *why)
{
    const struct report *report = &row->report;
    const struct promotion *promotion = sample->promotion;
    if (memcmp(report->host.bytes, row->host.id.bytes, REPORT_HOST_BYTES) != 0)
        return explain(why, ERROR_STATE, "a report of the promotion is of another host than it is "
                       "counted for");
    if (memcmp(report->release, promotion->release, REPORT_DIGEST_BYTES) != 0)
        return explain(why, ERROR_STATE, "a report of the promotion is about another release");
    if (report->ring != promotion->ring || row->host.ring != promotion->ring)
        return explain(why, ERROR_STATE, "a report of the promotion is of ring %u, by a host of "
                       "ring %u; it is about ring %u",
                       report->ring, row->host.ring, promotion->ring);
    GUARD(check_once(sample, row, why));
    if (promotion_report_is_bad(report))
        sample->bad++;
    else if (report->ran_s < promotion->soak_s)
        return explain(why, ERROR_STATE, "a host of the promotion ran the release for %u s; %u s "
                       "are said",
                       report->ran_s, promotion->soak_s);
    return RESULT_OK;
}

static RESULT check_sample(struct reader *reader, const struct promotion *promotion,
                           const struct roster *roster, struct explanation *why)
{
    struct sample sample = {.promotion = promotion, .roster = roster};
    uint32_t places[PROMOTION_SAMPLE_MAX];
    size_t count = promotion_sample(promotion, places);
    for (size_t i = 0; i < count; i++) {
        struct row row;
        GUARD(read_row(reader, &sample, places[i], &row, why));
        GUARD(check_row(&sample, &row, why));
    }
    if (!result_is_ok(reader_end(reader)))
        return explain(why, ERROR_FORMAT, "the promotion has %zu bytes behind its sample",
                       reader_left(reader));
    if (sample.bad > promotion->bad || sample.bad > PROMOTION_SAMPLE_BAD_MAX)
        return explain(why, ERROR_STATE,
                       "%u of the %zu reports of the sample are bad; the promotion says %u of %u",
                       sample.bad, count, promotion->bad, promotion->hosts);
    return RESULT_OK;
}

/* --- the whole -------------------------------------------------------------------------------- */

struct promotion_demand promotion_demand_default(void)
{
    return (struct promotion_demand){
        .hosts_min = GATE_POLICY_DEFAULT.hosts_min,
        .soak_s = GATE_POLICY_DEFAULT.soak_s,
        .bad_ppm = GATE_POLICY_DEFAULT.bad_ppm,
        .unsure_ppm = GATE_POLICY_DEFAULT.unsure_ppm,
    };
}

static RESULT check_numbers(const struct promotion *promotion, const struct roster *roster,
                            const struct promotion_demand *demand, bool *ret_small,
                            struct explanation *why)
{
    if (promotion->ring >= roster->rings || promotion->hosts > roster->ring_hosts[promotion->ring])
        return explain(why, ERROR_STATE, "the promotion is about %u hosts of ring %u; the roster "
                       "has %u there",
                       promotion->hosts, promotion->ring, roster->ring_hosts[promotion->ring]);
    if (promotion->soak_s < demand->soak_s)
        return explain(why, ERROR_STATE, "the promotion's hosts ran the release for %u s, %u s are "
                       "asked for",
                       promotion->soak_s, demand->soak_s);
    double upper =
        binomial_upper(promotion->hosts, promotion->bad, (double)demand->unsure_ppm / PPM);
    bool is_shown = promotion->hosts >= demand->hosts_min
                    && upper * PPM <= (double)demand->bad_ppm;
    bool is_everybody = promotion->hosts == roster->ring_hosts[promotion->ring]
                        && promotion->hosts < demand->hosts_min && promotion->bad == 0;
    if (!is_shown && !is_everybody)
        return explain(why, ERROR_STATE,
                       "%u bad hosts of %u show that fewer than %.0f in a million are bad; asked "
                       "for are %u in a million and %u hosts, or every host of a smaller ring well",
                       promotion->bad, promotion->hosts, ceil(upper * PPM), demand->bad_ppm,
                       demand->hosts_min);
    *ret_small = !is_shown;
    return RESULT_OK;
}

static RESULT check_signers(const struct promotion *promotion,
                            const struct ticket_signature *signatures, size_t count,
                            const struct release_keys *promoters, struct explanation *why)
{
    uint8_t message[PROMOTION_MESSAGE_BYTES];
    unsigned signers;
    GUARD(release_keys_check(promoters, why));
    GUARD(promotion_message(promotion, message, why));
    GUARD(places_count_signers(signatures, count, promoters,
                               (struct bytes){message, sizeof message}, WHAT, &signers, why));
    if (signers < (fault_is_planted(FAULT_PROMOTION_ONE_KEY) ? 1 : promoters->threshold))
        return explain(why, ERROR_STATE,
                       "the promotion is signed by %u promoters of this host's, %u are needed",
                       signers, promoters->threshold);
    return RESULT_OK;
}

RESULT promotion_check(const void *data, size_t size, const struct promotion_demand *demand,
                       const uint8_t release[REPORT_DIGEST_BYTES], uint64_t now_s,
                       struct promotion_proof *ret_proof, struct explanation *why)
{
    struct promotion_proof proof = {0};
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    uint8_t digest[ROSTER_DIGEST_BYTES];
    struct bytes roster;
    size_t count;
    if (size > LIMIT_PROMOTION_BYTES)
        return explain(why, ERROR_LIMIT, "a promotion has at most %d bytes, this has %zu",
                       LIMIT_PROMOTION_BYTES, size);
    struct reader reader = reader_of(data, size);
    GUARD(read_head(&reader, &proof.promotion, signatures, &count, why));
    GUARD(check_signers(&proof.promotion, signatures, count, &demand->promoters, why));
    if (memcmp(proof.promotion.release, release, REPORT_DIGEST_BYTES) != 0)
        return explain(why, ERROR_STATE, "the promotion is about another release");
    if (!result_is_ok(reader_view(&reader, ROSTER_BYTES, &roster)))
        return explain(why, ERROR_FORMAT, "the promotion is cut off within its roster");
    GUARD(roster_check(roster.data, roster.size, &demand->owners, now_s, &proof.roster, why));
    GUARD(roster_digest(&proof.roster, digest, why));
    if (memcmp(digest, proof.promotion.roster, sizeof digest) != 0)
        return explain(why, ERROR_STATE, "the promotion is over another roster than it carries");
    GUARD(check_numbers(&proof.promotion, &proof.roster, demand, &proof.is_small, why));
    GUARD(check_sample(&reader, &proof.promotion, &proof.roster, why));
    *ret_proof = proof;
    return RESULT_OK;
}

uint32_t promotion_healthy_rings(const struct promotion *promotion)
{
    return (UINT32_C(2) << promotion->ring) - 1;
}
