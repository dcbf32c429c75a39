// SPDX-License-Identifier: Apache-2.0
/* Writes rules as YAML and events as JSON. */
#include "tests/reference/sigma.h"

#include <string.h>

void write_code_point(FILE *out, uint32_t code_point)
{
    if (code_point < 0x80) {
        fputc((int)code_point, out);
    } else if (code_point < 0x800) {
        fputc((int)(0xc0 | code_point >> 6), out);
        fputc((int)(0x80 | (code_point & 0x3f)), out);
    } else {
        fputc((int)(0xe0 | code_point >> 12), out);
        fputc((int)(0x80 | (code_point >> 6 & 0x3f)), out);
        fputc((int)(0x80 | (code_point & 0x3f)), out);
    }
}

/* --- Sigma texts: a backslash before what would mean something else -------------------------- */

static void write_unit(FILE *out, uint32_t unit)
{
    if (unit == '\'')
        fputs("''", out); /* inside of single quotes */
    else if (unit == ANY || unit == ONE)
        fputc(unit == ANY ? '*' : '?', out);
    else if (unit == '*' || unit == '?')
        fprintf(out, "\\%c", (int)unit);
    else
        write_code_point(out, unit);
}

/* A single backslash may stand as it is where a plain letter follows. */
static bool may_stand_alone(const struct text *text, size_t at)
{
    if (at + 1 == text->count)
        return false;
    uint32_t next = text->units[at + 1];
    return next != '\\' && next != '*' && next != '?' && next != ANY && next != ONE;
}

static void write_sigma_text(FILE *out, const struct text *text)
{
    fputc('\'', out);
    for (size_t i = 0; i < text->count; i++) {
        if (text->units[i] != '\\')
            write_unit(out, text->units[i]);
        else
            fputs(may_stand_alone(text, i) && (i == 0 || text->units[i - 1] != '\\') ? "\\"
                                                                                     : "\\\\",
                  out);
    }
    fputc('\'', out);
}

static void write_wanted(FILE *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        write_sigma_text(out, &value->text);
        break;
    case VALUE_NUMBER:
        fprintf(out, "%ld", value->number);
        break;
    case VALUE_BOOLEAN:
        fputs(value->number != 0 ? "true" : "false", out);
        break;
    case VALUE_NULL:
        fputs("null", out);
        break;
    }
}

/* --- items ----------------------------------------------------------------------------------- */

static void write_places(FILE *out, const struct item *item)
{
    static const char *const PLACES[] = {"", "|contains", "|startswith", "|endswith"};
    fputs(PLACES[item->place], out);
}

static void write_text_modifiers(FILE *out, const struct item *item)
{
    static const char *const ENCODINGS[] = {"", "|wide", "|utf16be", "|utf16"};
    static const char *const BASE64S[] = {"", "|base64", "|base64offset"};
    if (item->is_windash)
        fputs("|windash", out);
    fputs(item->encoding == WIDE && item->value_count > 1 ? "|utf16le" : ENCODINGS[item->encoding],
          out);
    fputs(BASE64S[item->base64], out);
    if (item->is_expanded)
        fputs("|expand", out);
    write_places(out, item);
    if (item->is_all)
        fputs("|all", out);
    if (item->is_cased)
        fputs("|cased", out);
}

static void write_modifiers(FILE *out, const struct item *item)
{
    static const char *const COMPARISONS[] = {"|lt", "|lte", "|gt", "|gte"};
    static const char *const PARTS[] = {"|minute", "|hour", "|day", "|week", "|month", "|year"};
    switch (item->operation) {
    case IS_TEXT:
        write_text_modifiers(out, item);
        break;
    case IS_REGEX:
        fprintf(out, "|re%s%s%s", item->regex.ignores_case ? "|i" : "",
                item->regex.is_multiline ? "|m" : "", item->regex.dot_is_all ? "|s" : "");
        break;
    case IS_NETWORK:
        fputs("|cidr", out);
        break;
    case IS_COMPARED:
        fputs(COMPARISONS[item->comparison], out);
        break;
    case IS_THERE:
        fputs("|exists", out);
        break;
    case IS_FIELD:
        fputs("|fieldref", out);
        write_places(out, item);
        if (item->is_cased)
            fputs("|cased", out);
        break;
    case IS_TIME:
        fputs(PARTS[item->part], out);
        break;
    case OPERATION_COUNT:
        break;
    }
    if (item->is_not)
        fputs("|neq", out);
}

static void write_network(FILE *out, const struct item *item)
{
    const uint8_t *address = item->address;
    if (item->is_v6)
        fprintf(out, "'fd00::%x:%x/%u'", address[12] << 8 | address[13],
                address[14] << 8 | address[15], item->prefix);
    else
        fprintf(out, "'%u.%u.%u.%u/%u'", address[0], address[1], address[2], address[3],
                item->prefix);
}

static void write_list(FILE *out, const struct item *item)
{
    if (item->value_count == 1 && !item->is_all && item->field != FIELD_KEYWORD) {
        write_wanted(out, &item->values[0]);
        return;
    }
    for (size_t i = 0; i < item->value_count; i++) {
        fputs(i == 0 ? "[" : ", ", out);
        write_wanted(out, &item->values[i]);
    }
    fputs("]", out);
}

static void write_item(FILE *out, const struct item *item)
{
    fputs(FIELD_NAMES[item->field], out);
    write_modifiers(out, item);
    fputs(": ", out);
    if (item->is_expanded) {
        fputs("'%word%'", out);
    } else if (item->operation == IS_REGEX) {
        fputc('\'', out);
        write_regex(out, &item->regex);
        fputc('\'', out);
    } else if (item->operation == IS_NETWORK) {
        write_network(out, item);
    } else if (item->operation == IS_THERE) {
        fputs(item->values[0].number != 0 ? "true" : "false", out);
    } else if (item->operation == IS_FIELD) {
        fputs(FIELD_NAMES[item->other_field], out);
    } else {
        write_list(out, item);
    }
    fputc('\n', out);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void write_selection(FILE *out, const struct selection *selection)
{
    const struct item *first = &selection->maps[0][0];
    fprintf(out, "    %s:", selection->name);
    if (selection->is_keywords) {
        fputs(first->is_all ? "\n        '|all': " : " ", out);
        write_list(out, first);
        fputc('\n', out);
        return;
    }
    fputc('\n', out);
    for (size_t map = 0; map < selection->map_count; map++) {
        for (size_t i = 0; i < selection->map_sizes[map]; i++) {
            bool begins = selection->map_count > 1 && i == 0;
            fputs(begins ? "        - " : "          ", out);
            write_item(out, &selection->maps[map][i]);
        }
    }
}

static void write_condition(FILE *out, const struct rule *rule, size_t index)
{
    const struct condition *condition = &rule->conditions[index];
    switch (condition->kind) {
    case CONDITION_NAME:
        fputs(rule->selections[condition->selection].name, out);
        return;
    case CONDITION_OF:
        fprintf(out, "%s of %s", condition->is_all ? "all" : "1", condition->pattern);
        return;
    case CONDITION_NOT:
        fputs("not (", out);
        write_condition(out, rule, condition->left);
        fputs(")", out);
        return;
    case CONDITION_AND:
    case CONDITION_OR:
        fputs("(", out);
        write_condition(out, rule, condition->left);
        fputs(condition->kind == CONDITION_AND ? " and " : " or ", out);
        write_condition(out, rule, condition->right);
        fputs(")", out);
        return;
    }
}

void write_rule(FILE *out, const struct rule *rule)
{
    fputs("title: Random\nlogsource:\n    category: test\ndetection:\n", out);
    for (size_t i = 0; i < rule->selection_count; i++)
        write_selection(out, &rule->selections[i]);
    fputs("    condition: ", out);
    write_condition(out, rule, rule->root);
    fputs("\n", out);
}

void write_placeholders(FILE *out)
{
    fputs("placeholders:\n    word:\n", out);
    for (size_t i = 0; i < WORDS; i++)
        fprintf(out, "        - '%s'\n", PLACEHOLDER_VALUES[i]);
}

/* --- events ---------------------------------------------------------------------------------- */

static void write_json_text(FILE *out, const struct text *text)
{
    fputc('"', out);
    for (size_t i = 0; i < text->count; i++) {
        uint32_t unit = text->units[i];
        if (unit < 0x20)
            fprintf(out, "\\u%04x", (unsigned)unit);
        else if (unit == '"' || unit == '\\')
            fprintf(out, "\\%c", (int)unit);
        else
            write_code_point(out, unit);
    }
    fputc('"', out);
}

static void write_value(FILE *out, const struct value *value)
{
    if (value->kind == VALUE_TEXT)
        write_json_text(out, &value->text);
    else
        write_wanted(out, value);
}

void write_event(FILE *out, const struct test_event *event)
{
    fputs("{\"category\": \"test\"", out);
    for (int field = 0; field < TEST_FIELD_COUNT; field++) {
        const struct field *made = &event->fields[field];
        if (made->count == 0)
            continue;
        fprintf(out, ", \"%s\": %s", FIELD_NAMES[field], made->count > 1 ? "[" : "");
        for (size_t i = 0; i < made->count; i++) {
            fputs(i > 0 ? ", " : "", out);
            write_value(out, &made->values[i]);
        }
        fputs(made->count > 1 ? "]" : "", out);
    }
    fputs("}", out);
}
