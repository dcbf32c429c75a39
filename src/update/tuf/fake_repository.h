// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A repository for tests that can lie: bodies of metadata are JSON for the test to change, any of a
 * dozen Ed25519 keys signs any role, and what was published stays where hosts fetch until the test
 * changes that, too. Nothing in here is checked.
 */
#include "update/signature/sign.h"
#include "update/tuf/client.h"
#include "update/tuf/store_memory.h"

enum { FAKE_KEYS = 12, FAKE_ROLES = 48 };
#define FAKE_NOW_S UINT64_C(1800000000)     /* 2027-01-15 */
#define FAKE_EXPIRES "2027-06-01T00:00:00Z" /* of all that is made */

struct fake_role {
    char name[LIMIT_TUF_ROLE_NAME_BYTES + 1];
    json_t *body;
    unsigned signers; /* bit n: key n signs it */
    bool is_published;
};

struct fake_repository {
    struct private_key *keys[FAKE_KEYS];
    struct fake_role roles[FAKE_ROLES];
    size_t role_count;
    struct tuf_memory *files; /* what hosts can fetch */
    bool with_hashes;         /* lengths and hashes in snapshot and timestamp */
    char asked[2048];         /* the names that were asked for, each with a blank behind it */
};

/* Everything is there in version 1; root, timestamp, snapshot and targets are signed by the keys 0
 * to 3. Aborts where memory is out, as all of these. */
struct fake_repository *fake_repository_new(void);
void fake_repository_free(struct fake_repository *fake);

/* The body of a role ("signed"), to be changed before it is published again. */
json_t *fake_body(struct fake_repository *fake, const char *role);
/* Who may sign a role: `role` is an object of root's "roles" or of "delegations". */
void fake_set_signers(struct fake_repository *fake, const char *role, unsigned keys,
                      int threshold);
/* `delegator` delegates `paths` (or "path_hash_prefixes") to `role`, which key `key` signs. */
json_t *fake_delegate(struct fake_repository *fake, const char *delegator, const char *role,
                      unsigned key, const char *paths, const char *pattern);
void fake_add_target(struct fake_repository *fake, const char *role, const char *path,
                     const char *content);

/* Publishes the role with the next version, and tells snapshot or timestamp. */
void fake_publish(struct fake_repository *fake, const char *role);
/* Targets, snapshot and timestamp. */
void fake_publish_all(struct fake_repository *fake);
/* Changes a published file: the text is put in place of it. */
void fake_put(struct fake_repository *fake, const char *name, const char *text);
const char *fake_get(const struct fake_repository *fake, const char *name);
/* As fake_publish() signs it, without publishing; free() it. */
char *fake_sign(const struct fake_repository *fake, const json_t *body, unsigned signers);
json_t *fake_key_object(const struct fake_repository *fake, unsigned key, char out_id[65]);
void fake_key_id(const json_t *key, char out_id[65]);

/* Gives the client what it wants until it wants nothing. */
RESULT fake_serve(struct fake_repository *fake, struct tuf_client *client,
                  struct explanation *why);
enum tuf_outcome fake_refresh(struct fake_repository *fake, struct tuf_client *client,
                              uint64_t now_s);
enum tuf_outcome fake_find(struct fake_repository *fake, struct tuf_client *client,
                           const char *path);
