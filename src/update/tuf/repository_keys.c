// SPDX-License-Identifier: Apache-2.0
/* Who may sign what in a repository, and signing it. */
#include "base/bytes.h"
#include "update/tuf/metadata_json.h"
#include "update/tuf/repository_state.h"

#include <inttypes.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

static json_t *body_of(const json_t *document) { return json_object_get(document, "signed"); }

/* --- keys as metadata writes them ------------------------------------------------------------ */

static json_t *key_object(const struct public_key *key)
{
    enum signature_scheme scheme = public_key_scheme(key);
    char text[PUBLIC_KEY_PEM_BYTES_MAX];
    uint8_t raw[ED25519_KEY_BYTES];
    struct result result;
    if (scheme == SIGNATURE_ED25519) {
        result = public_key_to_ed25519(key, raw, NULL);
        if (result_is_ok(result))
            hex_encode(raw, sizeof raw, text);
    } else {
        result = public_key_to_pem(key, text, NULL);
    }
    if (!result_is_ok(result))
        return NULL;
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", tuf_key_type_text(scheme), "scheme",
                     tuf_key_scheme_text(scheme), "keyval", "public", text);
}

static RESULT digest_of(const json_t *value, char out[65], struct explanation *why)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    uint8_t *canonical = NULL;
    size_t size = 0;
    SHA2_CTX context;
    struct result result = metadata_json_canonical(value, &canonical, &size);
    if (!result_is_ok(result))
        return repository_out_of_memory(why);
    SHA256Init(&context);
    SHA256Update(&context, canonical, size);
    SHA256Final(digest, &context);
    free(canonical);
    hex_encode(digest, sizeof digest, out);
    return RESULT_OK;
}

RESULT tuf_repository_key_id(const struct public_key *key, char out[65], struct explanation *why)
{
    json_t *object = key_object(key);
    if (object == NULL)
        return repository_out_of_memory(why);
    struct result result = digest_of(object, out, why);
    json_decref(object);
    return result;
}

/* --- who may sign ---------------------------------------------------------------------------- */

static json_t *delegation_in(const json_t *body, const char *name)
{
    const json_t *roles = json_object_get(json_object_get(body, "delegations"), "roles");
    for (size_t i = 0; i < json_array_size(roles); i++) {
        json_t *role = json_array_get(roles, i);
        if (string_equal(json_string_value(json_object_get(role, "name")), name))
            return role;
    }
    return NULL;
}

struct repository_role *repository_delegator_of(const struct tuf_repository *repository,
                                                const char *name)
{
    if (tuf_is_top_level(name))
        return repository_role_of(repository, "root");
    for (size_t i = 0; i < repository->role_count; i++) {
        struct repository_role *role = &repository->roles[i];
        if (delegation_in(body_of(repository_document(role)), name) != NULL)
            return role;
    }
    return NULL;
}

static struct repository_signers signers_in(const json_t *document, const char *name)
{
    const json_t *body = body_of(document);
    if (tuf_is_top_level(name))
        return (struct repository_signers){
            json_object_get(json_object_get(body, "roles"), name), json_object_get(body, "keys")};
    return (struct repository_signers){
        delegation_in(body, name), json_object_get(json_object_get(body, "delegations"), "keys")};
}

struct repository_signers repository_signers_of(const struct tuf_repository *repository,
                                                const char *name, bool by_current)
{
    const struct repository_role *delegator = repository_delegator_of(repository, name);
    if (delegator == NULL)
        return (struct repository_signers){NULL, NULL};
    return signers_in(by_current ? delegator->current : repository_document(delegator), name);
}

/* Stages who says who may sign `name`. */
static RESULT stage_signers(struct tuf_repository *repository, const char *name,
                            struct repository_role **ret_delegator,
                            struct repository_signers *ret_signers, struct explanation *why)
{
    json_t *body = NULL;
    *ret_delegator = repository_delegator_of(repository, name);
    if (*ret_delegator == NULL)
        return explain(why, ERROR_NOT_FOUND, "there is no role \"%.80s\"", name);
    GUARD(repository_stage(repository, *ret_delegator, &body, why));
    *ret_signers = signers_in((*ret_delegator)->staged, name);
    return RESULT_OK;
}

static size_t index_of(const json_t *ids, const char *id)
{
    size_t index = 0;
    while (index < json_array_size(ids)
           && !string_equal(json_string_value(json_array_get(ids, index)), id))
        index++;
    return index;
}

RESULT tuf_repository_add_key(struct tuf_repository *repository, const char *role,
                              const struct public_key *key, struct explanation *why)
{
    char id[65];
    struct repository_role *delegator = NULL;
    GUARD(tuf_repository_key_id(key, id, why));
    struct repository_signers signers = repository_signers_of(repository, role, false);
    json_t *ids = json_object_get(signers.role, "keyids");
    if (ids != NULL && index_of(ids, id) < json_array_size(ids))
        return explain(why, ERROR_STATE, "the key %.8s may sign %s already", id, role);
    GUARD(stage_signers(repository, role, &delegator, &signers, why));
    ids = json_object_get(signers.role, "keyids");
    if (json_array_append_new(ids, json_string(id)) != 0
        || json_object_set_new(signers.keys, id, key_object(key)) != 0)
        return repository_out_of_memory(why);
    return repository_save_staged(repository, delegator, why);
}

static bool is_used(const json_t *roles, const char *id)
{
    for (void *at = json_object_iter((json_t *)roles); at != NULL;
         at = json_object_iter_next((json_t *)roles, at)) {
        const json_t *ids = json_object_get(json_object_iter_value(at), "keyids");
        if (index_of(ids, id) < json_array_size(ids))
            return true;
    }
    for (size_t i = 0; i < json_array_size(roles); i++) {
        const json_t *ids = json_object_get(json_array_get(roles, i), "keyids");
        if (index_of(ids, id) < json_array_size(ids))
            return true;
    }
    return false;
}

RESULT tuf_repository_remove_key(struct tuf_repository *repository, const char *role,
                                 const struct public_key *key, struct explanation *why)
{
    char id[65];
    struct repository_role *delegator = NULL;
    GUARD(tuf_repository_key_id(key, id, why));
    struct repository_signers signers = repository_signers_of(repository, role, false);
    json_t *ids = json_object_get(signers.role, "keyids");
    if (index_of(ids, id) == json_array_size(ids))
        return explain(why, ERROR_NOT_FOUND, "the key %.8s is none of the role %s", id, role);
    GUARD(stage_signers(repository, role, &delegator, &signers, why));
    ids = json_object_get(signers.role, "keyids");
    json_array_remove(ids, index_of(ids, id));
    const json_t *body = body_of(delegator->staged);
    const json_t *roles = tuf_is_top_level(role)
                              ? json_object_get(body, "roles")
                              : json_object_get(json_object_get(body, "delegations"), "roles");
    if (!is_used(roles, id))
        json_object_del(signers.keys, id);
    return repository_save_staged(repository, delegator, why);
}

RESULT tuf_repository_set_threshold(struct tuf_repository *repository, const char *role,
                                    uint64_t threshold, struct explanation *why)
{
    struct repository_role *delegator = NULL;
    struct repository_signers signers;
    if (threshold < 1 || threshold > LIMIT_TUF_KEYS)
        return explain(why, ERROR_FORMAT, "a threshold is a number from 1 to %d",
                       (int)LIMIT_TUF_KEYS);
    GUARD(stage_signers(repository, role, &delegator, &signers, why));
    if (json_object_set_new(signers.role, "threshold", json_integer((json_int_t)threshold)) != 0)
        return repository_out_of_memory(why);
    return repository_save_staged(repository, delegator, why);
}

/* --- signatures ------------------------------------------------------------------------------ */

static RESULT count_in(struct arena *arena, const json_t *document,
                       struct repository_signers signers, struct tuf_keys *keys,
                       size_t *ret_count, struct explanation *why)
{
    struct tuf_signers who = {0};
    struct tuf_signatures signatures = {0};
    uint8_t *canonical = NULL;
    size_t size = 0;
    GUARD(tuf_keys_read(arena, signers.keys, keys, why));
    GUARD(tuf_signers_read(arena, signers.role, keys, &who, why));
    GUARD(tuf_signatures_read(arena, json_object_get(document, "signatures"), &signatures, why));
    struct result result = metadata_json_canonical(body_of(document), &canonical, &size);
    if (!result_is_ok(result))
        return repository_out_of_memory(why);
    *ret_count = tuf_signers_count(&who, &signatures, canonical, size);
    free(canonical);
    return RESULT_OK;
}

RESULT repository_count_signed(const json_t *document, struct repository_signers signers,
                               size_t *ret_count, struct explanation *why)
{
    struct arena *arena = arena_new(LIMIT_TUF_MEMORY_BYTES);
    struct tuf_keys keys = {0};
    if (arena == NULL)
        return repository_out_of_memory(why);
    struct result result = count_in(arena, document, signers, &keys, ret_count, why);
    tuf_keys_free(&keys);
    arena_free(arena);
    return result;
}

/* In place of one by the same key. */
static RESULT put_signature(json_t *document, const char *id, const char *hex,
                            struct explanation *why)
{
    json_t *signatures = json_object_get(document, "signatures");
    for (size_t i = 0; i < json_array_size(signatures); i++) {
        const json_t *row = json_array_get(signatures, i);
        if (string_equal(json_string_value(json_object_get(row, "keyid")), id)) {
            json_array_remove(signatures, i);
            break;
        }
    }
    if (json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", id, "sig", hex)) != 0)
        return repository_out_of_memory(why);
    return RESULT_OK;
}

RESULT repository_add_signature(json_t *document, struct repository_signers signers,
                                const struct private_key *key, bool *ret_is_signer,
                                struct explanation *why)
{
    char id[65];
    uint8_t signature[SIGNATURE_BYTES_MAX];
    char hex[2 * SIGNATURE_BYTES_MAX + 1];
    uint8_t *canonical = NULL;
    size_t size = 0;
    size_t signature_size = 0;
    const json_t *ids = json_object_get(signers.role, "keyids");
    GUARD(tuf_repository_key_id(private_key_public(key), id, why));
    *ret_is_signer = index_of(ids, id) < json_array_size(ids);
    if (!*ret_is_signer)
        return RESULT_OK;
    if (!result_is_ok(metadata_json_canonical(body_of(document), &canonical, &size)))
        return repository_out_of_memory(why);
    struct result result = private_key_sign(key, canonical, size, signature, &signature_size, why);
    free(canonical);
    GUARD(result);
    hex_encode(signature, signature_size, hex);
    return put_signature(document, id, hex, why);
}

RESULT tuf_repository_sign(struct tuf_repository *repository, const char *role,
                           const struct private_key *key, struct explanation *why)
{
    struct repository_role *row = repository_role_of(repository, role);
    bool is_signer = false;
    if (row == NULL || row->staged == NULL)
        return explain(why, ERROR_STATE, "nothing is staged of the role %s", role);
    GUARD(repository_add_signature(row->staged, repository_signers_of(repository, role, false), key,
                                   &is_signer, why));
    /* A new root needs the keys of the one before, too. */
    if (!is_signer && repository_type(role) == TUF_ROOT)
        GUARD(repository_add_signature(row->staged, repository_signers_of(repository, role, true),
                                       key, &is_signer, why));
    if (!is_signer)
        return explain(why, ERROR_STATE, "the key is none of the role %s", role);
    return repository_save_staged(repository, row, why);
}

bool tuf_repository_role_at(const struct tuf_repository *repository, size_t index,
                            struct tuf_repository_role *ret_role)
{
    if (index >= repository->role_count)
        return false;
    const struct repository_role *role = &repository->roles[index];
    struct repository_signers signers = repository_signers_of(repository, role->name, false);
    size_t count = 0;
    /* What cannot be counted has no signature that counts. */
    if (role->staged != NULL)
        result_ignore(repository_count_signed(role->staged, signers, &count, NULL));
    *ret_role = (struct tuf_repository_role){
        .name = role->name,
        .version = role->current == NULL ? 0 : repository_version(role->current),
        .expires = json_string_value(json_object_get(body_of(role->current), "expires")),
        .staged_version = role->staged == NULL ? 0 : repository_version(role->staged),
        .staged_signed = count,
        .threshold = (uint64_t)json_integer_value(json_object_get(signers.role, "threshold")),
        .key_count = json_array_size(json_object_get(signers.role, "keyids")),
    };
    return true;
}
