// SPDX-License-Identifier: Apache-2.0
#include "base/sandbox.h"

#include "tests/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a child inside `profile`; 0 means that it held. */
static int in_sandbox(const struct sandbox_profile *profile, int (*body)(void))
{
    pid_t child = fork();
    if (child == 0) {
        if (profile != NULL && !result_is_ok(sandbox_enter(profile, NULL)))
            _exit(99);
        _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int can_open_passwd(void) { return open("/etc/passwd", O_RDONLY) >= 0 ? 0 : 1; }
static int can_open_proc(void) { return open("/proc/version", O_RDONLY) >= 0 ? 0 : 1; }
static int can_make_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1; }
static int can_fork(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child > 0 ? 0 : 1;
}
static int can_write(void)
{
    return open("/tmp/creance-sandbox-test", O_CREAT | O_WRONLY, 0600) >= 0 ? 0 : 1;
}

static void computing_only_opens_nothing(void **state)
{
    (void)state;
    const struct sandbox_profile none = {.name = "test"};
    assert_int_equal(in_sandbox(NULL, can_open_passwd), 0); /* counter-test: no sandbox */
    assert_int_equal(in_sandbox(NULL, can_make_socket), 0);
    assert_int_equal(in_sandbox(NULL, can_fork), 0);
    assert_int_equal(in_sandbox(&none, can_open_passwd), 1);
    assert_int_equal(in_sandbox(&none, can_make_socket), 1);
    assert_int_equal(in_sandbox(&none, can_fork), 1);
}

static void only_the_named_folder_is_open(void **state)
{
    (void)state;
    const struct sandbox_folder folder = {-1, "/etc", SANDBOX_ALLOW_READ_FILES};
    const struct sandbox_profile profile = {
        .name = "test", .allow = SANDBOX_ALLOW_READ_FILES, .folders = &folder, .folder_count = 1};
    assert_int_equal(in_sandbox(&profile, can_open_passwd), 0);
    assert_int_equal(in_sandbox(&profile, can_write), 1);
    if (access("/proc/sys/kernel", F_OK) == 0)
        assert_int_equal(in_sandbox(&profile, can_open_proc), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computing_only_opens_nothing),
        cmocka_unit_test(only_the_named_folder_is_open),
    };
    return unit_run("base/sandbox", tests);
}
