// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Keys of TUF metadata, who must sign how often, and whether they did.
 *
 * A key that we cannot use costs itself only: its type or scheme is none of ours, its text is no
 * key, or its id is not the SHA-256 of its canonical form (specification section 4.3: clients MUST
 * calculate each KEYID). It never counts towards a threshold; the others do.
 */
#include "base/arena.h"
#include "base/result.h"
#include "update/signature/signature.h"

#include <jansson.h>
#include <stdint.h>

struct tuf_key {
    const char *id;
    struct public_key *key; /* NULL: cannot be used */
};

struct tuf_keys {
    struct tuf_key *rows;
    size_t count;
};

/* Who may sign a role, each key once, and how many of them must. */
struct tuf_signers {
    const struct tuf_key **keys;
    size_t count;
    uint64_t threshold; /* may be more than there are keys: then nobody can sign */
};

struct tuf_signature {
    const char *key_id;
    const uint8_t *data; /* size 0: not hexadecimal, or longer than any */
    size_t size;
};

struct tuf_signatures {
    struct tuf_signature *rows;
    size_t count;
};

/* Of a key as metadata holds it (section 4.2): `scheme` and the rest, for those who write. */
const char *tuf_key_type_text(enum signature_scheme scheme);
const char *tuf_key_scheme_text(enum signature_scheme scheme);

/* The object "keys" of root and delegations. What is read must be freed with tuf_keys_free(), what
 * is not a key of ours is in there without its `key`. */
RESULT tuf_keys_read(struct arena *arena, const json_t *object, struct tuf_keys *ret_keys,
                     struct explanation *why);
void tuf_keys_free(struct tuf_keys *keys);

/* "keyids" and "threshold" of a role, with keys from `keys`. */
RESULT tuf_signers_read(struct arena *arena, const json_t *role, const struct tuf_keys *keys,
                        struct tuf_signers *ret_signers, struct explanation *why);

/* The array "signatures". The same key id twice is refused (section 4.2.1). */
RESULT tuf_signatures_read(struct arena *arena, const json_t *array,
                           struct tuf_signatures *ret_signatures, struct explanation *why);

/* How many of `signers` signed `message`, one key counted once under whatever ids. */
size_t tuf_signers_count(const struct tuf_signers *signers,
                         const struct tuf_signatures *signatures, const void *message,
                         size_t size);
bool tuf_signers_include(const struct tuf_signers *signers, const struct tuf_key *key);

/* Lower-case hexadecimal of exactly `size` bytes. */
bool tuf_hex_decode(const char *text, uint8_t *out, size_t size);
