// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a file of tests: whatever is a test lies within the line that it came from. */
#include "content/content_line.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_within(struct bytes part, struct bytes whole)
{
    return part.data >= whole.data && part.size <= whole.size
           && part.data + part.size <= whole.data + whole.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct content_line_room room = {.capacity = 0};
    struct bytes rest = {data, size};
    struct bytes text, event;
    struct content_line line;
    static struct content_values values;
    while (content_next_line(&rest, &text)) {
        struct explanation why = {""};
        if (!result_is_ok(content_line_read(&room, text, &line, &why))) {
            require(*why.text != '\0');
            continue;
        }
        require(is_within(line.events, text));
        if (!line.is_sequence)
            require(result_is_ok(content_line_values(&room, line.events, &values, &why)));
        while (line.is_sequence && content_line_next(&line, &event)) {
            require(is_within(event, text) && event.size > 0);
            require(result_is_ok(content_line_values(&room, event, &values, &why))
                    || event.data[0] != '{');
        }
    }
    content_line_room_free(&room);
    return 0;
}
