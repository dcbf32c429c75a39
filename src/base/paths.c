// SPDX-License-Identifier: Apache-2.0
#include "base/paths.h"

#include "base/bytes.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for the longest name that is put behind a folder here. */
enum { PATHS_TAIL_BYTES = 32 };

/* `path` as an absolute one, without slashes at its end. */
static RESULT make_absolute(const char *path, char out[LIMIT_PATH_BYTES], struct explanation *why)
{
    bool fits;
    if (path[0] == '/') {
        fits = string_copy(out, LIMIT_PATH_BYTES, path);
    } else {
        char directory[LIMIT_PATH_BYTES];
        if (getcwd(directory, sizeof directory) == NULL)
            return explain_errno(why,
                                 "cannot tell the working directory, which \"%s\" is relative to",
                                 path);
        fits = string_format(out, LIMIT_PATH_BYTES, "%s/%s",
                             string_equal(directory, "/") ? "" : directory, path);
    }
    size_t length = strlen(out);
    if (!fits || length + PATHS_TAIL_BYTES > LIMIT_PATH_BYTES)
        return explain(why, ERROR_LIMIT, "the path \"%.64s...\" is longer than %d bytes", path,
                       LIMIT_PATH_BYTES - PATHS_TAIL_BYTES);
    while (length > 1 && out[length - 1] == '/')
        out[--length] = '\0';
    return RESULT_OK;
}

/* Cannot be cut: make_absolute() left room. */
static void join(char out[LIMIT_PATH_BYTES], const char *folder, const char *name)
{
    string_format(out, LIMIT_PATH_BYTES, "%s/%s", string_equal(folder, "/") ? "" : folder, name);
}

RESULT paths_resolve(const char *state, const char *content, struct paths *ret_paths,
                     struct explanation *why)
{
    char folder[LIMIT_PATH_BYTES];
    if (state != NULL) {
        GUARD(make_absolute(state, folder, why));
        join(ret_paths->run, folder, "run");
        join(ret_paths->log, folder, "log");
        join(ret_paths->configuration, folder, "etc");
        join(ret_paths->data, folder, "lib");
    } else {
        string_copy(ret_paths->run, LIMIT_PATH_BYTES, "/run/creance");
        string_copy(ret_paths->log, LIMIT_PATH_BYTES, "/var/log/creance");
        string_copy(ret_paths->configuration, LIMIT_PATH_BYTES, "/etc/creance");
        string_copy(ret_paths->data, LIMIT_PATH_BYTES, "/var/lib/creance");
    }
    join(ret_paths->control_socket, ret_paths->run, "control.sock");
    join(ret_paths->local_rules, ret_paths->configuration, "rules");
    if (content != NULL)
        GUARD(make_absolute(content, folder, why));
    else
        string_copy(folder, sizeof folder, "/usr/lib/creance");
    join(ret_paths->vendor_rules, folder, "rules");
    return RESULT_OK;
}

RESULT paths_make_folder(const char *path, mode_t mode, struct explanation *why)
{
    char partial[LIMIT_PATH_BYTES];
    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        size_t length = slash == NULL ? strlen(path) : (size_t)(slash - path);
        (void)string_format(partial, sizeof partial, "%.*s", (int)length, path);
        if (mkdir(partial, slash == NULL ? mode : 0755) != 0 && errno != EEXIST)
            return explain_errno(why, "cannot make the folder %s", partial);
        if (slash == NULL)
            return RESULT_OK;
    }
}
