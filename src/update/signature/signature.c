// SPDX-License-Identifier: Apache-2.0
#include "update/signature/signature.h"

#include "base/bytes.h"
#include "update/signature/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum {
    PSS_SALT_BYTES = 32,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 4096,
    RSA_EXPONENT = 65537,
    ED25519_DER_BYTES = 44, /* the algorithm's name and 32 bytes */
    P256_DER_BYTES = 91,    /* the algorithm's and the curve's name and 65 bytes */
};

static const char *const SCHEME_TEXTS[SIGNATURE_SCHEME_COUNT] = {
    [SIGNATURE_ED25519] = "Ed25519",
    [SIGNATURE_ECDSA_P256] = "ECDSA P-256",
    [SIGNATURE_RSA_PSS] = "RSA-PSS",
};

const char *signature_scheme_text(enum signature_scheme scheme) { return SCHEME_TEXTS[scheme]; }

OSSL_LIB_CTX *signature_library(void)
{
    static OSSL_LIB_CTX *library; /* lives as long as the process */
    if (library == NULL && OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1)
        library = OSSL_LIB_CTX_new();
    return library;
}

/* OpenSSL's queue of errors is for its own messages; ours say it in our words. */
static bool succeeded(bool is_good)
{
    if (!is_good)
        ERR_clear_error();
    return is_good;
}

/* --- keys ------------------------------------------------------------------------------------ */

static RESULT check_rsa(EVP_PKEY *handle, struct explanation *why)
{
    int bits = EVP_PKEY_get_bits(handle);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX || bits % 8 != 0)
        return explain(why, ERROR_UNSUPPORTED, "the RSA key has %d bits; %d to %d in whole bytes "
                       "are taken", bits, RSA_BITS_MIN, RSA_BITS_MAX);
    BIGNUM *exponent = NULL;
    bool is_usual =
        succeeded(EVP_PKEY_get_bn_param(handle, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1)
        && BN_is_word(exponent, RSA_EXPONENT);
    BN_free(exponent);
    if (!is_usual)
        return explain(why, ERROR_UNSUPPORTED, "the RSA key's exponent is not %d", RSA_EXPONENT);
    return RESULT_OK;
}

static RESULT scheme_of(EVP_PKEY *handle, enum signature_scheme *ret_scheme,
                        struct explanation *why)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(handle, "ED25519")) {
        *ret_scheme = SIGNATURE_ED25519;
        return RESULT_OK;
    }
    if (EVP_PKEY_is_a(handle, "RSA")) {
        *ret_scheme = SIGNATURE_RSA_PSS;
        return check_rsa(handle, why);
    }
    if (EVP_PKEY_is_a(handle, "EC")
        && succeeded(EVP_PKEY_get_group_name(handle, group, sizeof group, NULL) == 1)
        && string_equal(group, "prime256v1")) {
        *ret_scheme = SIGNATURE_ECDSA_P256;
        return RESULT_OK;
    }
    return explain(why, ERROR_UNSUPPORTED, "the key is none of Ed25519, ECDSA P-256 and RSA");
}

RESULT public_key_adopt(EVP_PKEY *handle, struct public_key **ret_key, struct explanation *why)
{
    enum signature_scheme scheme;
    struct result result = scheme_of(handle, &scheme, why);
    struct public_key *key = NULL;
    if (result_is_ok(result) && (key = calloc(1, sizeof *key)) == NULL)
        result = explain(why, ERROR_MEMORY, "memory is out for a key");
    if (!result_is_ok(result)) {
        EVP_PKEY_free(handle);
        return result;
    }
    *key = (struct public_key){.handle = handle, .scheme = scheme};
    *ret_key = key;
    return RESULT_OK;
}

RESULT public_key_from_ed25519(const uint8_t key[ED25519_KEY_BYTES], struct public_key **ret_key,
                               struct explanation *why)
{
    EVP_PKEY *handle = EVP_PKEY_new_raw_public_key_ex(signature_library(), "ED25519", NULL, key,
                                                      ED25519_KEY_BYTES);
    if (!succeeded(handle != NULL))
        return explain(why, ERROR_MEMORY, "memory is out for a key");
    return public_key_adopt(handle, ret_key, why);
}

/* DER that means the same in other words (BER, explicit curves, compressed points) encodes anew as
 * other bytes. */
static bool is_canonical(EVP_PKEY *handle, const void *data, size_t size)
{
    unsigned char *again = NULL;
    int again_size = i2d_PUBKEY(handle, &again);
    bool is_same = succeeded(again_size > 0) && (size_t)again_size == size
                   && memcmp(again, data, size) == 0;
    OPENSSL_free(again);
    return is_same;
}

static bool has_size_of(enum signature_scheme scheme, size_t size)
{
    return scheme == SIGNATURE_RSA_PSS
           || size == (scheme == SIGNATURE_ED25519 ? ED25519_DER_BYTES : P256_DER_BYTES);
}

RESULT public_key_from_der(const void *data, size_t size, struct public_key **ret_key,
                           struct explanation *why)
{
    if (size > PUBLIC_KEY_DER_BYTES_MAX)
        return explain(why, ERROR_FORMAT, "the public key has %zu bytes; at most %d are taken",
                       size, PUBLIC_KEY_DER_BYTES_MAX);
    const unsigned char *at = data;
    EVP_PKEY *handle = d2i_PUBKEY_ex(NULL, &at, (long)size, signature_library(), NULL);
    if (!succeeded(handle != NULL))
        return explain(why, ERROR_FORMAT,
                       "the public key is not a SubjectPublicKeyInfo of a known algorithm");
    if (!is_canonical(handle, data, size)) {
        EVP_PKEY_free(handle);
        return explain(why, ERROR_FORMAT, "the public key is not in its canonical form (DER, point "
                       "uncompressed, curve by name, nothing behind it)");
    }
    struct public_key *key = NULL;
    GUARD(public_key_adopt(handle, &key, why));
    if (!has_size_of(key->scheme, size)) {
        public_key_free(key);
        return explain(why, ERROR_FORMAT, "the public key has %zu bytes, which no key of its kind "
                       "has in canonical form", size);
    }
    *ret_key = key;
    return RESULT_OK;
}

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0')
            return false;
    return true;
}

RESULT signature_pem_decode(const char *text, size_t size, const char *label, uint8_t **ret_der,
                            size_t *ret_size, struct explanation *why)
{
    char begin[64];
    if (!string_format(begin, sizeof begin, "-----BEGIN %s-----", label)
        || size < strlen(begin) || memcmp(text, begin, strlen(begin)) != 0)
        return explain(why, ERROR_FORMAT, "the key does not begin with %s", begin);
    BIO *input = BIO_new_mem_buf(text, (int)size);
    if (!succeeded(input != NULL))
        return explain(why, ERROR_MEMORY, "memory is out for a key");
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long der_size = 0;
    /* This one neither decrypts nor asks for a password. */
    bool is_good = succeeded(PEM_read_bio(input, &name, &header, &der, &der_size) == 1);
    char *rest = NULL;
    long rest_size = BIO_get_mem_data(input, &rest);
    is_good = is_good && string_equal(name, label) && header[0] == '\0' && der_size > 0
              && rest_size >= 0 && is_blank(rest, (size_t)rest_size);
    BIO_free(input);
    OPENSSL_free(name);
    OPENSSL_free(header);
    if (!is_good) {
        OPENSSL_free(der);
        return explain(why, ERROR_FORMAT, "the key is not one whole PEM block: base64 between %s "
                       "and its END, no header lines, nothing behind it", begin);
    }
    *ret_der = der;
    *ret_size = (size_t)der_size;
    return RESULT_OK;
}

RESULT public_key_from_pem(const char *text, size_t size, struct public_key **ret_key,
                           struct explanation *why)
{
    uint8_t *der = NULL;
    size_t der_size = 0;
    if (size > PUBLIC_KEY_PEM_BYTES_MAX)
        return explain(why, ERROR_FORMAT, "the public key has %zu bytes of PEM; at most %d are "
                       "taken", size, PUBLIC_KEY_PEM_BYTES_MAX);
    GUARD(signature_pem_decode(text, size, "PUBLIC KEY", &der, &der_size, why));
    struct result result = public_key_from_der(der, der_size, ret_key, why);
    OPENSSL_free(der);
    return result;
}

void public_key_free(struct public_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->handle);
    free(key);
}

enum signature_scheme public_key_scheme(const struct public_key *key) { return key->scheme; }

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return a->scheme == b->scheme && succeeded(EVP_PKEY_eq(a->handle, b->handle) == 1);
}

/* --- signatures ------------------------------------------------------------------------------ */

EVP_MD_CTX *signature_context_new(const struct public_key *key, bool is_signing)
{
    int salt_bytes = PSS_SALT_BYTES;
    const OSSL_PARAM pss[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                         (char *)OSSL_PKEY_RSA_PAD_MODE_PSS, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt_bytes),
        OSSL_PARAM_construct_end(),
    };
    const OSSL_PARAM *parameters = key->scheme == SIGNATURE_RSA_PSS ? pss : NULL;
    const char *digest = key->scheme == SIGNATURE_ED25519 ? NULL : "SHA256";
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    OSSL_LIB_CTX *library = signature_library();
    if (context == NULL || library == NULL) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    int started = is_signing ? EVP_DigestSignInit_ex(context, NULL, digest, library, NULL,
                                                     key->handle, parameters)
                             : EVP_DigestVerifyInit_ex(context, NULL, digest, library, NULL,
                                                       key->handle, parameters);
    if (!succeeded(started == 1)) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return context;
}

bool signature_verify(const struct public_key *key, const void *message, size_t size,
                      const void *signature, size_t signature_size)
{
    if (signature_size > SIGNATURE_BYTES_MAX
        || (key->scheme == SIGNATURE_ED25519 && signature_size != ED25519_SIGNATURE_BYTES))
        return false;
    EVP_MD_CTX *context = signature_context_new(key, false);
    if (context == NULL)
        return false;
    bool is_good = succeeded(
        EVP_DigestVerify(context, signature, signature_size, message, size) == 1);
    EVP_MD_CTX_free(context);
    return is_good;
}

bool ed25519_verify(const uint8_t key[ED25519_KEY_BYTES], const void *message, size_t size,
                    const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
    struct public_key *public_key = NULL;
    if (!result_is_ok(public_key_from_ed25519(key, &public_key, NULL)))
        return false;
    bool is_good = signature_verify(public_key, message, size, signature, ED25519_SIGNATURE_BYTES);
    public_key_free(public_key);
    return is_good;
}
