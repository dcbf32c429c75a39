// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/metadata.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "update/tuf/metadata_json.h"
#include "update/tuf/path.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static const char *const TYPE_TEXTS[TUF_TYPE_COUNT] = {"root", "timestamp", "snapshot", "targets"};

const char *tuf_type_text(enum tuf_type type) { return TYPE_TEXTS[type]; }

bool tuf_is_top_level(const char *role)
{
    for (unsigned i = 0; i < TUF_TYPE_COUNT; i++)
        if (string_equal(role, TYPE_TEXTS[i]))
            return true;
    return false;
}

/* --- dates ----------------------------------------------------------------------------------- */

static bool read_digits(const char *text, size_t count, unsigned *ret_number)
{
    *ret_number = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *ret_number = 10 * *ret_number + (unsigned)(text[i] - '0');
    }
    return true;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint64_t days_before(unsigned year)
{
    uint64_t past = year - 1;
    return 365 * past + past / 4 - past / 100 + past / 400;
}

bool tuf_date_parse(const char *text, uint64_t *ret_s)
{
    static const char FORM[] = "0000-00-00T00:00:00Z";
    static const unsigned DAYS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second;
    if (strlen(text) != sizeof FORM - 1)
        return false;
    for (size_t i = 0; i < sizeof FORM - 1; i++)
        if (FORM[i] != '0' && text[i] != FORM[i])
            return false;
    if (!read_digits(text, 4, &year) || !read_digits(text + 5, 2, &month)
        || !read_digits(text + 8, 2, &day) || !read_digits(text + 11, 2, &hour)
        || !read_digits(text + 14, 2, &minute) || !read_digits(text + 17, 2, &second))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59
        || second > 59 || day > DAYS[month - 1] + (month == 2 && is_leap(year)))
        return false;
    uint64_t days = days_before(year) - days_before(1970) + day - 1;
    for (unsigned i = 1; i < month; i++)
        days += DAYS[i - 1] + (i == 2 && is_leap(year));
    *ret_s = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

/* --- hashes ---------------------------------------------------------------------------------- */

bool tuf_hashes_are_said(const struct tuf_hashes *hashes)
{
    return hashes->has_sha256 || hashes->has_sha512;
}

bool tuf_hashes_match(const struct tuf_hashes *hashes, const void *data, size_t size)
{
    uint8_t digest[SHA512_DIGEST_LENGTH];
    SHA2_CTX context;
    if (hashes->has_sha256) {
        SHA256Init(&context);
        SHA256Update(&context, data, size);
        SHA256Final(digest, &context);
        if (memcmp(digest, hashes->sha256, sizeof hashes->sha256) != 0)
            return false;
    }
    if (hashes->has_sha512) {
        SHA512Init(&context);
        SHA512Update(&context, data, size);
        SHA512Final(digest, &context);
        if (memcmp(digest, hashes->sha512, sizeof hashes->sha512) != 0)
            return false;
    }
    return tuf_hashes_are_said(hashes);
}

static RESULT read_hashes(const json_t *object, struct tuf_hashes *ret_hashes,
                          struct explanation *why)
{
    const json_t *sha256 = json_object_get(object, "sha256");
    const json_t *sha512 = json_object_get(object, "sha512");
    if (!json_is_object(object) || (sha256 != NULL && !json_is_string(sha256))
        || (sha512 != NULL && !json_is_string(sha512)))
        return explain(why, ERROR_FORMAT, "\"hashes\" is not an object of strings");
    ret_hashes->has_sha256 = sha256 != NULL;
    ret_hashes->has_sha512 = sha512 != NULL;
    if ((sha256 != NULL
         && !tuf_hex_decode(json_string_value(sha256), ret_hashes->sha256,
                            sizeof ret_hashes->sha256))
        || (sha512 != NULL
            && !tuf_hex_decode(json_string_value(sha512), ret_hashes->sha512,
                               sizeof ret_hashes->sha512)))
        return explain(why, ERROR_FORMAT, "a hash is not lower-case hexadecimal of its size");
    if (!tuf_hashes_are_said(ret_hashes))
        return explain(why, ERROR_UNSUPPORTED, "\"hashes\" has neither sha256 nor sha512");
    return RESULT_OK;
}

/* An integer from `least`. */
static RESULT read_number(const json_t *object, const char *name, int64_t least,
                          uint64_t *ret_number, struct explanation *why)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < least)
        return explain(why, ERROR_FORMAT, "\"%s\" is not an integer of at least %d", name,
                       (int)least);
    *ret_number = (uint64_t)json_integer_value(value);
    return RESULT_OK;
}

/* --- timestamp and snapshot ------------------------------------------------------------------ */

static RESULT read_file(struct tuf_metadata *metadata, const char *name, const json_t *object,
                        struct explanation *why)
{
    struct tuf_file *file = &metadata->files[metadata->file_count++];
    if (!string_ends_with(name, ".json")
        || strlen(name) > LIMIT_TUF_ROLE_NAME_BYTES + strlen(".json"))
        return explain(why, ERROR_FORMAT, "\"meta\" lists \"%.80s\", which is no name of a "
                       "metadata file of at most %d bytes before \".json\"", name,
                       (int)LIMIT_TUF_ROLE_NAME_BYTES);
    file->name = arena_copy(metadata->arena, name, strlen(name));
    if (file->name == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    file->length = TUF_LENGTH_UNSAID;
    GUARD(read_number(object, "version", 1, &file->version, why));
    if (json_object_get(object, "length") != NULL)
        GUARD(read_number(object, "length", 0, &file->length, why));
    const json_t *hashes = json_object_get(object, "hashes");
    if (hashes != NULL)
        GUARD(read_hashes(hashes, &file->hashes, why));
    return RESULT_OK;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct tuf_file *)a)->name, ((const struct tuf_file *)b)->name);
}

static RESULT read_files(struct tuf_metadata *metadata, const json_t *body,
                         struct explanation *why)
{
    json_t *meta = json_object_get(body, "meta");
    size_t count = json_object_size(meta);
    if (!json_is_object(meta))
        return explain(why, ERROR_FORMAT, "\"meta\" is not an object");
    if (count > LIMIT_TUF_FILES)
        return explain(why, ERROR_LIMIT, "\"meta\" lists %zu files; at most %d are taken "
                       "(LIMIT_TUF_FILES)", count, (int)LIMIT_TUF_FILES);
    metadata->files = arena_array(metadata->arena, count + 1, sizeof *metadata->files);
    if (metadata->files == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    const char *name;
    json_t *value;
    json_object_foreach(meta, name, value)
        GUARD(read_file(metadata, name, value, why));
    qsort(metadata->files, metadata->file_count, sizeof *metadata->files, compare_files);
    if (metadata->type == TUF_TIMESTAMP
        && (count != 1 || !string_equal(metadata->files[0].name, "snapshot.json")))
        return explain(why, ERROR_FORMAT, "\"meta\" must list snapshot.json and nothing else");
    return RESULT_OK;
}

/* --- targets --------------------------------------------------------------------------------- */

static RESULT read_custom(struct tuf_metadata *metadata, const json_t *custom,
                          const char **ret_text, struct explanation *why)
{
    uint8_t *text = NULL;
    size_t size = 0;
    if (!json_is_object(custom))
        return explain(why, ERROR_FORMAT, "\"custom\" is not an object");
    struct result result = metadata_json_canonical(custom, &text, &size);
    if (!result_is_ok(result))
        return explain(why, result.error, "\"custom\" cannot be written as canonical JSON");
    *ret_text = arena_copy(metadata->arena, text, size);
    free(text);
    return *ret_text == NULL ? explain(why, ERROR_MEMORY, "memory is out") : RESULT_OK;
}

static RESULT read_target(struct tuf_metadata *metadata, const char *path, const json_t *object,
                          struct explanation *why)
{
    struct tuf_target *target = &metadata->targets[metadata->target_count++];
    if (strlen(path) > LIMIT_TUF_PATH_BYTES)
        return explain(why, ERROR_LIMIT, "a target's path has more than %d bytes "
                       "(LIMIT_TUF_PATH_BYTES)", (int)LIMIT_TUF_PATH_BYTES);
    target->path = arena_copy(metadata->arena, path, strlen(path));
    if (target->path == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    GUARD(read_number(object, "length", 0, &target->length, why));
    struct result hashes = read_hashes(json_object_get(object, "hashes"), &target->hashes, why);
    /* Hashes that we cannot compute cost this target; it cannot be had. */
    if (!result_is_ok(hashes) && hashes.error != ERROR_UNSUPPORTED)
        return hashes;
    const json_t *custom = json_object_get(object, "custom");
    return custom == NULL ? RESULT_OK : read_custom(metadata, custom, &target->custom, why);
}

static int compare_targets(const void *a, const void *b)
{
    return strcmp(((const struct tuf_target *)a)->path, ((const struct tuf_target *)b)->path);
}

static RESULT read_strings(struct tuf_metadata *metadata, const json_t *array, const char *name,
                           const char ***ret_rows, size_t *ret_count, struct explanation *why)
{
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count > LIMIT_TUF_PATTERNS)
        return explain(why, ERROR_FORMAT, "\"%s\" is not a list of at most %d (LIMIT_TUF_PATTERNS)",
                       name, (int)LIMIT_TUF_PATTERNS);
    const char **rows = arena_array(metadata->arena, count + 1, sizeof *rows);
    if (rows == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (text == NULL || strlen(text) > LIMIT_TUF_PATH_BYTES)
            return explain(why, ERROR_FORMAT, "\"%s\" holds something that is not a string of at "
                           "most %d bytes", name, (int)LIMIT_TUF_PATH_BYTES);
        rows[i] = arena_copy(metadata->arena, text, strlen(text));
        if (rows[i] == NULL)
            return explain(why, ERROR_MEMORY, "memory is out");
    }
    *ret_rows = rows;
    *ret_count = count;
    return RESULT_OK;
}

static RESULT read_delegation(struct tuf_metadata *metadata, const json_t *object,
                              struct explanation *why)
{
    struct tuf_delegation *row = &metadata->delegations[metadata->delegation_count];
    const char *name = json_string_value(json_object_get(object, "name"));
    const json_t *paths = json_object_get(object, "paths");
    const json_t *prefixes = json_object_get(object, "path_hash_prefixes");
    const json_t *terminating = json_object_get(object, "terminating");
    if (name == NULL || name[0] == '\0' || strlen(name) > LIMIT_TUF_ROLE_NAME_BYTES
        || tuf_is_top_level(name))
        return explain(why, ERROR_FORMAT, "a delegated role must have a name of 1 to %d bytes that "
                       "no top-level role has", (int)LIMIT_TUF_ROLE_NAME_BYTES);
    for (size_t i = 0; i < metadata->delegation_count; i++)
        if (string_equal(metadata->delegations[i].name, name))
            return explain(why, ERROR_FORMAT, "the role \"%.80s\" is delegated to twice", name);
    if (paths != NULL && prefixes != NULL)
        return explain(why, ERROR_FORMAT, "the delegation to \"%.80s\" has \"paths\" and "
                       "\"path_hash_prefixes\"", name);
    if (terminating != NULL && !json_is_boolean(terminating))
        return explain(why, ERROR_FORMAT, "\"terminating\" is neither true nor false");
    row->is_terminating = json_is_true(terminating);
    row->name = arena_copy(metadata->arena, name, strlen(name));
    if (row->name == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    if (paths != NULL)
        GUARD(read_strings(metadata, paths, "paths", &row->paths, &row->path_count, why));
    if (prefixes != NULL)
        GUARD(read_strings(metadata, prefixes, "path_hash_prefixes", &row->hash_prefixes,
                           &row->hash_prefix_count, why));
    GUARD(tuf_signers_read(metadata->arena, object, &metadata->keys, &row->signers, why));
    metadata->delegation_count++;
    return RESULT_OK;
}

static RESULT read_delegations(struct tuf_metadata *metadata, const json_t *object,
                               struct explanation *why)
{
    const json_t *roles = json_object_get(object, "roles");
    size_t count = json_array_size(roles);
    if (!json_is_array(roles))
        return explain(why, ERROR_FORMAT, "\"delegations\" has no list \"roles\"");
    if (count > LIMIT_TUF_DELEGATIONS)
        return explain(why, ERROR_LIMIT, "it delegates to %zu roles; at most %d are taken "
                       "(LIMIT_TUF_DELEGATIONS)", count, (int)LIMIT_TUF_DELEGATIONS);
    metadata->delegations =
        arena_array(metadata->arena, count + 1, sizeof *metadata->delegations);
    if (metadata->delegations == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    GUARD(tuf_keys_read(metadata->arena, json_object_get(object, "keys"), &metadata->keys, why));
    for (size_t i = 0; i < count; i++)
        GUARD(read_delegation(metadata, json_array_get(roles, i), why));
    return RESULT_OK;
}

static RESULT read_targets(struct tuf_metadata *metadata, const json_t *body,
                           struct explanation *why)
{
    json_t *targets = json_object_get(body, "targets");
    const json_t *delegations = json_object_get(body, "delegations");
    if (!json_is_object(targets))
        return explain(why, ERROR_FORMAT, "\"targets\" is not an object");
    metadata->targets =
        arena_array(metadata->arena, json_object_size(targets) + 1, sizeof *metadata->targets);
    if (metadata->targets == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    const char *path;
    json_t *value;
    json_object_foreach(targets, path, value)
        GUARD(read_target(metadata, path, value, why));
    qsort(metadata->targets, metadata->target_count, sizeof *metadata->targets, compare_targets);
    return delegations == NULL ? RESULT_OK : read_delegations(metadata, delegations, why);
}

/* --- root ------------------------------------------------------------------------------------ */

static RESULT read_root(struct tuf_metadata *metadata, const json_t *body,
                        struct explanation *why)
{
    const json_t *consistent = json_object_get(body, "consistent_snapshot");
    const json_t *roles = json_object_get(body, "roles");
    if (consistent != NULL && !json_is_boolean(consistent))
        return explain(why, ERROR_FORMAT, "\"consistent_snapshot\" is neither true nor false");
    metadata->is_consistent = json_is_true(consistent);
    GUARD(tuf_keys_read(metadata->arena, json_object_get(body, "keys"), &metadata->keys, why));
    for (unsigned i = 0; i < TUF_TYPE_COUNT; i++) {
        const json_t *role = json_object_get(roles, TYPE_TEXTS[i]);
        if (!json_is_object(role))
            return explain(why, ERROR_FORMAT, "\"roles\" has no role \"%s\"", TYPE_TEXTS[i]);
        GUARD(tuf_signers_read(metadata->arena, role, &metadata->keys, &metadata->roles[i], why));
    }
    return RESULT_OK;
}

/* --- any file -------------------------------------------------------------------------------- */

/* "1.N" or "1.N.N": what is incompatible gets another first number (semver). */
static bool is_our_version(const char *text)
{
    if (text == NULL || !string_starts_with(text, "1."))
        return false;
    size_t dots = 0;
    for (const char *at = text + 2; *at != '\0'; at++) {
        bool is_dot = *at == '.';
        if (!is_dot && (*at < '0' || *at > '9'))
            return false;
        if (is_dot && (at[-1] == '.' || ++dots > 1))
            return false;
    }
    return !string_ends_with(text, ".");
}

static RESULT read_common(struct tuf_metadata *metadata, const json_t *body,
                          struct explanation *why)
{
    const char *type = json_string_value(json_object_get(body, "_type"));
    const char *version = json_string_value(json_object_get(body, "spec_version"));
    const char *expires = json_string_value(json_object_get(body, "expires"));
    if (type == NULL || !string_equal(type, TYPE_TEXTS[metadata->type]))
        return explain(why, ERROR_FORMAT, "\"_type\" is not \"%s\"", TYPE_TEXTS[metadata->type]);
    if (!is_our_version(version))
        return explain(why, ERROR_UNSUPPORTED, "\"spec_version\" is not 1.x");
    if (expires == NULL || !tuf_date_parse(expires, &metadata->expires_s))
        return explain(why, ERROR_FORMAT,
                       "\"expires\" is not a date of the form YYYY-MM-DDTHH:MM:SSZ");
    metadata->expires = arena_copy(metadata->arena, expires, strlen(expires));
    if (metadata->expires == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    return read_number(body, "version", 1, &metadata->version, why);
}

static size_t bytes_max_of(enum tuf_type type)
{
    static const size_t BYTES_MAX[TUF_TYPE_COUNT] = {
        LIMIT_TUF_ROOT_BYTES, LIMIT_TUF_TIMESTAMP_BYTES, LIMIT_TUF_SNAPSHOT_BYTES,
        LIMIT_TUF_TARGETS_BYTES};
    return BYTES_MAX[type];
}

static RESULT open_document(struct tuf_metadata *metadata, struct explanation *why)
{
    const json_t *body = json_object_get(metadata->document, "signed");
    if (!json_is_object(body))
        return explain(why, ERROR_FORMAT, "it has no object \"signed\"");
    GUARD(tuf_signatures_read(metadata->arena, json_object_get(metadata->document, "signatures"),
                              &metadata->signatures, why));
    struct result canonical =
        metadata_json_canonical(body, &metadata->canonical, &metadata->canonical_size);
    if (!result_is_ok(canonical))
        return explain(why, canonical.error, canonical.error == ERROR_FORMAT
                       ? "a number is not an integer" : "memory is out");
    return RESULT_OK;
}

static struct tuf_metadata *new_metadata(const void *data, size_t size, enum tuf_type type)
{
    struct tuf_metadata *metadata = calloc(1, sizeof *metadata);
    if (metadata == NULL)
        return NULL;
    metadata->type = type;
    metadata->size = size;
    metadata->arena = arena_new(LIMIT_TUF_MEMORY_BYTES);
    if (metadata->arena != NULL)
        metadata->data = (const uint8_t *)arena_copy(metadata->arena, data, size);
    if (metadata->data == NULL) {
        tuf_metadata_free(metadata);
        return NULL;
    }
    return metadata;
}

RESULT tuf_metadata_open(const void *data, size_t size, enum tuf_type type,
                         struct tuf_metadata **ret_metadata, struct explanation *why)
{
    if (size > bytes_max_of(type))
        return explain(why, ERROR_LIMIT, "it has %zu bytes; at most %zu are taken", size,
                       bytes_max_of(type));
    struct tuf_metadata *metadata = new_metadata(data, size, type);
    if (metadata == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = metadata_json_read(data, size, &metadata->document, why);
    if (result_is_ok(result))
        result = open_document(metadata, why);
    if (!result_is_ok(result)) {
        tuf_metadata_free(metadata);
        return result;
    }
    *ret_metadata = metadata;
    return RESULT_OK;
}

RESULT tuf_metadata_read(struct tuf_metadata *metadata, struct explanation *why)
{
    const json_t *body = json_object_get(metadata->document, "signed");
    GUARD(read_common(metadata, body, why));
    if (metadata->type == TUF_ROOT)
        GUARD(read_root(metadata, body, why));
    else if (metadata->type == TUF_TARGETS)
        GUARD(read_targets(metadata, body, why));
    else
        GUARD(read_files(metadata, body, why));
    json_decref(metadata->document);
    metadata->document = NULL;
    return RESULT_OK;
}

void tuf_metadata_free(struct tuf_metadata *metadata)
{
    if (metadata == NULL)
        return;
    json_decref(metadata->document);
    tuf_keys_free(&metadata->keys);
    free(metadata->canonical);
    arena_free(metadata->arena);
    free(metadata);
}

bool tuf_metadata_is_signed(const struct tuf_metadata *metadata, const struct tuf_signers *signers)
{
    return tuf_signers_count(signers, &metadata->signatures, metadata->canonical,
                             metadata->canonical_size)
           >= signers->threshold;
}

const struct tuf_file *tuf_metadata_file(const struct tuf_metadata *metadata, const char *name)
{
    const struct tuf_file wanted = {.name = name};
    return bsearch(&wanted, metadata->files, metadata->file_count, sizeof wanted, compare_files);
}

const struct tuf_target *tuf_metadata_target(const struct tuf_metadata *metadata, const char *path)
{
    const struct tuf_target wanted = {.path = path};
    return bsearch(&wanted, metadata->targets, metadata->target_count, sizeof wanted,
                   compare_targets);
}

bool tuf_delegation_covers(const struct tuf_delegation *delegation, const char *path)
{
    char hash[65];
    for (size_t i = 0; i < delegation->path_count; i++)
        if (tuf_path_matches(delegation->paths[i], path))
            return true;
    if (delegation->hash_prefix_count > 0)
        tuf_path_hash(path, hash);
    for (size_t i = 0; i < delegation->hash_prefix_count; i++)
        if (string_starts_with(hash, delegation->hash_prefixes[i]))
            return true;
    return false;
}
