// SPDX-License-Identifier: Apache-2.0
#include "trigger.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX]; /* of trigger_enter_folder() */
static unsigned fields;       /* printed so far */

void trigger_fail(const char *what)
{
    fprintf(stderr, "trigger: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void print_quoted(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static void print_name(const char *field) { printf("%s\"%s\": ", fields++ > 0 ? ", " : "", field); }

void trigger_begin(const char *kind) { printf("{\"kind\": \"%s\", \"fields\": {", kind); }

void trigger_fact(const char *name, const char *kind)
{
    printf("{\"fact\": \"%s\", \"kind\": \"%s\", \"fields\": {", name, kind);
}

void trigger_text(const char *field, const char *value)
{
    print_name(field);
    print_quoted(value);
}

void trigger_number(const char *field, uint64_t value)
{
    print_name(field);
    printf("%llu", (unsigned long long)value);
}

static void print_namespace(const char *field, const char *name)
{
    char path[64];
    struct stat status;
    if (!string_format(path, sizeof(path), "/proc/self/ns/%s", name) || stat(path, &status) != 0)
        trigger_fail(path);
    trigger_number(field, status.st_ino);
}

static void trigger_executable(const char *field)
{
    char executable[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
    if (size < 0)
        trigger_fail("/proc/self/exe");
    executable[size] = '\0';
    char *deleted = strstr(executable, " (deleted)"); /* procfs says it of files without a name */
    if (deleted != NULL)
        *deleted = '\0';
    trigger_text(field, executable);
}

void trigger_process(void)
{
    trigger_number("process_pid", (uint64_t)getpid());
    trigger_executable("process_executable");
    trigger_number("user_id", getuid());
    trigger_number("user_effective_id", geteuid());
    trigger_number("group_id", getgid());
    trigger_number("parent_pid", (uint64_t)getppid());
    print_namespace("namespace_mount", "mnt");
    print_namespace("namespace_pid", "pid");
    print_namespace("namespace_network", "net");
    print_namespace("namespace_user", "user");
}

void trigger_arguments(char *const arguments[])
{
    static char joined[16384];
    size_t used = 0;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        if (!string_format(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? " " : "",
                           arguments[i]))
            trigger_fail("too many arguments");
        used += strlen(joined + used);
    }
    trigger_text("process_arguments", joined);
}

void trigger_target(pid_t target, uid_t user)
{
    trigger_number("target_pid", (uint64_t)target);
    trigger_executable("target_executable");
    trigger_number("target_user_id", user);
}

void trigger_end(void)
{
    printf("}}\n");
    fflush(stdout);
    fields = 0;
}

void trigger_enter_folder(void)
{
    const char *parent = getenv("TMPDIR");
    if (!string_format(folder, sizeof(folder), "%s/trigger-XXXXXX", parent ? parent : "/tmp")
        || mkdtemp(folder) == NULL || chdir(folder) != 0 || getcwd(folder, sizeof(folder)) == NULL)
        trigger_fail("making a folder");
}

const char *trigger_path(const char *name)
{
    static char paths[2][PATH_MAX + 256];
    static unsigned next;
    char *path = paths[next++ % 2];
    if (!string_format(path, sizeof(paths[0]), "%s/%s", folder, name))
        trigger_fail("a path is too long");
    return path;
}

void trigger_leave(void)
{
    if (chdir("/") != 0 || rmdir(folder) != 0)
        trigger_fail("removing the folder");
}

void trigger_make_file(const char *name)
{
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (file < 0)
        trigger_fail(name);
    close(file);
}

static uint16_t port_of(int socket)
{
    struct sockaddr_in6 address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(socket, (struct sockaddr *)&address, &size) != 0)
        trigger_fail("asking for the port");
    return ntohs(address.sin6_port); /* lies at the same place for IPv4 */
}

void trigger_connect(char *const arguments[], struct trigger_connection *ret_connection)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    bool is_six = arguments[1] != NULL && string_equal(arguments[1], "6");
    struct sockaddr *address = is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t size = is_six ? sizeof(six) : sizeof(four);
    *ret_connection = (struct trigger_connection){
        .listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0),
        .connector = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0),
    };
    if (bind(ret_connection->listener, address, size) != 0
        || listen(ret_connection->listener, 1) != 0)
        trigger_fail("listening");
    ret_connection->listener_port = port_of(ret_connection->listener);
    four.sin_port = six.sin6_port = htons(ret_connection->listener_port);
    if (connect(ret_connection->connector, address, size) != 0)
        trigger_fail("connecting");
    ret_connection->connector_port = port_of(ret_connection->connector);
    ret_connection->accepted = accept4(ret_connection->listener, NULL, NULL, SOCK_CLOEXEC);
    if (ret_connection->accepted < 0)
        trigger_fail("accepting");
    (void)string_copy(ret_connection->address, sizeof(ret_connection->address),
                      is_six ? "::1" : "127.0.0.1");
}

void trigger_addresses(const struct trigger_connection *connection)
{
    trigger_text("source_address", connection->address);
    trigger_number("source_port", connection->connector_port);
    trigger_text("destination_address", connection->address);
    trigger_number("destination_port", connection->listener_port);
    trigger_text("network_transport", "tcp");
}
