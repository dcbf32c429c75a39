// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the two libraries of this folder share, and nobody else includes. */
#include "update/signature/signature.h"

#include <openssl/evp.h>

struct public_key {
    EVP_PKEY *handle;
    enum signature_scheme scheme;
};

/* OpenSSL with its built-in algorithms and without its configuration file; NULL: memory is out. */
OSSL_LIB_CTX *signature_library(void);

/* Takes over `handle` (also on failure, when it is freed). ERROR_UNSUPPORTED: of no scheme. */
RESULT public_key_adopt(EVP_PKEY *handle, struct public_key **ret_key, struct explanation *why);

/* One PEM block that begins `text` and has nothing but blanks behind it; OPENSSL_free() its DER. */
RESULT signature_pem_decode(const char *text, size_t size, const char *label, uint8_t **ret_der,
                            size_t *ret_size, struct explanation *why);

/* A context set to the scheme's padding and salt, for signing or checking. NULL: memory is out. */
EVP_MD_CTX *signature_context_new(const struct public_key *key, bool is_signing);
