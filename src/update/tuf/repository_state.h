// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the repository*.c share, and nobody else includes. */
#include "base/limits.h"
#include "update/tuf/repository.h"
#include "update/tuf/store_memory.h"

#include <jansson.h>

/* Documents are whole: {"signed": ..., "signatures": ...}. At least one of the two is there. */
struct repository_role {
    char name[LIMIT_TUF_ROLE_NAME_BYTES + 1];
    json_t *current; /* as it is published */
    json_t *staged;  /* as it will be */
};

struct tuf_repository {
    int metadata; /* folders */
    int targets;
    int staging;
    uint64_t now_s;
    struct repository_role *roles;
    size_t role_count;
};

/* A role's key list, and the keys that it may name. */
struct repository_signers {
    json_t *role; /* "keyids", "threshold" */
    json_t *keys;
};

struct repository_role *repository_role_of(const struct tuf_repository *repository,
                                           const char *name);
/* Adds an empty role: NULL where memory is out. */
struct repository_role *repository_role_add(struct tuf_repository *repository, const char *name);
/* The staged document, else the current one. */
json_t *repository_document(const struct repository_role *role);

/* Who may sign `name`, by what is staged or else current; with `by_current` by the published root
 * only (NULL role: nothing says so). */
struct repository_signers repository_signers_of(const struct tuf_repository *repository,
                                                const char *name, bool by_current);
/* The role whose document says who may sign `name`; NULL: none. */
struct repository_role *repository_delegator_of(const struct tuf_repository *repository,
                                                const char *name);

/* The role's staged "signed", to be edited: a copy of the current one with the next version where
 * nothing was staged, the signatures dropped, the date new. */
RESULT repository_stage(struct tuf_repository *repository, struct repository_role *role,
                        json_t **ret_body, struct explanation *why);
RESULT repository_save_staged(struct tuf_repository *repository,
                              const struct repository_role *role, struct explanation *why);

/* Good signatures of a document, each key once. */
RESULT repository_count_signed(const json_t *document, struct repository_signers signers,
                               size_t *ret_count, struct explanation *why);
RESULT repository_add_signature(json_t *document, struct repository_signers signers,
                                const struct private_key *key, bool *ret_is_signer,
                                struct explanation *why);

uint64_t repository_version(const json_t *document);
enum tuf_type repository_type(const char *role);
/* A new document without signatures: `body` is taken over. NULL where memory is out. */
json_t *repository_new_document(json_t *body);
/* The fields that every role has. */
json_t *repository_new_body(enum tuf_type type, uint64_t version, uint64_t now_s);
RESULT repository_write(int folder, const char *name, const json_t *document,
                        struct explanation *why);
/* The text as it is published; free() it. NULL where memory is out. */
char *repository_text(const json_t *document);
RESULT repository_read(int folder, const char *name, json_t **ret_document,
                       struct explanation *why);
RESULT repository_out_of_memory(struct explanation *why);
