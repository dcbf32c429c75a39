// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Case folding of UTF-8 by simple lower-case mappings, for rules and events alike: Sigma compares
 * without case unless a rule says otherwise.
 */
#include "base/result.h"

#include <stdint.h>

/* Room that the folded form of `size` bytes may need. */
static inline size_t fold_capacity(size_t size) { return size + size / 2 + 8; }

/* Writes the folded form of `text` to `out` (fold_capacity(size) bytes) and returns its size.
 * Bytes that are not UTF-8 are kept as they are. */
size_t fold_text(const uint8_t *text, size_t size, uint8_t *out);
/* The same; `ret_is_ascii` tells whether all of it was ASCII. */
size_t fold_text_ascii(const uint8_t *text, size_t size, uint8_t *out, bool *ret_is_ascii);

/* One code point at `text`; its size in bytes, or 0 where the bytes are not UTF-8. */
size_t fold_decode(const uint8_t *text, size_t size, uint32_t *ret_code);

/* Writes one code point (at most 4 bytes) and returns its size. */
size_t fold_encode(uint32_t code, uint8_t *out);

/* Replaces each byte that is not part of valid UTF-8 by '?'; returns whether there was one. `out`
 * has room for `size` bytes. */
bool fold_sanitize(const uint8_t *text, size_t size, uint8_t *out);
