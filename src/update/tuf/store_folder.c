// SPDX-License-Identifier: Apache-2.0
#include "update/tuf/store_folder.h"

#include "base/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* No trusted file is called so: theirs end in ".json". */
#define NEW_NAME ".new"

static int folder_of(void *context) { return *(const int *)context; }

static RESULT read_whole(int file, size_t bytes_max, uint8_t **ret_data, size_t *ret_size)
{
    uint8_t *data = malloc(bytes_max + 1); /* one more shows that it is too large */
    if (data == NULL)
        return result_fail(ERROR_MEMORY);
    size_t size = 0;
    struct result result = disk_read_whole(file, data, bytes_max + 1, &size);
    if (result_is_ok(result) && size > bytes_max)
        result = result_fail(ERROR_LIMIT);
    if (!result_is_ok(result)) {
        free(data);
        return result;
    }
    *ret_data = data;
    *ret_size = size;
    return RESULT_OK;
}

static struct result folder_load(void *context, const char *name, size_t bytes_max,
                                 uint8_t **ret_data, size_t *ret_size)
{
    struct stat status;
    int file = openat(folder_of(context), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? result_fail(ERROR_NOT_FOUND) : result_from_errno();
    struct result result;
    if (fstat(file, &status) != 0)
        result = result_from_errno();
    else if (!S_ISREG(status.st_mode))
        result = result_fail(ERROR_NOT_FOUND);
    else
        result = read_whole(file, bytes_max, ret_data, ret_size);
    close(file);
    return result;
}

static RESULT write_whole(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, data, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return result_from_errno();
        data += count;
        size -= (size_t)count;
    }
    return fsync(file) == 0 ? RESULT_OK : result_from_errno();
}

static struct result folder_save(void *context, const char *name, const void *data, size_t size)
{
    int folder = folder_of(context);
    int file = openat(folder, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                      0640);
    if (file < 0)
        return result_from_errno();
    struct result result = write_whole(file, data, size);
    if (close(file) != 0 && result_is_ok(result))
        result = result_from_errno();
    GUARD(result);
    if (renameat(folder, NEW_NAME, folder, name) != 0 || fsync(folder) != 0)
        return result_from_errno();
    return RESULT_OK;
}

static struct result folder_remove(void *context, const char *name)
{
    if (unlinkat(folder_of(context), name, 0) != 0)
        return errno == ENOENT ? RESULT_OK : result_from_errno();
    return fsync(folder_of(context)) == 0 ? RESULT_OK : result_from_errno();
}

struct tuf_store tuf_store_folder(const int *folder)
{
    return (struct tuf_store){folder_load, folder_save, folder_remove, (void *)folder};
}
