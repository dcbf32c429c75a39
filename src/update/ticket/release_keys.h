// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Whose signatures make a release ticket valid on this host: a trust anchor. A short text file of
 * the host's administrator, which no release changes:
 *
 *     # keys of the stream "rules"
 *     threshold 2
 *     key 6f3a...                 64 hexadecimal digits of an Ed25519 public key
 *     key 81c0...
 *
 * Blank lines and those that begin with "#" mean nothing. Pure.
 */
#include "base/limits.h"
#include "base/result.h"

#include <stdint.h>

enum { RELEASE_KEY_BYTES = 32, RELEASE_KEYS_TEXT_BYTES = 8192 };

struct release_keys {
    unsigned threshold; /* 1 .. count */
    unsigned count;     /* 1 .. LIMIT_ANCHOR_KEYS; all different */
    uint8_t keys[LIMIT_ANCHOR_KEYS][RELEASE_KEY_BYTES];
};

/* ERROR_FORMAT, ERROR_LIMIT, with `why` naming the line. */
RESULT release_keys_parse(const char *text, size_t size, struct release_keys *ret_keys,
                          struct explanation *why);

/* ERROR_FORMAT, with `why`, where threshold and keys do not make sense together. What was parsed
 * does; for those who fill the struct otherwise. */
RESULT release_keys_check(const struct release_keys *keys, struct explanation *why);
