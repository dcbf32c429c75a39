// SPDX-License-Identifier: Apache-2.0
#include "update/log/witness_folder.h"

#include "base/atomic_file.h"
#include "base/bytes.h"

#include <unistd.h>

enum { FOLDER_MODE = 0750, FILE_MODE = 0640 };

RESULT witness_folder_open(const char *path, struct witness_folder *ret_folder,
                           struct explanation *why)
{
    return atomic_folder_open_locked(path, FOLDER_MODE, &ret_folder->fd, why);
}

void witness_folder_close(struct witness_folder *folder)
{
    close(folder->fd);
    folder->fd = -1;
}

static struct result load(void *context, const char *origin_hex, void *out, size_t capacity,
                          size_t *ret_size, struct explanation *why)
{
    const struct witness_folder *folder = context;
    return atomic_file_read(folder->fd, origin_hex, out, capacity, ret_size, why);
}

static struct result save(void *context, const char *origin_hex, const void *data, size_t size,
                          struct explanation *why)
{
    const struct witness_folder *folder = context;
    return atomic_file_write(folder->fd, origin_hex, data, size, FILE_MODE, why);
}

static struct result accuse(void *context, const char *origin_hex, const void *data, size_t size,
                            struct explanation *why)
{
    const struct witness_folder *folder = context;
    char name[WITNESS_ORIGIN_HEX_BYTES + 16];
    (void)string_format(name, sizeof name, "%s.forked", origin_hex);
    return atomic_file_write(folder->fd, name, data, size, FILE_MODE, why);
}

struct witness_memory witness_folder_memory(struct witness_folder *folder)
{
    return (struct witness_memory){load, save, accuse, folder};
}
