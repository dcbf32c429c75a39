// SPDX-License-Identifier: Apache-2.0
#include "base/atomic_file.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 256 };

static RESULT write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return result_from_errno();
        data += written;
        size -= (size_t)written;
    }
    return RESULT_OK;
}

/* fchmod: the mode asked for, whatever the umask. */
static RESULT write_new(int folder, const char *name, const void *data, size_t size, mode_t mode)
{
    int file = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file < 0)
        return result_from_errno();
    struct result result = write_all(file, data, size);
    if (result_is_ok(result) && (fchmod(file, mode) != 0 || fsync(file) != 0))
        result = result_from_errno();
    if (close(file) != 0 && result_is_ok(result))
        result = result_from_errno();
    return result;
}

RESULT atomic_file_write(int folder, const char *name, const void *data, size_t size, mode_t mode,
                         struct explanation *why)
{
    char fresh[NAME_BYTES];
    if (!string_format(fresh, sizeof fresh, ".%s.new", name))
        return explain(why, ERROR_LIMIT, "the file name %.64s... is too long", name);
    struct result result = write_new(folder, fresh, data, size, mode);
    if (result_is_ok(result)
        && (renameat(folder, fresh, folder, name) != 0 || fsync(folder) != 0))
        result = result_from_errno();
    if (!result_is_ok(result)) {
        errno = result.system_errno;
        return explain_errno(why, "%s cannot be written; what it held before stays", name);
    }
    return RESULT_OK;
}

static RESULT read_all(int file, uint8_t *out, size_t capacity, size_t *ret_size)
{
    size_t size = 0;
    for (;;) {
        uint8_t more;
        bool is_full = size == capacity;
        ssize_t got = read(file, is_full ? &more : out + size, is_full ? 1 : capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return result_from_errno();
        if (got > 0 && is_full)
            return result_fail(ERROR_LIMIT);
        if (got == 0)
            break;
        size += (size_t)got;
    }
    *ret_size = size;
    return RESULT_OK;
}

RESULT atomic_file_read_open(int file, const char *name, void *out, size_t capacity,
                             size_t *ret_size, struct explanation *why)
{
    struct stat status;
    struct result result = fstat(file, &status) != 0 ? result_from_errno()
                           : !S_ISREG(status.st_mode) ? result_fail(ERROR_UNSUPPORTED)
                                                      : read_all(file, out, capacity, ret_size);
    if (result.error == ERROR_UNSUPPORTED)
        return explain(why, ERROR_UNSUPPORTED, "%s is not a regular file", name);
    if (result.error == ERROR_LIMIT)
        return explain(why, ERROR_LIMIT, "%s has more than %zu bytes", name, capacity);
    if (!result_is_ok(result)) {
        errno = result.system_errno;
        return explain_errno(why, "%s cannot be read", name);
    }
    return RESULT_OK;
}

RESULT atomic_file_read(int folder, const char *name, void *out, size_t capacity,
                        size_t *ret_size, struct explanation *why)
{
    /* O_NONBLOCK: a FIFO under that name must not hold us up; it is refused after opening. */
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return explain(why, ERROR_NOT_FOUND, "there is no file %s", name);
    if (file < 0)
        return explain_errno(why, "%s cannot be opened", name);
    struct result result = atomic_file_read_open(file, name, out, capacity, ret_size, why);
    close(file);
    return result;
}

RESULT atomic_parent_path(const char *path, char out[LIMIT_PATH_BYTES], struct explanation *why)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    bool fits = slash == NULL   ? string_copy(out, LIMIT_PATH_BYTES, ".")
                : slash == path ? string_copy(out, LIMIT_PATH_BYTES, "/")
                                : string_format(out, LIMIT_PATH_BYTES, "%.*s",
                                                (int)(slash - path), path);
    if (!fits || *name == '\0')
        return explain(why, ERROR_LIMIT, "\"%.64s\" cannot be the name of a file", path);
    return RESULT_OK;
}

RESULT atomic_parent_open(const char *path, int *ret_folder, const char **ret_name,
                          struct explanation *why)
{
    char parent[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    GUARD(atomic_parent_path(path, parent, why));
    int folder = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return explain_errno(why, "the folder %s cannot be opened", parent);
    *ret_folder = folder;
    *ret_name = slash == NULL ? path : slash + 1;
    return RESULT_OK;
}

RESULT atomic_folder_open(int folder, const char *name, mode_t mode, int *ret_folder,
                          struct explanation *why)
{
    bool is_new = mkdirat(folder, name, mode) == 0;
    if (!is_new && errno != EEXIST)
        return explain_errno(why, "the folder %s cannot be made", name);
    if (is_new && fsync(folder) != 0)
        return explain_errno(why, "the folder %s cannot be brought to the disk", name);
    int opened = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0)
        return explain_errno(why, "the folder %s cannot be opened", name);
    *ret_folder = opened;
    return RESULT_OK;
}

RESULT atomic_folder_open_locked(const char *path, mode_t mode, int *ret_folder,
                                 struct explanation *why)
{
    int parent, folder = -1;
    const char *name;
    GUARD(atomic_parent_open(path, &parent, &name, why));
    struct result result = atomic_folder_open(parent, name, mode, &folder, why);
    close(parent);
    GUARD(result);
    if (flock(folder, LOCK_EX | LOCK_NB) != 0) {
        result = errno == EWOULDBLOCK
                     ? explain(why, ERROR_STATE, "another process is at work in %s", path)
                     : explain_errno(why, "the folder %s cannot be locked", path);
        close(folder);
        return result;
    }
    *ret_folder = folder;
    return RESULT_OK;
}
