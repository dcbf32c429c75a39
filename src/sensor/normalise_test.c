// SPDX-License-Identifier: Apache-2.0
#include "sensor/normalise.h"

#include "base/bytes.h"
#include "base/counters.h"
#include "sensor/fake_kernel.h"
#include "sensor/wire.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct fixture {
    int table_fd;
    struct process_table *table;
    struct users *users;
    struct normaliser *normaliser;
    struct fake_record record;
    struct event event;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_ok(process_table_create(&fixture->table_fd));
    assert_ok(process_table_open(fixture->table_fd, &fixture->table));
    assert_ok(users_open("/nonexistent/passwd", &fixture->users));
    assert_ok(normaliser_new(fixture->table, fixture->users, "0a1b2c3d-and-more",
                             &fixture->normaliser));
    normaliser_set_wall_offset(fixture->normaliser, 1000000);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    normaliser_free(fixture->normaliser);
    users_close(fixture->users);
    process_table_close(fixture->table);
    close(fixture->table_fd);
    free(fixture);
    return 0;
}

static struct bytes bytes_of(const struct fake_record *record)
{
    return (struct bytes){record->data, record->size};
}

/* Normalises the fixture's record; the event must survive encoding and decoding. */
static void run(struct fixture *fixture)
{
    static uint8_t encoded[LIMIT_EVENT_BYTES];
    assert_ok(normalise(fixture->normaliser, bytes_of(&fixture->record), &fixture->event));
    struct writer writer = writer_of(encoded, sizeof encoded);
    assert_ok(event_encode(&fixture->event, &writer));
    assert_ok(event_decode(encoded, writer.at, &fixture->event));
}

static void assert_text(const struct event *event, enum event_field field, const char *expected)
{
    const char *name = schema_field(field)->name;
    if (expected == NULL) {
        if (event_has(event, field))
            fail_msg("%s is there", name);
        return;
    }
    if (!event_has(event, field))
        fail_msg("%s is missing", name);
    struct bytes text = event->values[field].text;
    if (text.size != strlen(expected) || memcmp(text.data, expected, text.size) != 0)
        fail_msg("%s is \"%.*s\", expected \"%s\"", name, (int)text.size, (const char *)text.data,
                 expected);
}

static void assert_number(const struct event *event, enum event_field field, uint64_t expected)
{
    if (!event_has(event, field))
        fail_msg("%s is missing", schema_field(field)->name);
    assert_int_equal(event->values[field].number, expected);
}

#define SHELL fake_identity(20, 200)
#define CHILD fake_identity(30, 300)

static struct wire_exec *as_exec(struct fake_record *record)
{
    return (struct wire_exec *)(void *)record->data;
}

static struct wire_file *as_file(struct fake_record *record)
{
    return (struct wire_file *)(void *)record->data;
}

static void exec(struct fixture *fixture, struct wire_identity process,
                 struct wire_identity parent, uint64_t time_ns, const char *executable,
                 const char *arguments, size_t size)
{
    fake_exec(&fixture->record, process, parent, time_ns, executable, arguments, size);
}

static void an_exec_is_told_whole(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    exec(fixture, SHELL, fake_identity(0, 0), 250, "/bin/sh", "-sh", 4);
    run(fixture);
    exec(fixture, CHILD, SHELL, 350, "/usr/bin/id", "id\0-u\0a b\0\0", 11);
    struct wire_exec *record = as_exec(&fixture->record);
    record->header.credentials = (struct wire_credentials){1000, 0, 100, 101};
    record->process.login_uid = 1000;
    record->control_group =
        fake_path(&fixture->record, "/system.slice/docker-" HEX64 ".scope");
    run(fixture);
    assert_int_equal(event->kind, EVENT_process_start);
    assert_int_equal(event->incomplete, 0);
    assert_true(event->boottime_ns == 350 && event->wall_ns == 1000350);
    assert_text(event, FIELD_process_id, "0a1b2c3d-1e-12c");
    assert_number(event, FIELD_process_pid, 30);
    assert_number(event, FIELD_process_start_time, 300);
    assert_text(event, FIELD_process_executable, "/usr/bin/id");
    assert_text(event, FIELD_process_arguments, "id -u a b ");
    assert_text(event, FIELD_process_directory, "/home/ada");
    assert_text(event, FIELD_process_name, "id");
    assert_text(event, FIELD_process_script, NULL);
    assert_number(event, FIELD_user_id, 1000);
    assert_number(event, FIELD_user_effective_id, 0);
    assert_text(event, FIELD_user_name, "1000");
    assert_number(event, FIELD_group_id, 100);
    assert_number(event, FIELD_login_user_id, 1000);
    assert_text(event, FIELD_parent_id, "0a1b2c3d-14-c8");
    assert_number(event, FIELD_parent_pid, 20);
    assert_text(event, FIELD_parent_executable, "/bin/sh");
    assert_text(event, FIELD_parent_arguments, "-sh");
    assert_number(event, FIELD_namespace_mount, 11);
    assert_number(event, FIELD_namespace_pid, 12);
    assert_number(event, FIELD_namespace_network, 13);
    assert_number(event, FIELD_namespace_user, 14);
    assert_text(event, FIELD_container_id, HEX64);
    assert_text(event, FIELD_control_group, "docker-" HEX64 ".scope");
}

static void an_unknown_parent_is_said(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = counter_get(COUNTER_sensor_parent_unknown);
    exec(fixture, CHILD, SHELL, 350, "/usr/bin/id", "id", 3);
    run(fixture);
    assert_int_equal(fixture->event.incomplete, INCOMPLETE_PARENT);
    assert_text(&fixture->event, FIELD_parent_id, "0a1b2c3d-14-c8");
    assert_text(&fixture->event, FIELD_parent_executable, NULL);
    assert_true(counter_get(COUNTER_sensor_parent_unknown) == before + 1);
}

static void a_fork_inherits_and_its_parent_stays(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    exec(fixture, SHELL, fake_identity(0, 0), 250, "/bin/sh", "sh\0-c\0true", 11);
    run(fixture);
    fake_fork(&fixture->record, CHILD, SHELL, 300);
    run(fixture);
    assert_int_equal(event->kind, EVENT_process_fork);
    assert_int_equal(event->incomplete, 0);
    assert_text(event, FIELD_process_executable, "/bin/sh");
    assert_text(event, FIELD_process_arguments, "sh -c true");
    assert_number(event, FIELD_process_pid, 30);
    assert_text(event, FIELD_parent_executable, "/bin/sh");
    /* Adopted by init, and then it executes something: its maker is still its parent. */
    fake_exit(&fixture->record, SHELL, 320, 0);
    run(fixture);
    exec(fixture, CHILD, fake_identity(1, 1), 350, "/usr/bin/id", "id", 3);
    run(fixture);
    assert_number(event, FIELD_parent_pid, 20);
    assert_text(event, FIELD_parent_executable, "/bin/sh");
    assert_int_equal(event->incomplete, 0);
    /* The same record again, as a successor would read it. */
    run(fixture);
    assert_number(event, FIELD_parent_pid, 20);
    assert_text(event, FIELD_process_executable, "/usr/bin/id");
}

static void a_fork_of_nobody_known_is_said(void **state)
{
    struct fixture *fixture = *state;
    fake_fork(&fixture->record, CHILD, SHELL, 300);
    run(fixture);
    assert_int_equal(fixture->event.incomplete, INCOMPLETE_PROCESS | INCOMPLETE_PARENT);
    fake_fork(&fixture->record, CHILD, CHILD, 300);
    run(fixture);
    fake_exit(&fixture->record, fake_identity(4711, 1), 320, 0);
    run(fixture);
    assert_int_equal(fixture->event.incomplete, INCOMPLETE_PROCESS);
}

static void exits_tell_code_or_signal(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/usr/bin/id", "id", 3);
    run(fixture);
    fake_exit(&fixture->record, CHILD, 400, 7 << 8);
    bytes_copy(((struct wire_exit *)(void *)fixture->record.data)->comm, 16, "renamed", 7);
    run(fixture);
    assert_int_equal(event->kind, EVENT_process_exit);
    assert_number(event, FIELD_exit_code, 7);
    assert_false(event_has(event, FIELD_exit_signal));
    assert_text(event, FIELD_process_executable, "/usr/bin/id");
    assert_text(event, FIELD_process_name, "renamed");
    assert_true(process_table_get(fixture->table, (struct process_key){300, 30, 0})->end_ns
                == 400);
    fake_exit(&fixture->record, CHILD, 400, 0x80 | 11);
    run(fixture);
    assert_number(event, FIELD_exit_signal, 11);
    assert_false(event_has(event, FIELD_exit_code));
}

static void script(struct fixture *fixture, const char *named, const char *expected)
{
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/bin/dash", "/bin/sh\0./x", 12);
    as_exec(&fixture->record)->state = WIRE_IS_SCRIPT;
    struct wire_text text = fake_string(&fixture->record, named);
    as_exec(&fixture->record)->script = text;
    run(fixture);
    assert_text(&fixture->event, FIELD_process_script, expected);
}

static void scripts_are_resolved(void **state)
{
    struct fixture *fixture = *state;
    script(fixture, "./deploy.sh", "/home/ada/deploy.sh");
    script(fixture, "bin//run", "/home/ada/bin/run");
    script(fixture, "../eve/./run", "/home/eve/run");
    script(fixture, "/opt/x/../run", "/opt/run");
    script(fixture, "../../../../run", "/run");
    script(fixture, "", NULL);
}

static void file(struct fixture *fixture, enum wire_kind kind, const char *base, const char *name)
{
    (void)fake_begin(&fixture->record, kind, sizeof(struct wire_file), CHILD, 500);
    struct wire_text text = fake_path(&fixture->record, base);
    as_file(&fixture->record)->base = text;
    text = fake_string(&fixture->record, name);
    as_file(&fixture->record)->name = text;
}

static void files_are_told_with_their_process(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/usr/bin/tee", "tee\0x", 6);
    run(fixture);
    file(fixture, WIRE_FILE_CREATE, "/home/ada", "../eve//./x");
    as_file(&fixture->record)->mode = 0100644;
    as_file(&fixture->record)->inode = 99;
    as_file(&fixture->record)->mount_namespace = 21;
    as_file(&fixture->record)->header.flags = WIRE_RACY;
    as_file(&fixture->record)->header.credentials.euid = 5;
    run(fixture);
    assert_int_equal(event->kind, EVENT_file_create);
    assert_int_equal(event->incomplete, INCOMPLETE_RACY);
    assert_text(event, FIELD_file_path, "/home/eve/x");
    assert_number(event, FIELD_file_mode, 0644);
    assert_number(event, FIELD_file_inode, 99);
    assert_number(event, FIELD_namespace_mount, 21);
    assert_text(event, FIELD_process_arguments, "tee x");
    assert_number(event, FIELD_user_effective_id, 5);
    /* The table follows the credentials. */
    struct process_info info;
    assert_ok(process_table_find(fixture->table, (struct process_key){300, 30, 0}, &info));
    assert_int_equal(info.user_effective_id, 5);

    file(fixture, WIRE_FILE_RENAME, "/tmp", "b");
    struct wire_text text = fake_path(&fixture->record, "/var/a");
    as_file(&fixture->record)->previous_base = text;
    run(fixture);
    assert_text(event, FIELD_file_path, "/tmp/b");
    assert_text(event, FIELD_file_previous_path, "/var/a");
    file(fixture, WIRE_FILE_CHMOD, "/tmp/b", "");
    run(fixture);
    assert_text(event, FIELD_file_path, "/tmp/b");
    assert_number(event, FIELD_file_mode, 0);
    file(fixture, WIRE_FILE_DELETE, "/tmp/b", "");
    run(fixture);
    assert_false(event_has(event, FIELD_file_mode));
    assert_text(event, FIELD_file_previous_path, NULL);
    file(fixture, WIRE_FILE_WRITE, "", "");
    run(fixture);
    assert_text(event, FIELD_file_path, "/");
    file(fixture, WIRE_FILE_WRITE, "", "");
    as_file(&fixture->record)->header.flags = WIRE_UNREADABLE;
    run(fixture);
    assert_text(event, FIELD_file_path, NULL);
    assert_int_equal(event->incomplete, INCOMPLETE_UNREADABLE);
}

static void files_of_unknown_processes_are_said(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = counter_get(COUNTER_sensor_process_unknown);
    file(fixture, WIRE_FILE_DELETE, "/tmp/b", "");
    run(fixture);
    assert_int_equal(fixture->event.incomplete, INCOMPLETE_PROCESS);
    assert_number(&fixture->event, FIELD_process_pid, 30);
    assert_text(&fixture->event, FIELD_process_executable, NULL);
    assert_true(counter_get(COUNTER_sensor_process_unknown) == before + 1);
    /* Known, but only as it was later. */
    exec(fixture, CHILD, fake_identity(0, 0), 501, "/usr/bin/tee", "tee", 4);
    run(fixture);
    file(fixture, WIRE_FILE_DELETE, "/tmp/b", "");
    run(fixture);
    assert_int_equal(fixture->event.incomplete, INCOMPLETE_PROCESS);
    assert_text(&fixture->event, FIELD_process_executable, "/usr/bin/tee");
}

static void what_was_cut_is_said(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    uint64_t before = counter_get(COUNTER_sensor_truncated);
    uint64_t before_process = counter_get(COUNTER_sensor_truncated_process);
    uint64_t before_file = counter_get(COUNTER_sensor_truncated_file);
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/rest/of/it", "a\0b", 4);
    as_exec(&fixture->record)->header.flags = WIRE_PATH_CUT | WIRE_ARGUMENTS_CUT;
    run(fixture);
    assert_int_equal(event->incomplete, INCOMPLETE_TRUNCATED);
    assert_text(event, FIELD_process_executable, "rest/of/it");
    assert_true(event->values[FIELD_process_executable].is_cut);
    assert_true(event->values[FIELD_process_arguments].is_cut);
    assert_true(counter_get(COUNTER_sensor_truncated) == before + 1);
    assert_true(counter_get(COUNTER_sensor_truncated_process) == before_process + 1);
    /* A later event of the same process has the same gaps. */
    file(fixture, WIRE_FILE_DELETE, "/tmp/b", "");
    run(fixture);
    assert_int_equal(event->incomplete, INCOMPLETE_TRUNCATED);
    assert_true(counter_get(COUNTER_sensor_truncated_file) == before_file + 1);

    /* 8 KiB of arguments are whole in the event, and cut in the table. */
    char arguments[WIRE_ARGUMENTS_BYTES];
    memset(arguments, 'x', sizeof arguments);
    arguments[100] = '\0';
    exec(fixture, CHILD, fake_identity(0, 0), 360, "/bin/x", arguments, sizeof arguments);
    run(fixture);
    assert_int_equal(event->incomplete, 0);
    assert_int_equal(event->values[FIELD_process_arguments].text.size, sizeof arguments);
    assert_int_equal(event->values[FIELD_process_arguments].text.data[100], ' ');
    fake_fork(&fixture->record, fake_identity(31, 370), CHILD, 370);
    run(fixture);
    assert_int_equal(event->incomplete, INCOMPLETE_TRUNCATED);
    assert_true(event->values[FIELD_parent_arguments].is_cut);
}

static void network(struct fixture *fixture, enum wire_kind kind, uint16_t family,
                    const uint8_t *local, const uint8_t *remote)
{
    (void)fake_begin(&fixture->record, kind, sizeof(struct wire_network), CHILD, 500);
    struct wire_network *record = (struct wire_network *)(void *)fixture->record.data;
    record->family = family;
    record->protocol = 6;
    record->local_port = 1234;
    record->remote_port = 443;
    bytes_copy(record->local_address, 16, local, family == 2 ? 4 : 16);
    bytes_copy(record->remote_address, 16, remote, family == 2 ? 4 : 16);
}

static void connections_are_told_from_their_opener(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    const uint8_t here[16] = {10, 0, 0, 1};
    const uint8_t there[16] = {192, 0, 2, 9};
    network(fixture, WIRE_CONNECT, 2, here, there);
    run(fixture);
    assert_int_equal(event->kind, EVENT_network_connect);
    assert_text(event, FIELD_source_address, "10.0.0.1");
    assert_number(event, FIELD_source_port, 1234);
    assert_text(event, FIELD_destination_address, "192.0.2.9");
    assert_number(event, FIELD_destination_port, 443);
    assert_text(event, FIELD_network_transport, "tcp");
    assert_number(event, FIELD_network_initiated, 1);
    network(fixture, WIRE_ACCEPT, 2, here, there);
    run(fixture);
    assert_int_equal(event->kind, EVENT_network_accept);
    assert_text(event, FIELD_source_address, "192.0.2.9");
    assert_number(event, FIELD_source_port, 443);
    assert_text(event, FIELD_destination_address, "10.0.0.1");
    assert_number(event, FIELD_network_initiated, 0);

    const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    const uint8_t loopback[16] = {[15] = 1};
    network(fixture, WIRE_CONNECT, 10, mapped, loopback);
    run(fixture);
    assert_text(event, FIELD_source_address, "127.0.0.1");
    assert_text(event, FIELD_destination_address, "::1");
    const uint8_t nothing[16] = {0};
    network(fixture, WIRE_CONNECT, 10, nothing, loopback);
    ((struct wire_network *)(void *)fixture->record.data)->local_port = 0;
    run(fixture);
    assert_text(event, FIELD_source_address, NULL);
    assert_false(event_has(event, FIELD_source_port));
    network(fixture, WIRE_CONNECT, 3, here, there);
    assert_error(normalise(fixture->normaliser, bytes_of(&fixture->record), &fixture->event),
                 ERROR_FORMAT);
}

static struct wire_call *call(struct fixture *fixture, enum wire_kind kind,
                              enum wire_call_name name)
{
    (void)fake_begin(&fixture->record, kind, sizeof(struct wire_call), CHILD, 500);
    struct wire_call *record = (struct wire_call *)(void *)fixture->record.data;
    record->call = name;
    return record;
}

static void access_names_both_processes(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    exec(fixture, SHELL, fake_identity(0, 0), 250, "/bin/sh", "-sh", 4);
    run(fixture);
    exec(fixture, CHILD, SHELL, 350, "/usr/bin/gdb", "gdb", 4);
    run(fixture);
    struct wire_call *record = call(fixture, WIRE_ACCESS, WIRE_CALL_PTRACE);
    record->request = 16;
    record->target = SHELL;
    record->target_credentials.uid = 77;
    run(fixture);
    assert_int_equal(event->kind, EVENT_process_access);
    assert_text(event, FIELD_call_name, "ptrace");
    assert_text(event, FIELD_call_request, "PTRACE_ATTACH");
    assert_text(event, FIELD_process_executable, "/usr/bin/gdb");
    assert_text(event, FIELD_target_executable, "/bin/sh");
    assert_number(event, FIELD_target_pid, 20);
    assert_number(event, FIELD_target_user_id, 77);
    assert_int_equal(event->incomplete, 0);
    record->target = fake_identity(21, 200); /* nobody knows it */
    run(fixture);
    assert_text(event, FIELD_target_executable, NULL);
    assert_number(event, FIELD_target_pid, 21);
    assert_int_equal(event->incomplete, INCOMPLETE_PROCESS);
    record->target = fake_identity(0, 0);
    record->header.flags = WIRE_UNREADABLE;
    run(fixture);
    assert_text(event, FIELD_target_id, NULL);
    assert_int_equal(event->incomplete, INCOMPLETE_UNREADABLE);
    (void)call(fixture, WIRE_ACCESS, WIRE_CALL_COUNT);
    assert_error(normalise(fixture->normaliser, bytes_of(&fixture->record), &fixture->event),
                 ERROR_FORMAT);
}

static void calls_are_told_with_their_names(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    struct wire_call *record = call(fixture, WIRE_MODULE_LOAD, WIRE_CALL_FINIT_MODULE);
    record->base = fake_path(&fixture->record, "/lib/x.ko");
    record->source = fake_string(&fixture->record, "x");
    run(fixture);
    assert_int_equal(event->kind, EVENT_module_load);
    assert_text(event, FIELD_file_path, "/lib/x.ko");
    assert_text(event, FIELD_object_name, "x");
    assert_text(event, FIELD_call_request, NULL);
    (void)call(fixture, WIRE_MODULE_LOAD, WIRE_CALL_INIT_MODULE);
    run(fixture);
    assert_text(event, FIELD_file_path, NULL); /* and not "/" */
    record = call(fixture, WIRE_MOUNT, WIRE_CALL_MOUNT);
    record->request = 4096 | 1 | 0x80000000;
    record->base = fake_path(&fixture->record, "/mnt");
    record->name = fake_string(&fixture->record, "a/../b");
    record->source = fake_string(&fixture->record, "none");
    record->type = fake_string(&fixture->record, "tmpfs");
    run(fixture);
    assert_text(event, FIELD_file_path, "/mnt/b");
    assert_text(event, FIELD_mount_source, "none");
    assert_text(event, FIELD_mount_type, "tmpfs");
    assert_text(event, FIELD_call_request, "MS_RDONLY MS_BIND 0x80000000");
    record = call(fixture, WIRE_BPF_LOAD, WIRE_CALL_BPF);
    record->request = 2;
    run(fixture);
    assert_text(event, FIELD_call_request, "BPF_PROG_TYPE_KPROBE");
    record->request = 99;
    run(fixture);
    assert_text(event, FIELD_call_request, "0x63");
    record->source = (struct wire_text){8, 4};
    assert_error(normalise(fixture->normaliser, bytes_of(&fixture->record), &fixture->event),
                 ERROR_FORMAT);
}

static void the_table_follows_namespaces(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    struct process_info info;
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/bin/sh", "sh", 3);
    run(fixture);
    struct wire_call *record = call(fixture, WIRE_NAMESPACE, WIRE_CALL_SETNS);
    record->type = fake_string(&fixture->record, "mnt");
    record->mount_namespace = 71;
    record->user_namespace = 72;
    record->header.tid = 31; /* one thread of several */
    run(fixture);
    assert_text(event, FIELD_call_request, "CLONE_NEWNS");
    assert_number(event, FIELD_namespace_mount, 71);
    assert_ok(process_table_find(fixture->table, (struct process_key){300, 30, 0}, &info));
    assert_int_not_equal(info.namespace_mount, 71);
    record->header.tid = 30;
    run(fixture);
    assert_ok(process_table_find(fixture->table, (struct process_key){300, 30, 0}, &info));
    assert_int_equal(info.namespace_mount, 71);
    assert_int_equal(info.namespace_user, 72);
}

static void executables_without_a_name_are_said(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/memfd:x", "x", 2);
    as_exec(&fixture->record)->executable_inode = 9;
    run(fixture);
    assert_text(event, FIELD_executable_origin, "memory");
    exec(fixture, CHILD, fake_identity(0, 0), 350, "/tmp/x", "x", 2);
    as_exec(&fixture->record)->executable_inode = 9;
    run(fixture);
    assert_text(event, FIELD_executable_origin, "deleted");
    as_exec(&fixture->record)->executable_links = 1;
    run(fixture);
    assert_text(event, FIELD_executable_origin, NULL);
}

static void gained_privileges_are_told(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    struct wire_call *record = call(fixture, WIRE_USER_CHANGE, WIRE_CALL_SETRESUID);
    record->target_credentials = (struct wire_credentials){7, 8, 9, 10};
    record->request = 1u << 21 | 1u << 0;
    run(fixture);
    assert_int_equal(event->kind, EVENT_user_change);
    assert_number(event, FIELD_user_previous_id, 7);
    assert_number(event, FIELD_user_previous_effective_id, 8);
    assert_text(event, FIELD_capabilities_gained, "CAP_CHOWN CAP_SYS_ADMIN");
    assert_text(event, FIELD_call_request, NULL);
    record->request = UINT64_MAX;
    run(fixture);
    assert_int_equal(event->incomplete & INCOMPLETE_TRUNCATED, 0);
    record = call(fixture, WIRE_SIGNAL, WIRE_CALL_KILL);
    record->request = 9;
    record->target = SHELL;
    run(fixture);
    assert_int_equal(event->kind, EVENT_process_signal);
    assert_text(event, FIELD_call_request, "SIGKILL");
    assert_number(event, FIELD_target_pid, 20);
}

static void becoming_root_without_a_call_is_said(void **state)
{
    struct fixture *fixture = *state;
    const struct event *event = &fixture->event;
    for (unsigned effective = 0; effective < 2; effective++) { /* from root, and from somebody */
        exec(fixture, CHILD, fake_identity(0, 0), 350, "/bin/sh", "sh", 3);
        as_exec(&fixture->record)->header.credentials.euid = effective * 1000;
        run(fixture);
        exec(fixture, CHILD, fake_identity(0, 0), 360, "/bin/su", "su", 3);
        as_exec(&fixture->record)->header.credentials.euid = 0;
        as_exec(&fixture->record)->executable_mode = 0104755;
        run(fixture);
        assert_number(event, FIELD_executable_setuid, 1);
        assert_int_equal(event_has(event, FIELD_user_previous_effective_id), effective == 1);
    }
    assert_number(event, FIELD_user_previous_effective_id, 1000);
    /* A call says so itself, and then it is known. */
    exec(fixture, CHILD, fake_identity(0, 0), 370, "/bin/sh", "sh", 3);
    as_exec(&fixture->record)->header.credentials.euid = 1000;
    run(fixture);
    call(fixture, WIRE_USER_CHANGE, WIRE_CALL_SETUID)->header.credentials.euid = 0;
    run(fixture);
    file(fixture, WIRE_FILE_DELETE, "/tmp/b", ""); /* it goes down, and comes back unseen */
    as_file(&fixture->record)->header.credentials.euid = 1000;
    run(fixture);
    fake_exit(&fixture->record, CHILD, 600, 0);
    ((struct wire_header *)(void *)fixture->record.data)->credentials.euid = 0;
    run(fixture);
    assert_false(event_has(event, FIELD_user_previous_effective_id));
}

static void the_snapshot_does_not_overwrite(void **state)
{
    struct fixture *fixture = *state;
    struct process_key key;
    bool is_new;
    exec(fixture, CHILD, SHELL, 350, "/bin/old", "old", 4);
    as_exec(&fixture->record)->header.kind = WIRE_SNAPSHOT;
    assert_ok(normalise_snapshot(fixture->normaliser, bytes_of(&fixture->record), &key, &is_new));
    assert_true(is_new);
    assert_int_equal(key.pid, 30);
    exec(fixture, CHILD, SHELL, 360, "/bin/new", "new", 4);
    as_exec(&fixture->record)->header.kind = WIRE_SNAPSHOT;
    assert_ok(normalise_snapshot(fixture->normaliser, bytes_of(&fixture->record), &key, &is_new));
    assert_false(is_new);
    const struct process_info *info = process_table_get(fixture->table, key);
    normalise_running(fixture->normaliser, info, &fixture->event);
    assert_int_equal(fixture->event.kind, EVENT_process_running);
    assert_text(&fixture->event, FIELD_process_executable, "/bin/old");
    assert_true((info->flags & PROCESS_FROM_SNAPSHOT) != 0);
    /* Snapshot records have no place in the ring, and the other way round. */
    assert_error(normalise(fixture->normaliser, bytes_of(&fixture->record), &fixture->event),
                 ERROR_FORMAT);
    exec(fixture, CHILD, SHELL, 360, "/bin/new", "new", 4);
    assert_error(normalise_snapshot(fixture->normaliser, bytes_of(&fixture->record), &key, &is_new),
                 ERROR_FORMAT);
}

static void every_kind(struct fixture *fixture, unsigned kind)
{
    switch (kind) {
    case WIRE_EXEC:
        exec(fixture, CHILD, SHELL, 350, "/usr/bin/id", "id\0x", 5);
        break;
    case WIRE_FORK:
        fake_fork(&fixture->record, CHILD, SHELL, 300);
        break;
    case WIRE_EXIT:
        fake_exit(&fixture->record, CHILD, 300, 0);
        break;
    case WIRE_CONNECT:
    case WIRE_ACCEPT: {
        static const uint8_t ADDRESS[16] = {1};
        network(fixture, (enum wire_kind)kind, 2, ADDRESS, ADDRESS);
        break;
    }
    case WIRE_FILE_CREATE:
    case WIRE_FILE_WRITE:
    case WIRE_FILE_RENAME:
    case WIRE_FILE_DELETE:
    case WIRE_FILE_CHMOD:
        file(fixture, (enum wire_kind)kind, "/tmp/x", "name");
        break;
    default:
        call(fixture, (enum wire_kind)kind, WIRE_CALL_MOUNT)->source =
            fake_string(&fixture->record, "source");
        break;
    }
}

/* A copy of exactly `size` bytes, so that the sanitizer sees a read behind it. */
static struct result on_exact_copy(struct fixture *fixture, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    bytes_copy(copy + 1, size, fixture->record.data, size); /* not aligned either */
    struct result result =
        normalise(fixture->normaliser, (struct bytes){copy + 1, size}, &fixture->event);
    free(copy);
    return result;
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned kind = WIRE_EXEC; kind < WIRE_KIND_COUNT; kind++) {
        if (kind == WIRE_SNAPSHOT)
            continue;
        every_kind(fixture, kind);
        size_t whole = fixture->record.size;
        for (size_t size = 0; size < whole; size++)
            assert_error(on_exact_copy(fixture, size), ERROR_FORMAT);
        assert_ok(on_exact_copy(fixture, whole));
        /* The header agrees with the truncation: texts reach over the end, or do not. */
        for (size_t size = sizeof(struct wire_header); size < whole; size++) {
            ((struct wire_header *)(void *)fixture->record.data)->size = (uint32_t)size;
            result_ignore(on_exact_copy(fixture, size));
        }
    }
    for (unsigned kind = 0; kind < 300; kind++) {
        if (kind >= WIRE_EXEC && kind < WIRE_KIND_COUNT && kind != WIRE_SNAPSHOT)
            continue;
        (void)fake_begin(&fixture->record, (enum wire_kind)kind, 256, CHILD, 1);
        assert_error(on_exact_copy(fixture, 256), ERROR_FORMAT);
    }
}

static void texts_outside_of_the_record_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_text lies[] = {{0, 1}, {8, 4}, {UINT16_MAX, 1}, {300, UINT16_MAX}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        exec(fixture, CHILD, SHELL, 350, "/usr/bin/id", "id", 3);
        as_exec(&fixture->record)->arguments = lies[i];
        assert_error(on_exact_copy(fixture, fixture->record.size), ERROR_FORMAT);
        file(fixture, WIRE_FILE_WRITE, "/tmp", "x");
        as_file(&fixture->record)->name = lies[i];
        assert_error(on_exact_copy(fixture, fixture->record.size), ERROR_FORMAT);
    }
    exec(fixture, fake_identity(0, 0), SHELL, 350, "/usr/bin/id", "id", 3);
    assert_error(on_exact_copy(fixture, fixture->record.size), ERROR_FORMAT);
    assert_null(process_table_get(fixture->table, (struct process_key){300, 30, 0}));
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(an_exec_is_told_whole),
        FIXTURE_TEST(an_unknown_parent_is_said),
        FIXTURE_TEST(a_fork_inherits_and_its_parent_stays),
        FIXTURE_TEST(a_fork_of_nobody_known_is_said),
        FIXTURE_TEST(exits_tell_code_or_signal),
        FIXTURE_TEST(scripts_are_resolved),
        FIXTURE_TEST(files_are_told_with_their_process),
        FIXTURE_TEST(files_of_unknown_processes_are_said),
        FIXTURE_TEST(what_was_cut_is_said),
        FIXTURE_TEST(connections_are_told_from_their_opener),
        FIXTURE_TEST(access_names_both_processes),
        FIXTURE_TEST(calls_are_told_with_their_names),
        FIXTURE_TEST(the_table_follows_namespaces),
        FIXTURE_TEST(executables_without_a_name_are_said),
        FIXTURE_TEST(gained_privileges_are_told),
        FIXTURE_TEST(becoming_root_without_a_call_is_said),
        FIXTURE_TEST(the_snapshot_does_not_overwrite),
        FIXTURE_TEST(every_truncation_is_refused),
        FIXTURE_TEST(texts_outside_of_the_record_are_refused),
    };
    return unit_run("normalise", tests);
}
