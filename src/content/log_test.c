// SPDX-License-Identifier: Apache-2.0
/* Logs of every format that is text: what they are taken for, and the fields of their events. */
#include "content/log.h"

#include "base/bytes.h"
#include "engine/pack.h"
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* An engine without a rule that matters: readers need an event to fill. */
static struct engine *make_engine(void)
{
    static const char RULE[] = "title: x\nlogsource: {product: x}\n"
                               "detection: {s: {a: b}, condition: s}\n";
    struct pack_writer *writer = pack_writer_new();
    uint8_t *pack;
    size_t size;
    assert_non_null(writer);
    assert_ok(pack_writer_add(writer, "x.yml", RULE, strlen(RULE)));
    assert_ok(pack_writer_finish(writer, &pack, &size));
    pack_writer_free(writer);
    struct engine *engine = NULL;
    assert_ok(engine_load(NULL, pack, size, &engine, NULL));
    free(pack);
    return engine;
}

struct source {
    int fd;
    struct engine *engine;
    struct engine_event *event;
    struct log *log;
    struct log_entry entry;
    struct explanation why;
};

static void open_source(const char *text, struct source *source)
{
    static const struct log_options OPTIONS = {.format = LOG_ANY};
    *source = (struct source){.fd = memfd_create("log", MFD_CLOEXEC), .engine = make_engine()};
    source->event = engine_event_new(source->engine);
    assert_non_null(source->event);
    assert_int_equal(write(source->fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(source->fd, 0, SEEK_SET), 0);
    assert_ok(log_open(source->fd, "test", &OPTIONS, &source->log, &source->why));
}

static void close_source(struct source *source)
{
    log_close(source->log);
    engine_event_free(source->event);
    engine_free(source->engine);
    close(source->fd);
}

static void expect_next(struct source *source, uint64_t number)
{
    struct result result = log_next(source->log, source->event, &source->entry, &source->why);
    if (!result_is_ok(result) || source->entry.is_unreadable)
        fail_msg("%s", source->why.text);
    assert_int_equal(source->entry.number, number);
}

static void expect_end(struct source *source)
{
    assert_error(log_next(source->log, source->event, &source->entry, &source->why),
                 ERROR_NOT_FOUND);
    close_source(source);
}

/* All values under the name, each behind a blank; NULL: there is none. */
static void expect_field(const struct source *source, const char *name, const char *expected)
{
    char found[512] = "";
    const struct log_fields *fields = log_fields(source->log);
    for (uint32_t i = 0; i < fields->count; i++) {
        size_t size = strlen(found);
        if (string_equal(fields->items[i].name, name))
            (void)string_format(found + size, sizeof found - size, " %.*s",
                                (int)fields->items[i].value.size,
                                (const char *)fields->items[i].value.data);
    }
    if (!string_equal(found, expected == NULL ? "" : expected))
        fail_msg("%s is '%s', expected '%s'", name, found, expected == NULL ? "" : expected);
}

/* One event of JSON; the names and values expected stand in turn, ended by NULL. */
static void expect_json(const char *text, const char *const *expected)
{
    struct source source;
    open_source(text, &source);
    assert_int_equal(log_format(source.log), LOG_json);
    expect_next(&source, 0);
    for (; *expected != NULL; expected += 2)
        expect_field(&source, expected[0], expected[1]);
    expect_end(&source);
}
#define EXPECT_JSON(text, ...) expect_json(text, (const char *const[]){__VA_ARGS__, NULL})

static void formats_are_known_by_their_content(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum log_format format;
    } CASES[] = {
        {"", LOG_json},
        {" \n{}", LOG_json},
        {"\xef\xbb\xbf{}", LOG_json},
        {"[{}]", LOG_json},
        {"<Events>", LOG_xml},
        {"\xef\xbb\xbf<?xml version='1.0'?>", LOG_xml},
        {"type=CWD msg=audit(1.2:3): cwd=\"/\"", LOG_audit},
        {"node=h type=CWD msg=audit(1.2:3): cwd=\"/\"", LOG_audit},
        {"----\ntime->x", LOG_audit},
        {"d=0 exit=0\ntype=CWD msg=audit(1.2:3): cwd=\"/\"", LOG_audit},
        {"Nov 25 host kernel: audit: type=1307 audit(1.2:3):  cwd=\"/\"", LOG_audit},
        {"type=x", LOG_text},
        {"Nov 25 host sshd[1]: {", LOG_text},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct source source;
        open_source(CASES[i].text, &source);
        if (log_format(source.log) != CASES[i].format)
            fail_msg("%s: taken for %s", CASES[i].text, log_format_name(log_format(source.log)));
        close_source(&source);
    }
    for (unsigned i = LOG_ANY; i < LOG_FORMAT_COUNT; i++) {
        enum log_format format;
        assert_true(log_format_find(log_format_name((enum log_format)i), &format));
        assert_int_equal(format, i);
    }
}

static void windows_events_in_json_have_sigmas_names(void **state)
{
    (void)state;
    EXPECT_JSON("{\"Event\": {\"System\": {\"EventID\": 1, \"Provider\": {\"#attributes\": "
                "{\"Name\": \"p\", \"Guid\": \"g\"}}, \"Security\": {\"#attributes\": "
                "{\"UserID\": \"u\"}}}, \"EventData\": {\"a b\": \"x\", \"#attributes\": "
                "{\"Name\": \"t\"}}}}",
                "EventID", " 1", "Provider_Name", " p", "Provider_Guid", " g", "UserID", " u",
                "a b", " x", "ab", " x", "a_b", " x", "Name", NULL);
    EXPECT_JSON("{\"Event\": {\"System\": {\"Provider_attributes\": {\"Name\": \"p\"}}}}",
                "Provider_Name", " p");
    EXPECT_JSON("{\"System\": {\"Provider\": {\"Name\": \"p\"}, \"EventID\": {\"Qualifiers\": 0, "
                "\"#text\": 7}}}",
                "Provider_Name", " p", "EventID", " 7", "Qualifiers", " 0");
    EXPECT_JSON("{\"Event\": {\"EventData\": {\"Data\": [{\"@Name\": \"a\", \"#text\": \"1\"}, "
                "{\"@Name\": \"b\"}, {\"@Name\": \"c\", \"#text\": \"3\"}, \"4\"]}}}",
                "a", " 1", "b", NULL, "c", " 3", "Data", " 4");
    EXPECT_JSON("{\"Event\": {\"EventData\": {\"Data\": {\"#text\": [\"1\", \"2\"]}, "
                "\"Binary\": \"00\"}}}",
                "Data", " 1 2", "Binary", " 00");
    EXPECT_JSON("{\"Event\": {\"UserData\": {\"X\": {\"#attributes\": {\"xmlns\": \"u\"}, "
                "\"Param1\": \"x\"}}}}",
                "Param1", " x", "xmlns", NULL);
    EXPECT_JSON("{\"winlog\": {\"event_data\": {\"Image\": \"x\"}, \"event_id\": \"1\"}, "
                "\"event\": {\"code\": \"1\"}}",
                "Image", " x", "EventID", " 1");
    EXPECT_JSON("{\"event.code\": 3, \"winlog.user_data.A\": \"x\", \"other.name\": \"y\"}",
                "EventID", " 3", "A", " x", "other.name", " y");
}

static void second_names_are_those_of_the_log_source(void **state)
{
    (void)state;
    EXPECT_JSON("{\"Channel\": \"security\", \"EventID\": \"4688\", \"NewProcessName\": \"x\", "
                "\"SubjectLogonId\": \"0x3e7\", \"MandatoryLabel\": \"S-1-16-16384\"}",
                "Image", " x", "LogonId", " 0x3e7", "IntegrityLevel", " S-1-16-16384");
    EXPECT_JSON("{\"Channel\": \"Security\", \"EventID\": 4688, \"NewProcessName\": \"x\", "
                "\"Image\": \"y\"}",
                "Image", " y");
    EXPECT_JSON("{\"Channel\": \"Security\", \"EventID\": 4624, \"NewProcessName\": \"x\"}",
                "Image", NULL);
    EXPECT_JSON("{\"SourceName\": \"Microsoft-Windows-Sysmon\", \"Hostname\": \"h\", "
                "\"EventID\": 1}",
                "Provider_Name", " Microsoft-Windows-Sysmon", "Computer", " h", "ComputerName",
                " h");
    EXPECT_JSON("{\"product\": \"windows\", \"Channel\": \"Security\", \"EventID\": 4688, "
                "\"NewProcessName\": \"x\"}",
                "Image", NULL);
}

static void xml_gives_what_was_written(void **state)
{
    (void)state;
    struct source source;
    open_source("<Events>\n<Event a='1'><System><Provider Name='p'/><EventID q=\"0\">7</EventID>"
                "<Empty/></System><EventData><Data Name='a&lt;b'>1 &amp;&#x41;&#66;&nope; 2 < 3"
                "<![CDATA[<&]]></Data><Data>x</Data><Data/></EventData></Event><x/>\n"
                "<e:Event xmlns:e='u'/><Event><UserData><e:U><A>1</A><B><C>2</C></B></e:U>"
                "</UserData><RenderingInfo><Message>m</Message><Level>Information</Level>"
                "</RenderingInfo></Event>\n<EventLog/><Event><System><Channel>cut &#27",
                &source);
    expect_next(&source, 1);
    expect_field(&source, "Provider_Name", " p");
    expect_field(&source, "EventID", " 7");
    expect_field(&source, "q", " 0");
    expect_field(&source, "Empty", NULL);
    expect_field(&source, "a<b", " 1 &AB&nope; 2 < 3<&");
    expect_field(&source, "Data", " x ");
    expect_next(&source, 2);
    expect_field(&source, "A", " 1");
    expect_field(&source, "B", NULL);
    expect_field(&source, "C", " 2");
    expect_field(&source, "Message", " m");
    expect_field(&source, "Level", NULL);
    expect_next(&source, 3);
    expect_field(&source, "Channel", " cut &#27");
    expect_end(&source);
}

/* Documents over many blocks: each event is whole, and one may be larger than a block. */
static void documents_may_be_large(void **state)
{
    (void)state;
    enum { EVENTS = 3000, FILLING = 200 * 1024, CAPACITY = 200 * EVENTS + FILLING };
    static const char *const SHAPES[][3] = {
        {"<Event><EventData><Data Name='a'>", "</Data><Data Name='b'>",
         "</Data></EventData></Event>"},
        {"{\n\"a\": ", ", \"b\": \"", "\"}"},
    };
    char *text = test_calloc(1, CAPACITY);
    for (size_t shape = 0; shape < sizeof SHAPES / sizeof SHAPES[0]; shape++) {
        size_t size = 0;
        for (unsigned i = 0; i < EVENTS; i++) {
            unsigned filling = i == EVENTS / 2 ? FILLING : i % 40;
            (void)string_format(text + size, CAPACITY - size, "%s%u%s%*s%s\n", SHAPES[shape][0], i,
                                SHAPES[shape][1], (int)filling, "", SHAPES[shape][2]);
            size += strlen(text + size);
        }
        struct source source;
        open_source(text, &source);
        for (unsigned i = 0; i < EVENTS; i++) {
            char expected[32];
            (void)string_format(expected, sizeof expected, " %u", i);
            expect_next(&source, shape == 0 ? i : 2 * i);
            expect_field(&source, "a", expected);
        }
        expect_end(&source);
    }
    test_free(text);
}

static void xml_that_declares_or_nests_too_deep_is_refused(void **state)
{
    (void)state;
    struct source source;
    open_source("<Event><!ENTITY x 'y'></Event><Event><a><b><c><d><e><f><g><h><i><j><k><l><m><n>"
                "<o><p><q></Event><Event></a></Event><Event><a b></Event>", &source);
    for (unsigned i = 0; i < 2; i++) {
        assert_ok(log_next(source.log, source.event, &source.entry, &source.why));
        assert_true(source.entry.is_unreadable);
    }
    expect_next(&source, 0); /* a wrong name ends an element all the same */
    assert_ok(log_next(source.log, source.event, &source.entry, &source.why));
    assert_true(source.entry.is_unreadable);
    expect_end(&source);
}

static void audit_events_end_by_their_last_record_or_by_time(void **state)
{
    (void)state;
    struct source source;
    open_source("type=SYSCALL msg=audit(100.1:1): syscall=59 arch=c000003e exe=\"/a\" key=(null)\n"
                "type=SYSCALL msg=audit(100.2:2): syscall=2 arch=c000003e exe=\"/b\"\n"
                "type=EXECVE msg=audit(100.1:1): argc=2 a0=\"x\" a1=2F20\n"
                "type=PROCTITLE msg=audit(100.2:2): proctitle=61006200\n"
                "type=EOE msg=audit(100.2:2):\n"
                "type=LOGIN msg=audit(103.0:3): pid=1 uid=0\n"
                "no record\n", &source);
    expect_next(&source, 1);
    expect_field(&source, "SYSCALL", " open");
    expect_field(&source, "proctitle", " a b ");
    expect_next(&source, 0);
    expect_field(&source, "type", " SYSCALL EXECVE");
    expect_field(&source, "SYSCALL", " execve");
    expect_field(&source, "key", NULL);
    expect_field(&source, "a1", " / ");
    expect_field(&source, "CommandLine", " x / ");
    expect_field(&source, "Image", " /a");
    expect_field(&source, "timestamp", " 100.1");
    assert_ok(log_next(source.log, source.event, &source.entry, &source.why));
    assert_true(source.entry.is_unreadable); /* the log went on before its end came */
    assert_int_equal(source.entry.number, 6);
    expect_next(&source, 5);
    expect_field(&source, "type", " LOGIN");
    expect_field(&source, "Image", NULL);
    expect_end(&source);
}

/* More events at once than are kept open: the oldest is given out, nothing is lost. */
static void audit_events_that_never_end_do_not_pile_up(void **state)
{
    (void)state;
    enum { EVENTS = 3 * LIMIT_AUDIT_OPEN_EVENTS };
    static char text[EVENTS * 64];
    struct source source;
    size_t size = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        (void)string_format(text + size, sizeof text - size,
                            "type=CWD msg=audit(100.1:%u): cwd=\"/%u\"\n", i, i);
        size += strlen(text + size);
    }
    open_source(text, &source);
    for (unsigned i = 0; i < EVENTS; i++)
        expect_next(&source, i);
    expect_end(&source);
}

static void audit_fields_are_decoded_where_the_kernel_encodes_them(void **state)
{
    (void)state;
    struct source source;
    open_source("type=USER_CMD msg=audit(1.1:1): pid=7 msg='cwd=\"/h o\" cmd=6361 name=cafe "
                "grantors=a,b exe=\"/usr/bin/sudo\" addr=1.2.3.4, res=success'\x1dUID=\"root\"\n"
                "type=AVC msg=audit(1.1:2): avc:  denied  { read } for  pid=1 comm=612062 "
                "name=61 saddr=02000050 a0=26 ino=1234\n", &source);
    expect_next(&source, 0);
    expect_field(&source, "cwd", " /h o");
    expect_field(&source, "cmd", " ca");
    expect_field(&source, "name", " cafe"); /* lower case is no code */
    expect_field(&source, "grantors", " a,b");
    expect_field(&source, "addr", " 1.2.3.4");
    expect_field(&source, "res", " success");
    expect_field(&source, "UID", " root");
    expect_next(&source, 1);
    expect_field(&source, "comm", " a b");
    expect_field(&source, "name", " a");
    expect_field(&source, "a0", " 26"); /* a number here, an argument in EXECVE records */
    expect_field(&source, "ino", " 1234");
    expect_end(&source);
}

static void audit_files_and_peers_have_sigmas_names(void **state)
{
    (void)state;
    struct source source;
    open_source("type=SYSCALL msg=audit(1.1:1): SYSCALL=rename success=yes exe=\"/bin/mv\"\n"
                "type=CWD msg=audit(1.1:1): cwd=\"/\"\n"
                "type=PATH msg=audit(1.1:1): name=\"a\" nametype=DELETE\n"
                "type=PATH msg=audit(1.1:1): name=\"./b\" nametype=CREATE\n"
                "type=EOE msg=audit(1.1:1):\n"
                "type=SYSCALL msg=audit(1.1:2): SYSCALL=connect success=no exit=-111\n"
                "type=SOCKADDR msg=audit(1.1:2): saddr=02000050C0A80101\n"
                "type=EOE msg=audit(1.1:2):\n"
                "type=SYSCALL msg=audit(1.1:3): SYSCALL=connect success=yes exit=0\n"
                "type=SOCKADDR msg=audit(1.1:3): "
                "saddr=0A001F900000000020010DB8000000000000000000000001\n", &source);
    expect_next(&source, 0);
    expect_field(&source, "TargetFilename", " /b");
    expect_field(&source, "Image", " /bin/mv");
    expect_next(&source, 5);
    expect_field(&source, "DestinationIp", NULL); /* it was refused */
    expect_next(&source, 8);
    expect_field(&source, "DestinationIp", " 2001:db8::1");
    expect_field(&source, "DestinationPort", " 8080");
    expect_end(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_known_by_their_content),
        cmocka_unit_test(windows_events_in_json_have_sigmas_names),
        cmocka_unit_test(second_names_are_those_of_the_log_source),
        cmocka_unit_test(xml_gives_what_was_written),
        cmocka_unit_test(documents_may_be_large),
        cmocka_unit_test(xml_that_declares_or_nests_too_deep_is_refused),
        cmocka_unit_test(audit_events_end_by_their_last_record_or_by_time),
        cmocka_unit_test(audit_events_that_never_end_do_not_pile_up),
        cmocka_unit_test(audit_fields_are_decoded_where_the_kernel_encodes_them),
        cmocka_unit_test(audit_files_and_peers_have_sigmas_names),
    };
    return unit_run("content/log", tests);
}
