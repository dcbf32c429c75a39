// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One JSON object (RFC 8259) without a tree: each value in it is handed out under its dotted name
 * ("process.parent.pid"); the values of an array all have the array's name. Numbers keep the text
 * that they were written with.
 */
#include "base/reader.h"

struct json_walk {
    /* set by the caller, who owns all memory */
    const uint8_t *text;
    size_t size;
    char *name; /* room for the dotted name, which is not ended by a 0 */
    size_t name_capacity;
    uint8_t *unescaped; /* room for `size` bytes: strings that hold escapes are written there */
    /* Called for each value; it may write behind unescaped_size itself, when there is more room. A
     * failure ends the walk. `text` lives as long as the caller's memory. */
    struct result (*visit)(struct json_walk *json, struct bytes text, bool is_string);
    /* The same for a name that is null; where it is NULL such names are passed over. */
    struct result (*visit_null)(struct json_walk *json);
    struct explanation *why; /* may be NULL */

    /* where it is; zeros at the start */
    size_t at;
    size_t name_size;
    size_t unescaped_size;
    unsigned depth;
};

/* ERROR_FORMAT, with `why`, for what is not one JSON object and nothing else; ERROR_LIMIT for names
 * over name_capacity and depths over LIMIT_JSON_DEPTH; or what visit() gave. */
RESULT json_walk(struct json_walk *json);
