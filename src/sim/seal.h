// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Signatures, the one thing of hosts that the simulation does not do again for each of them: the
 * tickets are real, signed with Ed25519 by keys of the seed, and checked with ticket_check(). The
 * first hosts do that themselves; the others take over what came of it, for the same
 * bytes and the same keys give the same answer.
 */
#include "base/result.h"

#include <stdint.h>

enum { SEAL_KEYS = 3, SEAL_THRESHOLD = 2, SEAL_RELEASES_MAX = 48 };

struct seal;

RESULT seal_open(uint64_t seed, uint32_t real_hosts, struct seal **ret_seal,
                 struct explanation *why);
void seal_close(struct seal *seal);

/* Signs release `number` with the first `keys` of the SEAL_KEYS release keys; `name` gets the
 * release's digest's first 16 bytes (release_name.h). */
RESULT seal_sign(struct seal *seal, unsigned number, unsigned keys, uint8_t name[16],
                 struct explanation *why);

/* Whether the ticket holds on this host. */
bool seal_holds(struct seal *seal, uint32_t host, unsigned number);

/* How many times a host verified for real. */
uint64_t seal_verified(const struct seal *seal);
