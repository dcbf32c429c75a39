// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One metadata file of TUF (specification 1.0.34, section 4), read under bounds. Who may rely on
 * what is in there is the client's to decide (client.h).
 *
 * Strict where two readers could differ: a date is "YYYY-MM-DDTHH:MM:SSZ" and nothing else, a
 * version is an integer from 1, no name stands twice, no delegated role is called as a top-level
 * one. Fields that are not of the specification are let be; signatures cover them.
 */
#include "update/tuf/keys.h"

enum tuf_type { TUF_ROOT, TUF_TIMESTAMP, TUF_SNAPSHOT, TUF_TARGETS, TUF_TYPE_COUNT };

/* At least one of the two where hashes are said; others are passed over. */
struct tuf_hashes {
    bool has_sha256;
    bool has_sha512;
    uint8_t sha256[32];
    uint8_t sha512[64];
};

/* A row of snapshot or timestamp. */
struct tuf_file {
    const char *name; /* with ".json" */
    uint64_t version;
    uint64_t length; /* TUF_LENGTH_UNSAID where the repository does not say it */
    struct tuf_hashes hashes;
};
#define TUF_LENGTH_UNSAID UINT64_MAX

struct tuf_target {
    const char *path;
    uint64_t length;
    struct tuf_hashes hashes;
    const char *custom; /* the object as canonical JSON; NULL where there is none */
};

struct tuf_delegation {
    const char *name;
    struct tuf_signers signers;
    bool is_terminating;
    const char **paths; /* either these */
    size_t path_count;
    const char **hash_prefixes; /* or these, or none */
    size_t hash_prefix_count;
};

struct tuf_metadata {
    enum tuf_type type;
    uint64_t version;
    uint64_t expires_s; /* since 1970 in UTC */
    const char *expires; /* as it is written */

    /* root */
    bool is_consistent;
    struct tuf_signers roles[TUF_TYPE_COUNT];
    /* timestamp and snapshot, in the order of their names */
    struct tuf_file *files;
    size_t file_count;
    /* targets, in the order of their paths; delegations as they stand */
    struct tuf_target *targets;
    size_t target_count;
    struct tuf_delegation *delegations;
    size_t delegation_count;

    struct tuf_keys keys; /* of root and of delegations */
    struct tuf_signatures signatures;
    const uint8_t *data; /* the file, byte for byte */
    size_t size;
    uint8_t *canonical; /* what is signed */
    size_t canonical_size;
    struct arena *arena;
    json_t *document; /* until it is read */
};

/* "root", "timestamp", "snapshot", "targets". */
const char *tuf_type_text(enum tuf_type type);
bool tuf_is_top_level(const char *role);

/*
 * Two steps, so that nothing is made of what nobody signed: open() finds the signatures and the
 * bytes that they are over, and takes a copy of `data`; read() makes the fields above of it, once.
 * `why` says what is wrong without naming the file. ERROR_FORMAT, ERROR_LIMIT, ERROR_UNSUPPORTED:
 * the file's fault; ERROR_MEMORY: ours.
 */
RESULT tuf_metadata_open(const void *data, size_t size, enum tuf_type type,
                         struct tuf_metadata **ret_metadata, struct explanation *why);
/* Is it signed by as many of `signers` as they must be? */
bool tuf_metadata_is_signed(const struct tuf_metadata *metadata,
                            const struct tuf_signers *signers);
RESULT tuf_metadata_read(struct tuf_metadata *metadata, struct explanation *why);
void tuf_metadata_free(struct tuf_metadata *metadata); /* NULL is allowed */

/* NULL where it is not listed. */
const struct tuf_file *tuf_metadata_file(const struct tuf_metadata *metadata, const char *name);
const struct tuf_target *tuf_metadata_target(const struct tuf_metadata *metadata,
                                             const char *path);
bool tuf_delegation_covers(const struct tuf_delegation *delegation, const char *path);

/* Do all hashes that are said match? False also where none is said. */
bool tuf_hashes_match(const struct tuf_hashes *hashes, const void *data, size_t size);
bool tuf_hashes_are_said(const struct tuf_hashes *hashes);

/* "YYYY-MM-DDTHH:MM:SSZ" to seconds since 1970, a day that the calendar has, years 1970 to 9999. */
bool tuf_date_parse(const char *text, uint64_t *ret_s);
