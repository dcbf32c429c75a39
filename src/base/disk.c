// SPDX-License-Identifier: Apache-2.0
#include "base/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct result system_open(void *context, int folder, const char *name, int *ret_file,
                                 uint64_t *ret_size)
{
    (void)context;
    /* O_NONBLOCK: a FIFO under that name must not hold us up; it is refused below. */
    int file = openat(folder, name,
                      O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (file < 0)
        return result_from_errno();
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
    *ret_size = (uint64_t)status.st_size;
    return RESULT_OK;
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

/* Inodes of one folder lie on one file system, so the number alone tells them apart. */
static struct result system_identity(void *context, int folder, const char *name,
                                     uint64_t *ret_identity)
{
    (void)context;
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return result_from_errno();
    *ret_identity = status.st_ino;
    return RESULT_OK;
}

static struct result system_identity_open(void *context, int file, uint64_t *ret_identity)
{
    (void)context;
    struct stat status;
    if (fstat(file, &status) != 0)
        return result_from_errno();
    *ret_identity = status.st_ino;
    return RESULT_OK;
}

static struct result system_sync(void *context, int file)
{
    (void)context;
    return fdatasync(file) == 0 ? RESULT_OK : result_from_errno();
}

const struct disk *disk_system(void)
{
    static const struct disk SYSTEM = {
        .open = system_open,
        .close = system_close,
        .append = system_append,
        .read = system_read,
        .truncate = system_truncate,
        .rename = system_rename,
        .identity = system_identity,
        .identity_open = system_identity_open,
        .sync = system_sync,
    };
    return &SYSTEM;
}
