// SPDX-License-Identifier: Apache-2.0
#include "sensor/loader_attach.h"

#include "base/bytes.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

RESULT loader_events_open(int *ret_folder)
{
    *ret_folder = open("/sys/kernel/tracing/events", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_folder < 0)
        *ret_folder = open("/sys/kernel/debug/tracing/events", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_folder >= 0)
        return RESULT_OK;
    int context = fsopen("tracefs", FSOPEN_CLOEXEC);
    if (context < 0)
        return result_from_errno();
    int root = -1;
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        root = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID);
    struct result result = RESULT_OK;
    if (root >= 0)
        *ret_folder = openat(root, "events", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*ret_folder < 0)
        result = result_from_errno();
    if (root >= 0)
        close(root);
    close(context);
    return result;
}

static void status_set(struct probe_status *status, enum probe_state state, int system_errno,
                       const char *step, const char *target)
{
    status->state = state;
    status->system_errno = system_errno;
    if (!string_format(status->detail, sizeof(status->detail), "%s %s", step, target))
        return; /* cut: still says which step */
}

/* The number by which perf_event_open() knows a tracepoint: "group/name", or of a system call. */
static RESULT tracepoint_number(int events_folder, const char *target, uint64_t *ret_number)
{
    char path[128], text[32];
    bool has_group = strchr(target, '/') != NULL;
    if (!string_format(path, sizeof(path), "%s%s/id", has_group ? "" : "syscalls/", target))
        return result_fail(ERROR_LIMIT);
    int file = openat(events_folder, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return result_from_errno();
    ssize_t size = read(file, text, sizeof(text) - 1);
    struct result result = size < 0 ? result_from_errno() : RESULT_OK;
    close(file);
    GUARD(result);
    while (size > 0 && text[size - 1] == '\n')
        size--;
    text[size] = '\0';
    return number_parse(text, UINT32_MAX, ret_number);
}

/* A link holds the perf event, so that its descriptor alone keeps the program attached. */
static void attach_call(int program, const char *target, int events_folder,
                        struct probe_status *status, int *ret_link)
{
    uint64_t number = 0;
    struct result found = tracepoint_number(events_folder, target, &number);
    if (!result_is_ok(found)) {
        bool absent = found.system_errno == ENOENT;
        status_set(status, absent ? PROBE_ABSENT : PROBE_FAILED, found.system_errno,
                   "looking for the tracepoint", target);
        return;
    }
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_TRACEPOINT,
        .size = sizeof(attributes),
        .config = number,
    };
    int event = (int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    if (event < 0) {
        status_set(status, PROBE_FAILED, errno, "opening the tracepoint", target);
        return;
    }
    int link = bpf_link_create(program, event, BPF_PERF_EVENT, NULL);
    if (link < 0)
        status_set(status, PROBE_FAILED, -link, "attaching to", target);
    else if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0) != 0)
        status_set(status, PROBE_FAILED, errno, "enabling", target);
    else
        *ret_link = link;
    if (link >= 0 && *ret_link != link)
        close(link);
    close(event);
}

static void attach_typed(const struct bpf_program *program, enum probe_how how, const char *target,
                         struct probe_status *status, int *ret_link)
{
    struct bpf_link *link = how == PROBE_BTF ? bpf_program__attach_trace(program)
                                             : bpf_program__attach_iter(program, NULL);
    if (link == NULL) {
        status_set(status, PROBE_FAILED, errno, "attaching to", target);
        return;
    }
    /* libbpf's object is only a wrapper: our copy of the descriptor keeps the link. */
    int copy = fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        status_set(status, PROBE_FAILED, errno, "copying the link to", target);
    else
        *ret_link = copy;
    bpf_link__destroy(link);
}

void loader_attach(const struct bpf_program *program, enum probe_how how, const char *target,
                   int events_folder, struct probe_status *status, int *ret_link)
{
    int link = -1;
    if (how == PROBE_CALL)
        attach_call(bpf_program__fd(program), target, events_folder, status, &link);
    else
        attach_typed(program, how, target, status, &link);
    if (link < 0)
        return;
    *ret_link = link;
    *status = (struct probe_status){.state = PROBE_ATTACHED};
}
