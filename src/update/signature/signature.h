// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Public keys and the signatures that they check, over OpenSSL's libcrypto. What makes signatures
 * is sign.h, in a library of its own that no program on a host links.
 *
 * Three schemes and no options within one:
 *
 *   SIGNATURE_ED25519      RFC 8032 Ed25519, message as it is; keys of 32, signatures of 64 bytes
 *   SIGNATURE_ECDSA_P256   ECDSA over P-256 with SHA-256 (FIPS 186-5); signatures are the DER form
 *                          (RFC 3279 section 2.2.3) and nothing but: 8 to 72 bytes
 *   SIGNATURE_RSA_PSS      RSASSA-PSS (RFC 8017 section 8.1) with SHA-256, MGF1 with SHA-256 and a
 *                          salt of exactly 32 bytes; moduli of 2048 to 4096 bits in whole bytes,
 *                          exponent 65537; signatures as long as the modulus
 *
 * Implementations of Ed25519 disagree about odd keys and signatures. Ours has one rule, the one of
 * OpenSSL (and of "ref10", Go and most others), and the tests hold it to it:
 *
 *   - S must be below the group's order (RFC 8032 section 5.1.7): no signature can be altered.
 *   - R is compared byte for byte with what the equation without the cofactor, [S]B - [k]A, gives:
 *     an R that is not written canonically, or that differs by a point of small order, is refused.
 *   - A key is any 32 bytes that decode to a point: keys that are not written canonically or have a
 *     small order are accepted. Whoever trusts such a key trusts everybody; keys are chosen, not
 *     taken from messages.
 *
 * Nothing here reads a file, OpenSSL's configuration included: it runs in sandboxed processes. Not
 * for use by several threads at once.
 */
#include "base/result.h"

#include <stdint.h>

enum signature_scheme {
    SIGNATURE_ED25519,
    SIGNATURE_ECDSA_P256,
    SIGNATURE_RSA_PSS,
    SIGNATURE_SCHEME_COUNT
};

enum {
    ED25519_KEY_BYTES = 32,
    ED25519_SIGNATURE_BYTES = 64,
    SIGNATURE_BYTES_MAX = 512,      /* of RSA with 4096 bits, the longest of all */
    PUBLIC_KEY_DER_BYTES_MAX = 1024, /* RSA with 4096 bits needs 550 */
    PUBLIC_KEY_PEM_BYTES_MAX = 2048, /* RSA with 4096 bits needs 800 */
};

/* "Ed25519", "ECDSA P-256", "RSA-PSS": for messages. */
const char *signature_scheme_text(enum signature_scheme scheme);

/* The one check for who knows its keys as 32 bytes. False also where `key` is no point, or memory
 * is out. */
bool ed25519_verify(const uint8_t key[ED25519_KEY_BYTES], const void *message, size_t size,
                    const uint8_t signature[ED25519_SIGNATURE_BYTES]);

struct public_key;

/* Ed25519, from its 32 bytes. Whether they decode to a point shows when a signature is checked:
 * every check with such a key fails. */
RESULT public_key_from_ed25519(const uint8_t key[ED25519_KEY_BYTES], struct public_key **ret_key,
                               struct explanation *why);

/* From SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in DER, whole and in its one canonical form;
 * the scheme follows from its algorithm. Points of P-256 are written uncompressed, the curve by its
 * name. ERROR_FORMAT; ERROR_UNSUPPORTED: a key of none of the three schemes. */
RESULT public_key_from_der(const void *data, size_t size, struct public_key **ret_key,
                           struct explanation *why);

/* The same in PEM (RFC 7468): "-----BEGIN PUBLIC KEY-----" stands first, blanks only may follow. */
RESULT public_key_from_pem(const char *text, size_t size, struct public_key **ret_key,
                           struct explanation *why);

void public_key_free(struct public_key *key); /* NULL is allowed */

enum signature_scheme public_key_scheme(const struct public_key *key);
/* The same key, whatever it was read from. */
bool public_key_equal(const struct public_key *a, const struct public_key *b);

/* Is `signature` a signature by `key` over `message`? False for any other reason too: a wrong size,
 * a form that is not the scheme's, memory out. */
bool signature_verify(const struct public_key *key, const void *message, size_t size,
                      const void *signature, size_t signature_size);
