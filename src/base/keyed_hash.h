// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A hash of texts whose key nobody outside of this process knows (SipHash-2-4 by Aumasson and
 * Bernstein, twice): who chooses the texts cannot make two lists of them meet.
 */
#include "base/reader.h"

/* The hash of `count` texts in their order; `out` are its 128 bits. */
void keyed_hash(const struct bytes *texts, size_t count, uint64_t out[2]);
