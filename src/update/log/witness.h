// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a witness answers: C2SP tlog-witness, "add-checkpoint" and "Monitor Retrieval Mechanism".
 * (sign-subtree is optional and needs cosignatures of another type.) It reads no clock, socket or
 * file by itself.
 *
 * What it remembers of a log is the newest checkpoint that it cosigned, whole: the log's signature
 * and its own. A cosignature leaves only after that has reached the disk.
 */
#include "update/log/checkpoint_proof.h"
#include "update/log/note_sign.h"
#include "update/log/policy.h"

enum {
    WITNESS_ORIGIN_HEX_BYTES = 2 * MERKLE_HASH_BYTES + 1,
    /* Of a checkpoint: its text, all of the log's lines and ours. */
    WITNESS_BODY_BYTES = LIMIT_NOTE_BYTES,
};

/* What it remembers, by the SHA-256 of a log's origin in hexadecimal. */
struct witness_memory {
    /* ERROR_NOT_FOUND: nothing. */
    struct result (*load)(void *context, const char *origin_hex, void *out, size_t capacity,
                          size_t *ret_size, struct explanation *why);
    /* On the disk when it returns. */
    struct result (*save)(void *context, const char *origin_hex, const void *data, size_t size,
                          struct explanation *why);
    /* Keeps a request that shows that its log lies: two trees of one size, both signed. */
    struct result (*accuse)(void *context, const char *origin_hex, const void *data, size_t size,
                            struct explanation *why);
    void *context;
};

struct witness {
    const struct note_signer *signer; /* of type cosignature */
    const struct tlog_policy *logs;    /* its log lines are those whose checkpoints we cosign */
    struct witness_memory memory;
};

struct witness_answer {
    unsigned status;          /* of HTTP */
    const char *content_type;
    size_t size;
    uint8_t body[WITNESS_BODY_BYTES];
    char origin[LIMIT_KEY_NAME_BYTES]; /* of the log, for people; "" where none was recognised */
    uint64_t tree_size;                /* what was asked for, or is answered */
    struct explanation why;            /* what to write down; "" where all is well */
};

/* One request at a time: checking and remembering must not be divided. `now_s` is the wall clock;
 * a time before the one that was signed last is answered with 503, because a cosignature says that
 * nothing larger was seen until its time. */
void witness_add_checkpoint(const struct witness *witness, struct bytes request, uint64_t now_s,
                            struct witness_answer *ret_answer);

/* `origin_hex` is what the client asked for. */
void witness_get_checkpoint(const struct witness *witness, const char *origin_hex,
                            struct witness_answer *ret_answer);

/* Lower-case hexadecimal of the origin's SHA-256. */
void witness_origin_hex(const char *origin, char out[WITNESS_ORIGIN_HEX_BYTES]);
