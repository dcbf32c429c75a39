// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Private keys: making them, keeping them as text, signing with them. For the tools of publishers
 * and logs; no program that runs on a host by itself links this library.
 *
 * The text of a private key is PKCS#8 in PEM (RFC 7468 section 10), not encrypted: where it lies is
 * the owner's care. What was read or made is wiped from memory when the key is freed; the caller
 * wipes texts of its own with private_key_wipe().
 */
#include "update/signature/signature.h"

enum { PRIVATE_KEY_PEM_BYTES_MAX = 4096 }; /* RSA with 4096 bits needs 3,300 */

struct private_key;

/* A new key from the system's random numbers; RSA keys get 3072 bits. */
RESULT private_key_generate(enum signature_scheme scheme, struct private_key **ret_key,
                            struct explanation *why);

/* Ed25519, from the 32 bytes that RFC 8032 section 5.1.5 calls the private key. */
RESULT private_key_from_ed25519(const uint8_t seed[ED25519_KEY_BYTES],
                                struct private_key **ret_key, struct explanation *why);
/* Whole PEM as private_key_to_pem() writes it. */
RESULT private_key_from_pem(const char *text, size_t size, struct private_key **ret_key,
                            struct explanation *why);
void private_key_free(struct private_key *key); /* NULL is allowed */

/* `out` has PRIVATE_KEY_PEM_BYTES_MAX bytes and is ended by a 0. */
RESULT private_key_to_pem(const struct private_key *key, char *out, struct explanation *why);
/* Overwrites what held a private key, in a way that no compiler leaves out. */
void private_key_wipe(void *data, size_t size);

/* Belongs to the private key and goes with it. */
const struct public_key *private_key_public(const struct private_key *key);

/* `out` has SIGNATURE_BYTES_MAX bytes. */
RESULT private_key_sign(const struct private_key *key, const void *message, size_t size,
                        uint8_t *out, size_t *ret_size, struct explanation *why);

/* The public half as text: `out` has PUBLIC_KEY_PEM_BYTES_MAX bytes and is ended by a 0. */
RESULT public_key_to_pem(const struct public_key *key, char *out, struct explanation *why);
/* The 32 bytes of an Ed25519 key; ERROR_UNSUPPORTED for others. */
RESULT public_key_to_ed25519(const struct public_key *key, uint8_t out[ED25519_KEY_BYTES],
                             struct explanation *why);
