// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The hosts of a fleet, as their owner signed and logged them: only what such hosts report counts
 * as evidence (promotion.h). The list is long; what travels is its head, with the root of the
 * Merkle tree (RFC 6962, Section 2.1) whose leaves are its hosts. Fixed offsets, numbers
 * little-endian:
 *
 *      0   8  "CREROST1"
 *      8   8  version; at least 1
 *     16   8  until when it holds, in seconds since 1970
 *     24   4  hosts; 1 .. LIMIT_ROSTER_HOSTS
 *     28   4  rings; 1 .. 8
 *     32      8 times 4: hosts of each ring; together all hosts
 *     64  32  root of the tree
 *     96  32  name of the fleet, as names of streams are (ticket.h)
 *    128      8 places for signatures (places.h)
 *
 * Signed are the 32 bytes ROSTER_DOMAIN, filled up with 0, and the first 128. Its digest is the
 * SHA-256 of the first 128, so that it does not depend on who signed.
 *
 * One host, 64 bytes: id (16), Ed25519 key (32), ring (4), 12 times 0. They stand in ascending
 * order of ids, no id and no key twice; the n-th is the leaf n.
 *
 * Why it must be in the log before a release is: who steals the owner's keys could else put hosts
 * of his own into a new roster, and have them be well with his release. So he has to announce that
 * to everybody before there is a release to be well with. Pure.
 */
#include "rollout/fleet.h"
#include "rollout/report.h"
#include "update/log/verify.h"
#include "update/ticket/ticket.h"

enum {
    ROSTER_BODY_BYTES = 128,
    ROSTER_BYTES = TICKET_BYTES,
    ROSTER_MESSAGE_BYTES = 32 + ROSTER_BODY_BYTES,
    ROSTER_DIGEST_BYTES = 32,
    ROSTER_HOST_BYTES = 64,
    ROSTER_KEY_BYTES = 32,
};

#define ROSTER_DOMAIN "creance host roster, form 1."

struct roster {
    uint64_t version;
    uint64_t expires_s;
    uint32_t hosts, rings;
    uint32_t ring_hosts[FLEET_RINGS_MAX];
    struct merkle_hash root;
    char name[TICKET_NAME_BYTES];
};

struct roster_host {
    struct host_id id;
    uint8_t key[ROSTER_KEY_BYTES];
    uint32_t ring;
};

/* What each key signs. ERROR_FORMAT, ERROR_LIMIT, with `why`, for facts that no roster states. */
RESULT roster_message(const struct roster *roster, uint8_t out[ROSTER_MESSAGE_BYTES],
                      struct explanation *why);
RESULT roster_encode(const struct roster *roster, const struct ticket_signature *signatures,
                     size_t count, uint8_t out[ROSTER_BYTES], struct explanation *why);
RESULT roster_digest(const struct roster *roster, uint8_t out[ROSTER_DIGEST_BYTES],
                     struct explanation *why);

/* Reads a head; verifies nothing. `ret_signatures` may be NULL. ERROR_FORMAT, ERROR_LIMIT. */
RESULT roster_decode(const void *data, size_t size, struct roster *ret_roster,
                     struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                     size_t *ret_count, struct explanation *why);

/* The same, and at least owners->threshold of the owner's keys signed it, and it holds at `now_s`.
 * ERROR_FORMAT: no roster, or a false signature; ERROR_STATE: too few keys, or too late. */
RESULT roster_check(const void *data, size_t size, const struct release_keys *owners,
                    uint64_t now_s, struct roster *ret_roster, struct explanation *why);

/* The roster was in the log before the release was: both proofs hold (.tlog-proof files, the
 * roster's of an entry of kind roster), both lead to the same log, and its entry stands before the
 * release's there. The order of entries is the log's own, which nobody changes without witnesses;
 * no clock plays a part. Who logs a release once more to get behind a roster begins its age anew:
 * `release_proof` is the one by which hosts measure it. ERROR_STATE: another roster, another log,
 * or not before; else as tlog_verify_entry(). Always with `why`. */
RESULT roster_check_logged(const struct tlog_policy *policy, const struct roster *roster,
                           struct bytes proof, const struct tlog_release *release,
                           struct bytes release_proof, struct explanation *why);

RESULT roster_host_encode(const struct roster_host *host, uint8_t out[ROSTER_HOST_BYTES]);
/* ERROR_FORMAT, with `why`. */
RESULT roster_host_decode(struct bytes data, struct roster_host *ret_host,
                          struct explanation *why);
