// SPDX-License-Identifier: Apache-2.0
#include "sensor/container.h"

#include "tests/unit.h"

#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void is_in(const char *path, const char *expected)
{
    struct bytes id = {NULL, 0};
    bool is_found = container_id(path, strlen(path), &id);
    if (expected == NULL) {
        if (is_found)
            fail_msg("%s gave an id", path);
        return;
    }
    if (!is_found || id.size != strlen(expected) || memcmp(id.data, expected, id.size) != 0)
        fail_msg("%s: expected %s, got %.*s", path, expected, (int)id.size, (const char *)id.data);
}

static void runtimes_are_known(void **state)
{
    (void)state;
    is_in("/system.slice/docker-" HEX ".scope", HEX);
    is_in("docker-" HEX ".scope", HEX);
    is_in("/docker/" HEX, HEX);
    is_in(HEX, HEX);
    is_in("/machine.slice/libpod-" HEX ".scope/container", HEX);
    is_in("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" HEX ".scope", HEX);
    is_in("/kubepods/besteffort/pod8e/" HEX, HEX);
    is_in("/kubepods.slice/crio-" HEX ".scope", HEX);
    is_in("/system.slice/containerd.service/kubepods-burstable.slice:cri-containerd:" HEX, HEX);
    is_in("/docker/" HEX "/init.scope", HEX);
    is_in("/docker/" HEX "/system.slice/ssh.service", HEX);
    is_in("/lxc.payload.web/system.slice", "web");
    is_in("/lxc/web", "web");
    is_in("/lxc/web/init.scope", "web");
    is_in("/machine.slice/machine-tree.scope/payload", "tree");
}

static void others_are_not(void **state)
{
    (void)state;
    is_in("", NULL);
    is_in("/", NULL);
    is_in("////", NULL);
    is_in("/system.slice/ssh.service", NULL);
    is_in("/user.slice/user-1000.slice/session-2.scope", NULL);
    is_in("/machine.slice/libpod-conmon-" HEX ".scope", NULL);
    is_in("/lxc.monitor.web", NULL);
    is_in("/system.slice/docker.service", NULL);
    is_in("/system.slice/docker-.scope", NULL);
    is_in("/system.slice/docker-0123.scope", NULL);
    is_in("/system.slice/docker-" HEX "0.scope", NULL);
    is_in("/a/" HEX "0", NULL);
    is_in("/a/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF", NULL);
    is_in("/machine-.scope", NULL);
    is_in("/a:b:c", NULL);
    is_in(":", NULL);
    is_in(".scope", NULL);
    is_in("/lxc/", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runtimes_are_known),
        cmocka_unit_test(others_are_not),
    };
    return unit_run("container", tests);
}
