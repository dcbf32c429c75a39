// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as report, roster, host and promotion: what can be read is written back as the same
 * bytes, and nothing that nobody signed passes. Then the same bytes as a promotion that owners and
 * promoters did sign, so that the way to the sample is open.
 */
#include "base/bytes.h"
#include "rollout/fake_fleet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_report(const uint8_t *data, size_t size)
{
    struct report report;
    struct explanation why = {""};
    uint8_t signature[REPORT_SIGNATURE_BYTES], again[REPORT_BYTES];
    if (!result_is_ok(report_decode(data, size, &report, signature, &why))) {
        require(*why.text != '\0');
        return;
    }
    require(result_is_ok(report_encode(&report, signature, again, NULL)));
    require(memcmp(again, data, sizeof again) == 0);
    (void)promotion_report_is_bad(&report);
}

static void try_roster(const uint8_t *data, size_t size)
{
    struct roster roster;
    struct roster_host host;
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    struct explanation why = {""};
    uint8_t again[ROSTER_BYTES];
    size_t count;
    if (result_is_ok(roster_decode(data, size, &roster, signatures, &count, &why))) {
        require(result_is_ok(roster_encode(&roster, signatures, count, again, NULL)));
        require(memcmp(again, data, sizeof again) == 0);
    } else {
        require(*why.text != '\0');
    }
    if (result_is_ok(roster_host_decode((struct bytes){data, size}, &host, NULL))) {
        require(result_is_ok(roster_host_encode(&host, again)));
        require(memcmp(again, data, ROSTER_HOST_BYTES) == 0);
    }
}

/* The bytes' own facts, signed by those who may. False: they are no facts. */
static bool sign_again(const struct fake_fleet *fleet, uint8_t *data, size_t size,
                       struct promotion *ret_promotion)
{
    struct roster roster;
    struct ticket_signature signatures[TICKET_SIGNATURES_MAX];
    uint8_t roster_text[ROSTER_MESSAGE_BYTES], text[PROMOTION_MESSAGE_BYTES];
    size_t count;
    if (size < (size_t)PROMOTION_HEAD_BYTES + ROSTER_BYTES
        || !result_is_ok(promotion_head_decode(data, size, ret_promotion, NULL, &count, NULL))
        || !result_is_ok(roster_decode(data + PROMOTION_HEAD_BYTES, ROSTER_BYTES, &roster, NULL,
                                       &count, NULL)))
        return false;
    require(result_is_ok(roster_message(&roster, roster_text, NULL)));
    count = fake_signatures(fleet->owners, 3, roster_text, sizeof roster_text, signatures);
    require(result_is_ok(
        roster_encode(&roster, signatures, count, data + PROMOTION_HEAD_BYTES, NULL)));
    require(result_is_ok(roster_digest(&roster, ret_promotion->roster, NULL)));
    require(result_is_ok(promotion_message(ret_promotion, text, NULL)));
    count = fake_signatures(fleet->promoters, 3, text, sizeof text, signatures);
    require(result_is_ok(promotion_head_encode(ret_promotion, signatures, count, data, NULL)));
    return true;
}

/* Asks for so little that short samples are read, too. */
static void open_fleet(struct fake_fleet *fleet)
{
    fake_signers_open(fleet);
    fleet->demand.hosts_min = 1;
    fleet->demand.soak_s = 0;
    fleet->demand.bad_ppm = 1000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake_fleet fleet;
    static uint8_t copy[LIMIT_PROMOTION_BYTES];
    struct promotion promotion;
    struct promotion_proof proof;
    struct explanation why = {""};
    if (fleet.promoters[0] == NULL)
        open_fleet(&fleet);
    try_report(data, size);
    try_roster(data, size);
    if (size > sizeof copy)
        return 0;
    bytes_copy(copy, sizeof copy, data, size);
    if (!sign_again(&fleet, copy, size, &promotion))
        return 0;
    struct result result = promotion_check(copy, size, &fleet.demand, promotion.release,
                                           FAKE_NOW_S, &proof, &why);
    if (result_is_ok(result))
        require(proof.promotion.hosts <= proof.roster.ring_hosts[promotion.ring]);
    else
        require(*why.text != '\0');
    return 0;
}
