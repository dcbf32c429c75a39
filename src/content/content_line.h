// SPDX-License-Identifier: Apache-2.0
#pragma once
/* One line of a file of tests, taken apart without a copy. */
#include "base/reader.h"

enum { CONTENT_LINE_EVENTS_MAX = 1000 };

struct content_line {
    bool is_match;
    bool is_sequence; /* "events" */
    struct bytes events; /* the object; or what is between the brackets */
};

/* Room that is reused from line to line. */
struct content_line_room {
    uint8_t *unescaped;
    size_t capacity;
};

/* ERROR_FORMAT, ERROR_LIMIT, with `why`; ERROR_MEMORY. */
RESULT content_line_read(struct content_line_room *room, struct bytes text,
                         struct content_line *ret_line, struct explanation *why);
void content_line_room_free(struct content_line_room *room);

/* The next event of a line; moves `events` behind it. False: there is none. */
bool content_line_next(struct content_line *line, struct bytes *ret_event);

/* The members of an event under dotted names; texts stay until the room is used again. */
struct content_value {
    const char *name;
    struct bytes text;
};
enum { CONTENT_VALUES_MAX = 256 };
struct content_values {
    struct content_value rows[CONTENT_VALUES_MAX];
    size_t count;
    char names[16384];
    size_t names_size;
};
/* What does not fit is left out. */
RESULT content_line_values(struct content_line_room *room, struct bytes event,
                           struct content_values *ret_values, struct explanation *why);

/* The next line of a file; false at its end. */
bool content_next_line(struct bytes *rest, struct bytes *ret_line);
