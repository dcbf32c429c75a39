// SPDX-License-Identifier: Apache-2.0
#pragma once
/* UTF-8 as RFC 3629 has it: no surrogates, no longer forms than needed, nothing over U+10FFFF. */
#include <stddef.h>
#include <stdint.h>

/* One code point at the start of `text`; its size in bytes, or 0 where there is none. */
size_t utf8_decode(const uint8_t *text, size_t size, uint32_t *ret_code);
