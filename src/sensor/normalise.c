// SPDX-License-Identifier: Apache-2.0
#include "sensor/normalise.h"

#include "base/bytes.h"
#include "base/counters.h"
#include "sensor/call_names.h"
#include "sensor/container.h"
#include "sensor/wire.h"
#include "sensor/wire_path.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    /* Room for two path texts one after the other: a name relative to a directory. */
    PATH_BUFFER_BYTES = 2 * WIRE_PATH_BYTES + 2,
    ADDRESS_BYTES = 64,
    PERMISSION_BITS = 07777,
    TYPE_BITS = 0170000,
    PROTOCOL_TCP = 6,
};

_Static_assert((int)WIRE_ARGUMENTS_BYTES <= (int)LIMIT_ARGUMENTS_BYTES, "arguments fit the schema");
_Static_assert((int)WIRE_COMM_BYTES <= (int)PROCESS_NAME_BYTES, "names fit the table");

struct normaliser {
    struct process_table *table;
    const struct users *users;
    char boot_id[BOOT_ID_DIGITS + 1];
    uint64_t wall_offset_ns;
    /* Scratch; never cleared. */
    char process_id[PROCESS_ID_BYTES];
    char parent_id[PROCESS_ID_BYTES];
    char user_number[USERS_NUMBER_BYTES];
    char first_path[PATH_BUFFER_BYTES];  /* executable, file */
    char second_path[PATH_BUFFER_BYTES]; /* directory, previous path */
    char script[PATH_BUFFER_BYTES];
    char control_group[PATH_BUFFER_BYTES];
    char arguments[WIRE_ARGUMENTS_BYTES];
    char target_id[PROCESS_ID_BYTES];
    char request[CALL_REQUEST_BYTES];
    char capabilities[CAPABILITIES_BYTES];
    char source[ADDRESS_BYTES];
    char destination[ADDRESS_BYTES];
};

RESULT normaliser_new(struct process_table *table, const struct users *users, const char *boot_id,
                      struct normaliser **ret_normaliser)
{
    struct normaliser *normaliser = calloc(1, sizeof *normaliser);
    if (normaliser == NULL)
        return result_fail(ERROR_MEMORY);
    normaliser->table = table;
    normaliser->users = users;
    (void)string_copy(normaliser->boot_id, sizeof normaliser->boot_id, boot_id);
    *ret_normaliser = normaliser;
    return RESULT_OK;
}

void normaliser_free(struct normaliser *normaliser) { free(normaliser); }

void normaliser_set_wall_offset(struct normaliser *normaliser, uint64_t offset_ns)
{
    normaliser->wall_offset_ns = offset_ns;
}

/* --- reading records ------------------------------------------------------------------------- */

/* Copies the fixed part of a record; `record` shrinks to what the header says. */
static RESULT read_fixed(struct bytes *record, void *out, size_t size)
{
    struct reader reader = reader_of(record->data, record->size);
    GUARD(reader_copy(&reader, out, size));
    const struct wire_header *header = out;
    if (header->size < size || header->size > record->size || header->size > WIRE_RECORD_BYTES
        || header->process.tgid == 0)
        return result_fail(ERROR_FORMAT);
    record->size = header->size;
    return RESULT_OK;
}

/* A text of the record behind its fixed part. */
static RESULT read_text(struct bytes record, size_t fixed, struct wire_text text, struct bytes *out)
{
    *out = (struct bytes){record.data, 0};
    if (text.length == 0)
        return RESULT_OK;
    if (text.offset < fixed || text.offset > record.size
        || text.length > record.size - text.offset)
        return result_fail(ERROR_FORMAT);
    *out = (struct bytes){record.data + text.offset, text.length};
    return RESULT_OK;
}

/* A path of the record as text, in `buffer`. */
static RESULT join_path(struct bytes components, struct bytes name, uint16_t flags, char *buffer,
                        struct bytes *out)
{
    size_t length;
    struct result result = wire_path_join(components, name, buffer, PATH_BUFFER_BYTES, &length);
    if (!result_is_ok(result))
        return result_fail(ERROR_FORMAT);
    size_t skip = (flags & WIRE_PATH_CUT) != 0 ? 1 : 0;
    *out = (struct bytes){(const uint8_t *)buffer + skip, length - skip};
    return RESULT_OK;
}

static struct bytes join_arguments(struct bytes arguments, char *buffer)
{
    size_t size = arguments.size;
    if (size > 0 && arguments.data[size - 1] == 0)
        size--;
    for (size_t i = 0; i < size; i++)
        buffer[i] = arguments.data[i] == 0 ? ' ' : (char)arguments.data[i];
    return (struct bytes){(const uint8_t *)buffer, size};
}

static struct process_key key_of(struct wire_identity identity)
{
    return (struct process_key){.start_ns = identity.start_boottime_ns, .pid = identity.tgid};
}

/* --- events from what is known --------------------------------------------------------------- */

static void begin_event(const struct normaliser *normaliser, enum event_kind kind,
                        const struct wire_header *header, struct event *out)
{
    event_init(out, kind, header->time_ns, header->time_ns + normaliser->wall_offset_ns);
    if ((header->flags & (WIRE_PATH_CUT | WIRE_ARGUMENTS_CUT | WIRE_CONTROL_GROUP_CUT)) != 0)
        out->incomplete |= INCOMPLETE_TRUNCATED;
    if ((header->flags & WIRE_UNREADABLE) != 0)
        out->incomplete |= INCOMPLETE_UNREADABLE;
    if ((header->flags & WIRE_RACY) != 0)
        out->incomplete |= INCOMPLETE_RACY;
}

static void finish_event(const struct event *event)
{
    if ((event->incomplete & INCOMPLETE_TRUNCATED) == 0)
        return;
    const struct schema_kind *kind = schema_kind(event->kind);
    counter_add(COUNTER_sensor_truncated, 1);
    counter_add((kind->fields >> FIELD_call_name & 1) != 0    ? COUNTER_sensor_truncated_call
                : string_equal(kind->ecs_category, "file")    ? COUNTER_sensor_truncated_file
                : string_equal(kind->ecs_category, "network") ? COUNTER_sensor_truncated_network
                                                              : COUNTER_sensor_truncated_process,
                1);
}

/* Sets a text that may have been cut before; empty ones are absent. */
static void set_text(struct event *event, enum event_field field, const void *data, size_t size,
                     bool is_cut)
{
    if (size == 0)
        return;
    event_set_text(event, field, data, size);
    if (is_cut) {
        event->values[field].is_cut = true;
        event->incomplete |= INCOMPLETE_TRUNCATED;
    }
}

static void set_known_number(struct event *event, enum event_field field, uint64_t value)
{
    if (value != 0)
        event_set_number(event, field, value);
}

static void set_credentials(struct normaliser *normaliser, struct event *event, uint32_t user_id,
                            uint32_t effective_id, uint32_t group_id)
{
    event_set_number(event, FIELD_user_id, user_id);
    event_set_number(event, FIELD_user_effective_id, effective_id);
    event_set_number(event, FIELD_group_id, group_id);
    struct bytes name = users_name(normaliser->users, user_id, normaliser->user_number);
    set_text(event, FIELD_user_name, name.data, name.size, false);
}

static void set_identity(struct normaliser *normaliser, struct event *event,
                         struct process_key key)
{
    size_t length = process_id_format(normaliser->boot_id, key, normaliser->process_id);
    event_set_text(event, FIELD_process_id, normaliser->process_id, length);
    event_set_number(event, FIELD_process_pid, key.pid);
    event_set_number(event, FIELD_process_start_time, key.start_ns);
}

static void set_parent(struct normaliser *normaliser, struct event *event,
                       struct process_key parent)
{
    if (parent.pid == 0)
        return;
    size_t length = process_id_format(normaliser->boot_id, parent, normaliser->parent_id);
    event_set_text(event, FIELD_parent_id, normaliser->parent_id, length);
    event_set_number(event, FIELD_parent_pid, parent.pid);
    const struct process_info *info = process_table_get(normaliser->table, parent);
    if (info == NULL) {
        event->incomplete |= INCOMPLETE_PARENT;
        counter_add(COUNTER_sensor_parent_unknown, 1);
        return;
    }
    set_text(event, FIELD_parent_executable, info->executable, info->executable_size,
             (info->flags & PROCESS_EXECUTABLE_CUT) != 0);
    set_text(event, FIELD_parent_arguments, info->arguments, info->arguments_size,
             (info->flags & PROCESS_ARGUMENTS_CUT) != 0);
}

/* Everything that the table tells about a process; texts point into the table. */
static void set_process(struct normaliser *normaliser, struct event *event,
                        const struct process_info *info)
{
    set_identity(normaliser, event, info->key);
    set_text(event, FIELD_process_executable, info->executable, info->executable_size,
             (info->flags & PROCESS_EXECUTABLE_CUT) != 0);
    set_text(event, FIELD_process_arguments, info->arguments, info->arguments_size,
             (info->flags & PROCESS_ARGUMENTS_CUT) != 0);
    set_text(event, FIELD_process_name, info->name, info->name_size, false);
    if (info->login_user_id != PROCESS_NO_LOGIN)
        event_set_number(event, FIELD_login_user_id, info->login_user_id);
    set_known_number(event, FIELD_namespace_mount, info->namespace_mount);
    set_known_number(event, FIELD_namespace_pid, info->namespace_pid);
    set_known_number(event, FIELD_namespace_network, info->namespace_network);
    set_known_number(event, FIELD_namespace_user, info->namespace_user);
    set_text(event, FIELD_container_id, info->container, info->container_size, false);
    set_text(event, FIELD_control_group, info->control_group, info->control_group_size,
             (info->flags & PROCESS_CONTROL_GROUP_CUT) != 0);
    if ((info->flags & PROCESS_UNREADABLE) != 0)
        event->incomplete |= INCOMPLETE_UNREADABLE;
    if (info->known_ns > event->boottime_ns)
        event->incomplete |= INCOMPLETE_PROCESS;
    set_parent(normaliser, event, info->parent);
}

/* The process of an event that does not tell about it itself. */
static void set_actor(struct normaliser *normaliser, struct event *event,
                      const struct wire_header *header)
{
    const struct wire_credentials *user = &header->credentials;
    set_credentials(normaliser, event, user->uid, user->euid, user->gid);
    const struct process_info *info =
        process_table_get(normaliser->table, key_of(header->process));
    if (info == NULL) {
        set_identity(normaliser, event, key_of(header->process));
        event->incomplete |= INCOMPLETE_PROCESS;
        counter_add(COUNTER_sensor_process_unknown, 1);
        return;
    }
    if (info->user_id != user->uid || info->user_effective_id != user->euid
        || info->group_id != user->gid)
        process_table_set_users(normaliser->table, info, user->uid, user->euid, user->gid);
    set_process(normaliser, event, info);
}

/* --- the table learns ------------------------------------------------------------------------ */

static void learn_process(struct process_info *info, const struct wire_header *header,
                          const struct wire_process *process)
{
    if (info->parent.pid == 0)
        info->parent = key_of(process->parent);
    info->known_ns = header->time_ns;
    info->user_id = header->credentials.uid;
    info->user_effective_id = header->credentials.euid;
    info->group_id = header->credentials.gid;
    info->login_user_id = process->login_uid;
    info->namespace_mount = process->mount_namespace;
    info->namespace_pid = process->pid_namespace;
    info->namespace_network = process->network_namespace;
    info->namespace_user = process->user_namespace;
    process_set_name(info, process->comm, strnlen(process->comm, sizeof process->comm));
}

/* `components` has its last part first. */
static void learn_control_group(struct process_info *info, struct bytes components,
                                struct bytes path)
{
    process_set_control_group(info, components.data,
                              strnlen((const char *)components.data, components.size));
    struct bytes id;
    bool is_contained = container_id(path.data, path.size, &id);
    process_set_container(info, is_contained ? id.data : NULL, is_contained ? id.size : 0);
}

/* What a record of struct wire_exec says, as text. */
struct exec_texts {
    struct bytes executable;
    struct bytes directory;
    struct bytes arguments;
    struct bytes script;
    struct bytes control_group; /* components */
    struct bytes control_group_path;
};

static RESULT read_script(struct normaliser *normaliser, struct bytes record,
                          const struct wire_exec *exec, struct bytes directory, struct bytes *out)
{
    struct bytes script;
    GUARD(read_text(record, sizeof *exec, exec->script, &script));
    *out = (struct bytes){record.data, 0};
    if (script.size == 0)
        return RESULT_OK;
    bool is_absolute = script.data[0] == '/';
    struct bytes base = is_absolute ? (struct bytes){record.data, 0} : directory;
    uint16_t flags = is_absolute ? 0 : exec->header.flags;
    return join_path(base, script, flags, normaliser->script, out);
}

static RESULT read_exec(struct normaliser *normaliser, struct bytes record,
                        const struct wire_exec *exec, struct exec_texts *out)
{
    static const struct bytes NOTHING = {(const uint8_t *)"", 0};
    size_t fixed = sizeof *exec;
    uint16_t flags = exec->header.flags;
    struct bytes components;
    GUARD(read_text(record, fixed, exec->executable, &components));
    out->executable = components;
    if (components.size > 0)
        GUARD(join_path(components, NOTHING, flags, normaliser->first_path, &out->executable));
    GUARD(read_text(record, fixed, exec->directory, &components));
    out->directory = components;
    /* No component is the root, unless something could not be read: then nobody knows. */
    if (components.size > 0 || (flags & WIRE_UNREADABLE) == 0)
        GUARD(join_path(components, NOTHING, flags, normaliser->second_path, &out->directory));
    GUARD(read_script(normaliser, record, exec, components, &out->script));

    GUARD(read_text(record, fixed, exec->arguments, &components));
    if (components.size > sizeof normaliser->arguments)
        return result_fail(ERROR_FORMAT);
    out->arguments = join_arguments(components, normaliser->arguments);
    GUARD(read_text(record, fixed, exec->control_group, &out->control_group));
    return join_path(out->control_group, NOTHING, 0, normaliser->control_group,
                     &out->control_group_path);
}

static struct process_info *learn_exec(struct normaliser *normaliser, const struct wire_exec *exec,
                                       const struct exec_texts *texts)
{
    struct process_table *table = normaliser->table;
    const struct process_info *parent = process_table_get(table, key_of(exec->process.parent));
    struct process_info *info = process_table_begin(table, key_of(exec->header.process),
                                                    exec->header.time_ns, parent);
    learn_process(info, &exec->header, &exec->process);
    info->flags = 0;
    process_set_executable(info, texts->executable.data, texts->executable.size);
    process_set_arguments(info, texts->arguments.data, texts->arguments.size);
    learn_control_group(info, texts->control_group, texts->control_group_path);
    unsigned flags = info->flags;
    if ((exec->header.flags & WIRE_PATH_CUT) != 0)
        flags |= PROCESS_EXECUTABLE_CUT;
    if ((exec->header.flags & WIRE_ARGUMENTS_CUT) != 0)
        flags |= PROCESS_ARGUMENTS_CUT;
    if ((exec->header.flags & WIRE_CONTROL_GROUP_CUT) != 0)
        flags |= PROCESS_CONTROL_GROUP_CUT;
    if ((exec->header.flags & WIRE_UNREADABLE) != 0)
        flags |= PROCESS_UNREADABLE;
    if ((exec->state & WIRE_IS_KERNEL_THREAD) != 0)
        flags |= PROCESS_KERNEL_THREAD;
    info->flags = (uint16_t)flags;
    return info;
}

/* Says where an executable comes from that has no name in any folder. */
static void set_origin(struct event *event, const struct wire_exec *exec, struct bytes executable)
{
    static const char MEMORY[] = "/memfd:"; /* the kernel's own name for such files */
    if (exec->executable_inode == 0 || exec->executable_links != 0)
        return;
    size_t size = sizeof MEMORY - 1;
    bool is_memory = executable.size >= size && memcmp(executable.data, MEMORY, size) == 0;
    const char *origin = is_memory ? "memory" : "deleted";
    set_text(event, FIELD_executable_origin, origin, strlen(origin), false);
}

/* Says that a process became root since we heard of it last: what was it before? The first call
 * that does it is told as user_change, so this is a set-user-id program, or nothing honest. */
static void set_rise(struct event *event, const struct process_info *before,
                     const struct wire_header *header)
{
    if (before != NULL && before->user_effective_id != 0 && header->credentials.euid == 0
        && (before->flags & PROCESS_CHANGES_USER) == 0)
        event_set_number(event, FIELD_user_previous_effective_id, before->user_effective_id);
}

/* --- one function per kind of record --------------------------------------------------------- */

static RESULT normalise_exec(struct normaliser *normaliser, struct bytes record,
                             struct event *out)
{
    struct wire_exec exec;
    struct exec_texts texts;
    GUARD(read_fixed(&record, &exec, sizeof exec));
    GUARD(read_exec(normaliser, record, &exec, &texts));
    begin_event(normaliser, EVENT_process_start, &exec.header, out);
    set_rise(out, process_table_get(normaliser->table, key_of(exec.header.process)), &exec.header);
    struct process_info *info = learn_exec(normaliser, &exec, &texts);
    process_table_commit(normaliser->table, info);

    uint16_t flags = exec.header.flags;
    set_credentials(normaliser, out, info->user_id, info->user_effective_id, info->group_id);
    /* The table keeps less of the texts than an event may hold: what it lacks is not cut here. */
    uint16_t incomplete = out->incomplete;
    set_process(normaliser, out, info);
    bool is_parent_cut = (event_has(out, FIELD_parent_arguments)
                          && out->values[FIELD_parent_arguments].is_cut)
                         || (event_has(out, FIELD_parent_executable)
                             && out->values[FIELD_parent_executable].is_cut);
    if ((incomplete & INCOMPLETE_TRUNCATED) == 0 && !is_parent_cut)
        out->incomplete &= (uint16_t)~INCOMPLETE_TRUNCATED;
    set_text(out, FIELD_process_executable, texts.executable.data, texts.executable.size,
             (flags & WIRE_PATH_CUT) != 0);
    set_text(out, FIELD_process_arguments, texts.arguments.data, texts.arguments.size,
             (flags & WIRE_ARGUMENTS_CUT) != 0);
    set_text(out, FIELD_process_directory, texts.directory.data, texts.directory.size,
             (flags & WIRE_PATH_CUT) != 0);
    set_origin(out, &exec, texts.executable);
    event_set_number(out, FIELD_executable_setuid,
                     (exec.executable_mode & (S_ISUID | S_ISGID)) != 0);
    if ((exec.state & WIRE_IS_SCRIPT) != 0)
        set_text(out, FIELD_process_script, texts.script.data, texts.script.size, false);
    return RESULT_OK;
}

RESULT normalise_snapshot(struct normaliser *normaliser, struct bytes record,
                          struct process_key *ret_key, bool *ret_is_new)
{
    struct wire_exec exec;
    struct exec_texts texts;
    GUARD(read_fixed(&record, &exec, sizeof exec));
    if (exec.header.kind != WIRE_SNAPSHOT)
        return result_fail(ERROR_FORMAT);
    GUARD(read_exec(normaliser, record, &exec, &texts));
    *ret_key = key_of(exec.header.process);
    *ret_is_new = process_table_get(normaliser->table, *ret_key) == NULL;
    if (!*ret_is_new)
        return RESULT_OK;
    struct process_info *info = learn_exec(normaliser, &exec, &texts);
    info->flags |= PROCESS_FROM_SNAPSHOT;
    process_table_commit(normaliser->table, info);
    return RESULT_OK;
}

static RESULT normalise_fork(struct normaliser *normaliser, struct bytes record,
                             struct event *out)
{
    static const struct bytes NOTHING = {(const uint8_t *)"", 0};
    struct wire_fork fork;
    GUARD(read_fixed(&record, &fork, sizeof fork));
    struct bytes components;
    struct bytes path;
    GUARD(read_text(record, sizeof fork, fork.control_group, &components));
    GUARD(join_path(components, NOTHING, 0, normaliser->control_group, &path));

    struct process_table *table = normaliser->table;
    const struct process_info *maker = process_table_get(table, key_of(fork.forked_by));
    struct process_info *info = process_table_begin(table, key_of(fork.header.process),
                                                    fork.header.time_ns, maker);
    begin_event(normaliser, EVENT_process_fork, &fork.header, out);
    set_rise(out, maker, &fork.header);
    if (maker != NULL && maker != info)
        process_inherit(info, maker);
    if (maker == NULL) {
        out->incomplete |= INCOMPLETE_PROCESS;
        counter_add(COUNTER_sensor_process_unknown, 1);
    } else if (maker->known_ns > fork.header.time_ns) {
        out->incomplete |= INCOMPLETE_PROCESS;
    }
    info->parent = key_of(fork.forked_by); /* CLONE_PARENT makes it look like another one */
    learn_process(info, &fork.header, &fork.process);
    if (components.size > 0)
        learn_control_group(info, components, path);
    process_table_commit(table, info);

    set_credentials(normaliser, out, info->user_id, info->user_effective_id, info->group_id);
    set_process(normaliser, out, info);
    return RESULT_OK;
}

static RESULT normalise_exit(struct normaliser *normaliser, struct bytes record,
                             struct event *out)
{
    struct wire_exit end;
    GUARD(read_fixed(&record, &end, sizeof end));
    begin_event(normaliser, EVENT_process_exit, &end.header, out);
    set_rise(out, process_table_get(normaliser->table, key_of(end.header.process)), &end.header);
    set_actor(normaliser, out, &end.header);
    if (!event_has(out, FIELD_parent_pid))
        set_parent(normaliser, out, key_of(end.parent));
    /* The name may have changed since the exec; the copy lives in the normaliser. */
    size_t name_size = strnlen(end.comm, sizeof end.comm);
    bytes_copy(normaliser->script, sizeof normaliser->script, end.comm, name_size);
    set_text(out, FIELD_process_name, normaliser->script, name_size, false);
    uint32_t signal_number = end.status & 0x7f;
    if (signal_number == 0)
        event_set_number(out, FIELD_exit_code, end.status >> 8 & 0xff);
    else
        event_set_number(out, FIELD_exit_signal, signal_number);
    process_table_end(normaliser->table, key_of(end.header.process), end.header.time_ns);
    return RESULT_OK;
}

static const struct {
    enum event_kind event;
    bool has_mode;
} FILE_KINDS[WIRE_KIND_COUNT] = {
    [WIRE_FILE_CREATE] = {EVENT_file_create, true},
    [WIRE_FILE_WRITE] = {EVENT_file_write, true},
    [WIRE_FILE_RENAME] = {EVENT_file_rename, false},
    [WIRE_FILE_DELETE] = {EVENT_file_delete, false},
    [WIRE_FILE_CHMOD] = {EVENT_file_chmod, true},
};

static RESULT read_path(struct bytes record, size_t fixed, uint16_t flags, struct wire_text base,
                        struct wire_text name, char *buffer, struct bytes *out)
{
    struct bytes components;
    struct bytes last;
    GUARD(read_text(record, fixed, base, &components));
    GUARD(read_text(record, fixed, name, &last));
    *out = components;
    if (components.size == 0 && last.size == 0 && (flags & WIRE_UNREADABLE) != 0)
        return RESULT_OK;
    return join_path(components, last, flags, buffer, out);
}

static RESULT normalise_file(struct normaliser *normaliser, struct bytes record,
                             struct event *out)
{
    struct wire_file file;
    GUARD(read_fixed(&record, &file, sizeof file));
    struct bytes path;
    struct bytes previous;
    uint16_t flags = file.header.flags;
    GUARD(
        read_path(record, sizeof file, flags, file.base, file.name, normaliser->first_path, &path));
    GUARD(read_path(record, sizeof file, flags, file.previous_base, file.previous_name,
                    normaliser->second_path, &previous));

    uint16_t kind = file.header.kind;
    bool is_cut = (file.header.flags & WIRE_PATH_CUT) != 0;
    begin_event(normaliser, FILE_KINDS[kind].event, &file.header, out);
    set_actor(normaliser, out, &file.header);
    set_known_number(out, FIELD_namespace_mount, file.mount_namespace);
    set_text(out, FIELD_file_path, path.data, path.size, is_cut);
    if (kind == WIRE_FILE_RENAME)
        set_text(out, FIELD_file_previous_path, previous.data, previous.size, is_cut);
    if (kind == WIRE_FILE_CHMOD || (FILE_KINDS[kind].has_mode && (file.mode & TYPE_BITS) != 0))
        event_set_number(out, FIELD_file_mode, file.mode & PERMISSION_BITS);
    if (kind == WIRE_FILE_CREATE || kind == WIRE_FILE_WRITE)
        set_known_number(out, FIELD_file_inode, file.inode);
    return RESULT_OK;
}

/* An address that is not known (all zero, no port) stays absent. */
static void set_endpoint(struct event *event, uint16_t family, const uint8_t *address,
                         uint16_t port, char *buffer, enum event_field address_field,
                         enum event_field port_field)
{
    static const uint8_t UNKNOWN[16];
    static const uint8_t V4_MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    size_t size = family == AF_INET ? 4 : 16;
    if (port == 0 && memcmp(address, UNKNOWN, size) == 0)
        return;
    if (family == AF_INET6 && memcmp(address, V4_MAPPED, sizeof V4_MAPPED) == 0) {
        family = AF_INET;
        address += sizeof V4_MAPPED;
    }
    if (inet_ntop(family, address, buffer, ADDRESS_BYTES) != NULL)
        set_text(event, address_field, buffer, strlen(buffer), false);
    set_known_number(event, port_field, port);
}

static RESULT normalise_network(struct normaliser *normaliser, struct bytes record,
                                struct event *out)
{
    struct wire_network network;
    GUARD(read_fixed(&record, &network, sizeof network));
    if (network.family != AF_INET && network.family != AF_INET6)
        return result_fail(ERROR_FORMAT);
    bool is_connect = network.header.kind == WIRE_CONNECT;
    begin_event(normaliser, is_connect ? EVENT_network_connect : EVENT_network_accept,
                &network.header, out);
    set_actor(normaliser, out, &network.header);
    set_known_number(out, FIELD_namespace_network, network.network_namespace);
    /* The source is who opened the connection. */
    set_endpoint(out, network.family, network.local_address, network.local_port,
                 is_connect ? normaliser->source : normaliser->destination,
                 is_connect ? FIELD_source_address : FIELD_destination_address,
                 is_connect ? FIELD_source_port : FIELD_destination_port);
    set_endpoint(out, network.family, network.remote_address, network.remote_port,
                 is_connect ? normaliser->destination : normaliser->source,
                 is_connect ? FIELD_destination_address : FIELD_source_address,
                 is_connect ? FIELD_destination_port : FIELD_source_port);
    if (network.protocol == PROTOCOL_TCP)
        set_text(out, FIELD_network_transport, "tcp", 3, false);
    event_set_number(out, FIELD_network_initiated, is_connect);
    return RESULT_OK;
}

/* --- rare system calls ----------------------------------------------------------------------- */

/* The process that it was done to, as far as it is known. */
static void set_target(struct normaliser *normaliser, struct event *event,
                       const struct wire_call *call)
{
    if (call->target.tgid == 0)
        return;
    struct process_key key = key_of(call->target);
    size_t length = process_id_format(normaliser->boot_id, key, normaliser->target_id);
    event_set_text(event, FIELD_target_id, normaliser->target_id, length);
    event_set_number(event, FIELD_target_pid, key.pid);
    event_set_number(event, FIELD_target_user_id, call->target_credentials.uid);
    const struct process_info *info = process_table_get(normaliser->table, key);
    if (info == NULL) {
        event->incomplete |= INCOMPLETE_PROCESS;
        counter_add(COUNTER_sensor_process_unknown, 1);
        return;
    }
    set_text(event, FIELD_target_executable, info->executable, info->executable_size,
             (info->flags & PROCESS_EXECUTABLE_CUT) != 0);
}

static const struct {
    enum event_kind event;
    bool has_path;
    enum event_field source; /* what wire_call.source is; FIELD_COUNT: nothing */
} CALL_KINDS[WIRE_KIND_COUNT] = {
    [WIRE_ACCESS] = {EVENT_process_access, false, FIELD_COUNT},
    [WIRE_MODULE_LOAD] = {EVENT_module_load, true, FIELD_object_name},
    [WIRE_MODULE_UNLOAD] = {EVENT_module_unload, false, FIELD_object_name},
    [WIRE_MOUNT] = {EVENT_mount_change, true, FIELD_mount_source},
    [WIRE_NAMESPACE] = {EVENT_namespace_change, false, FIELD_COUNT},
    [WIRE_BPF_LOAD] = {EVENT_bpf_load, false, FIELD_object_name},
    [WIRE_MEMORY_FILE] = {EVENT_memory_file, true, FIELD_COUNT},
    [WIRE_USER_CHANGE] = {EVENT_user_change, false, FIELD_COUNT},
    [WIRE_SIGNAL] = {EVENT_process_signal, false, FIELD_COUNT},
};

/* The names that a call was given, by its kind. */
static RESULT set_call_names(struct normaliser *normaliser, struct bytes record,
                             const struct wire_call *call, struct event *out)
{
    uint16_t kind = call->header.kind;
    struct bytes path, source, type;
    bool is_from_memory = call->call == WIRE_CALL_INIT_MODULE;
    GUARD(read_path(record, sizeof *call, call->header.flags, call->base, call->name,
                    normaliser->first_path, &path));
    GUARD(read_text(record, sizeof *call, call->source, &source));
    GUARD(read_text(record, sizeof *call, call->type, &type));
    if (CALL_KINDS[kind].has_path && !is_from_memory)
        set_text(out, FIELD_file_path, path.data, path.size,
                 (call->header.flags & WIRE_PATH_CUT) != 0);
    if (CALL_KINDS[kind].source != FIELD_COUNT)
        set_text(out, CALL_KINDS[kind].source, source.data, source.size, false);
    if (kind == WIRE_MOUNT)
        set_text(out, FIELD_mount_type, type.data, type.size, false);
    size_t length = call_request_text(call->call, call->request, type, normaliser->request);
    set_text(out, FIELD_call_request, normaliser->request, length, false);
    return RESULT_OK;
}

/* A process is where its first thread is. */
static void set_namespaces(struct normaliser *normaliser, struct event *event,
                           const struct wire_call *call)
{
    set_known_number(event, FIELD_namespace_mount, call->mount_namespace);
    set_known_number(event, FIELD_namespace_network, call->network_namespace);
    set_known_number(event, FIELD_namespace_user, call->user_namespace);
    const struct process_info *info =
        process_table_get(normaliser->table, key_of(call->header.process));
    if (info != NULL && call->header.tid == call->header.process.tgid)
        process_table_set_namespaces(normaliser->table, info, call->mount_namespace,
                                     call->network_namespace, call->user_namespace);
}

/* What a thread was before it gained privileges, and which. */
static void set_gain(struct normaliser *normaliser, struct event *event,
                     const struct wire_call *call)
{
    const struct process_info *info =
        process_table_get(normaliser->table, key_of(call->header.process));
    if (info != NULL && call->header.credentials.euid == 0)
        process_table_add_flag(normaliser->table, info, PROCESS_CHANGES_USER);
    event_set_number(event, FIELD_user_previous_id, call->target_credentials.uid);
    event_set_number(event, FIELD_user_previous_effective_id, call->target_credentials.euid);
    size_t length = capabilities_text(call->request, normaliser->capabilities);
    set_text(event, FIELD_capabilities_gained, normaliser->capabilities, length, false);
}

static RESULT normalise_call(struct normaliser *normaliser, struct bytes record, struct event *out)
{
    struct wire_call call;
    GUARD(read_fixed(&record, &call, sizeof call));
    const char *name = call_name(call.call);
    if (name == NULL)
        return result_fail(ERROR_FORMAT);
    begin_event(normaliser, CALL_KINDS[call.header.kind].event, &call.header, out);
    set_actor(normaliser, out, &call.header);
    set_text(out, FIELD_call_name, name, strlen(name), false);
    GUARD(set_call_names(normaliser, record, &call, out));
    if ((schema_kind(out->kind)->fields >> FIELD_target_pid & 1) != 0)
        set_target(normaliser, out, &call);
    if (call.header.kind == WIRE_NAMESPACE)
        set_namespaces(normaliser, out, &call);
    if (call.header.kind == WIRE_USER_CHANGE)
        set_gain(normaliser, out, &call);
    return RESULT_OK;
}

static RESULT dispatch(struct normaliser *normaliser, uint16_t kind, struct bytes record,
                       struct event *out)
{
    switch ((enum wire_kind)kind) {
    case WIRE_EXEC:
        return normalise_exec(normaliser, record, out);
    case WIRE_FORK:
        return normalise_fork(normaliser, record, out);
    case WIRE_EXIT:
        return normalise_exit(normaliser, record, out);
    case WIRE_FILE_CREATE:
    case WIRE_FILE_WRITE:
    case WIRE_FILE_RENAME:
    case WIRE_FILE_DELETE:
    case WIRE_FILE_CHMOD:
        return normalise_file(normaliser, record, out);
    case WIRE_CONNECT:
    case WIRE_ACCEPT:
        return normalise_network(normaliser, record, out);
    case WIRE_ACCESS:
    case WIRE_MODULE_LOAD:
    case WIRE_MODULE_UNLOAD:
    case WIRE_MOUNT:
    case WIRE_NAMESPACE:
    case WIRE_BPF_LOAD:
    case WIRE_MEMORY_FILE:
    case WIRE_USER_CHANGE:
    case WIRE_SIGNAL:
        return normalise_call(normaliser, record, out);
    case WIRE_SNAPSHOT:
    case WIRE_KIND_COUNT:
        break;
    }
    return result_fail(ERROR_FORMAT);
}

RESULT normalise(struct normaliser *normaliser, struct bytes record, struct event *out)
{
    struct wire_header header;
    struct reader reader = reader_of(record.data, record.size);
    GUARD(reader_copy(&reader, &header, sizeof header));
    GUARD(dispatch(normaliser, header.kind, record, out));
    finish_event(out);
    return RESULT_OK;
}

void normalise_running(struct normaliser *normaliser, const struct process_info *info,
                       struct event *out)
{
    event_init(out, EVENT_process_running, info->known_ns,
               info->known_ns + normaliser->wall_offset_ns);
    set_credentials(normaliser, out, info->user_id, info->user_effective_id, info->group_id);
    set_process(normaliser, out, info);
    finish_event(out);
}

void normalise_loss(const struct normaliser *normaliser, const char *name, uint64_t count,
                    uint64_t boottime_ns, struct event *out)
{
    event_init(out, EVENT_sensor_loss, boottime_ns, boottime_ns + normaliser->wall_offset_ns);
    set_text(out, FIELD_loss_counter, name, strlen(name), false);
    event_set_number(out, FIELD_loss_count, count);
}
