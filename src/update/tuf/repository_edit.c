// SPDX-License-Identifier: Apache-2.0
/* Targets and delegations of a repository. */
#include "base/bytes.h"
#include "update/tuf/metadata_json.h"
#include "update/tuf/repository_state.h"
#include "update/tuf/store_folder.h"

#include <fcntl.h>
#include <sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* --- delegations ----------------------------------------------------------------------------- */

static bool is_role_name(const char *name)
{
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t size = strlen(name);
    return size > 0 && size <= LIMIT_TUF_ROLE_NAME_BYTES && strspn(name, PLAIN) == size
           && name[0] != '.' && !tuf_is_top_level(name);
}

static RESULT find_targets_role(const struct tuf_repository *repository, const char *name,
                                struct repository_role **ret_role, struct explanation *why)
{
    *ret_role = repository_role_of(repository, name);
    if (*ret_role == NULL || repository_type(name) != TUF_TARGETS)
        return explain(why, ERROR_NOT_FOUND, "there is no role \"%.80s\" that has targets", name);
    return RESULT_OK;
}

static json_t *new_delegation(const char *name, const char *const *patterns, size_t count,
                              bool is_terminating)
{
    json_t *paths = json_array();
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(paths, json_string(patterns[i])) != 0) {
            json_decref(paths);
            return NULL;
        }
    return json_pack("{s:s, s:[], s:i, s:b, s:o}", "name", name, "keyids", "threshold", 1,
                     "terminating", (int)is_terminating, "paths", paths);
}

static RESULT add_delegation(json_t *body, json_t *delegation, struct explanation *why)
{
    json_t *delegations = json_object_get(body, "delegations");
    if (delegations == NULL) {
        delegations = json_pack("{s:{}, s:[]}", "keys", "roles");
        if (json_object_set_new(body, "delegations", delegations) != 0)
            return repository_out_of_memory(why);
    }
    if (json_array_append_new(json_object_get(delegations, "roles"), delegation) != 0)
        return repository_out_of_memory(why);
    return RESULT_OK;
}

RESULT tuf_repository_delegate(struct tuf_repository *repository, const char *delegator,
                               const char *role, const char *const *patterns,
                               size_t pattern_count, bool is_terminating,
                               struct explanation *why)
{
    struct repository_role *from = NULL;
    json_t *body = NULL;
    GUARD(find_targets_role(repository, delegator, &from, why));
    if (!is_role_name(role))
        return explain(why, ERROR_FORMAT, "\"%.80s\" cannot be a role's name: 1 to %d letters, "
                       "digits, \".\", \"-\" and \"_\", no dot first, none of root, timestamp, "
                       "snapshot, targets", role, (int)LIMIT_TUF_ROLE_NAME_BYTES);
    if (repository_role_of(repository, role) != NULL)
        return explain(why, ERROR_STATE, "there is a role \"%s\" already", role);
    GUARD(repository_stage(repository, from, &body, why));
    json_t *row = new_delegation(role, patterns, pattern_count, is_terminating);
    GUARD(add_delegation(body, row, why));
    GUARD(repository_save_staged(repository, from, why));
    struct repository_role *to = repository_role_add(repository, role);
    json_t *first = repository_new_body(TUF_TARGETS, 1, repository->now_s);
    if (to == NULL || json_object_set_new(first, "targets", json_object()) != 0)
        return repository_out_of_memory(why);
    to->staged = repository_new_document(first);
    return to->staged == NULL ? repository_out_of_memory(why)
                              : repository_save_staged(repository, to, why);
}

/* --- targets --------------------------------------------------------------------------------- */

/* Opens the folder that `path` lies in, below targets/, and makes what is missing. */
static RESULT open_target_folder(int targets, const char *path, int *ret_folder,
                                 struct explanation *why)
{
    int folder = openat(targets, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *slash; folder >= 0 && (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        char name[LIMIT_TUF_PATH_BYTES + 1];
        (void)string_format(name, sizeof name, "%.*s", (int)(slash - path), path);
        int next = -1;
        if (mkdirat(folder, name, 0755) == 0 || errno == EEXIST)
            next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int failure = errno;
        close(folder);
        errno = failure;
        folder = next;
    }
    if (folder < 0)
        return explain_errno(why, "targets/%s: its folder cannot be made", path);
    *ret_folder = folder;
    return RESULT_OK;
}

static RESULT write_target(int targets, const char *path, const char *hash, const void *data,
                           size_t size, struct explanation *why)
{
    char name[LIMIT_TUF_PATH_BYTES + 80];
    const char *slash = strrchr(path, '/');
    int folder = -1;
    GUARD(open_target_folder(targets, path, &folder, why));
    (void)string_format(name, sizeof name, "%s.%s", hash, slash == NULL ? path : slash + 1);
    const struct tuf_store store = tuf_store_folder(&folder);
    struct result saved = store.save(store.context, name, data, size);
    close(folder);
    if (!result_is_ok(saved))
        return explain(why, saved.error, "targets/%s: writing failed: %s", path,
                       result_text(saved));
    return RESULT_OK;
}

static void hash_of(const void *data, size_t size, char out[65])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, data, size);
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, out);
}

static RESULT read_custom(const char *custom, json_t **ret_custom, struct explanation *why)
{
    struct explanation reason = {.text = "it is no object"};
    json_t *value = NULL;
    struct result result = metadata_json_read(custom, strlen(custom), &value, &reason);
    if (!result_is_ok(result) || !json_is_object(value)) {
        json_decref(value);
        return explain(why, ERROR_FORMAT, "what is said of a target must be a JSON object: %.200s",
                       reason.text);
    }
    *ret_custom = value;
    return RESULT_OK;
}

RESULT tuf_repository_add_target(struct tuf_repository *repository, const char *role,
                                 const char *path, const void *data, size_t size,
                                 const char *custom, struct explanation *why)
{
    struct repository_role *row = NULL;
    json_t *body = NULL;
    json_t *said = NULL;
    char hash[65];
    GUARD(find_targets_role(repository, role, &row, why));
    if (!tuf_path_is_plain(path))
        return explain(why, ERROR_FORMAT, "\"%.80s\" is not a path below the folder of targets",
                       path);
    if (custom != NULL)
        GUARD(read_custom(custom, &said, why));
    hash_of(data, size, hash);
    json_t *target = json_pack("{s:I, s:{s:s}, s:o*}", "length", (json_int_t)size, "hashes",
                               "sha256", hash, "custom", said);
    if (target == NULL)
        return repository_out_of_memory(why);
    struct result result = write_target(repository->targets, path, hash, data, size, why);
    if (result_is_ok(result))
        result = repository_stage(repository, row, &body, why);
    if (result_is_ok(result)
        && json_object_set(json_object_get(body, "targets"), path, target) != 0)
        result = repository_out_of_memory(why);
    json_decref(target);
    GUARD(result);
    return repository_save_staged(repository, row, why);
}

RESULT tuf_repository_remove_target(struct tuf_repository *repository, const char *role,
                                    const char *path, struct explanation *why)
{
    struct repository_role *row = NULL;
    json_t *body = NULL;
    GUARD(find_targets_role(repository, role, &row, why));
    json_t *document = repository_document(row);
    if (json_object_get(json_object_get(json_object_get(document, "signed"), "targets"), path)
        == NULL)
        return explain(why, ERROR_NOT_FOUND, "the role %s has no target %.200s", role, path);
    GUARD(repository_stage(repository, row, &body, why));
    json_object_del(json_object_get(body, "targets"), path);
    return repository_save_staged(repository, row, why);
}

RESULT tuf_repository_renew(struct tuf_repository *repository, const char *role,
                            struct explanation *why)
{
    struct repository_role *row = repository_role_of(repository, role);
    json_t *body = NULL;
    if (row == NULL || repository_type(role) == TUF_SNAPSHOT
        || repository_type(role) == TUF_TIMESTAMP)
        return explain(why, ERROR_NOT_FOUND, "there is no role \"%.80s\" that is staged: snapshot "
                       "and timestamp are made when you publish", role);
    GUARD(repository_stage(repository, row, &body, why));
    return repository_save_staged(repository, row, why);
}
