// SPDX-License-Identifier: Apache-2.0
#include "base/local_socket.h"

#include "base/bytes.h"
#include "base/limits.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Opens the folder of `path`; `address` names the socket through it while the folder is open. */
static RESULT address_of(const char *path, struct sockaddr_un *address, int *ret_folder,
                         struct explanation *why)
{
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash[1] == '\0' || !string_copy(folder, sizeof folder, path))
        return explain(why, ERROR_FORMAT, "\"%.200s\" is no absolute path of a socket", path);
    folder[slash == path ? 1 : slash - path] = '\0';
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return explain(why, ERROR_NOT_FOUND, "there is no folder %s", folder);
        return explain_errno(why, "cannot open the folder %s", folder);
    }
    address->sun_family = AF_UNIX;
    if (!string_format(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", fd,
                       slash + 1)) {
        close(fd);
        return explain(why, ERROR_LIMIT, "the name of the socket in \"%.200s\" is too long", path);
    }
    *ret_folder = fd;
    return RESULT_OK;
}

static RESULT connect_through(const struct sockaddr_un *address, const char *path, int *ret_fd,
                              struct explanation *why)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return explain_errno(why, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) {
        *ret_fd = fd;
        return RESULT_OK;
    }
    struct result failure;
    if (errno == ENOENT || errno == ECONNREFUSED)
        failure = explain(why, ERROR_NOT_FOUND, "nobody listens at %s", path);
    else if (errno == EAGAIN)
        failure = explain(why, ERROR_AGAIN, "%s is overrun with connections", path);
    else
        failure = explain_errno(why, "cannot connect to %s", path);
    close(fd);
    return failure;
}

RESULT local_socket_connect(const char *path, int *ret_fd, struct explanation *why)
{
    struct sockaddr_un address = {0};
    int folder;
    GUARD(address_of(path, &address, &folder, why));
    struct result result = connect_through(&address, path, ret_fd, why);
    close(folder);
    return result;
}

static RESULT listen_through(const struct sockaddr_un *address, unsigned mode, int backlog,
                             const char *path, int *ret_fd, struct explanation *why)
{
    struct stat status;
    if (lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(address->sun_path); /* where it fails, bind() says so */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return explain_errno(why, "cannot make a socket");
    /* The file is made with the socket's own mode, so that it is never open to more than `mode`. */
    if (fchmod(fd, mode) != 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) != 0
        || chmod(address->sun_path, mode) != 0 || listen(fd, backlog) != 0) {
        struct result failure = explain_errno(why, "cannot listen at %s", path);
        close(fd);
        return failure;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

RESULT local_socket_listen(const char *path, unsigned mode, int backlog, int *ret_fd,
                           struct explanation *why)
{
    struct sockaddr_un address = {0};
    int folder;
    GUARD(address_of(path, &address, &folder, why));
    struct result result = listen_through(&address, mode, backlog, path, ret_fd, why);
    close(folder);
    return result;
}
