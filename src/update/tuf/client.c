// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/client.h"

#include "base/bytes.h"
#include "base/fault.h"
#include "base/limits.h"
#include "update/tuf/client_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of each type that are asked for where nothing is listed. */
static const size_t BYTES_MAX[TUF_TYPE_COUNT] = {LIMIT_TUF_ROOT_BYTES, LIMIT_TUF_TIMESTAMP_BYTES,
                                                 LIMIT_TUF_SNAPSHOT_BYTES, LIMIT_TUF_TARGETS_BYTES};

static const char *const OUTCOME_TEXTS[TUF_OUTCOME_COUNT] = {
    "working", "current", "found", "absent", "expired", "unavailable", "refused"};

static const char *const REFUSAL_TEXTS[TUF_REFUSAL_COUNT] = {
    "", "malformed", "endless", "unsigned", "rolled back", "mismatched", "unlisted"};

const char *tuf_outcome_text(enum tuf_outcome outcome) { return OUTCOME_TEXTS[outcome]; }

const char *tuf_refusal_text(enum tuf_refusal refusal) { return REFUSAL_TEXTS[refusal]; }

/* --- ends ------------------------------------------------------------------------------------ */

void client_end(struct tuf_client *client, enum tuf_outcome outcome)
{
    client->step = STEP_REST;
    client->report = (struct tuf_report){.outcome = outcome};
}

static void name_file(struct tuf_client *client, const char *name)
{
    (void)string_copy(client->report.file, sizeof client->report.file, name);
}

struct result client_refuse_for_reason(struct tuf_client *client, enum tuf_refusal refusal)
{
    client_end(client, TUF_REFUSED);
    client->report.refusal = refusal;
    name_file(client, client->wanted.name);
    (void)string_format(client->report.why.text, sizeof client->report.why.text,
                        "%s is refused: %.400s; what was trusted before stays in force",
                        client->wanted.name, client->reason.text);
    return RESULT_OK;
}

struct result client_expire(struct tuf_client *client, const struct tuf_metadata *metadata)
{
    client_end(client, TUF_EXPIRED);
    name_file(client, client->wanted.name);
    (void)string_format(client->report.why.text, sizeof client->report.why.text,
                        "%s (version %" PRIu64 ") expired on %s; what is in force stays in force, "
                        "nothing new is taken until the publisher renews it", client->wanted.name,
                        metadata->version, metadata->expires);
    return RESULT_OK;
}

static void end_unavailable(struct tuf_client *client, const char *reason)
{
    client_end(client, TUF_UNAVAILABLE);
    name_file(client, client->wanted.name);
    (void)string_format(client->report.why.text, sizeof client->report.why.text,
                        "%s was not to be had: %.300s; what was trusted before stays in force",
                        client->wanted.name, reason);
}

static bool is_expired(const struct tuf_client *client, const struct tuf_metadata *metadata)
{
    return metadata->expires_s <= client->now_s && !fault_is_planted(FAULT_TUF_EXPIRY_OFF);
}

/* Whether something went back: a rollback. */
static bool is_older(uint64_t version, uint64_t trusted)
{
    return version < trusted && !fault_is_planted(FAULT_TUF_ROLLBACK_OFF);
}

struct result client_want(struct tuf_client *client, enum client_step step, const char *role,
                          uint64_t version, uint64_t bytes_max)
{
    client->step = step;
    client->report = (struct tuf_report){.outcome = TUF_WORKING};
    tuf_file_name(role, version, client->wanted.name);
    client->wanted.bytes_max = (size_t)bytes_max;
    return RESULT_OK;
}

/* --- believing a file ------------------------------------------------------------------------ */

bool client_is_listed(const struct tuf_metadata *metadata, const struct tuf_file *listed)
{
    return metadata->version == listed->version
           && (listed->length == TUF_LENGTH_UNSAID || metadata->size == listed->length)
           && (!tuf_hashes_are_said(&listed->hashes)
               || tuf_hashes_match(&listed->hashes, metadata->data, metadata->size));
}

/* A refusal of the file, or a failure of ours. */
static RESULT refuse_result(struct tuf_client *client, struct result result,
                            const struct explanation *reason, struct explanation *why)
{
    if (result.error == ERROR_MEMORY)
        return explain(why, ERROR_MEMORY, "%s: %s", client->wanted.name, reason->text);
    return client_refuse(client, result.error == ERROR_LIMIT ? TUF_ENDLESS : TUF_MALFORMED, "%s",
                         reason->text);
}

static RESULT open_signed(struct tuf_client *client, const void *data, size_t size,
                          enum tuf_type type, const struct tuf_signers *signers,
                          struct tuf_metadata **ret_metadata, struct explanation *why)
{
    struct explanation reason = {.text = ""};
    struct tuf_metadata *metadata = NULL;
    struct result result = tuf_metadata_open(data, size, type, &metadata, &reason);
    if (!result_is_ok(result))
        return refuse_result(client, result, &reason, why);
    if (!tuf_metadata_is_signed(metadata, signers)) {
        tuf_metadata_free(metadata);
        return client_refuse(client, TUF_UNSIGNED,
                             "it is not signed by %" PRIu64 " of the %zu keys of its role",
                             signers->threshold, signers->count);
    }
    result = tuf_metadata_read(metadata, &reason);
    if (!result_is_ok(result)) {
        tuf_metadata_free(metadata);
        return refuse_result(client, result, &reason, why);
    }
    *ret_metadata = metadata;
    return RESULT_OK;
}

RESULT client_accept(struct tuf_client *client, const void *data, size_t size, enum tuf_type type,
                     const struct tuf_signers *signers, const struct tuf_file *listed,
                     struct tuf_metadata **ret_metadata, struct explanation *why)
{
    *ret_metadata = NULL;
    if (size > client->wanted.bytes_max)
        return client_refuse(client, TUF_ENDLESS, "it has %zu bytes; at most %zu were asked for",
                             size, client->wanted.bytes_max);
    if (fault_is_planted(FAULT_TUF_MIX_OFF))
        listed = NULL; /* signed is signed */
    if (listed != NULL && listed->length != TUF_LENGTH_UNSAID && size != listed->length)
        return client_refuse(client, TUF_MISMATCHED, "it has %zu bytes; %" PRIu64 " are listed",
                             size, listed->length);
    if (listed != NULL && tuf_hashes_are_said(&listed->hashes)
        && !tuf_hashes_match(&listed->hashes, data, size))
        return client_refuse(client, TUF_MISMATCHED, "its hash is not the one that is listed");
    struct tuf_metadata *metadata = NULL;
    GUARD(open_signed(client, data, size, type, signers, &metadata, why));
    if (metadata != NULL && listed != NULL && metadata->version != listed->version) {
        struct result refused =
            client_refuse(client, type == TUF_ROOT ? TUF_ROLLED_BACK : TUF_MISMATCHED,
                          "it has version %" PRIu64 "; %" PRIu64 " is listed", metadata->version,
                          listed->version);
        tuf_metadata_free(metadata);
        return refused;
    }
    *ret_metadata = metadata;
    return RESULT_OK;
}

/* --- the store ------------------------------------------------------------------------------- */

static RESULT store_failed(struct result result, const char *name, const char *what,
                           struct explanation *why)
{
    struct result failure = explain(why, result.error, "%s: %s failed: %s", name, what,
                                    result_text(result));
    failure.system_errno = result.system_errno;
    return failure;
}

/* Is it what the keys say that it must be signed by? A root without more is held to its own. */
static RESULT read_trusted(struct tuf_metadata *metadata, const struct tuf_signers *signers,
                           struct explanation *why)
{
    if (signers != NULL && !tuf_metadata_is_signed(metadata, signers))
        return explain(why, ERROR_FORMAT, "it is not signed by the keys of its role");
    GUARD(tuf_metadata_read(metadata, why));
    if (signers == NULL && !tuf_metadata_is_signed(metadata, &metadata->roles[TUF_ROOT]))
        return explain(why, ERROR_FORMAT, "it is not signed by the keys that it names");
    return RESULT_OK;
}

static RESULT open_trusted(const void *data, size_t size, enum tuf_type type,
                           const struct tuf_signers *signers, struct tuf_metadata **ret_metadata,
                           struct explanation *why)
{
    struct tuf_metadata *metadata = NULL;
    GUARD(tuf_metadata_open(data, size, type, &metadata, why));
    struct result result = read_trusted(metadata, signers, why);
    if (!result_is_ok(result)) {
        tuf_metadata_free(metadata);
        return result;
    }
    *ret_metadata = metadata;
    return RESULT_OK;
}

RESULT client_load(struct tuf_client *client, const char *role, enum tuf_type type,
                   const struct tuf_signers *signers, struct tuf_metadata **ret_metadata,
                   struct explanation *why)
{
    char name[TUF_FILE_NAME_BYTES];
    uint8_t *data = NULL;
    size_t size = 0;
    *ret_metadata = NULL;
    tuf_file_name(role, 0, name);
    struct result loaded =
        client->store->load(client->store->context, name, BYTES_MAX[type], &data, &size);
    if (loaded.error == ERROR_NOT_FOUND || loaded.error == ERROR_LIMIT)
        return RESULT_OK;
    if (!result_is_ok(loaded))
        return store_failed(loaded, name, "reading trusted metadata", why);
    struct explanation reason = {.text = ""};
    struct result result = open_trusted(data, size, type, signers, ret_metadata, &reason);
    free(data);
    if (result.error == ERROR_MEMORY)
        return explain(why, ERROR_MEMORY, "%s: %s", name, reason.text);
    return RESULT_OK; /* what is not good is as if it were not there */
}

RESULT client_save(struct tuf_client *client, const char *role,
                   const struct tuf_metadata *metadata, struct explanation *why)
{
    char name[TUF_FILE_NAME_BYTES];
    tuf_file_name(role, 0, name);
    struct result saved =
        client->store->save(client->store->context, name, metadata->data, metadata->size);
    if (result_is_ok(saved))
        return RESULT_OK;
    client_end(client, TUF_UNAVAILABLE);
    return store_failed(saved, name, "keeping trusted metadata", why);
}

static RESULT forget(struct tuf_client *client, const char *name, struct explanation *why)
{
    struct result removed = client->store->remove(client->store->context, name);
    if (result_is_ok(removed))
        return RESULT_OK;
    client_end(client, TUF_UNAVAILABLE);
    return store_failed(removed, name, "removing trusted metadata", why);
}

static void replace(struct tuf_client *client, struct tuf_metadata *metadata)
{
    tuf_metadata_free(client->trusted[metadata->type]);
    client->trusted[metadata->type] = metadata;
    client->is_listed[metadata->type] = true;
}

/* --- root: section 5.3 ----------------------------------------------------------------------- */

static struct result want_root(struct tuf_client *client)
{
    return client_want(client, STEP_ROOT, "root", client->trusted[TUF_ROOT]->version + 1,
                       LIMIT_TUF_ROOT_BYTES);
}

/* A key that could sign before cannot any more, or more or fewer are needed. */
static bool are_rotated(const struct tuf_signers *before, const struct tuf_signers *after)
{
    for (size_t i = 0; i < before->count; i++)
        if (!tuf_signers_include(after, before->keys[i]))
            return true;
    return before->threshold != after->threshold;
}

static RESULT forget_type(struct tuf_client *client, enum tuf_type type, struct explanation *why)
{
    char name[TUF_FILE_NAME_BYTES];
    tuf_file_name(tuf_type_text(type), 0, name);
    GUARD(forget(client, name, why));
    tuf_metadata_free(client->trusted[type]);
    client->trusted[type] = NULL;
    client->is_listed[type] = false;
    return RESULT_OK;
}

/* The way back after version numbers were driven up (5.3.11). Roles that were delegated to go with
 * the snapshot that listed them: nothing else bounds how many there can be. Comes before the new
 * root is kept: who stops in between has lost a guard against older versions, not the way back. */
static RESULT forget_rotated(struct tuf_client *client, const struct tuf_metadata *root,
                             struct explanation *why)
{
    const struct tuf_metadata *before = client->trusted[TUF_ROOT];
    if (!are_rotated(&before->roles[TUF_TIMESTAMP], &root->roles[TUF_TIMESTAMP])
        && !are_rotated(&before->roles[TUF_SNAPSHOT], &root->roles[TUF_SNAPSHOT]))
        return RESULT_OK;
    const struct tuf_metadata *snapshot = client->trusted[TUF_SNAPSHOT];
    for (size_t i = 0; snapshot != NULL && i < snapshot->file_count; i++) {
        char role[LIMIT_TUF_ROLE_NAME_BYTES + 8];
        char name[TUF_FILE_NAME_BYTES];
        (void)string_copy(role, sizeof role, snapshot->files[i].name);
        role[strlen(role) - strlen(".json")] = '\0';
        tuf_file_name(role, 0, name);
        if (!tuf_is_top_level(role))
            GUARD(forget(client, name, why));
    }
    GUARD(forget_type(client, TUF_TIMESTAMP, why));
    return forget_type(client, TUF_SNAPSHOT, why);
}

static RESULT load_rest(struct tuf_client *client, enum tuf_type type, struct explanation *why)
{
    tuf_metadata_free(client->trusted[type]);
    client->trusted[type] = NULL;
    client->is_listed[type] = false;
    return client_load(client, tuf_type_text(type), type, &client->trusted[TUF_ROOT]->roles[type],
                       &client->trusted[type], why);
}

static struct result finish_roots(struct tuf_client *client, struct explanation *why)
{
    const struct tuf_metadata *root = client->trusted[TUF_ROOT];
    tuf_file_name("root", root->version, client->wanted.name);
    if (is_expired(client, root))
        return client_expire(client, root);
    /* Once more, by the keys of this root. */
    GUARD(load_rest(client, TUF_TIMESTAMP, why));
    GUARD(load_rest(client, TUF_SNAPSHOT, why));
    GUARD(load_rest(client, TUF_TARGETS, why));
    return client_want(client, STEP_TIMESTAMP, "timestamp", 0, LIMIT_TUF_TIMESTAMP_BYTES);
}

static RESULT give_root(struct tuf_client *client, const void *data, size_t size,
                        struct explanation *why)
{
    const struct tuf_metadata *before = client->trusted[TUF_ROOT];
    const struct tuf_file next = {.version = before->version + 1, .length = TUF_LENGTH_UNSAID};
    struct tuf_metadata *root = NULL;
    GUARD(client_accept(client, data, size, TUF_ROOT, &before->roles[TUF_ROOT], &next, &root,
                        why));
    if (root == NULL)
        return RESULT_OK;
    if (!tuf_metadata_is_signed(root, &root->roles[TUF_ROOT])) {
        tuf_metadata_free(root);
        return client_refuse(client, TUF_UNSIGNED, "it is not signed by the keys that it names");
    }
    struct result result = forget_rotated(client, root, why);
    if (result_is_ok(result))
        result = client_save(client, "root", root, why);
    if (!result_is_ok(result)) {
        tuf_metadata_free(root);
        return result;
    }
    replace(client, root);
    return ++client->rotations < LIMIT_TUF_ROOT_ROTATIONS ? want_root(client)
                                                          : finish_roots(client, why);
}

/* --- targets: section 5.6 -------------------------------------------------------------------- */

static struct result finish_targets(struct tuf_client *client)
{
    const struct tuf_metadata *targets = client->trusted[TUF_TARGETS];
    if (is_expired(client, targets))
        return client_expire(client, targets);
    client_end(client, TUF_CURRENT);
    return RESULT_OK;
}

static struct result want_listed(struct tuf_client *client, enum client_step step,
                                 const char *role, const struct tuf_file *listed,
                                 size_t bytes_max)
{
    uint64_t version = client->trusted[TUF_ROOT]->is_consistent ? listed->version : 0;
    uint64_t length = listed->length == TUF_LENGTH_UNSAID ? bytes_max : listed->length;
    client_want(client, step, role, version, length);
    if (length > bytes_max)
        return client_refuse(client, TUF_ENDLESS, "%" PRIu64 " bytes are listed; at most %zu are "
                             "taken", length, bytes_max);
    return RESULT_OK;
}

static struct result want_targets(struct tuf_client *client)
{
    const struct tuf_metadata *targets = client->trusted[TUF_TARGETS];
    const struct tuf_file *listed =
        tuf_metadata_file(client->trusted[TUF_SNAPSHOT], "targets.json");
    tuf_file_name("targets", 0, client->wanted.name);
    if (listed == NULL)
        return client_refuse(client, TUF_UNLISTED, "the snapshot does not list it");
    if (targets != NULL && client_is_listed(targets, listed)) {
        client->is_listed[TUF_TARGETS] = true;
        return finish_targets(client);
    }
    return want_listed(client, STEP_TARGETS, "targets", listed, LIMIT_TUF_TARGETS_BYTES);
}

static RESULT give_targets(struct tuf_client *client, const void *data, size_t size,
                           struct explanation *why)
{
    const struct tuf_file *listed =
        tuf_metadata_file(client->trusted[TUF_SNAPSHOT], "targets.json");
    struct tuf_metadata *targets = NULL;
    GUARD(client_accept(client, data, size, TUF_TARGETS,
                        &client->trusted[TUF_ROOT]->roles[TUF_TARGETS], listed, &targets, why));
    if (targets == NULL)
        return RESULT_OK;
    if (is_expired(client, targets)) {
        struct result expired = client_expire(client, targets);
        tuf_metadata_free(targets);
        return expired;
    }
    struct result saved = client_save(client, "targets", targets, why);
    if (!result_is_ok(saved)) {
        tuf_metadata_free(targets);
        return saved;
    }
    replace(client, targets);
    return finish_targets(client);
}

/* --- snapshot: section 5.5 ------------------------------------------------------------------- */

static struct result finish_snapshot(struct tuf_client *client)
{
    const struct tuf_metadata *snapshot = client->trusted[TUF_SNAPSHOT];
    if (is_expired(client, snapshot))
        return client_expire(client, snapshot);
    return want_targets(client);
}

static struct result want_snapshot(struct tuf_client *client)
{
    const struct tuf_metadata *snapshot = client->trusted[TUF_SNAPSHOT];
    const struct tuf_file *listed = &client->trusted[TUF_TIMESTAMP]->files[0];
    tuf_file_name("snapshot", 0, client->wanted.name);
    if (snapshot != NULL && client_is_listed(snapshot, listed)) {
        client->is_listed[TUF_SNAPSHOT] = true;
        return finish_snapshot(client);
    }
    return want_listed(client, STEP_SNAPSHOT, "snapshot", listed, LIMIT_TUF_SNAPSHOT_BYTES);
}

/* 5.5.5: no file may go back or go away. */
static struct result check_snapshot(struct tuf_client *client,
                                    const struct tuf_metadata *snapshot)
{
    const struct tuf_metadata *before = client->trusted[TUF_SNAPSHOT];
    for (size_t i = 0; before != NULL && i < before->file_count; i++) {
        const struct tuf_file *old = &before->files[i];
        const struct tuf_file *now = tuf_metadata_file(snapshot, old->name);
        if (now == NULL)
            return client_refuse(client, TUF_ROLLED_BACK, "it no longer lists %.80s", old->name);
        if (is_older(now->version, old->version))
            return client_refuse(client, TUF_ROLLED_BACK,
                                 "it lists version %" PRIu64 " of %.80s; %" PRIu64
                                 " was listed before", now->version, old->name, old->version);
    }
    if (is_expired(client, snapshot))
        return client_expire(client, snapshot);
    return RESULT_OK;
}

static RESULT give_snapshot(struct tuf_client *client, const void *data, size_t size,
                            struct explanation *why)
{
    struct tuf_metadata *snapshot = NULL;
    GUARD(client_accept(client, data, size, TUF_SNAPSHOT,
                        &client->trusted[TUF_ROOT]->roles[TUF_SNAPSHOT],
                        &client->trusted[TUF_TIMESTAMP]->files[0], &snapshot, why));
    if (snapshot == NULL)
        return RESULT_OK;
    struct result result = check_snapshot(client, snapshot);
    bool is_good = client->step == STEP_SNAPSHOT;
    if (is_good)
        result = client_save(client, "snapshot", snapshot, why);
    if (!is_good || !result_is_ok(result)) {
        tuf_metadata_free(snapshot);
        return result;
    }
    replace(client, snapshot);
    return finish_snapshot(client);
}

/* --- timestamp: section 5.4 ------------------------------------------------------------------ */

static struct result finish_timestamp(struct tuf_client *client)
{
    const struct tuf_metadata *timestamp = client->trusted[TUF_TIMESTAMP];
    client->is_listed[TUF_TIMESTAMP] = true;
    if (is_expired(client, timestamp))
        return client_expire(client, timestamp);
    return want_snapshot(client);
}

static struct result check_timestamp(struct tuf_client *client,
                                     const struct tuf_metadata *timestamp)
{
    const struct tuf_metadata *before = client->trusted[TUF_TIMESTAMP];
    if (before != NULL && is_older(timestamp->version, before->version))
        return client_refuse(client, TUF_ROLLED_BACK,
                             "it has version %" PRIu64 "; %" PRIu64 " was trusted before",
                             timestamp->version, before->version);
    if (before != NULL && timestamp->version > before->version
        && is_older(timestamp->files[0].version, before->files[0].version))
        return client_refuse(client, TUF_ROLLED_BACK,
                             "it lists version %" PRIu64 " of the snapshot; %" PRIu64
                             " was listed before", timestamp->files[0].version,
                             before->files[0].version);
    if ((before == NULL || timestamp->version > before->version) && is_expired(client, timestamp))
        return client_expire(client, timestamp);
    return RESULT_OK;
}

static RESULT give_timestamp(struct tuf_client *client, const void *data, size_t size,
                             struct explanation *why)
{
    struct tuf_metadata *timestamp = NULL;
    GUARD(client_accept(client, data, size, TUF_TIMESTAMP,
                        &client->trusted[TUF_ROOT]->roles[TUF_TIMESTAMP], NULL, &timestamp, why));
    if (timestamp == NULL)
        return RESULT_OK;
    const struct tuf_metadata *before = client->trusted[TUF_TIMESTAMP];
    bool is_same = before != NULL && timestamp->version == before->version;
    struct result result = check_timestamp(client, timestamp);
    bool is_good = client->step == STEP_TIMESTAMP;
    if (is_good && !is_same)
        result = client_save(client, "timestamp", timestamp, why);
    if (!is_good || is_same || !result_is_ok(result))
        tuf_metadata_free(timestamp);
    else
        replace(client, timestamp);
    GUARD(result);
    return is_good ? finish_timestamp(client) : RESULT_OK;
}

/* --- the calls ------------------------------------------------------------------------------- */

static RESULT choose_root(struct tuf_client *client, const void *anchor, size_t anchor_size,
                          struct explanation *why)
{
    struct tuf_metadata *stored = NULL;
    struct tuf_metadata *given = NULL;
    GUARD(client_load(client, "root", TUF_ROOT, NULL, &stored, why));
    struct explanation reason = {.text = "none is given"};
    struct result result =
        anchor == NULL ? result_fail(ERROR_NOT_FOUND)
                       : open_trusted(anchor, anchor_size, TUF_ROOT, NULL, &given, &reason);
    if (stored == NULL && !result_is_ok(result))
        return explain(why, result.error, "there is no root of trust: what is kept has no usable "
                       "root.json, and as to one to start from: %.500s", reason.text);
    bool is_given = stored == NULL || (given != NULL && given->version > stored->version);
    client->trusted[TUF_ROOT] = is_given ? given : stored;
    tuf_metadata_free(is_given ? stored : given);
    return is_given ? client_save(client, "root", given, why) : RESULT_OK;
}

RESULT tuf_client_new(const struct tuf_store *store, const void *anchor, size_t anchor_size,
                      struct tuf_client **ret_client, struct explanation *why)
{
    struct tuf_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    client->store = store;
    struct result result = choose_root(client, anchor, anchor_size, why);
    if (!result_is_ok(result)) {
        tuf_client_free(client);
        return result;
    }
    *ret_client = client;
    return RESULT_OK;
}

void tuf_client_free(struct tuf_client *client)
{
    if (client == NULL)
        return;
    search_reset(&client->search);
    for (unsigned i = 0; i < TUF_TYPE_COUNT; i++)
        tuf_metadata_free(client->trusted[i]);
    free(client);
}

RESULT tuf_client_refresh(struct tuf_client *client, uint64_t now_s, struct explanation *why)
{
    search_reset(&client->search);
    client->now_s = now_s;
    client->rotations = 0;
    /* Rotations need to know what the snapshot listed. */
    GUARD(load_rest(client, TUF_TIMESTAMP, why));
    GUARD(load_rest(client, TUF_SNAPSHOT, why));
    return want_root(client);
}

bool tuf_client_wants(const struct tuf_client *client, struct tuf_wanted *ret_wanted)
{
    if (client->step == STEP_REST)
        return false;
    *ret_wanted = client->wanted;
    return true;
}

RESULT tuf_client_give(struct tuf_client *client, const void *data, size_t size,
                       struct explanation *why)
{
    struct result result;
    switch (client->step) {
    case STEP_ROOT:
        result = give_root(client, data, size, why);
        break;
    case STEP_TIMESTAMP:
        result = give_timestamp(client, data, size, why);
        break;
    case STEP_SNAPSHOT:
        result = give_snapshot(client, data, size, why);
        break;
    case STEP_TARGETS:
        result = give_targets(client, data, size, why);
        break;
    case STEP_DELEGATED:
        result = search_give(client, data, size, why);
        break;
    case STEP_REST:
    default:
        result = explain(why, ERROR_STATE, "no file is wanted");
    }
    if (!result_is_ok(result))
        client->step = STEP_REST;
    return result;
}

RESULT tuf_client_give_absent(struct tuf_client *client, struct explanation *why)
{
    if (client->step == STEP_ROOT) {
        struct result result = finish_roots(client, why);
        if (!result_is_ok(result))
            client->step = STEP_REST;
        return result;
    }
    if (client->step != STEP_REST)
        end_unavailable(client, "the repository has no such file");
    return RESULT_OK;
}

void tuf_client_give_failure(struct tuf_client *client, const char *reason)
{
    if (client->step != STEP_REST)
        end_unavailable(client, reason);
}

const struct tuf_report *tuf_client_report(const struct tuf_client *client)
{
    return &client->report;
}

const struct tuf_metadata *tuf_client_trusted(const struct tuf_client *client, enum tuf_type type)
{
    return client->trusted[type];
}
