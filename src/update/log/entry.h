// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The entries of our log: lines in one fixed order, so that the same facts have the same bytes.
 *
 *     creance-log-entry/v1
 *     kind release
 *     name rules
 *     version 42
 *     digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *
 * entries.def is the table of kinds and fields. A field is neither left out nor empty nor twice.
 * An entry says no time: when it was logged is what the witnesses say. At most
 * LIMIT_PUBLIC_ENTRY_BYTES. Pure.
 */
#include "base/reader.h"

enum tlog_entry_field {
#define TLOG_FIELD(id, word, form, doc) TLOG_FIELD_##id,
#include "update/log/entries.def"
    TLOG_FIELD_COUNT
};

enum tlog_entry_kind {
#define TLOG_KIND(id, word, fields, doc) TLOG_KIND_##id,
#include "update/log/entries.def"
    TLOG_KIND_COUNT
};

struct tlog_entry {
    enum tlog_entry_kind kind;
    struct bytes values[TLOG_FIELD_COUNT]; /* views; size 0: this kind has no such field */
};

/* ERROR_FORMAT, ERROR_LIMIT, ERROR_UNSUPPORTED (a kind or version that we do not know; other logs
 * may hold anything), with `why`. The text must outlive the result. */
RESULT tlog_entry_parse(struct bytes text, struct tlog_entry *ret_entry, struct explanation *why);

/* ERROR_FORMAT, with `why`, where a field is missing, superfluous or not of its form. */
RESULT tlog_entry_write(struct writer *writer, const struct tlog_entry *entry,
                        struct explanation *why);

/* A field of the form NUMBER of an entry that was parsed. */
uint64_t tlog_entry_number(const struct tlog_entry *entry, enum tlog_entry_field field);

const char *tlog_entry_kind_word(enum tlog_entry_kind kind);
const char *tlog_entry_field_word(enum tlog_entry_field field);
/* False where there is no such word. */
bool tlog_entry_find_kind(struct bytes word, enum tlog_entry_kind *ret_kind);
bool tlog_entry_find_field(struct bytes word, enum tlog_entry_field *ret_field);
