// SPDX-License-Identifier: Apache-2.0
#include "sensor/wire_path.h"

#include "base/bytes.h"

struct path {
    char *text;
    size_t capacity;
    size_t length; /* 0 is the root: its slash is written at the end */
};

static RESULT path_append(struct path *path, const uint8_t *part, size_t size)
{
    if (size == 0 || (size == 1 && part[0] == '.'))
        return RESULT_OK;
    if (size == 2 && part[0] == '.' && part[1] == '.') {
        while (path->length > 0 && path->text[--path->length] != '/')
            ;
        return RESULT_OK;
    }
    if (path->length + 1 + size + 1 > path->capacity)
        return result_fail(ERROR_LIMIT);
    path->text[path->length] = '/';
    bytes_copy(path->text + path->length + 1, path->capacity - path->length - 1, part, size);
    path->length += 1 + size;
    return RESULT_OK;
}

/* From the end of the bytes, where the component nearest to the root lies. */
static RESULT append_components(struct path *path, struct bytes components)
{
    size_t end = components.size;
    if (end > 0 && components.data[end - 1] != 0)
        return result_fail(ERROR_FORMAT);
    while (end > 0) {
        size_t start = --end; /* at the NUL */
        while (start > 0 && components.data[start - 1] != 0)
            start--;
        if (start == end)
            return result_fail(ERROR_FORMAT);
        GUARD(path_append(path, components.data + start, end - start));
        end = start;
    }
    return RESULT_OK;
}

static RESULT append_name(struct path *path, struct bytes name)
{
    size_t at = 0;
    while (at < name.size) {
        size_t end = at;
        while (end < name.size && name.data[end] != '/')
            end++;
        GUARD(path_append(path, name.data + at, end - at));
        at = end + 1;
    }
    return RESULT_OK;
}

RESULT wire_path_join(struct bytes components, struct bytes name, char *out, size_t capacity,
                      size_t *length)
{
    struct path path = {out, capacity, 0};
    struct result result = append_components(&path, components);
    if (result_is_ok(result))
        result = append_name(&path, name);
    if (path.length == 0)
        out[path.length++] = '/';
    out[path.length] = '\0';
    *length = path.length;
    return result;
}
