// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Base 64 (RFC 4648, Section 4): the standard alphabet, padded, without line breaks.
 *
 * Decoding is strict, so that each value has one text: padding must be whole and the bits behind
 * the last byte must be 0 (Section 3.5).
 */
#include "base/reader.h"

#define BASE64_TEXT_BYTES(size) (((size) + 2) / 3 * 4)

/* Decodes `text` into `out`. ERROR_FORMAT: it is not Base 64; ERROR_LIMIT: more than `capacity`. */
RESULT base64_decode(struct bytes text, uint8_t *out, size_t capacity, size_t *ret_size);

/* The same, but the bits behind the last byte may be anything: for texts that others may write as
 * they like because we only look what they are. */
RESULT base64_decode_loosely(struct bytes text, uint8_t *out, size_t capacity, size_t *ret_size);

/* `out` has room for BASE64_TEXT_BYTES(size) + 1 bytes: the text and a 0. */
void base64_encode(const uint8_t *data, size_t size, char *out);
