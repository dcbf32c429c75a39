// SPDX-License-Identifier: Apache-2.0
#include "rollout/promotion_make.h"

#include "base/bytes.h"
#include "rollout/binomial.h"
#include "rollout/leaf_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PPM = 1000000 };

struct promotion_maker {
    struct roster roster;
    const struct roster_host *hosts; /* the caller's */
    uint8_t release[REPORT_DIGEST_BYTES];
    uint32_t ring;
    struct leaf_tree hosts_tree;
    uint8_t (*reports)[REPORT_BYTES]; /* as many as the ring has hosts, in order of arrival */
    uint32_t *report_of;              /* for each host: 1 + place of its report; 0: none */
    uint32_t report_count;
    /* what was stated last */
    struct promotion promotion;
    uint32_t *stated; /* hosts whose reports are in the tree, ascending */
    struct leaf_tree reports_tree;
};

/* --- the roster ------------------------------------------------------------------------------- */

static struct merkle_hash leaf_of(const struct roster_host *host)
{
    uint8_t row[ROSTER_HOST_BYTES];
    result_ignore(roster_host_encode(host, row)); /* its fields fill a row */
    return merkle_leaf((struct bytes){row, sizeof row});
}

static RESULT hosts_tree(const struct roster_host *hosts, uint32_t count,
                         struct leaf_tree *ret_tree, struct explanation *why)
{
    struct merkle_hash *leaves = calloc(count, sizeof *leaves);
    if (leaves == NULL)
        return explain(why, ERROR_MEMORY, "there is no memory for a roster of %u hosts", count);
    for (uint32_t i = 0; i < count; i++)
        leaves[i] = leaf_of(&hosts[i]);
    struct result result = leaf_tree_new(leaves, count, ret_tree);
    free(leaves);
    if (!result_is_ok(result))
        return explain(why, result.error, "there is no memory for a roster of %u hosts", count);
    return RESULT_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const struct roster_host *const *one = a, *const *other = b;
    return memcmp((*one)->key, (*other)->key, ROSTER_KEY_BYTES);
}

static RESULT check_keys(const struct roster_host *hosts, uint32_t count, struct explanation *why)
{
    const struct roster_host **sorted = calloc(count, sizeof(const struct roster_host *));
    bool is_twice = false;
    if (sorted == NULL)
        return explain(why, ERROR_MEMORY, "there is no memory for a roster of %u hosts", count);
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &hosts[i];
    qsort(sorted, count, sizeof(const struct roster_host *), compare_keys);
    for (uint32_t i = 1; i < count; i++)
        is_twice |= compare_keys(&sorted[i - 1], &sorted[i]) == 0;
    free(sorted);
    if (is_twice)
        return explain(why, ERROR_FORMAT, "two hosts of the roster have one key");
    return RESULT_OK;
}

RESULT roster_of_hosts(const struct roster_host *hosts, uint32_t count, uint32_t rings,
                       struct roster *roster, struct explanation *why)
{
    struct leaf_tree tree;
    struct roster next = *roster;
    if (count == 0 || count > LIMIT_ROSTER_HOSTS)
        return explain(why, ERROR_LIMIT, "a roster has 1 to %d hosts, this %u", LIMIT_ROSTER_HOSTS,
                       count);
    next.hosts = count;
    next.rings = rings;
    memset(next.ring_hosts, 0, sizeof next.ring_hosts);
    for (uint32_t i = 0; i < count; i++) {
        if (hosts[i].ring >= rings || hosts[i].ring >= FLEET_RINGS_MAX)
            return explain(why, ERROR_FORMAT, "host %u of the roster is in ring %u of %u", i,
                           hosts[i].ring, rings);
        if (i > 0 && memcmp(hosts[i - 1].id.bytes, hosts[i].id.bytes, REPORT_HOST_BYTES) >= 0)
            return explain(why, ERROR_FORMAT, "host %u of the roster is there twice, or not in "
                           "order", i);
        next.ring_hosts[hosts[i].ring]++;
    }
    GUARD(check_keys(hosts, count, why));
    GUARD(hosts_tree(hosts, count, &tree, why));
    next.root = leaf_tree_root(&tree);
    leaf_tree_free(&tree);
    *roster = next;
    return RESULT_OK;
}

/* --- reports ---------------------------------------------------------------------------------- */

RESULT promotion_maker_new(const struct roster *roster, const struct roster_host *hosts,
                           const uint8_t release[REPORT_DIGEST_BYTES], uint32_t ring,
                           struct promotion_maker **ret_maker, struct explanation *why)
{
    struct roster own = *roster;
    if (ring >= roster->rings || ring >= FLEET_RINGS_MAX || roster->ring_hosts[ring] == 0)
        return explain(why, ERROR_STATE, "the roster has no host in ring %u", ring);
    GUARD(roster_of_hosts(hosts, roster->hosts, roster->rings, &own, why));
    if (!merkle_hash_equal(&own.root, &roster->root))
        return explain(why, ERROR_STATE, "these are not the hosts of the roster");
    struct promotion_maker *maker = calloc(1, sizeof *maker);
    if (maker == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    maker->roster = *roster;
    maker->hosts = hosts;
    maker->ring = ring;
    bytes_copy(maker->release, sizeof maker->release, release, REPORT_DIGEST_BYTES);
    maker->reports = calloc(roster->ring_hosts[ring], sizeof *maker->reports);
    maker->stated = calloc(roster->ring_hosts[ring], sizeof *maker->stated);
    maker->report_of = calloc(roster->hosts, sizeof *maker->report_of);
    struct result result = hosts_tree(hosts, roster->hosts, &maker->hosts_tree, why);
    if (result_is_ok(result)
        && (maker->reports == NULL || maker->stated == NULL || maker->report_of == NULL))
        result = explain(why, ERROR_MEMORY, "memory is out");
    if (!result_is_ok(result)) {
        promotion_maker_free(maker);
        return result;
    }
    *ret_maker = maker;
    return RESULT_OK;
}

void promotion_maker_free(struct promotion_maker *maker)
{
    if (maker == NULL)
        return;
    leaf_tree_free(&maker->hosts_tree);
    leaf_tree_free(&maker->reports_tree);
    free(maker->reports);
    free(maker->stated);
    free(maker->report_of);
    free(maker);
}

/* The host's place in the roster; UINT32_MAX: it has no such host. */
static uint32_t find_host(const struct promotion_maker *maker, const struct host_id *id)
{
    uint32_t low = 0, high = maker->roster.hosts;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = memcmp(maker->hosts[middle].id.bytes, id->bytes, REPORT_HOST_BYTES);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

RESULT promotion_maker_take(struct promotion_maker *maker, const void *data, size_t size,
                            struct explanation *why)
{
    struct report report;
    GUARD(report_decode(data, size, &report, NULL, why));
    uint32_t at = find_host(maker, &report.host);
    if (at == UINT32_MAX)
        return explain(why, ERROR_NOT_FOUND, "a health report is of a host that the roster has "
                       "not");
    GUARD(report_check(data, size, maker->hosts[at].key, &report, why));
    if (memcmp(report.release, maker->release, sizeof maker->release) != 0)
        return explain(why, ERROR_STATE, "a health report is about another release");
    if (report.ring != maker->ring || maker->hosts[at].ring != maker->ring)
        return explain(why, ERROR_STATE, "a health report is of ring %u, by a host of ring %u; "
                       "ring %u is asked for",
                       report.ring, maker->hosts[at].ring, maker->ring);
    if (maker->report_of[at] != 0)
        return explain(why, ERROR_STATE, "host %u of the roster has reported already", at);
    bytes_copy(maker->reports[maker->report_count], REPORT_BYTES, data, size);
    maker->report_of[at] = ++maker->report_count;
    return RESULT_OK;
}

/* --- what is said ----------------------------------------------------------------------------- */

static const uint8_t *report_at(const struct promotion_maker *maker, uint32_t host)
{
    return maker->reports[maker->report_of[host] - 1];
}

/* Fills `stated` and counts. */
static RESULT select_reports(struct promotion_maker *maker, uint32_t soak_s,
                             struct promotion *promotion)
{
    for (uint32_t i = 0; i < maker->roster.hosts; i++) {
        struct report report;
        if (maker->report_of[i] == 0)
            continue;
        GUARD(report_decode(report_at(maker, i), REPORT_BYTES, &report, NULL, NULL));
        bool is_bad = promotion_report_is_bad(&report);
        if (!is_bad && report.ran_s < soak_s)
            continue;
        promotion->bad += is_bad;
        maker->stated[promotion->reports++] = i;
    }
    return RESULT_OK;
}

static RESULT plant_reports(struct promotion_maker *maker, uint32_t count)
{
    struct merkle_hash *leaves = calloc(count, sizeof *leaves);
    if (leaves == NULL)
        return result_fail(ERROR_MEMORY);
    for (uint32_t i = 0; i < count; i++)
        leaves[i] = merkle_leaf((struct bytes){report_at(maker, maker->stated[i]), REPORT_BYTES});
    leaf_tree_free(&maker->reports_tree);
    struct result result = leaf_tree_new(leaves, count, &maker->reports_tree);
    free(leaves);
    return result;
}

RESULT promotion_maker_state(struct promotion_maker *maker, uint32_t missing, uint32_t soak_s,
                             uint32_t unsure_ppm, uint64_t made_s,
                             struct promotion *ret_promotion, struct explanation *why)
{
    struct promotion promotion = {.ring = maker->ring, .soak_s = soak_s, .made_s = made_s,
                                  .unsure_ppm = unsure_ppm};
    GUARD(select_reports(maker, soak_s, &promotion));
    if (promotion.reports == 0)
        return explain(why, ERROR_STATE, "no host of ring %u has reported on the release for long "
                       "enough", maker->ring);
    if (missing > maker->roster.ring_hosts[maker->ring] - promotion.reports)
        return explain(why, ERROR_STATE, "%u hosts cannot be missing: ring %u has %u, %u reported",
                       missing, maker->ring, maker->roster.ring_hosts[maker->ring],
                       promotion.reports);
    promotion.hosts = promotion.reports + missing;
    promotion.bad += missing;
    promotion.upper_ppm = (uint32_t)ceil(
        binomial_upper(promotion.hosts, promotion.bad, (double)unsure_ppm / PPM) * PPM);
    bytes_copy(promotion.release, sizeof promotion.release, maker->release, REPORT_DIGEST_BYTES);
    GUARD(roster_digest(&maker->roster, promotion.roster, why));
    if (!result_is_ok(plant_reports(maker, promotion.reports)))
        return explain(why, ERROR_MEMORY, "there is no memory for %u reports", promotion.reports);
    promotion.reports_root = leaf_tree_root(&maker->reports_tree);
    maker->promotion = promotion;
    *ret_promotion = promotion;
    return RESULT_OK;
}

/* --- the file --------------------------------------------------------------------------------- */

static RESULT write_way(const struct leaf_tree *tree, uint32_t index, struct writer *writer)
{
    struct merkle_proof proof;
    GUARD(leaf_tree_prove(tree, index, &proof));
    for (size_t i = 0; i < proof.count; i++)
        GUARD(writer_copy(writer, proof.hashes[i].bytes, MERKLE_HASH_BYTES));
    return RESULT_OK;
}

static RESULT write_row(const struct promotion_maker *maker, uint32_t place, struct writer *writer)
{
    uint8_t row[ROSTER_HOST_BYTES];
    uint32_t host = maker->stated[place];
    GUARD(roster_host_encode(&maker->hosts[host], row));
    GUARD(writer_copy(writer, report_at(maker, host), REPORT_BYTES));
    GUARD(writer_u32(writer, host));
    GUARD(writer_copy(writer, row, sizeof row));
    GUARD(write_way(&maker->hosts_tree, host, writer));
    return write_way(&maker->reports_tree, place, writer);
}

RESULT promotion_maker_write(struct promotion_maker *maker, const uint8_t *roster_head,
                             const struct ticket_signature *signatures, size_t count,
                             struct writer *writer, struct explanation *why)
{
    uint8_t head[PROMOTION_HEAD_BYTES];
    uint32_t places[PROMOTION_SAMPLE_MAX];
    if (maker->promotion.reports == 0)
        return explain(why, ERROR_STATE, "nothing was said of the ring yet");
    GUARD(promotion_head_encode(&maker->promotion, signatures, count, head, why));
    struct result result = writer_copy(writer, head, sizeof head);
    if (result_is_ok(result))
        result = writer_copy(writer, roster_head, ROSTER_BYTES);
    size_t sample = promotion_sample(&maker->promotion, places);
    for (size_t i = 0; i < sample && result_is_ok(result); i++)
        result = write_row(maker, places[i], writer);
    if (!result_is_ok(result))
        return explain(why, result.error, "the promotion cannot be written");
    return RESULT_OK;
}
