// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Where a short text lies in another: what memmem() does, for texts of some hundred bytes. */
#include <stddef.h>
#include <stdint.h>

enum { FIND_PADDING = 16 }; /* readable bytes that must follow `text` */

/* NULL where it is not there; an empty `part` lies at the start. */
const uint8_t *find_bytes(const uint8_t *text, size_t size, const uint8_t *part, size_t part_size);
