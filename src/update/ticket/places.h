// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How all our records of fixed size are signed: behind a body stand TICKET_SIGNATURES_MAX places of
 * 32 bytes Ed25519 key and 64 bytes signature. Keys stand in ascending order, so none counts twice;
 * places that are not used are 0 and stand behind. There is one way to write them and every other
 * is refused. `what` names the record in messages ("release ticket"). Pure.
 */
#include "base/reader.h"
#include "update/ticket/ticket.h"

enum {
    PLACE_BYTES = TICKET_KEY_BYTES + TICKET_SIGNATURE_BYTES,
    PLACES_BYTES = TICKET_SIGNATURES_MAX * PLACE_BYTES,
};

/* PLACES_BYTES, signatures in any order. ERROR_LIMIT, with `why`, over TICKET_SIGNATURES_MAX or
 * where the writer is full; ERROR_FORMAT for two signatures of one key. */
RESULT places_write(struct writer *writer, const struct ticket_signature *signatures, size_t count,
                    const char *what, struct explanation *why);

/* PLACES_BYTES; *ret_count are the places used. ERROR_FORMAT, with `why`. */
RESULT places_read(struct reader *reader,
                   struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                   size_t *ret_count, const char *what, struct explanation *why);

/* How many of `keys` signed `message`. Signatures by other keys are passed over; a false one by one
 * of the keys is ERROR_FORMAT, with `why`. Whether that is enough is the caller's to say. */
RESULT places_count_signers(const struct ticket_signature *signatures, size_t count,
                            const struct release_keys *keys, struct bytes message,
                            const char *what, unsigned *ret_signers, struct explanation *why);

/* All of them are 0. */
bool places_is_zero(struct bytes bytes);
