// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The other side of a witness: a log asks each witness of its policy to cosign a checkpoint
 * (C2SP tlog-witness, "add-checkpoint") and keeps the cosignatures that hold.
 */
#include "update/log/policy.h"
#include "update/log/tile_tree.h"

/* How a request reaches a witness: fetch.h, or a test. */
struct cosigning_line {
    /* POSTs the body; *ret_status and up to `capacity` bytes of the answer. An answer that is too
     * long is ERROR_LIMIT; a witness that cannot be reached is an error, with `why`. */
    struct result (*post)(void *context, const char *url, struct bytes body, void *out,
                          size_t capacity, size_t *ret_size, unsigned *ret_status,
                          struct explanation *why);
    void *context;
};

struct cosigning {
    uint32_t witnesses;         /* bit i: witness i of the policy cosigned */
    size_t size;                /* of `lines` */
    uint8_t lines[LIMIT_POLICY_ROWS * 512]; /* signature lines */
    struct explanation failures[LIMIT_POLICY_ROWS]; /* by witness; "" for those that cosigned */
};

/* Asks every witness that has a URL. `tree` is that of the checkpoint `whole` (with signatures);
 * `known_size` is the size that the witnesses most likely know. No answer of a witness is believed
 * before its signature was verified, and none but ERROR_FORMAT (of `whole`) fails the call. */
RESULT cosigning_collect(const struct tlog_policy *policy, struct bytes whole,
                         struct tile_tree *tree, uint64_t known_size,
                         const struct cosigning_line *line, struct cosigning *ret_cosigning,
                         struct explanation *why);
