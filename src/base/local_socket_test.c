// SPDX-License-Identifier: Apache-2.0
#include "base/local_socket.h"

#include "base/bytes.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void connects_under_a_path_longer_than_an_address(void **state)
{
    (void)state;
    char root[] = "/tmp/local-socket-XXXXXX";
    assert_non_null(mkdtemp(root));
    char folder[512];
    string_format(folder, sizeof folder, "%s/%0150d", root, 7);
    assert_int_equal(mkdir(folder, 0700), 0);
    char path[600];
    string_format(path, sizeof path, "%s/control.sock", folder);

    int client = -1;
    struct explanation why = {""};
    assert_error(local_socket_connect(path, &client, &why), ERROR_NOT_FOUND);
    int listener = -1;
    assert_ok(local_socket_listen(path, 0600, 4, &listener, &why));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_ok(local_socket_connect(path, &client, &why));
    close(client);
    close(listener);
    /* A dead socket file: nobody listens, and the next instance replaces it. */
    assert_error(local_socket_connect(path, &client, &why), ERROR_NOT_FOUND);
    assert_non_null(strstr(why.text, "nobody listens"));
    assert_ok(local_socket_listen(path, 0600, 4, &listener, &why));
    close(listener);
    unlink(path);
    rmdir(folder);
    rmdir(root);
}

static void other_files_are_not_replaced(void **state)
{
    (void)state;
    char path[] = "/tmp/local-socket-file-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    int listener;
    struct explanation why = {""};
    assert_error(local_socket_listen(path, 0600, 4, &listener, &why), ERROR_SYSTEM);
    close(file);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_under_a_path_longer_than_an_address),
        cmocka_unit_test(other_files_are_not_replaced),
    };
    return unit_run("local_socket", tests);
}
