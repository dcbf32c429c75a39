// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/repository.h"

#include "base/bytes.h"
#include "base/paths.h"
#include "update/tuf/metadata_json.h"
#include "update/tuf/repository_state.h"
#include "update/tuf/store_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAY_S = 24 * 3600 };

/* What is signed offline lasts; what a machine signs shows by its age that the machine is alive. */
const uint64_t TUF_LIFETIME_S[TUF_TYPE_COUNT] = {
    [TUF_ROOT] = UINT64_C(365) * DAY_S,
    [TUF_TIMESTAMP] = UINT64_C(3) * DAY_S,
    [TUF_SNAPSHOT] = UINT64_C(14) * DAY_S,
    [TUF_TARGETS] = UINT64_C(90) * DAY_S,
};

RESULT repository_out_of_memory(struct explanation *why)
{
    return explain(why, ERROR_MEMORY, "memory is out");
}

/* --- documents ------------------------------------------------------------------------------- */

uint64_t repository_version(const json_t *document)
{
    return (uint64_t)json_integer_value(
        json_object_get(json_object_get(document, "signed"), "version"));
}

enum tuf_type repository_type(const char *role)
{
    for (unsigned i = 0; i < TUF_TYPE_COUNT; i++)
        if (string_equal(role, tuf_type_text((enum tuf_type)i)))
            return (enum tuf_type)i;
    return TUF_TARGETS;
}

static json_t *new_date(uint64_t seconds)
{
    char text[24];
    time_t moment = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&moment, &parts) == NULL
        || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return NULL;
    return json_string(text);
}

json_t *repository_new_body(enum tuf_type type, uint64_t version, uint64_t now_s)
{
    return json_pack("{s:s, s:s, s:I, s:o}", "_type", tuf_type_text(type), "spec_version", "1.0.34",
                     "version", (json_int_t)version, "expires",
                     new_date(now_s + TUF_LIFETIME_S[type]));
}

json_t *repository_new_document(json_t *body)
{
    return body == NULL ? NULL : json_pack("{s:o, s:[]}", "signed", body, "signatures");
}

char *repository_text(const json_t *document)
{
    return json_dumps(document, JSON_INDENT(1) | JSON_SORT_KEYS);
}

RESULT repository_write(int folder, const char *name, const json_t *document,
                        struct explanation *why)
{
    const struct tuf_store store = tuf_store_folder(&folder);
    char *text = repository_text(document);
    if (text == NULL)
        return repository_out_of_memory(why);
    struct result saved = store.save(store.context, name, text, strlen(text));
    free(text);
    if (!result_is_ok(saved))
        return explain(why, saved.error, "%s: writing failed: %s", name, result_text(saved));
    return RESULT_OK;
}

RESULT repository_read(int folder, const char *name, json_t **ret_document,
                       struct explanation *why)
{
    const struct tuf_store store = tuf_store_folder(&folder);
    uint8_t *data = NULL;
    size_t size = 0;
    struct explanation reason = {.text = ""};
    struct result result =
        store.load(store.context, name, LIMIT_TUF_TARGETS_BYTES, &data, &size);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s: reading failed: %s", name, result_text(result));
    result = metadata_json_read(data, size, ret_document, &reason);
    free(data);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s: %s", name, reason.text);
    return RESULT_OK;
}

/* --- roles ----------------------------------------------------------------------------------- */

struct repository_role *repository_role_of(const struct tuf_repository *repository,
                                           const char *name)
{
    for (size_t i = 0; i < repository->role_count; i++)
        if (string_equal(repository->roles[i].name, name))
            return &repository->roles[i];
    return NULL;
}

struct repository_role *repository_role_add(struct tuf_repository *repository, const char *name)
{
    struct repository_role *roles =
        reallocarray(repository->roles, repository->role_count + 1, sizeof *roles);
    if (roles == NULL)
        return NULL;
    repository->roles = roles;
    struct repository_role *role = &roles[repository->role_count++];
    *role = (struct repository_role){.name = ""};
    (void)string_copy(role->name, sizeof role->name, name);
    return role;
}

json_t *repository_document(const struct repository_role *role)
{
    return role->staged != NULL ? role->staged : role->current;
}

static struct repository_role *find_or_add(struct tuf_repository *repository, const char *name)
{
    struct repository_role *role = repository_role_of(repository, name);
    return role != NULL ? role : repository_role_add(repository, name);
}

RESULT repository_save_staged(struct tuf_repository *repository,
                              const struct repository_role *role, struct explanation *why)
{
    char name[TUF_FILE_NAME_BYTES];
    tuf_file_name(role->name, 0, name);
    return repository_write(repository->staging, name, role->staged, why);
}

RESULT repository_stage(struct tuf_repository *repository, struct repository_role *role,
                        json_t **ret_body, struct explanation *why)
{
    if (role->staged == NULL) {
        role->staged = json_deep_copy(role->current);
        json_t *body = json_object_get(role->staged, "signed");
        uint64_t version = repository_version(role->current) + 1;
        if (json_object_set_new(body, "version", json_integer((json_int_t)version)) != 0)
            return repository_out_of_memory(why);
    }
    json_t *body = json_object_get(role->staged, "signed");
    uint64_t end_s = repository->now_s + TUF_LIFETIME_S[repository_type(role->name)];
    if (json_object_set_new(body, "expires", new_date(end_s)) != 0
        || json_object_set_new(role->staged, "signatures", json_array()) != 0)
        return repository_out_of_memory(why);
    *ret_body = body;
    return RESULT_OK;
}

/* --- from the disk --------------------------------------------------------------------------- */

/* The N of the newest N.root.json; 0: there is none. */
static uint64_t newest_root(int metadata)
{
    uint64_t newest = 0;
    int copy = openat(metadata, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char name[TUF_FILE_NAME_BYTES];
        uint64_t version;
        if (!string_copy(name, sizeof name, entry->d_name) || !string_ends_with(name, ".root.json"))
            continue;
        name[strlen(name) - strlen(".root.json")] = '\0';
        if (result_is_ok(number_parse(name, INT64_MAX, &version)) && version > newest)
            newest = version;
    }
    if (folder != NULL)
        closedir(folder);
    return newest;
}

static RESULT load_current(struct tuf_repository *repository, const char *role, uint64_t version,
                           struct explanation *why)
{
    char name[TUF_FILE_NAME_BYTES];
    struct repository_role *row = find_or_add(repository, role);
    if (row == NULL)
        return repository_out_of_memory(why);
    tuf_file_name(role, version, name);
    return repository_read(repository->metadata, name, &row->current, why);
}

static RESULT load_listed(struct tuf_repository *repository, struct explanation *why)
{
    const struct repository_role *snapshot = repository_role_of(repository, "snapshot");
    json_t *files = json_object_get(json_object_get(snapshot->current, "signed"), "meta");
    const char *file;
    json_t *row;
    json_object_foreach(files, file, row) {
        char role[LIMIT_TUF_ROLE_NAME_BYTES + 8];
        if (!string_ends_with(file, ".json") || !string_copy(role, sizeof role, file))
            return explain(why, ERROR_FORMAT, "the snapshot lists \"%.80s\"", file);
        role[strlen(role) - strlen(".json")] = '\0';
        uint64_t version = (uint64_t)json_integer_value(json_object_get(row, "version"));
        GUARD(load_current(repository, role, version, why));
    }
    return RESULT_OK;
}

static RESULT load_published(struct tuf_repository *repository, struct explanation *why)
{
    uint64_t root = newest_root(repository->metadata);
    if (root == 0)
        return RESULT_OK;
    GUARD(load_current(repository, "root", root, why));
    struct stat status;
    if (fstatat(repository->metadata, "timestamp.json", &status, 0) != 0 && errno == ENOENT)
        return RESULT_OK; /* the very first publishing ended after the root */
    GUARD(load_current(repository, "timestamp", 0, why));
    const json_t *timestamp = repository_role_of(repository, "timestamp")->current;
    const json_t *listed = json_object_get(
        json_object_get(json_object_get(timestamp, "signed"), "meta"), "snapshot.json");
    GUARD(load_current(repository, "snapshot",
                       (uint64_t)json_integer_value(json_object_get(listed, "version")), why));
    return load_listed(repository, why);
}

/* One that is no newer than what is published was published, by a run that was ended then. */
static RESULT load_staged_file(struct tuf_repository *repository, const char *file,
                               struct explanation *why)
{
    char role[TUF_FILE_NAME_BYTES];
    json_t *document = NULL;
    if (!string_ends_with(file, ".json") || !string_copy(role, sizeof role, file))
        return RESULT_OK;
    role[strlen(role) - strlen(".json")] = '\0';
    GUARD(repository_read(repository->staging, file, &document, why));
    struct repository_role *row = find_or_add(repository, role);
    if (row == NULL || (row->current != NULL
                        && repository_version(document) <= repository_version(row->current)))
        json_decref(document);
    else
        row->staged = document;
    return row == NULL ? repository_out_of_memory(why) : RESULT_OK;
}

static RESULT load_staged(struct tuf_repository *repository, struct explanation *why)
{
    int copy = openat(repository->staging, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (folder == NULL)
        return explain_errno(why, "the folder of staged metadata cannot be read");
    struct result result = RESULT_OK;
    for (const struct dirent *entry;
         result_is_ok(result) && (entry = readdir(folder)) != NULL;)
        result = load_staged_file(repository, entry->d_name, why);
    closedir(folder);
    return result;
}

static RESULT open_folder(const char *folder, const char *name, bool is_made, int *ret_fd,
                          struct explanation *why)
{
    char path[LIMIT_PATH_BYTES];
    if (!string_format(path, sizeof path, "%s/%s", folder, name))
        return explain(why, ERROR_LIMIT, "%s: the path is too long", folder);
    if (is_made && mkdir(path, 0755) != 0 && errno != EEXIST)
        return explain_errno(why, "%s: the folder cannot be made", path);
    *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0 && errno == ENOENT)
        return explain(why, ERROR_NOT_FOUND, "%s: there is no repository: %s/ is not there", folder,
                       name);
    if (*ret_fd < 0)
        return explain_errno(why, "%s: the folder cannot be opened", path);
    return RESULT_OK;
}

static RESULT open_folders(struct tuf_repository *repository, const char *folder, bool is_made,
                           struct explanation *why)
{
    if (is_made && mkdir(folder, 0755) != 0 && errno != EEXIST)
        return explain_errno(why, "%s: the folder cannot be made", folder);
    GUARD(open_folder(folder, "metadata", is_made, &repository->metadata, why));
    GUARD(open_folder(folder, "targets", is_made, &repository->targets, why));
    return open_folder(folder, "staged", is_made, &repository->staging, why);
}

static struct tuf_repository *new_repository(uint64_t now_s)
{
    struct tuf_repository *repository = calloc(1, sizeof *repository);
    if (repository != NULL)
        *repository = (struct tuf_repository){
            .metadata = -1, .targets = -1, .staging = -1, .now_s = now_s};
    return repository;
}

/* Top-level roles first, in the order of their types, then the others by name. */
static int compare_roles(const void *a, const void *b)
{
    const struct repository_role *left = a;
    const struct repository_role *right = b;
    bool is_top = tuf_is_top_level(left->name);
    if (is_top != tuf_is_top_level(right->name))
        return is_top ? -1 : 1;
    if (!is_top)
        return strcmp(left->name, right->name);
    return (int)repository_type(left->name) - (int)repository_type(right->name);
}

RESULT tuf_repository_open(const char *folder, uint64_t now_s,
                           struct tuf_repository **ret_repository, struct explanation *why)
{
    struct tuf_repository *repository = new_repository(now_s);
    if (repository == NULL)
        return repository_out_of_memory(why);
    struct result result = open_folders(repository, folder, false, why);
    if (result_is_ok(result))
        result = load_published(repository, why);
    if (result_is_ok(result))
        result = load_staged(repository, why);
    if (repository->role_count > 0)
        qsort(repository->roles, repository->role_count, sizeof *repository->roles, compare_roles);
    if (result_is_ok(result) && repository_role_of(repository, "root") == NULL)
        result = explain(why, ERROR_NOT_FOUND, "%s: there is no repository: no root is staged or "
                         "published", folder);
    if (!result_is_ok(result)) {
        tuf_repository_free(repository);
        return result;
    }
    *ret_repository = repository;
    return RESULT_OK;
}

/* --- a new one ------------------------------------------------------------------------------- */

static json_t *first_root(uint64_t now_s)
{
    json_t *body = repository_new_body(TUF_ROOT, 1, now_s);
    json_t *roles = json_object();
    bool is_good = body != NULL && roles != NULL;
    for (unsigned i = 0; is_good && i < TUF_TYPE_COUNT; i++)
        is_good = json_object_set_new(roles, tuf_type_text((enum tuf_type)i),
                                      json_pack("{s:[], s:i}", "keyids", "threshold", 1))
                  == 0;
    is_good = is_good && json_object_set_new(body, "consistent_snapshot", json_true()) == 0
              && json_object_set_new(body, "keys", json_object()) == 0
              && json_object_set(body, "roles", roles) == 0;
    json_decref(roles);
    if (!is_good) {
        json_decref(body);
        return NULL;
    }
    return repository_new_document(body);
}

static json_t *first_targets(uint64_t now_s)
{
    json_t *body = repository_new_body(TUF_TARGETS, 1, now_s);
    if (body == NULL || json_object_set_new(body, "targets", json_object()) != 0) {
        json_decref(body);
        return NULL;
    }
    return repository_new_document(body);
}

static RESULT stage_first(struct tuf_repository *repository, const char *name,
                          struct explanation *why)
{
    struct repository_role *role = repository_role_add(repository, name);
    if (role != NULL)
        role->staged = repository_type(name) == TUF_ROOT ? first_root(repository->now_s)
                                                         : first_targets(repository->now_s);
    if (role == NULL || role->staged == NULL)
        return repository_out_of_memory(why);
    return repository_save_staged(repository, role, why);
}

RESULT tuf_repository_create(const char *folder, uint64_t now_s,
                             struct tuf_repository **ret_repository, struct explanation *why)
{
    struct tuf_repository *repository = new_repository(now_s);
    if (repository == NULL)
        return repository_out_of_memory(why);
    struct result result = open_folders(repository, folder, true, why);
    if (result_is_ok(result))
        result = load_published(repository, why);
    if (result_is_ok(result))
        result = load_staged(repository, why);
    if (result_is_ok(result) && repository->role_count > 0)
        result = explain(why, ERROR_STATE, "%s: there is a repository already", folder);
    if (result_is_ok(result))
        result = stage_first(repository, "root", why);
    if (result_is_ok(result))
        result = stage_first(repository, "targets", why);
    if (!result_is_ok(result)) {
        tuf_repository_free(repository);
        return result;
    }
    *ret_repository = repository;
    return RESULT_OK;
}

static void close_folder(int fd)
{
    if (fd >= 0)
        close(fd);
}

void tuf_repository_free(struct tuf_repository *repository)
{
    if (repository == NULL)
        return;
    for (size_t i = 0; i < repository->role_count; i++) {
        json_decref(repository->roles[i].current);
        json_decref(repository->roles[i].staged);
    }
    free(repository->roles);
    close_folder(repository->metadata);
    close_folder(repository->targets);
    close_folder(repository->staging);
    free(repository);
}
