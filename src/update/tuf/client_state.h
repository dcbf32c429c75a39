// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What client.c (the refresh) and client_search.c (the search) share, and nobody else includes. */
#include "update/tuf/client.h"

enum client_step {
    STEP_REST,
    STEP_ROOT,
    STEP_TIMESTAMP,
    STEP_SNAPSHOT,
    STEP_TARGETS,
    STEP_DELEGATED
};

/* A role that is still to be looked into; both belong to a role that was. */
struct pending {
    const struct tuf_delegation *delegation;
    const struct tuf_metadata *delegator;
};

struct search {
    char path[LIMIT_TUF_PATH_BYTES + 1];
    struct pending *stack;
    size_t count;
    size_t capacity;
    struct tuf_metadata *roles[LIMIT_TUF_SEARCH_ROLES]; /* looked into, in that order */
    const char *names[LIMIT_TUF_SEARCH_ROLES];
    size_t role_count;
    struct pending current; /* whose file is wanted */
    const struct tuf_target *target;
    const char *target_role;
};

struct tuf_client {
    const struct tuf_store *store;
    struct tuf_metadata *trusted[TUF_TYPE_COUNT];
    /* Snapshot and targets are those that the file above lists; else they only guard against
     * versions that go back. */
    bool is_listed[TUF_TYPE_COUNT];
    uint64_t now_s;
    unsigned rotations;
    enum client_step step;
    struct tuf_wanted wanted;
    struct tuf_report report;
    struct explanation reason; /* of the refusal that is being made */
    struct search search;
};

/* --- ends: each stops what is under way --- */
void client_end(struct tuf_client *client, enum tuf_outcome outcome);
/* The same with the file that ended it; all return RESULT_OK: it is the repository's failure, not
 * ours. client_refuse(client, refusal, format, ...) says what is wrong with the file. */
#define client_refuse(client, refusal, ...)                                  \
    (result_ignore(explain(&(client)->reason, ERROR_FORMAT, __VA_ARGS__)),   \
     client_refuse_for_reason(client, refusal))
struct result client_refuse_for_reason(struct tuf_client *client, enum tuf_refusal refusal);
struct result client_expire(struct tuf_client *client, const struct tuf_metadata *metadata);

/* Wants "VERSION.ROLE.json" next. */
struct result client_want(struct tuf_client *client, enum client_step step, const char *role,
                          uint64_t version, uint64_t bytes_max);

/*
 * Makes metadata of bytes that `signers` must have signed (in the order length, hash, signature,
 * version: sections 5.5 and 5.6): NULL in *ret_metadata, and refused, where they are not what
 * `listed` (NULL: nothing is listed) says. `file` names it in the report.
 */
RESULT client_accept(struct tuf_client *client, const void *data, size_t size, enum tuf_type type,
                     const struct tuf_signers *signers, const struct tuf_file *listed,
                     struct tuf_metadata **ret_metadata, struct explanation *why);
/* The same for what the store has under the role's name, in silence: NULL where it is not good. */
RESULT client_load(struct tuf_client *client, const char *role, enum tuf_type type,
                   const struct tuf_signers *signers, struct tuf_metadata **ret_metadata,
                   struct explanation *why);
bool client_is_listed(const struct tuf_metadata *metadata, const struct tuf_file *listed);
RESULT client_save(struct tuf_client *client, const char *role,
                   const struct tuf_metadata *metadata, struct explanation *why);

void search_reset(struct search *search);
RESULT search_give(struct tuf_client *client, const void *data, size_t size,
                   struct explanation *why);
