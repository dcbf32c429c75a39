// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/keys.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "update/tuf/metadata_json.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static const struct {
    const char *type;
    const char *scheme;
    enum signature_scheme signature;
} KINDS[] = {
    {"ed25519", "ed25519", SIGNATURE_ED25519},
    {"ecdsa", "ecdsa-sha2-nistp256", SIGNATURE_ECDSA_P256},
    {"rsa", "rsassa-pss-sha256", SIGNATURE_RSA_PSS},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", SIGNATURE_ECDSA_P256}, /* an older name */
};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

const char *tuf_key_type_text(enum signature_scheme scheme) { return KINDS[scheme].type; }

const char *tuf_key_scheme_text(enum signature_scheme scheme) { return KINDS[scheme].scheme; }

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool tuf_hex_decode(const char *text, uint8_t *out, size_t size)
{
    if (strlen(text) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = digit_of(text[2 * i]);
        int low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* --- keys ------------------------------------------------------------------------------------ */

static RESULT id_is_right(const char *id, const json_t *object, bool *ret_is_right)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char text[2 * sizeof digest + 1];
    uint8_t *canonical = NULL;
    size_t size = 0;
    *ret_is_right = false;
    struct result result = metadata_json_canonical(object, &canonical, &size);
    if (result.error == ERROR_FORMAT)
        return RESULT_OK;
    GUARD(result);
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, canonical, size);
    SHA256Final(digest, &context);
    free(canonical);
    hex_encode(digest, sizeof digest, text);
    *ret_is_right = string_equal(id, text);
    return RESULT_OK;
}

/* NULL where it is none of ours; memory that is out shows the same way and costs the key. */
static struct public_key *read_public(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "keytype"));
    const char *scheme = json_string_value(json_object_get(object, "scheme"));
    const json_t *value = json_object_get(json_object_get(object, "keyval"), "public");
    const char *text = json_string_value(value);
    uint8_t raw[ED25519_KEY_BYTES];
    struct public_key *key = NULL;
    if (type == NULL || scheme == NULL || text == NULL)
        return NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!string_equal(type, KINDS[i].type) || !string_equal(scheme, KINDS[i].scheme))
            continue;
        struct result result = result_fail(ERROR_FORMAT);
        if (KINDS[i].signature != SIGNATURE_ED25519)
            result = public_key_from_pem(text, json_string_length(value), &key, NULL);
        else if (tuf_hex_decode(text, raw, sizeof raw))
            result = public_key_from_ed25519(raw, &key, NULL);
        if (!result_is_ok(result))
            return NULL;
        if (public_key_scheme(key) == KINDS[i].signature)
            return key;
        public_key_free(key);
        return NULL;
    }
    return NULL;
}

RESULT tuf_keys_read(struct arena *arena, const json_t *object, struct tuf_keys *ret_keys,
                     struct explanation *why)
{
    size_t count = json_object_size(object);
    if (!json_is_object(object))
        return explain(why, ERROR_FORMAT, "\"keys\" is not an object");
    if (count > LIMIT_TUF_KEYS)
        return explain(why, ERROR_LIMIT, "it names %zu keys; at most %d are taken "
                       "(LIMIT_TUF_KEYS)", count, (int)LIMIT_TUF_KEYS);
    ret_keys->rows = arena_array(arena, count + 1, sizeof *ret_keys->rows);
    if (ret_keys->rows == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for keys");
    const char *id;
    json_t *value;
    json_object_foreach((json_t *)object, id, value) {
        struct tuf_key *row = &ret_keys->rows[ret_keys->count];
        bool is_right = false;
        row->id = arena_copy(arena, id, strlen(id));
        if (row->id == NULL || !result_is_ok(id_is_right(id, value, &is_right)))
            return explain(why, ERROR_MEMORY, "memory is out for keys");
        row->key = is_right ? read_public(value) : NULL;
        ret_keys->count++;
    }
    return RESULT_OK;
}

void tuf_keys_free(struct tuf_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        public_key_free(keys->rows[i].key);
}

/* --- who must sign --------------------------------------------------------------------------- */

static const struct tuf_key *key_of(struct arena *arena, const struct tuf_keys *keys,
                                    const char *id)
{
    for (size_t i = 0; i < keys->count; i++)
        if (string_equal(keys->rows[i].id, id))
            return &keys->rows[i];
    struct tuf_key *absent = arena_alloc(arena, sizeof *absent);
    if (absent != NULL)
        absent->id = arena_copy(arena, id, strlen(id));
    return absent == NULL || absent->id == NULL ? NULL : absent;
}

static RESULT add_signer(struct arena *arena, const struct tuf_keys *keys, const char *id,
                         struct tuf_signers *signers, struct explanation *why)
{
    if (id == NULL)
        return explain(why, ERROR_FORMAT, "\"keyids\" holds something that is not a string");
    for (size_t i = 0; i < signers->count; i++)
        if (string_equal(signers->keys[i]->id, id))
            return explain(why, ERROR_FORMAT, "\"keyids\" names the key %.64s twice", id);
    const struct tuf_key *key = key_of(arena, keys, id);
    if (key == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for keys");
    signers->keys[signers->count++] = key;
    return RESULT_OK;
}

RESULT tuf_signers_read(struct arena *arena, const json_t *role, const struct tuf_keys *keys,
                        struct tuf_signers *ret_signers, struct explanation *why)
{
    const json_t *ids = json_object_get(role, "keyids");
    const json_t *threshold = json_object_get(role, "threshold");
    if (!json_is_array(ids) || !json_is_integer(threshold) || json_integer_value(threshold) < 1)
        return explain(why, ERROR_FORMAT,
                       "a role must have a list \"keyids\" and a \"threshold\" of at least 1");
    size_t count = json_array_size(ids);
    if (count > LIMIT_TUF_KEYS)
        return explain(why, ERROR_LIMIT, "a role has %zu keys; at most %d are taken "
                       "(LIMIT_TUF_KEYS)", count, (int)LIMIT_TUF_KEYS);
    *ret_signers = (struct tuf_signers){
        .keys = arena_array(arena, count + 1, sizeof(const struct tuf_key *)),
        .threshold = (uint64_t)json_integer_value(threshold),
    };
    if (ret_signers->keys == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for keys");
    for (size_t i = 0; i < count; i++)
        GUARD(add_signer(arena, keys, json_string_value(json_array_get(ids, i)), ret_signers,
                         why));
    return RESULT_OK;
}

bool tuf_signers_include(const struct tuf_signers *signers, const struct tuf_key *key)
{
    for (size_t i = 0; i < signers->count; i++)
        if (string_equal(signers->keys[i]->id, key->id))
            return true;
    return false;
}

/* --- who signed ------------------------------------------------------------------------------ */

/* A signature that is no signature is one that does not count, whatever it is. */
static RESULT read_signature(struct arena *arena, const json_t *object,
                             struct tuf_signature *ret_row, struct explanation *why)
{
    const char *id = json_string_value(json_object_get(object, "keyid"));
    const char *text = json_string_value(json_object_get(object, "sig"));
    if (id == NULL || text == NULL)
        return explain(why, ERROR_FORMAT, "each of \"signatures\" must have \"keyid\" and \"sig\"");
    size_t size = strlen(text) / 2;
    uint8_t *data = arena_alloc(arena, SIGNATURE_BYTES_MAX);
    ret_row->key_id = arena_copy(arena, id, strlen(id));
    if (ret_row->key_id == NULL || data == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for signatures");
    ret_row->data = data;
    ret_row->size = size <= SIGNATURE_BYTES_MAX && tuf_hex_decode(text, data, size) ? size : 0;
    return RESULT_OK;
}

RESULT tuf_signatures_read(struct arena *arena, const json_t *array,
                           struct tuf_signatures *ret_signatures, struct explanation *why)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array))
        return explain(why, ERROR_FORMAT, "\"signatures\" is not a list");
    if (count > LIMIT_TUF_KEYS)
        return explain(why, ERROR_LIMIT, "it has %zu signatures; at most %d are taken "
                       "(LIMIT_TUF_KEYS)", count, (int)LIMIT_TUF_KEYS);
    ret_signatures->rows = arena_array(arena, count + 1, sizeof *ret_signatures->rows);
    if (ret_signatures->rows == NULL)
        return explain(why, ERROR_MEMORY, "memory is out for signatures");
    for (size_t i = 0; i < count; i++) {
        struct tuf_signature *row = &ret_signatures->rows[i];
        GUARD(read_signature(arena, json_array_get(array, i), row, why));
        for (size_t n = 0; n < i; n++)
            if (string_equal(ret_signatures->rows[n].key_id, row->key_id))
                return explain(why, ERROR_FORMAT, "the key %.64s signs twice", row->key_id);
        ret_signatures->count++;
    }
    return RESULT_OK;
}

static const struct tuf_signature *signature_by(const struct tuf_signatures *signatures,
                                                const char *key_id)
{
    for (size_t i = 0; i < signatures->count; i++)
        if (string_equal(signatures->rows[i].key_id, key_id))
            return &signatures->rows[i];
    return NULL;
}

/* The same key may stand under several ids, with other words around it. */
static bool stands_before(const struct tuf_signers *signers, size_t index,
                          const bool has_signed[LIMIT_TUF_KEYS])
{
    for (size_t i = 0; i < index; i++)
        if (has_signed[i] && public_key_equal(signers->keys[i]->key, signers->keys[index]->key))
            return true;
    return false;
}

size_t tuf_signers_count(const struct tuf_signers *signers,
                         const struct tuf_signatures *signatures, const void *message,
                         size_t size)
{
    bool has_signed[LIMIT_TUF_KEYS] = {false};
    size_t count = 0;
    for (size_t i = 0; i < signers->count; i++) {
        const struct tuf_key *key = signers->keys[i];
        const struct tuf_signature *signature = signature_by(signatures, key->id);
        if (key->key == NULL || signature == NULL || stands_before(signers, i, has_signed))
            continue;
        has_signed[i] =
            signature_verify(key->key, message, size, signature->data, signature->size);
        count += has_signed[i];
    }
    return count;
}
