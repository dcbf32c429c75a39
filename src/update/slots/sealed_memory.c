// SPDX-License-Identifier: Apache-2.0
#include "update/slots/sealed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

RESULT sealed_memory_create(size_t size, int *ret_fd, uint8_t **ret_data)
{
    int fd = memfd_create("creance-release", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return result_from_errno();
    void *data = NULL;
    bool is_there = ftruncate(fd, (off_t)size) == 0;
    if (is_there && size != 0)
        data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!is_there || data == MAP_FAILED) {
        struct result failure = result_from_errno();
        close(fd);
        return failure;
    }
    *ret_fd = fd;
    *ret_data = data;
    return RESULT_OK;
}

static void unmap(uint8_t *data, size_t size)
{
    if (size != 0)
        munmap(data, size);
}

RESULT sealed_memory_seal(int fd, uint8_t *data, size_t size)
{
    unmap(data, size); /* F_SEAL_WRITE is refused while it is mapped writable */
    return fcntl(fd, F_ADD_SEALS, SEALS) == 0 ? RESULT_OK : result_from_errno();
}

void sealed_memory_discard(int fd, uint8_t *data, size_t size)
{
    unmap(data, size);
    close(fd);
}

RESULT sealed_memory_map(int fd, size_t limit, struct bytes *ret_view)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return result_fail(ERROR_STATE);
    struct stat status;
    if (fstat(fd, &status) != 0)
        return result_from_errno();
    if (status.st_size < 0 || (uint64_t)status.st_size > limit)
        return result_fail(ERROR_LIMIT);
    size_t size = (size_t)status.st_size;
    void *data = size != 0 ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (data == MAP_FAILED)
        return result_from_errno();
    *ret_view = (struct bytes){data, size};
    return RESULT_OK;
}

void sealed_memory_unmap(struct bytes view)
{
    if (view.size != 0)
        munmap((void *)(uintptr_t)view.data, view.size);
}
