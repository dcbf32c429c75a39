// SPDX-License-Identifier: Apache-2.0
#include "content/audit_record.h"

#include "base/bytes.h"
#include "content/log_fields.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* --- the line --------------------------------------------------------------------------------- */

/* Behind the first `mark` in `text`; false where it does not come. */
static bool seek(struct bytes *text, const char *mark)
{
    size_t size = strlen(mark);
    const uint8_t *found = text->size < size ? NULL : memmem(text->data, text->size, mark, size);
    if (found == NULL)
        return false;
    size_t step = (size_t)(found - text->data) + size;
    *text = (struct bytes){text->data + step, text->size - step};
    return true;
}

/* Up to the first byte of `ends`, which stays. */
static struct bytes take_until(struct bytes *text, const char *ends)
{
    struct bytes taken = {text->data, 0};
    while (taken.size < text->size
           && (text->data[taken.size] == 0 || strchr(ends, text->data[taken.size]) == NULL))
        taken.size++;
    *text = (struct bytes){text->data + taken.size, text->size - taken.size};
    return taken;
}

static void skip(struct bytes *text, const char *what)
{
    while (text->size > 0 && text->data[0] != 0 && strchr(what, text->data[0]) != NULL)
        *text = (struct bytes){text->data + 1, text->size - 1};
}

/* The kernel's own lines in syslog have numbers for types. */
static struct bytes type_name(struct bytes type)
{
    static const struct {
        const char *number;
        const char *name;
    } TYPES[] = {
        {"1300", "SYSCALL"},  {"1302", "PATH"},   {"1303", "IPC"},     {"1305", "CONFIG_CHANGE"},
        {"1306", "SOCKADDR"}, {"1307", "CWD"},    {"1309", "EXECVE"},  {"1312", "MQ_OPEN"},
        {"1318", "OBJ_PID"},  {"1319", "TTY"},    {"1320", "EOE"},     {"1321", "BPRM_FCAPS"},
        {"1322", "CAPSET"},   {"1323", "MMAP"},   {"1326", "SECCOMP"}, {"1325", "NETFILTER_CFG"},
        {"1334", "BPF"},      {"1400", "AVC"},    {"1327", "PROCTITLE"},
    };
    for (size_t i = 0; i < COUNT_OF(TYPES); i++) {
        if (bytes_equal_text(type, TYPES[i].number))
            return bytes_of(TYPES[i].name);
    }
    return type;
}

/* "1364481363.243:24287": the serial number stands behind the last ':'. */
static bool read_stamp(struct bytes stamp, struct audit_record *record)
{
    size_t at = stamp.size;
    while (at > 0 && stamp.data[at - 1] != ':')
        at--;
    if (at == 0)
        return false;
    record->time = (struct bytes){stamp.data, at - 1};
    return bytes_to_number((struct bytes){stamp.data + at, stamp.size - at}, UINT64_MAX / 16,
                           &record->serial);
}

bool audit_record_read(struct bytes line, struct audit_record *ret_record)
{
    *ret_record = (struct audit_record){.serial = 0};
    struct bytes text = line;
    if (bytes_start_with(text, "node=")) {
        text = (struct bytes){text.data + 5, text.size - 5};
        ret_record->node = take_until(&text, " ");
    }
    if (!seek(&text, "type="))
        return false;
    ret_record->type = type_name(take_until(&text, " "));
    if (ret_record->type.size == 0 || !seek(&text, "audit("))
        return false;
    struct bytes stamp = take_until(&text, ")");
    if (!read_stamp(stamp, ret_record))
        return false;
    skip(&text, "): ");
    ret_record->rest = text;
    /* what programs send is quoted whole */
    ret_record->is_single = text.size > 0 && memmem(text.data, text.size, "msg='", 5) != NULL;
    return true;
}

/* --- fields ----------------------------------------------------------------------------------- */

static const char SEPARATORS[] = " \t\r\x1d"; /* 0x1d stands before what auditd adds */

/* Behind the name's '='. */
static struct bytes take_value(struct bytes *rest, bool *ret_is_quoted)
{
    *ret_is_quoted = rest->size > 0 && rest->data[0] == '"';
    if (!*ret_is_quoted) {
        struct bytes word = take_until(rest, " \t\r'\x1d");
        word.size -= word.size > 0 && word.data[word.size - 1] == ','; /* of old kernels */
        return word;
    }
    *rest = (struct bytes){rest->data + 1, rest->size - 1};
    struct bytes value = take_until(rest, "\"");
    skip(rest, "\"");
    return value;
}

bool audit_record_field(struct bytes *rest, struct audit_field *ret_field)
{
    for (;;) {
        skip(rest, SEPARATORS);
        skip(rest, "'"); /* the end of msg='...' */
        if (rest->size == 0)
            return false;
        ret_field->name = take_until(rest, "= \t\r\x1d'");
        if (rest->size == 0 || rest->data[0] != '=')
            continue; /* a word without a value: "avc: denied { read } for" */
        *rest = (struct bytes){rest->data + 1, rest->size - 1};
        bool is_nested = bytes_equal_text(ret_field->name, "msg") && rest->size > 0
                         && rest->data[0] == '\'';
        if (is_nested)
            continue;
        ret_field->value = take_value(rest, &ret_field->is_quoted);
        if (ret_field->name.size > 0)
            return true;
    }
}

/* Fields that the kernel encodes where they hold a blank, a quote or what is not ASCII. */
static bool is_encoded_field(struct bytes name)
{
    static const char *const NAMES[] = {
        "acct", "cmd",  "comm",      "cwd",   "data",        "device",      "dir",  "exe", "file",
        "key",  "name", "new_group", "ocomm", "old-chardev", "new-chardev", "path", "vm",  "watch",
        "proctitle",
    };
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (bytes_equal_text(name, NAMES[i]))
            return true;
    }
    return false;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1; /* the kernel writes upper case: "cafe" is a word */
}

static bool is_hex(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (hex_digit(text.data[i]) < 0)
            return false;
    }
    return text.size > 0 && text.size % 2 == 0;
}

RESULT audit_field_text(const struct audit_field *field, bool is_argument, struct arena *arena,
                        struct bytes *ret_text)
{
    *ret_text = field->value;
    if (field->is_quoted)
        return RESULT_OK;
    if (bytes_equal_text(field->value, "(null)"))
        ret_text->size = 0;
    if (!(is_argument || is_encoded_field(field->name)) || !is_hex(field->value))
        return RESULT_OK;
    size_t size = field->value.size / 2;
    uint8_t *text = arena_alloc(arena, size);
    if (text == NULL)
        return result_fail(ERROR_MEMORY);
    bool is_title = bytes_equal_text(field->name, "proctitle");
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(field->value.data[2 * i]);
        int low = hex_digit(field->value.data[2 * i + 1]);
        text[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
        if (is_title && text[i] == 0)
            text[i] = ' '; /* between arguments */
    }
    *ret_text = (struct bytes){text, size};
    return RESULT_OK;
}

bool audit_field_argument(struct bytes name, uint64_t *ret_number)
{
    enum { ARGUMENTS_MAX = 100000000 };
    if (name.size < 2 || name.data[0] != 'a')
        return false;
    struct bytes number = {name.data + 1, name.size - 1};
    const uint8_t *bracket = memchr(number.data, '[', number.size);
    if (bracket != NULL)
        number.size = (size_t)(bracket - number.data);
    return bytes_to_number(number, ARGUMENTS_MAX, ret_number);
}
