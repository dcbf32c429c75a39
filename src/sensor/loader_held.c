// SPDX-License-Identifier: Apache-2.0
/*
 * What holders of descriptors do with them. By the system call itself: the supervisor, which holds
 * them, has no need of libbpf.
 */
#include "sensor/loader.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

static long call_bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
    return syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static RESULT object_info(int fd, void *info, uint32_t size)
{
    union bpf_attr attributes = {0};
    attributes.info.bpf_fd = (uint32_t)fd;
    attributes.info.info_len = size;
    attributes.info.info = (uintptr_t)info;
    return call_bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) == 0 ? RESULT_OK : result_from_errno();
}

RESULT loader_snapshot_open(int link, int *ret_fd)
{
    union bpf_attr attributes = {.iter_create.link_fd = (uint32_t)link};
    int fd = (int)call_bpf(BPF_ITER_CREATE, &attributes);
    if (fd < 0)
        return result_from_errno();
    *ret_fd = fd;
    return RESULT_OK;
}

static RESULT program_of_link(int link, uint32_t *ret_id)
{
    struct bpf_link_info info = {0};
    GUARD(object_info(link, &info, sizeof info));
    *ret_id = info.prog_id;
    return RESULT_OK;
}

static RESULT program_missed_runs(uint32_t id, uint64_t *ret_count)
{
    union bpf_attr attributes = {.prog_id = id};
    int program = (int)call_bpf(BPF_PROG_GET_FD_BY_ID, &attributes);
    if (program < 0)
        return result_from_errno();
    struct bpf_prog_info info = {0};
    struct result result = object_info(program, &info, sizeof info);
    close(program);
    *ret_count = info.recursion_misses;
    return result;
}

RESULT loader_missed_runs(const int *links, size_t count, uint64_t *ret_total)
{
    uint32_t seen[PROBE_COUNT] = {0};
    *ret_total = 0;
    if (count > PROBE_COUNT)
        return result_fail(ERROR_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (links[i] < 0)
            continue;
        GUARD(program_of_link(links[i], &seen[i]));
        bool is_counted = false;
        for (size_t j = 0; j < i; j++)
            is_counted |= seen[j] == seen[i];
        uint64_t missed = 0;
        if (!is_counted)
            GUARD(program_missed_runs(seen[i], &missed));
        *ret_total += missed;
    }
    return RESULT_OK;
}

RESULT loader_ignore(int ignored, uint32_t tgid, bool ignore)
{
    uint8_t value = 1;
    union bpf_attr attributes = {.map_fd = (uint32_t)ignored};
    attributes.key = (uintptr_t)&tgid;
    if (ignore)
        attributes.value = (uintptr_t)&value; /* the kernel refuses it in a deletion */
    long failure = call_bpf(ignore ? BPF_MAP_UPDATE_ELEM : BPF_MAP_DELETE_ELEM, &attributes);
    if (failure != 0 && !(errno == ENOENT && !ignore))
        return result_from_errno();
    return RESULT_OK;
}
