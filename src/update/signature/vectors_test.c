// SPDX-License-Identifier: Apache-2.0
/*
 * The public test vectors of others: Wycheproof for all three schemes, and the 914 edge cases of
 * CCTV for the rule by which we check Ed25519 (see signature.h). The material is not part of the
 * project: see $CREANCE_SHARED (default ../shared).
 */
#include "update/signature/signature.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "tests/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 128 * KIB }; /* one of Wycheproof's signatures has 64 KiB */

struct binary {
    uint8_t data[TEXT_BYTES_MAX];
    size_t size;
};

static void read_hex(const json_t *object, const char *name, struct binary *out)
{
    out->size = 0;
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    assert_true(strlen(text) / 2 <= sizeof out->data);
    static const char DIGITS[] = "0123456789abcdef";
    for (; text[2 * out->size] != '\0'; out->size++) {
        const char *high = strchr(DIGITS, text[2 * out->size]);
        const char *low = strchr(DIGITS, text[2 * out->size + 1]);
        assert_true(high != NULL && low != NULL && *low != '\0');
        out->data[out->size] = (uint8_t)((high - DIGITS) << 4 | (low - DIGITS));
    }
}

/* NULL, and the test is skipped, where the material is absent. */
static json_t *load(const char *name)
{
    const char *shared = getenv("CREANCE_SHARED");
    char path[LIMIT_PATH_BYTES];
    assert_true(string_format(path, sizeof path, "%s/data/vectors/%s",
                              shared == NULL ? "../shared" : shared, name));
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("# %s is not there\n", path);
        return NULL;
    }
    json_error_t error;
    json_t *document = json_loadf(file, 0, &error);
    fclose(file);
    if (document == NULL)
        fail_msg("%s: %s", path, error.text);
    return document;
}

/* Every case of a Wycheproof file; "acceptable" ones do not occur in these. */
static void check_wycheproof(const char *name, enum signature_scheme scheme, size_t expected_count)
{
    json_t *document = load(name);
    if (document == NULL)
        skip();
    static struct binary der;
    static struct binary message;
    static struct binary signature;
    size_t count = 0;
    size_t index;
    json_t *group;
    json_array_foreach(json_object_get(document, "testGroups"), index, group) {
        read_hex(group, "publicKeyDer", &der);
        const char *pem = json_string_value(json_object_get(group, "publicKeyPem"));
        struct public_key *key = NULL;
        struct public_key *same = NULL;
        struct explanation why;
        assert_ok(public_key_from_der(der.data, der.size, &key, &why));
        assert_ok(public_key_from_pem(pem, strlen(pem), &same, &why));
        assert_int_equal(public_key_scheme(key), scheme);
        assert_true(public_key_equal(key, same));
        size_t at;
        json_t *test;
        json_array_foreach(json_object_get(group, "tests"), at, test) {
            read_hex(test, "msg", &message);
            read_hex(test, "sig", &signature);
            const char *result = json_string_value(json_object_get(test, "result"));
            bool is_good = signature_verify(key, message.data, message.size, signature.data,
                                            signature.size);
            if (is_good != string_equal(result, "valid"))
                fail_msg("%s: case %d (%s) is %s", name,
                         (int)json_integer_value(json_object_get(test, "tcId")),
                         json_string_value(json_object_get(test, "comment")), result);
            count++;
        }
        public_key_free(key);
        public_key_free(same);
    }
    json_decref(document);
    assert_int_equal(count, expected_count);
    print_message("# %zu cases\n", count);
}

static void wycheproof_ed25519(void **state)
{
    (void)state;
    check_wycheproof("wycheproof/ed25519_test.json", SIGNATURE_ED25519, 151);
}

static void wycheproof_ecdsa_p256(void **state)
{
    (void)state;
    check_wycheproof("wycheproof/ecdsa_secp256r1_sha256_test.json", SIGNATURE_ECDSA_P256, 484);
}

static void wycheproof_rsa_pss(void **state)
{
    (void)state;
    check_wycheproof("wycheproof/rsa_pss_2048_sha256_mgf1_32_test.json", SIGNATURE_RSA_PSS, 108);
}

static bool has_flag(const json_t *test, const char *flag)
{
    size_t at;
    json_t *found;
    json_array_foreach(json_object_get(test, "flags"), at, found)
        if (string_equal(json_string_value(found), flag))
            return true;
    return false;
}

/* What is refused: an R that is not written canonically, and what only an equation with the
 * cofactor accepts. All else is accepted, as signature.h says. */
static void cctv_ed25519_by_the_stated_rule(void **state)
{
    (void)state;
    json_t *document = load("cctv/ed25519vectors.json");
    if (document == NULL)
        skip();
    static struct binary key;
    static struct binary signature;
    size_t accepted = 0;
    size_t at;
    json_t *test;
    json_array_foreach(document, at, test) {
        read_hex(test, "key", &key);
        read_hex(test, "sig", &signature);
        const char *message = json_string_value(json_object_get(test, "msg"));
        assert_int_equal(key.size, ED25519_KEY_BYTES);
        assert_int_equal(signature.size, ED25519_SIGNATURE_BYTES);
        bool is_expected = !has_flag(test, "non_canonical_R")
                           && !has_flag(test, "low_order_residue");
        bool is_good = ed25519_verify(key.data, message, strlen(message), signature.data);
        if (is_good != is_expected)
            fail_msg("case %zu: %s", at, is_good ? "accepted" : "refused");
        accepted += is_good;
    }
    assert_int_equal(json_array_size(document), 914);
    print_message("# %zu of %zu cases accepted\n", accepted, json_array_size(document));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_ed25519),
        cmocka_unit_test(wycheproof_ecdsa_p256),
        cmocka_unit_test(wycheproof_rsa_pss),
        cmocka_unit_test(cctv_ed25519_by_the_stated_rule),
    };
    return unit_run("signature/vectors", tests);
}
