// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A log for tests: entries "entry 0", "entry 1" and so on, hashed by RFC 6962's definition word for
 * word (slowly, and apart from the code under test), fixed keys, three witnesses.
 */
#include "update/log/checkpoint_proof.h"
#include "update/log/note_sign.h"

enum { FAKE_WITNESSES = 3, FAKE_TEXT_BYTES = 16384 };

struct fake_log {
    struct note_signer *log; /* of example.com/log */
    struct note_signer *witnesses[FAKE_WITNESSES];
    char policy[4096]; /* quorum: two of the three */
};

void fake_log_open(struct fake_log *fake);
void fake_log_close(struct fake_log *fake);

/* From a text that private_key would not forgive to be shared: for tests only. */
struct note_signer *fake_signer(const char *name, enum note_key_type type, uint8_t seed);

struct bytes fake_entry(uint64_t index, char out[64]);
/* MTH(D[start:end]): RFC 6962, Section 2.1. */
struct merkle_hash fake_root(struct merkle_range range);
void fake_hashes(const struct merkle_range *ranges, size_t count, struct merkle_proof *ret_proof);

/* A checkpoint of `size` entries, signed by the log and by each witness with a time other than 0;
 * `out` has FAKE_TEXT_BYTES. */
struct bytes fake_checkpoint(const struct fake_log *fake, uint64_t size,
                             const uint64_t times_s[FAKE_WITNESSES], char *out);
