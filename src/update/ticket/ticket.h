// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The release ticket: what a minimal process believes of a release, checked without a parser of
 * any outside format. Fixed size, fixed offsets, numbers little-endian:
 *
 *      0   8  "CRETICK1"
 *      8   4  kind of the release (content/bundle_kind.h)
 *     12   4  flags: bit 0 urgent, bit 1 takes detections away; the others are 0
 *     16   8  version in its stream; at least 1
 *     24   8  size of the release in bytes; at least 1
 *     32  32  SHA-256 of the release's bytes
 *     64  32  name of the stream ("rules"): a to z, 0 to 9, ".", "_", "-"; the rest is 0
 *     96   4  engine level that the release needs
 *    100  28  0
 *    128      8 times a place for a signature: 32 bytes Ed25519 key, 64 bytes signature
 *
 * Signed are the 32 bytes TICKET_DOMAIN and the first 128 of the ticket. Keys stand in ascending
 * order, so none counts twice; places that are not used are 0 and stand behind. There is one way
 * to write a ticket and every other is refused. Signatures by keys that the host does not have
 * (of the next key set) are passed over; a false one by a key that it has refuses the ticket.
 *
 * Which keys count, and how many of them, is a file of the host's administrator for each stream
 * (release_keys.h), and never arrives with a release. Pure.
 */
#include "base/limits.h"
#include "base/result.h"
#include "update/ticket/release_keys.h"

#include <stdint.h>

enum {
    TICKET_BODY_BYTES = 128,
    TICKET_SIGNATURES_MAX = 8,
    TICKET_KEY_BYTES = 32,
    TICKET_SIGNATURE_BYTES = 64,
    TICKET_BYTES =
        TICKET_BODY_BYTES + TICKET_SIGNATURES_MAX * (TICKET_KEY_BYTES + TICKET_SIGNATURE_BYTES),
    TICKET_DIGEST_BYTES = 32,
    TICKET_NAME_BYTES = 32, /* with its 0 */
    TICKET_MESSAGE_BYTES = 32 + TICKET_BODY_BYTES,
};

/* 32 bytes with its 0: no other message that our keys sign begins so. */
#define TICKET_DOMAIN "creance release ticket, form 1."

struct ticket {
    uint32_t kind;         /* one that this version may not know: the caller decides */
    uint32_t engine_level; /* the lowest that can load it */
    bool is_urgent;
    bool has_removals; /* detects less than the release before it; the log says why */
    uint64_t version;
    uint64_t size;
    uint8_t digest[TICKET_DIGEST_BYTES];
    char name[TICKET_NAME_BYTES];
};

struct ticket_signature {
    uint8_t key[TICKET_KEY_BYTES];
    uint8_t signature[TICKET_SIGNATURE_BYTES];
};

/* What each key signs. ERROR_FORMAT, with `why`, for facts that no ticket can state. */
RESULT ticket_message(const struct ticket *ticket, uint8_t out[TICKET_MESSAGE_BYTES],
                      struct explanation *why);

/* The whole ticket, signatures in any order. ERROR_LIMIT, with `why`, over TICKET_SIGNATURES_MAX;
 * ERROR_FORMAT also for two signatures of one key. They are not verified. */
RESULT ticket_encode(const struct ticket *ticket, const struct ticket_signature *signatures,
                     size_t count, uint8_t out[TICKET_BYTES], struct explanation *why);

/* Reads a ticket; verifies nothing: for tools that show or sign. *ret_count are the places used;
 * `ret_signatures` may be NULL. ERROR_FORMAT, with `why`. */
RESULT ticket_decode(const void *data, size_t size, struct ticket *ret_ticket,
                     struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                     size_t *ret_count, struct explanation *why);

/* Reads it and verifies that at least keys->threshold of keys->keys signed. At most
 * TICKET_SIGNATURES_MAX signatures are computed. ERROR_FORMAT: not a ticket, or a false signature;
 * ERROR_STATE: too few keys signed. Always with `why`; *ret_ticket is untouched then. */
RESULT ticket_check(const void *data, size_t size, const struct release_keys *keys,
                    struct ticket *ret_ticket, struct explanation *why);

/* May it be the name of a stream? */
bool ticket_name_is_valid(const char *name);
