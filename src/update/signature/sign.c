// SPDX-License-Identifier: Apache-2.0
#include "update/signature/sign.h"

#include "base/bytes.h"
#include "update/signature/key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS_NEW = 3072 };

struct private_key {
    struct public_key *pair; /* its handle holds both halves */
};

static RESULT adopt(EVP_PKEY *handle, struct private_key **ret_key, struct explanation *why)
{
    struct public_key *pair = NULL;
    GUARD(public_key_adopt(handle, &pair, why));
    struct private_key *key = calloc(1, sizeof *key);
    if (key == NULL) {
        public_key_free(pair);
        return explain(why, ERROR_MEMORY, "memory is out for a key");
    }
    key->pair = pair;
    *ret_key = key;
    return RESULT_OK;
}

RESULT private_key_generate(enum signature_scheme scheme, struct private_key **ret_key,
                            struct explanation *why)
{
    EVP_PKEY *handle = NULL;
    if (scheme == SIGNATURE_ED25519)
        handle = EVP_PKEY_Q_keygen(signature_library(), NULL, "ED25519");
    else if (scheme == SIGNATURE_ECDSA_P256)
        handle = EVP_PKEY_Q_keygen(signature_library(), NULL, "EC", "P-256");
    else
        handle = EVP_PKEY_Q_keygen(signature_library(), NULL, "RSA", (size_t)RSA_BITS_NEW);
    if (handle == NULL) {
        ERR_clear_error();
        return explain(why, ERROR_MEMORY, "no %s key could be made: memory or random numbers are "
                       "not to be had", signature_scheme_text(scheme));
    }
    return adopt(handle, ret_key, why);
}

RESULT private_key_from_ed25519(const uint8_t seed[ED25519_KEY_BYTES],
                                struct private_key **ret_key, struct explanation *why)
{
    EVP_PKEY *handle = EVP_PKEY_new_raw_private_key_ex(signature_library(), "ED25519", NULL, seed,
                                                       ED25519_KEY_BYTES);
    if (handle == NULL) {
        ERR_clear_error();
        return explain(why, ERROR_MEMORY, "memory is out for a key");
    }
    return adopt(handle, ret_key, why);
}

RESULT private_key_from_pem(const char *text, size_t size, struct private_key **ret_key,
                            struct explanation *why)
{
    uint8_t *der = NULL;
    size_t der_size = 0;
    if (size > PRIVATE_KEY_PEM_BYTES_MAX)
        return explain(why, ERROR_FORMAT, "the private key has %zu bytes of PEM; at most %d are "
                       "taken", size, PRIVATE_KEY_PEM_BYTES_MAX);
    GUARD(signature_pem_decode(text, size, "PRIVATE KEY", &der, &der_size, why));
    const unsigned char *at = der;
    EVP_PKEY *handle = d2i_AutoPrivateKey_ex(NULL, &at, (long)der_size, signature_library(), NULL);
    bool is_whole = handle != NULL && at == der + der_size;
    OPENSSL_clear_free(der, der_size);
    if (!is_whole) {
        EVP_PKEY_free(handle);
        ERR_clear_error();
        return explain(why, ERROR_FORMAT, "the private key is not PKCS#8 of a known algorithm");
    }
    return adopt(handle, ret_key, why);
}

void private_key_free(struct private_key *key)
{
    if (key == NULL)
        return;
    public_key_free(key->pair);
    free(key);
}

/* Takes what was written into `output` and frees it. */
static RESULT take_text(BIO *output, bool is_written, char *out, size_t capacity,
                        struct explanation *why)
{
    char *text = NULL;
    long size = output == NULL ? 0 : BIO_get_mem_data(output, &text);
    bool is_good = is_written && size > 0 && (size_t)size < capacity;
    if (is_good) {
        bytes_copy(out, capacity, text, (size_t)size);
        out[size] = '\0';
    }
    if (size > 0)
        OPENSSL_cleanse(text, (size_t)size);
    BIO_free(output);
    ERR_clear_error();
    if (!is_good)
        return explain(why, ERROR_MEMORY, "memory is out for the text of a key");
    return RESULT_OK;
}

RESULT private_key_to_pem(const struct private_key *key, char *out, struct explanation *why)
{
    BIO *output = BIO_new(BIO_s_secmem());
    bool is_written = output != NULL
                      && PEM_write_bio_PKCS8PrivateKey(output, key->pair->handle, NULL, NULL, 0,
                                                       NULL, NULL) == 1;
    return take_text(output, is_written, out, PRIVATE_KEY_PEM_BYTES_MAX, why);
}

RESULT public_key_to_pem(const struct public_key *key, char *out, struct explanation *why)
{
    BIO *output = BIO_new(BIO_s_mem());
    bool is_written = output != NULL && PEM_write_bio_PUBKEY(output, key->handle) == 1;
    return take_text(output, is_written, out, PUBLIC_KEY_PEM_BYTES_MAX, why);
}

RESULT public_key_to_ed25519(const struct public_key *key, uint8_t out[ED25519_KEY_BYTES],
                             struct explanation *why)
{
    size_t size = ED25519_KEY_BYTES;
    if (key->scheme != SIGNATURE_ED25519
        || EVP_PKEY_get_raw_public_key(key->handle, out, &size) != 1)
        return explain(why, ERROR_UNSUPPORTED, "the key is %s; an Ed25519 key is needed here",
                       signature_scheme_text(key->scheme));
    return RESULT_OK;
}

void private_key_wipe(void *data, size_t size) { OPENSSL_cleanse(data, size); }

const struct public_key *private_key_public(const struct private_key *key) { return key->pair; }

RESULT private_key_sign(const struct private_key *key, const void *message, size_t size,
                        uint8_t *out, size_t *ret_size, struct explanation *why)
{
    EVP_MD_CTX *context = signature_context_new(key->pair, true);
    size_t signature_size = SIGNATURE_BYTES_MAX;
    bool is_signed =
        context != NULL && EVP_DigestSign(context, out, &signature_size, message, size) == 1;
    EVP_MD_CTX_free(context);
    if (!is_signed) {
        ERR_clear_error();
        return explain(why, ERROR_MEMORY, "signing failed: memory or random numbers are not to be "
                       "had");
    }
    *ret_size = signature_size;
    return RESULT_OK;
}
