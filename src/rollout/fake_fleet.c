// SPDX-License-Identifier: Apache-2.0
#include "rollout/fake_fleet.h"

#include "base/bytes.h"
#include "rollout/binomial.h"
#include "rollout/leaf_tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void require(struct result result)
{
    if (!result_is_ok(result))
        abort();
}

void fake_key(struct private_key *key, uint8_t out[ED25519_KEY_BYTES])
{
    require(public_key_to_ed25519(private_key_public(key), out, NULL));
}

struct private_key *fake_private_key(uint8_t group, uint32_t number)
{
    uint8_t seed[ED25519_KEY_BYTES] = {group, (uint8_t)number, (uint8_t)(number >> 8), 1};
    struct private_key *key;
    require(private_key_from_ed25519(seed, &key, NULL));
    return key;
}

static void sign(const struct private_key *key, const void *message, size_t size,
                 uint8_t out[ED25519_SIGNATURE_BYTES])
{
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t signature_size;
    require(private_key_sign(key, message, size, signature, &signature_size, NULL));
    bytes_copy(out, ED25519_SIGNATURE_BYTES, signature, signature_size);
}

size_t fake_signatures(struct private_key *const signers[FAKE_SIGNERS], unsigned who,
                       const void *message, size_t size, struct ticket_signature out[FAKE_SIGNERS])
{
    size_t count = 0;
    for (size_t i = 0; i < FAKE_SIGNERS; i++) {
        if ((who >> i & 1) == 0)
            continue;
        fake_key(signers[i], out[count].key);
        sign(signers[i], message, size, out[count++].signature);
    }
    return count;
}

static struct release_keys keys_of(struct private_key *const signers[FAKE_SIGNERS])
{
    struct release_keys keys = {.threshold = 2, .count = FAKE_SIGNERS};
    for (size_t i = 0; i < FAKE_SIGNERS; i++)
        fake_key(signers[i], keys.keys[i]);
    return keys;
}

void fake_roster_sign(struct fake_fleet *fleet, unsigned who)
{
    uint8_t message[ROSTER_MESSAGE_BYTES];
    struct ticket_signature signatures[FAKE_SIGNERS];
    require(roster_message(&fleet->roster, message, NULL));
    size_t count = fake_signatures(fleet->owners, who, message, sizeof message, signatures);
    require(roster_encode(&fleet->roster, signatures, count, fleet->roster_head, NULL));
}

void fake_signers_open(struct fake_fleet *fleet)
{
    *fleet = (struct fake_fleet){.demand = promotion_demand_default(),
                                 .roster = {.version = 3, .expires_s = FAKE_NOW_S + 1000}};
    (void)string_copy(fleet->roster.name, sizeof fleet->roster.name, "fleet");
    memset(fleet->release, 0xd1, sizeof fleet->release);
    for (uint32_t i = 0; i < FAKE_SIGNERS; i++) {
        fleet->owners[i] = fake_private_key(1, i);
        fleet->promoters[i] = fake_private_key(2, i);
    }
    fleet->demand.owners = keys_of(fleet->owners);
    fleet->demand.promoters = keys_of(fleet->promoters);
}

void fake_fleet_open(struct fake_fleet *fleet)
{
    fake_signers_open(fleet);
    for (uint32_t i = 0; i < FAKE_HOSTS; i++) {
        struct roster_host *host = &fleet->hosts[i];
        fleet->host_keys[i] = fake_private_key(3, i);
        fake_key(fleet->host_keys[i], host->key);
        host->ring = i < FAKE_RING_0 ? 0 : 1;
        host->id.bytes[0] = (uint8_t)(i >> 8);
        host->id.bytes[1] = (uint8_t)i;
    }
    require(roster_of_hosts(fleet->hosts, FAKE_HOSTS, 2, &fleet->roster, NULL));
    fake_roster_sign(fleet, 3);
}

void fake_fleet_close(struct fake_fleet *fleet)
{
    for (size_t i = 0; i < FAKE_SIGNERS; i++) {
        private_key_free(fleet->owners[i]);
        private_key_free(fleet->promoters[i]);
    }
    for (size_t i = 0; i < FAKE_HOSTS; i++)
        private_key_free(fleet->host_keys[i]);
}

struct report fake_report(const struct fake_fleet *fleet, uint32_t host)
{
    struct report report = {.host = fleet->hosts[host].id, .ring = fleet->hosts[host].ring,
                            .since_s = FAKE_NOW_S - 10800, .until_s = FAKE_NOW_S, .ran_s = 10800,
                            .windows = 3, .window_s = 3600,
                            .numbers = {.present = METRICS_REPORTED}};
    bytes_copy(report.release, sizeof report.release, fleet->release, sizeof fleet->release);
    report.numbers.values[METRIC_CPU] = 1000 + host % 100;
    return report;
}

void fake_report_sign(const struct report *report, const struct private_key *key,
                      uint8_t out[REPORT_BYTES])
{
    uint8_t message[REPORT_MESSAGE_BYTES], signature[REPORT_SIGNATURE_BYTES];
    require(report_message(report, message, NULL));
    sign(key, message, sizeof message, signature);
    require(report_encode(report, signature, out, NULL));
}

struct fake_claim fake_claim(const struct fake_fleet *fleet, uint32_t host)
{
    struct fake_claim claim = {.host = host};
    struct report report = fake_report(fleet, host);
    fake_report_sign(&report, fleet->host_keys[host], claim.report);
    return claim;
}

static void tree_of_claims(const struct fake_claim *claims, uint32_t count,
                           struct leaf_tree *ret_tree)
{
    struct merkle_hash *leaves = calloc(count, sizeof *leaves);
    if (leaves == NULL)
        abort();
    for (uint32_t i = 0; i < count; i++)
        leaves[i] = merkle_leaf((struct bytes){claims[i].report, REPORT_BYTES});
    require(leaf_tree_new(leaves, count, ret_tree));
    free(leaves);
}

struct promotion fake_promotion(const struct fake_fleet *fleet, const struct fake_claim *claims,
                                uint32_t count)
{
    struct promotion promotion = {.hosts = count, .reports = count, .soak_s = 7200,
                                  .unsure_ppm = 50000, .made_s = FAKE_NOW_S};
    struct leaf_tree tree;
    promotion.upper_ppm = (uint32_t)ceil(binomial_upper(count, 0, 0.05) * 1e6);
    bytes_copy(promotion.release, sizeof promotion.release, fleet->release, sizeof fleet->release);
    require(roster_digest(&fleet->roster, promotion.roster, NULL));
    tree_of_claims(claims, count, &tree);
    promotion.reports_root = leaf_tree_root(&tree);
    leaf_tree_free(&tree);
    return promotion;
}

static void write_way(const struct leaf_tree *tree, uint32_t index, struct writer *writer)
{
    struct merkle_proof proof;
    require(leaf_tree_prove(tree, index, &proof));
    for (size_t i = 0; i < proof.count; i++)
        require(writer_copy(writer, proof.hashes[i].bytes, MERKLE_HASH_BYTES));
}

static void tree_of_hosts(const struct fake_fleet *fleet, struct leaf_tree *ret_tree)
{
    struct merkle_hash leaves[FAKE_HOSTS];
    for (uint32_t i = 0; i < FAKE_HOSTS; i++) {
        uint8_t row[ROSTER_HOST_BYTES];
        require(roster_host_encode(&fleet->hosts[i], row));
        leaves[i] = merkle_leaf((struct bytes){row, sizeof row});
    }
    require(leaf_tree_new(leaves, FAKE_HOSTS, ret_tree));
}

size_t fake_promotion_write(const struct fake_fleet *fleet, const struct promotion *promotion,
                            const struct fake_claim *claims, unsigned who, uint8_t *out)
{
    struct writer writer = writer_of(out, LIMIT_PROMOTION_BYTES);
    uint8_t message[PROMOTION_MESSAGE_BYTES], head[PROMOTION_HEAD_BYTES];
    struct ticket_signature signatures[FAKE_SIGNERS];
    uint32_t places[PROMOTION_SAMPLE_MAX];
    struct leaf_tree hosts, reports;
    require(promotion_message(promotion, message, NULL));
    size_t count = fake_signatures(fleet->promoters, who, message, sizeof message, signatures);
    require(promotion_head_encode(promotion, signatures, count, head, NULL));
    require(writer_copy(&writer, head, sizeof head));
    require(writer_copy(&writer, fleet->roster_head, ROSTER_BYTES));
    tree_of_claims(claims, promotion->reports, &reports);
    tree_of_hosts(fleet, &hosts);
    size_t sample = promotion_sample(promotion, places);
    for (size_t i = 0; i < sample; i++) {
        const struct fake_claim *claim = &claims[places[i]];
        uint8_t row[ROSTER_HOST_BYTES];
        require(roster_host_encode(claim->has_row ? &claim->row : &fleet->hosts[claim->host], row));
        require(writer_copy(&writer, claim->report, REPORT_BYTES));
        require(writer_u32(&writer, claim->host));
        require(writer_copy(&writer, row, sizeof row));
        write_way(&hosts, claim->host, &writer);
        write_way(&reports, places[i], &writer);
    }
    leaf_tree_free(&hosts);
    leaf_tree_free(&reports);
    return writer.at;
}
