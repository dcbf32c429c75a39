// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A TUF client (specification 1.0.34, section 5) that does no I/O: it says which file it wants next
 * and is given its bytes. So the process that fetches need not be the one that believes, and a
 * host, the command line, the simulator and the fuzzer run the same code:
 *
 *     tuf_client_refresh(client, now_s, why);           or tuf_client_find(client, path, why)
 *     while (tuf_client_wants(client, &wanted)) {
 *         ... get wanted.name, never more than wanted.bytes_max bytes ...
 *         tuf_client_give(client, data, size, why);     or give_absent(), or give_failure()
 *     }
 *     tuf_client_report(client)->outcome
 *
 * Whatever was accepted is in the store, byte for byte, before the next file is wanted: who stops
 * half way begins again with a refresh and loses nothing. The state in the store is only believed
 * as far as the trusted root's keys signed it. Nothing that a repository sends makes a call fail:
 * calls fail (and then stop what they began) where the store or memory does. What was refused, and
 * as what, is in the report; what was trusted before stays trusted.
 *
 * Time is an argument: seconds since 1970 by a clock of the caller's choice, fixed for the whole
 * refresh (section 5.1). Metadata whose date has passed is an outcome and never an end: the host
 * goes on with what it has and says so.
 */
#include "base/result.h"
#include "update/tuf/metadata.h"
#include "update/tuf/path.h"

/*
 * Where trusted metadata is kept: a file each, names as tuf_file_name() makes them, without
 * version. save() replaces the whole file or leaves the one before, also when power fails; remove()
 * of what is not there is no failure.
 */
struct tuf_store {
    /* malloc'd; ERROR_NOT_FOUND. A file over `bytes_max` is not to be read: ERROR_LIMIT. */
    struct result (*load)(void *context, const char *name, size_t bytes_max, uint8_t **ret_data,
                          size_t *ret_size);
    struct result (*save)(void *context, const char *name, const void *data, size_t size);
    struct result (*remove)(void *context, const char *name);
    void *context;
};

enum tuf_outcome {
    TUF_WORKING,     /* a file is wanted */
    TUF_CURRENT,     /* refresh: this is the newest that the repository has, and it is in date */
    TUF_FOUND,       /* find: tuf_client_target() is what the path stands for */
    TUF_ABSENT,      /* find: nobody who may say so knows the path */
    TUF_EXPIRED,     /* a date has passed: a freeze, a sleeping publisher, or a wrong clock */
    TUF_UNAVAILABLE, /* a file was not to be had */
    TUF_REFUSED,     /* a file was to be had and was not believed: see `refusal` */
    TUF_OUTCOME_COUNT
};

/* What a refused file looks like (section 1.5.2 gives the attacks their names). */
enum tuf_refusal {
    TUF_NOT_REFUSED,
    TUF_MALFORMED,    /* not what section 4 says, or over a limit within */
    TUF_ENDLESS,      /* more bytes than there may be: endless data */
    TUF_UNSIGNED,     /* not signed by a threshold of its keys: arbitrary software, a key thief */
    TUF_ROLLED_BACK,  /* older than what was trusted, or a file that is no longer listed */
    TUF_MISMATCHED,   /* not the version, length or hash that is listed: mix and match */
    TUF_UNLISTED,     /* the role above does not list it */
    TUF_REFUSAL_COUNT
};

struct tuf_report {
    enum tuf_outcome outcome;
    enum tuf_refusal refusal;
    char file[TUF_FILE_NAME_BYTES]; /* that ended it; "" where none did */
    struct explanation why; /* a sentence for people; "" where all is well */
};

struct tuf_wanted {
    char name[TUF_FILE_NAME_BYTES]; /* relative to the folder of metadata, percent-quoted: it goes
                                       into an address as it is */
    size_t bytes_max;
};

struct tuf_client;

/*
 * Starts from the root in the store, or from `anchor` (a root file that came by another road, NULL:
 * none) where the store has none, one that does not verify, or an older one. ERROR_NOT_FOUND: there
 * is neither. `store` must outlive the client.
 */
RESULT tuf_client_new(const struct tuf_store *store, const void *anchor, size_t anchor_size,
                      struct tuf_client **ret_client, struct explanation *why);
void tuf_client_free(struct tuf_client *client); /* NULL is allowed */

/* Begins section 5.1 to 5.6 (without 5.6.7): roots, timestamp, snapshot, targets. What was begun
 * before is dropped. */
RESULT tuf_client_refresh(struct tuf_client *client, uint64_t now_s, struct explanation *why);

/*
 * Begins to look for a file (section 5.6.7): in the trusted targets and, in pre-order, in the roles
 * that they delegate the path to; each is verified against the very role that led to it. At the
 * time of the last refresh. ERROR_STATE, with `why`, where trusted metadata is not complete and in
 * date; ERROR_FORMAT for a path that is not plain (path.h).
 */
RESULT tuf_client_find(struct tuf_client *client, const char *path, struct explanation *why);

/* False: nothing is under way. */
bool tuf_client_wants(const struct tuf_client *client, struct tuf_wanted *ret_wanted);
/* The bytes that the name stood for; they are not needed afterwards. */
RESULT tuf_client_give(struct tuf_client *client, const void *data, size_t size,
                       struct explanation *why);
/* There is no such file: for the next root that means that the trusted one is the newest. */
RESULT tuf_client_give_absent(struct tuf_client *client, struct explanation *why);
/* It could not be had (no network, a server that fails); `reason` is for the report. */
void tuf_client_give_failure(struct tuf_client *client, const char *reason);

const struct tuf_report *tuf_client_report(const struct tuf_client *client);
const char *tuf_outcome_text(enum tuf_outcome outcome); /* "current", "refused" */
const char *tuf_refusal_text(enum tuf_refusal refusal); /* "rolled back"; "" where not refused */

/* What the path of the last find stands for, until the next refresh or find; NULL unless FOUND. */
const struct tuf_target *tuf_client_target(const struct tuf_client *client);
/* The role that says so. */
const char *tuf_client_target_role(const struct tuf_client *client);
/* Where it lies, relative to the folder of targets: "dir/HASH.name" on a repository with consistent
 * snapshots. Not quoted. `out` has TUF_TARGET_NAME_BYTES. */
enum { TUF_TARGET_NAME_BYTES = LIMIT_TUF_PATH_BYTES + 2 * 64 + 2 };
void tuf_client_target_name(const struct tuf_client *client, const struct tuf_target *target,
                            char out[TUF_TARGET_NAME_BYTES]);
/* The file itself: its length and every hash that we know. */
bool tuf_target_matches(const struct tuf_target *target, const void *data, size_t size);

/* What is trusted; NULL where nothing of that type is. Until the next call that changes it. */
const struct tuf_metadata *tuf_client_trusted(const struct tuf_client *client,
                                              enum tuf_type type);
