// SPDX-License-Identifier: Apache-2.0
#include "base/shared_memory.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

RESULT shared_memory_create(const char *name, size_t size, int *ret_fd)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return result_from_errno();
    if (ftruncate(fd, (off_t)size) != 0
        || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        struct result failure = result_from_errno();
        close(fd);
        return failure;
    }
    *ret_fd = fd;
    return RESULT_OK;
}

RESULT shared_memory_reopen_readonly(int fd, int *ret_fd)
{
    char path[64];
    (void)string_format(path, sizeof path, "/proc/self/fd/%d", fd);
    int copy = open(path, O_RDONLY | O_CLOEXEC);
    if (copy < 0)
        return result_from_errno();
    *ret_fd = copy;
    return RESULT_OK;
}
