// SPDX-License-Identifier: Apache-2.0
#include "base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: a FIFO under that name must not hold us up; it is refused after opening. */
static struct result open_regular(int folder, const char *name, int flags, int *ret_file)
{
    int file = openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (file < 0)
        return errno == ENOENT ? result_fail(ERROR_NOT_FOUND) : result_from_errno();
    struct stat status;
    if (fstat(file, &status) != 0) {
        struct result failure = result_from_errno();
        close(file);
        return failure;
    }
    if (!S_ISREG(status.st_mode)) {
        close(file);
        return result_fail(ERROR_UNSUPPORTED);
    }
    *ret_file = file;
    return RESULT_OK;
}

static struct result system_open(void *context, int folder, const char *name, int *ret_file)
{
    (void)context;
    return open_regular(folder, name, O_RDWR | O_APPEND | O_CREAT, ret_file);
}

static struct result system_open_read(void *context, int folder, const char *name, int *ret_file)
{
    (void)context;
    return open_regular(folder, name, O_RDONLY, ret_file);
}

static void system_close(void *context, int file)
{
    (void)context;
    close(file);
}

static struct result system_append(void *context, int file, const void *data, size_t size,
                                   size_t *ret_written)
{
    (void)context;
    ssize_t written = write(file, data, size);
    if (written < 0)
        return result_from_errno();
    *ret_written = (size_t)written;
    return RESULT_OK;
}

static struct result system_read(void *context, int file, uint64_t at, void *data, size_t size,
                                 size_t *ret_read)
{
    (void)context;
    ssize_t got = pread(file, data, size, (off_t)at);
    if (got < 0)
        return result_from_errno();
    *ret_read = (size_t)got;
    return RESULT_OK;
}

static struct result system_truncate(void *context, int file, uint64_t size)
{
    (void)context;
    return ftruncate(file, (off_t)size) == 0 ? RESULT_OK : result_from_errno();
}

static struct result system_rename(void *context, int folder, const char *from, const char *to)
{
    (void)context;
    return renameat(folder, from, folder, to) == 0 ? RESULT_OK : result_from_errno();
}

/* Files of one folder lie on one file system, so the inode's number alone tells them apart. */
static struct disk_look look_of(const struct stat *status)
{
    return (struct disk_look){.identity = status->st_ino,
                              .size = (uint64_t)status->st_size,
                              .owner = status->st_uid,
                              .mode = status->st_mode & 07777u};
}

static struct result system_look(void *context, int file, struct disk_look *ret_look)
{
    (void)context;
    struct stat status;
    if (fstat(file, &status) != 0)
        return result_from_errno();
    *ret_look = look_of(&status);
    return RESULT_OK;
}

static struct result system_look_at(void *context, int folder, const char *name,
                                    struct disk_look *ret_look)
{
    (void)context;
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? result_fail(ERROR_NOT_FOUND) : result_from_errno();
    *ret_look = look_of(&status);
    return RESULT_OK;
}

static struct result system_sync(void *context, int file)
{
    (void)context;
    return fdatasync(file) == 0 ? RESULT_OK : result_from_errno();
}

static struct result system_sync_folder(void *context, int folder)
{
    (void)context;
    return fsync(folder) == 0 ? RESULT_OK : result_from_errno();
}

static struct result system_remove(void *context, int folder, const char *name)
{
    (void)context;
    if (unlinkat(folder, name, 0) != 0)
        return errno == ENOENT ? result_fail(ERROR_NOT_FOUND) : result_from_errno();
    return RESULT_OK;
}

static struct result system_list(void *context, int folder,
                                 void (*visit)(void *visitor, const char *name), void *visitor)
{
    (void)context;
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0)
        return result_from_errno();
    DIR *names = fdopendir(copy);
    if (names == NULL) {
        struct result failure = result_from_errno();
        close(copy);
        return failure;
    }
    errno = 0;
    for (const struct dirent *entry = readdir(names); entry != NULL; entry = readdir(names)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            visit(visitor, entry->d_name);
        errno = 0;
    }
    struct result result = errno == 0 ? RESULT_OK : result_from_errno();
    closedir(names);
    return result;
}

const struct disk *disk_system(void)
{
    static const struct disk SYSTEM = {
        .open = system_open,
        .open_read = system_open_read,
        .close = system_close,
        .append = system_append,
        .read = system_read,
        .truncate = system_truncate,
        .rename = system_rename,
        .look = system_look,
        .look_at = system_look_at,
        .sync = system_sync,
        .sync_folder = system_sync_folder,
        .remove = system_remove,
        .list = system_list,
    };
    return &SYSTEM;
}

RESULT disk_read_whole(int file, void *data, size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t count = read(file, (uint8_t *)data + size, capacity - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return result_from_errno();
        if (count == 0)
            break;
        size += (size_t)count;
    }
    *ret_size = size;
    return RESULT_OK;
}
