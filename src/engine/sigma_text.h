// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Sigma strings while a rule is read: escaping, wildcards, and the modifiers that change a text.
 * Each function allocates from the arena and returns false when that is full.
 */
#include "engine/syntax.h"

/* '*' and '?' become wildcards; a backslash in front of '*', '?' or '\' makes that character
 * plain and stays itself in front of anything else (specification, "Escaping"). */
bool sigma_text_parse(struct arena *arena, const char *text, size_t size, struct sigma_text *out);
/* Every byte stands for itself. */
bool sigma_text_plain(struct arena *arena, const char *text, size_t size, struct sigma_text *out);
bool sigma_text_has_wildcard(const struct sigma_text *text);

/* contains, startswith, endswith: '*' at the ends, where it is not there yet. */
bool sigma_text_open(struct arena *arena, struct sigma_text *text, bool at_start, bool at_end);
/* windash: '-' or '/' that begins a word stands for any of five dashes. */
void sigma_text_windash(struct sigma_text *text);

enum sigma_encoding { ENCODING_UTF16LE, ENCODING_UTF16BE, ENCODING_UTF16_BOM };
bool sigma_text_encode(struct arena *arena, struct sigma_text *text, enum sigma_encoding encoding);

/* base64 of a text without wildcards, `offset` (0, 1, 2) bytes into a longer text; with
 * `is_partial` the characters that depend on the neighbours are left out (base64offset). */
bool sigma_text_base64(struct arena *arena, const struct sigma_text *text, unsigned offset,
                       bool is_partial, struct sigma_text *out);
