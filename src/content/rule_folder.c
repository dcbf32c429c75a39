// SPDX-License-Identifier: Apache-2.0
#include "content/rule_folder.h"

#include "base/bytes.h"
#include "base/disk.h"
#include "base/limits.h"
#include "content/bundle_manifest.h"
#include "engine/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_DEPTH_MAX = 32 };

struct rule_folder {
    struct pack_writer *pack;
    size_t file_count;
    struct rule_problem *problems; /* both strings of each are ours */
    size_t problem_count;
    size_t problem_capacity;
    char *buffer; /* LIMIT_RULE_FILE_BYTES + 1: one more shows that a file is too large */
};

struct rule_folder *rule_folder_new(void)
{
    struct rule_folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL)
        return NULL;
    folder->pack = pack_writer_new();
    folder->buffer = malloc(LIMIT_RULE_FILE_BYTES + 1);
    if (folder->pack == NULL || folder->buffer == NULL) {
        rule_folder_free(folder);
        return NULL;
    }
    return folder;
}

void rule_folder_free(struct rule_folder *folder)
{
    if (folder == NULL)
        return;
    pack_writer_free(folder->pack);
    for (size_t i = 0; i < folder->problem_count; i++) {
        free((char *)folder->problems[i].file);
        free((char *)folder->problems[i].reason);
    }
    free(folder->problems);
    free(folder->buffer);
    free(folder);
}

size_t rule_folder_file_count(const struct rule_folder *folder) { return folder->file_count; }

size_t rule_folder_problem_count(const struct rule_folder *folder)
{
    return folder->problem_count;
}

const struct rule_problem *rule_folder_problem(const struct rule_folder *folder, size_t index)
{
    return index < folder->problem_count ? &folder->problems[index] : NULL;
}

RESULT rule_folder_pack(struct rule_folder *folder, uint8_t **ret_data, size_t *ret_size)
{
    return pack_writer_finish(folder->pack, ret_data, ret_size);
}

static RESULT PRINTF_LIKE(3, 4)
    add_problem(struct rule_folder *folder, const char *file, const char *format, ...)
{
    if (folder->problem_count == folder->problem_capacity) {
        size_t capacity = folder->problem_capacity == 0 ? 16 : 2 * folder->problem_capacity;
        struct rule_problem *problems =
            reallocarray(folder->problems, capacity, sizeof *problems);
        if (problems == NULL)
            return result_fail(ERROR_MEMORY);
        folder->problems = problems;
        folder->problem_capacity = capacity;
    }
    va_list arguments;
    va_start(arguments, format);
    char *reason = NULL;
    int size = vasprintf(&reason, format, arguments);
    va_end(arguments);
    char *copy = strdup(file);
    if (size < 0 || copy == NULL) {
        free(size < 0 ? NULL : reason);
        free(copy);
        return result_fail(ERROR_MEMORY);
    }
    folder->problems[folder->problem_count++] = (struct rule_problem){copy, reason};
    return RESULT_OK;
}

/* --- one file -------------------------------------------------------------------------------- */

static RESULT add_too_large(struct rule_folder *folder, const char *name, uint64_t size)
{
    return add_problem(folder, name,
                       "the file has %llu bytes and was not read: a rule file has at most %d",
                       (unsigned long long)size, LIMIT_RULE_FILE_BYTES);
}

static RESULT add_to_pack(struct rule_folder *folder, const char *name, size_t size)
{
    struct result result = pack_writer_add(folder->pack, name, folder->buffer, size);
    if (result.error == ERROR_STATE)
        return RESULT_OK; /* it is there already: two of the named folders overlap */
    if (result.error == ERROR_LIMIT)
        return add_problem(folder, name,
                           "the file was not taken: all rule files together have at most %d files "
                           "and %d bytes",
                           LIMIT_RULE_FILES, LIMIT_RULE_PACK_BYTES);
    if (result_is_ok(result))
        folder->file_count++;
    return result;
}

/* `fd` is open for reading and known to be a regular file. */
static RESULT add_open_file(struct rule_folder *folder, int fd, const char *name)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return add_problem(folder, name, "the file cannot be examined: %s", strerror(errno));
    if (!S_ISREG(status.st_mode)) /* somebody exchanged it since it was looked at */
        return add_problem(folder, name, "this is not a regular file");
    if (status.st_size > LIMIT_RULE_FILE_BYTES)
        return add_too_large(folder, name, (uint64_t)status.st_size);
    size_t size = 0;
    struct result result = disk_read_whole(fd, folder->buffer, LIMIT_RULE_FILE_BYTES + 1, &size);
    if (!result_is_ok(result))
        return add_problem(folder, name, "the file cannot be read: %s", result_text(result));
    if (size > LIMIT_RULE_FILE_BYTES)
        return add_too_large(folder, name, size);
    return add_to_pack(folder, name, size);
}

/* Links are followed. Never waits: only what is a regular file is opened. */
static RESULT add_file(struct rule_folder *folder, int parent_fd, const char *entry,
                       const char *name)
{
    struct stat status;
    if (fstatat(parent_fd, entry, &status, 0) != 0)
        return add_problem(folder, name, "the file cannot be examined: %s", strerror(errno));
    if (!S_ISREG(status.st_mode))
        return add_problem(folder, name, "this is not a regular file");
    int fd = openat(parent_fd, entry, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return add_problem(folder, name, "the file cannot be opened: %s", strerror(errno));
    struct result result = add_open_file(folder, fd, name);
    close(fd);
    return result;
}

/* --- folders --------------------------------------------------------------------------------- */

static RESULT add_folder(struct rule_folder *folder, int fd, const char *name, unsigned depth);

static bool is_rule_name(const char *entry)
{
    bool is_manifest = string_equal(entry, BUNDLE_MANIFEST_FILE);
    return !is_manifest && (string_ends_with(entry, ".yml") || string_ends_with(entry, ".yaml"));
}

static RESULT add_subfolder(struct rule_folder *folder, int parent_fd, const char *entry,
                            const char *name, unsigned depth)
{
    if (depth == FOLDER_DEPTH_MAX)
        return add_problem(folder, name, "folders are read to a depth of %d only",
                           FOLDER_DEPTH_MAX);
    int fd = openat(parent_fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return add_problem(folder, name, "the folder cannot be opened: %s", strerror(errno));
    struct result result = add_folder(folder, fd, name, depth + 1);
    close(fd);
    return result;
}

static RESULT add_entry(struct rule_folder *folder, int parent_fd, const char *entry,
                        const char *name, unsigned depth)
{
    struct stat status;
    if (fstatat(parent_fd, entry, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return add_problem(folder, name, "the file cannot be examined: %s", strerror(errno));
    if (S_ISDIR(status.st_mode))
        return add_subfolder(folder, parent_fd, entry, name, depth);
    struct stat target;
    bool is_link_to_folder = S_ISLNK(status.st_mode)
                             && fstatat(parent_fd, entry, &target, 0) == 0
                             && S_ISDIR(target.st_mode);
    if (is_link_to_folder)
        return add_problem(folder, name, "this is a link to a folder, which is not followed: "
                                         "name the folder itself");
    return is_rule_name(entry) ? add_file(folder, parent_fd, entry, name) : RESULT_OK;
}

static int is_wanted(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static RESULT add_folder(struct rule_folder *folder, int fd, const char *name, unsigned depth)
{
    struct dirent **entries = NULL;
    int count = scandirat(fd, ".", &entries, is_wanted, by_name);
    if (count < 0 && errno == ENOMEM)
        return result_fail(ERROR_MEMORY);
    if (count < 0)
        return add_problem(folder, name, "the folder cannot be read: %s", strerror(errno));
    struct result result = RESULT_OK;
    for (int i = 0; i < count; i++) {
        char path[LIMIT_PATH_BYTES];
        const char *entry = entries[i]->d_name;
        const char *slash = *name == '\0' || string_ends_with(name, "/") ? "" : "/";
        if (result_is_ok(result)) {
            if (string_format(path, sizeof path, "%s%s%s", name, slash, entry))
                result = add_entry(folder, fd, entry, path, depth);
            else
                result = add_problem(folder, path, "the path is longer than %d bytes",
                                     LIMIT_PATH_BYTES - 1);
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

RESULT rule_folder_add_descriptor(struct rule_folder *folder, int folder_fd, const char *name,
                                  struct explanation *why)
{
    struct result result = add_folder(folder, folder_fd, name, 0);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s: reading the rules failed: %s", name,
                       result_text(result));
    return RESULT_OK;
}

static RESULT add_named_file(struct rule_folder *folder, const char *path, const char *name,
                             struct explanation *why)
{
    struct result result = add_file(folder, AT_FDCWD, path, name);
    if (!result_is_ok(result))
        return explain(why, result.error, "%s: reading the rules failed: %s", path,
                       result_text(result));
    return RESULT_OK;
}

RESULT rule_folder_add_file(struct rule_folder *folder, const char *path, struct explanation *why)
{
    const char *slash = strrchr(path, '/');
    size_t problems = folder->problem_count;
    GUARD(add_named_file(folder, path, slash == NULL ? path : slash + 1, why));
    return folder->problem_count == problems
               ? RESULT_OK
               : explain(why, ERROR_SYSTEM, "%s: %s", path,
                         folder->problems[problems].reason);
}

RESULT rule_folder_add_path(struct rule_folder *folder, const char *path, struct explanation *why)
{
    struct stat status;
    if (stat(path, &status) != 0 && errno == ENOENT)
        return explain(why, ERROR_NOT_FOUND, "%s: there is no such file or folder", path);
    if (stat(path, &status) != 0)
        return explain_errno(why, "%s: cannot be examined", path);
    if (!S_ISDIR(status.st_mode))
        return add_named_file(folder, path, path, why);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return explain_errno(why, "%s: the folder cannot be opened", path);
    struct result result = rule_folder_add_descriptor(folder, fd, path, why);
    close(fd);
    return result;
}
