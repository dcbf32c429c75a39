// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The publisher's side of TUF: a repository of plain static files with consistent snapshots
 * (specification 1.0.34, section 6), for any web server. In a library of its own that only
 * publishers' tools link.
 *
 *   FOLDER/metadata/    what hosts fetch: 1.root.json ... timestamp.json
 *   FOLDER/targets/     what they are about: DIR/HASH.NAME
 *   FOLDER/staged/      the next root, targets and delegated roles, while they are edited and
 *                       collect signatures; nobody fetches it
 *
 * Keys may be in many hands and offline: whoever holds one opens the repository (or a copy of it),
 * signs what is staged and hands the staged files on. Every edit of a staged role drops its
 * signatures. Publishing makes snapshot and timestamp, checks the whole by the very client that
 * hosts run, from the root that they trust now, and only then writes, the timestamp last: a
 * repository that no host could follow is never there.
 *
 * Roles are called "root", "timestamp", "snapshot", "targets" or as they were delegated. A
 * repository is edited by one process at a time.
 */
#include "base/result.h"
#include "update/signature/sign.h"
#include "update/tuf/metadata.h"

struct tuf_repository;

/* How long metadata is in date after it was made; by its type. */
extern const uint64_t TUF_LIFETIME_S[TUF_TYPE_COUNT];

/* An empty repository in `folder`, which is made where it is absent: a root and targets are staged,
 * without keys. ERROR_STATE: there is one already. */
RESULT tuf_repository_create(const char *folder, uint64_t now_s,
                             struct tuf_repository **ret_repository, struct explanation *why);
/* ERROR_NOT_FOUND: there is none. */
RESULT tuf_repository_open(const char *folder, uint64_t now_s,
                           struct tuf_repository **ret_repository, struct explanation *why);
void tuf_repository_free(struct tuf_repository *repository); /* NULL is allowed */

/* --- what is staged; every edit is on the disk when it returns ------------------------------- */

/* Lets a key sign for a role, by an edit of the role that says so: the root for top-level roles.
 * ERROR_STATE: it may already. ERROR_NOT_FOUND: no such role. */
RESULT tuf_repository_add_key(struct tuf_repository *repository, const char *role,
                              const struct public_key *key, struct explanation *why);
RESULT tuf_repository_remove_key(struct tuf_repository *repository, const char *role,
                                 const struct public_key *key, struct explanation *why);
RESULT tuf_repository_set_threshold(struct tuf_repository *repository, const char *role,
                                    uint64_t threshold, struct explanation *why);

/* A role of its own for the paths that one of `patterns` covers. Names are of letters, digits,
 * ".", "-" and "_": web servers take other characters apart. */
RESULT tuf_repository_delegate(struct tuf_repository *repository, const char *delegator,
                               const char *role, const char *const *patterns,
                               size_t pattern_count, bool is_terminating,
                               struct explanation *why);

/* The file is kept under targets/ at once (nobody knows its name yet). `custom` is a JSON object
 * for those who read the metadata, or NULL. */
RESULT tuf_repository_add_target(struct tuf_repository *repository, const char *role,
                                 const char *path, const void *data, size_t size,
                                 const char *custom, struct explanation *why);
RESULT tuf_repository_remove_target(struct tuf_repository *repository, const char *role,
                                    const char *path, struct explanation *why);

/* Stages the role's next version without a change, to renew its date. */
RESULT tuf_repository_renew(struct tuf_repository *repository, const char *role,
                            struct explanation *why);

/* --- signatures ------------------------------------------------------------------------------ */

/* Signs what is staged of a role. ERROR_STATE: nothing is, or the key is none of the role's. */
RESULT tuf_repository_sign(struct tuf_repository *repository, const char *role,
                           const struct private_key *key, struct explanation *why);

struct tuf_repository_role {
    const char *name;
    uint64_t version;        /* that is published; 0: none */
    const char *expires;     /* of that one */
    uint64_t staged_version; /* 0: nothing is staged */
    uint64_t staged_signed;  /* good signatures under it, by the keys that the role has by then */
    uint64_t threshold;      /* of them must be there */
    size_t key_count;
};

/* One role after the other; false behind the last. The texts are the repository's, until it is
 * edited. */
bool tuf_repository_role_at(const struct tuf_repository *repository, size_t index,
                            struct tuf_repository_role *ret_role);

/* --- publishing ------------------------------------------------------------------------------ */

/*
 * Publishes what is staged, with a new snapshot where anything changed or the old one ends before
 * the next timestamp does, and always a new timestamp; both are signed by those of `keys` that may.
 * ERROR_STATE, with what is missing in `why` and nothing written: hosts could not follow.
 */
RESULT tuf_repository_publish(struct tuf_repository *repository,
                              const struct private_key *const *keys, size_t key_count,
                              struct explanation *why);

/* The id that metadata calls the key by: 65 bytes. */
RESULT tuf_repository_key_id(const struct public_key *key, char out[65], struct explanation *why);
