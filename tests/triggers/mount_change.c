// SPDX-License-Identifier: Apache-2.0
/* Mounts in a mount namespace of its own. The argument says how: "mount" (the old call), "move" (a
 * new mount put into its place) or "umount". */
#include "trigger.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void mount_by_descriptor(const char *where)
{
    int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", "what", 0) != 0
        || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        trigger_fail("making a file system");
    int mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
    if (mount < 0 || move_mount(mount, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        trigger_fail("moving the mount");
    close(mount);
    close(context);
}

static void change(const char *how)
{
    trigger_begin("mount_change");
    if (string_equal(how, "move")) {
        mount_by_descriptor("where");
        trigger_text("call_name", "move_mount");
    } else if (mount("what", "where", "tmpfs", MS_NOSUID | MS_NOEXEC, "") != 0) {
        trigger_fail("mounting");
    } else if (string_equal(how, "mount")) {
        trigger_text("call_name", "mount");
        trigger_text("call_request", "MS_NOSUID MS_NOEXEC");
    }
    if (string_equal(how, "umount")) {
        if (umount2("where", MNT_DETACH) != 0)
            trigger_fail("unmounting");
        trigger_text("call_name", "umount");
        trigger_text("call_request", "MNT_DETACH");
    } else {
        trigger_text("mount_source", "what");
        trigger_text("mount_type", "tmpfs");
    }
}

int main(int count, char *arguments[])
{
    trigger_enter_folder();
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mkdir("where", 0700) != 0)
        trigger_fail("preparing");
    change(count > 1 ? arguments[1] : "mount");
    trigger_process();
    trigger_text("file_path", trigger_path("where"));
    trigger_end();
    (void)umount2("where", MNT_DETACH);
    rmdir("where");
    trigger_leave();
    return 0;
}
