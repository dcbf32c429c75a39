// SPDX-License-Identifier: Apache-2.0
/* The same done by calls that few programs use. */
#include "bypass.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* open() of 32-bit programs, called by a 64-bit one. */
static void call_as_32_bit(void)
{
#ifdef __x86_64__
    enum { OPEN = 5 }; /* in the table of 32-bit calls */
    trigger_enter_folder();
    char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (path == MAP_FAILED || !string_copy(path, 4096, "made"))
        trigger_fail("memory below 4 GiB");
    long result = OPEN;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(path), "c"((long)O_WRONLY | O_CREAT), "d"(0600L)
                     : "memory", "r8", "r9", "r10", "r11");
    if (result < 0) {
        errno = (int)-result;
        bypass_refused("a 32-bit call");
    }
    bypass_file("32 bit", "file_create", trigger_path("made"), bypass_inode("made"));
    unlink("made");
    trigger_leave();
#else
    errno = ENOSYS;
    bypass_refused("a 32-bit call");
#endif
}

static void open_by_handle(void)
{
    enum { HANDLE_BYTES = 128 };
    struct file_handle *handle = calloc(1, sizeof *handle + HANDLE_BYTES);
    int mount;
    trigger_enter_folder();
    trigger_make_file("held");
    if (handle == NULL)
        trigger_fail("memory");
    handle->handle_bytes = HANDLE_BYTES;
    if (name_to_handle_at(AT_FDCWD, "held", handle, &mount, 0) != 0)
        bypass_refused("a handle");
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = open_by_handle_at(folder, handle, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        bypass_refused("open_by_handle_at");
    bypass_file("handle", "file_write", trigger_path("held"), bypass_inode("held"));
    unlink("held");
    free(handle);
    trigger_leave();
}

/* A file that is written without a name and then gets one. */
static void name_later(void)
{
    char path[64];
    trigger_enter_folder();
    int file = open(".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
    if (file < 0)
        bypass_refused("O_TMPFILE");
    (void)string_format(path, sizeof path, "/proc/self/fd/%d", file);
    if (linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) != 0)
        trigger_fail("linkat");
    bypass_file("write", "file_write", trigger_path("named"), bypass_inode("named"));
    bypass_file("name", "file_create", trigger_path("named"), bypass_inode("named"));
    unlink("named");
    trigger_leave();
}

/* Connects by sending. */
static void connect_by_sending(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        trigger_fail("listening");
    if (sendto(sender, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, size) != 1)
        bypass_refused("TCP Fast Open");
    trigger_fact("fast open", "network_connect");
    trigger_process();
    trigger_text("destination_address", "127.0.0.1");
    trigger_number("destination_port", ntohs(address.sin_port));
    trigger_end();
}

int main(int count, char *arguments[])
{
    const char *call = count == 2 ? arguments[1] : "";
    if (string_equal(call, "32-bit"))
        call_as_32_bit();
    else if (string_equal(call, "handle"))
        open_by_handle();
    else if (string_equal(call, "tmpfile"))
        name_later();
    else if (string_equal(call, "fast-open"))
        connect_by_sending();
    else
        return 2;
    return 0;
}
