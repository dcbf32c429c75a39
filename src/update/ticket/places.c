// SPDX-License-Identifier: Apache-2.0
#include "update/ticket/places.h"

#include "update/signature/signature.h"

#include <string.h>

static_assert((int)TICKET_KEY_BYTES == (int)ED25519_KEY_BYTES
                  && (int)TICKET_SIGNATURE_BYTES == (int)ED25519_SIGNATURE_BYTES
                  && (int)TICKET_KEY_BYTES == (int)RELEASE_KEY_BYTES,
              "our records are signed by Ed25519");

RESULT places_write(struct writer *writer, const struct ticket_signature *signatures, size_t count,
                    const char *what, struct explanation *why)
{
    static const uint8_t UNUSED[PLACE_BYTES];
    const struct ticket_signature *sorted[TICKET_SIGNATURES_MAX] = {NULL};
    if (count > TICKET_SIGNATURES_MAX)
        return explain(why, ERROR_LIMIT, "a %s has room for %d signatures, not for %zu", what,
                       TICKET_SIGNATURES_MAX, count);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && memcmp(sorted[at - 1]->key, signatures[i].key, TICKET_KEY_BYTES) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = &signatures[i];
        if (at > 0 && memcmp(sorted[at - 1]->key, signatures[i].key, TICKET_KEY_BYTES) == 0)
            return explain(why, ERROR_FORMAT, "one key signed the %s twice", what);
    }
    for (size_t i = 0; i < count; i++) {
        GUARD(writer_copy(writer, sorted[i]->key, TICKET_KEY_BYTES));
        GUARD(writer_copy(writer, sorted[i]->signature, TICKET_SIGNATURE_BYTES));
    }
    for (size_t i = count; i < TICKET_SIGNATURES_MAX; i++)
        GUARD(writer_copy(writer, UNUSED, sizeof UNUSED));
    return RESULT_OK;
}

bool places_is_zero(struct bytes bytes)
{
    uint8_t any = 0;
    for (size_t i = 0; i < bytes.size; i++)
        any |= bytes.data[i];
    return any == 0;
}

RESULT places_read(struct reader *reader,
                   struct ticket_signature ret_signatures[TICKET_SIGNATURES_MAX],
                   size_t *ret_count, const char *what, struct explanation *why)
{
    struct ticket_signature *all = ret_signatures;
    size_t count = 0;
    for (size_t i = 0; i < TICKET_SIGNATURES_MAX; i++) {
        struct reader place = *reader;
        struct bytes bytes;
        GUARD(reader_view(reader, PLACE_BYTES, &bytes));
        if (places_is_zero(bytes))
            continue;
        GUARD(reader_copy(&place, all[i].key, TICKET_KEY_BYTES));
        GUARD(reader_copy(&place, all[i].signature, TICKET_SIGNATURE_BYTES));
        if (count != i || (i > 0 && memcmp(all[i - 1].key, all[i].key, TICKET_KEY_BYTES) >= 0))
            return explain(why, ERROR_FORMAT, "the signatures of the %s are not in order", what);
        count++;
    }
    *ret_count = count;
    return RESULT_OK;
}

static bool is_ours(const struct release_keys *keys, const uint8_t key[TICKET_KEY_BYTES])
{
    for (unsigned i = 0; i < keys->count; i++) {
        if (memcmp(keys->keys[i], key, TICKET_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

RESULT places_count_signers(const struct ticket_signature *signatures, size_t count,
                            const struct release_keys *keys, struct bytes message,
                            const char *what, unsigned *ret_signers, struct explanation *why)
{
    unsigned signers = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(keys, signatures[i].key))
            continue;
        if (!ed25519_verify(signatures[i].key, message.data, message.size,
                            signatures[i].signature))
            return explain(why, ERROR_FORMAT,
                           "signature %zu of the %s is by a key of this host and does not hold: "
                           "it was changed",
                           i + 1, what);
        signers++;
    }
    *ret_signers = signers;
    return RESULT_OK;
}
