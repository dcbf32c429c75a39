// SPDX-License-Identifier: Apache-2.0
#include "update/signature/sign.h"

#include "base/bytes.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

static const char MESSAGE[] = "a message";

static struct private_key *make(enum signature_scheme scheme)
{
    struct private_key *key = NULL;
    assert_ok(private_key_generate(scheme, &key, NULL));
    assert_int_equal(public_key_scheme(private_key_public(key)), scheme);
    return key;
}

static void what_one_key_signs_only_its_public_half_accepts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIGNATURE_SCHEME_COUNT; i++) {
        struct private_key *key = make((enum signature_scheme)i);
        struct private_key *other = make((enum signature_scheme)i);
        uint8_t signature[SIGNATURE_BYTES_MAX + 1];
        size_t size = 0;
        assert_ok(private_key_sign(key, MESSAGE, sizeof MESSAGE, signature, &size, NULL));
        const struct public_key *public_key = private_key_public(key);
        assert_true(signature_verify(public_key, MESSAGE, sizeof MESSAGE, signature, size));
        assert_false(signature_verify(public_key, MESSAGE, sizeof MESSAGE - 1, signature, size));
        assert_false(signature_verify(public_key, MESSAGE, sizeof MESSAGE, signature, size - 1));
        signature[size] = 0;
        assert_false(signature_verify(public_key, MESSAGE, sizeof MESSAGE, signature, size + 1));
        assert_false(signature_verify(public_key, MESSAGE, sizeof MESSAGE, signature, 0));
        assert_false(signature_verify(private_key_public(other), MESSAGE, sizeof MESSAGE, signature,
                                      size));
        signature[size / 2] ^= 1;
        assert_false(signature_verify(public_key, MESSAGE, sizeof MESSAGE, signature, size));
        private_key_free(key);
        private_key_free(other);
    }
}

static void keys_survive_being_text(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIGNATURE_SCHEME_COUNT; i++) {
        struct private_key *key = make((enum signature_scheme)i);
        char secret[PRIVATE_KEY_PEM_BYTES_MAX];
        char text[PUBLIC_KEY_PEM_BYTES_MAX];
        assert_ok(private_key_to_pem(key, secret, NULL));
        assert_ok(public_key_to_pem(private_key_public(key), text, NULL));
        struct private_key *again = NULL;
        struct public_key *public_key = NULL;
        assert_ok(private_key_from_pem(secret, strlen(secret), &again, NULL));
        assert_ok(public_key_from_pem(text, strlen(text), &public_key, NULL));
        assert_true(public_key_equal(private_key_public(again), private_key_public(key)));
        assert_true(public_key_equal(public_key, private_key_public(key)));
        private_key_wipe(secret, sizeof secret);
        assert_int_equal(secret[0], 0);
        private_key_free(key);
        private_key_free(again);
        public_key_free(public_key);
    }
}

/* RFC 8032 section 7.1, test 2. */
static void ed25519_keys_and_signatures_are_those_of_the_rfc(void **state)
{
    (void)state;
    static const uint8_t SEED[ED25519_KEY_BYTES] = {
        0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e,
        0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8,
        0xa6, 0xfb};
    struct private_key *key = NULL;
    uint8_t public_key[ED25519_KEY_BYTES];
    uint8_t signature[SIGNATURE_BYTES_MAX];
    size_t size = 0;
    char hex[2 * ED25519_SIGNATURE_BYTES + 1];
    assert_ok(private_key_from_ed25519(SEED, &key, NULL));
    assert_ok(public_key_to_ed25519(private_key_public(key), public_key, NULL));
    hex_encode(public_key, sizeof public_key, hex);
    assert_string_equal(hex, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_ok(private_key_sign(key, "\x72", 1, signature, &size, NULL));
    assert_int_equal(size, ED25519_SIGNATURE_BYTES);
    hex_encode(signature, size, hex);
    assert_string_equal(hex, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                             "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(ed25519_verify(public_key, "\x72", 1, signature));
    private_key_free(key);
}

static void expect_refused(const char *pem, enum error expected, const char *word)
{
    struct public_key *key = NULL;
    struct explanation why = {.text = ""};
    assert_error(public_key_from_pem(pem, strlen(pem), &key, &why), expected);
    assert_null(key);
    if (strstr(why.text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why.text, word);
}

/* The same P-256 key in other words, and keys of other kinds. Made with the openssl command. */
static void keys_in_other_forms_are_refused(void **state)
{
    (void)state;
    static const char X25519[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VuAyEAK7CjUm6TjoFgdA1RZzIAUi1GnkpDxkNjDnFpTnFWVzs=\n"
                                 "-----END PUBLIC KEY-----\n";
    static const char P256[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBKrsc2NXJvIT+4qeZNo7hjLkFJWp\n"
        "RNAEW1IuunJA+tWH2TFXmKqjpboBd1eHztBeqve04J/IHW0apUboNl1SXQ==\n"
        "-----END PUBLIC KEY-----\n";
    static const char COMPRESSED[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADBKrsc2NXJvIT+4qeZNo7hjLkFJWpRNAEW1IuunJA+tU=\n"
        "-----END PUBLIC KEY-----\n";
    static const char OFF_CURVE[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBKrsc2NXJvIT+4qeZNo7hjLkFJWp\n"
        "RNAEW1IuunJA+tWH2TFXmKqjpboBd1eHztBeqve04J/IHW0apUboNl1SXg==\n"
        "-----END PUBLIC KEY-----\n";
    struct public_key *key = NULL;
    assert_ok(public_key_from_pem(P256, strlen(P256), &key, NULL));
    public_key_free(key);
    expect_refused(X25519, ERROR_UNSUPPORTED, "none of Ed25519");
    expect_refused(COMPRESSED, ERROR_FORMAT, "no key of its kind has");
    expect_refused(OFF_CURVE, ERROR_FORMAT, "SubjectPublicKeyInfo");
    expect_refused("", ERROR_FORMAT, "does not begin");
    expect_refused(P256 + 1, ERROR_FORMAT, "does not begin");
    expect_refused("-----BEGIN PUBLIC KEY-----\nMFkw\n", ERROR_FORMAT, "one whole PEM block");
    char behind[sizeof P256 + 8];
    assert_true(string_format(behind, sizeof behind, "%s\n x", P256));
    expect_refused(behind, ERROR_FORMAT, "nothing behind it");
    behind[strlen(P256) + 2] = '\0';
    assert_ok(public_key_from_pem(behind, strlen(behind), &key, NULL));
    public_key_free(key);
}

static void small_rsa_keys_are_refused(void **state)
{
    (void)state;
    static const char RSA_1024[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC/sD/zRXbpLkQs7aglGT4fZ2jN\n"
        "uxK++nWpiPKnyggW/zUYN/rhTdmOLzipKV8fUntM7f+STJKVuEKhp7/H41xSYGhf\n"
        "tcHdayyd0CFKuQfcKVT1yWWHxKxFB71OGMrd8EWZauervWRMXW1/9oanTeygrnIn\n"
        "w1BAuJZjXiM7CHxAAwIDAQAB\n"
        "-----END PUBLIC KEY-----\n";
    static const char EXPONENT_3[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAt+BfzfU2x2SmBJGEOXXm\n"
        "I5vYQBf040PjmuJ8B4zkRDOjKCLRkrm5Tbp4TZZVcZD+mwowIYtwpRXdEk0BEqRp\n"
        "sK+0j3Dq8Fi6dRF+xzHC8ZI/WeTWd0sKlkKRyaJzgSbH7cgTBSTWadPQz48jbmlL\n"
        "bQqtGUTEotz0yO1nMSKs3gkOIhlqos/pDWNSEkoZ9PQyIDsdyqQe4VJ6l08cqzaf\n"
        "Pe9Ux7INPqPfK7kQie/ngQIf8psdi753d03RTo8ZntPhqv6XKap41U7YMaDUeOh5\n"
        "VzuThPleWmQ8hYb/dpHVaWpMPiMU3qLItpAmaMqkoSUicfjtDHowTeqH53OrF5EG\n"
        "EQIBAw==\n"
        "-----END PUBLIC KEY-----\n";
    expect_refused(RSA_1024, ERROR_UNSUPPORTED, "1024 bits");
    expect_refused(EXPONENT_3, ERROR_UNSUPPORTED, "exponent");
}

/* A public key where a private one belongs, half of one, rubbish. */
static void private_keys_are_whole_or_refused(void **state)
{
    (void)state;
    struct private_key *key = make(SIGNATURE_ED25519);
    char secret[PRIVATE_KEY_PEM_BYTES_MAX];
    char text[PUBLIC_KEY_PEM_BYTES_MAX];
    assert_ok(private_key_to_pem(key, secret, NULL));
    assert_ok(public_key_to_pem(private_key_public(key), text, NULL));
    struct private_key *none = NULL;
    assert_error(private_key_from_pem(text, strlen(text), &none, NULL), ERROR_FORMAT);
    assert_error(private_key_from_pem(secret, strlen(secret) - 20, &none, NULL), ERROR_FORMAT);
    secret[40] = secret[40] == 'A' ? 'B' : 'A';
    assert_error(private_key_from_pem(secret, strlen(secret), &none, NULL), ERROR_FORMAT);
    assert_null(none);
    private_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_key_signs_only_its_public_half_accepts),
        cmocka_unit_test(keys_survive_being_text),
        cmocka_unit_test(ed25519_keys_and_signatures_are_those_of_the_rfc),
        cmocka_unit_test(keys_in_other_forms_are_refused),
        cmocka_unit_test(small_rsa_keys_are_refused),
        cmocka_unit_test(private_keys_are_whole_or_refused),
    };
    return unit_run("signature/sign", tests);
}
