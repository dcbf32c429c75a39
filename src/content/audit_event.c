// SPDX-License-Identifier: Apache-2.0
#include "content/audit_event.h"

#include "base/bytes.h"
#include "content/audit_record.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PATHS_MAX = 32 };

struct path_item {
    struct bytes name;
    bool is_created;
    bool is_deleted;
};

struct audit_event {
    struct log_fields *fields;
    bool has_execve;
    struct bytes arguments; /* of EXECVE records, joined by blanks; in the arena */
    size_t arguments_capacity;
    uint64_t argument;      /* the last one's number, plus 1 */
    uint32_t argument_item; /* its field, if it has one */
    bool has_title;
    struct bytes title;
    struct bytes address; /* SOCKADDR's saddr, in hexadecimal */
    struct path_item paths[PATHS_MAX];
    size_t path_count;
};

/* --- hexadecimal ------------------------------------------------------------------------------ */

static int hex_digit(uint8_t c)
{
    uint8_t lower = c | 0x20;
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool hex_number(struct bytes text, uint64_t *ret_number)
{
    enum { DIGITS_MAX = 8 };
    *ret_number = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0)
            return false;
        *ret_number = *ret_number << 4 | (uint64_t)digit;
    }
    return text.size > 0 && text.size <= DIGITS_MAX;
}

/* --- system calls ----------------------------------------------------------------------------- */

/* Numbers are those of the architecture in `arch`, which is an AUDIT_ARCH_* as libseccomp has
 * it. */
static RESULT name_call(struct log_fields *fields)
{
    if (log_fields_find(fields, "SYSCALL") != NULL)
        return RESULT_OK;
    const struct bytes *number = log_fields_find(fields, "syscall");
    const struct bytes *arch = log_fields_find(fields, "arch");
    uint64_t call;
    if (number == NULL)
        return RESULT_OK;
    if (!bytes_to_number(*number, INT32_MAX, &call)) /* it was interpreted */
        return log_fields_add_view(fields, "SYSCALL", *number);
    uint64_t token;
    if (arch == NULL || !hex_number(*arch, &token))
        return RESULT_OK;
    char *name = seccomp_syscall_resolve_num_arch((uint32_t)token, (int)call);
    if (name == NULL)
        return RESULT_OK;
    struct result result = log_fields_add_text(fields, "SYSCALL", bytes_of(name));
    free(name);
    return result;
}

static bool is_call(const struct log_fields *fields, const char *name)
{
    const struct bytes *call = log_fields_find(fields, "SYSCALL");
    return call != NULL && bytes_equal_text(*call, name);
}

/* --- records ---------------------------------------------------------------------------------- */

/* Puts an argument, or a piece of one, behind the others. */
static RESULT add_argument(struct audit_event *event, struct bytes text, bool is_new)
{
    bool has_blank = is_new && event->arguments.size > 0;
    size_t needed = event->arguments.size + has_blank + text.size;
    uint8_t *joined = (uint8_t *)event->arguments.data;
    if (needed > event->arguments_capacity || joined == NULL) {
        size_t capacity = 2 * needed + LIMIT_NAME_BYTES;
        uint8_t *larger = arena_alloc(event->fields->arena, capacity);
        if (larger == NULL)
            return result_fail(ERROR_MEMORY);
        bytes_copy(larger, capacity, joined, event->arguments.size);
        joined = larger;
        event->arguments_capacity = capacity;
    }
    if (has_blank)
        joined[event->arguments.size] = ' ';
    bytes_copy(joined + event->arguments.size + has_blank, text.size, text.data, text.size);
    event->arguments = (struct bytes){joined, needed};
    return RESULT_OK;
}

/* "a2" of an EXECVE record, or "a2[1]", a piece of a long one: together they are the field a2. */
static RESULT take_argument(struct audit_event *event, uint64_t number, struct bytes text)
{
    struct log_fields *fields = event->fields;
    bool is_new = number + 1 != event->argument;
    GUARD(add_argument(event, text, is_new));
    event->argument = number + 1;
    if (number >= LIMIT_AUDIT_ARGUMENTS)
        return RESULT_OK;
    if (!is_new) { /* the pieces lie behind each other at the end of all arguments */
        struct bytes *value = &fields->items[event->argument_item].value;
        size_t size = value->size + text.size;
        *value = (struct bytes){event->arguments.data + event->arguments.size - size, size};
        return RESULT_OK;
    }
    char name[LIMIT_NAME_BYTES];
    (void)string_format(name, sizeof name, "a%" PRIu64, number);
    const char *copy = arena_copy(fields->arena, name, strlen(name));
    if (copy == NULL)
        return result_fail(ERROR_MEMORY);
    event->argument_item = fields->count;
    return log_fields_add_view(fields, copy, text);
}

static void take_path(struct audit_event *event, const struct audit_field *field, struct bytes text)
{
    if (event->path_count == 0)
        return;
    struct path_item *path = &event->paths[event->path_count - 1];
    if (bytes_equal_text(field->name, "name"))
        path->name = text;
    if (bytes_equal_text(field->name, "nametype")) {
        path->is_created = bytes_equal_text(text, "CREATE");
        path->is_deleted = bytes_equal_text(text, "DELETE");
    }
}

static RESULT take_field(struct audit_event *event, const struct audit_record *record,
                         const struct audit_field *field)
{
    bool is_execve = bytes_equal_text(record->type, "EXECVE");
    uint64_t number;
    bool is_argument = audit_field_argument(field->name, &number);
    struct bytes text;
    GUARD(audit_field_text(field, is_execve && is_argument, event->fields->arena, &text));
    if (is_argument && is_execve)
        return take_argument(event, number, text);
    if (is_argument && event->has_execve)
        return RESULT_OK; /* execve's own arguments: addresses, where a0 means the words */
    if (bytes_equal_text(record->type, "PATH"))
        take_path(event, field, text);
    if (bytes_equal_text(field->name, "saddr"))
        event->address = text;
    if (bytes_equal_text(field->name, "proctitle")) {
        event->title = text;
        event->has_title = true;
    }
    return text.size == 0 ? RESULT_OK
                          : log_fields_add(event->fields, field->name, text);
}

static RESULT take_record(struct audit_event *event, struct audit_record *record)
{
    struct audit_field field;
    GUARD(log_fields_add_text(event->fields, "type", record->type));
    if (bytes_equal_text(record->type, "PATH") && event->path_count < PATHS_MAX)
        event->paths[event->path_count++] = (struct path_item){.name = {NULL, 0}};
    while (audit_record_field(&record->rest, &field))
        GUARD(take_field(event, record, &field));
    return RESULT_OK;
}

/* --- Sigma's categories ----------------------------------------------------------------------- */

/* The value of the first name that has one, under Sigma's. */
static RESULT add_alias(struct log_fields *fields, const char *sigma, const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct bytes *value = log_fields_find(fields, *names);
        if (value != NULL)
            return log_fields_add_view(fields, sigma, *value);
    }
    return RESULT_OK;
}

static RESULT add_process(struct audit_event *event)
{
    struct log_fields *fields = event->fields;
    GUARD(add_alias(fields, "Image", (const char *const[]){"exe", NULL}));
    GUARD(add_alias(fields, "ProcessId", (const char *const[]){"pid", NULL}));
    GUARD(add_alias(fields, "ParentProcessId", (const char *const[]){"ppid", NULL}));
    const struct bytes *user = log_fields_find(fields, "uid");
    if (user != NULL && bytes_equal_text(*user, "0"))
        GUARD(log_fields_add_view(fields, "User", bytes_of("root")));
    else
        GUARD(add_alias(fields, "User", (const char *const[]){"UID", "uid", NULL}));
    return add_alias(fields, "LogonId", (const char *const[]){"auid", NULL});
}

static RESULT add_execution(struct audit_event *event)
{
    struct log_fields *fields = event->fields;
    GUARD(add_alias(fields, "CurrentDirectory", (const char *const[]){"cwd", NULL}));
    struct bytes line = event->arguments.size > 0 ? event->arguments : event->title;
    if (event->arguments.size > 0 || event->has_title)
        GUARD(log_fields_add_view(fields, "CommandLine", line));
    return log_fields_add_source(fields, "linux", "process_creation", "auditd");
}

/* The path from the root, where the working directory is known. */
static RESULT add_target(struct audit_event *event, struct bytes name)
{
    struct log_fields *fields = event->fields;
    const struct bytes *folder = log_fields_find(fields, "cwd");
    if (name.size == 0)
        return RESULT_OK;
    if (name.data[0] == '/' || folder == NULL || folder->size == 0)
        return log_fields_add_view(fields, "TargetFilename", name);
    if (bytes_start_with(name, "./"))
        name = (struct bytes){name.data + 2, name.size - 2};
    bool has_slash = folder->data[folder->size - 1] == '/';
    size_t size = folder->size + !has_slash + name.size;
    uint8_t *path = arena_alloc(fields->arena, size);
    if (path == NULL)
        return result_fail(ERROR_MEMORY);
    bytes_copy(path, size, folder->data, folder->size);
    path[folder->size] = '/';
    bytes_copy(path + size - name.size, name.size, name.data, name.size);
    return log_fields_add_view(fields, "TargetFilename", (struct bytes){path, size});
}

/* Files that were created or, where none was (a rename does both), deleted. */
static RESULT add_files(struct audit_event *event)
{
    bool has_created = false;
    bool has_deleted = false;
    for (size_t i = 0; i < event->path_count; i++) {
        has_created = has_created || event->paths[i].is_created;
        has_deleted = has_deleted || event->paths[i].is_deleted;
    }
    for (size_t i = 0; i < event->path_count; i++) {
        const struct path_item *path = &event->paths[i];
        if (path->is_created || (path->is_deleted && !has_created))
            GUARD(add_target(event, path->name));
    }
    if (!has_created && !has_deleted)
        return RESULT_OK;
    return log_fields_add_source(event->fields, "linux",
                                 has_created ? "file_event" : "file_delete", "auditd");
}

static bool decode_hex(struct bytes text, uint8_t *out, size_t capacity, size_t *ret_size)
{
    *ret_size = text.size / 2 < capacity ? text.size / 2 : capacity;
    for (size_t i = 0; i < *ret_size; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    return true;
}

/* A sockaddr of the Internet; other families are no network connection. */
static RESULT add_connection(struct audit_event *event)
{
    enum { IPV4_BYTES = 8, IPV6_BYTES = 24, PORT_AT = 2, IPV4_AT = 4, IPV6_AT = 8 };
    struct log_fields *fields = event->fields;
    uint8_t raw[IPV6_BYTES];
    size_t size;
    char text[INET6_ADDRSTRLEN];
    if (!decode_hex(event->address, raw, sizeof raw, &size) || size < IPV4_BYTES)
        return RESULT_OK;
    unsigned family = (unsigned)raw[0] | (unsigned)raw[1] << 8;
    bool is_ipv6 = family == AF_INET6 && size >= IPV6_BYTES;
    if (family != AF_INET && !is_ipv6)
        return RESULT_OK;
    if (inet_ntop((int)family, raw + (is_ipv6 ? IPV6_AT : IPV4_AT), text, sizeof text) == NULL)
        return RESULT_OK;
    GUARD(log_fields_add_text(fields, "DestinationIp", bytes_of(text)));
    unsigned port = (unsigned)raw[PORT_AT] << 8 | raw[PORT_AT + 1];
    (void)string_format(text, sizeof text, "%u", port);
    GUARD(log_fields_add_text(fields, "DestinationPort", bytes_of(text)));
    GUARD(log_fields_add_view(fields, "Initiated", bytes_of("true")));
    return log_fields_add_source(fields, "linux", "network_connection", "auditd");
}

/* A connection that is still being made (EINPROGRESS) counts. */
static bool has_succeeded(const struct log_fields *fields)
{
    const struct bytes *success = log_fields_find(fields, "success");
    const struct bytes *code = log_fields_find(fields, "exit");
    return success == NULL || !bytes_equal_text(*success, "no")
           || (code != NULL && bytes_equal_text(*code, "-115"));
}

static RESULT add_categories(struct audit_event *event)
{
    struct log_fields *fields = event->fields;
    if (log_fields_find(fields, "SYSCALL") != NULL)
        GUARD(add_process(event));
    if (has_succeeded(fields)) {
        if (is_call(fields, "execve") || is_call(fields, "execveat"))
            GUARD(add_execution(event));
        else
            GUARD(add_files(event));
        if (is_call(fields, "connect"))
            GUARD(add_connection(event));
    }
    if (fields->source_count == 0)
        return log_fields_add_source(fields, "linux", "", "auditd");
    return RESULT_OK;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The next line of `lines`, which it is taken off; false at the end. */
static bool take_line(struct bytes *lines, struct bytes *ret_line)
{
    const uint8_t *end = lines->size == 0 ? NULL : memchr(lines->data, '\n', lines->size);
    if (end == NULL)
        return false;
    size_t size = (size_t)(end - lines->data);
    *ret_line = (struct bytes){lines->data, size};
    *lines = (struct bytes){end + 1, lines->size - size - 1};
    return true;
}

RESULT audit_event_read(struct bytes lines, struct log_fields *fields)
{
    struct audit_event event = {.fields = fields};
    struct audit_record record;
    struct bytes line;
    for (struct bytes left = lines; take_line(&left, &line);)
        event.has_execve = event.has_execve
                           || (audit_record_read(line, &record)
                               && bytes_equal_text(record.type, "EXECVE"));
    bool is_first = true;
    for (struct bytes left = lines; take_line(&left, &line);) {
        if (!audit_record_read(line, &record))
            continue; /* it was looked at before it came here */
        if (is_first) {
            GUARD(log_fields_add_text(fields, "timestamp", record.time));
            if (record.node.size > 0)
                GUARD(log_fields_add_text(fields, "node", record.node));
        }
        is_first = false;
        GUARD(take_record(&event, &record));
    }
    GUARD(name_call(fields));
    return add_categories(&event);
}
