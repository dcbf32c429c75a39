// SPDX-License-Identifier: Apache-2.0
#include "update/log/entry.h"

#include "base/bytes.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "update/log/lines.h"

#include <string.h>

enum { NAME_BYTES_MAX = 128, SENTENCE_BYTES_MAX = 512, DIGEST_TEXT_BYTES = 64 };

static const char MAGIC[] = "creance-log-entry/v1";

enum form { FORM_NAME, FORM_NUMBER, FORM_DIGEST, FORM_SENTENCE };

static const struct {
    const char *word;
    enum form form;
} FIELDS[] = {
#define TLOG_FIELD(id, word, form, doc) {word, FORM_##form},
#include "update/log/entries.def"
};

static const struct {
    const char *word;
    unsigned fields;
} KINDS[] = {
#define HAS(id) (1U << TLOG_FIELD_##id)
#define TLOG_KIND(id, word, fields, doc) {word, fields},
#include "update/log/entries.def"
#undef HAS
};

/* --- forms ------------------------------------------------------------------------------------ */

static bool is_of(struct bytes value, const char *characters)
{
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\0' || strchr(characters, value.data[i]) == NULL)
            return false;
    }
    return true;
}

static bool is_sentence(struct bytes value)
{
    for (size_t at = 0; at < value.size;) {
        uint32_t code;
        size_t step = utf8_decode(value.data + at, value.size - at, &code);
        /* 0x7f to 0x9f: terminals obey some of them. */
        if (step == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
        at += step;
    }
    return value.size <= SENTENCE_BYTES_MAX;
}

static bool is_of_form(struct bytes value, enum form form)
{
    uint64_t number;
    switch (form) {
    case FORM_NAME:
        return value.size <= NAME_BYTES_MAX
               && is_of(value, "abcdefghijklmnopqrstuvwxyz0123456789._-/");
    case FORM_NUMBER:
        return result_is_ok(line_number(value, INT64_MAX, &number));
    case FORM_DIGEST:
        return value.size == DIGEST_TEXT_BYTES && is_of(value, "0123456789abcdef");
    case FORM_SENTENCE:
        return is_sentence(value);
    }
    return false;
}

static RESULT check_value(enum tlog_entry_kind kind, enum tlog_entry_field field,
                          struct bytes value, struct explanation *why)
{
    bool is_wanted = (KINDS[kind].fields >> field & 1) != 0;
    if (!is_wanted)
        return value.size == 0 ? RESULT_OK
                               : explain(why, ERROR_FORMAT, "an entry of kind %s has no %s",
                                         KINDS[kind].word, FIELDS[field].word);
    static const char *const FORMS[] = {
        [FORM_NAME] = "of a to z, 0 to 9 and ._-/",
        [FORM_NUMBER] = "a decimal number",
        [FORM_DIGEST] = "64 digits of lower-case hexadecimal",
        [FORM_SENTENCE] = "one line of text",
    };
    if (value.size == 0 || !is_of_form(value, FIELDS[field].form))
        return explain(why, ERROR_FORMAT, "the %s of an entry of kind %s must be %s",
                       FIELDS[field].word, KINDS[kind].word, FORMS[FIELDS[field].form]);
    return RESULT_OK;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *tlog_entry_kind_word(enum tlog_entry_kind kind) { return KINDS[kind].word; }

const char *tlog_entry_field_word(enum tlog_entry_field field) { return FIELDS[field].word; }

bool tlog_entry_find_kind(struct bytes word, enum tlog_entry_kind *ret_kind)
{
    for (unsigned i = 0; i < TLOG_KIND_COUNT; i++) {
        if (line_is(word, KINDS[i].word)) {
            *ret_kind = (enum tlog_entry_kind)i;
            return true;
        }
    }
    return false;
}

bool tlog_entry_find_field(struct bytes word, enum tlog_entry_field *ret_field)
{
    for (unsigned i = 0; i < TLOG_FIELD_COUNT; i++) {
        if (line_is(word, FIELDS[i].word)) {
            *ret_field = (enum tlog_entry_field)i;
            return true;
        }
    }
    return false;
}

uint64_t tlog_entry_number(const struct tlog_entry *entry, enum tlog_entry_field field)
{
    uint64_t number = 0;
    /* tlog_entry_parse() has read it as a number before. */
    result_ignore(line_number(entry->values[field], INT64_MAX, &number));
    return number;
}

/* --- the text --------------------------------------------------------------------------------- */

RESULT tlog_entry_parse(struct bytes text, struct tlog_entry *ret_entry, struct explanation *why)
{
    struct tlog_entry entry = {0};
    struct bytes line;
    if (text.size > LIMIT_PUBLIC_ENTRY_BYTES)
        return explain(why, ERROR_LIMIT, "the entry has more than %d bytes",
                       LIMIT_PUBLIC_ENTRY_BYTES);
    struct reader reader = reader_of(text.data, text.size);
    if (!result_is_ok(line_take(&reader, &line)) || !line_is(line, MAGIC))
        return explain(why, ERROR_UNSUPPORTED, "the entry does not begin with %s", MAGIC);
    if (!result_is_ok(line_take_named(&reader, "kind", &line)))
        return explain(why, ERROR_FORMAT, "the entry's second line is not \"kind WORD\"");
    if (!tlog_entry_find_kind(line, &entry.kind))
        return explain(why, ERROR_UNSUPPORTED, "the entry is of a kind that is not known here");
    for (unsigned i = 0; i < TLOG_FIELD_COUNT; i++) {
        bool is_wanted = (KINDS[entry.kind].fields >> i & 1) != 0;
        if (is_wanted && !result_is_ok(line_take_named(&reader, FIELDS[i].word,
                                                       &entry.values[i])))
            return explain(why, ERROR_FORMAT, "the entry of kind %s has no %s in its place",
                           KINDS[entry.kind].word, FIELDS[i].word);
        GUARD(check_value(entry.kind, (enum tlog_entry_field)i, entry.values[i], why));
    }
    if (reader_left(&reader) > 0)
        return explain(why, ERROR_FORMAT, "the entry goes on where one of kind %s ends",
                       KINDS[entry.kind].word);
    *ret_entry = entry;
    return RESULT_OK;
}

static RESULT write_line(struct writer *writer, const char *word, struct bytes value)
{
    GUARD(lines_write_text(writer, word));
    GUARD(lines_write_text(writer, " "));
    GUARD(writer_copy(writer, value.data, value.size));
    return lines_write_text(writer, "\n");
}

RESULT tlog_entry_write(struct writer *writer, const struct tlog_entry *entry,
                        struct explanation *why)
{
    for (unsigned i = 0; i < TLOG_FIELD_COUNT; i++)
        GUARD(check_value(entry->kind, (enum tlog_entry_field)i, entry->values[i], why));
    const char *kind = KINDS[entry->kind].word;
    GUARD(lines_write_text(writer, MAGIC));
    GUARD(lines_write_text(writer, "\n"));
    GUARD(write_line(writer, "kind", (struct bytes){(const uint8_t *)kind, strlen(kind)}));
    for (unsigned i = 0; i < TLOG_FIELD_COUNT; i++) {
        if (entry->values[i].size > 0)
            GUARD(write_line(writer, FIELDS[i].word, entry->values[i]));
    }
    return RESULT_OK;
}
