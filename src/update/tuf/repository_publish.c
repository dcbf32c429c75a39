// SPDX-License-Identifier: Apache-2.0
/* From what is staged to what hosts fetch. */
#include "base/bytes.h"
#include "update/tuf/client.h"
#include "update/tuf/repository_state.h"
#include "update/tuf/store_folder.h"

#include <inttypes.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct plan {
    struct tuf_repository *repository;
    const struct private_key *const *keys;
    size_t key_count;
    json_t *snapshot; /* whole documents; NULL: the published one stays */
    json_t *timestamp;
    struct tuf_memory *files; /* what will be written, by name */
};

/* --- what the staged roles still need -------------------------------------------------------- */

static RESULT check_signed(const json_t *document, struct repository_signers signers,
                           const char *role, const char *whose, struct explanation *why)
{
    size_t count = 0;
    GUARD(repository_count_signed(document, signers, &count, why));
    uint64_t needed = (uint64_t)json_integer_value(json_object_get(signers.role, "threshold"));
    if (count < needed)
        return explain(why, ERROR_STATE, "nothing is published: %s has %zu of the %" PRIu64
                       " signatures by %s keys that it needs; sign it and publish again", role,
                       count, needed, whose);
    return RESULT_OK;
}

static RESULT check_roles(const struct tuf_repository *repository, struct explanation *why)
{
    for (size_t i = 0; i < repository->role_count; i++) {
        const struct repository_role *role = &repository->roles[i];
        enum tuf_type type = repository_type(role->name);
        if (type == TUF_SNAPSHOT || type == TUF_TIMESTAMP)
            continue; /* made now */
        struct repository_signers signers = repository_signers_of(repository, role->name, false);
        if (signers.role == NULL)
            return explain(why, ERROR_STATE, "nothing is published: nobody delegates to the role "
                           "%s, and a role that was published cannot go", role->name);
        GUARD(check_signed(repository_document(role), signers, role->name, "its", why));
        if (type == TUF_ROOT && role->staged != NULL && role->current != NULL)
            GUARD(check_signed(role->staged, repository_signers_of(repository, role->name, true),
                               role->name, "the published root's", why));
    }
    return RESULT_OK;
}

/* --- snapshot and timestamp ------------------------------------------------------------------ */

static RESULT plan_file(struct plan *plan, const char *name, const json_t *document,
                        struct explanation *why)
{
    char *text = repository_text(document);
    struct result result =
        text == NULL ? result_fail(ERROR_MEMORY)
                     : tuf_memory_put(plan->files, name, text, strlen(text));
    free(text);
    return result_is_ok(result) ? RESULT_OK : repository_out_of_memory(why);
}

/* A row of "meta": version, length and hash of the document as it is published. */
static json_t *file_row(const json_t *document)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof digest + 1];
    char *text = repository_text(document);
    if (text == NULL)
        return NULL;
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)text, strlen(text));
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, hex);
    json_t *row = json_pack("{s:I, s:I, s:{s:s}}", "version",
                            (json_int_t)repository_version(document), "length",
                            (json_int_t)strlen(text), "hashes", "sha256", hex);
    free(text);
    return row;
}

static RESULT sign_with_all(struct plan *plan, json_t *document, const char *role,
                            struct explanation *why)
{
    struct repository_signers signers = repository_signers_of(plan->repository, role, false);
    for (size_t i = 0; i < plan->key_count; i++) {
        bool is_signer = false;
        GUARD(repository_add_signature(document, signers, plan->keys[i], &is_signer, why));
    }
    return check_signed(document, signers, role, "its", why);
}

/* A document of snapshot or timestamp with the next version; `meta` is taken over. */
static RESULT make_document(struct plan *plan, enum tuf_type type, json_t *meta,
                            json_t **ret_document, struct explanation *why)
{
    const struct repository_role *role =
        repository_role_of(plan->repository, tuf_type_text(type));
    uint64_t version = role == NULL ? 1 : repository_version(role->current) + 1;
    json_t *body = repository_new_body(type, version, plan->repository->now_s);
    if (body == NULL || json_object_set_new(body, "meta", meta) != 0) {
        json_decref(body);
        return repository_out_of_memory(why);
    }
    *ret_document = repository_new_document(body);
    if (*ret_document == NULL)
        return repository_out_of_memory(why);
    return sign_with_all(plan, *ret_document, tuf_type_text(type), why);
}

static bool is_anything_staged(const struct tuf_repository *repository)
{
    for (size_t i = 0; i < repository->role_count; i++)
        if (repository->roles[i].staged != NULL)
            return true;
    return false;
}

/* Also where its keys changed: a host may have dropped the old one. */
static bool is_snapshot_needed(const struct tuf_repository *repository)
{
    const struct repository_role *snapshot = repository_role_of(repository, "snapshot");
    uint64_t end_s = 0;
    if (snapshot == NULL || is_anything_staged(repository))
        return true;
    const json_t *expires =
        json_object_get(json_object_get(snapshot->current, "signed"), "expires");
    return !tuf_date_parse(json_string_value(expires), &end_s)
           || end_s <= repository->now_s + 2 * TUF_LIFETIME_S[TUF_TIMESTAMP];
}

static RESULT plan_snapshot(struct plan *plan, struct explanation *why)
{
    const struct tuf_repository *repository = plan->repository;
    char name[TUF_FILE_NAME_BYTES];
    if (!is_snapshot_needed(repository))
        return RESULT_OK;
    json_t *meta = json_object();
    for (size_t i = 0; i < repository->role_count; i++) {
        const struct repository_role *role = &repository->roles[i];
        if (repository_type(role->name) != TUF_TARGETS)
            continue;
        tuf_file_name(role->name, 0, name);
        if (json_object_set_new(meta, name, file_row(repository_document(role))) != 0) {
            json_decref(meta);
            return repository_out_of_memory(why);
        }
    }
    GUARD(make_document(plan, TUF_SNAPSHOT, meta, &plan->snapshot, why));
    tuf_file_name("snapshot", repository_version(plan->snapshot), name);
    return plan_file(plan, name, plan->snapshot, why);
}

static RESULT plan_timestamp(struct plan *plan, struct explanation *why)
{
    const struct repository_role *current = repository_role_of(plan->repository, "snapshot");
    const json_t *snapshot = plan->snapshot != NULL ? plan->snapshot : current->current;
    json_t *meta = json_pack("{s:o}", "snapshot.json", file_row(snapshot));
    GUARD(make_document(plan, TUF_TIMESTAMP, meta, &plan->timestamp, why));
    return plan_file(plan, "timestamp.json", plan->timestamp, why);
}

static RESULT plan_staged(struct plan *plan, struct explanation *why)
{
    for (size_t i = 0; i < plan->repository->role_count; i++) {
        const struct repository_role *role = &plan->repository->roles[i];
        char name[TUF_FILE_NAME_BYTES];
        if (role->staged == NULL)
            continue;
        tuf_file_name(role->name, repository_version(role->staged), name);
        GUARD(plan_file(plan, name, role->staged, why));
    }
    return RESULT_OK;
}

/* --- as a host would see it ------------------------------------------------------------------ */

static RESULT give_planned(struct plan *plan, struct tuf_client *client, const char *name,
                           struct explanation *why)
{
    const uint8_t *data = NULL;
    size_t size = 0;
    if (tuf_memory_get(plan->files, name, &data, &size))
        return tuf_client_give(client, data, size, why);
    const struct tuf_store store = tuf_store_folder(&plan->repository->metadata);
    uint8_t *stored = NULL;
    struct result loaded =
        store.load(store.context, name, LIMIT_TUF_TARGETS_BYTES, &stored, &size);
    if (!result_is_ok(loaded))
        return tuf_client_give_absent(client, why);
    struct result result = tuf_client_give(client, stored, size, why);
    free(stored);
    return result;
}

static RESULT follow(struct plan *plan, const struct tuf_store *store, struct explanation *why)
{
    const struct repository_role *root = repository_role_of(plan->repository, "root");
    char *anchor = repository_text(root->current != NULL ? root->current : root->staged);
    struct tuf_client *client = NULL;
    struct tuf_wanted wanted;
    if (anchor == NULL)
        return repository_out_of_memory(why);
    struct result result = tuf_client_new(store, anchor, strlen(anchor), &client, why);
    free(anchor);
    GUARD(result);
    result = tuf_client_refresh(client, plan->repository->now_s, why);
    while (result_is_ok(result) && tuf_client_wants(client, &wanted))
        result = give_planned(plan, client, wanted.name, why);
    const struct tuf_report *report = tuf_client_report(client);
    if (result_is_ok(result) && report->outcome != TUF_CURRENT)
        result = explain(why, ERROR_STATE, "nothing is published, hosts could not follow: %.500s",
                         report->why.text);
    tuf_client_free(client);
    return result;
}

static RESULT check_as_host(struct plan *plan, struct explanation *why)
{
    struct tuf_memory *memory = tuf_memory_new();
    if (memory == NULL)
        return repository_out_of_memory(why);
    const struct tuf_store store = tuf_store_memory(memory);
    struct result result = follow(plan, &store, why);
    tuf_memory_free(memory);
    return result;
}

/* --- writing --------------------------------------------------------------------------------- */

/* What has a version in its name first, then the root, whose keys the timestamp may need. */
static unsigned rank_of(const char *name)
{
    if (string_equal(name, "timestamp.json"))
        return 2;
    return string_ends_with(name, ".root.json") ? 1 : 0;
}

static RESULT write_files(struct plan *plan, struct explanation *why)
{
    const struct tuf_store store = tuf_store_folder(&plan->repository->metadata);
    for (unsigned rank = 0; rank <= 2; rank++) {
        const char *name;
        for (size_t i = 0; (name = tuf_memory_name(plan->files, i)) != NULL; i++) {
            const uint8_t *data = NULL;
            size_t size = 0;
            if (rank_of(name) != rank || !tuf_memory_get(plan->files, name, &data, &size))
                continue;
            struct result saved = store.save(store.context, name, data, size);
            if (!result_is_ok(saved))
                return explain(why, saved.error, "metadata/%s: writing failed: %s; publish again",
                               name, result_text(saved));
        }
    }
    return RESULT_OK;
}

static RESULT settle_role(struct tuf_repository *repository, struct repository_role *role,
                          struct explanation *why)
{
    const struct tuf_store store = tuf_store_folder(&repository->staging);
    char name[TUF_FILE_NAME_BYTES];
    if (role->staged == NULL)
        return RESULT_OK;
    json_decref(role->current);
    role->current = role->staged;
    role->staged = NULL;
    tuf_file_name(role->name, 0, name);
    struct result removed = store.remove(store.context, name);
    if (!result_is_ok(removed))
        return explain(why, removed.error, "all is published, but staged/%s cannot be removed: %s",
                       name, result_text(removed));
    return RESULT_OK;
}

static RESULT settle_made(struct tuf_repository *repository, const char *name, json_t **document,
                          struct explanation *why)
{
    struct repository_role *role = repository_role_of(repository, name);
    if (*document == NULL)
        return RESULT_OK;
    if (role == NULL)
        role = repository_role_add(repository, name);
    if (role == NULL)
        return repository_out_of_memory(why);
    json_decref(role->current);
    role->current = *document;
    *document = NULL;
    return RESULT_OK;
}

static RESULT carry_out(struct plan *plan, struct explanation *why)
{
    struct tuf_repository *repository = plan->repository;
    GUARD(check_roles(repository, why));
    GUARD(plan_staged(plan, why));
    GUARD(plan_snapshot(plan, why));
    GUARD(plan_timestamp(plan, why));
    GUARD(check_as_host(plan, why));
    GUARD(write_files(plan, why));
    for (size_t i = 0; i < repository->role_count; i++)
        GUARD(settle_role(repository, &repository->roles[i], why));
    GUARD(settle_made(repository, "snapshot", &plan->snapshot, why));
    return settle_made(repository, "timestamp", &plan->timestamp, why);
}

RESULT tuf_repository_publish(struct tuf_repository *repository,
                              const struct private_key *const *keys, size_t key_count,
                              struct explanation *why)
{
    struct plan plan = {.repository = repository, .keys = keys, .key_count = key_count,
                        .files = tuf_memory_new()};
    if (plan.files == NULL)
        return repository_out_of_memory(why);
    struct result result = carry_out(&plan, why);
    json_decref(plan.snapshot);
    json_decref(plan.timestamp);
    tuf_memory_free(plan.files);
    return result;
}
