// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * One record of an audit log: a line
 *
 *     node=host type=PATH msg=audit(1364481363.243:24287): item=0 name="/etc/shadow" ...
 *
 * Specification: linux-audit, "Audit Event Record Format" and the field dictionary
 * (specs/fields/field-dictionary.csv): which fields are encoded.
 */
#include "base/arena.h"
#include "base/reader.h"

struct audit_record {
    struct bytes node; /* empty where there is none */
    struct bytes type; /* "PATH" */
    struct bytes time; /* "1364481363.243", or a date where it was interpreted */
    uint64_t serial;
    struct bytes rest; /* the fields */
    bool is_single; /* from a program: an event by itself */
};

/* False for a line that is no record. */
bool audit_record_read(struct bytes line, struct audit_record *ret_record);

/* Takes the next field off `rest`; false at the end. Quotes are taken off. Words inside
 * msg='...' are fields like the others. */
struct audit_field {
    struct bytes name;
    struct bytes value;
    bool is_quoted;
};
bool audit_record_field(struct bytes *rest, struct audit_field *ret_field);

/* The value as text: decoded where its field is one that the kernel encodes (or `is_argument`: one
 * of an EXECVE record's arguments; in other records a0 is a number), and this value is
 * ("2F746D70"); nothing for "(null)". ERROR_MEMORY. */
RESULT audit_field_text(const struct audit_field *field, bool is_argument, struct arena *arena,
                        struct bytes *ret_text);

/* "a0", "a12", "a3[0]": the argument's number; false for other names and for "a0_len". */
bool audit_field_argument(struct bytes name, uint64_t *ret_number);
