// SPDX-License-Identifier: Apache-2.0
#include "sensor/container.h"

#include <string.h>

enum { SHORTEST_ID_BYTES = 12, FULL_ID_BYTES = 64 };

static bool is_hex(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

static bool strip_prefix(struct bytes *text, const char *prefix)
{
    size_t length = strlen(prefix);
    if (text->size < length || memcmp(text->data, prefix, length) != 0)
        return false;
    *text = (struct bytes){text->data + length, text->size - length};
    return true;
}

static bool strip_suffix(struct bytes *text, const char *suffix)
{
    size_t length = strlen(suffix);
    if (text->size < length || memcmp(text->data + text->size - length, suffix, length) != 0)
        return false;
    text->size -= length;
    return true;
}

/* "docker-0123....scope": a word, a dash, the id. Words may hold dashes, ids do not. */
static bool scope_id(struct bytes name, struct bytes *ret_id)
{
    static const char *const RUNTIMES[] = {"docker-", "cri-containerd-", "libpod-", "crio-",
                                           "containerd-", "nerdctl-"};
    for (size_t i = 0; i < sizeof RUNTIMES / sizeof *RUNTIMES; i++) {
        struct bytes id = name;
        if (strip_prefix(&id, RUNTIMES[i]) && id.size >= SHORTEST_ID_BYTES
            && id.size <= FULL_ID_BYTES && is_hex(id.data, id.size)) {
            *ret_id = id;
            return true;
        }
    }
    struct bytes machine = name;
    if (!strip_prefix(&machine, "machine-") || machine.size == 0)
        return false;
    *ret_id = machine;
    return true;
}

/* One part of the path; `above` is the part before it. */
static bool part_id(struct bytes part, struct bytes above, struct bytes *ret_id)
{
    if (part.size == FULL_ID_BYTES && is_hex(part.data, part.size)) {
        *ret_id = part;
        return true;
    }
    struct bytes rest = part;
    if (strip_suffix(&rest, ".scope"))
        return scope_id(rest, ret_id);
    if (strip_prefix(&rest, "lxc.payload.") && rest.size > 0) {
        *ret_id = rest;
        return true;
    }
    if (above.size == 3 && memcmp(above.data, "lxc", 3) == 0 && part.size > 0) {
        *ret_id = part;
        return true;
    }
    const uint8_t *colon = part.size == 0 ? NULL : memrchr(part.data, ':', part.size);
    if (colon == NULL)
        return false;
    struct bytes last = {colon + 1, part.size - (size_t)(colon + 1 - part.data)};
    if (last.size != FULL_ID_BYTES || !is_hex(last.data, last.size))
        return false;
    *ret_id = last;
    return true;
}

/* Cuts the last part off `path`. */
static struct bytes take_last(struct bytes *path)
{
    const uint8_t *slash = path->size == 0 ? NULL : memrchr(path->data, '/', path->size);
    if (slash == NULL) {
        struct bytes whole = *path;
        path->size = 0;
        return whole;
    }
    size_t before = (size_t)(slash - path->data);
    struct bytes part = {slash + 1, path->size - before - 1};
    path->size = before;
    return part;
}

bool container_id(const void *path, size_t size, struct bytes *ret_id)
{
    struct bytes left = {path, size};
    struct bytes part = take_last(&left);
    while (part.size > 0 || left.size > 0) {
        struct bytes above = take_last(&left);
        if (part_id(part, above, ret_id))
            return true;
        part = above;
    }
    return false;
}
