// SPDX-License-Identifier: Apache-2.0
#include "update/log/log_folder.h"

#include "base/atomic_file.h"
#include "base/bytes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everybody may read what is public. */
enum { FOLDER_MODE = 0755, FILE_MODE = 0644 };

RESULT tlog_folder_open(const char *path, struct tlog_folder *ret_folder, struct explanation *why)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return explain(why, ERROR_NOT_FOUND, "%s is not a folder that is there", path);
    if (fd < 0)
        return explain_errno(why, "the folder %s cannot be opened", path);
    ret_folder->fd = fd;
    return RESULT_OK;
}

RESULT tlog_folder_open_locked(const char *path, struct tlog_folder *ret_folder,
                               struct explanation *why)
{
    return atomic_folder_open_locked(path, FOLDER_MODE, &ret_folder->fd, why);
}

void tlog_folder_close(struct tlog_folder *folder)
{
    close(folder->fd);
    folder->fd = -1;
}

static bool is_part(const char *part, size_t size)
{
    return size > 0 && !(size == 1 && part[0] == '.')
           && !(size == 2 && part[0] == '.' && part[1] == '.');
}

/* Calls step() for each folder of the path; *ret_name is what is left, the file's name. The
 * descriptor that is given back is the caller's to close. */
static RESULT walk(int folder, const char *path, bool is_made, int *ret_folder,
                   const char **ret_name, struct explanation *why)
{
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    if (at < 0)
        return explain_errno(why, "the folder of the log cannot be opened");
    for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        char part[TILE_PATH_BYTES];
        size_t size = (size_t)(slash - path);
        int next = -1;
        struct result result = RESULT_OK;
        if (!is_part(path, size) || size >= sizeof part)
            result = explain(why, ERROR_FORMAT, "\"%.64s\" is no path within a log", path);
        if (result_is_ok(result)) {
            (void)string_format(part, sizeof part, "%.*s", (int)size, path);
            if (is_made)
                result = atomic_folder_open(at, part, FOLDER_MODE, &next, why);
            else if ((next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
                result = errno == ENOENT || errno == ENOTDIR
                             ? explain(why, ERROR_NOT_FOUND, "there is no folder %s", part)
                             : explain_errno(why, "the folder %s cannot be opened", part);
        }
        close(at);
        GUARD(result);
        at = next;
    }
    if (!is_part(path, strlen(path))) {
        close(at);
        return explain(why, ERROR_FORMAT, "\"%.64s\" is no file name within a log", path);
    }
    *ret_folder = at;
    *ret_name = path;
    return RESULT_OK;
}

static struct result folder_read(void *context, const char *path, void *out, size_t capacity,
                                 size_t *ret_size, struct explanation *why)
{
    const struct tlog_folder *folder = context;
    const char *name;
    int at;
    GUARD(walk(folder->fd, path, false, &at, &name, why));
    struct result result = atomic_file_read(at, name, out, capacity, ret_size, why);
    close(at);
    return result;
}

static struct result folder_write(void *context, const char *path, const void *data, size_t size,
                                  struct explanation *why)
{
    const struct tlog_folder *folder = context;
    const char *name;
    int at;
    GUARD(walk(folder->fd, path, true, &at, &name, why));
    struct result result = atomic_file_write(at, name, data, size, FILE_MODE, why);
    close(at);
    return result;
}

struct tlog_source tlog_folder_source(struct tlog_folder *folder)
{
    return (struct tlog_source){folder_read, folder};
}

struct tlog_sink tlog_folder_sink(struct tlog_folder *folder)
{
    return (struct tlog_sink){folder_write, folder};
}
