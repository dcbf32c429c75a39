// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A fleet for tests, with a key for each host, its owners and promoters; and a hub that writes
 * whatever it is told to. For tests only: failures end the program.
 */
#include "rollout/promotion_make.h"
#include "update/signature/sign.h"

enum { FAKE_HOSTS = 420, FAKE_RING_0 = 340, FAKE_SIGNERS = 3, FAKE_NOW_S = 1790000000 };

struct fake_fleet {
    struct private_key *host_keys[FAKE_HOSTS];
    struct private_key *owners[FAKE_SIGNERS], *promoters[FAKE_SIGNERS];
    struct roster_host hosts[FAKE_HOSTS]; /* the first FAKE_RING_0 in ring 0, the rest in ring 1 */
    struct roster roster;                 /* signed by two owners of three */
    uint8_t roster_head[ROSTER_BYTES];
    uint8_t release[REPORT_DIGEST_BYTES];
    struct promotion_demand demand; /* two of three for both; else the default */
};

/* One leaf of a tree of reports. */
struct fake_claim {
    uint8_t report[REPORT_BYTES];
    uint32_t host; /* place in the roster that is said */
    bool has_row;  /* `row` stands there instead of the roster's own */
    struct roster_host row;
};

/* The second has keys of owners and promoters, and no hosts: its roster is none. */
void fake_fleet_open(struct fake_fleet *fleet);
void fake_signers_open(struct fake_fleet *fleet);
void fake_fleet_close(struct fake_fleet *fleet);

void fake_key(struct private_key *key, uint8_t out[ED25519_KEY_BYTES]);
struct private_key *fake_private_key(uint8_t group, uint32_t number);
/* By those whose bits are set in `who`; returns how many. */
size_t fake_signatures(struct private_key *const signers[FAKE_SIGNERS], unsigned who,
                       const void *message, size_t size,
                       struct ticket_signature out[FAKE_SIGNERS]);

/* Of a host that is well, after three hours. */
struct report fake_report(const struct fake_fleet *fleet, uint32_t host);
void fake_report_sign(const struct report *report, const struct private_key *key,
                      uint8_t out[REPORT_BYTES]);
struct fake_claim fake_claim(const struct fake_fleet *fleet, uint32_t host);

/* Signs the roster's facts again. */
void fake_roster_sign(struct fake_fleet *fleet, unsigned who);

/* What the claims would be as a promotion of ring 0, 0 of them bad; the caller may change it. */
struct promotion fake_promotion(const struct fake_fleet *fleet, const struct fake_claim *claims,
                                uint32_t count);
/* The whole file, over these claims in this order; LIMIT_PROMOTION_BYTES. Returns its size. */
size_t fake_promotion_write(const struct fake_fleet *fleet, const struct promotion *promotion,
                            const struct fake_claim *claims, unsigned who, uint8_t *out);
