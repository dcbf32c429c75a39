// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A self-contained proof that an entry is in a log: C2SP tlog-proof ("c2sp.org/tlog-proof@v1"), a
 * text file that publishers lay beside a release as `NAME.tlog-proof`. Pure.
 *
 * Our own files carry the entry itself as their extra data, so that the file proves all by itself.
 * Nothing in it is verified yet: see verify.h.
 */
#include "update/log/checkpoint.h"

struct tlog_proof {
    uint8_t extra[LIMIT_PUBLIC_ENTRY_BYTES];
    size_t extra_size; /* 0: there is none */
    uint64_t index;
    struct merkle_proof proof;
    struct bytes whole; /* the checkpoint with its signatures; a view */
    struct note note;   /* views, too */
    struct checkpoint checkpoint;
};

/* The first line of every such file; it tells the file from others. */
#define TLOG_PROOF_MAGIC "c2sp.org/tlog-proof@v1"

/* tlog-proof, "Format". ERROR_FORMAT, ERROR_LIMIT (LIMIT_PROOF_FILE_BYTES in all,
 * LIMIT_PUBLIC_ENTRY_BYTES of extra data), with `why`. */
RESULT tlog_proof_parse(struct bytes text, struct tlog_proof *ret_proof, struct explanation *why);

/* Writes extra, index, proof and whole. ERROR_LIMIT. */
RESULT tlog_proof_write(struct writer *writer, const struct tlog_proof *proof);
