// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/fake_repository.h"

#include "base/bytes.h"
#include "update/tuf/metadata_json.h"

#include <inttypes.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct fake_role *role_of(struct fake_repository *fake, const char *name)
{
    for (size_t i = 0; i < fake->role_count; i++)
        if (string_equal(fake->roles[i].name, name))
            return &fake->roles[i];
    abort();
}

json_t *fake_body(struct fake_repository *fake, const char *role)
{
    return role_of(fake, role)->body;
}

static void digest_of(const void *data, size_t size, char out[65])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, out);
}

void fake_key_id(const json_t *key, char out_id[65])
{
    uint8_t *canonical = NULL;
    size_t size = 0;
    require(result_is_ok(metadata_json_canonical(key, &canonical, &size)));
    digest_of(canonical, size, out_id);
    free(canonical);
}

json_t *fake_key_object(const struct fake_repository *fake, unsigned key, char out_id[65])
{
    uint8_t raw[ED25519_KEY_BYTES];
    char hex[2 * sizeof raw + 1];
    require(result_is_ok(
        public_key_to_ed25519(private_key_public(fake->keys[key]), raw, NULL)));
    hex_encode(raw, sizeof raw, hex);
    json_t *object = json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519",
                               "keyval", "public", hex);
    fake_key_id(object, out_id);
    return object;
}

/* --- who signs ------------------------------------------------------------------------------- */

static void set_keys(const struct fake_repository *fake, json_t *role, json_t *keys,
                     unsigned signers, int threshold)
{
    json_t *ids = json_array();
    for (unsigned i = 0; i < FAKE_KEYS; i++) {
        char id[65];
        if ((signers >> i & 1) == 0)
            continue;
        json_t *object = fake_key_object(fake, i, id);
        require(json_object_set_new(keys, id, object) == 0
                && json_array_append_new(ids, json_string(id)) == 0);
    }
    require(json_object_set_new(role, "keyids", ids) == 0
            && json_object_set_new(role, "threshold", json_integer(threshold)) == 0);
}

void fake_set_signers(struct fake_repository *fake, const char *role, unsigned keys, int threshold)
{
    json_t *root = fake_body(fake, "root");
    set_keys(fake, json_object_get(json_object_get(root, "roles"), role),
             json_object_get(root, "keys"), keys, threshold);
    role_of(fake, role)->signers = keys;
}

static struct fake_role *add_role(struct fake_repository *fake, const char *name, json_t *body,
                                  unsigned signers)
{
    require(fake->role_count < FAKE_ROLES && body != NULL);
    struct fake_role *role = &fake->roles[fake->role_count++];
    *role = (struct fake_role){.body = body, .signers = signers};
    require(string_copy(role->name, sizeof role->name, name));
    return role;
}

static json_t *new_body(const char *type)
{
    return json_pack("{s:s, s:s, s:i, s:s}", "_type", type, "spec_version", "1.0.34", "version", 1,
                     "expires", FAKE_EXPIRES);
}

static json_t *new_targets(void)
{
    json_t *body = new_body("targets");
    require(json_object_set_new(body, "targets", json_object()) == 0);
    return body;
}

json_t *fake_delegate(struct fake_repository *fake, const char *delegator, const char *role,
                      unsigned key, const char *paths, const char *pattern)
{
    json_t *body = fake_body(fake, delegator);
    json_t *delegations = json_object_get(body, "delegations");
    if (delegations == NULL) {
        delegations = json_pack("{s:{}, s:[]}", "keys", "roles");
        require(json_object_set_new(body, "delegations", delegations) == 0);
    }
    json_t *row = json_pack("{s:s, s:b, s:[s]}", "name", role, "terminating", 0, paths, pattern);
    require(json_array_append_new(json_object_get(delegations, "roles"), row) == 0);
    set_keys(fake, row, json_object_get(delegations, "keys"), 1U << key, 1);
    for (size_t i = 0; i < fake->role_count; i++)
        if (string_equal(fake->roles[i].name, role))
            return row;
    add_role(fake, role, new_targets(), 1U << key);
    return row;
}

void fake_add_target(struct fake_repository *fake, const char *role, const char *path,
                     const char *content)
{
    char hash[65];
    digest_of(content, strlen(content), hash);
    json_t *row = json_pack("{s:I, s:{s:s}}", "length", (json_int_t)strlen(content), "hashes",
                            "sha256", hash);
    require(json_object_set_new(json_object_get(fake_body(fake, role), "targets"), path, row) == 0);
}

/* --- publishing ------------------------------------------------------------------------------ */

char *fake_sign(const struct fake_repository *fake, const json_t *body, unsigned signers)
{
    uint8_t *canonical = NULL;
    size_t size = 0;
    json_t *rows = json_array();
    require(result_is_ok(metadata_json_canonical(body, &canonical, &size)));
    for (unsigned i = 0; i < FAKE_KEYS; i++) {
        uint8_t signature[SIGNATURE_BYTES_MAX];
        char hex[2 * ED25519_SIGNATURE_BYTES + 1];
        char id[65];
        size_t signature_size = 0;
        if ((signers >> i & 1) == 0)
            continue;
        json_decref(fake_key_object(fake, i, id));
        require(result_is_ok(private_key_sign(fake->keys[i], canonical, size, signature,
                                              &signature_size, NULL)));
        hex_encode(signature, signature_size, hex);
        json_array_append_new(rows, json_pack("{s:s, s:s}", "keyid", id, "sig", hex));
    }
    free(canonical);
    json_t *document = json_pack("{s:O, s:o}", "signed", body, "signatures", rows);
    char *text = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    require(text != NULL);
    return text;
}

void fake_put(struct fake_repository *fake, const char *name, const char *text)
{
    require(result_is_ok(tuf_memory_put(fake->files, name, text, strlen(text) + 1)));
}

/* A published file has a 0 behind it that is not served. */
const char *fake_get(const struct fake_repository *fake, const char *name)
{
    const uint8_t *data = NULL;
    size_t size = 0;
    return tuf_memory_get(fake->files, name, &data, &size) ? (const char *)data : NULL;
}

static void list(const struct fake_repository *fake, json_t *meta, const char *file,
                 const json_t *body, const char *text)
{
    char hash[65];
    json_t *row =
        json_pack("{s:I}", "version", json_integer_value(json_object_get(body, "version")));
    if (fake->with_hashes) {
        digest_of(text, strlen(text), hash);
        json_object_set_new(row, "length", json_integer((json_int_t)strlen(text)));
        json_object_set_new(row, "hashes", json_pack("{s:s}", "sha256", hash));
    }
    require(json_object_set_new(meta, file, row) == 0);
}

void fake_publish(struct fake_repository *fake, const char *role)
{
    struct fake_role *row = role_of(fake, role);
    json_int_t version = json_integer_value(json_object_get(row->body, "version"));
    char name[TUF_FILE_NAME_BYTES];
    if (row->is_published)
        json_object_set_new(row->body, "version", json_integer(++version));
    row->is_published = true;
    char *text = fake_sign(fake, row->body, row->signers);
    bool is_timestamp = string_equal(role, "timestamp");
    tuf_file_name(role, is_timestamp ? 0 : (uint64_t)version, name);
    fake_put(fake, name, text);
    char file[LIMIT_TUF_ROLE_NAME_BYTES + 8];
    (void)string_format(file, sizeof file, "%s.json", role);
    if (string_equal(role, "snapshot"))
        list(fake, json_object_get(fake_body(fake, "timestamp"), "meta"), file, row->body, text);
    else if (!is_timestamp && !string_equal(role, "root"))
        list(fake, json_object_get(fake_body(fake, "snapshot"), "meta"), file, row->body, text);
    free(text);
}

void fake_publish_all(struct fake_repository *fake)
{
    fake_publish(fake, "targets");
    fake_publish(fake, "snapshot");
    fake_publish(fake, "timestamp");
}

struct fake_repository *fake_repository_new(void)
{
    struct fake_repository *fake = calloc(1, sizeof *fake);
    require(fake != NULL);
    fake->files = tuf_memory_new();
    require(fake->files != NULL);
    for (unsigned i = 0; i < FAKE_KEYS; i++) {
        const uint8_t seed[ED25519_KEY_BYTES] = {(uint8_t)(i + 1)};
        require(result_is_ok(private_key_from_ed25519(seed, &fake->keys[i], NULL)));
    }
    json_t *root = new_body("root");
    json_object_set_new(root, "consistent_snapshot", json_true());
    json_object_set_new(root, "keys", json_object());
    json_object_set_new(root, "roles", json_pack("{s:{}, s:{}, s:{}, s:{}}", "root", "timestamp",
                                                 "snapshot", "targets"));
    add_role(fake, "root", root, 1);
    static const char *const LISTING[] = {"timestamp", "snapshot"};
    for (unsigned i = 0; i < 2; i++) {
        json_t *body = new_body(LISTING[i]);
        json_object_set_new(body, "meta", json_object());
        add_role(fake, LISTING[i], body, 2U << i);
    }
    add_role(fake, "targets", new_targets(), 8);
    for (size_t i = 0; i < fake->role_count; i++)
        fake_set_signers(fake, fake->roles[i].name, 1U << i, 1);
    fake_publish(fake, "root");
    fake_publish_all(fake);
    return fake;
}

void fake_repository_free(struct fake_repository *fake)
{
    for (size_t i = 0; i < fake->role_count; i++)
        json_decref(fake->roles[i].body);
    for (unsigned i = 0; i < FAKE_KEYS; i++)
        private_key_free(fake->keys[i]);
    tuf_memory_free(fake->files);
    free(fake);
}

/* --- serving --------------------------------------------------------------------------------- */

RESULT fake_serve(struct fake_repository *fake, struct tuf_client *client,
                  struct explanation *why)
{
    struct tuf_wanted wanted;
    fake->asked[0] = '\0';
    while (tuf_client_wants(client, &wanted)) {
        size_t size = strlen(fake->asked);
        (void)string_format(fake->asked + size, sizeof fake->asked - size, "%s ", wanted.name);
        const char *text = fake_get(fake, wanted.name);
        if (text == NULL)
            GUARD(tuf_client_give_absent(client, why));
        else
            GUARD(tuf_client_give(client, text, strlen(text), why));
    }
    return RESULT_OK;
}

enum tuf_outcome fake_refresh(struct fake_repository *fake, struct tuf_client *client,
                              uint64_t now_s)
{
    require(result_is_ok(tuf_client_refresh(client, now_s, NULL)));
    require(result_is_ok(fake_serve(fake, client, NULL)));
    return tuf_client_report(client)->outcome;
}

enum tuf_outcome fake_find(struct fake_repository *fake, struct tuf_client *client,
                           const char *path)
{
    require(result_is_ok(tuf_client_find(client, path, NULL)));
    require(result_is_ok(fake_serve(fake, client, NULL)));
    return tuf_client_report(client)->outcome;
}
