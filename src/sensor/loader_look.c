// SPDX-License-Identifier: Apache-2.0
/* What a system offers, before anything is loaded. */
#include "sensor/loader.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

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
