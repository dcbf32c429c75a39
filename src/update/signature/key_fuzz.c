// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a public key, in each form, and then as a signature by it: nobody signed anything
 * here, so whatever is accepted as a key of a usual kind must refuse it.
 */
#include "update/signature/signature.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void use(struct public_key *key, const uint8_t *data, size_t size)
{
    bool is_signed = signature_verify(key, "message", 7, data, size);
    /* An Ed25519 key of small order accepts what a fuzzer can find. */
    require(!is_signed || public_key_scheme(key) == SIGNATURE_ED25519);
    require(public_key_equal(key, key));
    public_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct public_key *key = NULL;
    struct explanation why = {.text = ""};
    if (result_is_ok(public_key_from_der(data, size, &key, &why)))
        use(key, data, size);
    else
        require(why.text[0] != '\0');
    why.text[0] = '\0';
    if (result_is_ok(public_key_from_pem((const char *)data, size, &key, &why)))
        use(key, data, size);
    else
        require(why.text[0] != '\0');
    if (size >= ED25519_KEY_BYTES && result_is_ok(public_key_from_ed25519(data, &key, &why)))
        use(key, data + ED25519_KEY_BYTES, size - ED25519_KEY_BYTES);
    return 0;
}
