// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * JSON of TUF metadata: read under bounds, written in the one form that signatures are made over.
 */
#include "base/result.h"

#include <jansson.h>
#include <stdint.h>

/*
 * One JSON value (RFC 8259), blanks around it, nothing else. Refused: more than LIMIT_JSON_DEPTH
 * levels or LIMIT_TUF_VALUES values (counted before anything is built), the same name twice in an
 * object, text that is not UTF-8, U+0000, integers over 64 bits. The caller has looked at `size`.
 */
RESULT metadata_json_read(const void *data, size_t size, json_t **ret_value,
                          struct explanation *why);

/*
 * Canonical JSON as the OLPC project wrote it down and TUF uses it: no blanks, names of objects in
 * the order of their bytes, in strings only '"' and '\' escaped (by '\') and all else as it is,
 * integers only. ERROR_FORMAT where a number is no integer. free() the text; it has no 0 behind it.
 */
RESULT metadata_json_canonical(const json_t *value, uint8_t **ret_text, size_t *ret_size);
