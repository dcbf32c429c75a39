// SPDX-License-Identifier: Apache-2.0
#include "cli/import_folder.h"

#include "base/atomic_file.h"
#include "base/bytes.h"
#include "base/paths.h"
#include "content/rule_folder.h"
#include "engine/pack.h"

#include <fcntl.h>
#include <limits.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_BYTES_MAX = 32 * MIB, DIGEST_DIGITS = 2 * SHA256_DIGEST_LENGTH };
enum { FILE_MODE = 0644, FOLDER_MODE = 0755 };

/* Of a file that somebody removed. */
static const char NO_DIGEST[] =
    "0000000000000000000000000000000000000000000000000000000000000000";
static const char HEAD[] = "# Made by `creance rules import`: what it wrote here.\n";
/* As long as an import is under way, a file that is absent was not removed by anybody. */
static const char HEAD_OPEN[] = "# Unfinished import.\n";

struct row {
    const char *name; /* in `list` */
    char digest[DIGEST_DIGITS + 1];
};

struct import_folder {
    char path[LIMIT_PATH_BYTES];
    char *list; /* the list, its lines cut apart */
    bool is_open; /* the import before was interrupted */
    struct row *rows; /* sorted by name; a name may have several digests */
    size_t row_count;
    struct rule_folder *files; /* what lies there */
    uint8_t *pack;
    struct import_file *present; /* the same, sorted by name */
    size_t present_count;
};

static void digest_of(struct bytes content, char out[DIGEST_DIGITS + 1])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, content.data, content.size);
    SHA256Final(digest, &context);
    hex_encode(digest, sizeof digest, out);
}

bool import_name_is_good(const char *name)
{
    if (strlen(name) >= LIMIT_PATH_BYTES / 2 || strpbrk(name, "\r\n\\") != NULL)
        return false;
    for (const char *part = name;; part++) {
        if (*part == '.' || *part == '/' || *part == '\0')
            return false;
        part = strchrnul(part, '/');
        if (*part == '\0')
            return true;
    }
}

/* --- the list --------------------------------------------------------------------------------- */

static int compare_rows(const void *left, const void *right)
{
    return strcmp(((const struct row *)left)->name, ((const struct row *)right)->name);
}

/* "DIGEST  NAME": 64 digits and two blanks. Lines that begin with '#' are comments. */
static RESULT read_line(struct import_folder *folder, char *line, struct explanation *why)
{
    static const char DIGITS[] = "0123456789abcdef";
    if (string_starts_with(line, "# Unfinished"))
        folder->is_open = true;
    if (line[0] == '#' || line[0] == '\0')
        return RESULT_OK;
    struct row *row = &folder->rows[folder->row_count];
    if (strspn(line, DIGITS) != DIGEST_DIGITS || !string_starts_with(line + DIGEST_DIGITS, "  ")
        || !import_name_is_good(line + DIGEST_DIGITS + 2))
        return explain(why, ERROR_FORMAT,
                       "%s/%s, the list of what was imported, has a line that is none: \"%.100s\"; "
                       "nothing was changed", folder->path, IMPORT_LIST_FILE, line);
    bytes_copy(row->digest, sizeof row->digest - 1, line, DIGEST_DIGITS);
    row->name = line + DIGEST_DIGITS + 2;
    folder->row_count++;
    return RESULT_OK;
}

static RESULT parse_list(struct import_folder *folder, size_t size, struct explanation *why)
{
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += folder->list[i] == '\n';
    folder->rows = calloc(lines, sizeof folder->rows[0]);
    if (folder->rows == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    for (char *line = folder->list; line < folder->list + size;) {
        char *end = strchrnul(line, '\n');
        *end = '\0';
        GUARD(read_line(folder, line, why));
        line = end + 1;
    }
    if (folder->row_count > 0)
        qsort(folder->rows, folder->row_count, sizeof folder->rows[0], compare_rows);
    return RESULT_OK;
}

static RESULT read_list(struct import_folder *folder, int fd, struct explanation *why)
{
    size_t size = 0;
    folder->list = malloc(LIST_BYTES_MAX + 1);
    if (folder->list == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result =
        atomic_file_read(fd, IMPORT_LIST_FILE, folder->list, LIST_BYTES_MAX, &size, why);
    if (result.error == ERROR_NOT_FOUND)
        size = 0;
    else
        GUARD(result);
    folder->list[size] = '\0';
    return parse_list(folder, size, why);
}

/* --- what lies there -------------------------------------------------------------------------- */

static RESULT list_present(struct import_folder *folder, size_t size)
{
    struct pack_reader reader;
    struct pack_file file;
    size_t count = rule_folder_file_count(folder->files);
    folder->present = calloc(count + 1, sizeof folder->present[0]);
    if (folder->present == NULL)
        return result_fail(ERROR_MEMORY);
    GUARD(pack_reader_open(folder->pack, size, &reader));
    while (folder->present_count < count && result_is_ok(pack_reader_next(&reader, &file))) {
        char *name = strndup((const char *)file.name.data, file.name.size);
        if (name == NULL)
            return result_fail(ERROR_MEMORY);
        folder->present[folder->present_count++] = (struct import_file){name, file.content};
    }
    return RESULT_OK;
}

static RESULT read_folder(struct import_folder *folder, int fd, struct explanation *why)
{
    size_t size;
    GUARD(read_list(folder, fd, why));
    GUARD(rule_folder_add_descriptor(folder->files, fd, "", why));
    struct result result = rule_folder_pack(folder->files, &folder->pack, &size);
    if (result_is_ok(result))
        result = list_present(folder, size);
    return result_is_ok(result) ? result : explain(why, result.error, "memory is out");
}

RESULT import_folder_open(const char *path, struct import_folder **ret_folder,
                          struct explanation *why)
{
    struct import_folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    struct result result = RESULT_OK;
    folder->files = rule_folder_new();
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->files == NULL)
        result = explain(why, ERROR_MEMORY, "memory is out");
    else if (!string_copy(folder->path, sizeof folder->path, path))
        result = explain(why, ERROR_LIMIT, "the path \"%.64s...\" is too long", path);
    else if (fd >= 0)
        result = read_folder(folder, fd, why);
    else if (errno != ENOENT)
        result = explain_errno(why, "the folder %s cannot be opened", path);
    if (fd >= 0)
        close(fd);
    if (!result_is_ok(result)) {
        import_folder_free(folder);
        return result;
    }
    *ret_folder = folder;
    return RESULT_OK;
}

void import_folder_free(struct import_folder *folder)
{
    if (folder == NULL)
        return;
    for (size_t i = 0; i < folder->present_count; i++)
        free((char *)folder->present[i].name);
    free(folder->present);
    free(folder->pack);
    rule_folder_free(folder->files);
    free(folder->rows);
    free(folder->list);
    free(folder);
}

static int compare_files(const void *left, const void *right)
{
    return strcmp(((const struct import_file *)left)->name,
                  ((const struct import_file *)right)->name);
}

static const struct import_file *find_present(const struct import_folder *folder, const char *name)
{
    const struct import_file wanted = {.name = name};
    return folder->present_count == 0
               ? NULL
               : bsearch(&wanted, folder->present, folder->present_count, sizeof wanted,
                         compare_files);
}

/* What the list says of a name. */
struct history {
    bool is_ours;      /* an import made a file of this name, */
    bool is_made;      /* with this content */
    bool is_kept_away; /* somebody removed it */
};

static struct history look_up(const struct import_folder *folder, const char *name,
                              struct bytes content)
{
    char digest[DIGEST_DIGITS + 1];
    struct history history = {false, false, false};
    size_t low = 0;
    size_t high = folder->row_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(folder->rows[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    digest_of(content, digest);
    for (; low < folder->row_count && string_equal(folder->rows[low].name, name); low++) {
        history.is_ours = true;
        history.is_made = history.is_made || string_equal(folder->rows[low].digest, digest);
        history.is_kept_away =
            history.is_kept_away || string_equal(folder->rows[low].digest, NO_DIGEST);
    }
    return history;
}

enum import_state import_folder_look(const struct import_folder *folder, const char *name,
                                     struct bytes content)
{
    const struct import_file *present = find_present(folder, name);
    struct bytes found = present == NULL ? (struct bytes){NULL, 0} : present->content;
    struct history history = look_up(folder, name, found);
    if (present == NULL)
        return history.is_kept_away || (history.is_ours && !folder->is_open) ? IMPORT_REMOVED
                                                                             : IMPORT_NEW;
    bool is_same = found.size == content.size
                   && (found.size == 0 || memcmp(found.data, content.data, found.size) == 0);
    if (is_same && history.is_ours)
        return IMPORT_SAME;
    return history.is_made ? IMPORT_CHANGED : history.is_ours ? IMPORT_EDITED : IMPORT_FOREIGN;
}

bool import_folder_local(const struct import_folder *folder, size_t *cursor,
                         struct import_file *ret_file, enum import_state *ret_state)
{
    while (*cursor < folder->present_count) {
        const struct import_file *present = &folder->present[(*cursor)++];
        struct history history = look_up(folder, present->name, present->content);
        if (history.is_made)
            continue;
        *ret_file = *present;
        *ret_state = history.is_ours ? IMPORT_EDITED : IMPORT_FOREIGN;
        return true;
    }
    return false;
}

size_t import_folder_file_count(const struct import_folder *folder)
{
    return folder->present_count;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The folder that `name` lies in, made where it is absent and `makes` says so; no link is followed.
 * ERROR_NOT_FOUND where it is absent. */
static RESULT open_parent(int root, const char *name, bool makes, int *ret_fd,
                          const char **ret_last)
{
    int fd = dup(root);
    const char *part = name;
    for (const char *end; fd >= 0 && (end = strchr(part, '/')) != NULL; part = end + 1) {
        char entry[NAME_MAX + 1];
        if (!string_format(entry, sizeof entry, "%.*s", (int)(end - part), part))
            errno = ENAMETOOLONG;
        else if (makes && mkdirat(fd, entry, FOLDER_MODE) == 0)
            errno = 0;
        int next = openat(fd, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int problem = errno;
        close(fd);
        errno = problem;
        fd = next;
    }
    if (fd < 0)
        return errno == ENOENT ? result_fail(ERROR_NOT_FOUND) : result_from_errno();
    *ret_fd = fd;
    *ret_last = part;
    return RESULT_OK;
}

static RESULT explain_file(const struct import_folder *folder, const char *name,
                           struct result result, const char *what, struct explanation *why)
{
    return explain(why, result.error, "%s/%s cannot be %s: %s; what was done until then stays, and "
                   "the next import goes on", folder->path, name, what, result_text(result));
}

static RESULT write_file(const struct import_folder *folder, int root,
                         const struct import_file *file, struct explanation *why)
{
    int fd;
    const char *last;
    struct result result = open_parent(root, file->name, true, &fd, &last);
    if (!result_is_ok(result))
        return explain_file(folder, file->name, result, "made", why);
    result = atomic_file_write(fd, last, file->content.data, file->content.size, FILE_MODE, why);
    close(fd);
    return result;
}

/* Folders that become empty go with it. */
static RESULT remove_file(const struct import_folder *folder, int root, const char *name,
                          struct explanation *why)
{
    int fd;
    const char *last;
    char path[LIMIT_PATH_BYTES];
    struct result result = open_parent(root, name, false, &fd, &last);
    if (result.error == ERROR_NOT_FOUND)
        return RESULT_OK;
    if (result_is_ok(result)) {
        result = unlinkat(fd, last, 0) == 0 || errno == ENOENT ? RESULT_OK : result_from_errno();
        close(fd);
    }
    if (!result_is_ok(result))
        return explain_file(folder, name, result, "removed", why);
    (void)string_copy(path, sizeof path, name);
    for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
        *slash = '\0';
        if (unlinkat(root, path, AT_REMOVEDIR) != 0)
            break; /* it is not empty */
    }
    return RESULT_OK;
}

static bool is_wanted(const struct import_file *files, size_t count, const char *name)
{
    const struct import_file wanted = {.name = name};
    return count > 0 && bsearch(&wanted, files, count, sizeof wanted, compare_files) != NULL;
}

/* What stays in the list of that which is not to come: while the import is under way all of it,
 * then what was edited, or removed and is to stay away. */
static void write_old_row(const struct import_folder *folder, const struct row *row, bool is_open,
                          FILE *stream)
{
    const struct import_file *present = find_present(folder, row->name);
    struct bytes none = {NULL, 0};
    struct history history = look_up(folder, row->name, present == NULL ? none : present->content);
    bool is_away = history.is_kept_away || !folder->is_open;
    if (present == NULL && is_away)
        fprintf(stream, "%s  %s\n", NO_DIGEST, row->name);
    else if (is_open || (present != NULL && !history.is_made))
        fprintf(stream, "%s  %s\n", row->digest, row->name);
}

/* With `is_open`: what was there before, too. */
static RESULT write_list(const struct import_folder *folder, int root,
                         const struct import_file *files, size_t count, bool is_open,
                         struct explanation *why)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return explain(why, ERROR_MEMORY, "memory is out");
    fputs(is_open ? HEAD_OPEN : HEAD, stream);
    for (size_t i = 0; i < count; i++) {
        char digest[DIGEST_DIGITS + 1];
        digest_of(files[i].content, digest);
        fprintf(stream, "%s  %s\n", digest, files[i].name);
    }
    for (size_t i = 0; i < folder->row_count; i++) {
        bool is_repeated = i > 0 && compare_rows(&folder->rows[i - 1], &folder->rows[i]) == 0;
        if (is_open || (!is_repeated && !is_wanted(files, count, folder->rows[i].name)))
            write_old_row(folder, &folder->rows[i], is_open, stream);
    }
    struct result result = fclose(stream) == 0
                               ? atomic_file_write(root, IMPORT_LIST_FILE, text, size, FILE_MODE,
                                                   why)
                               : explain(why, ERROR_MEMORY, "memory is out");
    free(text);
    return result;
}

static RESULT apply(struct import_folder *folder, int root, const struct import_file *files,
                    size_t count, struct import_counts *counts, struct explanation *why)
{
    for (size_t i = 0; i < count; i++) {
        enum import_state state = import_folder_look(folder, files[i].name, files[i].content);
        counts->added += state == IMPORT_NEW;
        counts->changed += state == IMPORT_CHANGED;
        counts->same += state == IMPORT_SAME;
        if (root >= 0 && (state == IMPORT_NEW || state == IMPORT_CHANGED))
            GUARD(write_file(folder, root, &files[i], why));
    }
    for (size_t i = 0; i < folder->present_count; i++) {
        const struct import_file *present = &folder->present[i];
        bool is_made = look_up(folder, present->name, present->content).is_made;
        if (!is_made || is_wanted(files, count, present->name))
            continue;
        counts->removed++;
        if (root >= 0)
            GUARD(remove_file(folder, root, present->name, why));
    }
    return RESULT_OK;
}

RESULT import_folder_apply(struct import_folder *folder, const struct import_file *files,
                           size_t count, bool is_dry, struct import_counts *ret_counts,
                           struct explanation *why)
{
    *ret_counts = (struct import_counts){0};
    if (is_dry)
        return apply(folder, -1, files, count, ret_counts, why);
    GUARD(paths_make_folder(folder->path, FOLDER_MODE, why));
    int root = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return explain_errno(why, "the folder %s cannot be opened", folder->path);
    struct result result = write_list(folder, root, files, count, true, why);
    if (result_is_ok(result))
        result = apply(folder, root, files, count, ret_counts, why);
    if (result_is_ok(result))
        result = write_list(folder, root, files, count, false, why);
    close(root);
    return result;
}
