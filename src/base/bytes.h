// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The only copies of raw memory and the only bounded string building in the tree: both know the
 * size of their target. (`tidy` bans memcpy, strcpy, sprintf and their kin elsewhere.)
 */
#include "base/result.h"

#include <stdint.h>

/* Copies `size` bytes; aborts the process when they do not fit, because the caller's own
 * arithmetic is then wrong and going on would corrupt memory. `size` 0 allows NULL pointers. */
void bytes_copy(void *target, size_t capacity, const void *source, size_t size);

/* Copies a string, always ends it, cuts it when it is too long and then returns false. */
bool string_copy(char *target, size_t capacity, const char *source);

/* snprintf that always ends the string; false when it was cut. */
bool string_format(char *target, size_t capacity, const char *format, ...) PRINTF_LIKE(3, 4);

/* A whole decimal number from `text`, nothing before or after it, at most `limit`. */
RESULT number_parse(const char *text, uint64_t limit, uint64_t *out);

/* Lower-case hexadecimal; `out` has room for 2 * size + 1 bytes. */
void hex_encode(const uint8_t *data, size_t size, char *out);

bool string_equal(const char *a, const char *b);
bool string_starts_with(const char *text, const char *prefix);
bool string_ends_with(const char *text, const char *suffix);
