// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * "This ring is well with this release", signed by promoters over reports that hosts signed, with
 * enough of these that each host can look for itself. Numbers little-endian:
 *
 *      0   8  "CREPROM1"
 *      8   4  ring
 *     12   4  hosts that the statement is about; at least 1
 *     16   4  of them bad; those that had to report and did not are bad, too
 *     20   4  reports: of how many there are reports; hosts - bad .. hosts
 *     24   4  seconds for which each host that is well has run the release, at least
 *     28   4  upper bound: fewer than so many hosts in a million are bad
 *     32   4  the chance, in a million, that this is wrong
 *     36   4  0
 *     40   8  when it was made, in seconds since 1970; for people
 *     48  32  SHA-256 of the release's bytes
 *     80  32  digest of the roster (roster.h)
 *    112  32  root of the tree of reports
 *    144  16  0
 *    160      8 places for signatures (places.h)
 *    928      head of the roster
 *   1824      the sample, row by row: report (224), index in the roster (4), host (64), its way to
 *             the root of the roster, the report's way to the root of the reports: 32 bytes for
 *             each hash that RFC 6962, Section 2.1.1 asks for, so their number need not be said
 *
 * Signed are the 32 bytes PROMOTION_DOMAIN and the first 160.
 *
 * The tree of reports has the reports as leaves, in ascending order of their hosts' places in the
 * roster: so one host cannot stand for many without two neighbours that are not in order.
 *
 * Which reports are in the sample nobody chooses: up to PROMOTION_SAMPLE_MAX all of them; else
 * PROMOTION_PAIRS pairs of neighbours and as many that stand alone, drawn by SHA-256 over release,
 * ring, roster and root of the reports. Each report must be of this release and ring, its host in
 * the roster and in that ring, the signature the host's. So of hosts that a hub invents, or of
 * which it says that they are well, many show: were half of the reports false, one sample in 2^64
 * would pass. Who holds the promoters' keys may try many sets of reports until a sample pleases
 * him: so this is the second wall. The first is that promoters look at all reports before they
 * sign (promotion_make.h).
 *
 * A promotion shortens nothing: admission asks for it besides every age (lifecycle/admission.h).
 * Whether the roster was logged in time is roster_check_logged(), which needs the public log. Pure.
 */
#include "rollout/roster.h"

enum {
    PROMOTION_BODY_BYTES = 160,
    PROMOTION_HEAD_BYTES = PROMOTION_BODY_BYTES + (TICKET_BYTES - TICKET_BODY_BYTES),
    PROMOTION_MESSAGE_BYTES = 32 + PROMOTION_BODY_BYTES,
    PROMOTION_PAIRS = 32, /* and as many that stand alone */
    PROMOTION_SAMPLE_MAX = 3 * PROMOTION_PAIRS,
    PROMOTION_SAMPLE_BAD_MAX = 8, /* of a ring with 1 % bad, one sample in a million has more */
};

#define PROMOTION_DOMAIN "creance ring promotion, form 1."

struct promotion {
    uint32_t ring;
    uint32_t hosts, bad, reports;
    uint32_t soak_s;
    uint32_t upper_ppm, unsure_ppm;
    uint64_t made_s;
    uint8_t release[REPORT_DIGEST_BYTES];
    uint8_t roster[ROSTER_DIGEST_BYTES];
    struct merkle_hash reports_root;
};

/* What each promoter signs. ERROR_FORMAT, with `why`, for facts that no promotion can state: a
 * bound lower than its numbers show, too. */
RESULT promotion_message(const struct promotion *promotion, uint8_t out[PROMOTION_MESSAGE_BYTES],
                         struct explanation *why);

/* The body and the signatures: the first PROMOTION_HEAD_BYTES. */
RESULT promotion_head_encode(const struct promotion *promotion,
                             const struct ticket_signature *signatures, size_t count,
                             uint8_t out[PROMOTION_HEAD_BYTES], struct explanation *why);

/* Reads the head and verifies nothing. `ret_signatures` may be NULL. */
RESULT promotion_head_decode(const void *data, size_t size, struct promotion *ret_promotion,
                             struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                             size_t *ret_count, struct explanation *why);

/* The places of the sample in the tree of reports, ascending. Returns how many. */
size_t promotion_sample(const struct promotion *promotion, uint32_t out[PROMOTION_SAMPLE_MAX]);

/* Any number above the limit of metrics.def, or one that should be there and is not. */
bool promotion_report_is_bad(const struct report *report);

/* What a host asks of a promotion. */
struct promotion_demand {
    struct release_keys promoters; /* who may say it */
    struct release_keys owners;    /* who may say which hosts there are */
    uint32_t hosts_min, soak_s;
    uint32_t bad_ppm, unsure_ppm;
};

/* Those of GATE_POLICY_DEFAULT; the keys are empty. */
struct promotion_demand promotion_demand_default(void);

struct promotion_proof {
    struct promotion promotion;
    struct roster roster;
    bool is_small; /* too few hosts for the statistic: every host of the ring is well instead. It is
                      then for the caller to ask for a longer age (GATE_POLICY_DEFAULT) */
};

/* The whole check, but for the log: at least promoters->threshold promoters signed; the roster
 * holds at `now_s` and is the promotion's; it is about `release`; the numbers are what is asked
 * for; each report of the sample is what it should be. At most PROMOTION_SAMPLE_MAX + 16
 * signatures are computed. ERROR_FORMAT, ERROR_LIMIT, ERROR_STATE, always with `why`; then
 * *ret_proof is untouched. */
RESULT promotion_check(const void *data, size_t size, const struct promotion_demand *demand,
                       const uint8_t release[REPORT_DIGEST_BYTES], uint64_t now_s,
                       struct promotion_proof *ret_proof, struct explanation *why);

/* Rings that are well then, as bits for admission: who left this ring was well in those before. */
uint32_t promotion_healthy_rings(const struct promotion *promotion);
