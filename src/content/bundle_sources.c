// SPDX-License-Identifier: Apache-2.0
#include "content/bundle_sources.h"

#include "base/bytes.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_DEPTH_MAX = 16 };

/* --- one file --------------------------------------------------------------------------------- */

static RESULT read_open_file(int fd, const char *name, size_t size, uint8_t *data,
                             struct explanation *why)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = read(fd, data + at, size - at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return explain_errno(why, "%s cannot be read", name);
        if (count == 0)
            return explain(why, ERROR_STATE, "%s became shorter while it was read", name);
        at += (size_t)count;
    }
    return RESULT_OK;
}

static RESULT add_open_file(struct bundle_sources *sources, int fd, const char *name,
                            struct explanation *why)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return explain_errno(why, "%s cannot be examined", name);
    if (!S_ISREG(status.st_mode))
        return explain(why, ERROR_FORMAT, "%s is not a regular file", name);
    if (status.st_size > LIMIT_RULE_FILE_BYTES)
        return explain(why, ERROR_LIMIT, "%s has %lld bytes, at most %d are allowed", name,
                       (long long)status.st_size, LIMIT_RULE_FILE_BYTES);
    size_t size = (size_t)status.st_size;
    if (size > LIMIT_BUNDLE_BYTES - sources->total_bytes || sources->count >= 2 * LIMIT_RULE_FILES)
        return explain(why, ERROR_LIMIT, "%s does not fit in: a bundle has at most %d bytes", name,
                       LIMIT_BUNDLE_BYTES);
    uint8_t *data = malloc(size + 1);
    if (data == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = read_open_file(fd, name, size, data, why);
    if (result_is_ok(result)) {
        result = bundle_sources_add(sources, name, data, size);
        if (!result_is_ok(result))
            result = explain(why, ERROR_MEMORY, "memory is out");
    }
    if (!result_is_ok(result))
        free(data);
    sources->total_bytes += size;
    return result;
}

static RESULT add_file(struct bundle_sources *sources, int parent_fd, const char *entry,
                       const char *name, struct explanation *why)
{
    int fd = openat(parent_fd, entry, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return explain(why, ERROR_FORMAT, "%s is a link: a bundle is made of files", name);
    if (fd < 0)
        return explain_errno(why, "%s cannot be opened", name);
    struct result result = add_open_file(sources, fd, name, why);
    close(fd);
    return result;
}

/* --- folders ---------------------------------------------------------------------------------- */

static int is_wanted(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

typedef struct result take_entry(struct bundle_sources *sources, int folder_fd, const char *entry,
                                 const char *name, unsigned depth, struct explanation *why);

static RESULT each_entry(struct bundle_sources *sources, int fd, const char *front, unsigned depth,
                         take_entry *take, struct explanation *why)
{
    struct dirent **entries = NULL;
    int count = scandirat(fd, ".", &entries, is_wanted, by_name);
    if (count < 0)
        return explain_errno(why, "the folder %s cannot be read", *front != '\0' ? front : ".");
    struct result result = RESULT_OK;
    for (int i = 0; i < count; i++) {
        char name[LIMIT_PATH_BYTES];
        if (result_is_ok(result)
            && !string_format(name, sizeof name, "%s%s%s", front, *front != '\0' ? "/" : "",
                              entries[i]->d_name))
            result = explain(why, ERROR_LIMIT, "a path in %s is too long", front);
        if (result_is_ok(result))
            result = take(sources, fd, entries[i]->d_name, name, depth, why);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static RESULT take_any(struct bundle_sources *sources, int folder_fd, const char *entry,
                       const char *name, unsigned depth, struct explanation *why)
{
    struct stat status;
    if (fstatat(folder_fd, entry, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return explain_errno(why, "%s cannot be examined", name);
    if (!S_ISDIR(status.st_mode))
        return add_file(sources, folder_fd, entry, name, why);
    if (depth == FOLDER_DEPTH_MAX)
        return explain(why, ERROR_LIMIT, "%s: folders are read to a depth of %d", name,
                       FOLDER_DEPTH_MAX);
    int fd = openat(folder_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return explain_errno(why, "%s cannot be opened", name);
    struct result result = each_entry(sources, fd, name, depth + 1, take_any, why);
    close(fd);
    return result;
}

/* What lies beside our own folders is not read, only remembered. */
static RESULT take_top(struct bundle_sources *sources, int folder_fd, const char *entry,
                       const char *name, unsigned depth, struct explanation *why)
{
    bool is_ours = string_equal(entry, BUNDLE_MANIFEST_FILE);
    for (size_t i = 0; bundle_folder(i) != NULL; i++)
        is_ours = is_ours || string_equal(entry, bundle_folder(i));
    if (is_ours)
        return take_any(sources, folder_fd, entry, name, depth, why);
    if (!result_is_ok(bundle_sources_add(sources, name, NULL, 0)))
        return explain(why, ERROR_MEMORY, "memory is out");
    return RESULT_OK;
}

RESULT bundle_sources_read(const char *folder, struct bundle_sources **ret_sources,
                           struct explanation *why)
{
    struct bundle_sources *sources = calloc(1, sizeof *sources);
    if (sources == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct result result = fd < 0 ? explain_errno(why, "%s cannot be opened", folder)
                                  : each_entry(sources, fd, "", 0, take_top, why);
    if (fd >= 0)
        close(fd);
    if (result_is_ok(result))
        *ret_sources = sources;
    else
        bundle_sources_free(sources);
    return result;
}
