// SPDX-License-Identifier: Apache-2.0
/* Which role says what a path stands for: sections 5.6.7 and 5.7. */
#include "update/tuf/client.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "update/tuf/client_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void search_reset(struct search *search)
{
    for (size_t i = 0; i < search->role_count; i++)
        tuf_metadata_free(search->roles[i]);
    free(search->stack);
    *search = (struct search){0};
}

static RESULT push(struct search *search, struct pending pending, struct explanation *why)
{
    if (search->count == search->capacity) {
        size_t capacity = search->capacity == 0 ? 16 : 2 * search->capacity;
        struct pending *stack = reallocarray(search->stack, capacity, sizeof *stack);
        if (stack == NULL)
            return explain(why, ERROR_MEMORY, "memory is out for delegations");
        search->stack = stack;
        search->capacity = capacity;
    }
    search->stack[search->count++] = pending;
    return RESULT_OK;
}

/* Who is asked next after this role: its delegations that cover the path, first one on top. A
 * terminating one ends the list and what was still to come. */
static RESULT push_delegations(struct search *search, const struct tuf_metadata *role,
                               struct explanation *why)
{
    size_t end = role->delegation_count;
    for (size_t i = 0; i < role->delegation_count; i++) {
        const struct tuf_delegation *delegation = &role->delegations[i];
        if (delegation->is_terminating && tuf_delegation_covers(delegation, search->path)) {
            end = i + 1;
            search->count = 0;
            break;
        }
    }
    for (size_t i = end; i-- > 0;) {
        const struct tuf_delegation *delegation = &role->delegations[i];
        if (tuf_delegation_covers(delegation, search->path))
            GUARD(push(search, (struct pending){delegation, role}, why));
    }
    return RESULT_OK;
}

static bool was_visited(const struct search *search, const char *name)
{
    for (size_t i = 0; i < search->role_count; i++)
        if (string_equal(search->names[i], name))
            return true;
    return false;
}

/* Looks into a role; its delegations are next unless it knows the path itself. */
static RESULT visit(struct tuf_client *client, const struct tuf_metadata *role, const char *name,
                    struct explanation *why)
{
    struct search *search = &client->search;
    search->target = tuf_metadata_target(role, search->path);
    search->target_role = name;
    if (search->target != NULL) {
        client_end(client, TUF_FOUND);
        return RESULT_OK;
    }
    return push_delegations(search, role, why);
}

static RESULT visit_delegated(struct tuf_client *client, struct tuf_metadata *role,
                              struct explanation *why)
{
    struct search *search = &client->search;
    search->roles[search->role_count] = role;
    search->names[search->role_count++] = search->current.delegation->name;
    return visit(client, role, search->current.delegation->name, why);
}

static const struct tuf_file *listed_file(const struct tuf_client *client)
{
    char name[LIMIT_TUF_ROLE_NAME_BYTES + 8];
    (void)string_format(name, sizeof name, "%s.json", client->search.current.delegation->name);
    return tuf_metadata_file(client->trusted[TUF_SNAPSHOT], name);
}

static struct result want_delegated(struct tuf_client *client, const struct tuf_file *listed)
{
    const char *name = client->search.current.delegation->name;
    uint64_t length =
        listed->length == TUF_LENGTH_UNSAID ? LIMIT_TUF_TARGETS_BYTES : listed->length;
    client_want(client, STEP_DELEGATED, name,
                client->trusted[TUF_ROOT]->is_consistent ? listed->version : 0, length);
    if (length > LIMIT_TUF_TARGETS_BYTES)
        return client_refuse(client, TUF_ENDLESS, "%" PRIu64 " bytes are listed; at most %d are "
                             "taken", length, (int)LIMIT_TUF_TARGETS_BYTES);
    return RESULT_OK;
}

/* From the store where it is the listed one, signed for the role that leads to it now, and in
 * date; else it is wanted. */
static RESULT take_delegated(struct tuf_client *client, struct explanation *why)
{
    const struct tuf_delegation *delegation = client->search.current.delegation;
    const struct tuf_file *listed = listed_file(client);
    struct tuf_metadata *role = NULL;
    tuf_file_name(delegation->name, 0, client->wanted.name);
    if (listed == NULL)
        return client_refuse(client, TUF_UNLISTED, "the snapshot does not list it");
    GUARD(client_load(client, delegation->name, TUF_TARGETS, &delegation->signers, &role, why));
    if (role == NULL || !client_is_listed(role, listed)) {
        tuf_metadata_free(role);
        return want_delegated(client, listed);
    }
    if (role->expires_s <= client->now_s) {
        struct result expired = client_expire(client, role);
        tuf_metadata_free(role);
        return expired;
    }
    return visit_delegated(client, role, why);
}

/* Goes on until a file is wanted or the search has an end. */
static RESULT advance(struct tuf_client *client, struct explanation *why)
{
    struct search *search = &client->search;
    while (client->report.outcome == TUF_WORKING && client->step == STEP_REST) {
        if (search->count == 0 || search->role_count == LIMIT_TUF_SEARCH_ROLES) {
            bool is_cut = search->count > 0;
            client_end(client, TUF_ABSENT);
            (void)string_format(
                client->report.why.text, sizeof client->report.why.text, is_cut
                ? "%s is not found in the first %d roles (LIMIT_TUF_SEARCH_ROLES)"
                : "%s: no role that may say so knows this file", search->path,
                (int)LIMIT_TUF_SEARCH_ROLES);
            return RESULT_OK;
        }
        search->current = search->stack[--search->count];
        if (!was_visited(search, search->current.delegation->name))
            GUARD(take_delegated(client, why));
    }
    return RESULT_OK;
}

RESULT search_give(struct tuf_client *client, const void *data, size_t size,
                   struct explanation *why)
{
    const struct tuf_delegation *delegation = client->search.current.delegation;
    struct tuf_metadata *role = NULL;
    GUARD(client_accept(client, data, size, TUF_TARGETS, &delegation->signers,
                        listed_file(client), &role, why));
    if (role == NULL)
        return RESULT_OK;
    if (role->expires_s <= client->now_s) {
        struct result expired = client_expire(client, role);
        tuf_metadata_free(role);
        return expired;
    }
    struct result saved = client_save(client, delegation->name, role, why);
    if (!result_is_ok(saved)) {
        tuf_metadata_free(role);
        return saved;
    }
    client->step = STEP_REST;
    GUARD(visit_delegated(client, role, why));
    return advance(client, why);
}

RESULT tuf_client_find(struct tuf_client *client, const char *path, struct explanation *why)
{
    struct search *search = &client->search;
    if (!tuf_path_is_plain(path))
        return explain(why, ERROR_FORMAT, "\"%.80s\" is not a path below the folder of targets",
                       path);
    for (unsigned i = TUF_TIMESTAMP; i < TUF_TYPE_COUNT; i++)
        if (client->trusted[i] == NULL || !client->is_listed[i]
            || client->trusted[i]->expires_s <= client->now_s
            || client->trusted[TUF_ROOT]->expires_s <= client->now_s)
            return explain(why, ERROR_STATE, "the trusted metadata is not complete and in date; "
                           "refresh it first");
    search_reset(search);
    (void)string_copy(search->path, sizeof search->path, path);
    client->step = STEP_REST;
    client->report = (struct tuf_report){.outcome = TUF_WORKING};
    GUARD(visit(client, client->trusted[TUF_TARGETS], tuf_type_text(TUF_TARGETS), why));
    return advance(client, why);
}

const struct tuf_target *tuf_client_target(const struct tuf_client *client)
{
    return client->report.outcome == TUF_FOUND ? client->search.target : NULL;
}

const char *tuf_client_target_role(const struct tuf_client *client)
{
    return client->search.target_role;
}

void tuf_client_target_name(const struct tuf_client *client, const struct tuf_target *target,
                            char out[TUF_TARGET_NAME_BYTES])
{
    const struct tuf_hashes *hashes = &target->hashes;
    const char *slash = strrchr(target->path, '/');
    const char *name = slash == NULL ? target->path : slash + 1;
    char hash[2 * sizeof hashes->sha512 + 1];
    if (!client->trusted[TUF_ROOT]->is_consistent || !tuf_hashes_are_said(hashes)) {
        (void)string_copy(out, TUF_TARGET_NAME_BYTES, target->path);
        return;
    }
    if (hashes->has_sha256)
        hex_encode(hashes->sha256, sizeof hashes->sha256, hash);
    else
        hex_encode(hashes->sha512, sizeof hashes->sha512, hash);
    (void)string_format(out, TUF_TARGET_NAME_BYTES, "%.*s%s.%s", (int)(name - target->path),
                        target->path, hash, name);
}

bool tuf_target_matches(const struct tuf_target *target, const void *data, size_t size)
{
    return size == target->length && tuf_hashes_match(&target->hashes, data, size);
}
