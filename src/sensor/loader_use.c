// SPDX-License-Identifier: Apache-2.0
/* What the holders of descriptors do with them, and what a system offers. */
#include "sensor/loader.h"

#include "base/bytes.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

RESULT loader_snapshot_open(int link, int *ret_fd)
{
    *ret_fd = bpf_iter_create(link);
    return *ret_fd < 0 ? result_from_errno() : RESULT_OK;
}

static RESULT program_of_link(int link, uint32_t *ret_id)
{
    struct bpf_link_info info = {0};
    __u32 size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link, &info, &size) != 0)
        return result_from_errno();
    *ret_id = info.prog_id;
    return RESULT_OK;
}

static RESULT program_missed_runs(uint32_t id, uint64_t *ret_count)
{
    int program = bpf_prog_get_fd_by_id(id);
    if (program < 0)
        return result_from_errno();
    struct bpf_prog_info info = {0};
    __u32 size = sizeof(info);
    struct result result = RESULT_OK;
    if (bpf_obj_get_info_by_fd(program, &info, &size) != 0)
        result = result_from_errno();
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
    int failure = ignore ? bpf_map_update_elem(ignored, &tgid, &value, BPF_ANY)
                         : bpf_map_delete_elem(ignored, &tgid);
    if (failure != 0 && !(errno == ENOENT && !ignore))
        return result_from_errno();
    return RESULT_OK;
}

/* Reads a small text file; "" where that fails. */
static void read_text(const char *path, char *out, size_t capacity)
{
    out[0] = '\0';
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    ssize_t size = read(file, out, capacity - 1);
    close(file);
    if (size < 0)
        size = 0;
    while (size > 0 && out[size - 1] == '\n')
        size--;
    out[size] = '\0';
}

static bool has_capability(const struct __user_cap_data_struct *sets, unsigned capability)
{
    return (sets[capability / 32].effective >> (capability % 32) & 1) != 0;
}

static bool may_load(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct sets[2] = {{0}};
    if (syscall(SYS_capget, &header, sets) != 0)
        return false;
    return has_capability(sets, CAP_SYS_ADMIN)
           || (has_capability(sets, CAP_BPF) && has_capability(sets, CAP_PERFMON));
}

void loader_look(struct loader_system *ret_system)
{
    *ret_system = (struct loader_system){.may_load = may_load()};
    struct utsname names;
    if (uname(&names) == 0)
        (void)string_copy(ret_system->kernel, sizeof(ret_system->kernel), names.release);
    read_text("/sys/kernel/security/lsm", ret_system->security_modules,
              sizeof(ret_system->security_modules));
    ret_system->has_btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}
