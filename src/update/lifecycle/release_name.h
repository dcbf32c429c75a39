// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How the update road calls a release: the first 16 bytes of its SHA-256. Whoever reads or runs a
 * release checks all 32 (slots, supervisor); here they only tell releases apart, and half of them
 * keep the state of a host small enough to simulate millions. A second release of an existing name
 * costs 2^128 tries; two made for each other cost 2^64 and gain their maker nothing but that the
 * second is taken for the first. All zero: the factory set, which came with the program.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RELEASE_NAME_BYTES = 16 };

struct release_name {
    uint8_t bytes[RELEASE_NAME_BYTES];
};

static inline bool release_name_equal(struct release_name a, struct release_name b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool release_name_is_factory(struct release_name name)
{
    return release_name_equal(name, (struct release_name){{0}});
}
